# Tokens of an identity provider, made with openssl.
#
#   my $key = key('okta');                 an Ed25519 key, the same for the same name
#   my $rsa = key('okta', 'RSA');          a new key of RSA (2048 bits) or EC (P-256)
#   jwks($key, $rsa)                       the JSON text of the public keys; kid is the name,
#                                          unless "kid" is changed
#   token($key, { sub => 'billing', ... }) with iat and exp, unless they are given; undef takes a
#                                          claim away
#   token($key, $claims, { alg => ... })   with more, or other, or without members of the header
#   raw_token($key, $header, $payload)     of these texts, as they are
#
# For psql, which has backticks: perl -I t/lib -MVaultJwt -e 'print token(key("okta"), {sub =>
# "billing"})'
package VaultJwt;

use strict;
use warnings;

use Digest::SHA qw(sha256 hmac_sha256);
use Exporter 'import';
use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

our @EXPORT = qw(key jwks token raw_token sign_with sign_pss claims base64url);

my $json = JSON::PP->new->canonical;
my $directory;

sub base64url { return encode_base64url($_[0], '') }

sub _file
{
	my ($name, $content) = @_;
	$directory //= File::Temp->newdir;
	my $path = "$directory/$name";
	if (defined $content)
	{
		open my $out, '>:raw', $path or die "$path: $!";
		print $out $content;
		close $out or die "$path: $!";
	}
	return $path;
}

sub _openssl
{
	my (@arguments) = @_;
	open my $out, '-|:raw', 'openssl', @arguments or die "openssl: $!";
	my $result = do { local $/; <$out> };
	close $out or die "openssl @arguments: failed";
	return $result;
}

my $made = 0;

sub key
{
	my ($name, $kind) = @_;
	$kind //= 'OKP';
	my $path = _file('key' . ++$made);

	if ($kind eq 'OKP')
	{
		my $der = _file("der$made", pack('H*', '302e020100300506032b657004220420') . sha256($name));
		_openssl('pkey', '-inform', 'DER', '-in', $der, '-out', $path);
		my $public = _openssl('pkey', '-in', $path, '-pubout', '-outform', 'DER');
		return { kid => $name, alg => 'EdDSA', path => $path,
			jwk => { kty => 'OKP', crv => 'Ed25519', x => base64url(substr $public, -32) } };
	}
	if ($kind eq 'EC')
	{
		_openssl('genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256',
			'-out', $path);
		my $public = _openssl('pkey', '-in', $path, '-pubout', '-outform', 'DER');
		return { kid => $name, alg => 'ES256', path => $path,
			jwk => { kty => 'EC', crv => 'P-256', x => base64url(substr $public, -64, 32),
			y => base64url(substr $public, -32) } };
	}
	_openssl('genpkey', '-quiet', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out',
		$path);
	my ($modulus) = _openssl('rsa', '-in', $path, '-noout', '-modulus') =~ /Modulus=([0-9A-F]+)/;
	return { kid => $name, alg => 'RS256', path => $path,
		jwk => { kty => 'RSA', alg => 'RS256', n => base64url(pack 'H*', $modulus), e => 'AQAB' } };
}

sub jwks
{
	my (@keys) = @_;
	return $json->encode({ keys => [ map { { %{ $_->{jwk} }, kid => $_->{kid} } } @keys ] });
}

# r and s of a DER signature, 32 bytes each
sub _raw_ecdsa
{
	my ($der) = @_;
	my ($r, $rest) = unpack('xx x C/a a*', $der);
	my ($s) = unpack('x C/a', $rest);
	return join '', map { substr(("\0" x 32) . $_, -32) } $r, $s;
}

# The signature of a text; $form "DER" leaves that of ECDSA as openssl makes it
sub sign_with
{
	my ($key, $text, $form) = @_;
	my $input = _file('input', $text);

	return _openssl('pkeyutl', '-sign', '-rawin', '-inkey', $key->{path}, '-in', $input)
		if $key->{alg} eq 'EdDSA';
	my $signature = _openssl('dgst', '-sha256', '-sign', $key->{path}, $input);
	return $key->{alg} eq 'ES256' && ($form // '') ne 'DER' ? _raw_ecdsa($signature) : $signature;
}

# The signature of a text with an RSA key, by PSS with 32 bytes of salt
sub sign_pss
{
	my ($key, $text) = @_;

	return _openssl('dgst', '-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt',
		'rsa_pss_saltlen:32', '-sign', $key->{path}, _file('input', $text));
}

sub raw_token
{
	my ($key, $header, $payload) = @_;
	my $text = base64url($header) . '.' . base64url($payload);
	return $text . '.' . base64url(sign_with($key, $text));
}

# The text of a claim set: with issuer, audience, iat and exp unless they are given
sub claims
{
	my ($given) = @_;
	my $now = time;
	my %claims = (iss => 'https://idp.example', aud => 'vault', iat => $now, exp => $now + 300,
		%$given);

	delete @claims{ grep { !defined $claims{$_} } keys %claims };
	return $json->encode(\%claims);
}

sub token
{
	my ($key, $claims, $header) = @_;
	my %header = (alg => $key->{alg}, kid => $key->{kid}, typ => 'JWT', %{ $header // {} });

	delete @header{ grep { !defined $header{$_} } keys %header };
	return raw_token($key, $json->encode(\%header), claims($claims));
}

1;
