# The server's output about statements that use the vault shows none of their literals and
# parameters. That holds for the log as text, CSV and JSON: statements, durations, parse trees,
# errors, the crash of a process. It holds for auto_explain, pgaudit, pg_stat_statements and
# pg_stat_activity, loaded before the vault or after. Plain statements beside them show that each
# place would have it.
use strict;
use warnings;

use File::Copy ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

my $libraries = qx("$ENV{PG_CONFIG}" --pkglibdir);
chomp $libraries;
my $has_pgaudit = -e "$libraries/pgaudit.so";
my @others = ('auto_explain', 'pg_stat_statements', $has_pgaudit ? 'pgaudit' : ());
my $pgaudit = $has_pgaudit
	? "pgaudit.log = all\npgaudit.log_parameter = on\npgaudit.log_statement = on\n" : '';

my $node = new_vault_node('main', conf => <<"CONF");
shared_preload_libraries = 'vault, pg_cron, ${\ join(', ', @others)}'
logging_collector = on
log_destination = 'stderr,csvlog,jsonlog'
log_rotation_age = 0
log_rotation_size = 0
log_min_messages = info
log_min_error_statement = info
log_statement = all
log_duration = on
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_lock_waits = on
compute_query_id = on
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_nested_statements = on
pg_stat_statements.track = all
pg_stat_statements.track_utility = on
cron.log_statement = on
restart_after_crash = on
max_connections = 30
$pgaudit
CONF
my $logs = $node->data_dir . '/log';

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_stat_statements;
	CREATE ROLE app LOGIN;
	CREATE ROLE quiet LOGIN;
	ALTER ROLE quiet SET log_statement = none;
	CREATE ROLE parsing LOGIN;
	ALTER ROLE parsing SET debug_print_parse = on;
	ALTER ROLE parsing SET debug_print_plan = on;
	CREATE ROLE strict LOGIN;
	ALTER ROLE strict SET vault.redaction = strict;
	GRANT CREATE ON SCHEMA public TO app, quiet;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.create_principal(r, db_role => r, tenant => 'acme')
		FROM unnest('{quiet,parsing,strict}'::text[]) r;
	GRANT USAGE ON SCHEMA cron TO app;
	CREATE TABLE checked (value text CHECK (length(value) < 3));
	GRANT ALL ON checked TO PUBLIC;
	CREATE FUNCTION store(name text, value text) RETURNS int LANGUAGE plpgsql
		AS $$ BEGIN RETURN vault.put(name, value); END $$;
	CREATE FUNCTION store_too(name text, value text) RETURNS int LANGUAGE plpgsql
		AS $$ BEGIN RETURN store(name, value); END $$;
	CREATE FUNCTION store_atomic(name text, value text) RETURNS int LANGUAGE sql
		BEGIN ATOMIC SELECT store_too(name, value); END;
	CREATE PROCEDURE store_call(name text, value text) LANGUAGE plpgsql
		AS $$ BEGIN PERFORM vault.put(name, value); END $$;
	CREATE FUNCTION echo(value text) RETURNS text LANGUAGE plpgsql
		AS $$ BEGIN RAISE WARNING 'the value is %', value; RETURN value; END $$});
VaultClient->new($node, 'app')->value(
	q{SELECT vault.grant($1, '{read,write}', '**')}, $_) for qw(quiet parsing strict);

sub found
{
	my ($canary, @more) = @_;
	return scan_for($canary, $logs, $node->logfile, @more);
}

sub hidden
{
	my ($what, $canary) = @_;
	return 1 if is_deeply([ found($canary) ], [], $what);
	for my $file (glob "$logs/*.log")
	{
		diag(join "\n", (grep { /\Q$canary\E/i } split /^/, read_file($file))[ 0 .. 3 ]);
	}
	return 0;
}

# A process of the server writes to the collector in its own time.
sub eventually_found
{
	my ($what, $canary, $kinds) = @_;
	my @files;

	for (1 .. 600)
	{
		@files = found($canary);
		last if @files >= $kinds;
		Time::HiRes::sleep(0.1);
	}
	return is(scalar @files, $kinds, $what);
}

# One line that is logged after everything of before
sub settle
{
	my $mark = canary();
	$node->safe_psql('postgres', "SELECT '$mark'");
	eventually_found('the log is complete in its three formats', $mark, 3);
	return;
}

sub statistics
{
	my ($canary) = @_;
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%$canary' || '%'");
}

