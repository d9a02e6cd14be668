# The evidence is kept over time. Partitions are made ahead and guarded alike. A dump with
# partitions is restored into another cluster, plain, custom and in parallel, verifies there, and is
# sealed further. Retention removes whole months, never under a hold, and what is left verifies.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $conf = "log_statement = none\nvault.audit_mode = queued\nmax_connections = 20";
my $node = new_vault_node('main', conf => $conf);
my $dir = $node->basedir;
my $faults =
	q{SELECT string_agg(concat_ws(' ', tenant_name, fault, seal, id, detail), E'\n')
		FROM vault.verify_audit() WHERE NOT ok};

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE other LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
	CREATE ROLE operator LOGIN IN ROLE vault_admin;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.create_tenant('globex', 'other')});
psql_as($node, 'app', q{SELECT vault.put('key/' || i, 'x') FROM generate_series(1, 50) i});
psql_as($node, 'other', q{SELECT vault.put('key/' || i, 'x') FROM generate_series(1, 50) i});

# ---- partitions ----

$node->poll_query_until('postgres',
	q{SELECT count(*) >= 3 FROM pg_inherits
		WHERE inhparent = 'vault_data.audit_log'::regclass
		AND inhrelid::regclass::text ~ '\d{4}_\d{2}$'})
  or die 'the sealer made no partitions';
# Like the default one: owner, privileges, row security, policy, triggers, indexes, statistics
my $like = q{
	SELECT DISTINCT relowner::regrole, relrowsecurity, relforcerowsecurity,
		(SELECT array_agg(a::text ORDER BY a::text)
			FROM unnest(coalesce(relacl, acldefault('r', relowner))) a) AS acl,
		(SELECT array_agg(
			format('%s %s %s', polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid))
			ORDER BY polname)
			FROM pg_policy WHERE polrelid = c.oid) AS policies,
		(SELECT array_agg(format('%s %s %s', tgname, tgenabled, tgtype) ORDER BY tgname)
			FROM pg_trigger WHERE tgrelid = c.oid) AS triggers,
		(SELECT array_agg(regexp_replace(pg_get_indexdef(indexrelid), '.* USING', '')
			ORDER BY pg_get_indexdef(indexrelid) ~ 'brin', pg_get_indexdef(indexrelid) ~ 'xid')
			FROM pg_index WHERE indrelid = c.oid) AS indexes,
		(SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute
			WHERE attrelid = c.oid AND attstattarget = 0 AND attnum > 0) AS without_statistics
	FROM pg_class c
	WHERE oid IN (SELECT inhrelid FROM pg_inherits
		WHERE inhparent = 'vault_data.audit_log'::regclass)};
is($node->safe_psql('postgres', "SELECT count(*) FROM ($like) x"), 1,
	'all partitions are guarded alike')
  or diag $node->safe_psql('postgres', $like);
like($node->safe_psql('postgres', $like),
	qr/append_only A 31,append_only_truncate A 34|append_only A 31.*append_only_truncate A 34/,
	'by triggers that fire always');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault_data.audit_log
		WHERE decision = 'alert' AND operation NOT IN ('CREATE ROLE', 'settings')}),
	0, 'and there is no alert about the worker that made them');
my $next = $node->safe_psql('postgres',
	q{SELECT min(inhrelid::regclass::text) FROM pg_inherits
		WHERE inhparent = 'vault_data.audit_log'::regclass
		AND inhrelid::regclass::text ~ '\d{4}_\d{2}$'});
is(sql_state($node, "TRUNCATE $next"), '42501', 'a partition is append-only');
is(sql_state($node, "SELECT * FROM $next", 'operator'), '42501', 'and closed');
$node->safe_psql('postgres',
	'SELECT vault_data.job_partitions(); SELECT vault_data.job_partitions()');

# ---- dumps, and a cluster without the key ----

# dump NAME: of the node, in each format, below the directory NAME
sub dump_node
{
	my ($name) = @_;
	my @from = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');
	mkdir "$dir/$name" or die "$name: $!";
	command_ok([ 'pg_dumpall', @from, '--globals-only', '-f', "$dir/$name/globals.sql" ],
		"$name: the globals");
	command_ok([ 'pg_dump', @from, '-Fc', '-f', "$dir/$name/custom", 'postgres' ],
		"$name: pg_dump -Fc");
	command_ok([ 'pg_dump', @from, '-Fd', '-j', '2', '-f', "$dir/$name/directory", 'postgres' ],
		"$name: pg_dump -Fd -j 2");
	command_ok([ 'pg_dump', @from, '-f', "$dir/$name/plain", 'postgres' ], "$name: pg_dump");
	return;
}

