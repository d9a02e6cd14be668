# Rotation by pg_cron, with clients that log in all the time. The server is killed at every step of
# every rotator, and another server is verified. Steps that have piled up are done in as many runs
# as it takes.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultRemote;
use VaultTest;

# ---- two servers: the vault's, and another one with TLS ----

my $remote = new_remote_node('remote');
$remote->safe_psql('postgres', q{
	CREATE ROLE far LOGIN PASSWORD 'first';
	CREATE ROLE far_a LOGIN PASSWORD 'a';
	CREATE ROLE far_b LOGIN PASSWORD 'b'});

my $node = new_vault_node('main', jobs => 1,
	conf => remote_conf($remote) . "vault.rotation_retry = 1\n"
	  . "vault.rotation_timeout = '20s'\nvault.rotation_batch = 400\nlog_statement = none\n");
# The passwords of these roles count, and other roles come in as before.
write_file($node->data_dir . '/pg_hba.conf',
	"local all near,near_a,near_b scram-sha-256\n" . read_file($node->data_dir . '/pg_hba.conf'));
$node->reload;
$node->safe_psql('postgres', q{
	UPDATE cron.job SET schedule = '0 0 31 2 *' WHERE jobname <> 'vault:rotate';
	CREATE ROLE admin LOGIN;
	CREATE ROLE near LOGIN PASSWORD 'first';
	CREATE ROLE near_a LOGIN PASSWORD 'a';
	CREATE ROLE near_b LOGIN;
	CREATE ROLE functions LOGIN;
	SELECT vault.create_tenant('acme', 'admin');
	SELECT vault.allow_rotation(r, 'acme') FROM unnest('{near,near_a,near_b}'::text[]) AS r;
	CREATE SCHEMA target AUTHORIZATION functions;
	GRANT USAGE ON SCHEMA target TO admin;
	SET ROLE functions;
	CREATE TABLE target.login (password text);
	INSERT INTO target.login VALUES ('first');
	CREATE FUNCTION target.set(text, text, integer, text, text) RETURNS void LANGUAGE sql
		AS 'UPDATE target.login SET password = $4';
	CREATE FUNCTION target.test(text, text, integer, text, text) RETURNS boolean LANGUAGE sql
		AS 'SELECT EXISTS (SELECT FROM target.login WHERE password = $4)'});

sub admin { my ($sql) = @_; return psql_as($node, 'admin', $sql) }
sub run_job { return psql_as($node, 'vault_jobs', 'CALL vault_data.job_rotate()') }

my $address = remote_address($remote);
my %rotators = (
	generate => { value => 'first' },
	external => { value => 'first' },
	role => { value => 'first', rotator => 'postgres_role', config => '{"user": "near"}',
	server => $node, user => 'near', atomic => 1 },
	pair => { value =>
	qq({"user": "near_a", "password": "a", "host": "${\$node->host}", "dbname": "postgres"}),
	type => 'database', rotator => 'postgres_role', config => '{"users": ["near_a", "near_b"]}',
	server => $node, atomic => 1 },
	function => { value => 'first', config => '{"set": "target.set", "test": "target.test"}' },
	far => { value => 'first', rotator => 'postgres_remote',
	config => qq({"user": "far", $address}), server => $remote, user => 'far' },
	far_pair => { value => qq({"user": "far_a", "password": "a", $address}), type => 'database',
	rotator => 'postgres_remote', config => qq({"users": ["far_a", "far_b"], $address}),
	server => $remote });
admin(q{SELECT vault.create_principal('functions', db_role => 'functions')});
# The vault must know the second user's password once
admin(qq{SELECT vault.put('far_pair', '{"user": "far_b", "password": "b", $address}', 'database')});
for my $name (sort keys %rotators)
{
	my $r = $rotators{$name};
	admin(sprintf
		q{
			SELECT vault.put('%s', '%s', '%s');
			SELECT vault.set_rotation('%1$s', NULL, '%s', %s, overlap => '0')},
		$name, $r->{value}, $r->{type} // 'generic', $r->{rotator} // $name,
		$r->{config} ? "'$r->{config}'" : 'NULL');
}

# logs_in(NAME): whether the current version does; those without a login compare it with what the
# function has set
sub logs_in
{
	my ($name) = @_;
	my $r = $rotators{$name};
	my $value = admin("SELECT vault.get('$name')");

	return $value ne '' if $name eq 'generate' || $name eq 'external';
	return $value eq $node->safe_psql('postgres', 'SELECT password FROM target.login')
		if $name eq 'function';
	my ($user, $password) = $r->{user} ? ($r->{user}, $value)
		: $value =~ /"user": ?"(\w+)".*"password": ?"([^"]+)"/;
	return try_login($r->{server}, $user, $password);
}

