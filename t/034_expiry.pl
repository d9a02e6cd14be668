# Expiry by the clock of a server that is moved forward. The server warns once at each threshold,
# and after a pause it tells the most urgent only. A secret cannot be read past its grace although
# no job runs. A purge comes after its announcement.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main', no_start => 1,
	conf => "log_statement = none\nautovacuum = off\n");
my $clock = new_clock($node->basedir);
plan skip_all => 'there is no C compiler' if !defined $clock;

# The time of the server, in days from now; its timers go on as they were.
sub move_to
{
	my ($days) = @_;
	set_clock($clock, time + int($days * 24 * 60) * 60);
	return;
}

move_to(0);
start_with_clock($node, $clock);
create_vault($node);
my $now = time;
$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.set_recovery_window('30 days', 'acme')});
psql_as($node, 'app', q{
	SELECT vault.put('db/x', 'value'), vault.put('db/own', 'value'), vault.put('db/gone', 'value'),
		vault.put('db/asleep', 'value'), vault.put('db/y', 'value');
	SELECT vault.set_expiry('db/x', now() + '40 days', '2 days'),
		vault.set_expiry('db/own', now() + '40 days'),
		vault.set_expiry('db/asleep', now() + '150 days');
	SELECT vault.set_warnings('db/own', '{3 days,20 days}');
	SELECT vault.delete('db/gone')});
move_to(1);
is($node->safe_psql('postgres',
	sprintf 'SELECT extract(epoch FROM clock_timestamp()) - %d BETWEEN 86000 AND 100000', $now),
	't', 'the clock moves');

# Run the jobs of one tick, as pg_cron does
my $told = 0;
sub tick
{
	$node->safe_psql('postgres',
		'SET ROLE vault_jobs; SELECT vault_data.job_warn(); SELECT vault_data.job_expire()');
	my $new = $node->safe_psql('postgres', sprintf q{
		SELECT string_agg(
			concat_ws(' ', kind, secret, (payload->>'threshold_seconds')::float8 / 86400),
			', ' ORDER BY secret, at)
		FROM (SELECT * FROM vault.notifications WHERE kind IN ('expiring', 'expired', 'purge_due')
			ORDER BY at OFFSET %d) n},
		$told);
	$told = $node->safe_psql('postgres',
		q{SELECT count(*) FROM vault.notifications
			WHERE kind IN ('expiring', 'expired', 'purge_due')});
	return $new;
}

sub told_at
{
	my ($day, $expected, $what) = @_;
	move_to($day);
	is(tick(), $expected, "day $day: $what");
	is(tick(), '', "day $day: and nothing twice");
	return;
}

told_at(9, '', 'nothing is due');
told_at(10.5, 'expiring db/x 30', 'the first threshold');
$node->stop;
start_with_clock($node, $clock);
told_at(11, '', 'a restart repeats nothing');
told_at(20.5, 'expiring db/own 20', 'thresholds of its own');
told_at(26.9, 'expiring db/x 14', 'the second');
told_at(27.1, 'purge_due db/gone', 'what will be purged in three days');
is($node->safe_psql('postgres', 'SET ROLE vault_jobs; SELECT vault_data.job_purge()'), 0,
	'and is not yet');
# a pause of two weeks: of 7 and 1 the latter
told_at(39.5, 'expiring db/own 3, expiring db/x 1', 'the most urgent after a pause');
is($node->safe_psql('postgres', 'SET ROLE vault_jobs; SELECT vault_data.job_purge()'), 1,
	'the deleted secret is purged');

# expired: no job has run
move_to(40.5);
my ($rc, $value, $notice) = psql_as($node, 'app', q{SELECT vault.get('db/x')});
is("$rc $value", '0 value', 'in its grace it is read');
my $hint = 'HINT:  Put a new value with vault.put() or vault.rotate().';
like($notice,
	qr/^(?:psql:\S+ )?NOTICE:  secret has expired and can be read until \S+ \S+\n\Q$hint\E$/,
	'with a notice');
unlike($notice, qr/value\b.*value/, 'that has no value');
is(sql_state($node, q{SELECT vault.get('db/own')}, 'app'), 'VT006', 'without grace it is not');
is($node->safe_psql('postgres',
	q{SELECT decision, reason FROM vault.audit WHERE operation = 'get' AND secret = 'db/x'}),
	'allow|expired, read within its grace', 'the trail tells');
is(psql_as($node, 'app',
	q{SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM vault.expiring()}),
	'db/own expired, db/x grace', 'both are shown');
told_at(40.6, 'expired db/own, expired db/x', 'that they have expired');
move_to(42.5);
is(sql_state($node, q{SELECT vault.get('db/x')}, 'app'), 'VT006', 'past the grace it is refused');
is(sql_state($node, q{SELECT vault.get('db/x', 1)}, 'app'), 'VT006', 'by its version too');
is(psql_as($node, 'app', q{SELECT string_agg(name, ',' ORDER BY name) FROM vault.get_many('db/*')}),
	'db/asleep,db/y', 'and left out of many');
told_at(43, '', 'no more of them');

# the override, and a new end
psql_as($node, 'app',
	q{SELECT vault.extend_expiry('db/x', now() + '5 days', 'the rotation is broken')});
is(psql_as($node, 'app', q{SELECT vault.get('db/x')}), 'value', 'prolonged it is read');
told_at(43.1, 'expiring db/x 7', 'its new end is warned of anew');
told_at(48.5, 'expired db/x', 'and comes');
is(sql_state($node, q{SELECT vault.get('db/x')}, 'app'), 'VT006', 'no longer');
is(psql_as($node, 'app', q{SELECT vault.rotate('db/x', 'new'); SELECT vault.get('db/x')}), "2\nnew",
	'a new value helps');
psql_as($node, 'app', q{SELECT vault.set_expiry('db/x', now() + '6 days 12 hours')});
told_at(48.6, 'expiring db/x 7', 'a new version begins anew');
psql_as($node, 'app', q{SELECT vault.set_expiry('db/x', NULL)});

# sealed: the jobs do nothing, and say so once; pg_cron's may have met a sealed vault before
sub said { return
	scalar(() = read_file($node->logfile) =~
	/LOG:  jobs of vault do nothing while the vault is sealed/g) }
my $said = said();
$node->safe_psql('postgres', 'SELECT vault.seal()');
is($node->safe_psql('postgres', q{
	SET ROLE vault_jobs;
	SELECT vault_data.job_warn() IS NULL, vault_data.job_expire() IS NULL,
		vault_data.job_notifications() IS NULL}),
	't|t|t', 'sealed: nothing is done');
is(said(), $said + 1, 'and that is said once');
$node->safe_psql('postgres', q{
	SELECT vault.unseal();
	SELECT vault.seal();
	SET ROLE vault_jobs;
	SELECT vault_data.job_warn();
	RESET ROLE;
	SELECT vault.unseal()});
is(said(), $said + 2, 'and again the next time');

# the server is down from before the first warning until after the end
$node->stop;
move_to(151);
start_with_clock($node, $clock);
is(sql_state($node, q{SELECT vault.get('db/asleep')}, 'app'), 'VT006',
	'after a long pause: refused at once');
told_at(151, 'expired db/asleep', 'and only the last is told');

# notifications delivered a month ago are removed
is($node->safe_psql('postgres', 'SET ROLE vault_jobs; SELECT vault_data.job_notifications() > 10'),
	't', 'old notifications go');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault.notifications WHERE at < now() - interval '30 days'}), 0,
	'all of them');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vault.verify()'), 0,
	'nothing was changed outside');
$node->stop;

done_testing();
