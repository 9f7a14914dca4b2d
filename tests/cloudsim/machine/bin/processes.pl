# SPDX-License-Identifier: MIT
# The processes below this one, also those that left its group or session. Loaded by the programs beside it.
use strict;
use warnings;
use POSIX ();

my %adopt = (x86_64 => 157, aarch64 => 167, i686 => 172, armv7l => 172, riscv64 => 167);

# Orphans become our children instead of those of process 1.
sub become_reaper {
    my $number = $^O eq 'linux' ? $adopt{(POSIX::uname())[4]} : undef;
    syscall($number, 36, 1, 0, 0, 0) if defined $number;
}

sub parents {
    my %parent;
    if (opendir my $proc, '/proc') {
        for my $pid (grep { /^\d+$/ } readdir $proc) {
            open my $file, '<', "/proc/$pid/stat" or next;
            my $line = <$file> // next;
            $parent{$pid} = $1 if $line =~ /\) \S (\d+) /;
        }
        closedir $proc;
    } else {
        for my $line (`ps -A -o pid= -o ppid=`) {
            $parent{$1} = $2 if $line =~ /(\d+)\s+(\d+)/;
        }
    }
    return %parent;
}

sub descendants {
    my %parent = parents();
    my @found;
    my @look = ($$);
    while (defined(my $pid = shift @look)) {
        my @children = grep { $parent{$_} == $pid } keys %parent;
        push @found, @children;
        push @look, @children;
    }
    return @found;
}

# The same from the kernel's lists of children: cheap, but a process that is just being handed over may be
# missing.
sub descendants_now {
    return descendants() unless -e "/proc/$$/task/$$/children";
    my @found;
    my @look = ($$);
    while (defined(my $pid = shift @look)) {
        for my $list (glob "/proc/$pid/task/*/children") {
            open my $in, '<', $list or next;
            my @children = split ' ', <$in> // '';
            push @found, @children;
            push @look, @children;
        }
    }
    return @found;
}

1;
