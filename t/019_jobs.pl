# Jobs run for real: pg_cron starts them as vault_jobs, what they find is notified, a sealed vault
# and a standby are left alone; from another database too. A dump brings the jobs along, once.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $node = new_vault_node('main', jobs => 1, init => { allows_streaming => 1 },
	conf => "log_statement = all\nmax_connections = 20\n");
my $every_minute =
	q{SELECT cron.alter_job(jobid, schedule => '* * * * *') FROM cron.job WHERE jobname = '%s'};

like($node->safe_psql('postgres',
	q{SELECT string_agg(jobname || ' of ' || username, ', ' ORDER BY jobname) FROM cron.job}),
	qr/^vault:anomalies[ ]of[ ]vault_jobs,.*[ ]vault:purge[ ]of[ ]vault_jobs,
		.*[ ]vault:rewrap[ ]of[ ]vault_jobs,.*[ ]vault:rotate[ ]of[ ]vault_jobs\b/x,
	'CREATE EXTENSION schedules the jobs where pg_cron is');
is($node->safe_psql('postgres', 'SELECT vault.install_jobs()'), 0, 'and nothing is missing');

# ---- a dump has them too ----

my $file = $node->basedir . '/dump';
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', 'postgres', '-Fc', '-f', $file,
	'postgres' ], 'dumped');
my $copy = new_vault_node('copy', no_extension => 1,
	conf => "log_statement = none\nmax_connections = 20\n");
$copy->safe_psql('postgres', 'CREATE ROLE vault_jobs LOGIN NOINHERIT');
command_ok([ 'pg_restore', '-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-d', 'postgres',
	'--exit-on-error', '--single-transaction', $file ], 'restored');
my $jobs =
	q{SELECT string_agg(format('%s %s %s %s %s', jobid, jobname, schedule, command, username), E'\n'
		ORDER BY jobid)
		FROM cron.job};
is($copy->safe_psql('postgres', $jobs), $node->safe_psql('postgres', $jobs),
	'the same jobs are there');
is($copy->safe_psql('postgres', 'SELECT vault.install_jobs()'), 0, 'all of them');
$copy->stop;

# ---- real runs ----

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app');
	INSERT INTO vault_data.usage_network
		SELECT tenant_id, principal.id, network, now() - since, now(), 1
		FROM vault_data.principal,
			(VALUES ('192.0.2.0/24'::cidr, interval '10 days'), ('203.0.113.0/24', '1 minute'))
				AS n (network, since)
		WHERE principal.name = 'app'});
my $listener = VaultClient->new($node, 'app');
$listener->query('LISTEN vault');
$node->safe_psql('postgres', sprintf $every_minute, 'vault:anomalies');
$node->poll_query_until('postgres',
	q{SELECT (SELECT count(*) FROM vault.anomalies) > 0 AND outcome = 'succeeded' FROM vault.jobs
		WHERE job = 'vault:anomalies'})
  or die 'the job did not run';
is($node->safe_psql('postgres',
	q{SELECT duration >= '0' AND started_at <= now() FROM vault.jobs
		WHERE job = 'vault:anomalies'}),
	't', 'the view says when and how long');
is($node->safe_psql('postgres',
	q{SELECT DISTINCT username, command FROM cron.job_run_details
		WHERE command LIKE '%anomalies%'}),
	'vault_jobs|SELECT vault_data.job_anomalies()', 'it ran as vault_jobs');
is($node->safe_psql('postgres',
	q{SELECT DISTINCT role, session_role, decision FROM vault.audit
		WHERE operation = 'detect_anomalies'}),
	'vault_admin|vault_jobs|allow', 'and the trail says so');
my $found = $node->safe_psql('postgres',
	q{SELECT tenant, kind, principal, evidence ->> 'network' FROM vault.anomalies});
is($found, 'acme|new_network|app|203.0.113.0/24', 'it found what there was to find');
my $anomaly = $listener->value('SELECT id FROM vault.anomalies');
my $id = $listener->value(
	'SELECT id FROM vault.notifications WHERE kind = $1 AND payload->>$2 = $3', 'anomaly',
	'anomaly', $anomaly);
my $tenant = $listener->value('SELECT id FROM vault.tenants');
is_deeply([ $listener->notified ],
	[ [ 'vault', qq({"id": "$id", "kind": "anomaly", "tenant": "$tenant"}) ] ],
	'and sent ids, and nothing else, by NOTIFY');
$listener->close;

# A run that fails says why, and the next one is as usual.
my $runs = q{SELECT count(*) FROM cron.job_run_details WHERE status = '%s' AND start_time > '%s'};
$node->safe_psql('postgres', 'ALTER TABLE vault_data.usage_evaluated RENAME TO usage_hidden');
my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->poll_query_until('postgres', sprintf("SELECT (%s) > 0", sprintf $runs, 'failed', $now))
	or die 'no job failed';
like($node->safe_psql('postgres',
	q{SELECT outcome, message FROM vault.jobs WHERE job = 'vault:anomalies'}), qr/^failed\|ERROR:/,
	'a failure is shown with its message');

# Sealed
$node->safe_psql('postgres',
	'ALTER TABLE vault_data.usage_hidden RENAME TO usage_evaluated; SELECT vault.seal()');
