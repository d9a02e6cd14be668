# Evidence begins with the append: rows that were appended and are not sealed yet cannot be deleted
# or exchanged unseen while the sealer is kept from its work. The delay shows by itself. Rows that
# were rolled back are not missed, nor is any row under load, with workers that are terminated all
# the time.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

my $node = new_vault_node('main',
	conf => "vault.max_seal_delay = 600\nautovacuum = off\nmax_connections = 50");
my $faults =
	q{SELECT tenant_name, fault, seal IS NOT NULL, rows FROM vault.verify_audit()
		WHERE fault IS NOT NULL ORDER BY 1, 2};

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN; CREATE ROLE other LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
	SELECT vault.create_tenant('acme', 'app'), vault.create_tenant('globex', 'other')});
psql_as($node, 'app', q{SELECT vault.put('db/' || i, 'value') FROM generate_series(1, 20) i});
psql_as($node, 'other', q{SELECT vault.put('web/key', 'value')});

# A superuser who has switched the triggers off; that is a row of its own, sealed before we begin.
my @parts = split /\n/,
	$node->safe_psql('postgres',
	q{SELECT inhrelid::regclass FROM pg_inherits
		WHERE inhparent = 'vault_data.audit_log'::regclass});
$node->safe_psql('postgres', join ';', map { "ALTER TABLE $_ DISABLE TRIGGER ALL" } @parts,
	'vault_data.audit_log');
is(psql_as($node, 'auditor', $faults), '', 'nothing is wrong before');

# hold: nothing is sealed until the session that it returns rolls back
sub hold
{
	my $holder = VaultClient->new($node, 'postgres');
	$holder->simple('BEGIN; LOCK TABLE vault_data.audit_seal IN SHARE MODE');
	return $holder;
}

sub release { my ($holder) = @_; $holder->simple('ROLLBACK'); $holder->close; return }
sub remove { return $node->safe_psql('postgres', "DELETE FROM vault_data.audit_log $_[0]") }
sub newest { return $node->safe_psql('postgres', 'SELECT max(id) FROM vault_data.audit_log') }

# ---- rows that were rolled back, wholly or in part, are not missed ----

my $holder = hold();
my ($rc) = psql_as($node, 'app', q{
	BEGIN;
	SELECT vault.put('db/1', 'n');
	SAVEPOINT a;
	SELECT vault.put('db/2', 'n');
	ROLLBACK TO a;
	SELECT vault.put('db/3', 'n');
	SAVEPOINT b;
	SELECT vault.put('db/4', 'n');
	RELEASE b;
	COMMIT;
	BEGIN;
	SELECT vault.put('db/5', 'n');
	ROLLBACK;
	DO $$
	BEGIN
		PERFORM vault.put('db/6', 'n');
		BEGIN
			PERFORM vault.put('db/7', 'n');
			RAISE 'x';
		EXCEPTION WHEN OTHERS THEN
		END;
	END $$;
	SELECT vault.get('db/1');
	SELECT vault.get('nowhere')});
is(psql_as($node, 'auditor', $faults), '',
	'while nothing is sealed, what was rolled back is not missed');
release($holder);
is(psql_as($node, 'auditor', $faults), '', 'nor afterwards');

# ---- deletions while the sealer is held by a lock ----

$holder = hold();
my $before = newest();
psql_as($node, 'app', q{SELECT vault.get('db/' || i) FROM generate_series(1, 6) i});
psql_as($node, 'app', q{SELECT vault.put('db/' || i, 'new') FROM generate_series(1, 3) i});
psql_as($node, 'other', q{SELECT vault.get('web/key')});
is(psql_as($node, 'auditor', $faults), '', 'appended rows are not missed while they are there');
remove("WHERE id > $before AND operation = 'get' AND secret IN ('db/2', 'db/4')");
is(psql_as($node, 'auditor', $faults), 'acme|row deleted|f|2',
	'reads that were deleted before they were sealed are found');
remove("WHERE id > $before AND operation = 'put' AND secret = 'db/3'");
is(psql_as($node, 'auditor', $faults), "acme|row deleted|f|1\nacme|row deleted|f|2",
	'and a change');
