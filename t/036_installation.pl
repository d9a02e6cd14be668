# Objects in the server before CREATE EXTENSION give no role anything of the vault: default
# privileges, roles of its names, a schema. Nor do default privileges reach the months of the trail
# that are made later. What a superuser does to the vault's roles in another database is in the
# trail.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main', no_extension => 1);
$node->safe_psql('postgres', q{
	CREATE ROLE x;
	CREATE EXTENSION pg_cron;
	CREATE EXTENSION pgcrypto;
	CREATE DATABASE elsewhere});

# a schema, and roles that are not as the script makes them
for my $made (
	[ 'CREATE SCHEMA vault', 'DROP SCHEMA vault' ],
		[ 'CREATE SCHEMA vault_data', 'DROP SCHEMA vault_data' ],
	[ 'CREATE ROLE vault_exec; GRANT vault_exec TO x', 'DROP ROLE vault_exec' ],
	[ 'CREATE ROLE vault_jobs LOGIN ROLE x', 'DROP ROLE vault_jobs' ],
	[ 'CREATE ROLE vault_admin BYPASSRLS', 'DROP ROLE vault_admin' ],
	# a function that would run as an operator
	[ 'CREATE ROLE vault_admin; '
		. q{CREATE FUNCTION public.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; }
		. 'ALTER FUNCTION public.f() OWNER TO vault_admin',
	'DROP FUNCTION public.f(); DROP ROLE vault_admin' ],
	[ 'CREATE ROLE vault_owner; '
		. 'ALTER DEFAULT PRIVILEGES FOR ROLE vault_owner GRANT ALL ON TABLES TO x',
	'DROP OWNED BY vault_owner; DROP ROLE vault_owner' ],
	[ 'CREATE ROLE vault_client; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO vault_client',
	'DROP OWNED BY vault_client; DROP ROLE vault_client' ])
{
	my ($do, $undo) = @$made;
	$node->safe_psql('postgres', $do);
	like(sql_state($node, 'CREATE EXTENSION vault'), qr/^(42P06|42710|55000)$/,
		"refused after: $do");
	$node->safe_psql('postgres', $undo);
}

# default privileges of the role that installs it
my $kinds = [ qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS) ];
$node->safe_psql('postgres', join '',
	map
	{
	qq{
		ALTER DEFAULT PRIVILEGES GRANT ALL ON $_ TO x WITH GRANT OPTION;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON $_ TO PUBLIC;} } @$kinds);
$node->safe_psql('postgres',
	'CREATE EXTENSION vault; SELECT vault.init(); SELECT vault_data.job_partitions()');
my $given = q{
	SELECT string_agg(format('%s %s', o.name, a.privilege_type), ', ') FROM (
		SELECT oid::regclass::text AS name, relacl AS acl FROM pg_class
			WHERE relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
			AND relkind NOT IN ('i', 'I', 't', 'c')
		UNION ALL SELECT oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner))
			FROM pg_proc WHERE pronamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
		UNION ALL SELECT nspname, nspacl FROM pg_namespace WHERE nspname IN ('vault', 'vault_data')
		UNION ALL SELECT 'type', coalesce(typacl, acldefault('T', typowner)) FROM pg_type
			WHERE oid = 'vault.envelope'::regtype) AS o,
		aclexplode(o.acl) AS a
	WHERE a.grantee IN (0, 'x'::regrole)};
is($node->safe_psql('postgres', $given), '', 'default privileges give no role anything');
is($node->safe_psql('postgres', q{SELECT * FROM vault.verify()}), '', 'and verify() is content');
is($node->safe_psql('postgres',
	q{SELECT count(*) >= 3 FROM pg_class WHERE relname ~ '^audit_log_\d{4}_\d\d$'}), 't',
	'there are months of the trail');

# later: a month that is made anew has none of it either
my $month = $node->safe_psql('postgres',
	q{SELECT max(relname) FROM pg_class WHERE relname ~ '^audit_log_\d{4}_\d\d$'});
$node->safe_psql('postgres', qq{
	DROP TABLE vault_data.$month;
	ALTER DEFAULT PRIVILEGES IN SCHEMA vault_data GRANT ALL ON TABLES TO x;
	SELECT vault_data.job_partitions()});
is($node->safe_psql('postgres', qq{SELECT count(*) FROM pg_class WHERE relname = '$month'}), 1,
	'the month is there again');
is($node->safe_psql('postgres', $given), '', 'and gives nothing');
is($node->safe_psql('postgres', q{SELECT * FROM vault.verify()}), '',
	'so verify() is content again');
# it reports privileges given afterwards, also those that the server takes for the script's own
$node->safe_psql('postgres', q{
	ALTER EXTENSION vault DROP TABLE vault_data.instance;
	GRANT DELETE ON vault_data.instance TO x;
	ALTER EXTENSION vault ADD TABLE vault_data.instance});
is($node->safe_psql('postgres', q{SELECT name, fault FROM vault.verify()}),
	'vault_data.instance|its privileges are not those that the script gave',
	'a privilege is found');
$node->safe_psql('postgres', qq{
	REVOKE DELETE ON vault_data.instance FROM x;
	GRANT SELECT ON vault_data.$month TO x;
	ALTER TABLE vault_data.$month DISABLE ROW LEVEL SECURITY;
	DROP POLICY entry ON vault_data.$month});
is($node->safe_psql('postgres',
	q{SELECT name, fault FROM vault.verify() ORDER BY 2}) =~ s/$month/MONTH/gr,
	"vault_data.MONTH|its privileges are not those that the script gave\n"
	  . "vault_data.MONTH: policy entry|policy is missing\n"
	  . 'vault_data.MONTH|row security is off',
	'those of months are, too');

# roles are all databases'
my $before = $node->safe_psql('postgres', q{SELECT max(id) FROM vault_data.audit_log});
$node->safe_psql('elsewhere', q{
	GRANT vault_auditor TO x;
	ALTER ROLE vault_client SET work_mem = '1MB';
	ALTER ROLE vault_client RESET ALL;
	REVOKE vault_auditor FROM x;
	CREATE TABLE t (n int);
	COMMENT ON TABLE t IS 'none of this'});
ok($node->poll_query_until('postgres',
	qq{SELECT count(*) >= 5 FROM vault_data.audit_log WHERE id > $before AND decision = 'alert'}),
	'the trail hears of them');
is($node->safe_psql('postgres',
	qq{SELECT DISTINCT decision, object_kind, role, reason FROM vault_data.audit_log
		WHERE id > $before AND operation LIKE '%ROLE' ORDER BY object_kind}),
	qq{alert|extension|postgres|a superuser changed the roles of vault, in database "elsewhere"\n}
	  . 'alert|setting|postgres|all settings reset for role "vault_client", '
	  . 'in database "elsewhere"',
	'and from where');
is($node->safe_psql('postgres',
	qq{SELECT string_agg(operation, ', ' ORDER BY id) FROM vault_data.audit_log
		WHERE id > $before}),
	'GRANT ROLE, ALTER ROLE, ALTER ROLE, ALTER ROLE, REVOKE ROLE', 'of these alone');

$node->stop;
done_testing();
