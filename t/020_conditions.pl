# Conditions on the connection hold for what the connection really is: address, TLS and client certificate over a real
# TCP and TLS listener; nothing is allowed by address over a Unix socket or behind a listed proxy, and denials by
# address hold there. The trail names the certificate.
use strict;
use warnings;

use IO::Socket::IP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
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
	openssl('req', '-new', '-utf8', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', $subject, '-keyout', "$tls/$name.key",
		'-out', "$tls/$name.csr");
	write_file("$tls/$name.ext", $extension);
	openssl('x509', '-req', '-in', "$tls/$name.csr", '-CA', "$tls/$ca.crt", '-CAkey', "$tls/$ca.key", '-CAcreateserial', '-days', '2',
		'-extfile', "$tls/$name.ext", '-out', "$tls/$name.crt");
	chmod 0600, "$tls/$name.key" or die;
	return;
}

for my $ca (qw(ca other_ca))
{
	openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', "/CN=$ca", '-days', '2', '-keyout',
		"$tls/$ca.key", '-out', "$tls/$ca.crt");
}
certificate('server', 'ca', '/CN=localhost', "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
certificate('billing', 'ca', '/O=Acme/CN=billing', "subjectAltName=DNS:billing.internal,URI:spiffe://acme/billing,email:billing\@acme.example\n");
certificate('plain', 'ca', '/CN=plain', "basicConstraints=CA:FALSE\n");
certificate('dns', 'ca', '/', "subjectAltName=DNS:only.internal,DNS:second.internal\n");
certificate('foreign', 'ca', "/CN=m\xc3\xbcller\x01", "subjectAltName=email:m\@acme.example\n");
certificate('long', 'ca', join('', map { '/OU=' . $_ x 64 } 1 .. 5) . '/CN=long', "basicConstraints=CA:FALSE\n");
certificate('forged', 'other_ca', '/O=Acme/CN=billing', "subjectAltName=DNS:billing.internal\n");

my $has_ipv6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1) ? 1 : 0;
my $node = new_vault_node('main', conf => "listen_addresses = '127.0.0.1" . ($has_ipv6 ? ',::1' : '') . "'
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
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT vault.get('$name')", connstr => 'dbname=postgres user=app ' . $connection);
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
		unix => $unix, tcp => $tcp, tls => $secure, billing => with_certificate('billing'), plain => with_certificate('plain'));
	for my $by (sort keys %expected)
	{
		is(get('key', $connection{$by}), $expected{$by} ? 'value' : '42501', "$what: " . ($expected{$by} ? 'allowed' : 'refused') . " by $by");
	}
	psql_as($node, 'adm', "SELECT vault.revoke('$id')");
	return;
}

is(get('open', $unix), 'value', 'there is a connection: Unix socket');
is(get('open', $tcp), 'value', 'there is a connection: TCP');
is(get('open', $secure), 'value', 'there is a connection: TLS');
is(get('open', with_certificate('billing')), 'value', 'there is a connection: TLS with a client certificate');
is(get('open', with_certificate('forged')), 'no connection', 'a certificate of another authority does not get in');

holds('no condition', 'NULL', unix => 1, tcp => 1, tls => 1);
holds('address', q{addresses => '{127.0.0.0/8}'}, unix => 0, tcp => 1, tls => 1);
holds('address, mapped', q{addresses => '{::ffff:127.0.0.1}'}, unix => 0, tcp => 1);
holds('another address', q{addresses => '{10.0.0.0/8,::1}'}, unix => 0, tcp => 0);
holds('TLS', 'require_tls => true', unix => 0, tcp => 0, tls => 1, plain => 1);
holds('common name', q{services => '{cn:billing}'}, unix => 0, tcp => 0, tls => 0, billing => 1, plain => 0);
holds('distinguished name', q{services => '{"dn:CN=billing,O=Acme"}'}, tls => 0, billing => 1, plain => 0);
holds('DNS name', q{services => '{dns:billing.internal}'}, tls => 0, billing => 1, plain => 0);
holds('URI', q{services => '{uri:spiffe://acme/billing}'}, billing => 1, plain => 0);
holds('email', q{services => '{email:billing@acme.example}'}, billing => 1, plain => 0);
holds('another kind of name', q{services => '{cn:billing.internal,dns:billing,token:billing}'}, billing => 0);
holds('one of several', q{services => '{cn:none,cn:plain}'}, billing => 0, plain => 1);
holds('all together', q{addresses => '{127.0.0.1}', require_tls => true, services => '{cn:billing}', windows => '{daily 00:00-24:00 UTC}'},
	unix => 0, tcp => 0, tls => 0, billing => 1, plain => 0);

