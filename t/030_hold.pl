# A copy of the vault, however it was made, changes nothing at another server and notifies no
# subscriber until an operator adopts it. The original goes on through restarts, crashes and moved
# sockets.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultRemote;
use VaultTest;

my $remote = new_remote_node('remote');
$remote->append_conf('postgresql.conf', 'log_connections = on');
$remote->reload;
$remote->safe_psql('postgres',
	q{CREATE ROLE far LOGIN PASSWORD 'first'; CREATE ROLE begun LOGIN PASSWORD 'first'});
my $address = remote_address($remote);
my $node = new_vault_node('main', init => { allows_streaming => 1 },
	conf => remote_conf($remote) . "max_connections = 20\nvault.rotation_retry = 1\n");
$node->safe_psql('postgres', q{
	CREATE ROLE admin LOGIN;
	SELECT vault.create_tenant('acme', 'admin')});
psql_as($node, 'admin', qq{
	SELECT vault.put(n, 'first') FROM unnest('{far,begun}'::text[]) AS n;
	SELECT vault.set_rotation(n, '1 second', 'postgres_remote',
		format('{"user": "%s", %s}', n, '$address')::jsonb, overlap => '0')
		FROM unnest('{far,begun}'::text[]) AS n;
	SELECT vault.subscribe('hooks')});

sub held { my ($server) = @_;
	return $server->safe_psql('postgres', "SELECT coalesce(held, '') FROM vault.status()") }
sub run_job { my ($server) = @_;
	return psql_as($server, 'vault_jobs', 'CALL vault_data.job_rotate()') }
sub passwords { return $remote->safe_psql('postgres',
	q{SELECT string_agg(rolname || rolpassword, ' ' ORDER BY rolname) FROM pg_authid
		WHERE rolname IN ('far', 'begun')}) }
sub visitors { return
	scalar(() = read_file($remote->logfile) =~ /connection authorized: user=(?:far|begun)/g) }

# Runs of the job until both secrets have been rotated once more
sub rotates
{
	my ($server) = @_;
	my $before = passwords();

	$server->safe_psql('postgres',
		'UPDATE vault_data.rotation_schedule SET due_at = now(), next_at = now()');
	for (1 .. 60)
	{
		run_job($server);
		return 1 if $server->safe_psql('postgres',
			q{SELECT count(*) FILTER (WHERE state IN ('idle', 'overlapping'))
				FROM vault.rotation_status}) == 2
			&& passwords() ne $before;
		sleep 1;
	}
	diag($server->safe_psql('postgres',
		'SELECT name, state, step, attempts, last_error FROM vault.rotation_status'));
	return 0;
}

# An operator's work at the targets before a copy is adopted whose values they no longer have
sub take_over
{
	my ($server) = @_;
	for my $name ('far', 'begun')
	{
		my $password = psql_as($server, 'admin', "SELECT vault.get('$name')");
		$remote->safe_psql('postgres', "ALTER ROLE $name PASSWORD \$p\$$password\$p\$");
	}
	return;
}

# Key and settings of the original, and its own port
sub keys_of_original
{
	my ($copy) = @_;
	my $keys = key_directory($copy);

	mkdir $keys, 0700 or die "$keys: $!";
	write_file("$keys/root.key", read_file(key_directory($node) . '/root.key'));
	$copy->append_conf('postgresql.conf', "vault.root_key_source = 'file:$keys/root.key'");
	return;
}

ok(rotates($node), 'the original rotates at the other server');
psql_as($node, 'admin',
	q{SELECT vault.set_rotation(n, 'on demand') FROM unnest('{far,begun}'::text[]) AS n});

# ---- at home ----

for my $how ('fast', 'immediate')
{
	$node->stop($how);
	$node->start;
	is(held($node), '', "a restart ($how) does not hold it");
}
crash_server($node);
$node->start;
is(held($node), '', 'nor a crash');
my $sockets = $node->basedir . '/sockets';
mkdir $sockets or die "$sockets: $!";
$node->stop;
$node->append_conf('postgresql.conf',
	"unix_socket_directories = '$sockets, " . $node->host . "'\ncluster_name = 'renamed'");
