# Turns a page of the documentation into a psql script, and checks what psql printed.
#
#   page.pl script PAGE.md MAJOR         prints the psql script for a server of this major version
#   page.pl check PAGE.md MAJOR OUT ERR  prints "ok" or "FAIL" for each part of the page that is run
#
# Every block ```sql is run.  A comment on the line above it changes that:
#
#   <!-- as ROLE -->              it runs as this role (from here on)
#   <!-- fails with SQLSTATE -->  exactly one statement of it fails, with this code
#   <!-- not run: reason -->      it is not run
#   <!-- before 16 -->            it is run on earlier versions of PostgreSQL than this
#   <!-- from 16 -->              it is run on this one and later ones
#
# Several of them may stand in one comment, separated by ";".  A block ```text below a comment
# <!-- result --> is the output of the block before it.  A comment that starts with "setup" holds
# SQL that the reader does not see.  <!-- begins with: an empty database --> says that the page
# creates the extension itself.
#
# A block ```console is a session of psql.  A line "ROLE=> statement" and its continuations
# "ROLE-> ..." run as this role, and the lines up to the next prompt are the output, with errors
# and hints.
use strict;
use warnings;

my ($mode, $page, $major, $out, $err) = @ARGV;
my @blocks = read_page($page);

if ($mode eq 'script') { print_script() }
elsif ($mode eq 'check') { check_output() }
else { die "page.pl script|check\n" }

sub start_block
{
	my ($block, $part, $line) = @_;
	@$block{qw(part line text open)} = ($part, $line, '', 1);
	return $block;
}

