# Certificates and SSH keys of openssl and ssh-keygen are taken in every form. The vault says the
# same of them as these programs do, and they can use what it gives out. A broken one is refused
# with VT013 and the rule. Every authority of Debian's ca-certificates goes through the type.
# Passphrases and keys leave no trace.
use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = new_vault_node('main', init => { allows_streaming => 'logical' });
$node->safe_psql('postgres', q{
	CREATE ROLE adm LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE lister LOGIN;
	CREATE ROLE nobody LOGIN;
	CREATE ROLE other LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
	SELECT vault.create_tenant('acme', 'adm'), vault.create_tenant('globex', 'other')});
psql_as($node, 'adm', q{
	SELECT vault.create_principal('reader', db_role => 'reader'),
		vault.create_principal('lister', db_role => 'lister'),
		vault.create_principal('nobody', db_role => 'nobody');
	SELECT vault.grant('reader', '{read}', 'web/**'), vault.grant('lister', '{list}', 'web/**')});
my %as = map { $_ => VaultClient->new($node, $_) } qw(adm reader lister nobody other auditor);
my $adm = $as{adm};

# ---- helpers ----

# Return the output of a program; die if the program fails
sub output
{
	my ($out, $err) = ('', '');
	IPC::Run::run([@_], '>', \$out, '2>', \$err) or die "@_: $err";
	return $out =~ s/\s+\z//r;
}

sub text { return read_file("$dir/$_[0]") }

sub hex_of { return '\x' . unpack('H*', text($_[0])) }

sub put { return $adm->query('SELECT vault.put($1, $2::text, type => $3)', @_) }

sub field { return $adm->value('SELECT vault.get_field($1, $2)', @_) }