is(psql_as($node, 'app', $faults), "acme|row deleted|f|1\nacme|row deleted|f|2",
	'the tenant is told');
is(psql_as($node, 'other', $faults), '', 'another tenant has nothing to be told');
release($holder);
is(psql_as($node, 'auditor', $faults), 'acme|row deleted|t|3', 'afterwards a seal says so');
is(psql_as($node, 'auditor',
	q{SELECT t.tenant, a.reason FROM vault.audit a JOIN vault.audit_retention t
	ON a.tenant_id = (SELECT s.tenant_id FROM vault.audit_seals s WHERE s.tenant = t.tenant LIMIT 1)
	WHERE a.decision = 'alert' AND a.operation = 'seal trail'}),
	'acme|3 rows of the trail were deleted or exchanged before they were sealed', 'and an alert');
psql_as($node, 'app', q{SELECT vault.get('db/1')});
is(psql_as($node, 'auditor', $faults), 'acme|row deleted|t|3', 'it is said once, for ever');
psql_as($node, 'auditor', q{SELECT vault.audit_checkpoint()});
my $export = $node->basedir . '/export';
write_file($export, psql_as($node, 'auditor', q{SELECT vault.export_audit('acme')}) . "\n");
my $bindir = `"$ENV{PG_CONFIG}" --bindir`;
chomp $bindir;
my ($said) = run_command([ "$bindir/vault-audit-verify", '-q', $export ]);
like($said, qr/row deleted: 3 rows were deleted or exchanged before seal \d+/,
	'an export shows it, too');

# ---- the same with the sealer stopped, which shows by itself ----

sub sealer { return $node->safe_psql('postgres',
	q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault sealer'}) }
set_conf($node, 'vault.max_seal_delay', '10s');
my $sealer = sealer();
kill 'STOP', $sealer or die $!;
$before = newest();
psql_as($node, 'other', q{SELECT vault.get('web/key'), vault.put('web/key', 'new')});
remove("WHERE id > $before AND tenant = 'globex'");
ok($node->poll_query_until('postgres',
	q{SELECT count(*) > 0 FROM vault_data.audit_log
		WHERE decision = 'alert' AND reason ~ '^rows wait for their seal'}),
	'that the sealer does nothing is an alert');
ok($node->poll_query_until('postgres',
	q{SELECT seal_delay > interval '10 seconds' FROM vault.status()}), 'and status() says so');
$said = psql_as($node, 'auditor',
	q{SELECT tenant_name, fault, rows FROM vault.verify_audit()
		WHERE fault IS NOT NULL AND seal IS NULL ORDER BY 1, 2});
is($said, "globex|row deleted|1\nglobex|row deleted|1\n|sealing delayed|0",
	'verify_audit() finds delay and deletions');
kill 'CONT', $sealer or die $!;
is(psql_as($node, 'auditor', $faults), "acme|row deleted|t|3\nglobex|row deleted|t|2",
	'and the sealer, once it goes on');
is(psql_as($node, 'auditor',
	q{SELECT count(*) FROM vault.audit
		WHERE decision = 'alert' AND reason ~ '^rows waited \d+ s for their seal'}),
	1, 'how long it was kept is in the trail');
set_conf($node, 'vault.max_seal_delay', '10min');

# ---- terminated again and again, with advisory locks and a changed row ----

$holder = hold();
$before = newest();
psql_as($node, 'other', q{SELECT vault.get('web/key')});
$node->safe_psql('postgres',
	q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'vault sealer'})
	for 1 .. 3;
$node->safe_psql('postgres',
	"UPDATE vault_data.audit_log SET principal = 'innocent'
		WHERE id > $before AND operation = 'get'");
release($holder);
$node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'vault sealer'});
$said = psql_as($node, 'auditor',
	q{SELECT fault FROM vault.verify_audit('globex') WHERE fault IS NOT NULL});
like($said, qr/row inserted|row changed/, 'a row that was changed before it was sealed is found');

# ---- under load nothing is missed that is there ----

