# A client never receives a plaintext that has no row in the trail. Backends, the worker, the
# launcher and the whole server are killed under load. The worker is frozen or cannot write, calls
# are cancelled, and the trail is locked. Callers are then refused with VT011 in a bounded time, and
# served again afterwards. The caller's synchronous_commit does not count.
use strict;
use warnings;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

my $secrets = 20;
my $node = new_vault_node(
	'main',
	init => { extra => ['--wal-segsize=1'] },
	conf =>
	"log_statement = none\nlog_min_error_statement = panic\nrestart_after_crash = on\n"
	  . "synchronous_commit = off\nvault.audit_ring_size = 512\nmax_connections = 40\n");

$node->safe_psql('postgres', q{
	CREATE ROLE admin LOGIN;
	CREATE ROLE app LOGIN;
	CREATE ROLE signaller LOGIN IN ROLE pg_signal_backend;
	SELECT vault.create_tenant('acme', 'admin');
	ALTER ROLE app SET vault.audit_timeout = '60s'});
psql_as($node, 'admin', qq{
	SELECT vault.create_principal('app', db_role => 'app');
	SELECT vault.grant('app', '{read,write}', 'app/**');
	SELECT vault.put('app/' || i, 'value of ' || i) FROM generate_series(1, $secrets) i;
	SELECT vault.put('many/' || i, 'value of ' || i) FROM generate_series(1, 1000) i;
	SELECT vault.put('private', 'x')});

# ---- the machinery ----

# Check the trail as a whole, after each fault
sub check_trail
{
	my ($server, $what) = @_;
	is($server->safe_psql('postgres',
		'SELECT count(*) - count(DISTINCT id) FROM vault_data.audit_log'), 0,
		"$what: no record is there twice");
	is($server->safe_psql('postgres',
		'SELECT tenant_name, fault, id, detail FROM vault.verify_audit() WHERE NOT ok'), '',
		"$what: the chain verifies");
	return;
}

sub worker_pid
{
	my $sql = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault audit'};
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($sql) w")
		or die 'there is no worker';
	return $node->safe_psql('postgres', $sql);
}

sub launcher_pid
{
	for (1 .. 1800)
	{
		for my $pid (VaultTest::children($node->{_pid}))
		{
			my $title = eval { read_file("/proc/$pid/cmdline") } // '';
			return $pid if $title =~ /vault launcher/;
		}
		Time::HiRes::sleep(0.1);
	}
	die 'there is no launcher';
}

# Rows of a request: "get allow", "get error", ... in order of time
sub told
{
	my ($request) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(operation || ' ' || decision, ', ' ORDER BY at, id)
			FROM vault_data.audit_log WHERE request_id = '$request'");
}

# A session whose calls carry a request id
sub session
{
	my ($role, %settings) = @_;
	my $client = VaultClient->new($node, $role);
	for my $name (sort keys %settings)
	{
		my $result = $client->query('SELECT set_config($1, $2, false)', $name, $settings{$name});
		die "$name: $result->{message}" if $result->{state} ne '00000';
	}
	return $client;
}

# The role's settings are a superuser's to make
sub app_settings
{
	my (%settings) = @_;
	$node->safe_psql('postgres', join ';', 'ALTER ROLE app RESET ALL',
		map { "ALTER ROLE app SET $_ = '$settings{$_}'" } sort keys %settings);
	return;
}

# One call of a client under load: how many rows the trail must have of it, and whether it may have
# more, because the call was cut short and had released more than was received
sub one_call
{
	my ($client, $request, $kind) = @_;
	my ($result, $each) = (undef, 1);

	return (0, 1) if $client->query('SELECT set_config($1, $2, false)', 'vault.request_id',
		$request)->{state} ne '00000';
	if ($kind == 0)
	{
		$result = $client->query('SELECT vault.get($1)', 'app/' . (1 + int rand $secrets));
	}
	elsif ($kind == 1)
	{
		$client->query('BEGIN');
		$result = $client->query('SELECT vault.get($1), vault.get_bytes($1)', 'app/1');
		$client->query('ROLLBACK');
		$each = 2;
	}
	elsif ($kind == 2)
	{
		$result = $client->query('SELECT * FROM vault.get_many($1)', 'app/*');
	}
	elsif ($kind == 3)
	{
		return ($client->query('SELECT vault.get($1)', 'private')->{state} eq '42501' ? 1 : 0, 0);
	}
	else
	{
		$client->query('SELECT vault.put($1, $2::text)', 'app/1', 'new');
		return (0, 1);
	}
	return ($each * @{ $result->{rows} }, $result->{state} eq '00000' ? 0 : 1);
}