$node->start;
is(held($node), '', 'nor another socket');

# ---- a base backup, started elsewhere with the key ----

my $begun = 'SELECT vault.rotate(n) FROM unnest(\'{begun}\'::text[]) AS n';
psql_as($node, 'admin', $begun);    # a run that stands before "set"
$node->backup('base');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'base');
keys_of_original($copy);
$copy->start;
is(sealed_reason($copy), '', 'the copy is unsealed');
like(held($copy), qr/another data directory; its files were copied or restored/, 'and held');
is(psql_as($copy, 'admin', q{SELECT vault.get('far') <> ''}), 't', 'it reads');
is($copy->safe_psql('postgres',
	q{SELECT string_agg(state, ' ' ORDER BY name) FROM vault.rotation_status}), 'running idle',
	'it has a run that was begun');
$copy->safe_psql('postgres',
	'UPDATE vault_data.rotation_schedule SET due_at = now(), next_at = now()');
my ($passwords, $visitors) = (passwords(), visitors());
my $listener = VaultClient->new($copy, 'admin');
$listener->query('LISTEN vault');
for (1 .. 3)
{
	run_job($copy);
	sleep 1;
}
like(read_file($copy->logfile),
	qr/jobs of vault that rotate and announce wait: the vault is held as a copy/,
	'its log says that the job waits');
is(sql_state($copy, "SELECT vault.rotate('far')", 'admin'), 'VT015', 'rotate() by hand is refused');
is(sql_state($copy, "SELECT vault.rollback('far', 1)", 'admin'), 'VT015', 'so is rollback()');
is(sql_state($copy, 'SELECT vault.rotate_due()', 'postgres'), 'VT015', 'so is rotate_due()');
is(sql_state($copy, 'SELECT vault.rotate_root_key()', 'postgres'), 'VT015',
	'so is a new root key, whose source it may share with the original');
is(sql_state($copy, "SELECT * FROM vault.next_notifications('hooks')", 'admin'), 'VT015',
	'nothing is delivered');
my (undef, undef, $hint) = psql_as($copy, 'admin', "SELECT vault.rotate('far')");
like($hint, qr/HINT:.*vault\.adopt\(\)/, 'the hint says who releases it');
psql_as($copy, 'admin', q{SELECT vault.deactivate('begun', 'x'), vault.reactivate('begun', 'x')});
$listener->query('SELECT 1');
is_deeply([ $listener->notified ], [], 'no listener is notified');
psql_as($copy, 'admin', q{BEGIN; SELECT vault.remove_rotation('begun'); ROLLBACK});
is(passwords(), $passwords, 'the passwords at the other server are the same');
is(visitors(), $visitors, 'no session has even logged in there');
is($copy->safe_psql('postgres',
	q{SELECT string_agg(coalesce(attempts, 0)::text, ' ' ORDER BY name)
		FROM vault.rotation_status}),
	'0 0', 'no attempt was counted');

$copy->restart;
like(held($copy), qr/another data directory/, 'a restart does not release it');
ok(rotates($node), 'the original still rotates');
is(held($node), '', 'and is at home');

take_over($copy);
$copy->safe_psql('postgres', q{SELECT vault.adopt('the original is gone')});
is(held($copy), '', 'adopted, it is at home');
$copy->restart;
is(held($copy), '', 'after a restart too');
ok(rotates($copy), 'what was missed is done');
is($copy->safe_psql('postgres',
	q{SELECT count(*) FROM vault.audit
		WHERE operation = 'adopt' AND reason = 'the original is gone' AND principal IS NULL}),
	2, 'the trail has who, why, from where and to where');
$copy->stop;

# ---- files: moved, copied in place, recovered in place ----

