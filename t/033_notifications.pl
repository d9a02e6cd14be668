# Every notification of a transaction that commits reaches a subscriber once, in the order of the
# changes that it tells of, for any order of commits. Of two consumers one at a time has
# notifications. A crash between taking and acknowledging gives them again.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $writers = 6;
my $each = soak_rounds(40, 500);
my $node = new_vault_node('main', conf => "log_statement = none\n");
$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{
	SELECT vault.put('s' || n, 'x') FROM generate_series(1, 10) AS n;
	SELECT vault.subscribe('k', '{rotated}')});

# ---- writers whose transactions last, and of whom some roll back ----
# Two consumers ask at the same moment.

my $script = $node->basedir . '/script.sql';
write_file($script, <<'SQL');
\set i random(1, 10)
\set ms random(0, 20)
\set kept random(1, 4)
BEGIN;
SELECT vault.rotate('s' || :i);
\sleep :ms ms
\if :kept > 1
COMMIT;
\else
ROLLBACK;
\endif
SQL
my ($out, $err) = ('', '');
my $bench = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'app',
	'-c', $writers, '-j', 2, '-t', $each, '-f', $script, 'postgres' ],
	'<', \undef, '>', \$out, '2>', \$err);

my @consumers = map { VaultClient->new($node, 'app') } 1 .. 2;
my (@taken, $both);
my ($rounds_with, $rounds_without) = (0, 0);

# In a round both ask, and the one that has a batch acknowledges its last.
sub consume
{
	$_->send(
		q{SELECT id, secret, payload->>'version' FROM vault.next_notifications('k', 7, '1 hour')})
		for @consumers;
	my @batches = map { $_->receive } @consumers;
	my @having = grep { @{ $batches[$_]{rows} } } 0 .. 1;
	$both++ if @having > 1;
	for my $i (@having)
	{
		push @taken, @{ $batches[$i]{rows} };
		$consumers[$i]->value(q{SELECT vault.acknowledge('k', $1)}, $batches[$i]{rows}[-1][0]);
	}
	return scalar @having;
}

while ($bench->pumpable) { consume() ? $rounds_with++ : $rounds_without++; $bench->pump_nb }
$bench->finish;
is($err =~ /error|abort/i ? $err : '', '', 'no call failed');
1 while consume();

cmp_ok($rounds_with, '>', 5, 'they were taken while others were written');
is($both // 0, 0, 'never by two at once');
my %seen;
$seen{ $_->[0] }++ for @taken;
is(scalar(grep { $_ > 1 } values %seen), 0, 'none twice');
is(join(',', sort keys %seen),
	psql_as($node, 'app',
	q{SELECT string_agg(id::text, ',' ORDER BY id::text) FROM vault.notifications
		WHERE kind = 'rotated'}),
	'and none is missing');
is(scalar(@taken), psql_as($node, 'app', q{SELECT count(*) - 10 FROM vault.versions}),
	'one for each version that was committed');
my (%last, $backwards);
for (@taken)
{
	my (undef, $secret, $version) = @$_;
	$backwards++ if $version <= ($last{$secret} // 0);
	$last{$secret} = $version;
}
is($backwards // 0, 0, 'those of one secret in the order of its versions');
is(psql_as($node, 'app', q{SELECT waiting FROM vault.subscribers}), 0, 'nothing waits');
cmp_ok($node->safe_psql('postgres',
	q{SELECT count(*) FROM (
			SELECT at < lag(at) OVER (ORDER BY position) AS earlier
			FROM vault_data.notification WHERE position IS NOT NULL) n
		WHERE earlier}),
	'>', 0, 'and some were committed after ones that were written later');
$_->close for @consumers;

# ---- crashes ----

psql_as($node, 'app', q{SELECT vault.rotate('s1'), vault.rotate('s2'), vault.rotate('s3')});
my $next = q{SELECT secret FROM vault.next_notifications('k', 2, '%s')};
my $acknowledge =
	q{SELECT vault.acknowledge('k',
		(SELECT id FROM vault.notifications WHERE kind = 'rotated' AND secret = '%s'
			ORDER BY at DESC LIMIT 1))};

# taken and not committed
my $client = VaultClient->new($node, 'app');
$client->simple('BEGIN');
is_deeply($client->query(sprintf $next, '1 hour')->{rows}, [ ['s1'], ['s2'] ], 'taken');
crash_server($node);
$node->start;
is(psql_as($node, 'app', sprintf $next, '0'), "s1\ns2",
	'a crash before the commit: again, at once');

# taken with a lease and committed, one of the two acknowledged
is(psql_as($node, 'app', sprintf $next, '3 seconds'), "s1\ns2", 'taken with a lease');
psql_as($node, 'app', sprintf $acknowledge, 's1');
crash_server($node);
$node->start;
$node->poll_query_until('postgres',
	q{SELECT leased_until <= clock_timestamp() FROM vault_data.subscriber})
	or die 'the lease does not end';
is(psql_as($node, 'app', sprintf $next, '0'), "s2\ns3",
	'a crash before the rest is acknowledged: the rest, once the lease is over');

# acknowledged notifications stay so
psql_as($node, 'app', sprintf $acknowledge, 's3');
crash_server($node);
$node->start;
is(psql_as($node, 'app', sprintf $next, '0'), '', 'what was acknowledged does not come again');
is(psql_as($node, 'app', q{SELECT waiting, leased_until FROM vault.subscribers}), '0|',
	'and nothing waits');

# ---- notifications pending at the dump are delivered after the restore, and only these ----

psql_as($node, 'app', q{SELECT vault.rotate('s4')});
my $file = $node->basedir . '/dump';
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', 'postgres', '-Fc', '-f', $file,
	'postgres' ], 'dumped');
my $copy = new_vault_node('copy', no_extension => 1, conf => "log_statement = none\n",
	source => "file:" . key_directory($node) . '/root.key');
$copy->safe_psql('postgres', q{
	CREATE ROLE vault_jobs LOGIN NOINHERIT;
	CREATE ROLE vault_client NOLOGIN;
	CREATE ROLE app LOGIN IN ROLE vault_client});
command_ok([ 'pg_restore', '-h', $copy->host, '-p', $copy->port, '-U', 'postgres', '-d', 'postgres',
	'--exit-on-error', '--single-transaction', $file ], 'restored');
$copy->safe_psql('postgres', 'SELECT vault.unseal()')
	if $copy->safe_psql('postgres', 'SELECT sealed FROM vault.status()') eq 't';
is(sql_state($copy, sprintf($next, '0'), 'app'), 'VT015', 'a copy delivers nothing');
$copy->safe_psql('postgres', q{SELECT vault.adopt('a test')});
is(psql_as($copy, 'app', sprintf $next, '0'), 's4',
	'the rest is delivered there, once an operator has adopted it');
psql_as($copy, 'app', q{SELECT vault.rotate('s5')});
is(psql_as($copy, 'app', sprintf $next, '0'), "s4\ns5", 'and what comes after');
$copy->stop;
$node->stop;

done_testing();
