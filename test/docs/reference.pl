# Compares docs/reference.md with the server, and the names in all pages with what exists.
#
#   reference.pl FACTS ERRORS.H REFERENCE.md PAGE.md...
#
# An entry of a function has the parts of @parts, in this order.  Its synopsis is a block ```text with the
# signatures, followed by a line "Callable by: roles".  Its parameters are a list with name, type and default, and the
# columns of a result that is a row are a table with name, type and meaning.  An entry of a view is a heading with its
# name, a line "Readable by: roles" and a table of the same form.  A setting and a code is a row of a table.
use strict;
use warnings;

my ($facts_file, $errors_file, $reference_file, @pages) = @ARGV;
my $reference = slurp($reference_file);
my (%known, %have);
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

# Every signature of the page, with the line "Callable by:" that follows its block.
sub signatures_of_page
{
	my %found;
	while ($reference =~ /^```text\n(vault\..*?)^```\n+(.*?)(?=^```|^#|\z)/msg)
	{
		my ($block, $rest) = ($1, $2);
		my ($for) = $rest =~ /^Callable by: (.*)$/m;
		$found{ plain($_) } = roles($for // '') for split /\n(?=vault\.)/, $block =~ s/\n\z//r;
	}
	return %found;
}

# The entries of functions: heading and text of each section that has a synopsis.
sub function_entries
{
	return grep { $_->[1] =~ /^\*\*Synopsis\*\*$/m } map { [ /^### (.*?)\n(.*)\z/s ] } $reference =~ /^(### .*?)(?=^##+ |\z)/msg;
}

# The text of a part of an entry, undef if there is none.
sub part
{
	my ($entry, $name) = @_;
	my ($text) = $entry =~ /^\*\*\Q$name\E\*\*\n(.*?)(?=^\*\*\w+\*\*\n|\z)/ms;
	return $text;
}

# name type DEFAULT value, ...: a list of [name, type, value]
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

# How the list of parameters begins each item, for all functions of an entry: a list of [name, what is in parentheses].
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
	return map { [ $_, quoted_list(@{ $type{$_} }) . (defined $default{$_} ? ", default `$default{$_}`" : '') ] } @order;
}

sub parameter_faults
{
	my ($heading, $entry, @signatures) = @_;
	my $list = part($entry, 'Parameters') // '';
	my @wanted = wanted_parameters(map { /\((.*)\) -> / ? $1 : () } @signatures);
	my @said = map { s/\s+/ /gr } $list =~ /^- (`\w+` \([^)]*(?:\([^)]*\)[^)]*)*\)): \S/mg;
	my @faults;

	for my $i (0 .. (@wanted > @said ? $#wanted : $#said))
	{
		my $want = $wanted[$i] ? "`$wanted[$i][0]` ($wanted[$i][1])" : 'nothing';
		my $have = $said[$i] // 'nothing';
		push @faults, "$heading: parameter @{[ $i + 1 ]} is $want, the page says $have" if $want ne $have;
	}
	my $items = () = $list =~ /^- /mg;
	push @faults, "$heading: an item of the parameters has another form" if $items != @said;
	return @faults;
}

# The rows of a table of columns that is the first of a text: "name type, name type".
sub columns_said
{
	my ($table) = ($_[0] // '') =~ /^\| column \| type \| meaning \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)*)/m;
	return join ', ', map { /^\| `(\w+)` \| `([^`]+)` \| \S.* \|$/ ? "$1 $2" : "no column: $_" } split /\n/, $table // '';
}

sub result_faults
{
	my ($heading, $entry, @signatures) = @_;
	my $text = part($entry, 'Returns') // '';
	my @faults;

	for my $signature (@signatures)
	{
		my ($value) = $signature =~ / -> (.*)$/;
		if ($value =~ /^(?:TABLE)?\((.*)\)$/)
		{
			my ($columns, $said) = ($1, columns_said($text));
			push @faults, "$heading returns $columns; the page says $said" if $said ne $columns;
		}
		elsif ($text !~ /`\Q$value\E`/) { push @faults, "$heading returns $value; the page does not say so" }
	}
	return @faults;
}

sub code_faults
{
	my ($heading, $entry) = @_;
	my $list = part($entry, 'Errors') // '';
	my %known = map { $_ => 1 } codes_of_page();
	my @items = $list =~ /^- (.*?): /mg;
	my @faults = map { "$heading: the table of codes does not have $_" } grep { !$known{$_} } map { /`([^`]*)`/g } @items;

	push @faults, "$heading: an error without a code: $_" for grep { !/^`\w{5}`(?:, `\w{5}`)*$/ } @items;
	push @faults, "$heading: no errors" unless @items || $list =~ /\(#errors-of-every-function\)/;
	return @faults;
}

sub order_faults
{
	my ($heading, $entry, $has_parameters) = @_;
	my $said = join ' ', grep { $_ ne 'Notes' } $entry =~ /^\*\*(\w+)\*\*$/mg;
	my $wanted = join ' ', grep { $has_parameters || $_ ne 'Parameters' } @parts;
	return $said eq $wanted ? () : "$heading: its parts are $said";
}

# Each entry: its parts, and what they say of arguments, results and errors.
sub check_entries
{
	my (%signatures, @faults, %described);
	push @{ $signatures{ $_->[0] } }, signature(@$_[0 .. 2]) for @{ $have{function} };

	for my $section (function_entries())
	{
		my ($heading, $entry) = @$section;
		my @names = split /, /, $heading;
		my @unordered = map { @{ $signatures{$_} // [] } } @names;
		my ($page) = map { join "\n", $_ =~ /^```text\n(vault\..*?)^```/msg } part($entry, 'Synopsis');
		my @signatures = grep { my $one = $_; grep { $_ eq $one } @unordered } map { plain($_) } split /\n(?=vault\.)/, $page;

		$described{$_}++ for @names;
		push @faults, order_faults($heading, $entry, scalar grep { !/\(\) -> / } @signatures),
			parameter_faults($heading, $entry, @signatures), result_faults($heading, $entry, @signatures),
			code_faults($heading, $entry);
	}
	push @faults, map { "no entry: $_" } grep { !$described{$_} } sort keys %signatures;
	result('reference: ' . keys(%described) . ' functions: parts, parameters, results and codes of their entries', @faults);
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
		my $said = columns_said($entry);
		my $wanted = plain($columns);
		push @faults, "vault.$name has $wanted; the page says $said" if $said ne $wanted;
		my ($who) = $entry =~ /^Readable by: (.*)$/m;
		push @faults, "vault.$name is for $for" if roles($who // '') ne $for;
	}
	result('reference: ' . @{ $have{view} } . ' views and their columns', @faults);
}

# A value as the page shows it, such as 256MB or 30d, in the unit of pg_settings.
sub in_unit
{
	my ($value, $unit) = @_;
	my %size = (ms => 1, s => 1000, min => 60_000, h => 3_600_000, d => 86_400_000, kB => 1, MB => 1024, GB => 1024 * 1024);
	my ($number, $suffix) = $unit ne '' ? $value =~ /^(\d+)([a-zA-Z]+)$/ : ();
	return $value unless $size{ $suffix // '' };
	return "no unit of $unit: $value" if ($unit =~ /B$/) != ($suffix =~ /B$/);
	return $number * $size{$suffix} / $size{$unit};
}

sub check_settings
{
	my ($table) = $reference =~ /^\| name \| type \| default \| context \| meaning \|\n(.*?)\n\n/ms;
	my (%page, @faults);

	for my $row (split /\n/, $table // '')
	{
		my ($name, @cells) = $row =~ /^\| `(vault\.\w+)` \| (\w+) \| (.*?) \| (\w+) \| \S/ or next;
		push @faults, "$name has two rows" if $page{$name};
		$page{$name} = \@cells;
	}
	for my $fact (@{ $have{setting} })
	{
		my ($name, $default, $unit, $context, $type) = @$fact;
		my $row = delete $page{$name};
		if (!$row) { push @faults, "no entry: $name"; next }
		my ($said_type, $said, $said_context) = @$row;
		$said = $said eq 'empty' ? '' : $said =~ /^`(.+)`$/ ? in_unit($1, $unit) : "not quoted: $said";
		push @faults, "$name: default is '$default', unit '$unit', the page says '$said'" if $said ne $default;
		push @faults, "$name: type is $type, the page says $said_type" if $said_type ne $type;
		push @faults, "$name: context is $context, the page says $said_context" if $said_context ne $context;
	}
	result('reference: ' . @{ $have{setting} } . ' settings: name, type, default and context', @faults,
		map { "does not exist: $_" } sort keys %page);
}

# The codes in the table of the section "Error codes".
sub codes_of_page
{
	my ($section) = $reference =~ /^## Error codes\n(.*)\z/ms;
	return $section =~ /^\| `(\w{5})` \| \S.*? \| \S.*? \|$/mg;
}

sub check_codes
{
	my (%code, %count);
	my $header = slurp($errors_file);
	$code{"$1$2$3$4$5"} = 1 while $header =~ /MAKE_SQLSTATE\('(.)',\s*'(.)',\s*'(.)',\s*'(.)',\s*'(.)'\)/g;
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
	result(($page =~ s{^docs/}{}r) . ': names and links', @faults);
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
