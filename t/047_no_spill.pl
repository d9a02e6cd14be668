# Values are not in temporary files, however small work_mem is. A portal that collects a result
# keeps them out (RETURNING, a WITH that changes data, FETCH, EXECUTE, CALL). A loop of PL/pgSQL
# that commits is refused while it would read. Plain statements beside them show that each place
# spills. Where a query spills by itself, temp_file_limit = 0 stops it.
use strict;
use warnings;

use File::Find ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $node = new_vault_node('main',
	conf =>
	"work_mem = 64kB\nmax_connections = 30\nlog_statement = none\nlog_min_error_statement = panic");
my ($canary, $plain) = (canary(), canary());
my $filler = 'x' x 8000;

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE strict LOGIN;
	ALTER ROLE strict SET temp_file_limit = 0;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.create_principal('strict', db_role => 'strict', tenant => 'acme');
	CREATE TABLE t (i int);
	GRANT ALL ON t TO PUBLIC;
	CREATE TABLE plain (v text);
	GRANT ALL ON plain TO PUBLIC;
	GRANT CREATE ON SCHEMA public TO app});
my $setup = VaultClient->new($node, 'app');
$setup->value(q{SELECT vault.grant('strict', '{read}', '**')});
$setup->value('SELECT vault.put($1, $2::text)', 'a', $canary . $filler);
$setup->value('SELECT vault.put($1, $2::text)', "many/$_", $canary . $filler) for 1 .. 40;
$setup->query('INSERT INTO plain VALUES ($1)', $plain . $filler);
is($setup->query(q{
	CREATE FUNCTION all_of_them() RETURNS SETOF text LANGUAGE plpgsql AS $$
	BEGIN
		RETURN QUERY SELECT vault.get('a') FROM generate_series(1, 40);
		PERFORM pg_sleep(600);
	END $$})->{state},
	'00000', 'a function that returns many');
$setup->query(q{CREATE PROCEDURE one(INOUT v text) LANGUAGE plpgsql AS
	$$ BEGIN v := repeat(v, 20); END $$});
$setup->close;

