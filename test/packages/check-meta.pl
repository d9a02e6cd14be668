#!/usr/bin/perl
#
# check-meta.pl FILE
#		Print the faults of a META.json against PGXN Meta Spec 1.0.0, a line for each. Exit status 1
#		if there is one.
#
# The rules are those of the specification's text: which keys there are and must be, and what each
# may hold. Keys that begin with x_ are free.
#
use strict;
use warnings;
use JSON::PP;

my @faults;

sub fault
{
	my ($where, $what) = @_;
	push @faults, "$where: $what";
	return;
}

# ---- single values ----

my $number = qr/(?:0|[1-9][0-9]*)/;
my $semver = qr/$number\.$number\.$number(?:-?[A-Za-z][A-Za-z0-9-]*)?/;
my %licenses = map { $_ => 1 }
	qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1
	gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0
	ssleay sun zlib open_source restricted unrestricted unknown);

sub is_string { return defined $_[0] && !ref $_[0] && length $_[0] }

sub string
{
	my ($where, $value) = @_;
	fault($where, 'not a text, or an empty one') unless is_string($value);
	return;
}

sub term
{
	my ($where, $value) = @_;
	fault($where,
		'not a term: two characters or more, without blanks, slashes and control characters')
		unless is_string($value) && $value =~ m{^[^\s/\\[:cntrl:]]{2,}$};
	return;
}

sub tag
{
	my ($where, $value) = @_;
	fault($where, 'not a tag: up to 256 characters without slashes and control characters')
		unless is_string($value) && $value =~ m{^[^/\\[:cntrl:]]{1,256}$};
	return;
}

sub version
{
	my ($where, $value) = @_;
	fault($where, 'not a semantic version') unless is_string($value) && $value =~ /^$semver$/;
	return;
}

sub version_range
{
	my ($where, $value) = @_;
	for my $part (is_string($value) ? split(/\s*,\s*/, $value, -1) : (''))
	{
		fault($where, "no range of versions: '$part'")
			unless $part eq '0' || $part =~ /^(?:(?:[<>]=?|[!=]=)\s*)?(?:$semver|0)$/;
	}
	return;
}

sub url
{
	my ($where, $value) = @_;
	fault($where, 'not a URL')
		unless is_string($value) && $value =~ m{^[a-z][a-z0-9+.-]*://[^\s/]+\S*$};
	return;
}

sub email
{
	my ($where, $value) = @_;
	fault($where, 'not a mail address') unless is_string($value) && $value =~ /^[^@\s]+@[^@\s]+$/;
	return;
}

sub one_of
{
	my %allowed = map { $_ => 1 } @_;
	return sub {
		my ($where, $value) = @_;
		fault($where, 'not one of ' . join(', ', sort keys %allowed))
			unless is_string($value) && $allowed{$value};
		return;
	};
}

# ---- lists and maps ----

sub list_of
{
	my ($check) = @_;
	return sub {
		my ($where, $value) = @_;
		return fault($where, 'not a list, or an empty one') unless ref $value eq 'ARRAY' && @$value;
		$check->("$where\[$_]", $value->[$_]) for 0 .. $#$value;
		return;
	};
}

sub one_or_list
{
	my ($check) = @_;
	return sub {
		my ($where, $value) = @_;
		return ref $value eq 'ARRAY' ? list_of($check)->($where, $value) : $check->($where, $value);
	};
}

# map_of(CHECK OF NAMES, CHECK OF VALUES)
sub map_of
{
	my ($name, $check) = @_;
	return sub {
		my ($where, $value) = @_;
		return fault($where, 'not an object, or an empty one')
			unless ref $value eq 'HASH' && %$value;
		for my $key (sort grep { !/^x_/i } keys %$value)
		{
			$name->("$where, the name '$key'", $key);
			$check->("$where.$key", $value->{$key});
		}
		return;
	};
}

# object(NAME => CHECK, ...): a name with ! must be there, and others may not
sub object
{
	my %keys = @_;
	my %check = map { (my $name = $_) =~ s/!$//; $name => $keys{$_} } keys %keys;
	return sub {
		my ($where, $value) = @_;
		return fault($where, 'not an object') unless ref $value eq 'HASH';
		for my $required (sort map { /^(.*)!$/ ? $1 : () } keys %keys)
		{
			fault($where, "$required is missing") unless exists $value->{$required};
		}
		for my $key (sort grep { !/^x_/i } keys %$value)
		{
			exists $check{$key} ? $check{$key}->("$where.$key", $value->{$key})
				: fault($where, "there is no key $key");
		}
		return;
	};
}

sub license
{
	my ($where, $value) = @_;
	return map_of(\&string, \&url)->($where, $value) if ref $value eq 'HASH';
	return one_or_list(one_of(keys %licenses))->($where, $value);
}

my $prerequisites =
	object(map { $_ => map_of(\&term, \&version_range) }
	qw(requires recommends suggests conflicts));

my $meta = object(
	'name!' => \&term,
	'version!' => \&version,
	'abstract!' => \&string,
	'maintainer!' => one_or_list(\&string),
	'license!' => \&license,
	'provides!' => map_of(
		\&term,
		object('file!' => \&string, 'version!' => \&version, abstract => \&string,
		docfile => \&string)),
	'meta-spec!' => object('version!' => one_of('1.0.0'), url => \&url),
	description => \&string,
	generated_by => \&string,
	tags => list_of(\&tag),
	no_index => object(file => one_or_list(\&string), directory => one_or_list(\&string)),
	prereqs => object(map { $_ => $prerequisites } qw(configure build test runtime develop)),
	release_status => one_of(qw(stable testing unstable)),
	resources => object(
		license => one_or_list(\&url),
		homepage => \&url,
		bugtracker => object(web => \&url, mailto => \&email),
		repository => object(url => \&url, web => \&url, type => \&string)));

my ($file) = @ARGV;
die "usage: check-meta.pl FILE\n" unless defined $file;
open my $in, '<:raw', $file or die "$file: $!\n";
my $data = eval { decode_json(join '', <$in>) };
defined $data ? $meta->('META', $data) : fault($file, 'it is not JSON');
print "$_\n" for @faults;
exit(@faults ? 1 : 0);
