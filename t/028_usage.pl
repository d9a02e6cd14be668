# The counts of usage are exactly those of the trail after a crash of the whole server while many
# principals read, of the worker that counts, or of a backend. A dump carries them, and counting
# goes on where it was.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $node = new_vault_node('main',
	conf => "log_statement = none\nmax_connections = 40\nrestart_after_crash = on\n");
my $principals = 6;

$node->safe_psql('postgres', q{CREATE ROLE app LOGIN; SELECT vault.create_tenant('acme', 'app')});
$node->safe_psql('postgres', join ';', map { "CREATE ROLE reader$_ LOGIN" } 1 .. $principals);
psql_as($node, 'app', qq{
	SELECT count(vault.put('key/' || n, 'value')) + count(vault.put('key/' || n, 'newer'))
		FROM generate_series(1, 20) AS n;
	SELECT count(vault.create_principal('reader' || n, db_role => 'reader' || n)),
		count(vault.grant('reader' || n, '{read}', 'key/*'))
		FROM generate_series(1, $principals) AS n});

# List the differences between the trail and the counts; none, once the log consumer has seen all
my $differences = q{
	WITH trail AS (
		SELECT tenant_id, object_id, principal_id, version,
			count(*) AS reads, min(at) AS first, max(at) AS last
		FROM vault_data.audit_log
		WHERE decision = 'allow' AND operation ~ '^(get|conninfo|database_url)'
			AND object_id IS NOT NULL
		GROUP BY 1, 2, 3, 4
	), counted AS (
		SELECT tenant_id, secret_id, principal_id, version, reads, first_read_at, last_read_at
		FROM vault_data.usage WHERE reads > 0
	), calls AS (
		SELECT tenant_id, principal_id, count(*) AS calls,
			count(*) FILTER (WHERE decision = 'deny') AS denials
		FROM vault_data.audit_log
		WHERE decision IN ('allow', 'deny', 'error') AND principal_id IS NOT NULL
		GROUP BY 1, 2
	), counted_calls AS (
		SELECT tenant_id, principal_id, sum(calls)::bigint, sum(denials)::bigint
		FROM vault_data.usage_hour GROUP BY 1, 2
	)
	SELECT (SELECT count(*) FROM (TABLE trail EXCEPT TABLE counted) d)
		+ (SELECT count(*) FROM (TABLE counted EXCEPT TABLE trail) d)
		+ (SELECT count(*) FROM (TABLE calls EXCEPT TABLE counted_calls) d)
		+ (SELECT count(*) FROM (TABLE counted_calls EXCEPT TABLE calls) d)
		+ abs((SELECT count(*) FROM vault_data.audit_log
				WHERE decision IN ('deny', 'error') AND secret IS NOT NULL)
			- (SELECT sum(failed) FROM vault_data.usage))
		+ abs((SELECT count(*) FROM vault_data.audit_log WHERE decision = 'deny')
			- (SELECT sum(denials) FROM vault_data.usage_denial))
		+ abs((SELECT count(*) FROM vault_data.audit_log
				WHERE decision = 'allow' AND grant_id IS NOT NULL)
			- (SELECT sum(uses) FROM vault_data.usage_grant))};

sub counts_agree
{
	my ($at, $what) = @_;
	my $agree = $at->poll_query_until('postgres', "SELECT ($differences) = 0");
	ok($agree, "$what: the counts are the trail's");
	diag($at->safe_psql('postgres', $differences)) unless $agree;
	return;
}

# A step of the sealer reads new rows only, however long the trail is.
$node->safe_psql('postgres', q{CREATE ROLE auditor LOGIN IN ROLE vault_auditor});
psql_as($node, 'app', q{SELECT count(vault.get('key/1')) FROM generate_series(1, 3000)});
$node->poll_query_until('postgres', 'SELECT sum(reads) >= 3000 FROM vault_data.usage')
	or die 'nothing is counted';
cmp_ok(rows_read_by_steps($node, 'auditor', 5), '<', 1500, 'steps do not read the trail again');