# Count the temporary files that hold the text
sub spilled
{
	my ($text) = @_;
	my $found = 0;

	File::Find::find({ no_chdir => 1, wanted => sub {
			return unless m{pgsql_tmp/} && -f;
			open my $file, '<:raw', $_ or return;
			local $/ = undef;
			$found++ if index(<$file> // '', $text) >= 0;
		} }, $node->data_dir . '/base');
	return $found;
}

# %s is the value, read or plain; the statement sleeps when it has all of them.
my $last = q{CASE WHEN i < 41 THEN %s ELSE pg_sleep(600)::text END};
my @places = (
	[ 'RETURNING', [], "INSERT INTO t SELECT i FROM generate_series(1, 41) i RETURNING $last" ],
	[ 'WITH', [],
	"WITH n AS (INSERT INTO t VALUES (0) RETURNING i) SELECT $last
		FROM generate_series(1, 41) g (i)" ],
	[ 'FETCH', [ 'BEGIN', "DECLARE c CURSOR FOR SELECT $last FROM generate_series(1, 41) i" ],
	'FETCH ALL FROM c' ],
	[ 'EXECUTE', [ "PREPARE p AS SELECT $last FROM generate_series(1, 41) i" ], 'EXECUTE p' ],
	[ 'get_many in a loop that commits', [], q{
		DO $$
		DECLARE
			r record;
		BEGIN
			FOR r IN %m LOOP
				COMMIT;
				PERFORM pg_sleep(600);
			END LOOP;
		END $$} ]);
my %value = (
	vault => [ q{vault.get('a')}, q{SELECT * FROM vault.get_many('many/**')} ],
	plain => [ q{(SELECT v || '' FROM plain)},
	q{SELECT v || '' FROM plain, generate_series(1, 40)} ]);

for my $place (@places)
{
	my ($name, $before, $sql) = @$place;
	for my $kind ('plain', 'vault')
	{
		my ($one, $many) = @{ $value{$kind} };
		my $client = VaultClient->new($node, 'app');
		my @statements = map { s/%s/$one/gr =~ s/%m/$many/gr } @$before, $sql;
		my $run = pop @statements;
		is($client->simple($_)->{state}, '00000', "$name, $kind: $_") for @statements;
		$client->send_simple($run);
		$node->poll_query_until('postgres',
			q{SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = } . $client->pid)
			or die 'it does not sleep';
		is(spilled($kind eq 'plain' ? $plain : $canary), $kind eq 'plain' ? 1 : 0,
			"$name: $kind values in a temporary file");
		$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $client->pid . ')');
		is($client->receive->{state}, '57014', 'canceled');
		$client->close;
	}
}

# Their results are complete.
my $client = VaultClient->new($node, 'app');
is(scalar(@{ $client->simple(
	q{INSERT INTO t SELECT i FROM generate_series(1, 40) i RETURNING vault.get('a')})->{rows} }),
	40, 'RETURNING gives all rows');
$client->simple('BEGIN');
$client->simple(
	q{DECLARE c SCROLL CURSOR FOR SELECT vault.get('a') || i FROM generate_series(1, 40) i});
is(scalar(@{ $client->simple('FETCH ALL FROM c')->{rows} }), 40, 'FETCH too');
like($client->simple('FETCH ABSOLUTE 7 FROM c')->{rows}[0][0], qr/x7$/, 'and a row of them');
$client->simple('COMMIT');
is($client->simple(q{
	DO $$
	DECLARE
		r record;
		n int := 0;
	BEGIN
		FOR r IN SELECT * FROM vault.get_many('many/**') LOOP
			n := n + 1;
			COMMIT;
		END LOOP;
		ASSERT n = 40;
	END $$})->{state},
	'00000', 'a loop over get_many() sees all rows');
is(length($client->simple(q{CALL one(vault.get('a'))})->{rows}[0][0]),
	20 * length($canary . $filler), 'CALL gives a long value');

# A loop whose query reads is refused when it commits; one that reads inside is not.
my $loop = q{
	DO $$
	DECLARE
		r record;
	BEGIN
		FOR r IN SELECT %s FROM generate_series(1, 40) LOOP
			COMMIT;
		END LOOP;
	END $$};
my $result = $client->simple($loop =~ s/%s/vault.get('a')/r);
is($result->{state}, '0A000', 'a loop that commits and whose query reads');
like($result->{message}, qr/loop that commits/, 'is refused');
isnt($result->{hint}, '', 'with what to do');
is($client->simple($loop =~ s/%s/vault.get_field('a', 'x')/r)->{state} =~ /^(?:22023|0A000)$/
	? 'refused' : '', 'refused', 'fields too');
is($client->simple(q{
	DO $$
	DECLARE
		r record;
		v text;
	BEGIN
		FOR r IN SELECT name FROM vault.secrets LOOP
			v := vault.get(r.name);
			COMMIT;
		END LOOP;
	END $$})->{state},
	'00000', 'one that reads inside is not');
is(spilled($canary), 0, 'nothing is left in a file');

# Queries that spill by themselves are stopped by a limit.
$client->send_simple('SELECT * FROM all_of_them()');
$node->poll_query_until('postgres',
	q{SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = } . $client->pid)
	or die 'it does not sleep';
is(spilled($canary), 1, 'RETURN QUERY of a function spills, as documented');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $client->pid . ')');
$client->receive;
my $strict = VaultClient->new($node, 'strict');
for my $sql ('SELECT * FROM all_of_them()',
	q{SELECT vault.get('a') || i, i FROM generate_series(1, 400) i ORDER BY 1})
{
	is($strict->simple($sql)->{state}, '53400', "with temp_file_limit = 0: $sql");
	is(spilled($canary), 0, 'and nothing is written');
}
is($strict->simple('SET temp_file_limit = -1')->{state}, '42501', 'which the role cannot lift');
$node->stop;

done_testing();
