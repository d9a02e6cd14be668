# Conditions on the connection hold for the real address, TLS and client certificate, over a real
# TCP and TLS listener. Nothing is allowed by address over a Unix socket or behind a listed proxy,
# and denials by address hold there. A verified token may claim the address if its issuer may say
# so. The trail names the certificate.
use strict;
use warnings;

use IO::Socket::IP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultJwt;
use VaultTest;

my $tls = PostgreSQL::Test::Utils::tempdir;

sub openssl
{
	system_or_bail('openssl', @_);
	return;
}

# A certificate of that CA, with its key
sub certificate
{
	my ($name, $ca, $subject, $extension) = @_;
	openssl('req', '-new', '-utf8', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
		'-nodes', '-subj', $subject, '-keyout', "$tls/$name.key",
		'-out', "$tls/$name.csr");
	write_file("$tls/$name.ext", $extension);
	openssl('x509', '-req', '-in', "$tls/$name.csr", '-CA', "$tls/$ca.crt", '-CAkey',
		"$tls/$ca.key", '-CAcreateserial', '-days', '2',
		'-extfile', "$tls/$name.ext", '-out', "$tls/$name.crt");
	chmod 0600, "$tls/$name.key" or die;
	return;
}

for my $ca (qw(ca other_ca))
{
	openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-subj', "/CN=$ca", '-days', '2', '-keyout',
		"$tls/$ca.key", '-out', "$tls/$ca.crt");
}
certificate('server', 'ca', '/CN=localhost', "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
certificate('billing', 'ca', '/O=Acme/CN=billing',
	"subjectAltName=DNS:billing.internal,URI:spiffe://acme/billing,email:billing\@acme.example\n");
certificate('plain', 'ca', '/CN=plain', "basicConstraints=CA:FALSE\n");
certificate('dns', 'ca', '/', "subjectAltName=DNS:only.internal,DNS:second.internal\n");
certificate('foreign', 'ca', "/CN=m\xc3\xbcller\x01", "subjectAltName=email:m\@acme.example\n");
certificate('long', 'ca', join('', map { '/OU=' . $_ x 64 } 1 .. 5) . '/CN=long',
	"basicConstraints=CA:FALSE\n");
certificate('forged', 'other_ca', '/O=Acme/CN=billing', "subjectAltName=DNS:billing.internal\n");

my $has_ipv6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1) ? 1 : 0;
my $node = new_vault_node('main',
	conf => "listen_addresses = '127.0.0.1" . ($has_ipv6 ? ',::1' : '') . "'
ssl = on
ssl_cert_file = '$tls/server.crt'
ssl_key_file = '$tls/server.key'
ssl_ca_file = '$tls/ca.crt'");
$node->append_conf('pg_hba.conf', "host all all ::1/128 trust\nhost all all 127.0.0.1/32 trust");
$node->reload;

$node->safe_psql('postgres', q{
	CREATE ROLE adm LOGIN;
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'adm')});
psql_as($node, 'adm', q{
	SELECT vault.create_principal('app', db_role => 'app');
	SELECT vault.put('key', 'value');
	SELECT vault.put('open', 'value');
	SELECT vault.grant('app', '{read}', 'open')});

# The value or the SQLSTATE, by a connection with these parameters
sub get
{
	my ($name, $connection) = @_;
	my ($rc, $out, $err) = $node->psql('postgres',
		"\\set VERBOSITY sqlstate\nSELECT vault.get('$name')",
		connstr => 'dbname=postgres user=app ' . $connection);
	return $out if $rc == 0 && $err eq '';
	return $err =~ /ERROR:\s+(\w{5})/ ? $1 : "no connection";
}

my $port = $node->port;
my $unix = 'host=' . $node->host . " port=$port";
my $tcp = "host=127.0.0.1 port=$port sslmode=disable";
my $secure = "host=127.0.0.1 port=$port sslmode=verify-full sslrootcert=$tls/ca.crt";

sub with_certificate
{
	my ($name) = @_;
	return "$secure sslcert=$tls/$name.crt sslkey=$tls/$name.key";
}

