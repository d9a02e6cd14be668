# vault.seal() wins against readers: with 16 clients reading, no read that started after it returned
# succeeds, and readers get VT001 and nothing else. Rotation of keys and rewrapping, on the other
# hand, fail no read.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

my $clients = 16;
my $node = new_vault_node('main', conf => 'log_statement = none');

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app');
	CREATE UNLOGGED TABLE reads (started timestamptz, ended timestamptz, state text, value text,
		path text);
	GRANT INSERT ON reads TO app;
	CREATE FUNCTION read_one(name text, path text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		started timestamptz := clock_timestamp();
		state text := '00000';
		value text;
	BEGIN
		BEGIN
			value := CASE path WHEN 'get' THEN vault.get(name)
				ELSE (SELECT string_agg(m.value, ',') FROM vault.get_many(name) m) END;
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
		END;
		INSERT INTO public.reads VALUES (started, clock_timestamp(), state, value, path);
	END $$});
psql_as($node, 'app',
	q{SELECT vault.put('s' || i, 'value of ' || i) FROM generate_series(1, 20) i});

# pgbench in the background: start_load(SCRIPT, OPTION ...), stop_load(LOAD) returns its output
sub start_load
{
	my ($script, @options) = @_;
	my $file = $node->basedir . '/load.sql';
	my $output = '';

	write_file($file, $script);
	my $run = IPC::Run::start(
		[ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'app', '-c', $clients, '-j',
		2, @options,
			'-f', $file, 'postgres' ],
		'<', \undef, '>&', \$output);
	return { run => $run, output => \$output };
}

sub stop_load
{
	my ($load) = @_;
	$load->{run}->finish;
	return ${ $load->{output} };
}

# The number of reads grows by this many.
sub wait_for_reads
{
	my ($more) = @_;
	my $now = $node->safe_psql('postgres', 'SELECT count(*) FROM reads');
	$node->poll_query_until('postgres', "SELECT count(*) >= $now + $more FROM reads")
		or die 'the readers stand still';
	return;
}

# Seal and unseal, several times, while 16 clients read
my $operator = VaultClient->new($node, 'postgres');
my @periods;
my $load = start_load(
	"\\set i random(1, 20)\n"
	  . "SELECT read_one('s' || :i, CASE WHEN :i % 2 = 0 THEN 'get' ELSE 'many' END);\n",
	'-T', 3600);

wait_for_reads(200);
for my $round (1 .. soak_rounds(5, 100))
{
	$operator->query('SELECT vault.seal()')->{state} eq '00000' or die 'seal() failed';
	my $sealed = $operator->value('SELECT clock_timestamp()');
	wait_for_reads(400);
	my $unsealing = $operator->value('SELECT clock_timestamp()');
	is($operator->value('SELECT vault.unseal()'), 'unsealed', "round $round: unsealed again");
	push @periods, "('$sealed'::timestamptz, '$unsealing'::timestamptz)";
	wait_for_reads(400);
}
$load->{run}->signal('TERM');
my $output = stop_load($load);
unlike($output, qr/aborted|ERROR/, 'no client ended early');

my $sealed = 'SELECT FROM (VALUES ' . join(', ', @periods) . ') AS p (sealed, unsealing)';
is($node->safe_psql('postgres',
	"SELECT count(*) FROM reads r WHERE state = '00000' AND EXISTS ($sealed
		WHERE r.started > p.sealed AND r.ended < p.unsealing)"),
	0, 'no read that started after seal() had returned succeeds');
my $while = $node->safe_psql('postgres', "SELECT count(*) FROM reads r WHERE EXISTS ($sealed
		WHERE r.started > p.sealed AND r.ended < p.unsealing)");
