# Check the Mermaid diagrams of Markdown files without a renderer, for the faults that a renderer
# refuses most often.
#
#   mermaid.pl FILE.md...        prints a line for each fault, and nothing if there is none
#
# A diagram begins with a known type. Quotes and brackets of each line are balanced. Every block
# that a line opens is ended. No node is named "end", which Mermaid takes for the end of a block.
use strict;
use warnings;

my %opens = (
	flowchart         => qr/^subgraph\b/,
	sequenceDiagram   => qr/^(?:alt|opt|loop|par|critical|break|rect|box)\b/,
	'stateDiagram-v2' => undef,
);
my %closing = (')' => '(', ']' => '[', '}' => '{');

sub bracket_fault
{
	my ($line) = @_;
	my @open;

	return 'a quote is not closed' if ($line =~ tr/"//) % 2;
	$line =~ s/"[^"]*"//g;
	return 'a label of an arrow is not closed' if ($line =~ tr/|//) % 2;
	# A state of several lines ends with a bracket of its own.
	$line =~ s/^\s*state\s.*\{\s*$|^\s*\}\s*$//;
	for my $char ($line =~ /[\[\](){}]/g)
	{
		if (!$closing{$char}) { push @open, $char }
		elsif (!@open || pop @open ne $closing{$char}) { return "\"$char\" closes nothing" }
	}
	return @open ? "\"$open[0]\" is not closed" : undef;
}

sub check_diagram
{
	my ($file, $first, @lines) = @_;
	my ($type) = ($lines[0] // '') =~ /^(\S+)/;
	my $opened = 0;

	if (!defined $type || !exists $opens{$type})
	{
		my $types = join ', ', sort keys %opens;
		print "$file:$first: a diagram begins with one of: $types\n";
		return;
	}
	print "$file:$first: a flowchart has a direction\n"
		if $type eq 'flowchart' && $lines[0] !~ /^flowchart (?:LR|RL|TB|TD|BT)$/;
	print "$file:$first: the diagram is empty\n" unless grep { /\S/ } @lines[ 1 .. $#lines ];
	for my $i (1 .. $#lines)
	{
		my $at = "$file:" . ($first + $i);
		(my $line = $lines[$i]) =~ s/^\s+|\s+$//g;
		my $fault = $type eq 'sequenceDiagram' ? undef : bracket_fault($line);

		print "$at: $fault\n" if $fault;
		print "$at: a message or note has no text\n"
			if $type eq 'sequenceDiagram' && $line =~ /->>|-->>|^Note / && $line !~ /: \S/;
		print "$at: a node is named \"end\"\n" if $line =~ /^end\b.|(?:> |\| )end\b/;
		$opened++ if $opens{$type} && $line =~ $opens{$type};
		$opened-- if $line eq 'end';
		$opened += ($line =~ /\{$/) - ($line eq '}') if $type eq 'stateDiagram-v2';
		print "$at: nothing is open\n" if $opened < 0;
	}
	print "$file:$first: a block is not ended\n" if $opened > 0;
}

for my $file (@ARGV)
{
	my ($first, @lines);

	open my $in, '<', $file or die "$file: $!\n";
	while (my $line = <$in>)
	{
		chomp $line;
		if ($line =~ /^```mermaid\s*$/) { $first = $. + 1; @lines = () }
		elsif (defined $first && $line =~ /^```\s*$/)
		{
			check_diagram($file, $first, @lines);
			undef $first;
		}
		elsif (defined $first) { push @lines, $line }
	}
	print "$file: a block is not closed\n" if defined $first;
}