my $script = $node->basedir . '/load.sql';
write_file($script, <<'SQL');
\set i random(1, 20)
\set what random(1, 6)
\if :what = 1
SELECT vault.put('db/' || :i, 'value');
\elif :what = 2
BEGIN;
SELECT vault.put('db/' || :i, 'value');
ROLLBACK;
\elif :what = 3
BEGIN;
SAVEPOINT a;
SELECT vault.tag('db/' || :i, '{"a": "b"}');
RELEASE a;
COMMIT;
\elif :what = 4
SELECT count(*) FROM vault.get_many('db/**');
\else
SELECT vault.get('db/' || :i);
\endif
SQL
chmod 0644, $script;
my $known = psql_as($node, 'auditor',
	q{SELECT count(*) FROM vault.verify_audit() WHERE fault IS NOT NULL});
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-T', $ENV{VAULT_SOAK} ? 120 : 12, '-f',
	$script, '-U', 'app', '-h', $node->host, '-p', $node->port,
	'--max-tries', 100, 'postgres' ], '>', \my $out, '2>', \my $err);
my $rounds = 0;
my $wrong = '';
while ($load->pumpable)
{
	$said = psql_as($node, 'auditor',
		q{SELECT string_agg(fault || coalesce(detail, ''), '; ') FROM vault.verify_audit()
			WHERE fault IS NOT NULL HAVING count(*) <> }
		. $known);
	$wrong .= $said;
	$node->safe_psql('postgres',
		q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = '}
		. ($rounds % 2 ? 'vault sealer' : 'vault audit') . q{'})
	  if $rounds % 3 == 0;
	$rounds++;
	$load->pump_nb;
	Time::HiRes::sleep(0.2);
}
$load->finish;
is($wrong, '', "no row was missed under load, in $rounds checks");
is(psql_as($node, 'auditor', q{SELECT count(*) FROM vault.verify_audit() WHERE fault IS NOT NULL}),
	$known, 'nor afterwards');

# ---- a stop seals what there is; a crash, which forgets what was counted, is an alert ----

my $ended =
	q{SELECT count(*) FROM vault.audit
		WHERE decision = 'alert' AND reason ~ '^the server ended without sealing'};
psql_as($node, 'app', q{SELECT vault.get('db/1')});
$before = newest();
$node->restart;
is(psql_as($node, 'auditor', q{SELECT count(*) FROM vault.verify_audit() WHERE fault IS NOT NULL}),
	$known, 'nor after a restart');
is($node->safe_psql('postgres',
	"SELECT count(*) FROM vault_data.audit_seal s
		WHERE s.ids @> $before\:\:bigint AND s.sealed_at < pg_postmaster_start_time()"
	=~ s/\\//gr),
	1, 'the stop sealed the last row');
is(psql_as($node, 'auditor', $ended), 0, 'and nothing is said of it');
$holder = hold();
$before = newest();
psql_as($node, 'app', q{SELECT vault.get('db/1')});
remove("WHERE id > $before AND operation = 'get'");
crash_server($node);
$node->start;
is(psql_as($node, 'auditor', q{SELECT count(*) FROM vault.verify_audit() WHERE fault IS NOT NULL}),
	$known, 'after a crash it is not known what is missing,');
is(psql_as($node, 'auditor', $ended), 1, 'which is said');
$node->stop('immediate');
$node->start;
psql_as($node, 'auditor', 'SELECT vault.audit_checkpoint()');
is(psql_as($node, 'auditor', $ended), 2, 'so after an immediate stop');

# ---- a vault that goes, and one that comes, leave nothing to be missed ----

$holder = hold();
psql_as($node, 'app', q{SELECT vault.get('db/1')});
release($holder);
$node->safe_psql('postgres', 'DROP EXTENSION vault CASCADE');
$node->safe_psql('postgres', 'CREATE EXTENSION vault CASCADE');
$node->safe_psql('postgres', 'SELECT vault.init()');
$node->safe_psql('postgres', q{SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'value'), vault.get('a')});
is(psql_as($node, 'auditor', $faults), '', 'a new vault begins anew');

$node->stop;
done_testing();