sub restored
{
	my ($name, $dump, $format, $with_key) = @_;
	my $target = new_vault_node($name, no_start => 1, conf => $conf);
	write_file(key_directory($target) . '/root.key', read_file(key_directory($node) . '/root.key'))
		if $with_key;
	$target->start;
	my @to = ('-h', $target->host, '-p', $target->port, '-U', 'postgres', '-d', 'postgres');
	run_command([ 'psql', '-X', @to, '-f', "$dir/$dump/globals.sql" ]);
	my (undef, $stderr) = run_command(
		$format eq 'plain'
		? [ 'psql', '-X', '-q', @to, '-v', 'ON_ERROR_STOP=1', '-f', "$dir/$dump/plain" ]
		: [ 'pg_restore', @to, '--exit-on-error', "$dir/$dump/$format" ]);
	is($stderr, '', "$name: restored without an error");
	return $target;
}

dump_node('first');
my $source = $node;
my $key = read_file(key_directory($source) . '/root.key');
$node = restored('past', 'first', 'custom', 0);
$source->stop;

# ---- months of the past ----

# Rows of the past can come only with a restore; these have no MACs, as if the vault had been sealed
# then.
my @old = ('2015-03', '2016-07', '2017-01');
my %tenant = map
	{ $_ => $node->safe_psql('postgres',
	"SELECT tenant_id FROM vault_data.tenant WHERE name = '$_'") } qw(acme globex);
