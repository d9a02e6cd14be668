# Compares docs/reference.md with the server, and the names in all pages with what exists.
#
#   reference.pl FACTS ERRORS.H REFERENCE.md PAGE.md...
#
# An entry of a function is its signature in a block ```text below a heading, and then a line "For: roles".  An entry
# of a view is a heading with its name, a line "Columns: …" and the same; a setting and a code is a row of a table.
use strict;
use warnings;

my ($facts_file, $errors_file, $reference_file, @pages) = @ARGV;
my $reference = slurp($reference_file);
my (%known, %have);

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

sub result
{
	my ($name, @faults) = @_;
	printf "%s docs/%s\n", @faults ? 'FAIL ' : 'ok   ', $name;
	print map { "$_\n" } @faults;
}

# One form for the catalogue's and the page's way to write a signature.
sub plain
{
	my ($text) = @_;
	$text =~ s/\s+/ /g;
	$text =~ s/timestamp with time zone/timestamptz/g;
	$text =~ s/::(?:unknown|text\[\]|interval\[\]|regprocedure|text|integer|jsonb|timestamptz|interval|inet|boolean)//g;
	$text =~ s/\( /(/g;
	$text =~ s/ \)/)/g;
	return $text =~ s/^ | $//gr;
}

# vault.status(OUT a boolean) gives a row: vault.status() -> (a boolean)
sub signature
{
	my ($name, $arguments, $value) = @_;
	my @given = split /, (?=(?:OUT )?\w+ )/, $arguments;
	my @out = map { s/^OUT //r } grep { /^OUT / } @given;

	$value = '(' . join(', ', @out) . ')' if @out;
	return plain("vault.$name(" . join(', ', grep { !/^OUT / } @given) . ") -> $value");
}

# Every signature of the page, with the line "For:" that follows its block.
sub signatures_of_page
{
	my %found;
	while ($reference =~ /^```text\n(vault\..*?)^```\n+(.*?)(?=^```|^#|\z)/msg)
	{
		my ($block, $rest) = ($1, $2);
		my ($for) = $rest =~ /^For: (.*?)\.?$/m;
		$found{ plain($_) } = roles($for // '') for split /\n(?=vault\.)/, $block =~ s/\n\z//r;
	}
	return %found;
}

sub roles
{
	return join ', ', sort($_[0] =~ /(vault_\w+)/g);
}

sub check_functions
{
	my %page = signatures_of_page();
	my @faults;

	for my $fact (@{ $have{function} })
	{
		my $wanted = signature(@$fact[0 .. 2]);
		if (!exists $page{$wanted}) { push @faults, "no entry: $wanted" }
		elsif ($page{$wanted} ne ($fact->[3] // '')) { push @faults, "$wanted: is for $fact->[3], the page says: $page{$wanted}" }
		delete $page{$wanted};
	}
	result('reference: ' . @{ $have{function} } . ' functions, as the catalogue has them', @faults, map { "does not exist: $_" } sort keys %page);
}

sub check_views
{
	my @faults;
	for my $fact (@{ $have{view} })
	{
		my ($name, $columns, undef, $for) = @$fact;
		my ($entry) = $reference =~ /^#+ `vault\.\Q$name\E`\n(.*?)(?=^#|\z)/ms;
		if (!defined $entry) { push @faults, "no entry: vault.$name"; next }
		my ($said) = $entry =~ /^Columns: (.*?)\n(?:\n|For:)/ms;
		$said = join ', ', ($said // '') =~ /`(\w+)`/g;
		push @faults, "vault.$name has $columns; the page says $said" if $said ne $columns;
		my ($who) = $entry =~ /^For: (.*)$/m;
		push @faults, "vault.$name is for $for" if roles($who // '') ne $for;
	}
	result('reference: ' . @{ $have{view} } . ' views and their columns', @faults);
}

sub check_settings
{
	my %when = (postmaster => 'restart', sighup => 'reload', superuser => 'superuser', user => 'anybody');
	my %page = map { $_ => 1 } $reference =~ /^\| `(vault\.\w+)` \|/mg;
	my @faults;

	for my $fact (@{ $have{setting} })
	{
		my ($name, $default, $unit, $context) = @$fact;
		my ($row) = $reference =~ /^(\| `\Q$name\E` \|.*)$/m;
		if (!$row) { push @faults, "no entry: $name"; next }
		my (undef, undef, $said, $who) = map { s/^\s+|\s+$//gr } split /\|/, $row;
		$said =~ s/`//g;
		push @faults, "$name: default is '$default$unit', the page says '$said'" if $said ne ($default eq '' ? 'empty' : $default . $unit);
		push @faults, "$name: is set by $when{$context}" if $who ne $when{$context};
		delete $page{$name};
	}
	result('reference: ' . @{ $have{setting} } . ' settings and their defaults', @faults, map { "does not exist: $_" } sort keys %page);
}

sub check_codes
{
	my %code;
	my $header = slurp($errors_file);
	$code{"$1$2$3$4$5"} = 1 while $header =~ /MAKE_SQLSTATE\('(.)',\s*'(.)',\s*'(.)',\s*'(.)',\s*'(.)'\)/g;
	my %page = map { $_ => 1 } $reference =~ /^\| `(VT\d{3})` \|/mg;

	result('reference: ' . keys(%code) . ' codes of class VT',
		(map { "no entry: $_" } grep { !$page{$_} } sort keys %code),
		(map { "is never raised: $_" } grep { !$code{$_} } sort keys %page));
}

# The table at the top of the reference names every function and view, each once.
sub check_overview
{
	my ($table) = $reference =~ /^## The API at a glance\n(.*?)^## /ms;
	my %said;
	$said{$1}++ while $table =~ /`(\w+)`/g;
	my %wanted = map { $_->[0] =~ s/^vault\.//r => 1 } grep { $_->[0] ne 'current_tenant_id' } @{ $have{function} }, @{ $have{view} };
	result('reference: the API at a glance',
		(map { "is not in it: $_" } grep { !$said{$_} } sort keys %wanted),
		(map { "is in it $said{$_} times: $_" } grep { $wanted{$_} && $said{$_} > 1 } sort keys %said),
		(map { "does not exist: $_" } grep { !$wanted{$_} && !/^(?:vault)$/ } sort keys %said));
}

# vault.something in any page is a function, a view, a setting or a file.
sub check_names
{
	my ($page) = @_;
	my $text = slurp($page);
	my @faults;

	$known{$_} = 1 for qw(control so no_such_setting);
	while ($text =~ /(?<![\w\/.-])vault\.([a-z_]+)/g) { push @faults, "vault.$1 does not exist" unless $known{$1} }
	while ($text =~ /\]\(([^)#:]+)(?:#[^)]*)?\)/g)
	{
		my $target = $1;
		my ($folder) = $page =~ m{^(.*/)};
		push @faults, "$target does not exist" unless -e ($folder // '') . $target;
	}
	result(($page =~ s{^.*/}{}r) . ': names and links', @faults);
}

for (split /\n/, slurp($facts_file))
{
	my ($kind, @fact) = split /\t/, $_, -1;
	push @{ $have{$kind} }, \@fact;
	$known{ $fact[0] =~ s/^vault\.//r } = 1;
}
check_functions();
check_views();
check_settings();
check_codes();
check_overview();
check_names($_) for @pages;
