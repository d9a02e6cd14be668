#!/usr/bin/perl
#
# vectors.pl DIRECTORY PROGRAM
#		Feeds the published Wycheproof vectors in DIRECTORY to PROGRAM (vectors.c),
#		one run a file.  Exit status 1 if a case fails or a file is missing; 0 if
#		the whole directory is, since the vectors are not part of this repository.
#
use strict;
use warnings;
use JSON::PP;

my ($directory, $program) = @ARGV;
die "usage: vectors.pl DIRECTORY PROGRAM\n" unless defined $program;

if (!-d $directory)
{
	print "vectors: skipped (no vectors here)\n";
	exit 0;
}

my %files = (
	'aes_gcm_test.json'     => ['gcm', qw(key iv aad msg ct tag)],
	'hkdf_sha512_test.json' => ['hkdf', qw(size ikm salt info okm)],
	'hmac_sha256_test.json' => ['hmac256', qw(key msg tag)],
	'hmac_sha512_test.json' => ['hmac512', qw(key msg tag)],
	'ed25519_test.json'     => ['ed25519', qw(pk msg sig)],);

# The cases of one file as lines; refuses what it does not understand.
sub lines_of
{
	my ($path, $kind, @fields) = @_;
	open my $in, '<:raw', $path or die "$path: $!\n";
	my $content = decode_json(do { local $/; <$in> });
	my @lines;

	# The public key of a signature is that of its group.
	for my $group (@{ $content->{testGroups} })
	{
		$_->{pk} //= $group->{publicKey}{pk} for @{ $group->{tests} };
	}
	for my $test (map { @{ $_->{tests} } } @{ $content->{testGroups} })
	{
		my @values = map { $test->{$_} } @fields;
		die "$path: case $test->{tcId} lacks a field\n" if grep { !defined } @values;
		die "$path: case $test->{tcId} is neither valid nor invalid\n"
		  unless $test->{result} =~ /^(in)?valid\z/;
		die "$path: case $test->{tcId} has a field that is not hex\n"
		  if grep { !/^[0-9a-f]*\z/ } @values;
		push @lines,
		  join ' ', $kind, $test->{tcId}, $test->{result}, map { $_ eq '' ? '-' : $_ } @values;
	}
	die "$path: not the number of cases that it announces\n"
	  if @lines != $content->{numberOfTests};
	return @lines;
}

my $failed = 0;
$SIG{PIPE} = 'IGNORE';
$| = 1;

for my $name (sort keys %files)
{
	my @lines = eval { lines_of("$directory/$name", @{ $files{$name} }) };
	if ($@)
	{
		print "vectors $name: failed: $@";
		$failed = 1;
		next;
	}
	open my $out, '|-', $program, $name or die "$program: $!\n";
	print {$out} "$_\n" for @lines, 'end';
	close $out or $failed = 1;
}
exit $failed;
