# A dump restored into another cluster with a copy of the key file gives everything back: every
# version of every secret, labels, tags, grants, bindings, and the catalog entries that guard them.
# The trail has no row of the restore's own. Without the key file the vault stays sealed. An
# ordinary role dumps nothing, and a second restore fails and changes nothing. A base backup works
# with the key and does not hold it.
use strict;
use warnings;

use MIME::Base64 ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $conf = "log_statement = none\nmax_connections = 20\n";
my $source = new_vault_node('source', init => { allows_streaming => 1 }, conf => $conf);
my $dir = $source->basedir;

# ---- something of everything ----

$source->safe_psql('postgres', q{
	CREATE ROLE dummy;
	CREATE ROLE app LOGIN;
	CREATE ROLE "Other App" LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE operator LOGIN IN ROLE vault_admin;
	CREATE ROLE stranger LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.create_tenant('globex', 'Other App');
	SELECT vault.create_tenant('initech', 'app');
	SELECT vault.create_tenant('gone');
	SELECT vault.destroy_tenant('gone', 'gone');
	SELECT vault.set_recovery_window('10 days', 'globex');
	CREATE SCHEMA checks;
	CREATE FUNCTION checks.pin(value text) RETURNS text LANGUAGE sql IMMUTABLE
		AS $$ SELECT CASE WHEN value !~ '^[0-9]{6}$' THEN 'six digits are asked' END $$;
	SELECT vault.create_type('pin', 'six digits', validator => 'checks.pin(text)');
	SELECT vault.set_type_policy('pin', excluded => '9', tenant => 'acme')});
# Transaction ids beyond those that a new cluster begins with
$source->safe_psql('postgres',
	'DO $$ BEGIN FOR i IN 1 .. 20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
psql_as($source, 'app', q{
	SET vault.tenant = 'acme';
	SELECT vault.put('db/password', 'first-Qx7wRm9', tags => '{"team": "db"}',
		description => 'a password', type => 'password');
	SELECT vault.put('db/password', 'second-Qx7wRm9');
	SELECT vault.put('db/password', 'third-Qx7wRm9', label => 'pending');
	SELECT vault.put('rolled', 'one');
	SELECT vault.put('rolled', 'two');
	SELECT vault.put('rolled', 'three');
	SELECT vault.rollback('rolled', 1);
	SELECT vault.put('bytes', '\x00ff00'::bytea);
	SELECT vault.put('json', '{"a": [1, 2, {"b": "c"}]}'::jsonb, environment => 'prod',
		type => 'json');
	SELECT vault.put('long', repeat('0123456789', 50000));
	SELECT vault.put('expires', 'later', expires_at => now() + '1 year');
	SELECT vault.put('deleted', 'recoverable'); SELECT vault.delete('deleted');
	SELECT vault.put('destroyed', 'one');
	SELECT vault.put('destroyed', 'two');
	SELECT vault.destroy('destroyed', 1);
	SELECT vault.put('off', 'not in use'); SELECT vault.deactivate('off', 'a test');
	SELECT vault.put('newname/' || i, 'value of ' || i) FROM generate_series(1, 100) i;
	SELECT vault.create_principal('reader', db_role => 'reader');
	SELECT vault.grant('reader', '{read}', 'db/**');
	SELECT vault.grant('reader', '{read}', 'newname/*', environments => '{default,prod}');
	SELECT vault.grant('reader', '{read}', 'newname/1', effect => 'deny');
	SELECT vault.create_role('team'); SELECT vault.create_role('crew');
	SELECT vault.add_member('team', 'crew');
	SELECT vault.add_member('crew', 'reader');
	SELECT vault.add_member('rotator', 'reader');
	SELECT vault.grant('team', '{write}', 'db/**', addresses => '{10.0.0.0/8}',
		windows => '{"mon-fri 09:00-17:00 Europe/Berlin"}', services => '{cn:x}',
		require_tls => true, valid_from => '2026-01-01', valid_until => '2100-01-01',
		require_session_user => true);
	SELECT vault.add_issuer('idp', 'https://idp.example', 'vault',
		'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
			"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
		claim_mapping => '{"groups": "/realm/roles"}', algorithms => '{EdDSA}',
		required_claims => '{"org": ["a", "b"]}');
	SELECT vault.add_subject('reader', 'idp', 'repo:org/app:ref:refs/heads/main'),
		vault.add_subject('reader', 'idp', 'system:serviceaccount:prod:*', match => 'pattern');
	SELECT vault.map_group('idp', 'vault-team', 'team');
	SET vault.tenant = 'initech';
	SELECT vault.put('db/password', 'of initech')});
psql_as($source, 'Other App', q{SELECT vault.put('db/password', 'of globex')});
$source->safe_psql('postgres',
	q{SELECT vault.rotate_tenant_key('acme'); SELECT vault.rotate_root_key()});
psql_as($source, 'app',
	q{SET vault.tenant = 'acme'; SELECT vault.put('after', 'of the second key')});

# ---- the parts that must be the same ----

# Every value that its owner can read, of every version
my $values = q{SELECT s.environment, s.name, v.version, v.label,
		CASE s.name WHEN 'bytes' THEN vault.get_bytes(s.name, v.version, s.environment)::text
		ELSE md5(vault.get(s.name, v.version, s.environment)) END
	FROM vault.secrets s JOIN vault.versions v USING (tenant, name, environment)
	WHERE s.state = 'active' AND v.destroyed_at IS NULL
	AND s.tenant = current_setting('vault.tenant') ORDER BY 1, 2, 3};

sub all_values
{
	my ($node) = @_;
	return join "\n--\n", map { psql_as($node, $_->[1], "SET vault.tenant = '$_->[0]'; $values") }
	  ([ 'acme', 'app' ], [ 'initech', 'app' ], [ 'globex', 'Other App' ]);
}

# Reading writes into the trail: what must be the same is what it held up to here.
my $newest = $source->safe_psql('postgres', 'SELECT max(id) FROM vault_data.audit_log');
my %same = (
	map { $_ => "SELECT * FROM vault.$_" }
		qw(tenants tenant_keys root_keys principals grants roles role_members issuers subjects
			group_roles access_matrix secrets versions));
$same{audit} = "SELECT * FROM vault.audit WHERE id <= $newest";
$same{'raw rows'} =
	qq{SELECT
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.secret_version x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.secret x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.principal_binding x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.tenant_key x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.instance x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.role_member x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.access_grant x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.token_issuer x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.external_subject x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.group_role x),
	(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM vault_data.audit_log x
		WHERE id <= $newest)};
