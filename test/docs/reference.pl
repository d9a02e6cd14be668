# Compares docs/reference.md with the server, and the names in all pages with what exists.
#
#   reference.pl FACTS ERRORS.H REFERENCE.md PAGE.md...
#
# An entry of a function has the parts of @parts, in this order.  The synopsis is a block ```text
# with the signatures, followed by a line "Callable by: roles".  The parameters are a list with
# name, type and default.  A result that is a row is a table of columns with name, type and
# meaning.  The errors are a list of codes, each of which the table of codes explains.
#
# An entry of a view is a heading with its name, a line "Readable by: roles" and a table of
# columns.  A setting and a code is a row of a table.
use strict;
use warnings;

my ($facts_file, $errors_file, $reference_file, @pages) = @ARGV;
my $reference = slurp($reference_file);
my (%known, %have, %anchors);
my @parts = qw(Synopsis Parameters Returns Errors Example);

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

# ---- signatures ----

# Write a signature in one form, whether it comes from the catalogue or from the page.
sub plain
{
	my ($text) = @_;
	my $types = 'unknown|text\[\]|interval\[\]|regprocedure|text|integer|jsonb|timestamptz|' .
		'interval|inet|boolean';

	$text =~ s/\s+/ /g;
	$text =~ s/timestamp with time zone/timestamptz/g;
	$text =~ s/::(?:$types)//g;
	$text =~ s/\( /(/g;
	$text =~ s/ \)/)/g;
	return $text =~ s/^ | $//gr;
}