cmp_ok($while, '>', 100 * @periods, 'and there were many');
is($node->safe_psql('postgres', q{SELECT DISTINCT state FROM reads WHERE state <> '00000'}),
	'VT001',
	'a refused read gets VT001 and nothing else');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT path) FROM reads WHERE state = '00000'}), 2,
	'both ways of reading succeeded');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM reads WHERE state = '00000' AND value !~ '^value of [0-9]+$'}),
	0, 'and gave whole values');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM reads WHERE state <> '00000' AND value IS NOT NULL}), 0,
	'a refused read gave none');

# A session that is idle in a transaction is sealed too.
my $reader = VaultClient->new($node, 'app');
$reader->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->value(q{SELECT vault.get('s1')}), 'value of 1', 'a session reads in a transaction');
$operator->query('SELECT vault.seal()');
is($reader->query(q{SELECT vault.get('s1')})->{state}, 'VT001', 'and cannot once it is sealed');
$reader->query('ROLLBACK');
$operator->query('BEGIN');
$operator->query('SELECT vault.unseal()');
is($reader->value(q{SELECT vault.get('s1')}), 'value of 1', 'unsealing counts at once');
$operator->query('SELECT vault.seal()');
$operator->query('ROLLBACK');
is($reader->query(q{SELECT vault.get('s1')})->{state}, 'VT001',
	'a seal() that is rolled back has sealed');
is($operator->value('SELECT vault.unseal()'), 'unsealed', 'unsealed');

# Keys rotate while clients read and write, and no call fails.
$load = start_load("\\set i random(1, 20)\n\\set n random(1, 20)\nSELECT vault.get('s' || :i);\n"
	  . "SELECT count(*) FROM vault.get_many('*');\nSELECT vault.put('w' || :n, 'new');\n", '-T',
	  	3600);
$node->poll_query_until('postgres', 'SELECT count(*) > 200 FROM vault.versions');
my $failed = 0;
my $moved = 0;
for my $round (1 .. soak_rounds(8, 60))
{
	my $result = $operator->query('SELECT vault.rotate_tenant_key($1)', 'acme');
	$failed++, diag("rotate_tenant_key: $result->{state} $result->{message}")
		if $result->{state} ne '00000';
	for (1 .. 20)
	{
		$result = $operator->query('SELECT vault.rewrap(37)');
		$failed++, diag("rewrap: $result->{state} $result->{message}")
			if $result->{state} ne '00000';
		$moved += $result->{rows}[0][0] // 0;
	}
	if ($round % 2 == 0)
	{
		$result = $operator->query('SELECT vault.rotate_root_key()');
		$failed++, diag("rotate_root_key: $result->{state} $result->{message}")
			if $result->{state} ne '00000';
	}
}
$load->{run}->signal('TERM');
$output = stop_load($load);
unlike($output, qr/aborted|ERROR/, 'no read or write fails while keys rotate');
is($failed, 0, 'no rotation failed');
cmp_ok($moved, '>', 20, 'versions moved');

# A session that has not ended yet, or autovacuum, may hold rows or the table: what they hold is
# left for the next call.
ok($node->poll_query_until('postgres',
	q{SELECT vault.rewrap(1000) = 0 AND (SELECT count(*) FROM vault.tenant_keys) = 1}),
	'in the end one tenant key is left');
is(psql_as($node, 'app',
	q{SELECT count(*) FROM generate_series(1, 20) i WHERE vault.get('s' || i) = 'value of ' || i}),
	20,
	'and every value is there');

# Rows that rewrapping left behind are skipped by a long read.
psql_as($node, 'app',
	q{SELECT vault.put('many/' || i, repeat('long value of ' || i, 300))
		FROM generate_series(1, 500) i});
for (1 .. 2)
{
	$operator->value('SELECT vault.rotate_tenant_key($1)', 'acme');
	$operator->value('SELECT vault.rewrap(100000)');
}
my (undef, $counts) = psql_as($node, 'app', q{
	SELECT count(*) FROM vault.get_many('many/*');
	SELECT count(*) FROM vault.get_many('many/*')});
is($counts, "500\n500", 'get_many after rewrapping');

done_testing();