# Statements with a literal; %s is the value. Those of the second list fail, with this SQLSTATE.
my @succeed = (
	q{SELECT vault.put('a', '%s')},
	q{select "vault" . "put" ('a', '%s')},
	q{SELECT Vault/* x */.-- y
		PUT ('a', '%s')},
	q{SELECT vault.rotate('a', '%s')},
	q{SELECT vault.put('a', '{"a": "%s"}'::jsonb)},
	q{SELECT vault.put('a', v) FROM (VALUES ('%s')) AS values (v)},
	q{WITH v AS (SELECT '%s' AS v) SELECT vault.put('a', v) FROM v},
	q{EXPLAIN (ANALYZE, VERBOSE) SELECT vault.put('a', '%s')},
	q{EXPLAIN SELECT vault.put('a', '%s')},
	q{CREATE TEMP TABLE t AS SELECT vault.put('a', '%s')},
	q{DROP TABLE t},
	q{DO $$ BEGIN PERFORM vault.put('a', '%s'); END $$},
	q{DO $$ BEGIN EXECUTE format('SELECT vault.put(''a'', %%L)', '%s'); END $$},
	q{BEGIN},
	q{DECLARE c CURSOR FOR SELECT vault.put('a', '%s')},
	q{FETCH ALL FROM c},
	q{COMMIT},
	q{PREPARE p (text) AS SELECT vault.put('a', $1)},
	q{EXECUTE p('%s')},
	q{execute /* */ "p" ('%s')},
	q{EXPLAIN ANALYZE EXECUTE P('%s')},
	q{DEALLOCATE p},
	q{PREPARE p AS SELECT vault.put('a', '%s')},
	q{EXECUTE p},
	q{DEALLOCATE p},
	q{SET search_path = vault, public},
	q{SELECT put('a', '%s')},
	q{SELECT "put" /* /* */ */ ('a', '%s')},
	q{PREPARE p (text) AS SELECT put('a', $1)},
	q{EXECUTE p('%s')},
	q{RESET search_path},
	q{DEALLOCATE ALL},
	q{INSERT INTO checked SELECT left(vault.put('a', '%s')::text, 1)});
