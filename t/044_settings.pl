# Settings that weaken leave a row in the trail for every role that changes them and every way to do
# it: for roles, databases, the system, sessions and functions, in files, and from another database.
# Other settings leave none, nor do those that any role may set. A value that a background worker
# reads, without a client, leaves an alert.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $node = new_vault_node('main',
	conf => "vault.max_denials = 0\nvault.rotation_hosts = 'db.example:5432'");
$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE boss LOGIN CREATEROLE;
	CREATE ROLE shop LOGIN IN ROLE vault_client;
	GRANT shop TO boss WITH ADMIN OPTION;
	SELECT vault.create_tenant('acme', 'app');
	CREATE DATABASE other});
psql_as($node, 'app', q{SELECT vault.put('db/key', 'value')});

my $since = 0;
sub since_now { $since = $node->safe_psql('postgres', 'SELECT max(id) FROM vault_data.audit_log');
	return }

# rows(): those since since_now(), "operation: reason" each
sub rows
{
	return $node->safe_psql('postgres',
		qq{SELECT string_agg(operation || ': ' || reason, E'\\n' ORDER BY id) FROM vault.audit
		WHERE id > $since AND decision = 'alert' AND object_kind = 'setting' AND secret IS NULL
		AND tenant_id = '00000000-0000-0000-0000-000000000000'});
}

# leaves(STATEMENT, ROWS, OPTION => VALUE ...): options as for psql_as, role and dbname
sub leaves
{
	my ($statement, $rows, %opt) = @_;
	my $role = delete $opt{role} // 'postgres';
	since_now();
	psql_as($node, $role, $statement, %opt);
	$node->poll_query_until('postgres',
		qq{SELECT count(*) > 0 FROM vault.audit WHERE id > $since AND object_kind = 'setting'})
		if $rows =~ /^SET/;
	is(rows(), $rows, "$role: " . join ' ', split ' ', $statement);
	return;
}

# ---- settings that the server starts with ----

my $start =
	q{SELECT string_agg(reason, ', ' ORDER BY id) FROM vault.audit WHERE operation = 'settings'};
ok($node->poll_query_until('postgres', "SELECT ($start) IS NOT NULL"),
	'the worker tells of what is weaker than usual');
is($node->safe_psql('postgres', $start), 'vault.max_denials is weaker than usual: 0',
	'and of nothing else');

# ---- statements, in the transaction that changes ----

leaves(q{ALTER ROLE shop SET vault.audit_mode = 'queued'},
	'ALTER ROLE: vault.audit_mode = queued for role "shop"');
is($node->safe_psql('postgres',
	qq{SELECT role, session_role FROM vault.audit WHERE id > $since AND object_kind = 'setting'}),
	'postgres|postgres', 'who did it');
leaves(q{ALTER ROLE shop IN DATABASE postgres SET "VAULT.audit_MODE" TO queued},
	'ALTER ROLE: vault.audit_mode = queued for role "shop" in database "postgres"');
leaves(q{ALTER ROLE shop RESET vault.audit_mode},
	'ALTER ROLE: vault.audit_mode reset for role "shop"');
leaves(q{ALTER USER shop IN DATABASE postgres RESET ALL},
	'ALTER ROLE: all settings reset for role "shop" in database "postgres"');
leaves(q{ALTER ROLE ALL SET vault.redaction = 'standard'},
	'ALTER ROLE: vault.redaction = standard for all roles');
leaves(q{ALTER ROLE ALL RESET vault.redaction}, 'ALTER ROLE: vault.redaction reset for all roles');
leaves(q{ALTER DATABASE postgres SET log_statement = 'all'},
	'ALTER DATABASE: log_statement set for database "postgres"');
leaves(q{ALTER DATABASE postgres RESET log_statement},
	'ALTER DATABASE: log_statement reset for database "postgres"');
leaves(q{ALTER SYSTEM SET vault.rotation_hosts = 'evil.example:5432'},
	'ALTER SYSTEM: vault.rotation_hosts set for the system');
leaves(q{ALTER SYSTEM RESET ALL}, 'ALTER SYSTEM: all settings reset for the system');
leaves(
	q{CREATE FUNCTION public.f() RETURNS int LANGUAGE sql
		SET session_replication_role = replica AS 'SELECT 1'},
	'CREATE FUNCTION: session_replication_role set for a function');
leaves(q{ALTER FUNCTION public.f() SET vault.audit_mode = queued},
	'ALTER FUNCTION: vault.audit_mode = queued for a function');
leaves(q{SET session_replication_role = replica}, 'SET: session_replication_role set in a session');
leaves(q{BEGIN; SET LOCAL vault.role_binding = 'open'; COMMIT},
	'SET: vault.role_binding = open in a transaction');
leaves(q{DO $$ BEGIN EXECUTE 'ALTER ROLE shop SET session_replication_role = replica'; END $$},
	'ALTER ROLE: session_replication_role set for role "shop"');
leaves(q{
	BEGIN;
	SET log_statement = none;
	SET TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY;
	SELECT 1;
	COMMIT},
	'SET: log_statement set in a session');