for my $month (@old[ 0, 1 ])
{
	my $name = 'vault_data.audit_log_' . ($month =~ tr/-/_/r);
	$node->safe_psql('postgres', qq{
		CREATE TABLE $name (LIKE vault_data.audit_log);
		ALTER TABLE $name OWNER TO vault_owner;
		ALTER TABLE $name ADD PRIMARY KEY (tenant_id, at, id);
		CREATE INDEX ON $name (xid);
		CREATE INDEX ON $name USING brin (at);
		ALTER TABLE $name ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
		CREATE POLICY tenant ON $name FOR SELECT TO vault_owner
			USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
		CREATE POLICY entry ON $name TO vault_exec USING (vault_data.is_inside(tenant_id));
		CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON $name FOR EACH STATEMENT
			EXECUTE FUNCTION vault_data.refuse_change();
		ALTER TABLE $name ENABLE ALWAYS TRIGGER append_only_truncate;
		ALTER TABLE vault_data.audit_log ATTACH PARTITION $name
			FOR VALUES FROM ('$month-01 00:00+00')
			TO (('$month-01'::timestamp + '1 month') AT TIME ZONE 'UTC')});
	$node->safe_psql('postgres', "ALTER TABLE $name ALTER COLUMN $_ SET STATISTICS 0")
	  for split /\n/, $node->safe_psql('postgres',
	  	q{SELECT attname FROM pg_attribute WHERE attrelid = 'vault_data.audit_log'::regclass
			AND attstattarget = 0 AND attnum > 0});
	$node->safe_psql('postgres', "REVOKE ALL ON $name FROM PUBLIC");
}
my $rows = join ' UNION ALL ', map {
	my $name = $_;
	map
		{
		"SELECT '$tenant{$name}'::uuid, (extract(epoch FROM m - '2000-01-01') * 1000000)::int8 + n,
			m + n * interval '1 hour', pg_current_xact_id()::text, '$name'
			FROM generate_series(1, 200) n, (VALUES ('$_-01'::timestamptz)) v (m)" } @old
} qw(acme globex);
$node->safe_psql('postgres', <<"SQL");
BEGIN;
CREATE TEMP TABLE past (tenant_id uuid, id int8, at timestamptz, xid text, tenant text);
INSERT INTO past $rows;
COPY (SELECT tenant_id, id, at, xid, tenant, false, 'get', 'allow' FROM past) TO '$dir/past';
COPY vault_data.audit_log (tenant_id, id, at, xid, tenant, tls, operation, decision)
	FROM '$dir/past';
COMMIT;
SQL
write_file(key_directory($node) . '/root.key', $key);
$node->safe_psql('postgres', 'SELECT vault.unseal()');
is($node->safe_psql('postgres', $faults), '', 'a restored trail verifies, once the key is there');
is($node->safe_psql('postgres',
	q{SELECT string_agg(DISTINCT to_char(month, 'YYYY-MM'), ' ') FROM vault_data.audit_seal
		WHERE month < '2020-01-01'}),
	"@old", 'and is sealed month by month');
is($node->safe_psql('postgres',
	q{SELECT sum(without_mac) FROM vault_data.audit_seal WHERE month < '2020-01-01'}), 1200,
	'as rows without a MAC');
my $checkpoint = psql_as($node, 'auditor', 'SELECT vault.audit_checkpoint()');

# ---- dump and restore ----

psql_as($node, 'app', q{SELECT vault.put('just/before', 'x')});
dump_node('second');

for my $format ('plain', 'custom', 'directory')
{
	my $target = restored($format, 'second', $format, 1);
	is($target->safe_psql('postgres', "SELECT count(*) FROM ($like) x"), 1,
		"$format: partitions are guarded alike")
	  or diag $target->safe_psql('postgres', $like);
	my $quoted = $checkpoint =~ s/'/''/gr;
	psql_as($target, 'app', q{SELECT vault.put('after', 'x')});
	is($target->safe_psql('postgres', $faults), '', "$format: the trail verifies");
	is($target->safe_psql('postgres',
		"SELECT count(*) FROM vault.verify_audit(checkpoint => '$quoted') WHERE NOT ok"), 0,
		"$format: against the checkpoint, too");
	psql_as($target, 'app', q{SELECT vault.put('after/' || i, 'x') FROM generate_series(1, 20) i});
	is($target->safe_psql('postgres', $faults), '', "$format: what comes then is sealed");
	is($target->safe_psql('postgres',
		q{SELECT count(*) FROM vault_data.audit_log a
			WHERE secret LIKE 'after%'
			AND (SELECT count(*) FROM vault_data.audit_seal s
				WHERE s.tenant_id = a.tenant_id AND s.ids @> a.id) <> 1}),
		0, "$format: once");
	is($target->safe_psql('postgres',
		q{SELECT count(*) FROM vault_data.audit_seal a
			JOIN vault_data.audit_seal b ON a.tenant_id = b.tenant_id AND a.seq < b.seq
			AND a.ids && b.ids}),
		0, "$format: and nothing is sealed twice");
	if ($format eq 'directory')
	{
		$target->safe_psql('postgres', 'DROP EXTENSION vault CASCADE');
		is($target->safe_psql('postgres',
			q{SELECT count(*) FROM pg_class WHERE relname ~ '^audit_'}), 0,
			'DROP EXTENSION takes partitions with it');
	}
	$target->stop;
}

# ---- retention ----

my $left =
	q{SELECT string_agg(DISTINCT tenant || to_char(at, ' YYYY-MM'), ', ') FROM vault_data.audit_log
		WHERE at < '2020-01-01'};
is(sql_state($node, 'SELECT vault_data.job_retention()', 'operator'), '42501',
	'the job is not for operators');
psql_as($node, 'operator', q{
	SELECT vault.set_audit_retention('100 years', 'acme');
	SELECT vault.set_audit_retention('100 years', 'globex')});
$node->safe_psql('postgres', 'SELECT vault_data.job_retention()');
is($node->safe_psql('postgres', $left),
	join(', ', map { my $t = $_; map { "$t $_" } @old } qw(acme globex)),
	'nothing goes before its time');

psql_as($node, 'operator', q{
	SELECT vault.set_audit_retention('1 year', 'acme');
	SELECT vault.set_legal_hold('acme', 'case 7')});
$node->safe_psql('postgres', 'SELECT vault_data.job_retention()');
like($node->safe_psql('postgres', $left), qr/acme 2015-03, acme 2016-07, acme 2017-01/,
	'nor under a legal hold');

$node->safe_psql('postgres', q{CREATE TABLE held AS SELECT * FROM vault_data.audit_policy;
	ALTER TABLE vault_data.audit_policy DISABLE TRIGGER USER;
	UPDATE vault_data.audit_policy SET held_at = NULL, hold_reason = NULL;
	SELECT vault_data.job_retention()});
like($node->safe_psql('postgres', $left), qr/acme 2015-03, acme 2016-07, acme 2017-01/,
	'nor when a superuser took the hold away');
like($node->safe_psql('postgres', q{SELECT object_kind, fault FROM vault.verify('acme')}),
	qr/audit_policy\|changed outside vault/, 'which is found');
$node->safe_psql('postgres',
	q{UPDATE vault_data.audit_policy p SET held_at = h.held_at, hold_reason = h.hold_reason
		FROM held h WHERE h.tenant_id = p.tenant_id;
	ALTER TABLE vault_data.audit_policy ENABLE ALWAYS TRIGGER audit;
	ALTER TABLE vault_data.audit_policy ENABLE ALWAYS TRIGGER write_mac});
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault.verify('acme') WHERE object_kind = 'audit_policy'}), 0,
	'put back, it is as it was');

