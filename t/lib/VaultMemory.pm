# Look for texts in the memory of a process, through /proc.
#
#   memory_can_be_read($pid)              false where ptrace_scope or the kernel forbids it
#   memory_holds($pid, $text ...)         where they are: "ADDRESS in MAPPING: CONTEXT" for each
#   own_memory_holds($pid, $text ...)     the same in the memory that is not shared
#
# A text may also be a pattern that matches at most 200 bytes. It guards that a search which finds
# nothing has looked everywhere: what cannot be read is a page of secret memory only.
package VaultMemory;

use strict;
use warnings;
no warnings 'portable';    # addresses

use Exporter 'import';

our @EXPORT = qw(memory_can_be_read memory_holds own_memory_holds);

use constant { PIECE => 1 << 20, OVERLAP => 200 };

sub memory_can_be_read { return open(my $memory, '<', "/proc/$_[0]/mem") ? 1 : 0 }

sub memory_holds { return _search(qr/^r/, @_) }

sub own_memory_holds { return _search(qr/^rw.p/, @_) }

sub _search
{
	my ($permissions, $pid, @texts) = @_;
	my @patterns = map { ref ? $_ : qr/\Q$_\E/ } @texts;
	my @found;

	open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!";
	open my $memory, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!";
	while (my $line = <$maps>)
	{
		my ($from, $to, $mode) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) (\S+)/ or next;
		push @found, map { "$_ in $line" } _search_mapping($memory, hex $from, hex $to, @patterns)
			if $mode =~ $permissions;
	}
	return @found;
}

sub _search_mapping
{
	my ($memory, $from, $to, @patterns) = @_;
	my $tail = '';
	my @found;

	for (my $at = $from; $at < $to; $at += PIECE)
	{
		my $size = $to - $at > PIECE ? PIECE : $to - $at;
		sysseek $memory, $at, 0 or last;
		sysread $memory, my $piece, $size or last;
		$piece = $tail . $piece;
		for my $pattern (@patterns)
		{
			next if $piece !~ $pattern;
			push @found, sprintf '%x: %s', $at - length($tail) + $-[0],
				substr($piece, $-[0] > 40 ? $-[0] - 40 : 0, 120) =~ s/[^ -~]/./gr;
		}
		$tail = substr $piece, -OVERLAP;
	}
	return @found;
}

1;
