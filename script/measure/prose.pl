#!/usr/bin/perl
# Measure prose: comments of C, SQL, tests and scripts, hints, and the sentences of the documents
# outside of tables and code. Measures are the share that begins with a question word, which makes a
# clause the subject, and words a sentence.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/lib.pl";

begin();

my $wh = qr/(?:what|who|whom|whose|which|where|when|why|how|whether)(?:ever|soever)?/i;
my $opener = qr/^\W*$wh\b/;

# Split a text into sentences; an abbreviation, a number and a name with dots end none.
sub sentences
{
	my ($text) = @_;
	return map { sentences_of_paragraph($_) } split /\n[ \t]*\n/, $text;
}

sub sentences_of_paragraph
{
	my ($text) = @_;
	$text =~ s/\s+/ /g;
	$text =~ s/\b(e\.g|i\.e|etc|vs|cf|No)\. /$1.\x{1}/g;
	my $end = qr/(?<=[.!?])["')`*]*\s+(?=["'(`*\[]*[A-Z0-9`])|\s+(?=- )/;
	return map { s/\x{1}/ /gr } grep { /\w/ } split $end, $text;
}

sub words
{
	my ($sentence) = @_;
	return scalar grep { /\w/ } split ' ', $sentence;
}

# Comments of C and SQL: elements of [file, line, text]. A first line that is the file's own name is
# left out.
sub block_comments
{
	my ($file, $text) = @_;
	my $literal = $file =~ /\.sql$/ ? qr/--[^\n]*|'[^']*'/ : qr/'(?:[^'\\\n]|\\.)'/;
	my @found;
	while ($text =~ m{"(?:[^"\\\n]|\\.)*"|$literal|/\*(.*?)\*/}sg)
	{
		next unless defined $1;
		push @found, [ $file, line_of($text, $-[0]), $1 ];
	}
	return @found;
}

# Consecutive lines that are comments and nothing else make one.
sub line_comments
{
	my ($file, $text, $mark) = @_;
	my ($number, $open, @found) = (0);
	for my $line (split /\n/, $text)
	{
		$number++;
		if ($line =~ /^\s*$mark(?!!|~)(.*)$/)
		{
			push @found, $open = [ $file, $number, '' ] unless $open;
			$open->[2] .= is_layout($1) ? "\n" : "$1\n";
			next;
		}
		undef $open;
		push @found, [ $file, $number, $1 ]
		  if $line =~ /[;,{)]\s+$mark\s+(\S.*)$/ && $line !~ /['"].*$mark.*['"]/;
	}
	return @found;
}

# Usage, drawings and directives within a comment are no prose.
sub is_layout
{
	my ($line) = @_;
	return $line =~ /^(?: {3,}\S| ?shellcheck )/;
}

sub clean
{
	my ($text) = @_;
	$text =~ s/^[ \t]*\*+//mg;
	$text =~ s/^\s*[\w.\/-]+\.(?:[ch]|sql|pl|pm)\s*:?\s+//;
	return $text =~ s/^\s+|\s+$//gr;
}

sub comments_of
{
	my ($pattern) = @_;
	my @found;
	for my $file (files($pattern))
	{
		my $text = slurp($file);
		push @found, block_comments($file, $text) if $file =~ /\.(?:[ch]|sql)$/;
		push @found, line_comments($file, $text, $file =~ /\.sql$/ ? '--' : '#')
		  if $file !~ /\.[ch]$/;
	}
	$_->[2] = clean($_->[2]) for @found;
	return grep { $_->[2] =~ /\w/ } @found;
}

sub sentences_of_comment
{
	my ($file, $line, $text) = @_;
	return map { [ $file, $line, $_ ] } sentences($text);
}

sub measure_comments
{
	my ($name, $pattern) = @_;
	my @comments = comments_of($pattern);
	my @bad = grep { $_->[2] =~ $opener } @comments;
	my @sentences = map { sentences_of_comment(@$_) } @comments;
	my @bad_sentences = grep { $_->[2] =~ $opener } @sentences;
	measure("comments_${name}_count", scalar @comments);
	measure("comments_${name}_wh_share", share(scalar @bad, scalar @comments), shown(@bad));
	measure("comments_${name}_wh_sentences_share", share(scalar @bad_sentences, scalar @sentences),
		shown(@bad_sentences));
	measure_words("comments_$name", @sentences);
}

sub measure_words
{
	my ($name, @sentences) = @_;
	my @counts = map { words($_->[2]) } @sentences;
	my @long = grep { words($_->[2]) > 35 } @sentences;
	measure("${name}_words_median", percentile(0.5, @counts), by_file(0.5, @sentences));
	measure("${name}_words_p90", percentile(0.9, @counts), by_file(0.9, @sentences));
	measure("${name}_over_35_share", share(scalar @long, scalar @sentences), shown_long(@long));
}

# The same percentile of each file, highest first
sub by_file
{
	my ($part, @sentences) = @_;
	my %counts;
	push @{ $counts{ $_->[0] } }, words($_->[2]) for @sentences;
	my %value = map { $_ => percentile($part, @{ $counts{$_} }) } keys %counts;
	return map { "$_:1: $value{$_} words, " . @{ $counts{$_} } . ' sentences' }
	  sort { $value{$b} <=> $value{$a} || $a cmp $b } keys %value;
}

sub shown
{
	return map { "$_->[0]:$_->[1]: " . first_words($_->[2]) } @_;
}

sub shown_long
{
	return map { "$_->[0]:$_->[1]: " . words($_->[2]) . ' words: ' . first_words($_->[2]) } @_;
}

sub first_words
{
	my ($text) = @_;
	$text =~ s/\s+/ /g;
	return length $text > 100 ? substr($text, 0, 97) . '...' : $text;
}

# Hints of C and SQL, as far as they are one literal
sub measure_hints
{
	my @bad;
	my $total = 0;
	for my $file (files('^src/.*\.(?:[ch]|sql)$'))
	{
		my $text = slurp($file);
		my $call =
		  $file =~ /\.sql$/
		  ? qr/\bfail\s*\(\s*'\w+',(?:(?!;).)*?,\s*'((?:[^']|'')*)'\)\s*;/s
		  : qr/\berrhint\s*\(\s*"((?:[^"\\]|\\.)*)"/;
		while ($text =~ /$call/g)
		{
			$total++;
			my ($hint, $line) = ($1, line_of($text, $-[1]));
			push @bad, [ $file, $line, $hint ] if $hint =~ $opener;
		}
	}
	measure('hints_count', $total);
	measure('hints_wh_share', share(scalar @bad, $total), shown(@bad));
}