leaves($_, '') for q{ALTER ROLE shop SET work_mem = '8MB'},
	q{ALTER DATABASE other SET log_statement = 'all'},
  q{ALTER ROLE shop IN DATABASE other SET vault.audit_mode = queued}, 'RESET ALL; DISCARD ALL',
  	'SET row_security = off; SET debug_print_plan = on; SHOW vault.audit_mode';

since_now();
$node->safe_psql('postgres', q{BEGIN; ALTER ROLE shop SET vault.audit_mode = queued; ROLLBACK});
is(rows(), '', 'what is rolled back is no change');
ok($node->poll_query_until('postgres',
	qq{SELECT count(*) = 1 FROM vault.audit
		WHERE id > $since AND operation = 'ALTER ROLE' AND decision = 'aborted'}),
	'but is told of');

# ---- others than superusers ----

leaves(q{ALTER ROLE shop SET debug_print_parse = on},
	'ALTER ROLE: debug_print_parse set for role "shop"', role => 'boss');
leaves(q{ALTER ROLE boss SET debug_print_parse = on}, '', role => 'boss');
since_now();
my ($rc) = psql_as($node, 'boss', q{ALTER ROLE shop SET vault.audit_mode = queued});
isnt($rc, 0, 'an ordinary role may not');
is(rows(), '', 'and what is refused changes nothing');
leaves('GRANT SET ON PARAMETER work_mem, vault.audit_mode TO boss',
	'GRANT: the right to set vault.audit_mode granted');
leaves(q{ALTER ROLE shop SET vault.audit_mode = queued},
	'ALTER ROLE: vault.audit_mode = queued for role "shop"', role => 'boss');

# ---- from another database ----

since_now();
$node->safe_psql('other', $_)
	for q{ALTER ROLE app SET vault.audit_timeout = 1000}, q{SET vault.audit_mode = queued},
	q{ALTER DATABASE postgres SET debug_print_rewritten = off};
ok($node->poll_query_until('postgres',
	qq{SELECT count(*) >= 2 FROM vault.audit WHERE id > $since AND object_kind = 'setting'}),
	'the worker writes what others changed elsewhere');
is(rows(),
	qq{ALTER ROLE: vault.audit_timeout = 1000 for role "app", in database "other"\n}
	  . 'ALTER DATABASE: debug_print_rewritten set for database "postgres", in database "other"',
	'and where');

# ---- by means that are no statement about a setting ----

for my $how (
	[ 'set_config()', q{SELECT set_config('vault.audit_mode', 'queued', false)} ],
	[ 'a function',
	q{CREATE OR REPLACE FUNCTION public.g() RETURNS text LANGUAGE sql
		SET vault.audit_mode = queued AS 'SELECT tenant FROM vault.whoami()'} ])
{
	since_now();
	my $session = VaultClient->new($node, 'postgres');
	$session->simple($_)
		for $how->[1], ($how->[0] eq 'a function' ? 'SELECT public.g()' : ('SELECT vault.whoami()')
		x 2);
	$session->close;
	$node->poll_query_until('postgres',
		qq{SELECT count(*) > 0 FROM vault.audit WHERE id > $since AND operation = 'settings'});
	like(rows(),
		qr/^(?:CREATE FUNCTION: .*\n)?settings: vault\.audit_mode is queued in this session$/,
		"$how->[0]: the first call tells, once");
}
since_now();
is(psql_as($node, 'shop', 'SHOW vault.audit_mode'), 'queued', 'a role whose reads are queued');
($rc) = psql_as($node, 'shop', 'SELECT vault.whoami()');
is(rows(), '', 'was told of when it was changed');

# ---- files ----

since_now();
set_conf($node, 'vault.audit_mode', 'queued');
set_conf($node, 'vault.proxies', '192.0.2.1');
set_conf($node, 'work_mem', '8MB');
ok($node->poll_query_until('postgres',
	qq{SELECT count(*) >= 2 FROM vault.audit WHERE id > $since AND operation = 'settings'}),
	'what a reload changes');
is(rows(), "settings: vault.audit_mode is now queued\nsettings: vault.proxies was changed",
	'is told of, with values that can be no secret');

# ---- without a client ----

$node->safe_psql('postgres',
	q{SELECT cron.schedule_in_database('steal', '* * * * *', $$SELECT vault.get('db/key')$$,
		'postgres', 'app')});
my $alert = q{FROM vault.audit WHERE decision = 'alert' AND operation = 'get'};
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 $alert"),
	'a value that a background worker reads leaves an alert');
$node->safe_psql('postgres',
	q{SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = 'steal'});
is($node->safe_psql('postgres',
	"SELECT DISTINCT role, session_role, authenticated_role IS NULL, application_name, secret,
		reason $alert"),
	'app|app|t|pg_cron|db/key|a value is read by a background worker, without a client',
		'which names the worker');
psql_as($node, 'app', q{SELECT vault.get('db/key')});
is($node->safe_psql('postgres', "SELECT count(*) $alert AND authenticated_role IS NOT NULL"), 0,
	'a client leaves none');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault.verify_audit() WHERE fault IS NOT NULL}), 0, 'the trail is whole');

$node->stop;
done_testing();