# Every reader asks for many things at once, so that the server has something to do when it dies:
# reads of both versions, denials, failures.
sub ask
{
	my ($client, $n) = @_;
	$client->send(q{SELECT vault.get('key/' || n, 1 + n % 2) FROM generate_series(1, 20) AS n})
		if $n % 4 == 0;
	$client->send(q{SELECT count(*) FROM vault.get_many('key/1*')}) if $n % 4 == 1;
	$client->send(q{SELECT vault.get('no/such/key')}) if $n % 4 == 2;
	$client->send(q{SELECT vault.get('key/1', 77)}) if $n % 4 == 3;
	return;
}

# read_for(ROUNDS): values received, by all
sub read_for
{
	my ($rounds) = @_;
	my @clients = map { VaultClient->new($node, "reader$_") } 1 .. $principals;
	my $received = 0;

	for my $round (1 .. $rounds)
	{
		ask($clients[$_], $round + $_) for 0 .. $#clients;
		for my $client (@clients)
		{
			my $result = $client->receive;
			$received += @{ $result->{rows} }
				if $result->{state} eq '00000' && @{ $result->{rows} } > 1;
		}
	}
	ask($clients[$_], $_ * 4) for 0 .. $#clients;    # the last answers are not waited for
	return ($received, @clients);
}

my $received = 0;
for my $round (1 .. soak_rounds(3, 30))
{
	my ($more, @clients) = read_for(10 + int rand 40);
	$received += $more;
	if ($round % 3 == 1)
	{
		crash_server($node);
		$node->start;
		$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()')
			or die 'sealed';
		counts_agree($node, "round $round, all processes killed");
	}
	elsif ($round % 3 == 2)
	{
		my $worker = $node->safe_psql('postgres',
			q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault sealer'});
		ok($worker, 'there is a worker that counts');
		crash_backend($node, $worker);
		$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()')
			or die 'sealed';
		counts_agree($node, "round $round, the worker killed");
	}
	else
	{
		$_->close for @clients;
		$node->restart;
		$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()')
			or die 'sealed';
		counts_agree($node, "round $round, a restart");
	}
}
cmp_ok($received, '>', 100, 'values were received');
cmp_ok($node->safe_psql('postgres', 'SELECT sum(reads) FROM vault_data.usage'), '>=', $received,
	'and each is counted');
is($node->safe_psql('postgres',
	'SELECT count(*) FROM vault.usage WHERE reads > 0 AND version NOT IN (1, 2)'), 0, 'by version');
is($node->safe_psql('postgres',
	'SELECT count(DISTINCT principal) FROM vault.usage WHERE failed > 0 AND secret IS NULL'),
	$principals, 'failed attempts too');

# Sealed: what is asked meanwhile is counted later.
$node->safe_psql('postgres', 'SELECT vault.seal()');
is(sql_state($node, q{SELECT vault.get('key/1')}, 'reader1'), 'VT001', 'sealed');
$node->safe_psql('postgres', 'SELECT vault.unseal()');
counts_agree($node, 'unsealed again');

# A dump
my $file = $node->basedir . '/dump';
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', 'postgres', '-Fc', '-f', $file,
	'postgres' ], 'dumped');
my $copy = new_vault_node('copy', no_extension => 1,
	conf => "log_statement = none\nmax_connections = 40\n");
write_file(key_directory($copy) . '/root.key', read_file(key_directory($node) . '/root.key'));
run_log([ 'sh', '-c',
	"pg_dumpall --globals-only -h '" . $node->host . "' -p " . $node->port
	. " -U postgres | psql -q -X -h '" . $copy->host . "' -p " . $copy->port . ' -U postgres' ]);
command_ok([ 'pg_restore', '-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-d', 'postgres',
	'--exit-on-error', '--single-transaction', $file ], 'restored');
chmod 0600, key_directory($copy) . '/root.key';
$copy->safe_psql('postgres', 'SELECT vault.unseal()');
is(psql_as($copy, 'reader1', q{SELECT vault.get('key/1')}), 'newer', 'the copy works');
counts_agree($copy, 'a restored dump');
$copy->stop;
$node->stop;

done_testing();