# Gives a grant with these conditions, checks what comes over each connection, and revokes it
sub holds
{
	my ($what, $arguments, %expected) = @_;
	my $id = psql_as($node, 'adm', "SELECT vault.grant('app', '{read}', 'key', $arguments)");
	my %connection = (
		unix => $unix, tcp => $tcp, tls => $secure, billing => with_certificate('billing'),
		plain => with_certificate('plain'));
	for my $by (sort keys %expected)
	{
		is(get('key', $connection{$by}), $expected{$by} ? 'value' : '42501',
			"$what: " . ($expected{$by} ? 'allowed' : 'refused') . " by $by");
	}
	psql_as($node, 'adm', "SELECT vault.revoke('$id')");
	return;
}

is(get('open', $unix), 'value', 'there is a connection: Unix socket');
is(get('open', $tcp), 'value', 'there is a connection: TCP');
is(get('open', $secure), 'value', 'there is a connection: TLS');
is(get('open', with_certificate('billing')), 'value',
	'there is a connection: TLS with a client certificate');
is(get('open', with_certificate('forged')), 'no connection',
	'a certificate of another authority does not get in');

holds('no condition', 'NULL', unix => 1, tcp => 1, tls => 1);
holds('address', q{addresses => '{127.0.0.0/8}'}, unix => 0, tcp => 1, tls => 1);
holds('address, mapped', q{addresses => '{::ffff:127.0.0.1}'}, unix => 0, tcp => 1);
holds('another address', q{addresses => '{10.0.0.0/8,::1}'}, unix => 0, tcp => 0);
holds('TLS', 'require_tls => true', unix => 0, tcp => 0, tls => 1, plain => 1);
holds('common name', q{services => '{cn:billing}'}, unix => 0, tcp => 0, tls => 0, billing => 1,
	plain => 0);
holds('distinguished name', q{services => '{"dn:CN=billing,O=Acme"}'}, tls => 0, billing => 1,
	plain => 0);
holds('DNS name', q{services => '{dns:billing.internal}'}, tls => 0, billing => 1, plain => 0);
holds('URI', q{services => '{uri:spiffe://acme/billing}'}, billing => 1, plain => 0);
holds('email', q{services => '{email:billing@acme.example}'}, billing => 1, plain => 0);
holds('another kind of name', q{services => '{cn:billing.internal,dns:billing,token:billing}'},
	billing => 0);
holds('one of several', q{services => '{cn:none,cn:plain}'}, billing => 0, plain => 1);
holds('all together',
	q{addresses => '{127.0.0.1}', require_tls => true, services => '{cn:billing}',
		windows => '{daily 00:00-24:00 UTC}'},
	unix => 0, tcp => 0, tls => 0, billing => 1, plain => 0);

SKIP:
{
	skip 'no IPv6 here', 2 unless $has_ipv6;
	my $id = psql_as($node, 'adm',
		q{SELECT vault.grant('app', '{read}', 'key', addresses => '{::1}')});
	is(get('key', "host=::1 port=$port sslmode=disable"), 'value', 'IPv6: allowed');
	is(get('key', $tcp), '42501', 'IPv6: refused to IPv4');
	psql_as($node, 'adm', "SELECT vault.revoke('$id')");
}

# denials: where they hold, and where the address is not known
my $allow = psql_as($node, 'adm', q{SELECT vault.grant('app', '{read}', 'key')});
my $deny = psql_as($node, 'adm',
	q{SELECT vault.grant('app', '{read}', 'key', effect => 'deny', addresses => '{10.0.0.0/8}')});
is(get('key', $tcp), 'value', 'a denial elsewhere does not hold here');
is(get('key', $unix), '42501', 'a denial by address holds where the address is not known');
psql_as($node, 'adm', "SELECT vault.revoke('$deny')");
$deny = psql_as($node, 'adm',
	q{SELECT vault.grant('app', '{read}', 'key', effect => 'deny', addresses => '{127.0.0.1}')});
is(get('key', $tcp), '42501', 'a denial holds at its address');
psql_as($node, 'adm', "SELECT vault.revoke('$deny'), vault.revoke('$allow')");

# proxies: their address is nobody's
$allow = psql_as($node, 'adm',
	q{SELECT vault.grant('app', '{read}', 'key', addresses => '{127.0.0.1}')});
