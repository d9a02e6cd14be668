# Files of openssl, GnuTLS, the JDK, PuTTY and ssh-keygen are taken wherever openssl and ssh-keygen
# take them, and the vault says the same of them. A refused file is refused for its own reason: a
# wrong passphrase, a cipher that is not there and a damaged file are three of them.
use strict;
use warnings;

use Encode qw(decode encode);
use POSIX qw(strftime);
use MIME::Base64 qw(decode_base64 encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = new_vault_node('main', init => { extra => [ '--encoding=UTF8', '--locale=C' ] });
$node->safe_psql('postgres', q{CREATE ROLE adm LOGIN; SELECT vault.create_tenant('acme', 'adm')});
my $adm = VaultClient->new($node, 'adm');

# ---- helpers ----

# The bytes that a program prints; it dies if the program fails
sub output
{
	my ($out, $err) = ('', '');
	IPC::Run::run([@_], '<', \undef, '>', \$out, '2>', \$err) or die "@_: $err";
	return $out;
}

sub has_program { return scalar grep { -x "$_/$_[0]" } split /:/, $ENV{PATH} }

sub text { return read_file("$dir/$_[0]") }

sub save { write_file("$dir/$_[0]", $_[1]); chmod 0600, "$dir/$_[0]"; return $_[0] }

sub hex_of { return '\x' . unpack('H*', $_[0]) }

my $count = 0;

# import_file(BYTES, PASSPHRASE or undef): the result of the import, and the name under which it is
sub import_file
{
	my ($bytes, $passphrase) = @_;
	my $name = 'f/' . ++$count;
	return ($adm->query('SELECT vault.import_certificate($1, $2::bytea, $3)', $name, hex_of($bytes),
		$passphrase), $name);
}

# The chain and the key of a file, as openssl writes them, are what comes out
sub taken
{
	my ($what, $bytes, $passphrase, $chain, $key) = @_;
	my ($result, $name) = import_file($bytes, $passphrase);
	is($result->{state}, '00000', "$what: taken") or diag "$result->{message}";
	return if $result->{state} ne '00000';
	is($adm->value('SELECT vault.get($1)', $name),
		$chain . ($key // ''), "$what: chain and key come out");
	return $name;
}

sub refused
{
	my ($what, $rule, $bytes, $passphrase, $hint) = @_;
	my ($result) = import_file($bytes, $passphrase);
	is($result->{state}, 'VT013', "$what: VT013");
	like($result->{message}, $rule, "$what: its rule");
	like($result->{hint}, $hint, "$what: the hint fits") if $hint;
	return;
}

# ---- an authority, a leaf, their keys ----

save('root.ext', "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n");
my $sans = join ',', 'DNS:web.example', 'otherName:1.3.6.1.4.1.311.20.2.3;UTF8:web@corp.example',
  'dirName:dn', 'RID:1.2.3.4', 'IP:10.0.0.1', 'IP:2001:db8::1', 'email:ops@web.example',
  'URI:https://web.example/', 'otherName:1.2.3.5;UTF8:hello', 'otherName:1.2.3.6;INTEGER:5';
save('web.ext', <<"EXT");
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=$sans
[dn]
CN=Directory, Name
EXT
for my $name ('root', 'web')
{
	output('openssl', 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out',
		"$dir/$name.key");
	output('openssl', 'req', '-new', '-key', "$dir/$name.key", '-subj', "/CN=$name", '-out',
		"$dir/$name.csr");
	output('openssl', 'x509', '-req', '-in', "$dir/$name.csr", '-days', 30, '-extfile',
		"$dir/$name.ext", '-out', "$dir/$name.crt",
		$name eq 'root' ? ('-signkey', "$dir/root.key")
		: ('-CA', "$dir/root.crt", '-CAkey', "$dir/root.key", '-CAcreateserial'));
}
my ($leaf, $root, $key) = (text('web.crt'), text('root.crt'), text('web.key'));
my $chain = $leaf . $root;
my $whole = $chain . $key;

# ---- kinds of names ----

my $named = taken('every kind of name', $leaf, undef, $leaf);
is( $adm->value(q{SELECT array_to_string(sans, ' ') FROM vault.certificates WHERE name = $1},
	$named),
	'dns:web.example upn:web@corp.example dirname:CN=Directory\, Name rid:1.2.3.4 ip:10.0.0.1 '
	  . 'ip:2001:db8::1 email:ops@web.example '
	  . 'uri:https://web.example/ othername:1.2.3.5;hello othername:1.2.3.6',
	'every kind of name is shown');

# ---- PEM as it comes ----

my $bom = "\xef\xbb\xbf";
my %form = (
	'CR LF' => $whole =~ s/\n/\r\n/gr,
	'CR' => $whole =~ s/\n/\r/gr,
	'a byte order mark' => $bom . $whole,
	'one before each block' => $whole =~ s/-----BEGIN/$bom-----BEGIN/gr,
	'UTF-16 of PowerShell' => encode('UTF-16LE', "\x{feff}" . $whole =~ s/\n/\r\n/gr),
	'UTF-16, big end first' => encode('UTF-16BE', "\x{feff}$whole"),
	'UTF-16 without a mark' => encode('UTF-16LE', $whole),
	'white space before lines' => $whole =~ s/^/\t  /gmr,
	'END and BEGIN on one line' => $whole =~ s/-----\n-----BEGIN/----------BEGIN/gr,
	'all in one line' => $whole =~ tr/\n/ /r,
	'text before, between and behind' => "subject=x\n$leaf---\n 1 s:CN = root\n$root"
	. "issuer=y\n\n${key}bye\n",
	'other labels' => $whole =~ s/ CERTIFICATE/ X509 CERTIFICATE/gr,
	'with a request and public keys' => text('web.csr')
	. output('openssl', 'x509', '-in', "$dir/web.crt", '-pubkey', '-text') . $root . $key,
	'trusted' => output('openssl', 'x509', '-in', "$dir/web.crt", '-trustout', '-addtrust',
	'serverAuth', '-setalias', 'me') . $root . $key,
	'with parameters' => output('openssl', 'genpkey', '-genparam', '-algorithm', 'DHX', '-pkeyopt',
	'dh_rfc5114:1')
	  . output('openssl', 'genpkey', '-genparam', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048')
	  . output('openssl', 'ecparam', '-name', 'P-256') . $whole,
	'the old form of the key' => $chain
	. output('openssl', 'rsa', '-in', "$dir/web.key", '-traditional'));
like($form{'with parameters'},
	qr/BEGIN X9.42 DH PARAMETERS.*BEGIN DH PARAMETERS.*BEGIN EC PARAMETERS/s,
	'there are parameters of each kind');
taken("PEM: $_", $form{$_}, undef, $chain, $key) for sort keys %form;

my $shown = '';
{
	my $address = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
	my $server = IPC::Run::start([ 'openssl', 's_server', '-www', '-accept', $address, '-cert',
		"$dir/web.crt", '-key', "$dir/web.key", '-cert_chain', "$dir/root.crt" ],
		'<', '/dev/null', '>', "$dir/s_server.log", '2>&1');
	for (1 .. 100)
	{
		last if IPC::Run::run([ 'openssl', 's_client', '-connect', $address, '-showcerts' ], '<',
			\'', '>', \$shown, '2>', \my $verified);
		select undef, undef, undef, 0.2;
	}
	$server->kill_kill;
}
like($shown, qr/---\nCertificate chain/, 'openssl s_client says something');
taken('openssl s_client -showcerts', $shown, undef, $chain);

refused('a lost dash', qr/BEGIN line of PEM is malformed/, $chain . ($key =~ s/^-//r));
refused('half a block', qr/no END line/, $chain . substr($key, 0, 300));
refused('the other half', qr/END line of PEM has no BEGIN line/, substr($key, 300) . $chain);
refused('escaped', qr/a backslash and the letter n/, $whole =~ s/\n/\\n/gr);
refused('two keys', qr/more than one private key/, "$whole$key", undef, qr/a secret of its own/);
refused('another key', qr/private key is not that of its certificate/, $leaf . text('root.key'),
	undef, qr/openssl pkey -pubout/);
refused('a request', qr/only a request for one/, text('web.csr'));
refused('an SSH key', qr/OpenSSH's own form/,
	$leaf . "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", undef,
	qr/ssh-keygen -p -m PKCS8/);

# ---- PKCS#7, DER ----

output('openssl', 'crl2pkcs7', '-nocrl', '-certfile', "$dir/root.crt", '-certfile', "$dir/web.crt",
	'-out', "$dir/web.p7b");
taken('PKCS#7 in PEM, and a key', text('web.p7b') . $key, undef, $chain, $key);
taken('PKCS#7 under another label', text('web.p7b') =~ s/PKCS7/CERTIFICATE/gr, undef, $chain);
taken('PKCS#7 in DER', output('openssl', 'pkcs7', '-in', "$dir/web.p7b", '-outform', 'DER'), undef,
	$chain);
my $der = output('openssl', 'x509', '-in', "$dir/web.crt", '-outform', 'DER');
taken('DER', $der, undef, $leaf);
refused('DER that is cut', qr/cut short/, substr($der, 0, 500));
refused('DER with a byte more', qr/neither PEM nor a certificate, PKCS#7 or PKCS#12/, "$der\0");
output('openssl', 'req', '-x509', '-key', "$dir/root.key", '-subj', '/CN=alone', '-days', 9, '-out',
	"$dir/alone.crt");
refused('a stranger in PKCS#7', qr/do not form one chain/,
	output('openssl', 'crl2pkcs7', '-nocrl', '-certfile', "$dir/web.crt", '-certfile',
		"$dir/alone.crt"), undef, qr/openssl x509 -noout -subject -issuer/);

# ---- PKCS#12 ----

# As macOS, Windows and Java wrote it (RC2 of 40 bits for certificates, 3DES for keys), as now, and
# others
my %how = (
	'macOS, old Windows' => [qw(-legacy)],
	'Windows Server 2019, OpenSSL 3' => [],
	'3DES, all of it' => [qw(-descert -legacy)],
	'nothing encrypted' => [qw(-certpbe NONE -keypbe NONE)],
	'no MAC' => [qw(-nomac)],
	'RC4 and RC2 of 128 bits' => [qw(-keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC2-128 -legacy)],
	'PKCS#5 1.5' => [qw(-keypbe PBE-MD5-DES -certpbe PBE-SHA1-3DES -legacy)],
	'MAC of SHA-512' => [qw(-macalg sha512)]);

sub pkcs12
{
	my ($passphrase, @how) = @_;
	return output('openssl', 'pkcs12', '-export', @how, '-inkey', "$dir/web.key", '-in',
		"$dir/web.crt", '-certfile', "$dir/root.crt",
		'-name', "Fr\xc3\xa9d\xc3\xa9ric", '-passout', "pass:$passphrase");
}
my $umlauts = "p\xc3\xa4ssw\xc3\xb6rd \xe2\x82\xac";
for my $how (sort keys %how)
{
	for my $passphrase ('example', $umlauts, '')
	{
		my $file = pkcs12($passphrase, @{ $how{$how} });
		my $what = "PKCS#12, $how, "
			. (length $passphrase ? $passphrase eq $umlauts ? 'umlauts' : 'ASCII'
			: 'empty passphrase');
		taken($what, $file, $passphrase, $chain, $key);
		taken("$what, none", $file, undef, $chain, $key) if $passphrase eq '';
		refused("$what, none", qr/no passphrase is given/, $file, undef, qr/import_certificate/)
			if $passphrase eq 'example';
		refused("$what, a wrong one", qr/does not open with this passphrase/, $file, 'wrong',
			qr/openssl pkcs12/) if $passphrase ne $umlauts;
	}
}

# A bit in the salt of the MAC, and one in the certificates: the passphrase is right, and that is
# said
my $file = pkcs12('example');
for my $place (length($file) - 10, 600)
{
	substr(my $damaged = $file, $place, 1) ^= "\x01";
	refused("a bit of byte $place", qr/damaged: this passphrase opens it/, $damaged, 'example',
		qr/anew/);
	refused("a bit of byte $place, a wrong passphrase", qr/does not open with this passphrase/,
		$damaged, 'wrong');
}

SKIP:
{
	skip 'there is no certtool', 1 unless has_program('certtool');
	for my $cipher (qw(3des rc2-40 aes-256))
	{
		output('certtool', '--to-p12', '--load-privkey', "$dir/web.key", '--load-certificate',
			"$dir/web.crt", '--load-ca-certificate', "$dir/root.crt",
			'--pkcs-cipher', $cipher, '--p12-name', 'web', '--password', 'example', '--outder',
			'--outfile', "$dir/gnutls.p12");
		taken("PKCS#12 of GnuTLS, $cipher", text('gnutls.p12'), 'example', $chain, $key);
	}
	output('certtool', '--to-p8', '--load-privkey', "$dir/web.key", '--password', 'example',
		'--outfile', "$dir/gnutls.key");
	taken('PKCS#8 of GnuTLS', $chain . text('gnutls.key'), 'example', $chain, $key);
}
SKIP:
{
	skip 'there is no JDK', 1 unless has_program('keytool');
	save('store.p12', pkcs12('example1'));
	for my $old ('', '-J-Dkeystore.pkcs12.legacy')
	{
		unlink "$dir/java.p12";
		output('keytool', grep({ length } $old), '-importkeystore', '-noprompt', '-srckeystore',
			"$dir/store.p12", '-srcstoretype', 'PKCS12', '-srcstorepass', 'example1',
			'-destkeystore', "$dir/java.p12", '-deststoretype', 'PKCS12', '-deststorepass',
			'example1');
		taken("PKCS#12 of keytool $old", text('java.p12'), 'example1', $chain, $key);
	}
}

# ---- keys with a passphrase in PEM ----

my @providers = qw(-provider default -provider legacy);
my %old_key = (
	'DES' => [ 'rsa', '-traditional', '-des' ], '3DES' => [ 'rsa', '-traditional', '-des3' ],
	'AES' => [ 'rsa', '-traditional', '-aes256' ],
	'PBE-MD5-DES' => [qw(pkcs8 -topk8 -v1 PBE-MD5-DES)],
	'PBE-SHA1-RC2-40' => [qw(pkcs8 -topk8 -v1 PBE-SHA1-RC2-40)],
	'PBES2 with DES' => [qw(pkcs8 -topk8 -v2 des)], 'PBES2 with RC2' => [qw(pkcs8 -topk8 -v2 rc2)],
	'PBES2 with AES' => [qw(pkcs8 -topk8 -v2 aes256)],
	'scrypt' => [qw(pkcs8 -topk8 -scrypt)]);
my %keys;
for my $how (sort keys %old_key)
{
	$keys{$how} = $chain
		. output('openssl', @{ $old_key{$how} }, '-in', "$dir/web.key", '-passout', 'pass:example',
		@providers);
	taken("a key with $how", $keys{$how}, 'example', $chain, $key);
	taken("a key with $how, CR LF", $keys{$how} =~ s/\n/\r\n/gr, 'example', $chain, $key);
	refused("a key with $how, a wrong one", qr/does not open with this passphrase/, $keys{$how},
		'wrong', qr/openssl pkey/);
	refused("a key with $how, none", qr/no passphrase is given/, $keys{$how}, undef,
		qr/import_certificate/);
}

# Without OpenSSL's legacy provider the reason is the cipher, for any passphrase. All other files
# still open.
{
	my ($of_macos, $of_now) = (pkcs12('example', '-legacy'), pkcs12('example'));
	local $ENV{OPENSSL_MODULES} = "$dir/nowhere";
	$node->restart;
	$adm = VaultClient->new($node, 'adm');
	for my $passphrase ('example', 'wrong')
	{
		refused("$_ without the provider, $passphrase",
			qr/its cipher is unknown, or obsolete and OpenSSL's legacy provider is not there/,
			$keys{$_}, $passphrase, qr/AES/)
		  for 'DES', 'PBE-MD5-DES', 'PBES2 with RC2';
		refused("macOS without the provider, $passphrase", qr/its cipher is unknown, or obsolete/,
			$of_macos, $passphrase, qr/AES/);
	}
	taken('AES without the provider', $keys{AES}, 'example', $chain, $key);
	taken('PKCS#12 of now without the provider', $of_now, 'example', $chain, $key);
}
$node->restart;
$adm = VaultClient->new($node, 'adm');

# ---- strength is that of the modulus ----

for my $bits (1024, 2000, 2040, 2047, 2048)
{
	output('openssl', 'req', '-x509', '-newkey', "rsa:$bits", '-nodes', '-subj', '/CN=rsa', '-days',
		9, '-keyout', "$dir/rsa.key", '-out', "$dir/rsa.crt");
	if ($bits < 2048)
	{
		refused("a certificate of $bits bits", qr/weaker than the policy asks/, text('rsa.crt'),
			undef, qr/min_entropy/);
	}
	else
	{
		taken("a certificate of $bits bits", text('rsa.crt') . text('rsa.key'), undef,
			text('rsa.crt'), text('rsa.key'));
	}
	my $result = $adm->query('SELECT vault.put($1, $2::text, type => $3)', "rsa/$bits",
		text('rsa.key'), 'ssh_key');
	is($result->{state}, $bits < 2048 ? 'VT013' : '00000', "an SSH key of $bits bits");
}

# ---- one that has expired, one that is not valid yet ----

save('ca.conf', <<"CONF");
[ca]
default_ca = ca
[ca]
database = $dir/ca.index
new_certs_dir = $dir
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
CONF
save('ca.index', '');

# It is valid from and until that many days from now
sub dated
{
	my @dates = map { strftime('%Y%m%d%H%M%SZ', gmtime(time + 86400 * $_)) } @_;
	output('openssl', 'ca', '-batch', '-notext', '-config', "$dir/ca.conf", '-name', 'ca', '-in',
		"$dir/web.csr", '-cert', "$dir/root.crt", '-keyfile', "$dir/root.key",
		'-startdate', $dates[0], '-enddate', $dates[1], '-out', "$dir/dated.crt");
	return text('dated.crt');
}
my $old = dated(-30, -3);
is($adm->query('SELECT vault.put($1, $2::text, type => $3)', 'web/old', $old . $key,
	'certificate')->{state}, '00000', 'one that has expired is taken');
is($adm->value('SELECT state FROM vault.secrets WHERE name = $1', 'web/old'), 'active',
	'it is there');
is($adm->value('SELECT days_left < 0 AND has_private_key FROM vault.certificates WHERE name = $1',
	'web/old'), 't', 'and its facts');
is(
	$adm->value(
	q{SELECT string_agg(DISTINCT e.state, ' ') FROM vault.expiring('1 day') AS e WHERE e.name = $1},
	'web/old'), 'expired', 'it counts as expired');
is($adm->query('SELECT vault.get($1)', 'web/old')->{state}, 'VT006', 'and cannot be read');
is($adm->query('SELECT vault.rotate($1, $2)', 'web/old', $leaf . $key)->{state}, '00000',
	'until it is renewed');
is($adm->value('SELECT vault.get_field($1, $2)', 'web/old', 'certificate'), $leaf,
	'then it is read');
my $future = dated(20, 30);
taken('one that is not valid yet', $future, undef, $future);

# ---- SSH ----

# The facts are those of ssh-keygen -l and -y, the second where the comment can be written as it is
sub ssh_taken
{
	my ($what, $bytes) = @_;
	my $name = 'ssh/' . ++$count;
	save('ssh.key', $bytes);
	local $ENV{LC_ALL} = 'C.UTF-8';
	my ($bits, $fingerprint, $comment) = output('ssh-keygen', '-l', '-f',
		"$dir/ssh.key") =~ /^(\d+) (\S+) (.*) \(\S+\)$/;
	my $line = output('ssh-keygen', '-y', '-f', "$dir/ssh.key") =~ s/\n//r;
	my $result = $adm->query('SELECT vault.put($1, $2::bytea, type => $3)', $name, hex_of($bytes),
		'ssh_key');
	is($result->{state}, '00000', "$what: taken") or diag $result->{message};
	return if $result->{state} ne '00000';
	is(join(' ', map { $adm->value('SELECT vault.get_field($1, $2)', $name, $_) }
		qw(key_bits fingerprint)), "$bits $fingerprint", "$what: bits and fingerprint");
	my $shown_comment =
		$adm->value(q{SELECT metadata ->> 'comment' FROM vault.secrets WHERE name = $1}, $name);
	is($shown_comment eq '' ? 'no comment' : $shown_comment, $comment,
		"$what: the comment is that of ssh-keygen -l") unless $line =~ /^\S+ \S+$/;
	is($adm->value('SELECT vault.get_field($1, $2)', $name, 'public_key'),
		join(' ', (split / /, $line)[ 0, 1 ], grep { length } $shown_comment),
		"$what: the public key is that of ssh-keygen -y");
	return $name;
}

sub ssh_refused
{
	my ($what, $rule, $hint, $bytes) = @_;
	my $result = $adm->query('SELECT vault.put($1, $2::bytea, type => $3)', 'bad', hex_of($bytes),
		'ssh_key');
	is($result->{state}, 'VT013', "$what: VT013");
	like($result->{message}, $rule, "$what: its rule");
	like($result->{hint}, $hint, "$what: the hint says how to go on");
	return;
}

SKIP:
{
	skip 'there is no puttygen', 1 unless has_program('puttygen');
	local $ENV{HOME} = $dir;    # puttygen keeps a file of random numbers there
	for my $kind ([ 'ed25519', 256 ], [ 'rsa', 2048 ], [ 'ecdsa', 256 ], [ 'ecdsa', 384 ],
		[ 'ecdsa', 521 ])
	{
		output('puttygen', '-q', '-t', $kind->[0], '-b', $kind->[1], '-o', "$dir/putty.ppk",
			'--new-passphrase', '/dev/null');
		for my $form (qw(private-openssh private-openssh-new))
		{
			output('puttygen', "$dir/putty.ppk", '-O', $form, '-o', "$dir/putty.key");
			ssh_taken("@$kind of PuTTYgen, $form", text('putty.key'));
		}
		next if $kind->[0] ne 'ed25519';
		for my $length (0 .. 16)    # every padding that PuTTY writes
		{
			output('puttygen', "$dir/putty.ppk", '-C', 'x' x $length, '-O', 'private-openssh-new',
				'-o', "$dir/putty.key");
			ssh_taken("PuTTYgen, a comment of $length", text('putty.key'));
		}
	}
	ssh_refused('.ppk', qr/PuTTY's own form/, qr/puttygen .* -O private-openssh/,
		text('putty.ppk'));
	output('puttygen', "$dir/putty.ppk", '-O', 'public', '-o', "$dir/putty.pub");
	ssh_refused('RFC 4716', qr/public key and not a private key/, qr/private key/,
		text('putty.pub'));
}

# padded(KEY, BYTES): the same key, with so many blocks of 8 bytes of padding more
sub padded
{
	my ($text, $blocks) = @_;
	my $file = decode_base64($text =~ s/-----[^\n]*\n//gr);
	my ($head, $public, $section) = unpack('a39 N/a N/a', $file);
	my ($last) = $section =~ /([\x01-\x07]*)\z/;
	$last = '' if $last ne join('', map { chr } 1 .. length $last);
	$section .= chr((length($last) + $_) & 0xff) for 1 .. 8 * $blocks;
	$file = $head . pack('N/a N/a', $public, $section);
	return "-----BEGIN OPENSSH PRIVATE KEY-----\n" . encode_base64($file)
		. "-----END OPENSSH PRIVATE KEY-----\n";
}
output('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'padded', '-f', "$dir/ed");
is(decode_base64(padded(text('ed'), 0) =~ s/-----[^\n]*\n//gr),
	decode_base64(text('ed') =~ s/-----[^\n]*\n//gr), 'a key is taken apart and put together');
ssh_taken("$_ blocks of padding more", padded(text('ed'), $_)) for 1, 2, 3, 40;

for my $form ([ 'a mark and CR LF', $bom . (text('ed') =~ s/\n/\r\n/gr) ],
	[ 'UTF-16', encode('UTF-16LE', "\x{feff}" . text('ed')) ],
	[ 'text around', "key:\n" . text('ed') . "bye\n" ])
{
	is($adm->query('SELECT vault.put($1, $2::bytea, type => $3)', 'ssh/form', hex_of($form->[1]),
		'ssh_key')->{state}, '00000', "an SSH key with $form->[0]");
	is($adm->value('SELECT vault.get($1)', 'ssh/form'), text('ed'),
		"with $form->[0]: it is kept as it should be");
}

# Comments: what is UTF-8 stays, what is not, or cannot be shown, is written as ssh-keygen -l writes
# it
my $n = 0;
for my $comment ("J\xc3\xb6rg", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x94\x91 key", "J\xf6rg",
	"red \x1b[31m", "quote \" and \\", "\xc3\xb6" x 300)
{
	output('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', $comment, '-f',
		"$dir/comment" . ++$n);
	ssh_taken("comment $n", text("comment$n"));
}
output('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', "turned \xe2\x80\xae", '-f',
	"$dir/turned");
$adm->value('SELECT vault.put($1, $2::bytea, type => $3)', 'ssh/turned', hex_of(text('turned')),
	'ssh_key');
is($adm->value('SELECT vault.get_field($1, $2)', 'ssh/turned', 'comment'), 'turned \342\200\256',
	'what turns the direction of text is not shown as it is');

output('ssh-keygen', '-q', '-t', 'ed25519', '-N', 'example', '-Z', $_, '-f', "$dir/locked.$_")
	for qw(aes256-cbc aes256-ctr chacha20-poly1305@openssh.com);
ssh_refused("encrypted with $_", qr/encrypted/, qr/ssh-keygen -p/, text("locked.$_"))
	for qw(aes256-cbc aes256-ctr chacha20-poly1305@openssh.com);
ssh_refused("encrypted with $_", qr/encrypted/, qr/ssh-keygen -p/,
	$keys{$_} =~ s/.*(?=-----BEGIN [A-Z ]*PRIVATE KEY)//sr)
	for 'DES', 'PBE-MD5-DES', 'PBES2 with AES';
ssh_refused('a public key', qr/public key and not a private key/, qr/private key/, text('ed.pub'));
ssh_refused('a public key in PEM', qr/public key and not a private key/, qr/private key/,
	output('openssl', 'pkey', '-in', "$dir/web.key", '-pubout'));

# ---- a database in another encoding ----

# Files mean UTF-8, passphrases and comments too; what LATIN1 does not have is no reason to refuse a
# key
$node->stop;
my $latin = new_vault_node('latin', init => { extra => [ '--encoding=LATIN1', '--locale=C' ] });
$latin->safe_psql('postgres', q{CREATE ROLE adm LOGIN; SELECT vault.create_tenant('acme', 'adm')});
$adm = VaultClient->new($latin, 'adm');
my $pass = "p\xe4ssw\xf6rd";
taken('LATIN1, umlauts', pkcs12(encode('UTF-8', $pass)), $pass, $chain, $key);
for my $case ([ "J\xc3\xb6rg", "J\xf6rg" ], [ "\xe6\x97\xa5", '\346\227\245' ],
	[ "J\xf6rg", 'J\366rg' ])
{
	output('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', $case->[0], '-f',
		"$dir/latin" . ++$n);
	is($adm->query('SELECT vault.put($1, $2::text, type => $3)', "ssh/latin$n", text("latin$n"),
		'ssh_key')->{state}, '00000', "LATIN1, comment $n: taken");
	is($adm->value('SELECT vault.get_field($1, $2)', "ssh/latin$n", 'comment'), $case->[1],
		"LATIN1, comment $n: shown");
	like($adm->value('SELECT vault.get_field($1, $2)', "ssh/latin$n", 'public_key'),
		qr/ \Q$case->[1]\E$/, "LATIN1, comment $n: in the line of the public key");
	is($adm->value(q{SELECT metadata ->> 'comment' FROM vault.secrets WHERE name = $1},
		"ssh/latin$n"), $case->[1], "LATIN1, comment $n: in the metadata");
	is($adm->value('SELECT vault.get($1)', "ssh/latin$n"), text("latin$n"),
		"LATIN1, comment $n: the key is as it was");
}

done_testing();