$same{'number of audit rows'} = "SELECT count(*) FROM vault_data.audit_log WHERE id <= $newest";
$same{schemas} =
	q{SELECT nspname, nspowner::regrole, array_sort(nspacl) FROM pg_namespace
		WHERE nspname LIKE 'vault%'};
# A dump leaves out privileges that are the default anyway.
$same{relations} =
	q{SELECT oid::regclass, relkind, relowner::regrole, relrowsecurity, relforcerowsecurity,
		reloptions,
		(SELECT array_agg(a::text ORDER BY a::text)
			FROM unnest(COALESCE(relacl, acldefault('r', relowner))) a)
	FROM pg_class WHERE relnamespace::regnamespace::text IN ('vault', 'vault_data')};
$same{columns} =
	q{SELECT attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attstorage,
		attnotnull, attcollation, array_sort(attacl)
	FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
	WHERE relnamespace::regnamespace::text IN ('vault', 'vault_data')};
$same{functions} =
	q{SELECT oid::regprocedure, proowner::regrole, prosecdef, provolatile, proparallel, proconfig,
		array_sort(proacl), md5(prosrc), probin
	FROM pg_proc WHERE pronamespace::regnamespace::text IN ('vault', 'vault_data')};
$same{types} = q{SELECT typname, typowner::regrole, typstorage, array_sort(typacl) FROM pg_type
	WHERE typnamespace::regnamespace::text IN ('vault', 'vault_data')};
$same{policies} =
	q{SELECT polrelid::regclass, polname, polcmd, polpermissive, polroles::regrole[],
		pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
	FROM pg_policy WHERE polrelid::regclass::text LIKE 'vault%'};
$same{triggers} =
	q{SELECT tgrelid::regclass, CASE WHEN tgisinternal THEN '' ELSE tgname END, tgenabled, tgtype,
		tgfoid::regprocedure, tgargs
	FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'vault%'};
$same{constraints} =
	q{SELECT conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint
	WHERE connamespace::regnamespace::text LIKE 'vault%'};
$same{indexes} =
	q{SELECT indexrelid::regclass, indisvalid, pg_get_indexdef(indexrelid) FROM pg_index
	WHERE indrelid::regclass::text LIKE 'vault%'};
$same{roles} =
	q{SELECT rolname, rolsuper, rolinherit, rolcanlogin, rolcreaterole, rolbypassrls FROM pg_roles
	WHERE rolname !~ '^pg_'};
$same{members} =
	q{SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members
		WHERE roleid::regrole::text LIKE 'vault%'};
$same{extension} =
	q{SELECT extname, extversion,
		(SELECT array_agg(t::regclass::text ORDER BY t::regclass::text) FROM unnest(extconfig) t)
		FROM pg_extension};