sub read_page
{
	my ($file) = @_;
	my (@found, $notes, $block);
	my $part = '';

	open my $in, '<', $file or die "$file: $!\n";
	while (my $line = <$in>)
	{
		if ($block && $block->{open})
		{
			if ($block->{kind} eq 'setup' ? $line =~ /^-->/ : $line =~ /^```\s*$/)
			{
				$block->{open} = 0;
				splice @found, -1, 1, split_console($block) if $block->{kind} eq 'console';
			}
			else { $block->{text} .= $line }
			next;
		}
		if ($line =~ /^#+\s+(.*?)\s*$/) { $part = $1 }
		elsif ($line =~ /^<!--\s*setup\s*$/)
		{
			$block = { kind => 'setup', notes => '' };
			push @found, start_block($block, $part, $.);
		}
		elsif ($line =~ /^<!--\s*(.*?)\s*-->\s*$/) { $notes = $1 }
		elsif ($line =~ /^```(\w*)/)
		{
			$block = { kind => $1, notes => $notes // '' };
			push @found, start_block($block, $part, $.);
			$notes = undef;
		}
		elsif ($line =~ /\S/) { $notes = undef }
	}
	die "$file: a block is not closed\n" if $block && $block->{open};
	return @found;
}

# Each statement of a session as a block of its own, followed by one with what psql prints.
sub split_console
{
	my ($block) = @_;
	my (@parts, $role);

	for my $line (split /^/, $block->{text})
	{
		$block->{line}++;
		if ($line =~ /^(\w+)=[>#] (.*)/s)
		{
			$role = $1;
			push @parts, { %$block, kind => 'sql', notes => "as $role", text => $2, console => 1 },
				{ %$block, kind => 'text', notes => 'result', text => '' };
		}
		elsif (defined $role && $line =~ /^\Q$role\E-[>#] (.*)/s) { $parts[-2]{text} .= $1 }
		elsif (@parts) { $parts[-1]{text} .= $line }
		else { die "$page: line $block->{line}: a session begins with a prompt\n" }
	}
	return @parts;
}

sub is_run
{
	my ($block) = @_;
	return 0 if $block->{notes} =~ /\bbefore (\d+)/ && $major >= $1;
	return 0 if $block->{notes} =~ /\bfrom (\d+)/ && $major < $1;
	return $block->{kind} eq 'setup' || ($block->{kind} eq 'sql' && $block->{notes} !~ /not run:/);
}

sub print_script
{
	open my $in, '<', $page or die "$page: $!\n";
	my $whole = do { local $/; <$in> };

	print "-- the vault exists\n" unless $whole =~ /<!-- begins with: an empty database -->/;
	print "\\set VERBOSITY verbose\n\\set SHOW_CONTEXT never\n";
	for my $block (grep { is_run($_) } @blocks)
	{
		print "\\connect - $1\n" if $block->{notes} =~ /as (\w+)/;
		print "\\echo \@\@begin $block->{line}\n\\warn \@\@begin $block->{line}\n";
		print $block->{text};
		print "\\echo \@\@end $block->{line}\n\\warn \@\@end $block->{line}\n";
	}
}

# Read the lines between the marks of each block, by the line that the block begins at.
sub read_marked
{
	my ($file) = @_;
	my (%lines, %ended, $at);

	open my $in, '<', $file or die "$file: $!\n";
	while (my $line = <$in>)
	{
		if ($line =~ /^\@\@begin (\d+)/) { $at = $1; $lines{$at} = [] }
		elsif ($line =~ /^\@\@end (\d+)/) { $ended{$1} = 1; $at = undef }
		elsif (defined $at) { push @{ $lines{$at} }, $line }
	}
	return \%lines, \%ended;
}

sub trimmed
{
	my $text = join '', @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+\z/\n/;
	$text =~ s/\A\n+//;
	return $text;
}

# Convert errors and notices to the form of an interactive session: without the name of the file,
# SQLSTATE and location.
sub as_shown
{
	return map { s/^psql:.*?:\d+: (\w+:  )(?:\w{5}: )?/$1/r } grep { !/^LOCATION: / } @_;
}

# Get the faults of a block as a list of lines, empty if there is none.
sub faults
{
	my ($block, $next, $said, $ended, $warned) = @_;
	my $line = $block->{line};
	my @printed = @{ $said->{$line} // [] };
	my @warnings = @{ $warned->{$line} // [] };
	my @errors = grep { /^psql:.*?: (ERROR|FATAL|PANIC|error)\b|^psql: error/ } @warnings;
	my ($code) = $block->{notes} =~ /fails with (\w{5})/;

	return "line $line: psql did not come to its end" unless $ended->{$line};
	if ($block->{console}) { push @printed, as_shown(@warnings) }
	elsif ($code)
	{
		return "line $line: it does not fail, and should with $code" unless @errors;
		return "line $line: it should fail once, with $code", @errors
			if @errors != 1 || $errors[0] !~ /ERROR:\s+$code:/;
	}
	elsif (@errors) { return "line $line:", @errors }
	if ($next && $next->{kind} eq 'text' && $next->{notes} =~ /^result/)
	{
		my ($want, $have) = (trimmed($next->{text}), trimmed(@printed));
		return "line $line prints:", split(/^/, $have), "and the page says:", split(/^/, $want)
			if $want ne $have;
	}
	return ();
}

# Print a line for each part of the page, and the faults of its blocks.
sub check_output
{
	my ($said, $ended) = read_marked($out);
	my ($warned) = read_marked($err);
	my (@parts, %bad, %count);

	for my $i (0 .. $#blocks)
	{
		my $block = $blocks[$i];
		next unless is_run($block);
		my $part = $block->{part};
		push @parts, $part unless $count{$part}++;
		push @{ $bad{$part} }, faults($block, $blocks[ $i + 1 ], $said, $ended, $warned);
	}
	for my $part (@parts)
	{
		my @bad = @{ $bad{$part} // [] };
		my $name = sprintf '%s: %s (%d)', short($page), $part || 'beginning', $count{$part};
		printf "%s docs/%s\n", @bad ? 'FAIL ' : 'ok   ', $name;
		print map { s/\s*\z/\n/r } @bad;
	}
	printf "ok    docs/%s: nothing to run\n", short($page) unless @parts;
}

sub short
{
	return $_[0] =~ s{^.*/}{}r;
}
