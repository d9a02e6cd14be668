# vault builds without a warning out of the tree, with the flags of packagers, and its sources stay
# as they are. The program for auditors takes these flags, too. The build exports the same symbols,
# clang finds nothing, and an unknown PostgreSQL is told plainly.
use strict;
use warnings;

use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $source = $ENV{VAULT_SOURCE_DIR};
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $work = PostgreSQL::Test::Utils::tempdir;
my @quiet = ('make', '--no-print-directory', '-f', "$source/Makefile", "PG_CONFIG=$pg_config");

plan skip_all => 'no compiler' if system('cc --version >/dev/null 2>&1') != 0;

# build(NAME, ARGUMENT ...): the status and all that make said, in a directory of its own
sub build
{
	my ($name, @arguments) = @_;
	my $directory = "$work/$name";
	my $quoted = join(' ', map { "'" . s/'/'\\''/gr . "'" } @quiet, @arguments);

	make_path($directory);
	my $said = `cd '$directory' && env -u MAKEFLAGS -u MAKELEVEL $quoted 2>&1`;
	return ($? >> 8, $said);
}

sub lines_with
{
	my ($pattern, $text) = @_;
	return join("\n", grep { /$pattern/ } split /\n/, $text);
}

sub exported
{
	my ($library) = @_;
	return join("\n", sort map { (split)[2] } split /\n/, `nm -D --defined-only '$library'`);
}

sub files_below
{
	my ($directory) = @_;
	return join("\n", sort map { s/^\Q$directory\E//r } split /\n/, `find '$directory' -type f`);
}

my $before = files_below($source);
my ($status, $said) = build('packager',
	'CFLAGS=-g -O2 -Werror -Wformat -Werror=format-security -fstack-protector-strong '
	  . '-fstack-clash-protection -fno-strict-aliasing -fwrapv',
	'CPPFLAGS=-Wdate-time -D_FORTIFY_SOURCE=3',
	'LDFLAGS=-Wl,-z,relro -Wl,-z,now -Wl,--build-id=0xfeedbeef');
is($status, 0, 'flags of a packager, and every warning an error')
	or diag(lines_with(qr/error|warning/, $said));
is(lines_with(qr/warning:/, $said), '', 'there is no warning');
my @compiled = grep { / -c -o / } split /\n/, $said;
cmp_ok(scalar @compiled, '>', 50, 'everything was compiled');
is(scalar(grep { my $n = () = /-D_FORTIFY_SOURCE=/g; $n == 1 && /-D_FORTIFY_SOURCE=3/ } @compiled),
	scalar @compiled,
	'the higher level of fortification is taken, and said once');
is(files_below($source), $before, 'nothing is written beside the sources');
is(exported("$work/packager/vault.so"), exported(`$pg_config --pkglibdir` =~ s/\n//r . '/vault.so'),
	'it exports what the installed one does');
my $verifier = "$work/packager/bin/vault-audit-verify";
like(`readelf -n '$verifier'`, qr/Build ID: feedbeef/,
	'the program for auditors is linked with these flags');
like(lines_with(qr/-o bin\/vault-audit-verify/, $said),
	qr/-fstack-clash-protection .*-D_FORTIFY_SOURCE=3/, 'and compiled with them');

($status, $said) = build('packager', "DESTDIR=$work/image", 'install');
is($status, 0, 'it is installed from there') or diag($said);
my ($version) = read_file("$source/vault.control") =~ /default_version = '(.*)'/;
like(files_below("$work/image"), qr{/vault\.so\b}, 'the library');
like(files_below("$work/image"),
	qr{/extension/vault--\Q$version\E\.sql\b.*/extension/vault\.control}s,
	'the script and the control file');
like(files_below("$work/image"), qr{/bin/vault-audit-verify\b}, 'and the program');

# Levels by themselves: none without optimisation, one by default, the compiler's own with
# -fhardened
sub fortified
{
	my (@arguments) = @_;
	my ($rc, $text) = build('levels', '-n', @arguments, 'src/module.o');
	my ($line) = grep { / -c -o src\/module\.o/ } split /\n/, $text;
	return join(' ', ($line // $text) =~ /(-D_FORTIFY_SOURCE=\d)/g);
}
is(fortified('CFLAGS=-O2', 'CPPFLAGS='), '-D_FORTIFY_SOURCE=2', 'fortified by default');
is(fortified('COPT=-D_FORTIFY_SOURCE=3'), '-D_FORTIFY_SOURCE=3', 'COPT counts');
is(fortified('CFLAGS=-O2 -D_FORTIFY_SOURCE=1', 'CPPFLAGS='), '-D_FORTIFY_SOURCE=2',
	'less is not taken');
is(fortified('CFLAGS=-O2 -O0', 'CPPFLAGS='), '', 'not without optimisation');
is(fortified('CFLAGS=-O2 -fhardened', 'CPPFLAGS=-D_FORTIFY_SOURCE=2'), '', 'not beside -fhardened');
is(fortified('CFLAGS=-O2 -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3', 'CPPFLAGS='),
	'-D_FORTIFY_SOURCE=3', 'and not beside -Wp');

my ($clang) = grep { system("$_ --version >/dev/null 2>&1") == 0 } qw(clang clang-19 clang-14);
SKIP:
{
	skip 'no clang', 2 unless defined $clang;
	my @objects = map { s/\.c$/.o/r } grep { m{^src/(?:\w+/)\w+\.c$} } map { s{^/}{}r } split /\n/,
		$before;
	($status, $said) = build('clang', "CC=$clang", 'COPT=-Werror -fsyntax-only', '-j2', @objects);
	is($status, 0, 'clang finds nothing') or diag(lines_with(qr/error|warning/, $said));
	is(lines_with(qr/warning:/, $said), '', 'no warning either');
}

# A PostgreSQL that vault was never tried with
sub compat_with
{
	my ($number) = @_;
	my $includes = `$pg_config --includedir-server` =~ s/\n//r;

	write_file("$work/number.c",
		"#include \"postgres.h\"\n#undef PG_VERSION_NUM\n#define PG_VERSION_NUM $number\n"
		  . "#include \"platform/compat.h\"\n");
	return `cc -fsyntax-only -I'$source/src' -I'$includes' '$work/number.c' 2>&1`;
}
like(compat_with($_), qr/#error "vault supports PostgreSQL 15 to 19"/, "PostgreSQL $_ is refused")
	for 149999, 200000;
unlike(compat_with(190000), qr/#error "vault supports/, 'and 19 is not');

done_testing();