$_ =~ s/array_sort\(([a-z]+)\)/(SELECT array_agg(a::text ORDER BY a::text) FROM unnest($1) a)/g
	for values %same;
$_ = "SELECT x::text FROM ($_) x ORDER BY 1" for values %same;

sub picture
{
	my ($node) = @_;
	my %picture = map { $_ => $node->safe_psql('postgres', $same{$_}) } keys %same;
	return \%picture;
}

sub compare
{
	my ($what, $node, $before) = @_;
	my $after = picture($node);
	for my $name (sort keys %$before)
	{
		is($after->{$name}, $before->{$name}, "$what: $name");
	}
	return;
}

# The months that are made ahead come by themselves: they are in the dump, or they would come
# between two comparisons.
$source->poll_query_until('postgres',
	q{SELECT count(*) >= 4 FROM pg_inherits WHERE inhparent = 'vault_data.audit_log'::regclass})
  or die 'no partitions are made';
my $values_before = all_values($source);	# reads are in the trail
my $before = picture($source);
my $audited = $source->safe_psql('postgres', 'SELECT count(*) FROM vault_data.audit_log');
cmp_ok(length $before->{$_}, '>', 20, "there is something to compare: $_")
	for grep { $_ ne 'number of audit rows' } sort keys %$before;
cmp_ok(($values_before =~ tr/\n//), '>', 100, 'and values');

# ---- dumps ----

my @connection = ('-h', $source->host, '-p', $source->port, '-U', 'postgres');
command_ok([ 'pg_dumpall', @connection, '--globals-only', '-f', "$dir/globals.sql" ],
	'pg_dumpall --globals-only');
command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$dir/custom", 'postgres' ], 'pg_dump -Fc');
command_ok([ 'pg_dump', @connection, '-f', "$dir/plain.sql", 'postgres' ], 'pg_dump');
is($source->safe_psql('postgres', "SELECT count(*) FROM vault_data.audit_log"), $audited,
	'a dump changes nothing');

for my $role ('app', 'reader', 'operator', 'stranger')
{
	my ($stdout, $stderr) =
		run_command([ 'pg_dump', '-h', $source->host, '-p', $source->port, '-U', $role,
		'postgres' ]);
	like($stderr, qr/permission denied/, "pg_dump as $role fails");
	unlike($stdout, qr/vault:v1:|db.password/, 'and has nothing of the vault');
	($stdout, $stderr) =
		run_command([ 'pg_dump', '-h', $source->host, '-p', $source->port, '-U', $role,
		'--enable-row-security', '-t', 'vault_data.*', 'postgres' ]);
	unlike($stdout, qr/vault:v1:|db.password/, 'nor with --enable-row-security');
}

# ---- restored ----

sub target
{
	my ($name, $with_key) = @_;
	my $node = new_vault_node($name, no_start => 1, conf => $conf);
	write_file(key_directory($node) . '/root.key', read_file(key_directory($source) . '/root.key'))
		if $with_key;
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE ROLE other_numbers_for_roles;
		DROP ROLE other_numbers_for_roles;
		CREATE TABLE moves_oids ()});
	$node->safe_psql('postgres', 'DROP TABLE moves_oids');
	# postgres already exists; nothing else may fail
	my ($stdout, $stderr) =
		run_command([ 'psql', '-X', '-h', $node->host, '-p', $node->port, '-U', 'postgres', '-f',
		"$dir/globals.sql", 'postgres' ]);
	is(join("\n", grep { /ERROR/ && !/role "postgres" already exists/ } split /\n/, $stderr), '',
		"$name: globals");
	return $node;
}