# Runs in a process of its own until the connection ends or there is a file "stop"; logs what it
# received.
sub client_main
{
	my ($name, $log) = @_;
	my $stop = $node->basedir . '/stop';
	open my $out, '>>', $log or die "$log: $!";
	$out->autoflush;
	my $client = eval { VaultClient->new($node, 'app') };
	for (my $n = 0; $client && !-e $stop; $n++)
	{
		my ($received, $cut_short) = one_call($client, "$name:$n", $n % 5);
		print $out "$name:$n $received $cut_short\n" if $received;
		$client->query('SELECT 1')->{state} eq 'connection' and last;
	}
	return;
}

my $log = $node->basedir . '/received';
my $loads = 0;

sub start_load
{
	my ($clients) = @_;
	my @pids;

	$loads++;
	unlink $node->basedir . '/stop';
	for my $i (1 .. $clients)
	{
		my $pid = fork // die "fork: $!";
		if ($pid == 0)
		{
			srand($$);
			eval { client_main("load$loads:$i", "$log.$i"); 1 } or print STDERR $@;
			POSIX::_exit(0);
		}
		push @pids, $pid;
	}
	return @pids;
}

sub end_load
{
	my (@pids) = @_;
	write_file($node->basedir . '/stop', '');
	waitpid $_, 0 for @pids;
	return;
}

sub received
{
	return map { split /\n/, read_file($_) } glob "$log.*";
}

# Until the clients have received so many more
sub wait_for_load
{
	my ($more) = @_;
	my $before = received();
	for (1 .. 1800)
	{
		return if received() >= $before + $more;
		Time::HiRes::sleep(0.1);
	}
	die 'the clients stand still';
}

# Every value that a client logged as received has its row.
sub check_received
{
	my ($what) = @_;
	my @received = received();
	my $values = join ', ',
		map { my ($id, $rows, $cut_short) = split / /; "('$id', $rows, $cut_short)" } @received;
	my $sql =
		qq{SELECT string_agg(concat_ws(' ', id, 'received', rows, 'told', a.count), ', ')
		FROM (VALUES $values) AS r (id, rows, cut_short)
		LEFT JOIN (SELECT request_id, count(*) FROM vault_data.audit_log
			WHERE decision IN ('allow', 'deny') GROUP BY 1) AS a ON a.request_id = r.id
		WHERE coalesce(a.count, 0) < r.rows OR (cut_short = 0 AND a.count > r.rows)};
	is($node->safe_psql('postgres', $sql), '', "$what: each of what was received has its row");
	check_trail($node, $what);
	unlink glob "$log.*";
	return scalar @received;
}

# ---- kills under load ----

my %kill = (
	backend => sub { crash_backend($node,
		$node->safe_psql('postgres',
		q{SELECT max(pid) FROM pg_stat_activity WHERE usename = 'app'})) },
	worker => sub { crash_backend($node, worker_pid()) },
	launcher => sub { crash_backend($node, launcher_pid()) },
	server => sub { crash_server($node); $node->start },
	postmaster => sub {
		my @children = VaultTest::children($node->{_pid});
		$node->kill9;
		for my $pid (@children) { Time::HiRes::sleep(0.01) while kill 0, $pid }
		$node->start;
	});

