#!/usr/bin/perl
# Measure structure: lines over 100 columns, references from a feature to a later one (of C
# includes, SQL, and SQL within C), circles of includes, names that are used twice, the longest
# files.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/lib.pl";

begin();

my @features = features();
my %rank = map { $features[$_] => $_ } 0 .. $#features;

# ---- width ----

# A command of psql ends with its line. A table of a document, a line that has no place to break and
# the output of psql in an example are as wide as they are. In that output rows begin with a space,
# and messages with their severity or field.
sub may_be_wide
{
	my ($file, $line) = @_;
	return 1 if $file =~ /^sql\/|\.md$/ && $line =~ /^\\/;
	return 0 unless $file =~ /\.md$/;
	return 1 if $line =~ /^\s*\|/ || $line =~ /^\s*(?:[-*>]\s+|\d+\.\s+)?\S+$/;
	return $line =~ /^ \S/ || $line =~ /^ +\S.* \| / || $line =~ /^ +\S+ +$/
		|| $line =~ /^(?:ERROR|DETAIL|HINT):  /;
}

sub measure_width
{
	my ($name, $pattern, $limit) = @_;
	my (@wide, $total, $widest);
	($total, $widest) = (0, 0);
	for my $file (files($pattern))
	{
		my $number = 0;
		for my $line (split /\n/, slurp($file))
		{
			$number++;
			$total++;
			my $columns = columns($line);
			next if $columns <= 100 || may_be_wide($file, $line);
			$widest = $columns if $columns > $widest;
			push @wide, [ $columns, "$file:$number: $columns columns" ];
		}
	}
	@wide = map { $_->[1] } sort { $b->[0] <=> $a->[0] } @wide;
	measure("wide_${name}_lines", scalar @wide, @wide);
	measure("wide_${name}_share", share(scalar @wide, $total), @wide);
	measure("wide_${name}_max", $widest, @wide[ 0 .. ($#wide < 9 ? $#wide : 9) ]);
}

# ---- references to later features ----

sub feature_of
{
	my ($file) = @_;
	return $file =~ m{^src/([^/]+)/} && exists $rank{$1} ? $1 : undef;
}

# Parts of C that refer to objects: the literals that hold SQL. A text for a user only mentions
# objects.
sub sql_in_c
{
	my ($text) = @_;
	$text =~ s{/\*.*?\*/}{blank($&)}sge;
	my $parentheses = qr{(\((?:[^()"]|"(?:[^"\\]|\\.)*"|(?1))*\))};
	$text =~ s{\berr(?:msg|hint|detail|context)\w*\s*$parentheses}{blank($&)}sge;
	my $out = blank($text);
	while ($text =~ /"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*/g)
	{
		substr($out, $-[0], length $&) = $& if holds_sql($&);
	}
	return $out;
}

# For each object of the extension, the first feature that creates it
sub created_objects
{
	my %home;
	my $kind = qr/(?:UNLOGGED\s+)?TABLE|VIEW|FUNCTION|PROCEDURE|TYPE|SEQUENCE|DOMAIN/;
	my $create = qr/\bCREATE\s+(?:$kind)/;
	for my $file (files('^src/.*\.sql$'))
	{
		my $feature = feature_of($file) // next;
		my $text = sql_without_prose(slurp($file), 0);
		while ($text =~ /$create\s+(vault(?:_data)?\.\w+)/g)
		{
			$home{$1} = $feature if !exists $home{$1} || $rank{$feature} < $rank{ $home{$1} };
		}
	}
	return %home;
}

sub later_references
{
	my ($pattern, $reduce, %home) = @_;
	my @found;
	for my $file (files($pattern))
	{
		my $feature = feature_of($file) // next;
		my $text = $reduce->(slurp($file));
		while ($text =~ /\b(vault(?:_data)?\.\w+)/g)
		{
			my $home = $home{$1};
			push @found, "$file:" . line_of($text, $-[0]) . ": $feature refers to $1 of $home"
			  if defined $home && $rank{$home} > $rank{$feature};
		}
	}
	return @found;
}

sub measure_sql_references
{
	my %home = created_objects();
	my @sql = later_references('^src/.*\.sql$', sub { sql_without_prose($_[0], 0) }, %home);
	my @c = later_references('^src/.*\.[ch]$', \&sql_in_c, %home);
	my %objects = map { /: (\w+) refers to (\S+)/ ? ("$1 $2" => 1) : () } @sql, @c;
	my %pairs = map { /: (\w+) refers to \S+ of (\w+)/ ? ("$1 $2" => 1) : () } @sql, @c;
	measure('upward_sql', scalar @sql, @sql);
	measure('upward_sql_in_c', scalar @c, @c);
	measure('upward_sql_objects', scalar keys %objects, sort keys %objects);
	measure('upward_sql_feature_pairs', scalar keys %pairs, sort keys %pairs);
}

# ---- includes ----

# Includes of own headers: [file, line, header]
sub includes
{
	my @found;
	for my $file (files('^src/.*\.[ch]$'))
	{
		my $number = 0;
		for (split /\n/, slurp($file))
		{
			$number++;
			next unless /^\s*#\s*include\s+"([^"]+)"/;
			push @found, [ $file, $number, "src/$1" ] if -e "src/$1";
		}
	}
	return @found;
}

# A .c and the .h of the same name are one unit.
sub unit
{
	return $_[0] =~ s/\.[ch]$//r;
}

# Strongly connected components with more than one member, by Tarjan's algorithm
sub circles
{
	my (%edges) = @_;
	my ($counter, %index, %low, %on_stack, @stack, @found) = (0);
	my $visit;
	$visit = sub {
		my ($node) = @_;
		$index{$node} = $low{$node} = $counter++;
		push @stack, $node;
		$on_stack{$node} = 1;
		for my $next (sort keys %{ $edges{$node} // {} })
		{
			if (!exists $index{$next})
			{
				$visit->($next);
				$low{$node} = $low{$next} if $low{$next} < $low{$node};
			}
			elsif ($on_stack{$next})
			{
				$low{$node} = $index{$next} if $index{$next} < $low{$node};
			}
		}
		return if $low{$node} != $index{$node};
		my @members;
		do
		{
			push @members, pop @stack;
			delete $on_stack{ $members[-1] };
		} until $members[-1] eq $node;
		push @found, [ sort @members ] if @members > 1;
	};
	for my $node (sort keys %edges)
	{
		$visit->($node) unless exists $index{$node};
	}
	return @found;
}

# The SQL entry points of a feature call the entry, which is above the feature.
sub is_sql_edge
{
	my ($file, $to) = @_;
	return $file =~ /_sql\.c$/ && $to eq 'entry';
}

sub measure_includes
{
	my (%edges, %lines, @upward);
	for (includes())
	{
		my ($file, $line, $header) = @$_;
		my ($from, $to) = (feature_of($file), feature_of($header));
		push @upward, "$file:$line: $from includes $header of $to"
		  if defined $from && defined $to && $rank{$to} > $rank{$from} && !is_sql_edge($file, $to);
		next if unit($file) eq unit($header);
		$edges{ unit($file) }{ unit($header) } = 1;
		$lines{ unit($file) }{ unit($header) } //= "$file:$line";
	}
	measure('upward_includes', scalar @upward, @upward);
	my @circles = circles(%edges);
	my @within = grep { one_feature(@$_) } @circles;
	my @across = grep { !one_feature(@$_) } @circles;
	measure('circles_within_a_feature', scalar @within, map { shown_circle(\%lines, @$_) } @within);
	measure('circles_of_features', scalar @across, map { shown_circle(\%lines, @$_) } @across);
}

sub one_feature
{
	my %names = map { (feature_of("$_.c") // '') => 1 } @_;
	return keys %names == 1;
}

sub shown_circle
{
	my ($lines, @members) = @_;
	my %member = map { $_ => 1 } @members;
	my @found;
	for my $from (@members)
	{
		push @found, map { "$lines->{$from}{$_}: includes $_.h; circle of @members" }
		  grep { $member{$_} } sort keys %{ $lines->{$from} };
	}
	return @found;
}

# ---- names ----

# Names that stand in more than one file: from [name, file, line]
sub twice
{
	my %places;
	$places{ $_->[0] }{ $_->[1] } //= $_->[2] for @_;
	my @found;
	for my $name (sort keys %places)
	{
		my $files = $places{$name};
		next unless keys %$files > 1;
		push @found, [ $name, map { "$_:$files->{$_}: $name" } sort keys %$files ];
	}
	return @found;
}

sub measure_twice
{
	my ($measure, @names) = @_;
	my @found = twice(@names);
	measure($measure, scalar @found, map { my (undef, @places) = @$_; @places } @found);
}

sub measure_names
{
	measure_twice('base_names_twice', map { [ m{([^/]+)$}, $_, 1 ] } files('^src/.*\.c$'));
	measure_twice('static_functions_twice',
		map { [ $_->{name}, $_->{file}, $_->{line} ] }
		  grep { $_->{static} && $_->{file} =~ /\.c$/ } c_tags('f'));
	measure_twice('private_types_twice',
		map { [ $_->{name}, $_->{file}, $_->{line} ] }
		  grep { $_->{file} =~ /\.c$/ && $_->{name} !~ /^__anon/ } c_tags('sut'));
	measure_twice('tap_numbers_twice', map { [ m{^t/(\d+)}, $_, 1 ] } files('^t/\d+_.*\.pl$'));
}

sub measure_longest
{
	my ($name, $pattern) = @_;
	my %lines = map { $_ => (slurp($_) =~ tr/\n//) } files($pattern);
	my @longest = sort { $lines{$b} <=> $lines{$a} || $a cmp $b } keys %lines;
	my @over = grep { $lines{$_} > 500 } @longest;
	measure("files_${name}_longest", $lines{ $longest[0] // '' } // 0,
		map { "$_:1: $lines{$_} lines" } @longest[ 0 .. ($#longest < 19 ? $#longest : 19) ]);
	measure("files_${name}_over_500", scalar @over, map { "$_:1: $lines{$_} lines" } @over);
}

my %kinds = (
	c => '^(?:src|test/unit|fuzz)/.*\.[ch]$',
	sql => '^src/.*\.sql$',
	tap => '^t/.*\.p[lm]$',
	regress => '^(?:sql/.*\.sql|specs/.*\.spec)$',
	scripts => script_pattern(),
	docs => '\.md$');

for my $kind (qw(c sql tap regress scripts docs))
{
	measure_width($kind, $kinds{$kind});
}
measure_longest($_, $kinds{$_}) for qw(c sql tap regress scripts docs);
measure_includes();
measure_sql_references();
measure_names();

finish();