sub try_login
{
	my ($server, $user, $password) = @_;
	local $ENV{PGPASSWORD} = $password;
	local $ENV{PGSSLMODE} = $server == $remote ? 'require' : 'prefer';
	local $ENV{PGHOST} = $server == $remote ? 'localhost' : $server->host;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-p', $server->port, '-U', $user, '-d', 'postgres', '-c',
		'SELECT 1' ], '>', \$out, '2>', \$err);
	return $out eq "1\n";
}

sub state_of { my ($name) = @_;
	return $node->safe_psql('postgres',
	"SELECT state FROM vault.rotation_status WHERE name = '$name'") }
sub versions { my ($name) = @_;
	return $node->safe_psql('postgres',
	"SELECT count(*) FILTER (WHERE label = 'current'), max(version) FILTER (WHERE label = 'current')
		FROM vault.versions WHERE name = '$name'") }

# ---- pg_cron ----

admin(
	q{SELECT vault.put('cron', 'first'), vault.set_rotation('cron', '5 seconds', overlap => '0')});
my $listener = VaultClient->new($node, 'admin');
$listener->query('LISTEN vault');

# ---- while it comes, clients log in ----

# Rotates again and again in another process, until so many seconds are over and it was rotated
# twice. A login counts as refused if it came within the overlap of two seconds from before the
# value was read.
sub while_rotating
{
	my ($name, $seconds, $secret, $code) = @_;
	my $first = (split /\|/, versions($secret))[1];
	my $stop = $node->basedir . "/stop";
	unlink $stop;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		while (!-e $stop)
		{
			psql_as($node, 'vault_jobs', 'CALL vault_data.job_rotate()');
			Time::HiRes::sleep(0.1);
		}
		POSIX::_exit(0);
	}
	my $end = Time::HiRes::time() + $seconds;
	my ($logins, $failures) = (0, 0);
	while (Time::HiRes::time() < $end
		|| (($logins <= 10 || (split /\|/, versions($secret))[1] < $first + 2)
		&& Time::HiRes::time() < $end + 180))
	{
		my $began = Time::HiRes::time();
		$logins++;
		$code->() or Time::HiRes::time() - $began > 2 or $failures++;
	}
	write_file($stop, '');
	waitpid $pid, 0;
	is($?, 0, "$name: no rotation failed");
	return ($logins, $failures);
}

# Until the other user is retired
sub until_idle
{
	my ($name) = @_;
	for (1 .. 900)
	{
		run_job();
		return if state_of($name) eq 'idle';
		Time::HiRes::sleep(0.2);
	}
	die "$name is not retired";
}

my $seconds = soak_rounds(8, 180);
for my $name ('pair', 'far_pair', 'role')
{
	my $r = $rotators{$name};
	admin(sprintf
		q{SELECT vault.set_rotation('%s', '3 seconds', '%s', '%s', overlap => '2 seconds')}, $name,
		$r->{rotator}, $r->{config});
	my $before = (split /\|/, versions($name))[1];
	my ($logins, $failures) = while_rotating($name, $seconds, $name, sub { logs_in($name) });
	my $rotations = (split /\|/, versions($name))[1] - $before;
	cmp_ok($rotations, '>=', 2, "$name: was rotated while clients logged in");
	cmp_ok($logins, '>', 10, "$name: often enough");
	is($failures, 0, "$name: no login failed") if $name ne 'role';
	note("$name: $logins logins, $rotations rotations, $failures failures");
	admin(sprintf q{SELECT vault.set_rotation('%s', NULL, '%s', '%s', overlap => '0')}, $name,
		$r->{rotator}, $r->{config});
	until_idle($name);
}
# The client of the documentation
my $client = $node->basedir . '/rotating_client';
my ($include) = run_command([ 'pg_config', '--includedir' ]);
system_or_bail('cc', '-Wall', '-Werror', "-I$include", '-o', $client, 'examples/rotating_client.c',
	'-lpq');
admin(
	q{SELECT vault.set_rotation('pair', '3 seconds', 'postgres_role',
		'{"users": ["near_a", "near_b"]}', overlap => '2 seconds')});
my $run = '';
my $conninfo = sprintf 'host=%s port=%d dbname=postgres user=admin', $node->host, $node->port;
my $process = IPC::Run::start([ $client, $conninfo, 'pair', $seconds + 3 ], '>', \$run, '2>',
	\$run);
while_rotating('client', $seconds, 'pair', sub { Time::HiRes::sleep(0.1); return 1 });
ok($process->finish, 'the client of the examples ran to its end');
like($run, qr/^\d{2,} queries, (?:[2-9]|\d\d+) logins, \d+ refused$/,
	'it changed its login, and lost no query') or diag($run);
note($run);
admin(
	q{SELECT vault.set_rotation('pair', NULL, 'postgres_role', '{"users": ["near_a", "near_b"]}',
		overlap => '0')});
until_idle('pair');
like(state_of($_), qr/^(?:idle|overlapping)$/, "$_: no rotation failed")
	for 'pair', 'far_pair', 'role';

$node->poll_query_until('postgres',
	q{SELECT count(*) > 0 FROM cron.job_run_details
		WHERE status = 'succeeded' AND command = 'CALL vault_data.job_rotate()'})
  or die 'the job did not run';
# A background worker of pg_cron's, for which no client has logged in
my $by_cron =
	q{FROM vault.audit
		WHERE operation = 'rotate_due' AND secret = 'cron' AND version > 1
		AND authenticated_role IS NULL};
$node->poll_query_until('postgres', "SELECT count(*) > 0 $by_cron") or die 'the job did nothing';
is($node->safe_psql('postgres', "SELECT DISTINCT role, session_role, decision $by_cron"),
	'vault_admin|vault_jobs|allow', 'pg_cron rotated, as vault_jobs');
isnt(admin(q{SELECT vault.get('cron')}), 'first', 'the secret has another value');
$listener->value('SELECT 1');
is(scalar(grep { $_->[1] =~ /"kind": "rotated"/ } $listener->notified) > 0, 1,
	'and who listens was told');
unlike(join('', map { $_->[1] } $listener->notified), qr/cron|far|near/, 'by ids only');
$listener->close;
admin(q{SELECT vault.remove_rotation('cron')});
quiet_jobs($node);

# ---- the other server saw no password, and none goes where it must not ----

my $log = slurp_file($remote->logfile);
like($log, qr/ALTER ROLE CURRENT_USER PASSWORD 'SCRAM-SHA-256\$/, 'the other server saw verifiers');
my $now = admin(q{SELECT vault.get('far_pair')::json ->> 'password'});
is(index($log, $now), -1, 'and no password');
my $port = $remote->port;
for my $config (
	qq({"user": "far", "host": "127.0.0.1", "port": "$port", "dbname": "postgres"}),
	qq({"user": "far", "host": "localhost", "port": "1", "dbname": "postgres"}),
	qq({"user": "far", "host": "localhost", "port": "$port sslmode=disable", "dbname": "postgres"}))
{
	is(sql_state($node, "SELECT vault.set_rotation('far', NULL, 'postgres_remote', '$config')",
		'admin'), '42501', 'only where an operator allowed it');
}
set_conf($node, 'vault.rotation_root_certificates', remote_tls($remote) . '/other.crt');
admin(q{SELECT vault.rotate('far')});
run_job();
is($node->safe_psql('postgres',
	q{SELECT r.state, r.step, left(r.last_error, 5), s.current_version < r.version
		FROM vault.rotation_status r JOIN vault.secrets s USING (name) WHERE name = 'far'}),
	'retrying|set|08001|t', 'a server with a certificate of another host is not talked to');
ok(logs_in('far'), 'and the current version still logs in');
set_conf($node, 'vault.rotation_root_certificates', remote_tls($remote) . '/ca.crt');
$remote->stop;
$node->poll_query_until('postgres',
	q{SELECT vault.rotate_due(1) >= 0 AND attempts >= 2 FROM vault.rotation_status
		WHERE name = 'far'})
  or die 'it was not tried again';
like($node->safe_psql('postgres',
	q{SELECT last_error FROM vault.rotation_status WHERE name = 'far'}),
	qr/^08001: could not connect to the server$/, 'nor one that is away');
$remote->start;
$node->poll_query_until('postgres',
	q{SELECT vault.rotate_due() >= 0 AND state IN ('idle', 'overlapping') FROM vault.rotation_status
		WHERE name = 'far'})
  or die 'it was not done';
ok(logs_in('far'), 'once it is back, the rotation is done');

# ---- the other server's messages, and this server's environment ----

$remote->safe_psql('postgres', q{
	ALTER ROLE far SET client_min_messages = 'debug5';
	ALTER ROLE far SET debug_print_parse = on});
admin(q{SELECT vault.rotate('far')});
$node->poll_query_until('postgres',
	q{SELECT vault.rotate_due() >= 0 AND state IN ('idle', 'overlapping') FROM vault.rotation_status
		WHERE name = 'far'})
  or die 'it was not done';
ok(logs_in('far'), 'a role that has much told is rotated');
is(scalar(() = slurp_file($node->logfile) =~ /^DEBUG:/mg), 0,
	'and writes nothing to the log of the vault');
$remote->safe_psql('postgres', q{ALTER ROLE far RESET ALL; ALTER ROLE far CONNECTION LIMIT 0});
admin(q{SELECT vault.rotate('far')});
run_job();
like($node->safe_psql('postgres',
	q{SELECT last_error FROM vault.rotation_status WHERE name = 'far'}),
	qr/^08001: could not connect to the server$/, 'too many connections are no refused login');
$remote->safe_psql('postgres', 'ALTER ROLE far CONNECTION LIMIT -1');
{
	local @ENV{qw(PGHOSTADDR PGOPTIONS PGTARGETSESSIONATTRS)} = ('127.0.0.9',
		'-c default_transaction_read_only=on', 'standby');
	$node->restart;
}
$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()') or die 'sealed';
$node->poll_query_until('postgres',
	q{SELECT vault.rotate_due() >= 0 AND state IN ('idle', 'overlapping') FROM vault.rotation_status
		WHERE name = 'far'})
  or die 'it was not done';
ok(logs_in('far'), 'the environment of the server does not matter');
$node->restart;
$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()') or die 'sealed';

# ---- a run that is removed after its value was set there ----

run_job();
admin(q{SELECT vault.rotate('far')});
$node->poll_query_until('postgres',
	q{SELECT vault.rotate_due(1) >= 0 AND step = 'test' FROM vault.rotation_status
		WHERE name = 'far'})
  or die 'it was not set';
ok(!logs_in('far'), 'between set and promote the current version does not log in');
admin(q{SELECT vault.remove_rotation('far')});
ok(logs_in('far'), 'but does when the run was removed');
admin(sprintf q{SELECT vault.set_rotation('far', NULL, 'postgres_remote', '%s', overlap => '0')},
	$rotators{far}{config});
admin(q{SELECT vault.rotate('far')});
until_idle('far');
ok(logs_in('far'), 'and it can be rotated again');

# ---- kill -9 at every step ----

sub kill_in_step
{
	my ($sql, $role) = @_;
	my $session = VaultClient->new($node, $role // 'postgres');
	$session->query('BEGIN');
	my $result = $session->query($sql);
	is($result->{state}, '00000', "done, but not committed: $sql") or diag($result->{message});
	crash_server($node);
	$node->start;
	$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()') or die 'sealed';
	return;
}

for my $name (sort keys %rotators)
{
	my $r = $rotators{$name};
	run_job();    # nothing else is due
	my (undef, $before) = split /\|/, versions($name);

	# Work that rotate() does at once is done with its transaction
	kill_in_step("SELECT vault.rotate('$name')", 'admin') if $r->{atomic} || $name eq 'generate';
	is(versions($name), "1|$before", "$name: killed in rotate(), as before");
	ok(logs_in($name), "$name: and it logs in");

	# By the job: each step done and not committed, then committed
	$node->safe_psql('postgres',
		qq{UPDATE vault_data.rotation_schedule SET due_at = now(), next_at = now()
			WHERE secret_id = (SELECT id FROM vault.secrets WHERE name = '$name')});
	my $steps = 0;
	while (1)
	{
		my $step = $node->safe_psql('postgres',
			"SELECT coalesce(step, 'begin') FROM vault.rotation_status WHERE name = '$name'");
		last if $steps > 0 && ($step eq 'done' || $step eq 'wait');
		kill_in_step('SELECT vault.rotate_due(1)');
		like(versions($name), qr/^1\|/, "$name: one current version after the crash in $step");
		# One user whose password is not set in the transaction of the promotion has the new one
		# before: until the step is done again
		ok(logs_in($name), "$name: and it logs in")
			unless $name =~ /^(?:far|function)$/ && $step =~ /^(?:set|test|promote)$/;
		is($node->safe_psql('postgres', 'SELECT vault.rotate_due(1)'), 1,
			"$name: the step is done again");
		last if ++$steps > 8;
	}
	if ($name eq 'external')
	{
		my $id = $node->safe_psql('postgres',
			q{SELECT rotation FROM vault.rotation_status WHERE name = 'external'});
		kill_in_step("SELECT vault.complete_rotation('$id', 'from outside')", 'admin');
		is(versions($name), "1|$before", "$name: killed when it was completed, as before");
		is(
			admin(
			"SELECT vault.complete_rotation('$id', 'from outside'); SELECT vault.get('external')"),
			($before + 1) . "\nfrom outside", "$name: completed after that");
	}
	is(versions($name), '1|' . ($before + 1), "$name: rotated once");
	ok(logs_in($name), "$name: and it logs in");
}
is($node->safe_psql('postgres', 'SELECT * FROM vault.verify()'), '',
	'nothing looks as if it had been changed');

# ---- values are in no log and in no file ----

my $canary = canary();
set_conf($node, 'log_statement', 'all');
set_conf($node, 'log_min_duration_statement', '0');
admin(qq{
	SELECT vault.rotate('role', '$canary-role');
	SELECT vault.rotate('far', '$canary-far');
	SELECT vault.rotate('external')});
my $waiting = $node->safe_psql('postgres',
	q{SELECT rotation FROM vault.rotation_status WHERE name = 'external'});
admin(qq{SET search_path = vault; SELECT complete_rotation('$waiting', '$canary-external')});
is(sql_state($node, qq{SELECT vault.complete_rotation('$waiting', '$canary-twice')}, 'admin'),
	'55000', 'a rotation is completed once');
run_job();
ok(logs_in($_), "$_: a value that was given logs in") for 'role', 'far';
$node->safe_psql('postgres', 'CHECKPOINT');
is_deeply([ scan_for($canary, $node->data_dir, $node->logfile, $remote->data_dir,
	$remote->logfile) ], [], 'no value is in a log or a file of either server');
set_conf($node, 'log_statement', 'none');
set_conf($node, 'log_min_duration_statement', '-1');

# ---- after a long stop ----

admin(
	q{SELECT vault.put(n, 'first'), vault.set_rotation(n, 'daily', overlap => '0')
		FROM unnest('{late/a,late/b,late/c}'::text[]) AS n});
$node->safe_psql('postgres', q{
	UPDATE vault_data.rotation_schedule c SET due_at = d, next_at = d
		FROM vault.secrets s,
		(VALUES ('late/a', now() - interval '2 days'), ('late/b', now() - interval '9 days'),
			('late/c', now() - interval '5 days')) AS v (n, d)
	WHERE s.id = c.secret_id AND s.name = v.n});
$node->restart;
$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()') or die 'sealed';
run_job();
is($node->safe_psql('postgres',
	q{SELECT string_agg(secret, ' ' ORDER BY secret) FROM vault_data.notification
		WHERE secret LIKE 'late/%' AND kind = 'rotated'}),
	'late/a late/b late/c', 'each once');
run_job();
is($node->safe_psql('postgres',
	q{SELECT min(current_version), max(current_version) FROM vault.secrets
		WHERE name LIKE 'late/%'}),
	'2|2', 'however many times were missed');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault.rotation_status
		WHERE name LIKE 'late/%'
		AND due_at BETWEEN now() + interval '22 hours' AND now() + interval '1 day'}),
	3, 'the next one is a day from now');