SKIP:
{
	skip 'no IPv6 here', 2 unless $has_ipv6;
	my $id = psql_as($node, 'adm', q{SELECT vault.grant('app', '{read}', 'key', addresses => '{::1}')});
	is(get('key', "host=::1 port=$port sslmode=disable"), 'value', 'IPv6: allowed');
	is(get('key', $tcp), '42501', 'IPv6: refused to IPv4');
	psql_as($node, 'adm', "SELECT vault.revoke('$id')");
}

# denials: where they hold, and where the address is not known
my $allow = psql_as($node, 'adm', q{SELECT vault.grant('app', '{read}', 'key')});
my $deny = psql_as($node, 'adm', q{SELECT vault.grant('app', '{read}', 'key', effect => 'deny', addresses => '{10.0.0.0/8}')});
is(get('key', $tcp), 'value', 'a denial elsewhere does not hold here');
is(get('key', $unix), '42501', 'a denial by address holds where the address is not known');
psql_as($node, 'adm', "SELECT vault.revoke('$deny')");
$deny = psql_as($node, 'adm', q{SELECT vault.grant('app', '{read}', 'key', effect => 'deny', addresses => '{127.0.0.1}')});
is(get('key', $tcp), '42501', 'a denial holds at its address');
psql_as($node, 'adm', "SELECT vault.revoke('$deny'), vault.revoke('$allow')");

# proxies: their address is nobody's
$allow = psql_as($node, 'adm', q{SELECT vault.grant('app', '{read}', 'key', addresses => '{127.0.0.1}')});
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

# the certificate is a column of the trail: allowed, refused, changed; without one there is nothing
sub service_of
{
	my ($condition) = @_;
	return $node->safe_psql('postgres', "SELECT coalesce(service, '(none)') FROM vault.audit WHERE $condition ORDER BY id DESC LIMIT 1");
}

my %service = (
	unix => '(none)', tcp => '(none)', tls => '(none)', billing => 'uri:spiffe://acme/billing', plain => 'dn:CN=plain', dns => 'dns:only.internal',
	foreign => 'dn:CN=m\C3\BCller\01', long => substr('dn:CN=long,' . join(',', map { 'OU=' . $_ x 64 } reverse 1 .. 5), 0, 255));
for my $by (sort keys %service)
{
	my $connection = $by eq 'unix' ? $unix : $by eq 'tcp' ? $tcp : $by eq 'tls' ? $secure : with_certificate($by);
	is(get('open', "$connection options='-c vault.request_id=$by'"), 'value', "$by: a read");
	is(service_of("request_id = '$by' AND decision = 'allow'"), $service{$by}, "$by: the read has the service");
	is(get('hidden', "$connection options='-c vault.request_id=$by'"), '42501', "$by: a refusal");
	is(service_of("request_id = '$by' AND decision = 'deny'"), $service{$by}, "$by: the refusal has it");
}
$node->psql('postgres', q{BEGIN; SELECT vault.put('by-certificate', 'x'); COMMIT; SET vault.request_id = 'undone'; BEGIN; SELECT vault.put('by-certificate', 'y'); ROLLBACK},
	connstr => 'dbname=postgres user=adm ' . with_certificate('billing'), on_error_die => 1);
is(service_of(q{operation = 'put' AND decision = 'allow'}), 'uri:spiffe://acme/billing', 'a change has it');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM vault.audit WHERE request_id = 'undone' AND decision = 'aborted' AND service = 'uri:spiffe://acme/billing'}),
	'a change that was rolled back has it');
is($node->safe_psql('postgres', q{SELECT count(*) FROM vault.audit WHERE service IS NOT NULL AND NOT tls}), 0, 'no service without TLS');

# and is evidence like the others
$node->poll_query_until('postgres', q{SELECT detail LIKE '%0 not sealed yet%' FROM vault.verify_audit('acme')}) or die 'not sealed';
is($node->safe_psql('postgres', q{SELECT ok FROM vault.verify_audit('acme')}), 't', 'the trail verifies');
write_file("$tls/trail", $node->safe_psql('postgres', q{SELECT vault.export_audit('acme')}) . "\n");
like(read_file("$tls/trail"), qr/"service":"dns:only\.internal"/, 'the export has it');
my $verifier = $node->config_data('--bindir') . '/vault-audit-verify';
is(system($verifier, '-q', "$tls/trail"), 0, 'and the program for auditors takes it');
write_file("$tls/forged", read_file("$tls/trail") =~ s/dns:only\.internal/dns:other.internal/r);
isnt(system($verifier, '-q', "$tls/forged"), 0, 'but not another name');

# what decided is in the trail with where it came from
is( $node->safe_psql('postgres', q{SELECT count(*) > 0 FROM vault_data.audit_log WHERE operation = 'get' AND decision = 'deny' AND address = '127.0.0.1' AND tls}),
	't', 'refusals are in the trail, with address and TLS');
done_testing();
