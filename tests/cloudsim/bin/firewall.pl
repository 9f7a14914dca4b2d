# SPDX-License-Identifier: MIT
# The firewall of a simulated virtual machine: a socket of its processes that is bound to every address gets a filter that drops
# all, unless a rule opens its port. Linux only; needs pidfd_getfd on our own descendants. Loaded by `container`.
# FILE holds lines "udp 51820 51820" (protocol, first and last port). FILE.state says "enforced", or why not.
use strict;
use warnings;

my ($file, %closed, %foreign, $said);

sub say_state {
    my ($text) = @_;
    return if defined $said && $said eq $text;
    $said = $text;
    open my $out, '>', "$file.state" or return;
    print $out "$text\n";
}

sub rules {
    my %rules = (tcp => [], udp => []);
    open my $in, '<', $file or return \%rules;
    while (<$in>) {
        push @{$rules{$1}}, [$2, $3] if /^(tcp|udp) (\d+) (\d+)$/;
    }
    return \%rules;
}

# inode → whether its port is open, for every socket that hears the world.
sub wanted {
    my $rules = rules();
    my %wanted;
    for my $kind (qw(udp udp6 tcp tcp6)) {
        my ($protocol) = $kind =~ /^(...)/;
        open my $in, '<', "/proc/net/$kind" or next;
        while (<$in>) {
            my ($address, $port, $state, $inode) = /^\s*\d+: ([0-9A-F]+):([0-9A-F]+) \S+ (..) \S+ \S+ \S+\s+\d+\s+\d+ (\d+)/ or next;
            next if $address !~ /^0+$/ || $inode == 0 || ($protocol eq 'tcp' && $state ne '0A');
            my $number = hex $port;
            $wanted{$inode} = (grep { $_->[0] <= $number && $number <= $_->[1] } @{$rules->{$protocol}}) ? 1 : 0;
        }
    }
    return %wanted;
}

# A handle on descriptor $fd of process $pid: the very same socket.
sub borrow {
    my ($pid, $fd) = @_;
    my $process = syscall(434, $pid + 0, 0);
    return if $process < 0;
    my $number = syscall(438, $process, $fd + 0, 0);
    my $problem = $!;
    POSIX::close($process);
    if ($number < 0) {
        say_state("not enforced: $problem");
        return;
    }
    open my $socket, '+<&=', $number or return;
    return $socket;
}

sub shut {
    my ($socket, $shut) = @_;
    my $drop_all = pack 'S C C L', 0x06, 0, 0, 0;
    my $done = $shut ? setsockopt($socket, 1, 26, pack('S x![P] P', 1, $drop_all)) : setsockopt($socket, 1, 27, pack('i', 0));
    say_state($done ? 'enforced' : "not enforced: $!");
    return $done;
}

# Looks once at all sockets and makes every filter what the rules say.
sub firewall_step {
    ($file) = @_;
    my %wanted = wanted();
    for my $gone (grep { !exists $wanted{$_} } keys %closed, keys %foreign) {
        delete $closed{$gone};
        delete $foreign{$gone};
    }
    my %change = map { $_ => 1 } grep { !$foreign{$_} && !!$closed{$_} == !!$wanted{$_} } keys %wanted;
    return unless %change;
    for my $pid (descendants()) {
        opendir my $dir, "/proc/$pid/fd" or next;
        for my $fd (grep { /^\d+$/ } readdir $dir) {
            my $inode = (readlink("/proc/$pid/fd/$fd") // '') =~ /^socket:\[(\d+)\]$/ ? $1 : next;
            next unless delete $change{$inode};
            my $socket = borrow($pid, $fd) or next;
            $closed{$inode} = !$wanted{$inode} if shut($socket, !$wanted{$inode});
        }
    }
    $foreign{$_} = 1 for grep { !$closed{$_} } keys %change;
}

1;