# It is refused for this rule, and the message has no line of the value
sub refused
{
	my ($what, $rule, $result, $value) = @_;
	is($result->{state}, 'VT013', "$what: VT013");
	like($result->{message}, $rule, "$what: the rule is named");
	my @lines = grep { length > 20 && !/^-----/ } split /\n/, $value // '';
	is(scalar(grep { index($result->{message} . ($result->{hint} // ''), $_) >= 0 } @lines), 0,
		"$what: and nothing of the value");
	return;
}

# make(NAME, SUBJECT, CA or undef, DAYS, EXTENSIONS): NAME.key and NAME.crt
sub make
{
	my ($name, $subject, $ca, $days, $extensions) = @_;
	output('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
		'-nodes', '-subj', $subject, '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
	write_file("$dir/$name.ext", $extensions);
	output('openssl', 'x509', '-req', '-in', "$dir/$name.csr", '-days', $days, '-extfile',
		"$dir/$name.ext", '-out', "$dir/$name.crt",
		$ca ? ('-CA', "$dir/$ca.crt", '-CAkey', "$dir/$ca.key", '-CAcreateserial')
		: ('-signkey', "$dir/$name.key"));
	return;
}

make('root', '/O=Acme/CN=root', undef, 3650, "basicConstraints=critical,CA:TRUE\n");
make('middle', '/O=Acme/CN=middle', 'root', 20, "basicConstraints=critical,CA:TRUE\n");
make('web', '/O=Acme, Inc/CN=www.acme.example', 'middle', 90,
	"subjectAltName=DNS:www.acme.example,IP:192.0.2.1,URI:spiffe://acme/web\n");
make('twin', '/O=Acme/CN=middle', 'root', 20, "basicConstraints=critical,CA:TRUE\n");
make('stranger', '/CN=stranger', undef, 20, "basicConstraints=CA:FALSE\n");

# ---- a chain with its key ----

my $normal = text('web.crt') . text('middle.crt') . text('root.crt') . text('web.key');
is(put('web/tls', text('root.crt') . text('web.key') . text('web.crt') . text('middle.crt'),
	'certificate')->{state}, '00000', 'a chain in any order is taken');
is($adm->value('SELECT vault.get($1)', 'web/tls'), $normal =~ s/\n\z//r . "\n",
	'and comes back in order, the key last');
is(field('web/tls', 'certificate'), text('web.crt'), 'field certificate');
is(field('web/tls', 'chain'), text('middle.crt') . text('root.crt'), 'field chain');
is(field('web/tls', 'fullchain'), text('web.crt') . text('middle.crt') . text('root.crt'),
	'field fullchain');
is(field('web/tls', 'private_key'), text('web.key'), 'field private_key');
is($adm->query('SELECT vault.get_field($1, $2)', 'web/tls', 'no such')->{state}, '22023',
	'there is no field of another name');
write_file("$dir/out.$_", field('web/tls', $_)) for qw(certificate chain private_key);
like(output('openssl', 'verify', '-CAfile', "$dir/root.crt", '-untrusted', "$dir/out.chain",
	"$dir/out.certificate"), qr/: OK$/, 'openssl verifies what came out');
is(output('openssl', 'pkey', '-in', "$dir/out.private_key", '-pubout'),
	output('openssl', 'x509', '-in', "$dir/out.certificate", '-noout', '-pubkey'),
	'and its key is that of the certificate');
is($adm->value(q{SELECT array_to_string(sans, ' ') FROM vault.certificates WHERE name = $1},
	'web/tls'), 'dns:www.acme.example ip:192.0.2.1 uri:spiffe://acme/web',
	'subject alternative names');
is($adm->value('SELECT chain_length FROM vault.certificates WHERE name = $1', 'web/tls'), 3,
	'length of the chain');
is( $adm->value(
	q{SELECT s.expires_at = c.valid_until AND c.valid_until < c.not_after
		AND c.days_left IN (18, 19)
		FROM vault.secrets s JOIN vault.certificates c USING (tenant, name, environment)
		WHERE name = $1},
		'web/tls'),
	't', 'it expires with the intermediate, which ends first');
is($adm->query('SELECT vault.rotate($1)', 'web/tls')->{state}, '22023',
	'no certificate is made up');
is($adm->value('SELECT vault.rotate($1, $2)', 'web/tls', text('web.crt') . text('web.key')), 2,
	'rotation takes a new one');
is($adm->value('SELECT chain_length FROM vault.certificates WHERE name = $1', 'web/tls'), 1,
	'and the facts are those of the new one');
is($adm->query('SELECT vault.rotate($1, $2)', 'web/tls', 'not a certificate')->{state}, 'VT013',
	'rotation refuses what is none');
is(field('web/tls', 'certificate'), text('web.crt'), 'the one before stays');
is($adm->value('SELECT vault.put($1, $2::bytea, type => $3)', 'web/der',
	'\x' . unpack('H*', output_bytes('openssl', 'x509', '-in', "$dir/web.crt", '-outform', 'DER')),
	'certificate'),
	1, 'put takes DER as bytes');
is($adm->value('SELECT vault.get($1)', 'web/der'), text('web.crt'), 'which is PEM from then on');

sub output_bytes
{
	my $out = '';
	IPC::Run::run([@_], '>', \$out) or die "@_";
	return $out;
}

# ---- broken files ----

refused('key of another', qr/private key is not that of its certificate/,
	put('bad', text('web.crt') . text('twin.key'), 'certificate'), text('twin.key'));
refused('broken chain', qr/do not form one chain/,
	put('bad', text('web.crt') . text('twin.crt') . text('web.key'), 'certificate'),
	text('web.key'));
make('plain', '/CN=plain', 'middle', 9, "authorityKeyIdentifier=none\n");
refused('forged chain', qr/signature in its chain does not verify/,
	put('bad', text('plain.crt') . text('twin.crt') . text('plain.key'), 'certificate'),
	text('plain.key'));
is(put('web/plain', text('plain.crt') . text('middle.crt') . text('plain.key'),
	'certificate')->{state}, '00000', 'with the issuer itself it is taken');
refused('stranger', qr/do not form one chain/,
	put('bad', text('web.crt') . text('stranger.crt'), 'certificate'), text('web.crt'));
refused('gap', qr/do not form one chain/,
	put('bad', text('web.crt') . text('root.crt'), 'certificate'), text('web.crt'));
refused('issuer', qr/not a CA/,
	do { make('leaf', '/CN=leaf', 'stranger', 9, "basicConstraints=CA:FALSE\n");
	put('bad', text('leaf.crt') . text('stranger.crt'), 'certificate') });
refused('truncated', qr/no END line/, put('bad', substr(text('web.crt'), 0, 400), 'certificate'),
	text('web.crt'));
is(put('web/behind', text('web.crt') . "more\n", 'certificate')->{state}, '00000',
	'text behind the last block is passed over');
refused('half a line', qr/BEGIN line of PEM is malformed/,
	put('bad', text('web.crt') . (text('web.key') =~ s/^-//r), 'certificate'), text('web.key'));
refused('only a key', qr/has no certificate/, put('bad', text('web.key'), 'certificate'),
	text('web.key'));
refused('not PEM', qr/neither PEM/, put('bad', 'x', 'certificate'));
refused('DER garbage', qr/neither PEM/,
	$adm->query('SELECT vault.put($1, $2::bytea, type => $3)', 'bad', '\x3082010a0102',
	'certificate'));
output('openssl', 'req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-subj', '/CN=weak', '-days', 9,
	'-keyout', "$dir/weak.key", '-out', "$dir/weak.crt");
refused('weak key', qr/weaker than the policy asks/, put('bad', text('weak.crt'), 'certificate'),
	text('weak.crt'));
is($adm->query('SELECT vault.set_type_policy($1, min_entropy => 80)', 'certificate')->{state},
	'00000', 'a policy allows it');
is(put('web/weak', text('weak.crt'), 'certificate')->{state}, '00000', 'then it is taken');
is($adm->query('SELECT vault.set_type_policy($1, min_length => 80)', 'certificate')->{state},
	'22023', 'a policy of lengths is refused');
$adm->value('SELECT vault.reset_type_policy($1)', 'certificate');
is($adm->value('SELECT count(*) FROM vault.secrets WHERE name = $1', 'bad'), 0,
	'nothing of what was refused is there');

# ---- files with a passphrase ----

my $passphrase = canary();
my $wrong = canary();
output('openssl', 'pkcs12', '-export', '-inkey', "$dir/web.key", '-in', "$dir/web.crt", '-certfile',
	"$dir/middle.crt", '-passout', "pass:$passphrase", '-out', "$dir/web.p12");
output('openssl', 'pkcs12', '-export', '-inkey', "$dir/web.key", '-in', "$dir/web.crt", '-passout',
	'pass:', '-out', "$dir/open.p12");
output('openssl', 'pkcs8', '-topk8', '-in', "$dir/web.key", '-passout', "pass:$passphrase", '-out',
	"$dir/web.enc");
output('openssl', 'ec', '-in', "$dir/web.key", '-aes256', '-passout', "pass:$passphrase", '-out',
	"$dir/web.old");
write_file("$dir/web.pem", text('web.crt') . text('web.enc'));
write_file("$dir/old.pem", text('web.crt') . text('web.old'));

sub import_file { return $_[0]->query('SELECT vault.import_certificate($1, $2::bytea, $3)', $_[1],
	hex_of($_[2]), $_[3]) }
for my $file (qw(web.p12 web.pem old.pem))
{
	is(import_file($adm, "web/$file", $file, $passphrase)->{state}, '00000',
		"$file: with its passphrase");
	is(field("web/$file", 'private_key'), text('web.key'),
		"$file: the key is there, not encrypted");
	refused("$file, another passphrase", qr/does not open with this passphrase/,
		import_file($adm, 'bad', $file, $wrong));
	refused("$file, no passphrase", qr/no passphrase is given/,
		$adm->query('SELECT vault.import_certificate($1, $2::bytea)', 'bad', hex_of($file)));
}
is(field('web/web.p12', 'chain'), text('middle.crt'), 'PKCS#12: the chain');
is($adm->query('SELECT vault.put($1, $2::bytea, type => $3)', 'web/open', hex_of('open.p12'),
	'certificate')->{state}, '00000', 'put takes a PKCS#12 without passphrase');
refused('put, a PKCS#12 with one', qr/no passphrase is given/,
	$adm->query('SELECT vault.put($1, $2::bytea, type => $3)', 'bad', hex_of('web.p12'),
	'certificate'));
refused('put, an encrypted key', qr/no passphrase is given/,
	put('bad', text('web.pem'), 'certificate'));
is(import_file($as{reader}, 'web/web.p12', 'web.p12', $passphrase)->{state}, '42501',
	'import asks for write');
is(import_file($as{nobody}, 'web/web.p12', 'web.p12', $wrong)->{state}, '42501',
	'before it opens the file');
is(import_file($adm, undef, 'web.p12', $passphrase)->{state}, '22023', 'a name is needed');
is($adm->query('SELECT vault.import_certificate($1, NULL)', 'web/tls')->{state}, '22023',
	'so is a bundle');
is($adm->query('SELECT vault.import_certificate($1, $2::bytea, $3, expected_version => 0)',
	'web/tls', hex_of('web.p12'), $passphrase)->{state}, '23505', 'conditions of put hold');

# ---- visibility ----

is($as{$_->[0]}->value('SELECT count(*) > 0 FROM vault.certificates'), $_->[1],
	"$_->[0] sees certificates: $_->[1]")
  for [ adm => 't' ], [ reader => 't' ], [ lister => 't' ], [ nobody => 'f' ], [ other => 'f' ],
  	[ auditor => 't' ];
is($as{reader}->value('SELECT count(*) FROM vault.certificates WHERE name NOT LIKE $1', 'web/%'), 0,
	'a principal sees those of its grants');
is($as{reader}->query('SELECT vault.get_field($1, $2)', 'web/tls', 'private_key')->{state}, '00000',
	'who reads has the key');
is($as{lister}->query('SELECT vault.get_field($1, $2)', 'web/tls', 'private_key')->{state}, '42501',
	'who lists has not');
is($as{lister}->query('SELECT vault.get_field($1, $2)', 'web/tls', 'subject')->{state}, '42501',
	'nor any field: the view has the facts');

# ---- every authority of Debian ----

my ($compared, $expired) = (0, 0);
my @different;
for my $path (glob '/usr/share/ca-certificates/*/*.crt')
{
	my $name = 'ca/' . ($path =~ s{.*/}{}r =~ s/[^A-Za-z0-9._-]/_/gr);
	my $result = put($name, read_file($path), 'certificate');
	IPC::Run::run([ 'openssl', 'x509', '-in', $path, '-noout', '-checkend', 0 ], '>', \my $ignored);
	my $has_expired = $? != 0;
	push @different, "$path: $result->{state}" if $result->{state} ne '00000';
	my %said = map { /^(.*?)=(.*)$/ ? ($1 => $2) : () } split /\n/,
	  output('openssl', 'x509', '-in', $path, '-noout', '-nameopt', 'RFC2253', '-subject',
	  '-issuer', '-serial', '-dates', '-dateopt', 'iso_8601', '-fingerprint', '-sha256');
	s/ /T/ for @said{qw(notBefore notAfter)};
	my $want = join '|',
		@said{ 'subject', 'issuer', 'serial', 'notBefore', 'notAfter', 'sha256 Fingerprint' };
	my $have = $has_expired ? $want : join '|',
		map { field($name, $_) } qw(subject issuer serial not_before not_after fingerprint);
	my $view = $adm->value(
		q{SELECT concat_ws('|', subject, issuer, serial, to_char(not_before AT TIME ZONE 'UTC', $2),
			to_char(not_after AT TIME ZONE 'UTC', $2), fingerprint)
		FROM vault.certificates WHERE name = $1}, $name, 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
	push @different, "$path: $want / $have / $view" if $want ne $have || $want ne $view;
	push @different, "$path: it has expired and can be read"
	  if $has_expired && $adm->query('SELECT vault.get($1)', $name)->{state} ne 'VT006';
	$compared++;
	$expired++ if $has_expired;
}
is("@different", '',
	"$compared authorities of Debian: fields and view agree with openssl; "
	  . "$expired have expired, are kept, and cannot be read");
cmp_ok($compared, '>=', 100, 'there are authorities');
cmp_ok($expired, '<', $compared, 'not all have expired');

# ---- SSH ----

my @kinds = map { my $form = $_; map { [ $form, @$_ ] } [ 'rsa', 2048 ], [ 'rsa', 3072 ],
	[ 'ecdsa', 256 ], [ 'ecdsa', 384 ], [ 'ecdsa', 521 ] } qw(RFC4716 PEM PKCS8);
for my $kind ([ 'RFC4716', 'ed25519', 256 ], @kinds)
{
	my ($form, $type, $bits) = @$kind;
	my $name = "$form.$type.$bits";
	output('ssh-keygen', '-q', '-t', $type, '-b', $bits, '-m', $form, '-N', '', '-C', "me\@$name",
		'-f', "$dir/$name");
	my $result = put("ssh/$name", text($name), 'ssh_key');
	is($result->{state}, '00000', "$name: taken") or diag $result->{message};
	next if $result->{state} ne '00000';
	is(field("ssh/$name", 'public_key'), output('ssh-keygen', '-y', '-f', "$dir/$name"),
		"$name: the public key is that of ssh-keygen -y");
	my ($said_bits, $fingerprint) = split / /, output('ssh-keygen', '-l', '-f', "$dir/$name");
	is(field("ssh/$name", 'fingerprint') . ' ' . field("ssh/$name", 'key_bits'),
		"$fingerprint $said_bits", "$name: fingerprint and bits are those of ssh-keygen -l");
	is($adm->value('SELECT vault.get($1)', "ssh/$name"), text($name),
		"$name: it comes back as it was");
}
output('openssl', 'genpkey', '-algorithm', 'ED25519', '-out', "$dir/pkcs8");
is(put('ssh/pkcs8', text('pkcs8'), 'ssh_key')->{state}, '00000', 'Ed25519 of openssl is taken');
is($adm->value('SELECT vault.rotate($1)', 'ssh/pkcs8'), 2, 'and another key made up');
for my $version (1, 2)
{
	write_file("$dir/made$version", $adm->value('SELECT vault.get($1, $2)', 'ssh/pkcs8', $version));
	is(output('ssh-keygen', '-y', '-f', "$dir/made$version"),
		$adm->value('SELECT vault.get_field($1, $2, $3)', 'ssh/pkcs8', 'public_key', $version),
		"ssh-keygen reads version $version");
}
isnt(text('made1'), text('made2'), 'they differ');
is($adm->value(q{SELECT metadata ->> 'fingerprint' FROM vault.secrets WHERE name = $1},
	'ssh/pkcs8'), (split / /, output('ssh-keygen', '-l', '-f', "$dir/made2"))[1],
	'the fingerprint is shown with the secret');

output('ssh-keygen', '-q', '-t', 'ed25519', '-N', $passphrase, '-f', "$dir/locked");
refused('locked', qr/encrypted.*ssh-keygen -p/, put('bad', text('locked'), 'ssh_key'),
	text('locked'));
output('ssh-keygen', '-q', '-t', 'rsa', '-b', 1024, '-N', '', '-f', "$dir/small");
refused('small', qr/weaker than the policy asks/, put('bad', text('small'), 'ssh_key'),
	text('small'));
refused('public', qr/not a private key/, put('bad', text('RFC4716.ed25519.256.pub'), 'ssh_key'),
	text('RFC4716.ed25519.256.pub'));
refused('cut', qr/no END line/, put('bad', substr(text('RFC4716.rsa.2048'), 0, 700), 'ssh_key'),
	text('RFC4716.rsa.2048'));
refused('two', qr/more than one key/,
	put('bad', text('RFC4716.rsa.2048') . text('RFC4716.ed25519.256'), 'ssh_key'),
	text('RFC4716.rsa.2048'));
refused('of a certificate', qr/not a private key/, put('bad', text('web.crt'), 'ssh_key'),
	text('web.crt'));

# ---- no trace ----

my $control = canary();
$node->safe_psql('postgres', "CREATE TABLE plain AS SELECT '$control'::text; CHECKPOINT");
$node->stop;
my @places = ($node->data_dir, $node->logfile);
isnt(scalar(scan_for($control, @places)), 0, 'what leaves a trace is found');
is(join(' ', scan_for($_->[1], @places)), '', "$_->[0]: no trace")
  for [ 'the passphrase', $passphrase ], [ 'a wrong one', $wrong ],
  	map { [ "a line of $_", (split /\n/, text($_))[1] ] }
  	qw(web.key RFC4716.ed25519.256 RFC4716.rsa.2048);
done_testing();
