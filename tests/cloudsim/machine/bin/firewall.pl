# SPDX-License-Identifier: MIT
# The firewall of a simulated virtual machine: a socket of its processes that is bound to every address gets a
# filter that drops all, unless a rule opens its port. Linux only; needs pidfd_getfd on our own descendants.
# Loaded by `container`. FILE holds lines "udp 51820 51820" (protocol, first and last port), and "no tunnel": what
# comes in over TCP and begins as a tunnel does, with a frame with WireGuard's first message, is dropped.
# FILE.state says "enforced", or why not.
use strict;
use warnings;
use Time::HiRes qw(time);

my ($file, %made, $said);
my ($known, $seen_at, $looked_at) = ('', 0, 0);

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
        $rules{no_tunnel} = 1 if /^no tunnel$/;
    }
    return \%rules;
}

# inode → 'open', 'shut' or 'no tunnel', for every socket that hears the world.
sub wanted {
    my $rules = rules();
    my %wanted;
    for my $kind (qw(udp udp6 tcp tcp6)) {
        my ($protocol) = $kind =~ /^(...)/;
        open my $in, '<', "/proc/net/$kind" or next;
        while (<$in>) {
            next if index($_, ': 00000000') < 0; # most of a long table, cheaply
            my ($address, $port, $state, $inode) =
                /^\s*\d+: ([0-9A-F]+):([0-9A-F]+) \S+ (..) \S+ \S+ \S+\s+\d+\s+\d+ (\d+)/ or next;
            next if $address !~ /^0+$/ || $inode == 0 || ($protocol eq 'tcp' && $state ne '0A');
            my $number = hex $port;
            my $open = grep { $_->[0] <= $number && $number <= $_->[1] } @{$rules->{$protocol}};
            $wanted{$inode} = !$open ? 'shut'
                : $rules->{no_tunnel} && $protocol eq 'tcp' ? 'no tunnel' : 'open';
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

# Programs of the kernel's packet filter: code, jump if true, if false, value. What a listener has, its
# connections have from their beginning.
my %FILTERS = (
    'shut' => [[0x06, 0, 0, 0]],
    'no tunnel' => [
        [0x30, 0, 0, 12], [0x54, 0, 0, 0xf0], [0x74, 0, 0, 2], [0x07, 0, 0, 0], # x: bytes of TCP's own header
        [0x80, 0, 0, 0], [0x1c, 0, 0, 0], [0x35, 0, 2, 4],                      # fewer than 4 behind it: let in
        [0x40, 0, 0, 0], [0x15, 1, 0, 0x00940100],
        [0x06, 0, 0, 0xffffffff], [0x06, 0, 0, 0],
    ],
);

sub shut {
    my ($socket, $how) = @_;
    my @rows = @{$FILTERS{$how} // []};
    my $program = join '', map { pack 'S C C L', @$_ } @rows;
    my $done = @rows ? setsockopt($socket, 1, 26, pack('S x![P] P', scalar @rows, $program))
        : setsockopt($socket, 1, 27, pack('i', 0));
    say_state($done ? 'enforced' : "not enforced: $!");
    return $done;
}

# inode → [process, descriptor] of every socket below us.
sub sockets {
    my %sockets;
    for my $pid (descendants_now()) {
        opendir my $dir, "/proc/$pid/fd" or next;
        for my $fd (readdir $dir) {
            my $inode = (readlink("/proc/$pid/fd/$fd") // '') =~ /^socket:\[(\d+)\]$/ ? $1 : next;
            $sockets{$inode} = [$pid, $fd];
        }
    }
    return \%sockets;
}

# Makes every filter what the rules say. The kernel's tables are dear to read: that is done while sockets or
# rules are new (a socket is bound some time after it exists), and each second.
sub firewall_step {
    ($file) = @_;
    my ($sockets, $now) = (sockets(), time);
    my $present = join ' ', (stat $file)[7, 9, 1], sort keys %$sockets;
    ($known, $seen_at) = ($present, $now) if $present ne $known;
    return if $now - $seen_at > 0.5 && $now - $looked_at < 1;
    $looked_at = $now;
    my %wanted = wanted();
    delete $made{$_} for grep { !exists $wanted{$_} } keys %made;
    for my $inode (grep { $sockets->{$_} && ($made{$_} // 'open') ne $wanted{$_} } keys %wanted) {
        my $socket = borrow(@{$sockets->{$inode}}) or next;
        $made{$inode} = $wanted{$inode} if shut($socket, $wanted{$inode});
    }
}

1;