# ---- many at once ----

my ($tenants, $each) = (10, 50);
$node->safe_psql('postgres', qq{
	SELECT format('CREATE ROLE many_%s', i) FROM generate_series(1, $tenants) AS i \\gexec
	SELECT count(vault.create_tenant('many-' || i, 'many_' || i))
		FROM generate_series(1, $tenants) AS i});
for my $i (1 .. $tenants)
{
	$node->safe_psql('postgres', qq{
		SET ROLE many_$i;
		SELECT count(vault.put('s' || n, 'first')), count(vault.set_rotation('s' || n, 'daily'))
			FROM generate_series(1, $each) AS n});
}
$node->safe_psql('postgres',
	q{UPDATE vault_data.rotation_schedule c SET due_at = '2020-01-01', next_at = '2020-01-01'
		FROM vault_data.tenant t WHERE t.tenant_id = c.tenant_id AND t.name LIKE 'many-%'});
# Two steps each, 400 in a run
my @left;
for my $run (1 .. 3)
{
	run_job();
	push @left, $node->safe_psql('postgres',
		q{SELECT sum(2 - CASE WHEN s.current_version = 2 THEN 2 WHEN s.pending_version = 2 THEN 1
			ELSE 0 END)
			FROM vault.secrets s WHERE tenant LIKE 'many-%'});
}
is_deeply(\@left, [ 600, 200, 0 ], '500 secrets of 10 tenants, in three runs of 400 steps');
is($node->safe_psql('postgres',
	q{SELECT DISTINCT count(*) FROM vault.secrets WHERE tenant LIKE 'many-%' AND current_version = 2
		GROUP BY tenant}),
	$each, 'each once');

$node->stop;
$remote->stop;
done_testing();