# Sentences of a document, as [file, line, text]: paragraphs and list items; no code, table, heading
# or HTML
sub document_sentences
{
	my ($file) = @_;
	my ($number, $fenced, $text, $line, @found) = (0, 0, '', 1);
	my $end = sub {
		push @found, map { [ $file, $line, $_ ] } grep { /\w.*\s/ }
		  sentences($text =~ s/!?\[([^\]]*)\]\([^)]*\)/$1/gr);
		($text, $line) = ('', $number);
	};
	for (split /\n/, slurp($file))
	{
		$number++;
		$fenced = !$fenced if /^\s*(?:```|~~~)/;
		if ($fenced || /^\s*(?:```|~~~|\||#|<|$)/ || /^ {4,}\S/ && $text eq '')
		{
			$end->();
			next;
		}
		$end->() if /^\s*(?:[-*+]|\d+\.)\s/;
		$line = $number if $text eq '';
		$text .= s/^\s*(?:[-*+>]|\d+\.)\s+//r . ' ';
	}
	$number++;
	$end->();
	return @found;
}

sub measure_documents
{
	my @sentences = map { document_sentences($_) } files('\.md$');
	my @bad = grep { $_->[2] =~ $opener } @sentences;
	measure('docs_sentences', scalar @sentences);
	measure_words('docs', @sentences);
	measure('docs_wh_share', share(scalar @bad, scalar @sentences), shown(@bad));
}

measure_comments('c', '^(?:src|test/unit|fuzz)/.*\.[ch]$');
measure_comments('sql', '^src/.*\.sql$');
measure_comments('tests', '^(?:sql/.*\.sql|t/.*\.p[lm]|specs/.*\.spec)$');
measure_comments('scripts', script_pattern());
measure_hints();
measure_documents();

finish();
