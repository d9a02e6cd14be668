# A copy of the PostgreSQL installation that belongs to a test, which may then exchange the files of
# vault in it.
#
#   my $server = private_server();      programs started from here on are its own
#   my $library = "$server->{lib}/vault.so";
#   replace_file($library, stamped_library($library, library => "1.1"));
#
# PostgreSQL finds its directories from where its program is, so a copy of the same shape works
# anywhere.
package PrivateServer;

use strict;
use warnings;

use Exporter 'import';
use File::Path qw(make_path);
use PostgreSQL::Test::Utils ();
use VaultTest;

our @EXPORT = qw(private_server stamped_library replace_file);

sub _config
{
	my ($what) = @_;
	my $value = `'${\ ($ENV{PG_CONFIG} // 'pg_config')}' --$what`;
	chomp $value;
	return $value;
}

# The copy: { bin, lib, extension }, without bitcode; it comes first in PATH.
sub private_server
{
	my $root = PostgreSQL::Test::Utils::tempdir_short();
	my %from = map { $_ => _config($_) } qw(bindir pkglibdir sharedir);
	my $common = _common(values %from);
	my %to = map { $_ => $root . substr($from{$_}, length $common) } keys %from;

	for my $what (sort keys %from)
	{
		make_path($to{$what});
		my $out = "tar -C '$from{$what}' -cf - --exclude=./bitcode --exclude=./pgxs "
		  . '--exclude=./man .';
		system("$out | tar -C '$to{$what}' -xf -") == 0
		  or die "cannot copy $from{$what}";
	}
	symlink "$from{pkglibdir}/pgxs", "$to{pkglibdir}/pgxs" or die "$to{pkglibdir}/pgxs: $!";
	chmod 0755, $root or die "$root: $!";
	$ENV{PATH} = "$to{bindir}:$ENV{PATH}";
	return { bin => $to{bindir}, lib => $to{pkglibdir}, extension => "$to{sharedir}/extension" };
}

# The directory that all paths are in
sub _common
{
	my @paths = @_;
	my $common = $paths[0];

	for my $path (@paths)
	{
		$common =~ s{/[^/]*$}{} while index("$path/", "$common/") != 0;
	}
	return $common;
}

# stamped_library(FILE, library => VERSION, server => NUMBER): the bytes of a library that says it
# is of another version of vault, or was built for another PostgreSQL
sub stamped_library
{
	my ($file, %opt) = @_;
	my $bytes = read_file($file);
	my $mark = "vault was built\0";
	my $at = index($bytes, $mark);

	die "$file has no stamp" if $at < 0 || index($bytes, $mark, $at + 1) >= 0;
	$at += length $mark;
	substr($bytes, $at, 4) = pack('i', $opt{server}) if defined $opt{server};
	substr($bytes, $at + 4, 16) = pack('a16', $opt{library}) if defined $opt{library};
	return $bytes;
}

# As install(1) does it: the old file stays for processes that have it open.
sub replace_file
{
	my ($file, $bytes) = @_;
	write_file("$file.new", $bytes, 0755);
	rename "$file.new", $file or die "$file: $!";
	return;
}

1;
