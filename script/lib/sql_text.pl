# Read SQL as text: what is code in it, which functions it creates, how wide its lines are. Shared
# by script/assemble, script/upgrade-script and script/measure.
use strict;
use warnings;

# Replace the text by blanks and keep its line breaks, so that line numbers stay right.
sub blank
{
	my ($text) = @_;
	$text =~ s/[^\n]/ /g;
	return $text;
}

sub line_of
{
	my ($text, $offset) = @_;
	return 1 + (substr($text, 0, $offset) =~ tr/\n//);
}

sub columns
{
	my ($line) = @_;
	1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (4 - length($1) % 4)/e;
	return length $line;
}

# Parts of an SQL text that refer to objects: comments are blanked, and so are literals that hold no
# SQL. A literal in a body may be EXECUTEd, or name a relation.
sub sql_without_prose
{
	my ($text, $in_body) = @_;
	my $out = '';
	while ($text =~ m{\G(?:
		(?<comment> --[^\n]* | /\*.*?\*/ | \bCOMMENT\s+ON\b[^;]*?\bIS\b\s*(?='))
		| (?<tag>\$\w*\$)(?<body>.*?)\k<tag>
		| (?<literal>'(?:[^']|'')*')(?<cast>::(?:pg_catalog\.)?reg)?
		| (?<other> \w+ | . ))}xsgc)
	{
		my %part = %+;
		$out .= defined $part{comment} ? blank($part{comment})
		  : defined $part{tag} ? join sql_without_prose($part{body}, 1), (blank($part{tag})) x 2
		  : !defined $part{literal} ? $part{other}
		  : defined $part{cast} ? $part{literal} . $part{cast}
		  : $in_body && holds_sql($part{literal}) ? $part{literal} : blank($part{literal});
	}
	return $out;
}

sub holds_sql
{
	my ($literal) = @_;
	my $verb =
	  qr/SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|LOCK TABLE|CALL|ALTER TABLE|PERFORM/;
	return $literal =~ /\b$verb / || $literal =~ /^["']vault_data\.\w+["']$/;
}

# Statements of a script without the comments around them: [offset, text], the semicolon left out.
sub statements
{
	my ($text) = @_;
	my ($start, @found);
	while ($text =~ m{\G(?:
		(?<skip> --[^\n]* | \\[^\n]* | /\*.*?\*/ | \s+ )
		| (?<end> ; )
		| (?: (?<tag>\$\w*\$).*?\k<tag> | '(?:[^']|'')*' | "[^"]*" | \w+ | . ))}xsgc)
	{
		if (defined $+{end})
		{
			push @found, [ $start, substr($text, $start, $-[0] - $start) ] if defined $start;
			undef $start;
		}
		elsif (!defined $+{skip})
		{
			$start //= $-[0];
		}
	}
	return @found;
}

# Split at commas that stand in no parentheses and no literal.
sub split_list
{
	my ($text) = @_;
	my @items = ('');
	my $group = qr/(?<group>\((?:[^()]|(?&group))*\))/;
	while ($text =~ m{\G(?: (?<comma>,) | '(?:[^']|'')*' | $group | . )}xsgc)
	{
		if (defined $+{comma}) { push @items, '' }
		else { $items[-1] .= $& }
	}
	return grep { length } map { s/^\s+|\s+$//gr } @items;
}

# The kind, name and argument types of a function or procedure that a statement creates, or nothing.
# Arguments have names, unless there is only a type.
sub function_of
{
	my ($statement) = @_;
	my $arguments = qr/\((?<all>(?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/;
	return
	  unless $statement =~
	  /^CREATE\s+(?:OR\s+REPLACE\s+)?(?<kind>FUNCTION|PROCEDURE)\s+(?<name>[\w."]+)\s*$arguments/;
	my ($kind, $name, $all) = @+{qw(kind name all)};
	my @types;
	for my $argument (split_list($all))
	{
		next if $argument =~ /^OUT\b/;
		$argument =~ s/\s+/ /g;
		$argument =~ s/\s+DEFAULT\b.*//s;
		push @types, $argument =~ /^"?\w+"? (.+)$/ ? $1 : $argument;
	}
	return ($kind, $name, join(', ', @types));
}

# Make lines of at most 100 columns of a list. Lines after the first are indented by a tab.
sub filled
{
	my ($start, @items) = @_;
	my ($line, $out) = ($start, '');
	for my $i (0 .. $#items)
	{
		my $item = $items[$i] . ($i < $#items ? ',' : '');
		my $glue = $line =~ /[\s(]$/ ? '' : ' ';
		if (columns("$line$glue$item") > 100 && $line ne "\t")
		{
			$out .= "$line\n";
			$line = "\t$item";
		}
		else
		{
			$line .= "$glue$item";
		}
	}
	return $out . $line;
}

1;