# Write the signature of a function of the catalogue.  vault.status(OUT a boolean) returns a row:
# vault.status() -> (a boolean)
sub signature
{
	my ($name, $arguments, $value) = @_;
	my @given = split /, (?=(?:OUT )?\w+ )/, $arguments;
	my @out = map { s/^OUT //r } grep { /^OUT / } @given;

	$value = '(' . join(', ', @out) . ')' if @out;
	return plain("vault.$name(" . join(', ', grep { !/^OUT / } @given) . ") -> $value");
}

# Split a block of a synopsis into signatures.
sub signatures_of_block
{
	return map { plain($_) } split /\n(?=vault\.)/, $_[0] =~ s/\n\z//r;
}

# Get every signature of the page with the roles of the line "Callable by:" after its block.
sub signatures_of_page
{
	my %found;
	while ($reference =~ /^```text\n(vault\..*?)^```\n+(.*?)(?=^```|^#|\z)/msg)
	{
		my ($block, $rest) = ($1, $2);
		my ($callers) = $rest =~ /^Callable by: (.*)$/m;
		$found{$_} = roles($callers // '') for signatures_of_block($block);
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
	my $count = @{ $have{function} };
	my @faults;

	for my $fact (@{ $have{function} })
	{
		my $wanted = signature(@$fact[0 .. 2]);
		my ($callers, $said) = ($fact->[3] // '', delete $page{$wanted});
		if (!defined $said) { push @faults, "no entry: $wanted" }
		elsif ($said ne $callers) { push @faults, "$wanted: callers are $callers, not $said" }
	}
	result("reference: $count functions, as the catalogue has them", @faults,
		map { "does not exist: $_" } sort keys %page);
}

# ---- entries of functions ----

# Get heading and text of each section that has a synopsis.
sub function_entries
{
	my @sections = $reference =~ /^(### .*?)(?=^##+ |\z)/msg;
	return grep { defined part($_->[1], 'Synopsis') } map { [ /^### (.*?)\n(.*)\z/s ] } @sections;
}

# Get the text of a part of an entry, undef if it has no such part.
sub part
{
	my ($entry, $name) = @_;
	my ($text) = $entry =~ /^\*\*\Q$name\E\*\*\n(.*?)(?=^\*\*\w+\*\*\n|\z)/ms;
	return $text;
}

# Split "name type DEFAULT value, ..." into a list of [name, type, value].
sub declared
{
	return map { [ /^(\w+) (.*?)(?: DEFAULT (.*))?$/ ] } split /, (?=\w+ [a-z])/, plain($_[0]);
}

sub quoted_list
{
	my @quoted = map { "`$_`" } @_;
	my $last = pop @quoted;
	return @quoted ? join(', ', @quoted) . " or $last" : $last;
}

# Get the beginning of each item of the list of parameters, for all signatures of an entry.
sub wanted_parameters
{
	my (%type, %default, @order);
	for my $parameter (map { declared($_) } @_)
	{
		my ($name, $type, $default) = @$parameter;
		push @order, $name unless $type{$name};
		push @{ $type{$name} }, $type unless grep { $_ eq $type } @{ $type{$name} // [] };
		$default{$name} //= $default;
	}
	return map {
		my $default = defined $default{$_} ? ", default `$default{$_}`" : '';
		"`$_` (" . quoted_list(@{ $type{$_} }) . "$default)"
	} @order;
}

sub parameter_faults
{
	my ($heading, $entry, @signatures) = @_;
	my $list = part($entry, 'Parameters') // '';
	my @wanted = wanted_parameters(map { /\((.*)\) -> / ? $1 : () } @signatures);
	my @said = map { s/\s+/ /gr } $list =~ /^- (`\w+` \([^)]*(?:\([^)]*\)[^)]*)*\)): \S/mg;
	my $items = () = $list =~ /^- /mg;
	my @faults;

	for my $i (0 .. (@wanted > @said ? $#wanted : $#said))
	{
		my ($want, $have) = map { $_ // 'nothing' } $wanted[$i], $said[$i];
		push @faults, "$heading: the page has the parameter $have in place of $want"
			if $want ne $have;
	}
	push @faults, "$heading: an item of the parameters has another form" if $items != @said;
	return @faults;
}

# Get the rows of the first table of columns of a text: "name type, name type".
sub columns_said
{
	my $head = quotemeta "| column | type | meaning |\n| --- | --- | --- |\n";
	my ($table) = ($_[0] // '') =~ /^$head((?:\|.*\n)*)/m;
	return join ', ', map { /^\| `(\w+)` \| `([^`]+)` \| \S.* \|$/ ? "$1 $2" : "no column: $_" }
		split /\n/, $table // '';
}

sub result_faults
{
	my ($heading, $entry, @signatures) = @_;
	my $text = part($entry, 'Returns') // '';
	my @faults;

	for my $value (map { / -> (.*)$/ ? $1 : () } @signatures)
	{
		if ($value =~ /^(?:TABLE)?\((.*)\)$/)
		{
			my ($columns, $said) = ($1, columns_said($text));
			push @faults, "$heading returns $columns; the page says $said" if $said ne $columns;
		}
		else
		{
			push @faults, "$heading returns $value; the page does not say so"
				unless $text =~ /`\Q$value\E`/;
		}
	}
	return @faults;
}

sub code_faults
{
	my ($heading, $entry) = @_;
	my $list = part($entry, 'Errors') // '';
	my %known_code = map { $_ => 1 } codes_of_page();
	my @items = $list =~ /^- (.*?): /mg;
	my @faults = map { "$heading: an item of the errors has no code: $_" }
		grep { !/^`\w{5}`(?:, `\w{5}`)*$/ } @items;

	push @faults, map { "$heading: the table of codes does not have $_" }
		grep { !$known_code{$_} } map { /`(\w{5})`/g } @items;
	push @faults, "$heading: no errors" unless @items || $list =~ /\(#errors-of-every-function\)/;
	return @faults;
}

sub order_faults
{
	my ($heading, $entry, @signatures) = @_;
	my $has_parameters = grep { !/\(\) -> / } @signatures;
	my $said = join ' ', grep { $_ ne 'Notes' } $entry =~ /^\*\*(\w+)\*\*$/mg;
	my $wanted = join ' ', grep { $has_parameters || $_ ne 'Parameters' } @parts;
	return $said eq $wanted ? () : "$heading: its parts are $said, not $wanted";
}

# Check each entry: its parts, its parameters, results and codes.  A signature that the catalogue
# does not have is a fault of check_functions() and is left out here.
sub check_entries
{
	my %real = map { signature(@$_[0 .. 2]) => 1 } @{ $have{function} };
	my (@faults, %described);

	for my $section (function_entries())
	{
		my ($heading, $entry) = @$section;
		my @blocks = part($entry, 'Synopsis') =~ /^```text\n(vault\..*?)^```/msg;
		my @signatures = grep { $real{$_} } map { signatures_of_block($_) } @blocks;
		my $names = join ', ', map { /^vault\.(\w+)/ } @signatures;

		$described{$_}++ for split /, /, $heading;
		$names =~ s/\b(\w+)(?:, \1\b)+/$1/g;
		push @faults, "$heading: the synopsis has $names" if $names ne $heading;
		push @faults, map { $_->($heading, $entry, @signatures) }
			\&order_faults, \&parameter_faults, \&result_faults, \&code_faults;
	}
	push @faults, map { "no entry: $_->[0]" } grep { !$described{ $_->[0] } } @{ $have{function} };
	result('reference: parts, parameters, results and codes of ' . keys(%described) . ' functions',
		@faults);
}

# ---- views, settings, codes ----

sub check_views
{
	my @faults;
	for my $fact (@{ $have{view} })
	{
		my ($name, $columns, undef, $readers) = @$fact;
		my ($entry) = $reference =~ /^#+ `vault\.\Q$name\E`\n(.*?)(?=^#|\z)/ms;
		if (!defined $entry) { push @faults, "no entry: vault.$name"; next }
		my ($wanted, $said) = (plain($columns), columns_said($entry));
		my ($said_readers) = $entry =~ /^Readable by: (.*)$/m;
		push @faults, "vault.$name has $wanted; the page says $said" if $said ne $wanted;
		push @faults, "vault.$name is for $readers" if roles($said_readers // '') ne $readers;
	}
	result('reference: ' . @{ $have{view} } . ' views and their columns', @faults);
}

# Convert a value as the page shows it, such as 256MB or 30d, to the unit of pg_settings.
sub in_unit
{
	my ($value, $unit) = @_;
	my %size = (
		ms => 1, s => 1000, min => 60_000, h => 3_600_000, d => 86_400_000,
		kB => 1, MB => 1024, GB => 1024 * 1024);
	my ($number, $suffix) = $unit ne '' ? $value =~ /^(\d+)([a-zA-Z]+)$/ : ();

	return $value unless $size{ $suffix // '' };
	return "no unit of $unit: $value" if ($unit =~ /B$/) != ($suffix =~ /B$/);
	return $number * $size{$suffix} / $size{$unit};
}

# Get the rows of the table of settings: type, default and context of each name.
sub settings_of_page
{
	my ($table) = $reference =~ /^\| name \| type \| default \| context \| meaning \|\n(.*?)\n\n/ms;
	my %page;

	for my $row (split /\n/, $table // '')
	{
		my ($name, @cells) = $row =~ /^\| `(vault\.\w+)` \| (\w+) \| (.*?) \| (\w+) \| \S/ or next;
		push @{ $page{$name} }, \@cells;
	}
	return %page;
}

sub setting_faults
{
	my ($rows, $name, $default, $unit, $context, $type) = @_;
	return "no entry: $name" unless $rows;
	return "$name has two rows" if @$rows > 1;
	my ($said_type, $said, $said_context) = @{ $rows->[0] };
	my @faults;

	$said = $said eq 'empty' ? '' : $said =~ /^`(.+)`$/ ? in_unit($1, $unit) : "not quoted: $said";
	push @faults, "$name: default is '$default' in unit '$unit', not '$said'" if $said ne $default;
	push @faults, "$name: type is $type, not $said_type" if $said_type ne $type;
	push @faults, "$name: context is $context, not $said_context" if $said_context ne $context;
	return @faults;
}

sub check_settings
{
	my %page = settings_of_page();
	my @faults = map { setting_faults(delete $page{ $_->[0] }, @$_) } @{ $have{setting} };

	result('reference: ' . @{ $have{setting} } . ' settings: name, type, default and context',
		@faults, map { "does not exist: $_" } sort keys %page);
}

# Get the codes in the table of the section "Error codes".
sub codes_of_page
{
	my ($section) = $reference =~ /^## Error codes\n(.*)\z/ms;
	return $section =~ /^\| `(\w{5})` \| \S.*? \| \S.*? \|$/mg;
}

sub check_codes
{
	my (%code, %count);
	my $digit = qr/'(.)',?\s*/;
	my $header = slurp($errors_file);
	$code{"$1$2$3$4$5"} = 1 while $header =~ /MAKE_SQLSTATE\($digit$digit$digit$digit$digit\)/g;
	$count{$_}++ for codes_of_page();

	result('reference: ' . keys(%code) . ' codes of class VT',
		(map { "no entry: $_" } grep { !$count{$_} } sort keys %code),
		(map { "is there twice: $_" } grep { $count{$_} > 1 } sort keys %count),
		(map { "is never raised: $_" } grep { /^VT/ && !$code{$_} } sort keys %count));
}

# The table at the top of the reference names every function and view, each once.
sub check_overview
{
	my ($table) = $reference =~ /^## The API at a glance\n(.*?)^## /ms;
	my %said;
	$said{$1}++ while $table =~ /`(\w+)`/g;
	my @names = map { $_->[0] } @{ $have{function} }, @{ $have{view} };
	my %wanted = map { s/^vault\.//r => 1 } grep { $_ ne 'current_tenant_id' } @names;
	my @twice = grep { $wanted{$_} && $said{$_} > 1 } sort keys %said;

	result('reference: the API at a glance',
		(map { "is not in it: $_" } grep { !$said{$_} } sort keys %wanted),
		(map { "is in it $said{$_} times: $_" } @twice),
		(map { "does not exist: $_" } grep { !$wanted{$_} && !/^(?:vault)$/ } sort keys %said));
}

# ---- names and links of all pages ----

# Get the anchors of a page: one for each heading, as code hosts make them.
sub anchors
{
	my ($page) = @_;
	my (%anchor, %count);
	my $text = slurp($page);

	$text =~ s/^```.*?^```//msg;
	while ($text =~ /^#+ (.*?)\s*$/mg)
	{
		my $name = lc $1 =~ s/\]\([^)]*\)//gr;
		$name =~ s/[^\w\x80-\xff -]//g;
		$name =~ tr/ /-/;
		my $number = $count{$name}++;
		$anchor{ $name . ($number ? "-$number" : '') } = 1;
	}
	return \%anchor;
}

# Links to files that do not exist, and to headings that their page does not have.
sub link_faults
{
	my ($page, $text) = @_;
	my ($folder) = $page =~ m{^(.*/)};
	my @faults;

	while ($text =~ /\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)/g)
	{
		my ($file, $anchor) = ($1 eq '' ? $page : ($folder // '') . $1, $2);
		if (!-e $file) { push @faults, "$file does not exist" }
		elsif (defined $anchor && $file =~ /\.md$/)
		{
			$anchors{$file} //= anchors($file);
			push @faults, "$file has no heading #$anchor" unless $anchors{$file}{$anchor};
		}
	}
	return @faults;
}

# Names vault.something in a page: each is a function, a view, a setting or a file.
sub check_names
{
	my ($page) = @_;
	my $text = slurp($page);
	my @names = $text =~ /(?<![\w\/.-])vault\.([a-z_]+)/g;

	$known{$_} = 1 for qw(control so no_such_setting);
	my @unknown = map { "vault.$_ does not exist" } grep { !$known{$_} } @names;
	result(($page =~ s{^docs/}{}r) . ': names and links', @unknown, link_faults($page, $text));
}

for (split /\n/, slurp($facts_file))
{
	my ($kind, @fact) = split /\t/, $_, -1;
	push @{ $have{$kind} }, \@fact;
	$known{ $fact[0] =~ s/^vault\.//r } = 1;
}
check_functions();
check_entries();
check_views();
check_settings();
check_codes();
check_overview();
check_names($_) for @pages;