my @kinds = sort keys %kill;
for my $round (1 .. soak_rounds(scalar @kinds, 50))
{
	my $kind = $kinds[ $round % @kinds ];
	my @clients = start_load(6);
	wait_for_load(100);
	$kill{$kind}->();
	end_load(@clients);
	cmp_ok(check_received("killed: $kind, round $round"), '>=', 100, 'and there were many');
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM vault.versions v
		WHERE v.name = 'app/1'
		AND 1 <> (SELECT count(*) FROM vault_data.audit_log a
			WHERE operation = 'put' AND decision = 'allow' AND a.version = v.version
			AND a.secret = v.name)}),
	0, 'every version has its one row, too');
is($node->safe_psql('postgres',
	q{SELECT count(*) = max(version) FROM vault.versions WHERE name = 'app/1'}), 't',
	'and its number');

# ---- the worker does not answer ----

app_settings('vault.audit_timeout' => '500ms');
my $client = session('app', 'vault.request_id' => 'frozen');
my $worker = worker_pid();
kill 'STOP', $worker or die "kill: $!";
my $result = $client->query(q{SELECT vault.get('app/2')});
is($result->{state}, 'VT011', 'worker frozen: a read is refused');
is_deeply($result->{rows}, [], 'with nothing returned');
like($result->{message}, qr/^the audit record could not be written, and nothing is returned$/,
	'and told why');
like($result->{hint}, qr/"vault audit"/, 'and what to look at');
is($client->query(q{SELECT count(*) FROM vault.get_many('app/*')})->{state}, 'VT011',
	'so are many');
is($client->query(q{SELECT count(*) FROM vault.list()})->{state}, 'VT011', 'and a list');
is($client->query(q{SELECT vault.get('private')})->{state}, '42501', 'a refusal stays one');
is($client->query(q{SELECT vault.put('app/3', 'while frozen')})->{state}, '00000',
	'a change has its row in its own transaction');
is($client->query(q{SELECT sealed FROM vault.status()})->{state}, '00000',
	'the state can be asked');
kill 'CONT', $worker;
is($client->value(q{SELECT vault.get('app/3')}), 'while frozen', 'worker runs again: so do reads');
my $many = join ', ', ('get_many allow') x $secrets;
is(told('frozen'),
	"get allow, get error, $many, get_many error, list allow, get deny, put allow, "
	  . 'status allow, get allow',
	'each attempt is told once');
is(worker_pid(), $worker, 'by the same worker');
$client->close;

# A lane of 64 records: who finds it full is refused.
app_settings('vault.audit_timeout' => '200ms', 'vault.audit_mode' => 'queued');
$client = session('app', 'vault.request_id' => 'queued');
kill 'STOP', $worker or die "kill: $!";
my ($served, $refused) = (0, 0);
for (1 .. 80)
{
	$result = $client->query(q{SELECT vault.get('app/3')});
	$served++ if $result->{state} eq '00000';
	$refused++ if $result->{state} eq 'VT011' && !@{ $result->{rows} };
	last if $refused == 2;
}
is($refused, 2, 'queued: once the ring is full, reads are refused');
cmp_ok($served, '>', 40, 'and not before');
is($client->query(q{SELECT vault.get('private')})->{state}, '42501',
	'what may not be read is refused as ever');
kill 'CONT', $worker;
$client->value(q{SELECT vault.get('app/3')});
$node->poll_query_until('postgres',
	"SELECT count(*) = $served + 1 FROM vault_data.audit_log
		WHERE request_id = 'queued' AND decision = 'allow'")
  or die 'a record was lost';
pass('each read that was served is told');
$client->close;

# Queued records are written before the server stops.
$client = session('app', 'vault.request_id' => 'stopping');
kill 'STOP', $worker or die "kill: $!";
$client->value(q{SELECT vault.get('app/3')}) for 1 .. 40;
$client->query('BEGIN');
$client->query(q{SELECT vault.put('app/4', 'undone')});
my $continue = fork // die "fork: $!";
if ($continue == 0)
{
	Time::HiRes::sleep(0.3);
	kill 'CONT', $worker;
	POSIX::_exit(0);
}
$node->restart;
waitpid $continue, 0;
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault_data.audit_log
		WHERE request_id = 'stopping' AND operation = 'get'}),
	40, 'queued: a fast shutdown loses none');