psql_as($node, 'operator',
	q{SELECT vault.release_legal_hold('acme', 'closed'); SELECT vault.set_audit_floor('50 years')});
$node->safe_psql('postgres', 'SELECT vault_data.job_retention()');
like($node->safe_psql('postgres', $left), qr/acme 2015-03, acme 2016-07, acme 2017-01/,
	'nor before the floor');

psql_as($node, 'operator', q{SELECT vault.set_audit_floor('1 year')});
$node->safe_psql('postgres', 'SELECT vault_data.job_retention()');
is($node->safe_psql('postgres', $left), 'globex 2015-03, globex 2016-07, globex 2017-01',
	'then it does, and the other tenant stays');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault_data.audit_log
		WHERE decision = 'alert'
		AND operation IN ('direct delete', 'TRUNCATE TABLE', 'DROP TABLE', 'DELETE')}),
	0, 'without an alert');
is($node->safe_psql('postgres', $faults), '', 'what is left verifies');
is(psql_as($node, 'auditor',
	q{SELECT string_agg(reason, ', ' ORDER BY reason) FROM vault.audit
		WHERE operation = 'retire'
		AND tenant_id = (SELECT id FROM vault.tenants WHERE name = 'acme')}),
	join(', ', map { "200 rows of $_, as the retention asks" } @old), 'the trail says what went');

psql_as($node, 'operator', q{
	SELECT vault.set_audit_retention(date_trunc('day', now() - '2016-11-01'::timestamptz),
		'globex');
	SELECT vault.destroy_tenant('globex', 'globex')});
$node->safe_psql('postgres', 'SELECT vault_data.job_retention()');
is($node->safe_psql('postgres', $left), 'globex 2017-01',
	'a destroyed tenant\'s trail stays until its retention is over');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_class WHERE relname IN ('audit_log_2015_03', 'audit_log_2016_07')}),
	0, 'partitions that are empty are dropped');
is($node->safe_psql('postgres', $faults), '', 'and all verifies');
my $quoted = $checkpoint =~ s/'/''/gr;
is($node->safe_psql('postgres',
	"SELECT count(*) FROM vault.verify_audit(checkpoint => '$quoted') WHERE NOT ok"), 0,
	'against the checkpoint from before, too');

# Offline, the months that were retired are said to be so.
my $program = `"$ENV{PG_CONFIG}" --bindir`;
chomp $program;
psql_as($node, 'auditor', "\\o $dir/trail\nSELECT vault.export_audit()\n;\\o");
my ($said, $stderr) = run_command([ "$program/vault-audit-verify", "$dir/trail" ]);
is($? >> 8, 0, 'an export verifies') or diag $said;
like($said, qr/\Q600 rows retired\E/, 'and says what was retired');
write_file("$dir/checkpoint", "$checkpoint\n");
write_file("$dir/key", psql_as($node, 'auditor', 'SELECT vault.audit_public_key()') . "\n");
my @beside = ("$program/vault-audit-verify", '-q', '-c', "$dir/checkpoint", '-k', "$dir/key");
($said, $stderr) = run_command([ @beside, "$dir/trail" ]);
is($? >> 8, 2, 'beside a checkpoint from before, that they were retired cannot be checked')
	or diag $said;
my $doubt = "doubt $tenant{acme}: \\d+ rows of seal \\d+ are missing: "
  . 'that 2015-03 was retired is newer than the checkpoint';
like($stderr, qr/^$doubt$/m,
	'which is said');
write_file("$dir/checkpoint", psql_as($node, 'auditor', 'SELECT vault.audit_checkpoint()') . "\n");
psql_as($node, 'auditor', "\\o $dir/trail\nSELECT vault.export_audit()\n;\\o");
is(join('', run_command([ @beside, "$dir/trail" ])), '', 'beside one from afterwards it verifies');
is($? >> 8, 0, 'with exit status 0');
write_file("$dir/trail2",
	read_file("$dir/trail") =~ s/^\{"tenant_id":"$tenant{acme}","retired":"2015-03"[^\n]*\n//mr);
($said) = run_command([ @beside, "$dir/trail2" ]);
like($said, qr/^FAULT $tenant{acme}: row deleted: /m, 'and not without the line about a month');

# Deleting without the job is found.
$node->safe_psql('postgres', q{
	ALTER TABLE vault_data.audit_log DISABLE TRIGGER USER;
	DELETE FROM vault_data.audit_log
		WHERE tenant_id = (SELECT tenant_id FROM vault_data.tenant WHERE name = 'acme')
		AND secret = 'key/7'});
like($node->safe_psql('postgres', $faults), qr/acme row deleted/, 'what goes otherwise is found');
$node->stop;

done_testing();
