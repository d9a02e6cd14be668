#!/usr/bin/perl
# Measure functions: length in lines of C functions (from the name to the closing brace) and of SQL
# bodies in $$, and the share of C functions with a comment directly above. Needs universal-ctags.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/lib.pl";

begin();

# An element for each C function: file, line, name, length, and whether a comment ends directly
# above.
sub c_functions
{
	my (@functions, %lines);
	for my $tag (c_tags('f'))
	{
		my $file = $tag->{file};
		$lines{$file} //= [ split /\n/, slurp($file) ];
		push @functions,
		  { %$tag,
			length => $tag->{end} - $tag->{line} + 1,
			comment => comment_above($lines{$file}, $tag->{line} - 1) };
	}
	return @functions;
}

# The return type is on the line above the name; PG_FUNCTION_INFO_V1 may stand between comment and
# type.
sub comment_above
{
	my ($lines, $at) = @_;
	$at--;
	$at-- while $at >= 0 && $lines->[$at] =~ /^\w[\w\s\*]*$|^PG_FUNCTION_INFO_V1/;
	return $at >= 0 && $lines->[$at] =~ m{\*/\s*$} ? 1 : 0;
}

# An element for each $$ body: file, line, name, length
sub sql_bodies
{
	my @bodies;
	my $create = qr/\bCREATE\s+(?:FUNCTION|PROCEDURE)/;
	my $body = qr/(?<tag>\$\w*\$)(?<body>.*?)\k<tag>/s;
	for my $file (files('^src/.*\.sql$'))
	{
		my $text = slurp($file);
		while ($text =~ /$create\s+(?<name>[\w.]+)(?:(?!\bCREATE\b).)*?$body/sg)
		{
			my ($name, $start, $length) = ($+{name}, $-[0], $+{body} =~ tr/\n//);
			push @bodies,
			  { file => $file, line => line_of($text, $start), name => $name,
				length => $length || 1 };
		}
	}
	return @bodies;
}

sub longest
{
	my ($above, @of) = @_;
	return map { "$_->{file}:$_->{line}: $_->{length} lines, $_->{name}" }
	  sort { $b->{length} <=> $a->{length} } grep { $_->{length} > $above } @of;
}

sub lengths
{
	my ($prefix, $limit, @of) = @_;
	my ($median, $p90, $max) = map { percentile($_, map { $_->{length} } @of) } 0.5, 0.9, 1;
	measure("${prefix}_count", scalar @of);
	measure("${prefix}_lines_median", $median, longest($median, @of));
	measure("${prefix}_lines_p90", $p90, longest($p90, @of));
	measure("${prefix}_lines_max", $max, (longest(0, @of))[ 0 .. 9 ]);
	my @over = longest($limit, @of);
	measure("${prefix}_over_$limit", scalar @over, @over);
}

my @functions = c_functions();
lengths('c_functions', 60, @functions);
my @bare = grep { !$_->{comment} } @functions;
measure('c_functions_commented_share', share(@functions - @bare, scalar @functions),
	map { "$_->{file}:$_->{line}: no comment, $_->{name}" } @bare);
lengths('sql_bodies', 40, sql_bodies());

finish();