$now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->poll_query_until('postgres', sprintf("SELECT (%s) > 0", sprintf $runs, 'succeeded', $now))
	or die 'no job ran';
$node->safe_psql('postgres', 'SELECT vault.unseal(); SELECT cron.unschedule(jobid) FROM cron.job');
is($node->safe_psql('postgres',
	qq{SELECT count(*) FROM vault.audit
		WHERE operation = 'detect_anomalies' AND at > '$now' AND decision <> 'allow'}),
	0, 'while sealed it does nothing, without an error');

# A standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres',
	'SELECT vault_data.job_purge() IS NULL AND vault_data.job_anomalies() IS NULL'), 't',
	'on a standby nothing is done');
is(sql_state($standby, 'SELECT vault.install_jobs()'), '25006', 'nor installed');
$standby->stop;
$node->stop;

# ---- pg_cron in another database ----

my $apart = new_vault_node('apart', no_extension => 1,
	conf => "log_statement = none\ncron.database_name = 'scheduler'\n");
$apart->safe_psql('postgres', 'CREATE DATABASE scheduler');
$apart->restart;
my (undef, undef, $notices) = psql_as($apart, 'postgres', 'CREATE EXTENSION vault CASCADE');
like($notices, qr/NOTICE:  no jobs are scheduled: pg_cron is not installed in this database\n/,
	'CREATE EXTENSION says that it cannot schedule');
my $hint = 'HINT:  pg_cron works in database scheduler, and can stay there: as a superuser, '
  . 'run there what SELECT schedule_command FROM vault.job_commands() gives here.';
like($notices, qr/\Q$hint\E/,
	'with a hint that breaks no other job');
$apart->safe_psql('postgres', 'SELECT vault.init()');
$apart->safe_psql('scheduler',
	q{CREATE EXTENSION pg_cron; SELECT cron.schedule('mine', '0 0 1 1 *', 'SELECT 1')});
my $commands = $apart->safe_psql('postgres', 'SELECT schedule_command FROM vault.job_commands()');
$apart->safe_psql('scheduler', $commands);
is($apart->safe_psql('scheduler',
	q{SELECT count(*) FROM cron.job WHERE username = 'vault_jobs' AND database = 'postgres'}),
	$apart->safe_psql('postgres', 'SELECT count(*) FROM vault.jobs'),
	'which schedules every job there');
$apart->safe_psql('scheduler',
	q{SELECT cron.alter_job(jobid, schedule => '* * * * *') FROM cron.job
		WHERE jobname IN ('vault:purge', 'vault:anomalies', 'vault:partitions',
		'vault:retention')});
$apart->safe_psql('postgres', 'ALTER TABLE vault_data.usage_evaluated RENAME TO usage_hidden');
$apart->poll_query_until('scheduler',
	q{SELECT count(DISTINCT command) = 5 AND bool_and(status IN ('succeeded', 'failed'))
		FROM cron.job_run_details WHERE command ~ 'purge|rotate|partitions|retention|anomalies'})
  or die 'the jobs did not run';
is($apart->safe_psql('postgres',
	q{SELECT string_agg(job || ' ' || outcome, ', ' ORDER BY job) FROM vault.jobs
		WHERE job ~ 'partitions|purge|retention|rotate' AND duration >= '0' AND lag < '5 minutes'
		AND started_at <= now()}),
	'vault:partitions succeeded, vault:purge succeeded, '
	  . 'vault:retention succeeded, vault:rotate succeeded',
	'this database knows that they ran');
is($apart->safe_psql('postgres',
	q{SELECT job, outcome, lag FROM vault.jobs WHERE outcome <> 'succeeded'}),
	'vault:anomalies|failed|', 'and which did not succeed');
is($apart->safe_psql('postgres',
	q{SELECT label, value FROM vault.metrics
		WHERE metric = 'job_failed' AND label IN ('vault:anomalies', 'vault:purge')
		ORDER BY label}),
	"vault:anomalies|1\nvault:purge|0", 'as its figures do');
is($apart->safe_psql('postgres',
	q{SELECT DISTINCT role, session_role FROM vault.audit WHERE operation = 'purge'}),
	'vault_admin|vault_jobs', 'a job scheduled there runs here');
is($apart->safe_psql('postgres', 'SELECT count(schedule) FROM vault.jobs'), 0,
	'though this database cannot see its times');

# A job out of reach is reported, with the statement that removes it.
for my $statement ('SELECT vault.remove_jobs()', 'DROP EXTENSION vault')
{
	$apart->safe_psql('scheduler', $commands);
	my (undef, undef, $said) = psql_as($apart, 'postgres', $statement);
	like($said, qr/NOTICE:  jobs of vault that pg_cron has in database scheduler are not removed\n/,
		"$statement: what stays is said");
	my ($remove) = $said =~ /HINT:  As a superuser, run there: (SELECT .*;)$/m;
	$apart->safe_psql('scheduler', $remove);
	is($apart->safe_psql('scheduler', 'SELECT string_agg(jobname, $$ $$) FROM cron.job'), 'mine',
		"$statement: its statement leaves the jobs of others");
}
$apart->stop;

done_testing();