is(get('key', $tcp), 'value', 'no proxy is listed');
set_conf($node, 'vault.proxies', '192.0.2.0/24, 127.0.0.1');
is(get('key', $tcp), '42501', 'behind a listed proxy nothing is allowed by address');
is(get('open', $tcp), 'value', 'behind a listed proxy the rest is');
my $offset = -s $node->logfile;
$node->append_conf('postgresql.conf', "vault.proxies = '127.0.0.1/8'");
$node->reload;
$node->wait_for_log(qr/invalid value for parameter "vault\.proxies"/, $offset);
is(get('key', $tcp), '42501', 'a malformed list is refused, and the old one stays');
set_conf($node, 'vault.proxies', '');
is(get('key', $tcp), 'value', 'the proxy is listed no more');
psql_as($node, 'adm', "SELECT vault.revoke('$allow')");

# ---- the address that a token claims ----

my $idp = VaultJwt::key('idp');
$node->safe_psql('postgres', 'CREATE ROLE pool LOGIN');
psql_as($node, 'adm',
	q{SELECT vault.add_issuer('idp', 'https://idp.example', 'vault', '} . jwks($idp)
	. q{', '{"address": "ip"}'),
	vault.add_issuer('bare', 'https://bare.example', 'vault', '} . jwks($idp)
	. q{'), vault.allow_tokens('pool')});
my %pool = (unix => $unix =~ s/^/user=pool /r, direct => "user=pool $tcp",
	proxy => "user=pool $tcp");

# Run statements in a session of the pool: return values, and the SQLSTATE of the first error
sub pooled
{
	my ($by, @statements) = @_;
	my ($rc, $out, $err) = $node->psql('postgres',
		"\\set VERBOSITY sqlstate\n" . join(";\n", @statements),
		connstr => "dbname=postgres $pool{$by}", extra_params => [ '-v', 'ON_ERROR_STOP=1' ]);
	return join ' ', split(/\n/, $out), $err =~ /ERROR:\s+(\w{5})/ ? $1 : ();
}

sub login { my ($token) = @_; return "SET LOCAL vault.token = '$token'" }
sub by_token { my ($by, $token) = @_;
	return pooled($by, 'BEGIN', login($token), q{SELECT vault.get('key')}, 'COMMIT') }
sub at { my ($address, %more) = @_;
	return token($idp, { sub => 'app', defined $address ? (ip => $address) : (), %more }) }

my %bare = (iss => 'https://bare.example');
my $issued = psql_as($node, 'adm', q{SELECT vault.issue_token('app')});
my $nothing = at(undef);

sub claims_hold
{
	my ($what, %expected) = @_;
	my %token = (
		inside => at('10.1.2.3'), mapped => at('::ffff:10.1.2.3'), v6 => at('2001:db8::7'),
		outside => at('192.0.2.1'), outside_v6 => at('2001:db9::7'),
		without => $nothing, bare => at(undef, %bare), bare_inside => at('10.1.2.3', %bare),
		bare_outside => at('192.0.2.1', %bare),
		other_claim => at(undef, address => '10.1.2.3', addr => '192.0.2.1'), issued => $issued);
	for my $name (sort keys %token)
	{
		is(by_token('unix', $token{$name}), $expected{$name} // $expected{else},
			"$what, Unix socket: $name");
		is(by_token('proxy', $token{$name}), $expected{$name} // $expected{else},
			"$what, listed proxy: $name");
	}
	return;
}

my $inside = psql_as($node, 'adm',
	q{SELECT vault.grant('app', '{read}', 'key', addresses => '{10.0.0.0/8,2001:db8::/32}')});
is(by_token('direct', at('10.1.2.3')), '42501',
	'who comes directly is where it is, whatever the token claims');
is(by_token('direct', at('127.0.0.1')), '42501', 'also if the claim is right');
set_conf($node, 'vault.proxies', '127.0.0.1');
claims_hold('an allowance', inside => 'value', mapped => 'value', v6 => 'value', else => '42501');
is(pooled('proxy', q{SELECT vault.get('key')}), 'VT010',
	'without a token the pool has no principal');

# the trail has both addresses: the connection's and the claimed one
sub last_addresses
{
	return $node->safe_psql('postgres',
		q{SELECT concat_ws(' ', decision, 'from', host(address), 'claimed', claimed_address)
			FROM vault.audit WHERE operation = 'get' ORDER BY id DESC LIMIT 1});
}
by_token('unix', at('10.1.2.3'));
is(last_addresses(), 'allow from claimed 10.1.2.3', 'the trail has the claim');
by_token('proxy', at('2001:db9::7'));
is(last_addresses(), 'deny from 127.0.0.1 claimed 2001:db9::7',
	'of a refusal too, beside the address of the proxy');
by_token('unix', $nothing);
is(last_addresses(), 'deny from claimed', 'and nothing where nothing was claimed');
get('key', $tcp);
is(last_addresses(), 'deny from 127.0.0.1 claimed', 'nor without a token');
is(get('key', "$unix application_name='app - 10.0.0.1:1'"), '42501',
	'a name of the application is no address');

# not kept from one token to the next, and back with a savepoint
my ($in, $out) = map { login(at($_)) } '10.1.2.3', '192.0.2.1';
my $get = q{SELECT vault.get('key')};
is(pooled('unix', 'BEGIN', $in, $get, 'COMMIT', 'BEGIN', $out, $get, 'COMMIT'), 'value 42501',
	'the next transaction is elsewhere');
is(pooled('unix', 'BEGIN', $in, $get, $out, $get, 'COMMIT'), 'value 42501',
	'the next token is elsewhere');
is(pooled('unix', 'BEGIN', $in, $get, login($nothing), $get, 'COMMIT'), 'value 42501',
	'the next token is nowhere');
is(pooled('unix', 'BEGIN', $in, 'SAVEPOINT s', $out, 'ROLLBACK TO s', $get, 'COMMIT'), 'value',
	'a savepoint takes the claim back');
is(pooled('unix', 'BEGIN', $out, 'SAVEPOINT s', $in, $get, 'ROLLBACK TO s', $get, 'COMMIT'),
	'value 42501', 'and gives none');

# a claim that is no address refuses the whole token, and only the trail says why
psql_as($node, 'adm',
	q{SELECT vault.grant('app', '{read}', 'open-to-tokens'), vault.put('open-to-tokens', 'value')});
my $case = 0;
for my $claim ('"10.0.0.0/8"', '"10.1.2"', '"localhost"', '" 10.1.2.3"', '"10.1.2.3\n"',
	'"10.1.2.3,10.1.2.4"', '"010.1.2.3"', '"0xa010203"', '"::1%lo"', '"fe80::1%1"',
	'"[2001:db8::7]"', '"10.1.2.3:80"', '""', '167838211', '["10.1.2.3"]', '{"ip": "10.1.2.3"}',
		'true', 'null', '"' . '1' x 300 . '"', '"10.1.2.3\u0000"')
{
	my $now = time;
	my $what = 'a claim of ' . substr $claim, 0, 30;
	my $token = raw_token($idp, '{"alg":"EdDSA","kid":"idp"}',
		qq({"iss":"https://idp.example","aud":"vault","iat":$now,"exp":${\ ($now + 300)},)
		  . qq("sub":"app","ip":$claim}));
	my ($rc, $said, $err) = $node->psql('postgres',
		"BEGIN;\nSET vault.request_id = 'claim-${\ ++$case}';\n" . login($token)
		. ";\nSELECT vault.get('open-to-tokens')", connstr => "dbname=postgres $pool{unix}");
	like($err, qr/^psql:[^\n]*ERROR:  the token was refused\nHINT:[^\n]*\z/, "$what: one text");
	like($node->safe_psql('postgres',
		"SELECT reason FROM vault.audit WHERE request_id = 'claim-$case' AND operation = 'get'"),
		$claim =~ /u0000/ ? qr/^VT014: the token was refused: .*claims/
		: qr/^VT014: the token was refused: the claim for the address/,
		"$what: the trail says why");
}
is(pooled('unix', 'BEGIN', login($nothing), q{SELECT vault.get('open-to-tokens')}, 'COMMIT'),
	'value', 'while none at all is no fault');
psql_as($node, 'adm', "SELECT vault.revoke('$inside')");

# A denial holds at its address and where none is claimed, so that no caller hides from it.
$allow = psql_as($node, 'adm', q{SELECT vault.grant('app', '{read}', 'key')});
$deny = psql_as($node, 'adm',
	q{SELECT vault.grant('app', '{read}', 'key', effect => 'deny',
		addresses => '{10.0.0.0/8,2001:db8::/32}')});
claims_hold('a denial', outside => 'value', outside_v6 => 'value', else => '42501');
psql_as($node, 'adm', "SELECT vault.revoke('$allow'), vault.revoke('$deny')");

# an issuer that may no longer say so
$inside = psql_as($node, 'adm',
	q{SELECT vault.grant('app', '{read}', 'key', addresses => '{10.0.0.0/8}')});
is(by_token('unix', at('10.1.2.3')), 'value', 'the issuer may say the address');
psql_as($node, 'adm',
	q{SELECT count(*) FROM vault.import_policy(
		jsonb_set(vault.export_policy(), '{issuers,1,claim_mapping}', '{}'), false)});
is(by_token('unix', at('10.1.2.3')), '42501', 'and then may not');
psql_as($node, 'adm', "SELECT vault.revoke('$inside')");
set_conf($node, 'vault.proxies', '');

# the certificate is a column of the trail: allowed, refused, changed; without one there is nothing
sub service_of
{
	my ($condition) = @_;
	return $node->safe_psql('postgres',
		"SELECT coalesce(service, '(none)') FROM vault.audit WHERE $condition ORDER BY id DESC
			LIMIT 1");
}

my %service = (
	unix => '(none)', tcp => '(none)', tls => '(none)', billing => 'uri:spiffe://acme/billing',
		plain => 'dn:CN=plain', dns => 'dns:only.internal',
	foreign => 'dn:CN=m\C3\BCller\01',
	long => substr('dn:CN=long,' . join(',', map { 'OU=' . $_ x 64 } reverse 1 .. 5), 0, 255));
for my $by (sort keys %service)
{
	my $connection = $by eq 'unix' ? $unix : $by eq 'tcp' ? $tcp : $by eq 'tls' ? $secure
		: with_certificate($by);
	is(get('open', "$connection options='-c vault.request_id=$by'"), 'value', "$by: a read");
	is(service_of("request_id = '$by' AND decision = 'allow'"), $service{$by},
		"$by: the read has the service");
	is(get('hidden', "$connection options='-c vault.request_id=$by'"), '42501', "$by: a refusal");
	is(service_of("request_id = '$by' AND decision = 'deny'"), $service{$by},
		"$by: the refusal has it");
}
$node->psql('postgres', q{
	BEGIN;
	SELECT vault.put('by-certificate', 'x');
	COMMIT;
	SET vault.request_id = 'undone';
	BEGIN;
	SELECT vault.put('by-certificate', 'y');
	ROLLBACK},
	connstr => 'dbname=postgres user=adm ' . with_certificate('billing'), on_error_die => 1);
is(service_of(q{operation = 'put' AND decision = 'allow'}), 'uri:spiffe://acme/billing',
	'a change has it');
ok($node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM vault.audit
		WHERE request_id = 'undone' AND decision = 'aborted'
		AND service = 'uri:spiffe://acme/billing'}),
	'a change that was rolled back has it');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault.audit WHERE service IS NOT NULL AND NOT tls}), 0,
	'no service without TLS');

# and is evidence like the others
$node->poll_query_until('postgres',
	q{SELECT detail LIKE '%0 not sealed yet%' FROM vault.verify_audit('acme')}) or die 'not sealed';
is($node->safe_psql('postgres', q{SELECT ok FROM vault.verify_audit('acme')}), 't',
	'the trail verifies');
write_file("$tls/trail", $node->safe_psql('postgres', q{SELECT vault.export_audit('acme')}) . "\n");
like(read_file("$tls/trail"), qr/"service":"dns:only\.internal"/, 'the export has it');
my $verifier = $node->config_data('--bindir') . '/vault-audit-verify';
is(system($verifier, '-q', "$tls/trail"), 0, 'and the program for auditors takes it');
write_file("$tls/forged", read_file("$tls/trail") =~ s/dns:only\.internal/dns:other.internal/r);
isnt(system($verifier, '-q', "$tls/forged"), 0, 'but not another name');

# the trail has the address that decided, with its origin
is( $node->safe_psql('postgres',
	q{SELECT count(*) > 0 FROM vault_data.audit_log
		WHERE operation = 'get' AND decision = 'deny' AND address = '127.0.0.1' AND tls}),
	't', 'refusals are in the trail, with address and TLS');
done_testing();