is($node->safe_psql('postgres',
	q{SELECT decision FROM vault_data.audit_log
		WHERE request_id = 'stopping' AND operation = 'put'}),
	'aborted', 'nor what it rolled back');

# A thousand at once through a lane of 64
app_settings('vault.audit_timeout' => '60s');
is(psql_as($node, 'admin',
	q{SET vault.request_id = 'thousand'; SELECT count(*) FROM vault.get_many('many/*')}), 1000,
	'get_many of 1000 secrets');
is($node->safe_psql('postgres',
	q{SELECT count(DISTINCT secret), count(*) FROM vault_data.audit_log
		WHERE request_id = 'thousand'}),
	'1000|1000', 'is told as 1000 reads');

# ---- cancelled ----

$client = session('app', 'vault.request_id' => 'timeout', statement_timeout => '200ms');
kill 'STOP', worker_pid() or die "kill: $!";
$result = $client->query(q{SELECT vault.get('app/3')});
is($result->{state}, '57014', 'statement_timeout counts while a read waits for its record');
is_deeply($result->{rows}, [], 'and returns nothing');
$client->send(q{SELECT vault.get('app/4')});
my $waiting = session('app', 'vault.request_id' => 'terminated');
$waiting->send(q{SELECT vault.get('app/4')});
$node->poll_query_until('postgres',
	"SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = " . $waiting->pid)
	or die 'it does not wait';
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $waiting->pid . ')');
$result = $waiting->receive;
isnt($result->{state}, '00000', 'so does the end of the session');
is_deeply($result->{rows}, [], 'which received nothing');
kill 'CONT', worker_pid();
$client->receive;
$client->query('SET statement_timeout = 0');
$client->value(q{SELECT vault.get('app/5')});
like(told('timeout'), qr/^get allow, get error/, 'who went away is told all the same');
is(told('terminated'), 'get allow', 'also whose session ended');
$client->close;

my @clients = start_load(6);
my $operator = session('postgres');
my $cancelled = 0;
wait_for_load(50);
for (1 .. soak_rounds(150, 3000))
{
	$cancelled += grep { $_->[0] eq 't' }
		@{ $operator->query(
		q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
			WHERE usename = 'app' AND state = 'active'})->{rows} };
	Time::HiRes::sleep(0.005);
}
wait_for_load(50);
end_load(@clients);
cmp_ok($cancelled, '>', 50, 'a storm of cancels');
check_received('cancelled');

# ---- ended by an operator ----

is(psql_as($node, 'signaller', 'SELECT true'), 't', 'a role that may signal backends');
is(sql_state($node, 'SELECT pg_terminate_backend(' . worker_pid() . ')', 'signaller'), '42501',
	'cannot end the worker');
is($node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . launcher_pid() . ')'), 'f',
	'and no role the launcher');
