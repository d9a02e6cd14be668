# Files for packagers and their tools are true. META.json is what PGXN takes and names the minor
# releases that the code does. The archive holds the commit and nothing else. The man page has the
# program's options, Debian's files name one version, and the scripts of the packages parse.
# script/packages builds and installs packages.
use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Uncompress::Unzip;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $source = $ENV{VAULT_SOURCE_DIR};
my $dir = PostgreSQL::Test::Utils::tempdir;

# output(COMMAND...): what it prints, both ways, and its status
sub output
{
	my ($out, $err) = ('', '');
	IPC::Run::run([@_], '<', \undef, '>', \$out, '2>', \$err);
	return ($out . $err, $? >> 8);
}

sub has_program { return scalar grep { -x "$_/$_[0]" } split /:/, $ENV{PATH} }

sub text { return read_file("$source/$_[0]") }

# ---- META.json ----

my $meta = decode_json(text('META.json'));

# check(CHANGE): what the check says of a META.json that was changed
sub check
{
	my $changed = decode_json(text('META.json'));
	$_[0]->($changed);
	write_file("$dir/META.json", encode_json($changed));
	my ($said) = output('perl', "$source/test/packages/check-meta.pl", "$dir/META.json");
	return $said;
}

is(check(sub { }), '', 'META.json is what PGXN takes');
my %wrong = (
	'a missing name'            => [ sub { delete $_[0]{name} }, qr/^META: name is missing$/ ],
	'an unknown key'            => [ sub { $_[0]{colour} = 'red' },
	qr/^META: there is no key colour$/ ],
	'a version of two parts'    => [ sub { $_[0]{version} = '1.0' },
	qr/^META\.version: not a semantic version$/ ],
	'an unknown license'        => [ sub { $_[0]{license} = 'mine' },
	qr/^META\.license: not one of / ],
	'a tag with a slash'        => [ sub { $_[0]{tags} = ['a/b'] },
	qr/^META\.tags\[0\]: not a tag/ ],
	'no file of the extension'  => [ sub { delete $_[0]{provides}{vault}{file} },
	qr/^META\.provides\.vault: file is missing$/ ],
	'a range that is none'      =>
	[ sub { $_[0]{prereqs}{runtime}{requires}{PostgreSQL} = '>= 15' },
	qr/no range of versions: '>= 15'$/ ],
	'an unknown phase'          => [ sub { $_[0]{prereqs}{sometimes} = {} },
	qr/^META\.prereqs: there is no key sometimes$/ ],
	'an unknown status'         => [ sub { $_[0]{release_status} = 'good' },
	qr/^META\.release_status: not one of stable, testing, unstable$/ ],
	'a resource without a host' => [ sub { $_[0]{resources}{homepage} = 'vault' },
	qr/^META\.resources\.homepage: not a URL$/ ],);
like(check($wrong{$_}[0]), $wrong{$_}[1], "not $_") for sort keys %wrong;
is(check(sub { $_[0]{x_own} = { anything => 1 } }), '', 'a key of ones own is free');

# range_takes(RANGE, NUMBER): whether a server that calls itself by this number is in the range
sub range_takes
{
	my ($range, $number) = @_;
	for my $part (split /\s*,\s*/, $range)
	{
		my ($operator, $major, $minor) = $part =~ /^(\S+) (\d+)\.(\d+)\.0$/
			or die "no part of a range: $part";
		my $other = $major * 10000 + $minor;
		return 0 if $operator eq '>=' && $number < $other || $operator eq '<' && $number >= $other
			|| $operator eq '!=' && $number == $other;
	}
	return 1;
}

my %minimum = map { int($_ / 10000) => $_ }
	text('src/platform/compat.h') =~ /define VAULT_MINIMUM_VERSION_NUM (\d+)/g;
my @majors = grep { /^\d+$/ } split /\n/, text('debian/pgversions');
is(join(' ', grep { !$minimum{$_} } @majors), '',
	'debian/pgversions names majors that compat.h knows');
cmp_ok(scalar(@majors), '>=', 4, 'and they are several');
my $range = $meta->{prereqs}{runtime}{requires}{PostgreSQL};
my @differ;
for my $major ($majors[0] - 1 .. $majors[-1] + 1)
{
	my $packaged = grep { $_ == $major } @majors;
	for my $number (map { $major * 10000 + $_ } 0 .. 40)
	{
		my $good = $packaged && $number >= $minimum{$major} ? 1 : 0;
		push @differ, $number if range_takes($range, $number) != $good;
	}
}
is("@differ", '', 'META.json takes the minor releases of these that compat.h takes, and no others');