sub restore
{
	my ($node, $format) = @_;
	my @to = ('-h', $node->host, '-p', $node->port, '-U', 'postgres', '-d', 'postgres');
	my @command = $format eq 'custom'
	  ? ('pg_restore', @to, '--exit-on-error', '--single-transaction', "$dir/custom")
	  : ('psql', '-X', '-q', @to, '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql");
	return run_command(\@command);
}

for my $format ('custom', 'plain')
{
	my $node = target($format, 1);
	my (undef, $stderr) = restore($node, $format);
	is($stderr, '', "$format: the restore succeeds");
	is(all_values($node), $values_before, "$format: every value");
	is(sealed_reason($node), '', "$format: unsealed without people");
	compare($format, $node, $before);
	isnt($node->safe_psql('postgres', q{SELECT oid FROM pg_roles WHERE rolname = 'app'}),
		$source->safe_psql('postgres', q{SELECT oid FROM pg_roles WHERE rolname = 'app'}),
		"$format: roles have other numbers here");
	is(psql_as($node, 'reader', q{SELECT vault.get('db/password')}), 'second-Qx7wRm9',
		"$format: a grant is in force");
	cmp_ok(rows_read_by_steps($node, 'auditor', 5), '<', $audited,
		"$format: the sealer does not read what was restored again and again");
	is(sql_state($node, q{SELECT vault.get('newname/1')}, 'reader'), '42501',
		"$format: so is a denial");
	is(sql_state($node,
		q{BEGIN; SET LOCAL vault.tenant = 'acme'; SELECT vault.put('pin', '} . $_
		. q{', type => 'pin'); ROLLBACK}, 'app'),
		$_ eq '123456' ? '00000' : 'VT013',
		"$format: a type that was added, and the tenant's policy: $_")
		for '123456', '12345x', '123459';
	is(sql_state($node, q{SELECT vault.get('db/password')}, 'stranger'), '42501',
		"$format: a role without a principal stays without one");

	# Again: nothing changes.
	(undef, $stderr) = restore($node, $format);
	like($stderr, qr/error|ERROR/, "$format: a second restore fails");
	compare("$format, after a second restore", $node, $before);
	is(all_values($node), $values_before, "$format: every value is still there");

	# And on
	is(psql_as($node, 'app', q{SET vault.tenant = 'acme'; SELECT vault.put('rolled', 'four')}), 4,
		"$format: numbering goes on");
	my $dumped = $source->safe_psql('postgres', 'SELECT max(id) FROM vault_data.audit_log');
	is($node->safe_psql('postgres',
		"SELECT count(*) FROM vault_data.audit_log WHERE id <= $dumped"), $audited,
		"$format: the trail is whole");
	is($node->safe_psql('postgres',
		"SELECT operation, decision, version FROM vault_data.audit_log
			WHERE id > $dumped AND secret = 'rolled' ORDER BY id DESC LIMIT 1"),
		'put|allow|4', "$format: and goes on");
	is($node->safe_psql('postgres',
		'SELECT count(*) - count(DISTINCT id) FROM vault_data.audit_log'), 0,
		"$format: with ids of its own");
	is(psql_as($node, 'app', q{
		SET vault.tenant = 'acme';
		SELECT vault.undelete('deleted');
		SELECT vault.get('deleted')}),
		"\nrecoverable", "$format: what was deleted can be recovered");
	is(sql_state($node, q{DELETE FROM vault_data.audit_log}), '42501',
		"$format: the trail is append-only");
	$node->restart;
	is(psql_as($node, 'app', q{SET vault.tenant = 'acme'; SELECT vault.get('rolled')}), 'four',
		"$format: after a restart");
	$node->stop;
}

# ---- without the key ----

my $keyless = target('keyless', 0);
my (undef, $stderr) = restore($keyless, 'custom');
is($stderr, '', 'without the key the restore succeeds');
is(sql_state($keyless, q{SET vault.tenant = 'acme'; SELECT vault.get('db/password')}, 'app'),
	'VT001', 'but there is no value');
is(sql_state($keyless, q{SELECT vault.unseal()}), '55000', 'nor does unseal() help');
is($keyless->safe_psql('postgres', 'SELECT initialised, sealed FROM vault.status()'), 't|t',
	'it is initialised, and sealed');
is(sql_state($keyless, q{SELECT vault.init()}), '55000', 'and takes no new key');
$keyless->restart;
is(sealed_reason($keyless), 'the root key file is missing or empty', 'also after a restart');
write_file(key_directory($keyless) . '/root.key', read_file(key_directory($source) . '/root.key'));
is($keyless->safe_psql('postgres', 'SELECT vault.unseal()'), 'unsealed', 'the key unseals it');
is(all_values($keyless), $values_before, 'and every value is there');
$keyless->stop;

# ---- base backup ----

$source->backup('base');
my $key = read_file(key_directory($source) . '/root.key');
for my $base64 ($key =~ /^vault-root-key:v1:\d+:(\S+)$/mg)
{
	my $raw = MIME::Base64::decode_base64($base64);
	is_deeply([ scan_for($base64, $source->backup_dir) ], [],
		'the base backup does not hold the key');
	is_deeply([ scan_for($raw, $source->backup_dir) ], [], 'nor its bytes');
}
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($source, 'base');
mkdir key_directory($copy), 0700 or die "keys: $!";
$copy->append_conf('postgresql.conf',
	"vault.root_key_source = 'file:" . key_directory($copy) . "/root.key'");
$copy->start;
is(sealed_reason($copy), 'the root key file is missing or empty',
	'a copy without the key is sealed');
write_file(key_directory($copy) . '/root.key', $key);
is($copy->safe_psql('postgres', 'SELECT vault.unseal()'), 'unsealed', 'with the key it is not');
is(all_values($copy), $values_before, 'and has every value');

done_testing();