for my $round (1 .. 2)
{
	$worker = worker_pid();
	@clients = start_load(3);
	wait_for_load(30);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker)");
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $worker")
		or die 'the worker did not end';
	wait_for_load(100);
	end_load(@clients);
	check_received("worker ended, round $round");
	isnt(worker_pid(), $worker, 'there is another');
}
$worker = worker_pid();
app_settings('vault.audit_timeout' => '60s', 'vault.audit_mode' => 'queued');
my @busy = map { session('app') } 1 .. 6;
app_settings('vault.audit_timeout' => '60s');
$_->send(q{DO $$BEGIN LOOP PERFORM vault.get('app/3'); END LOOP; END$$}) for @busy;
$node->poll_query_until('postgres',
	q{SELECT count(*) = 6 FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'})
	or die 'the sessions do not read';
$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker)");
ok( $node->poll_query_until(
		'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $worker"),
	'and the worker ends while the ring is never empty');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $_->pid . ')') for @busy;
is($_->receive->{state}, '57014', 'the sessions read until they are cancelled') for @busy;
$_->close for @busy;
my $launcher = launcher_pid();
$worker = worker_pid();
@clients = start_load(3);
wait_for_load(30);
kill 'TERM', $launcher or die "kill: $!";    # only the system can
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $worker")
	or die 'the worker goes on without its launcher';
wait_for_load(100);
end_load(@clients);
check_received('launcher ended');
isnt(launcher_pid(), $launcher, 'there is another');
isnt(worker_pid(), $worker, 'with one worker of its own');

# ---- locks ----

app_settings('vault.audit_timeout' => '500ms');
for my $lock ('vault_data.audit_log IN ACCESS SHARE MODE',
	'vault_data.audit_log_default IN ACCESS SHARE MODE', 'vault.audit IN ROW SHARE MODE',
	'vault.audit IN SHARE MODE', 'vault.audit')
{
	is(sql_state($node, "BEGIN; LOCK TABLE $lock", 'app'), '42501', "no user can LOCK TABLE $lock");
}
my $locker = session('app');
$locker->query('BEGIN ISOLATION LEVEL SERIALIZABLE');
is($locker->query('LOCK TABLE vault.audit IN ACCESS SHARE MODE')->{state}, '00000',
	'but for what reading takes');
cmp_ok($locker->value('SELECT count(*) FROM vault.audit'), '>', 0, 'a long snapshot of the trail');
$locker->query('SELECT pg_advisory_lock(n) FROM generate_series(1, 100) n');
$client = session('app', 'vault.request_id' => 'locks');
is($client->value(q{SELECT vault.get('app/3')}), 'while frozen', 'delays no other session');
$locker->close;
$locker = session('postgres');
$locker->query('BEGIN');
$locker->query('LOCK TABLE vault_data.audit_log');
is($client->query(q{SELECT vault.get('app/3')})->{state}, 'VT011',
	'a superuser\'s lock: readers are refused, they do not hang');
is($client->query(q{SELECT vault.get('private')})->{state}, '42501', 'nor do those who are denied');
$client->query('SET statement_timeout = 200');
is($client->query(q{SELECT vault.put('app/3', 'x')})->{state}, '57014',
	'a change waits for the lock as for any other');
$client->query('SET statement_timeout = 0');
$locker->query('ROLLBACK');
$client->query(q{SET vault.request_id = 'unlocked'});
$node->poll_query_until('postgres',
	q{SELECT count(*) = 5 FROM vault_data.audit_log WHERE request_id = 'locks'})
	or die 'a record was lost: ' . told('locks');
is($client->value(q{SELECT vault.get('app/3')}), 'while frozen', 'unlocked, reads go on');
is(told('locks'), 'get allow, get allow, get error, get deny, put error', 'and all of it is told');
$client->close;

# ---- nowhere to write ----

# A process can write to no file past this size. For the worker and the size of the trail it is as
# on a full tablespace: the WAL, in segments of 1 MB, has room.
sub limit_files
{
	my ($pid, $bytes) = @_;
	system('prlimit', '--pid', $pid, "--fsize=$bytes:unlimited") == 0 or die 'prlimit failed';
	return;
}

SKIP:
{
	skip 'there is no prlimit', 13 if system('prlimit --version >/dev/null 2>&1') != 0;
	app_settings('vault.audit_timeout' => '1s');
	$node->safe_psql('postgres', q{ALTER ROLE admin SET vault.audit_timeout = '1s'});
	$client = session('app', 'vault.request_id' => 'full');
	my $filler = session('admin', 'vault.request_id' => 'filler');
	my $size =
		q{SELECT max(pg_relation_size(relid)) FROM pg_partition_tree('vault_data.audit_log')
			WHERE isleaf};
	my ($bytes, $before) = (0, 0);
	while ($bytes < 2 << 20 || $bytes == $before)    # until no free space is left in it
	{
		$filler->value(q{SELECT count(*) FROM vault.get_many('many/*')});
		($before, $bytes) = ($bytes, $node->safe_psql('postgres', $size));
	}
	$node->safe_psql('postgres', 'CHECKPOINT');
	$worker = worker_pid();
	limit_files($worker, $bytes);

	for (1 .. 5000)
	{
		$result = $filler->query(q{SELECT vault.get('private')});
		last if $result->{state} ne '00000';
	}
	is($result->{state}, 'VT011', 'no room on the disk: reads are refused in the end');
	$result = $client->query(q{SELECT vault.get('app/3')});
	is($result->{state}, 'VT011', 'all of them');
	is_deeply($result->{rows}, [], 'with nothing returned');
	ok(slurp_file($node->logfile) =~ /ERROR:  could not extend file "/, 'the log says why');
	is(worker_pid(), $worker, 'the worker tries on');
	limit_files($worker, 'unlimited');
	$node->poll_query_until('postgres',
		q{SELECT count(*) > 0 FROM vault_data.audit_log WHERE request_id = 'full'})
		or die 'a record was lost';
	is($client->value(q{SELECT vault.get('app/3')}), 'while frozen',
		'with room again: reads go on');
	is(told('full'), 'get allow, get error, get allow', 'and nothing was lost');
	check_trail($node, 'after a full disk');
	$filler->close;

	# No room for WAL: PostgreSQL restarts.
	@clients = start_load(3);
	wait_for_load(50);
	my $offset = -s $node->logfile;
	limit_files($node->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'}), 0);
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	end_load(@clients);
	ok(slurp_file($node->logfile,
		$offset) =~ /WAL writer process \(PID \d+\) was terminated by signal 6/,
		'no room for WAL: the server stops at once');
	check_received('no room for WAL');
	is(psql_as($node, 'app', q{SELECT vault.get('app/3')}), 'while frozen', 'and is back');
}

# ---- sealed ----

$node->safe_psql('postgres', 'SELECT vault.seal()');
is(sql_state($node, q{SET vault.request_id = 'sealed'; SELECT vault.get('app/3')}, 'app'), 'VT001',
	'sealed: a read is refused');
is(told('sealed'), 'get error', 'and told');
is($node->safe_psql('postgres',
	q{SELECT mac IS NULL FROM vault_data.audit_log WHERE request_id = 'sealed'}), 't',
	'without a MAC, as there is no key');
$node->safe_psql('postgres', 'SELECT vault.unseal()');

# ---- partitions ----

# A superuser's act there is itself recorded, and there must be a partition for that.
my $part = $node->safe_psql('postgres',
	q{SELECT DISTINCT tableoid::regclass FROM vault_data.audit_log
		WHERE at > now() - interval '1 second'});
is($part, $node->safe_psql('postgres',
	q{SELECT to_char(now() AT TIME ZONE 'UTC', '"vault_data.audit_log_"YYYY_MM')}),
	'rows are in the partition of their month');
is(sql_state($node, qq{
	BEGIN;
	ALTER TABLE vault_data.audit_log DETACH PARTITION vault_data.audit_log_default;
	ALTER TABLE vault_data.audit_log DETACH PARTITION $part}),
	'VT011', 'the last partition cannot be taken away');
is(psql_as($node, 'app', q{SELECT vault.get('app/3')}), 'while frozen', 'and reads go on');

# ---- without the extension ----

$worker = worker_pid();
$node->safe_psql('postgres', 'DROP EXTENSION vault CASCADE');
is(worker_pid(), $worker, 'the worker outlives the extension');
$node->safe_psql('postgres', q{
	CREATE EXTENSION vault CASCADE;
	SELECT vault.init();
	SELECT vault.create_tenant('acme', 'app')});
is(psql_as($node, 'app',
	q{SET vault.request_id = 'again'; SELECT vault.put('a', 'x'); SELECT vault.get('a')}), "1\nx",
	'and serves the next one');
is(told('again'), 'put allow, get allow', 'with its trail');
check_trail($node, 'after CREATE EXTENSION');
is(worker_pid(), $worker, 'and is the same');
$node->stop;

my $bare = new_vault_node('bare', no_start => 1, conf => "log_statement = none\n");
$bare->append_conf('postgresql.conf', q{vault.database = 'nowhere'});
$bare->start;
$bare->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity})
	or die 'no answer';
$bare->wait_for_log(qr/database "nowhere" does not exist/);
is($bare->safe_psql('postgres', 'SELECT 1'), 1, 'without its database the server runs');
$bare->stop;
ok(slurp_file($bare->logfile) !~ /PANIC|terminated by signal/, 'and the workers do no harm');

done_testing();
