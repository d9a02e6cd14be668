# DROP EXTENSION leaves nothing but the roles, and the extension can be made again. CREATE EXTENSION
# fails, and leaves nothing, if another role has prepared a schema or a role, and for a role that is
# not a superuser.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main', no_extension => 1, conf => 'log_statement = none');

# The objects of the vault in the catalogs, besides its roles
my $traces = q{
	SELECT 'extension ' || extname FROM pg_extension WHERE extname = 'vault'
	UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'vault%'
	UNION ALL SELECT 'relation ' || oid::regclass FROM pg_class
		WHERE relname ~ 'vault|secret|tenant|audit_log'
		AND relnamespace <> 'pg_catalog'::regnamespace
	UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc
		WHERE probin = '$libdir/vault' OR proname LIKE 'vault%'
	UNION ALL SELECT 'type ' || oid::regtype FROM pg_type WHERE typname ~ 'envelope|vault'
	UNION ALL SELECT 'cast ' || oid FROM pg_cast WHERE oid >= 16384
	UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
	UNION ALL SELECT 'policy ' || polname FROM pg_policy
		WHERE polrelid::regclass::text LIKE 'vault%'
	UNION ALL SELECT 'job ' || jobname FROM cron.job WHERE jobname LIKE 'vault:%'
	UNION ALL SELECT 'default privileges ' || oid FROM pg_default_acl
	UNION ALL SELECT 'object of ' || refobjid::regrole FROM pg_shdepend
		WHERE refclassid = 'pg_authid'::regclass AND refobjid::regrole::text LIKE 'vault%'
	ORDER BY 1};
my $roles =
	q{SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'vault%'};

$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron; CREATE EXTENSION pgcrypto');

sub fails
{
	my ($what, $message, $hint) = @_;
	my ($rc, undef, $stderr) = psql_as($node, 'postgres', 'CREATE EXTENSION vault');
	isnt($rc, 0, "$what: CREATE EXTENSION fails");
	like($stderr, $message, "$what: it says why");
	like($stderr, $hint, "$what: with a hint") if $hint;
	return;
}

# A role that is no superuser
$node->safe_psql('postgres',
	'CREATE ROLE mallory LOGIN CREATEDB CREATEROLE; GRANT CREATE ON DATABASE postgres TO mallory');
is(sql_state($node, 'CREATE EXTENSION vault', 'mallory'), '42501',
	'CREATE on the database does not suffice');
is($node->safe_psql('postgres', $traces), '', 'nothing is left behind');
is($node->safe_psql('postgres', $roles), '', 'no role either');

# Prepared schemas
for my $schema ('vault', 'vault_data')
{
	psql_as($node, 'mallory', qq{
		CREATE SCHEMA $schema;
		CREATE FUNCTION $schema.get(name text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'});
	fails("schema $schema prepared", qr/ERROR:  schema "$schema" already exists/);
	is($node->safe_psql('postgres', $traces), "schema $schema",
		'only the prepared schema is there');
	is($node->safe_psql('postgres', $roles), '', 'and no role');
	psql_as($node, 'mallory', "DROP SCHEMA $schema CASCADE");
}

# Prepared roles
for my $prepared (
	[ 'vault_owner', 'CREATE ROLE vault_owner LOGIN' ],
	[ 'vault_owner', 'CREATE ROLE vault_owner; GRANT vault_owner TO mallory' ],
	[ 'vault_exec', 'CREATE ROLE vault_exec; GRANT mallory TO vault_exec' ],
	[ 'vault_admin', 'CREATE ROLE vault_admin CREATEROLE' ],
	[ 'vault_client', 'CREATE ROLE vault_client BYPASSRLS' ],
	[ 'vault_jobs', 'CREATE ROLE vault_jobs' ],
	[ 'vault_jobs', q{CREATE ROLE vault_jobs LOGIN PASSWORD 'x'} ],
	[ 'vault_jobs', 'CREATE ROLE vault_jobs LOGIN; GRANT vault_jobs TO mallory' ],
	[ 'vault_jobs', q{CREATE ROLE vault_jobs LOGIN; ALTER ROLE vault_jobs SET search_path = x} ])
{
	my ($role, $sql) = @$prepared;
	$node->safe_psql('postgres', $sql);
	fails($sql, qr/ERROR:  role "$role" exists and is not as vault would have made it/,
		qr/HINT:  Drop the role/);
	is($node->safe_psql('postgres', $traces), '', "$sql: nothing is left behind");
	is($node->safe_psql('postgres', $roles), $role, "$sql: and no other role");
	$node->safe_psql('postgres', "DROP ROLE $role");
}

# Made, used, and dropped
create_vault_here();
my $first = $node->safe_psql('postgres', 'SELECT instance FROM vault.status()');
is(psql_as($node, 'app', q{SELECT vault.put('a', 'value')}), 1, 'the vault works');

$node->safe_psql('postgres', 'BEGIN; DROP EXTENSION vault; ROLLBACK');
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value',
	'a DROP that is rolled back changes nothing');
is(sql_state($node, 'DROP EXTENSION vault', 'app'), '42501', 'a principal cannot drop it');
is(sql_state($node, 'DROP EXTENSION vault', 'mallory'), '42501', 'nor can one with CREATEROLE');
is(sql_state($node, 'DROP TABLE vault_data.secret'), '2BP01',
	'not even a superuser drops a part of it');
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', 'and the vault still works');

$node->safe_psql('postgres', 'DROP EXTENSION vault');
is($node->safe_psql('postgres', $traces), '', 'DROP EXTENSION leaves nothing');
is($node->safe_psql('postgres', $roles),
	'vault_admin vault_auditor vault_client vault_exec vault_jobs vault_owner', 'but the roles');
is(sql_state($node, q{SELECT vault.get('a')}, 'app'), '3F000', 'and no function');

# Made again
create_vault_here();
isnt($node->safe_psql('postgres', 'SELECT instance FROM vault.status()'), $first,
	'made again, it is another vault');
is(sql_state($node, q{SELECT vault.get('a')}, 'app'), 'VT005', 'without the old secrets');
is(psql_as($node, 'app', q{SELECT vault.put('a', 'new'); SELECT vault.get('a')}), "1\nnew",
	'and works');
$node->restart;
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'new', 'also after a restart');

# In the same session, where caches could remember what is gone
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM vault.secrets;
		DROP EXTENSION vault;
		CREATE EXTENSION vault;
		SELECT count(*) FROM vault.init();
		SELECT vault.create_tenant('acme', 'app') IS NOT NULL;
		SET SESSION AUTHORIZATION app;
		SELECT vault.put('b', 'newest');
		SELECT vault.get('b')}),
	"1\n0\nt\n1\nnewest", 'dropped, made and used in one session');

