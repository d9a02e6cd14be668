# A ring that is full, or flooded by one tenant, takes no room from others and loses no promised
# row. Other tenants and operators have room of their own. Refusals and aborted changes have kept
# places. A record that finds no room waits in its session. The worker is stopped, so that what fits
# is exact.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

# Eight lanes of 16 records, of which 2 are kept.
my $node = new_vault_node('main',
	conf => "vault.audit_ring_size = 128\nvault.audit_timeout = 500ms\nautovacuum = off");
$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN; CREATE ROLE other LOGIN; CREATE ROLE nobody LOGIN;
	CREATE ROLE ops LOGIN IN ROLE vault_admin;
	CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
	SELECT vault.create_tenant('acme', 'app'), vault.create_tenant('globex', 'other')});
psql_as($node, 'app', q{SELECT vault.put('db/' || i, 'value') FROM generate_series(1, 100) i});
psql_as($node, 'other', q{SELECT vault.put('web/key', 'value')});
$node->safe_psql('postgres', q{
	ALTER ROLE app SET vault.audit_mode = queued;
	ALTER ROLE other SET vault.audit_mode = queued;
	ALTER ROLE ops SET vault.audit_mode = queued});

my %client = map { $_ => VaultClient->new($node, $_) } qw(app other ops nobody);
$client{$_}->query('SELECT vault.whoami()') for qw(app other ops);
my $leaver = VaultClient->new($node, 'app');
$leaver->simple('SELECT vault.whoami()');
my $direct = VaultClient->new($node, 'postgres');

my $worker = $node->safe_psql('postgres',
	q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault audit'});
sub rows { return $node->safe_psql('postgres',
	"SELECT count(*) FROM vault_data.audit_log WHERE $_[0]") }
Time::HiRes::sleep(0.1);
my $id = $node->safe_psql('postgres', 'SELECT coalesce(max(id), 0) FROM vault_data.audit_log');
kill 'STOP', $worker or die $!;

# ---- a tenant fills its lane ----

my $result;
my $read = 0;
while (($result = $client{app}->query(q{SELECT vault.get('db/1')}))->{state} eq '00000') { $read++ }
is($result->{state}, 'VT011', 'a tenant whose lane is full is refused');
is($read, 14, 'having had what a lane has room for, less what is kept');
is($client{other}->query(q{SELECT vault.get('web/key')})->{state}, '00000', 'another tenant reads');
is($client{ops}->query(q{SELECT count(*) FROM vault.verify('globex')})->{state}, '00000',
	'an operator works');

# ---- its refusals have places of their own, and then wait in the session ----

is($client{app}->query(qq{SELECT vault.get('nowhere/$_')})->{state}, 'VT005',
	"refusal $_ is one as before") for 1 .. 5;
is($client{app}->query(q{SELECT vault.get('db/2')})->{state}, 'VT011',
	'reads are refused all the same');

# ---- changes that are rolled back, more than are told each by each ----

$client{app}->simple('BEGIN');
$client{app}->simple(qq{SELECT vault.tag('db/$_', '{"a": "b"}')}) for 1 .. 70;
$client{app}->simple('ROLLBACK');
$leaver->simple('BEGIN');
$leaver->simple(q{SELECT vault.put('db/99', 'other')});
$leaver->close;

# ---- strangers do not stand in the way of other sessions ----

$client{nobody}->query(q{SELECT vault.get('db/1')}) for 1 .. 3;
is($client{other}->query(q{SELECT vault.get('web/key')})->{state}, '00000',
	'the other tenant still reads');

kill 'CONT', $worker or die $!;
$client{app}->query('SELECT vault.whoami()');
my $wanted =
	qq{SELECT count(*) = 65 FROM vault_data.audit_log
		WHERE id > $id AND decision = 'aborted' AND operation = 'tag'};
ok($node->poll_query_until('postgres', $wanted),
	'what was rolled back is told: 64 changes, and one row for the rest')
  or diag(rows("id > $id AND decision = 'aborted'"));
is($node->safe_psql('postgres',
	"SELECT reason FROM vault_data.audit_log WHERE id > $id AND reason ~ '^stands for'"),
	'stands for up to 6 changes', 'with their number');
ok($node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM vault_data.audit_log
		WHERE id > $id AND decision = 'aborted' AND operation = 'put'"),
	'so is that of a session that went away');
is(rows("id > $id AND operation = 'get' AND decision = 'error' AND secret LIKE 'nowhere/%'"), 5,
	'all refusals are there');
is(rows("id > $id AND operation = 'get' AND decision = 'allow' AND secret = 'db/1'"), $read,
	'and all reads, each once');
is(rows("id > $id AND operation = 'get' AND reason ~ '^VT011'"), 2,
	'and those that were refused for want of room');
is(rows("decision = 'alert' AND reason ~ 'records are lost'"), 0, 'nothing was lost');

# ---- a flood does not delay others by what is waiting ----

$client{$_}->close for keys %client;
$client{other} = VaultClient->new($node, 'other');
my $script = $node->basedir . '/flood.sql';
write_file($script, "SELECT count(*) FROM vault.get_many('db/**');\n");
chmod 0644, $script;
$node->safe_psql('postgres', q{
	ALTER ROLE app SET vault.audit_timeout = 60000;
	ALTER ROLE app RESET vault.audit_mode;
	ALTER ROLE other RESET vault.audit_mode});
my $flood = IPC::Run::start([ 'pgbench', '-n', '-c', 3, '-T', 5, '-f', $script, '-U', 'app', '-h',
	$node->host, '-p', $node->port, 'postgres' ], '>', \my $out, '2>', \my $err);
$node->poll_query_until('postgres',
	"SELECT count(*) > 2000 FROM vault_data.audit_log WHERE operation = 'get_many'") or die;
my $reader = VaultClient->new($node, 'other');
$reader->query(q{SELECT vault.get('web/key')});
# Between the time of a record and the row stand at most two batches: rows of the other tenant that
# were written in between.
my $before = $node->safe_psql('postgres', 'SELECT max(id) FROM vault_data.audit_log');
$reader->query(q{SELECT vault.get('web/key')}) for 1 .. 50;
my $between = $node->safe_psql('postgres', <<"SQL");
SELECT max(n) FROM (
	SELECT r.id, (SELECT count(*) FROM vault_data.audit_log f
		WHERE f.tenant <> r.tenant AND f.id < r.id
		AND f.id > (extract(epoch FROM r.at - '2000-01-01 00:00:00+00') * 1000000)::bigint) AS n
	FROM vault_data.audit_log r
	WHERE r.id > $before AND r.tenant = 'globex' AND r.operation = 'get') s
SQL
cmp_ok($between, '<=', 3 * 256, "at most $between records of the flood come first");
$flood->finish;
is(psql_as($node, 'auditor', 'SELECT count(*) FROM vault.verify_audit() WHERE NOT ok'), 0,
	'and the trail is whole');

$node->stop;
done_testing();