# ---- Debian ----

my ($upstream) = text('debian/changelog') =~ /^postgresql-vault \((.*)-[^-]*\)/;
is($upstream, $meta->{version}, 'debian/changelog has the version of META.json');

# debian/control is control.in for one release's majors.
my ($major) = text('debian/control') =~ /^Package: postgresql-(\d+)-vault$/m;
(my $control = text('debian/control.in')) =~ s/PGVERSION/$major/g;
is(text('debian/control'), $control, 'debian/control is made from control.in');
($control = text('debian/tests/control.in')) =~ s/PGVERSION/$major/g;
is(text('debian/tests/control'), $control, 'and so is that of its tests');

for my $script (glob("$source/debian/*.in"), "$source/debian/tests/vault",
	"$source/container/entrypoint", glob("$source/test/packages/*"))
{
	open my $in, '<', $script or die "$script: $!";
	my ($shell) = (<$in> // '') =~ m{(?:bin/|env |shell=)((?:ba)?sh)$} or next;
	my ($said) = output($shell, '-n', $script);
	is($said, '', substr($script, length($source) + 1) . ' parses');
}

# ---- the man page ----

my ($help) = output("$source/bin/vault-audit-verify", '--help');
my $page = text('docs/vault-audit-verify.1');
$page =~ s/\\-/-/g;
my ($options) = $page =~ /^\.SH OPTIONS\n(.*?)^\.SH /ms;
my ($usage) = $help =~ /^(  -c.*?)^Exit status/ms;
my @of_page = sort $options =~ /^\.B.*?(--[a-z-]+)/mg;
my @of_help = sort map { /(--[a-z-]+)/ ? $1 : () } split /\n/, $usage;
is("@of_page", "@of_help", 'the man page has the options of --help');
my ($version) = text('vault.control') =~ /^default_version = '(.*)'$/m;
like($page, qr/^\.TH VAULT-AUDIT-VERIFY 1 "" "vault \Q$version\E"/m, 'and the version');

SKIP:
{
	skip 'there is no man', 1 unless has_program('man');
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'man', '-l', '--warnings', "$source/docs/vault-audit-verify.1" ], '<', \undef,
		'>', \$out, '2>', \$err);
	is($err . ($out =~ /EXIT STATUS/ ? '' : 'empty'), '', 'man shows it without a warning');
}

# ---- the archive ----

sub names_in
{
	my $zip = IO::Uncompress::Unzip->new($_[0]) or die "$_[0]: no archive";
	my @names;
	do { push @names, $zip->getHeaderInfo->{Name} } while $zip->nextStream > 0;
	return @names;
}

SKIP:
{
	skip 'there is no git', 5 unless has_program('git');
	my $clone = "$dir/clone";
	my @git = ('git', '-C', $clone, '-c', 'user.name=test', '-c', 'user.email=test@vault.invalid');
	mkdir $clone;
	mkdir "$clone/$_" for qw(script test test/packages);
	for my $file (qw(META.json vault.control script/dist test/packages/check-meta.pl))
	{
		write_file("$clone/$file", text($file));
	}
	chmod 0755, "$clone/script/dist";
	output('git', 'init', '-q', $clone);
	output(@git, 'add', '.');
	output(@git, 'commit', '-q', '-m', 'all');
	write_file("$clone/uncommitted", "not part of it\n");

	my ($said, $rc) = output("$clone/script/dist", $dir);
	is($rc, 0, 'script/dist makes the archive') or diag $said;
	like($said, qr/what is not committed is left out/, 'and says what it leaves out');
	is(join(' ', sort grep { !m{/$} } names_in("$dir/vault-$meta->{version}.zip")),
		join(' ', sort map { "vault-$meta->{version}/$_" }
		qw(META.json vault.control script/dist test/packages/check-meta.pl)),
		'it holds what is committed, in a directory of its name');

	write_file("$clone/vault.control",
		text('vault.control') =~ s/^default_version = '.*'/default_version = '9.9'/mr);
	output(@git, 'commit', '-q', '-a', '-m', 'another version');
	($said, $rc) = output("$clone/script/dist", $dir);
	like($said, qr/^dist: META\.json says \Q$meta->{version}\E, vault\.control 9\.9$/m,
		'no archive of two versions');
	write_file("$clone/META.json", '{}');
	output(@git, 'commit', '-q', '-a', '-m', 'nothing');
	($said, $rc) = output("$clone/script/dist", $dir);
	like($said, qr/^dist: META\.json is not what PGXN takes$/m,
		'nor of a META.json that PGXN does not take');
}

done_testing();