# Background work on many tables and DROP EXTENSION never wait for each other: both take the
# extension first.
my $blocker = $node->background_psql('postgres', on_error_stop => 0);
$blocker->query_safe('BEGIN; LOCK TABLE vault_data.audit_progress');
ok($node->poll_query_until('postgres',
	q{SELECT count(*) FILTER (WHERE NOT l.granted
		AND l.relation = 'vault_data.audit_progress'::regclass) = 1
		AND count(*) FILTER (WHERE l.granted AND l.classid = 'pg_extension'::regclass) = 1
		FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE a.backend_type = 'vault sealer'}),
	'the sealer waits for a table, and holds the extension');
$blocker->query_safe('COMMIT; BEGIN; SELECT vault_data.job_partitions()');
my $dropper = $node->background_psql('postgres', on_error_stop => 0);
$dropper->query_until(qr/^dropping/m,
	"\\echo dropping\nSET application_name = 'dropper';\n"
	  . "DROP EXTENSION vault;\nCREATE EXTENSION vault;\n");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1
		FROM pg_stat_activity a JOIN pg_locks l USING (pid)
		WHERE a.application_name = 'dropper' AND NOT l.granted
		AND l.classid = 'pg_extension'::regclass}),
	'DROP EXTENSION waits for a job');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)
		JOIN pg_class c ON c.oid = l.relation
		WHERE a.application_name = 'dropper' AND c.relnamespace = 'vault_data'::regnamespace}),
	'0', 'and has locked no table yet');
$blocker->query_safe('COMMIT');
$blocker->quit;
$dropper->quit;
is($node->safe_psql('postgres', 'SELECT initialised FROM vault.status()'), 'f',
	'then it is dropped, and can be made again');

# The roles can be dropped too.
$node->safe_psql('postgres', q{
	DROP EXTENSION vault;
	DROP ROLE vault_owner, vault_exec, vault_admin, vault_auditor, vault_client, vault_jobs});
is($node->safe_psql('postgres', $roles), '', 'the roles own nothing that is left');

# Background workers keep a database from being copied and renamed, but not once it takes no
# connections.
create_vault_here();
psql_as($node, 'app', q{SELECT vault.put('a', 'value')});
my @steps = ('ALTER DATABASE postgres ALLOW_CONNECTIONS false',
	q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'},
	'CREATE DATABASE copied TEMPLATE postgres', 'ALTER DATABASE postgres RENAME TO renamed',
		'ALTER DATABASE renamed RENAME TO postgres',
		'ALTER DATABASE postgres ALLOW_CONNECTIONS true');
my ($refused) = $node->psql('template1', $steps[2]);
isnt($refused, 0, 'a database whose workers are connected cannot be copied');
$node->safe_psql('template1', $_) for @steps;
ok($node->poll_query_until('postgres',
	q{SELECT count(*) = 2 FROM pg_stat_activity
		WHERE backend_type IN ('vault audit', 'vault sealer')}),
	'copied and renamed, and the workers are back');
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', 'the vault goes on');
my (undef, undef, $elsewhere) = psql_as($node, 'app', q{SELECT vault.get('a')},
	database => 'copied');
like($elsewhere, qr/vault lives in database "postgres"/, 'and is of no use in the copy');
$node->safe_psql('postgres', 'DROP DATABASE copied');

sub create_vault_here
{
	$node->safe_psql('postgres', q{
		CREATE EXTENSION vault;
		SELECT vault.init();
		DROP ROLE IF EXISTS app;
		CREATE ROLE app LOGIN;
		SELECT vault.create_tenant('acme', 'app')});
	return;
}

done_testing();