my @fail = (
	[ '22012', q{SELECT vault.put('a', '%s'), 1 / 0} ],
	[ '22012', q{SELECT vault.put('a', '%s'), 1 / (random() * 0)::int} ],
	[ '42601', q{SELECT vault.put('a', '%s} ],
	[ '42601', q{SELECT vault.put('a', 'x' '%s')} ],
	[ '42601', q{SELECT put ('a', $q$%s} ],
	[ '42601', q{SELECT vault.put('a' $1%s)} ],
	[ '22P02', q{SELECT vault.put('a', '{"a": %s}'::jsonb)} ],
	[ '22P02', q{SELECT vault.put('a', ('{"a": ' || '%s' || repeat('}', 1))::jsonb)} ],
	[ '22P02', q{SELECT vault.put('a', 'x', expected_version => '%s')} ],
	[ '22023', q{SELECT vault.put('a', '\x%s'::bytea)} ],
	[ '22007', q{SELECT vault.put('a', 'x', expires_at => '%s')} ],
	[ '42703', q{SELECT vault.put('a', "%s")} ],
	[ '42883', q{SELECT vault.no_such_function('a', '%s')} ],
	[ '42P01', q{SELECT vault.put('a', '%s') FROM nowhere} ],
	[ '23514', q{INSERT INTO checked SELECT vault.put('a', '%s') || '%s'} ],
	[ '22023', q{SET vault.token = '%s !'} ],
	[ '22023', q{SELECT set_config('vault.token', '%s !', true)} ],
	[ '22023', q{SET vault.tenant = '%s !'} ],
	[ '22023', q{SET vault.environment = '%s !'} ],
	[ '22023', q{SELECT set_config('vault.request_id', '%s !', true)} ],
	[ '22023', q{ALTER ROLE app SET vault.tenant = '%s !'} ],
	[ '42601', q{SET vault.request_id = two %s words} ],
	[ '26000', q{EXECUTE not_prepared('%s')} ],
	[ '26000', q{/* as a pooler has it */ execute "Not ""prepared" ( 1, '%s')} ],
	[ '22023', q{SELECT vault.put('not//a/name', '%s')} ],
	[ '22012', q{DO $$ BEGIN PERFORM vault.put('a', '%s'); PERFORM 1 / 0; END $$} ]);
my @wrapped = (
	q{SELECT store('a', '%s')},
	q{SELECT store_too('a', '%s')},
	q{SELECT store_atomic('a', '%s')},
	q{SELECT public.store_too(n, '%s') FROM (SELECT 'a' AS n) s},
	q{CALL store_call('a', '%s')},
	q{DO $$ BEGIN PERFORM store_too('a', '%s'); END $$},
	q{DO $$ BEGIN CALL store_call('a', '%s'); END $$},
	q{EXPLAIN (ANALYZE, VERBOSE) SELECT store_atomic('a', '%s')},
	q{CREATE TEMP TABLE t AS SELECT store('a', '%s')},
	q{PREPARE p (text) AS SELECT store_atomic('a', $1)},
	q{EXECUTE p('%s')},
	q{BEGIN},
	q{DECLARE c CURSOR FOR SELECT store('a', '%s')},
	q{FETCH ALL FROM c},
	q{COMMIT},
	q{SELECT U&"v\0061ult"."put"('a', '%s')});

sub fill { my ($sql, $value) = @_; return $sql =~ s/%s/$value/gr =~ s/%%/%/gr }

sub run_all
{
	my ($how, $client, $canary, @statements) = @_;
	my $number = 0;

	for my $statement (@statements)
	{
		my ($state, $sql) = ref $statement ? @$statement : ('00000', $statement);
		my $result = $client->$how(fill($sql, $canary . '_' . $number++));
		is($result->{state}, $state, "$how: $sql") or diag($result->{message});
		unlike(join(' ', map { $_ // '' } @$result{qw(message hint detail context)}), qr/$canary/,
			'and the client is told no literal')
		  if $state ne '00000';
	}
	return;
}

sub pgbench
{
	my ($mode, $role, $canary, $statement) = @_;
	my $script = $node->basedir . '/pgbench.sql';
	write_file($script, "$statement\n", 0644);
	command_ok([ 'pgbench', '-h', $node->host, '-p', $node->port, '-U', $role, '-n', '-M', $mode,
		'-t', 3,
			'-D', "value=$canary", '-f', $script, 'postgres' ],
			"pgbench -M $mode as $role: $statement");
	return;
}

sub test_statements
{
	my $canary = canary();
	my $app = VaultClient->new($node, 'app');

	run_all('simple', $app, $canary, @succeed, @fail);
	is($app->simple(fill(q{SELECT 1; SELECT vault.put('a', '%s'); SELECT 2}, $canary))->{state},
		'00000', 'several at once');
	run_all('query', $app, $canary, grep { !ref $_ || $_->[1] !~ /\$1/ } @succeed, @fail);
	settle();
	hidden('no literal in the log', $canary);
	is(statistics($canary), 0, 'none in the statistics');

	$canary = canary();
	is($app->query('SELECT vault.put($1, $2::text)', 'b', $canary)->{state}, '00000',
		'a parameter');
	is($app->query('SELECT vault.put($1, $2::text), 1 / $3::int', 'b', $canary, 0)->{state},
		'22012', 'one in an error');
	is($app->query('SELECT vault.put($1, $2::jsonb)', 'b', qq({"a": $canary))->{state}, '22P02',
		'malformed JSON');
	is($app->query('SELECT vault.put($1, $2::jsonb)', 'b', qq({"a": "$canary"}))->{state}, '00000',
		'JSON');
	is($app->query('SELECT vault.put($1, $2::bytea)', 'b', '\x' . unpack('H*', $canary))->{state},
		'00000', 'bytes');
	is($app->query('SELECT vault.put($1, $2::text, expected_version => $3)', 'b', 'x',
		$canary)->{state}, '22P02',
		'a malformed number');
	is($app->query('SELECT store_atomic($1, $2)', 'b', $canary)->{state}, '00000',
		'through functions');
	is($app->query('SELECT store_atomic($1, $2), $3::int', 'b', $canary, $canary)->{state}, '22P02',
		'through functions, malformed');
	my $refused = $app->query(q{SELECT set_config('vault.' || 'tenant', $1, true)}, "$canary !");
	is($refused->{message},
		'invalid value for parameter "vault.tenant": <not a name: ' . length("$canary !")
		. ' bytes>', 'what a setting is refused for');
	is($app->query(q{SELECT set_config('vault.tenant', $1, true)}, "$canary-" . '0' x 64)->{state},
		'22023', 'and with its name');
	my $quiet = VaultClient->new($node, 'quiet');
	is($quiet->query('SELECT vault.put($1, $2::text)', 'b', $canary)->{state}, '00000',
		'a parameter in a duration');
	pgbench('simple', 'app', $canary, q{SELECT vault.put('b', ':value');});
	pgbench('simple', 'quiet', $canary, q{SELECT store_too('b', ':value');});
	for my $mode ('extended', 'prepared')
	{
		pgbench($mode, 'app', $canary, q{SELECT vault.put('b', :value);});
		pgbench($mode, 'quiet', $canary, q{SELECT store_too('b', :value);});
	}
	is($app->fast_path($node->safe_psql('postgres', q{SELECT 'vault.get_json'::regproc::oid}),
		'b')->{state}, '08P01',
		'a fast-path call with too few arguments');
	$app = VaultClient->new($node, 'app');
	my $put = $node->safe_psql('postgres',
		q{SELECT oid FROM pg_proc
			WHERE pronamespace = 'vault'::regnamespace AND proname = 'put'
			AND proargtypes[1] = 'jsonb'::regtype});
	is($app->fast_path($put, 'b', $canary, ('x') x 9)->{state}, '22P02', 'one with malformed JSON');
	settle();
	hidden('no parameter in the log', $canary);
	is(statistics($canary), 0, 'none in the statistics');
	return;
}

sub test_wrapped
{
	my $canary = canary();
	my $quiet = VaultClient->new($node, 'quiet');

	run_all('simple', $quiet, $canary, @wrapped);
	settle();
	hidden('nothing of calls to functions that use the vault, but for log_statement', $canary);
	is(statistics($canary), 0, 'none in the statistics');
	return;
}

sub test_parse_trees
{
	my ($canary, $plain) = (canary(), canary());
	my $parsing = VaultClient->new($node, 'parsing');

	is($parsing->simple("SELECT vault.put('a', '$canary')")->{state}, '00000',
		'with debug_print_parse');
	is($parsing->simple("SELECT lower('$plain')")->{state}, '00000', 'a plain one');
	settle();
	hidden('no constant of a parse tree in the log', $canary);
	# trees are wrapped, within numbers too
	my $log = join('', map { read_file($_) } glob "$logs/*.log") =~ s/\s+//gr;
	my ($secret_bytes, $plain_bytes) = map { join '', map { ord } split // } $canary, $plain;
	is(index($log, $secret_bytes), -1, 'nor its bytes');
	cmp_ok(index($log, $plain_bytes), '>', 0, 'while those of the plain one are there');
	return;
}

# Each place has a plain literal, or what was not found elsewhere proves nothing.
sub test_controls
{
	my $plain = canary();
	my $app = VaultClient->new($node, 'app');

	$app->simple("SELECT '${plain}_a'");
	VaultClient->new($node, 'quiet')->query('SELECT $1::text', "${plain}_b");
	$app->query('SELECT $1::int', "${plain}_c");
	$app->simple("DO \$\$ BEGIN PERFORM '${plain}_d'; END \$\$");
	$app->simple("SELECT echo('${plain}_e')");
	$app->simple("INSERT INTO checked VALUES ('${plain}_f')");
	settle();

	my $log = join '', map { read_file($_) } glob "$logs/*.log";
	ok(scalar($log =~ qr/LOG:  statement: SELECT '${plain}_a'/), 'plain: log_statement');
	my $parameters = qr/DETAIL:  [Pp]arameters: \$1 = '${plain}_b'/;
	ok(scalar($log =~
		qr/LOG:  duration: [0-9.]+ ms  execute [^\n]*\n[^\n]*$parameters/),
		'durations with parameters');
	ok(scalar($log =~ qr/LOG:  duration: [0-9.]+ ms  plan:\n\tQuery Text: SELECT '${plain}_a'/),
		'auto_explain');
	ok(scalar($log =~ qr/ERROR:  invalid input syntax for type integer: "${plain}_c"/), 'errors');
	ok(scalar($log =~ qr/DETAIL:  Failing row contains \(${plain}_f\)/), 'details');
	ok(scalar($log =~ qr/STATEMENT:  INSERT INTO checked VALUES \('${plain}_f'\)/),
		'statements of errors');
	ok(scalar($log =~ qr/WARNING:  the value is ${plain}_e/), 'warnings');
  SKIP:
	{
		skip 'pgaudit is not installed', 1 unless $has_pgaudit;
		ok(scalar($log =~ qr/AUDIT: SESSION,[^\n]*${plain}_a/), 'pgaudit');
	}
	cmp_ok(statistics($plain), '>', 0, 'pg_stat_statements');
	return;
}

# Parts that remain useful
sub test_remains
{
	my $app = VaultClient->new($node, 'app');
	my $result = $app->simple(q{SELECT vault.put('not//a/name', 'x')});
	my $offset = () = read_file((glob "$logs/*.log")[0]) =~ /\n/g;

	like($result->{message}, qr/name/, 'the vault tells what is wrong');
	isnt($result->{hint}, '', 'and what to do');
	is($app->simple(q{SELECT vault.get('a', 99999)})->{state}, 'VT005', 'with its SQLSTATE');
	like($app->simple(q{SELECT vault.gett('a')})->{message},
		qr/function vault\.gett\(unknown\) does not exist/,
		'a misspelt function is named');
	like($app->simple(q{SELECT vault.get('a' x)})->{message}, qr/^syntax error at or near "/,
		'a syntax error is one');
	settle();
	my $log = join '', map { read_file($_) } glob "$logs/*.log";
	ok(scalar($log =~ qr/LOG:  statement: \*\*\*\n/), 'the log has that there was a statement');
	ok(scalar($log =~ qr/LOG:  duration: [0-9.]+ ms  <vault: redacted>\n/), 'and how long it took');
  SKIP:
	{
		skip 'pgaudit is not installed', 1 unless $has_pgaudit;
		ok(scalar($log =~ qr/AUDIT: SESSION,[0-9]+,[0-9]+,READ,SELECT,<vault: redacted>/),
			'and its class');
	}
	return;
}

sub activity_of
{
	my ($client, $event) = @_;
	my $pid = $client->pid;
	$node->poll_query_until('postgres',
		"SELECT wait_event = '$event' FROM pg_stat_activity WHERE pid = $pid")
		or die 'it does not wait';
	return $node->safe_psql('postgres', "SELECT query FROM pg_stat_activity WHERE pid = $pid");
}

sub test_activity
{
	my ($canary, $plain) = (canary(), canary());
	my %statement = (
		literal => "SELECT vault.put('c', '$canary'), pg_sleep(600)",
		'function' => "SELECT store('c', '$canary'), pg_sleep(600)",
		plain => "SELECT '$plain', pg_sleep(600)");

	for my $name (sort keys %statement)
	{
		for my $how ('send_simple', 'send')
		{
			my $client = VaultClient->new($node, 'quiet');
			$client->$how($statement{$name});
			my $seen = activity_of($client, 'PgSleep');
			is($seen, $name eq 'plain' ? $statement{plain} : '<vault: redacted>',
				"pg_stat_activity, $name, $how");
			$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $client->pid . ')');
			is($client->receive->{state}, '57P01', 'terminated');
		}
	}
	settle();
	hidden('nothing of them in the log', $canary);
	return;
}

# Statements that are kept, in a dump of a session's memory that it writes in other statements.
sub test_memory
{
	my $canary = canary();
	my $app = VaultClient->new($node, 'app');

	$app->simple("PREPARE kept AS SELECT '$canary', vault.put('c', '$canary'); EXECUTE kept");
	$app->send('SELECT pg_sleep(600)');
	activity_of($app, 'PgSleep');
	$node->safe_psql('postgres', 'SELECT pg_log_backend_memory_contexts(' . $app->pid . ')');
	my $dumped = 0;
	for (1 .. 600)
	{
		my $log = join '', map { read_file($_) } glob "$logs/*.log";
		last if $dumped = $log =~ qr/CachedPlanSource: [^\n]* used: <vault: redacted>\n/;
		Time::HiRes::sleep(0.1);
	}
	ok($dumped, 'a kept plan is in a dump of memory');
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $app->pid . ')');
	is($app->receive->{state}, '57P01', 'terminated');
	settle();
	hidden('without its statement', $canary);
	return;
}

# Bind parameters are never in the activity, however often one looks.
sub test_sampling
{
	my $canary = canary();
	my $app = VaultClient->new($node, 'app');
	my $sampler = VaultClient->new($node, 'postgres');

	$node->safe_psql('postgres',
		q{CREATE OR REPLACE FUNCTION sample(p int, rounds int, OUT redacted int, OUT seen int)
		LANGUAGE plpgsql AS $$
		DECLARE q text;
		BEGIN
			redacted := 0; seen := 0;
			FOR i IN 1 .. rounds LOOP
				PERFORM pg_stat_clear_snapshot();
				SELECT query INTO q FROM pg_stat_get_activity(p);
				IF q LIKE '%redacted%' THEN redacted := redacted + 1; END IF;
				IF q LIKE '%CNRY%' THEN seen := seen + 1; END IF;
			END LOOP;
		END $$});
	$app->query('SELECT vault.put($1, $2::text)', 'd', $canary);
	$sampler->send('SELECT * FROM sample($1, $2)', $app->pid, 20_000);
	$app->query('SELECT vault.put($1, $2::text)', 'd', $canary) for 1 .. 500;
	my $row = $sampler->receive->{rows}[0];
	cmp_ok($row->[0], '>', 0, 'a sampler sees redacted text');
	is($row->[1], 0, 'and never a parameter');
	return;
}

sub test_crash
{
	my ($what, $sql, $canary, $is_found) = @_;
	my $client = VaultClient->new($node, 'app');

	$client->send_simple($sql);
	activity_of($client, 'PgSleep');
	kill 'KILL', $client->pid or die "kill: $!";
	is($client->receive->{state}, 'connection', "$what: a process is killed");
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	settle();
	my $log = join '', map { read_file($_) } glob "$logs/*.log";
	ok(scalar($log =~ qr/DETAIL:  Failed process was running: SELECT '$canary'/),
		'the postmaster logs what it did') if $is_found;
	ok(scalar($log =~ qr/DETAIL:  Failed process was running: <vault: redacted>/),
		'the postmaster logs that it was redacted') unless $is_found;
	hidden('and nothing of it is in the log', $canary) unless $is_found;
	return;
}

sub test_strict
{
	my ($before, $after, $bound, $standard) = (canary(), canary(), canary(), canary());
	my $strict = VaultClient->new($node, 'strict');
	my $app = VaultClient->new($node, 'app');

	is($strict->value('SHOW vault.redaction'), 'strict', 'a role with strict redaction');
	is($strict->query('SET vault.redaction = standard')->{state}, '42501',
		'which it cannot loosen');
	$strict->simple("SELECT '$before'");
	for my $client ($strict, $app)
	{
		is($client->query('SELECT vault.get($1)', 'a')->{state}, '00000', 'reads a secret');
	}
	$strict->simple("SELECT '${after}_1'");
	$strict->simple("SELECT '${after}_2'::int");
	$strict->simple("SELECT echo('${after}_3')");
	$strict->simple("DO \$\$ BEGIN PERFORM '${after}_4'; END \$\$");
	$strict->query('SELECT $1::text', $bound);
	$strict->query('SELECT $1::int', $bound);
	$app->simple("SELECT '$standard'");
	settle();
	is(scalar(() = found($before)), 3, 'what it did before is logged');
	hidden('what it does after it has used the vault is not', $after);
	hidden('nor are its parameters', $bound);
	is(statistics($after), 0, 'nor in the statistics');
	is(scalar(() = found($standard)), 3,
		'while with standard redaction a plain statement still is');
	return;
}

# A job is started when a minute begins.
my $job = canary();
my $plain_job = canary();
my $scheduler = VaultClient->new($node, 'app');
$scheduler->value(q{SELECT cron.schedule('vaulted', '* * * * *', $1)},
	"SELECT vault.put('job', '$job')");
$scheduler->value(q{SELECT cron.schedule('plain', '* * * * *', $1)}, "SELECT '$plain_job'");

for my $order ('first', 'last')
{
	if ($order eq 'last')
	{
		$node->append_conf('postgresql.conf',
			"shared_preload_libraries = '" . join(', ', @others, 'pg_cron', 'vault') . "'");
		$node->restart;
		$node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()')
			or die 'it remains sealed';
	}
	note("vault is loaded $order");
	test_controls();
	test_statements();
	test_wrapped();
	test_parse_trees();
	test_remains();
	test_activity();
	test_memory();
	test_sampling();
	test_strict();
}

$node->poll_query_until('postgres',
	q{SELECT count(DISTINCT jobid) = 2 FROM cron.job_run_details WHERE status = 'succeeded'})
  or die 'no job was run';
settle();
cmp_ok(scalar(() = found($plain_job)), '>', 0,
	'the command of a plain job of pg_cron is in the log');
hidden('that of one that uses the vault is not', $job);

my ($killed, $plainly_killed) = (canary(), canary());
test_crash('a put', "SELECT vault.put('c', '$killed'), pg_sleep(600)", $killed, 0);
test_crash('a plain statement', "SELECT '$plainly_killed', pg_sleep(600)", $plainly_killed, 1);
$node->stop;

done_testing();