sub moved_while_stopped
{
	my ($move) = @_;
	$node->stop;
	$move->();
	$node->start;
	return held($node);
}

my $data = $node->data_dir;
like(moved_while_stopped(sub { rename $data, "$data.old" or die $!;
	system_or_bail('cp', '-a', "$data.old", $data) }), qr/^its files were copied or restored$/,
	'a copy at the same path is held');
is(moved_while_stopped(sub { system_or_bail('rm', '-rf', $data); rename "$data.old",
	$data or die $! }), '', 'the original in its place again is at home');
is(moved_while_stopped(sub { rename $data, "$data.moved" or die $!; symlink "$data.moved",
	$data or die $! }), 'another data directory', 'one that has moved is held');
is(moved_while_stopped(sub { unlink $data or die $!; rename "$data.moved", $data or die $! }), '',
	'until it is back');
like(moved_while_stopped(sub {
	$node->append_conf('postgresql.conf', "restore_command = 'false'");
	write_file("$data/recovery.signal", '');
}), qr/^another timeline/, 'one that was recovered to a point in time is held');
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery did not end';
$node->safe_psql('postgres', q{SELECT vault.adopt('recovered')});
is(held($node), '', 'and adopted');

# ---- a standby ----

$node->backup('streaming');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'streaming', has_streaming => 1);
keys_of_original($standby);
$standby->start;
$node->wait_for_catchup($standby);
like(held($standby), qr/another data directory/,
	'a standby is told beforehand that it will be held');
$node->stop('immediate');
$standby->promote;
is(sealed_reason($standby), '', 'promoted, it serves');
is(psql_as($standby, 'admin', q{SELECT vault.get('far') <> ''}), 't', 'and reads');
$passwords = passwords();
$standby->safe_psql('postgres',
	'UPDATE vault_data.rotation_schedule SET due_at = now(), next_at = now()');
run_job($standby);
is(sql_state($standby, "SELECT vault.rotate('far')", 'admin'), 'VT015',
	'but rotates nothing outside');
is(passwords(), $passwords, 'not by the job either');
like(held($standby), qr/another timeline/, 'because its primary may go on');
take_over($standby);
$standby->safe_psql('postgres', q{SELECT vault.adopt('failover')});
ok(rotates($standby), 'until it is adopted');

# ---- a dump ----

my $dump = $node->basedir . '/dump';
my $globals = $node->basedir . '/globals';
system_or_bail('pg_dump', '-Fc', '-h', $standby->host, '-p', $standby->port, '-f', $dump,
	'postgres');
system_or_bail('pg_dumpall', '-g', '-h', $standby->host, '-p', $standby->port, '-f', $globals);
my $restored = new_vault_node('restored', no_extension => 1,
	source => 'file:' . key_directory($standby) . '/root.key', conf => remote_conf($remote));
IPC::Run::run([ 'psql', '-X', '-q', '-h', $restored->host, '-p', $restored->port, '-d', 'postgres',
	'-f', $globals ], '>', '/dev/null', '2>', '/dev/null');
IPC::Run::run([ 'pg_restore', '-h', $restored->host, '-p', $restored->port, '-d', 'postgres',
	$dump ], '>', '/dev/null', '2>', '/dev/null');
is(psql_as($restored, 'admin', q{SELECT vault.get('far') <> ''}), 't', 'a restored dump reads');
like(held($restored),
	qr/^another database system; its data was loaded from a dump or another database/,
	'and is held');
$passwords = passwords();
$restored->safe_psql('postgres',
	'UPDATE vault_data.rotation_schedule SET due_at = now(), next_at = now()');
run_job($restored);
is(sql_state($restored, "SELECT vault.rotate('far')", 'admin'), 'VT015', 'it rotates nothing');
is(passwords(), $passwords, 'nor does its job');
$restored->safe_psql('postgres', q{SELECT vault.adopt('moved to another server')});
is(held($restored), '', 'and can be adopted');

done_testing();
