# A value does not reach the log by what a session has kept or by what runs before the vault is
# called. Kept plans have parameters, and EXECUTE has literals, after ten thousand other statements.
# COPY writes rows into a view or table whose triggers use the vault, and statements on such tables
# fail before the first call. Pipelines, DO blocks and cursors are tried too. Plain ones show the
# places.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

my $node = new_vault_node('main', conf => <<'CONF');
log_statement = all
log_duration = on
log_min_duration_statement = 0
log_min_error_statement = info
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
shared_preload_libraries = 'vault, pg_cron, auto_explain, pg_stat_statements'
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_nested_statements = on
pg_stat_statements.track = all
max_connections = 30
CONF

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_stat_statements;
	CREATE ROLE app LOGIN;
	ALTER ROLE app SET client_min_messages = error;
	SELECT vault.create_tenant('acme', 'app');
	CREATE FUNCTION keep(value text) RETURNS int LANGUAGE plpgsql
		AS $$ BEGIN RETURN vault.put('kept', value); END $$;
	CREATE FUNCTION seem(value text) RETURNS int LANGUAGE plpgsql
		AS $$ BEGIN IF value = 'never' THEN RETURN keep(value); END IF; RETURN 0; END $$;
	CREATE VIEW entry AS SELECT NULL::text AS value, NULL::int AS number;
	CREATE FUNCTION through() RETURNS trigger LANGUAGE plpgsql
		AS $$ BEGIN PERFORM keep(new.value); RETURN new; END $$;
	CREATE TRIGGER through INSTEAD OF INSERT ON entry FOR EACH ROW EXECUTE FUNCTION through();
	CREATE TABLE shelf (value text, number int CHECK (number < 10));
	CREATE TRIGGER through BEFORE INSERT OR UPDATE ON shelf FOR EACH ROW EXECUTE FUNCTION through();
	CREATE VIEW ruled AS SELECT NULL::text AS value;
	CREATE RULE through AS ON INSERT TO ruled DO INSTEAD SELECT keep(new.value);
	CREATE VIEW reading AS SELECT 1 AS number, keep('x') AS version;
	CREATE TABLE plain (value text, number int CHECK (number < 10));
	GRANT ALL ON entry, shelf, ruled, reading, plain TO PUBLIC});
my $log = $node->logfile;

sub hidden
{
	my ($what, $canary) = @_;
	my @lines = grep { /\Q$canary\E/ } split /^/, read_file($log);
	is(scalar @lines, 0, $what) or diag(join '', @lines[ 0 .. ($#lines < 3 ? $#lines : 3) ]);
	return;
}

sub shown { my ($what, $canary) = @_; return ok(index(read_file($log), $canary) >= 0, $what) }

# Named statements and pipelines, which the client does not have
sub parse { my ($client, $name, $sql) = @_;
	return $client->_message('P', "$name\0$sql\0" . pack('n', 0)) }

sub bind_and_execute
{
	my ($client, $name, @values) = @_;
	$client->_message('B',
		"\0$name\0" . pack('nn', 0, scalar @values) . join('', map { pack('N/a*', $_) } @values)
		. pack('n', 0));
	$client->_message('E', "\0" . pack('N', 0));
	return;
}

sub sync { my ($client) = @_; $client->_message('S', ''); return $client->receive }

# Kept plans, and ten thousand other texts with functions that lead to the vault
my $app = VaultClient->new($node, 'app');
my ($kept, $executed, $plain) = map { canary() } 1 .. 3;
parse($app, 'plain', 'SELECT $1::text');
sync($app);
my $many = VaultClient->new($node, 'app');
parse($many, 'kept', 'SELECT keep($1)');
is(sync($many)->{state}, '00000', 'a kept plan');
$many->simple('PREPARE p (text) AS SELECT keep($1)');
for my $number (1 .. 10_000)
{
	parse($many, '', "SELECT seem('$number')");
	bind_and_execute($many, '') if $number % 500 == 0;
	sync($many) if $number % 500 == 0;
}
is(sync($many)->{state}, '00000', 'ten thousand other statements');
bind_and_execute($many, 'kept', $kept);
is(sync($many)->{state}, '00000', 'the kept plan is executed');
is($many->simple("EXECUTE p('$executed')")->{state}, '00000', 'and the prepared statement');
hidden('no parameter of a kept plan is in the log', $kept);
hidden('nor a literal of EXECUTE', $executed);
bind_and_execute($app, 'plain', $plain);
is(sync($app)->{state}, '00000', 'a plain plan');
shown('whose parameter is in the log', $plain);

# In a pipeline, one fails in Bind
my ($first, $second) = (canary(), canary());
parse($many, 'typed', 'SELECT keep($1), $2::int');
bind_and_execute($many, 'kept', $first);
bind_and_execute($many, 'typed', $second, "$second x");
is(sync($many)->{state}, '22P02', 'a pipeline fails in Bind');
hidden('without its parameters', $_) for $first, $second;

# COPY and statements that fail before the vault is called
sub copy
{
	my ($client, $target, $rows) = @_;
	$client->_message('Q', "COPY $target FROM STDIN\0");
	while (1)
	{
		my ($type, $body) = $client->_read;
		last if $type eq 'G';
		die 'no COPY' if $type eq 'Z';
	}
	$client->_message('d', $rows);
	$client->_message('c', '');
	return $client->receive;
}

for my $target ('entry', 'shelf', 'plain')
{
	for my $rows ("%s\tx%s\n", "%s\n", "%s\t1\t%s\n", "%s\t99\n", "ok\t1\n%s\tx%s\n")
	{
		my $canary = canary();
		my $result = copy($app, $target, $rows =~ s/%s/$canary/gr);
		my $told = join ' ', @$result{qw(message detail context hint)};
		if ($target eq 'plain') { shown("COPY $target: " . ($rows =~ s/[\t\n]/ /gr), $canary) }
		elsif ($result->{state} ne '00000')
		{
			hidden("COPY $target: " . ($rows =~ s/[\t\n]/ /gr), $canary);
			unlike($told, qr/$canary/, 'nor is the client told');
		}
	}
}
for my $sql (q{INSERT INTO shelf SELECT '%s', (1 / (random() * 0)::int)},
	q{INSERT INTO shelf VALUES ('%s', 99)},
	q{INSERT INTO entry SELECT '%s', ('x' || random())::int},
	q{WITH v AS (SELECT '%s' AS v) INSERT INTO shelf SELECT v, 1 / (random() * 0)::int FROM v},
		q{INSERT INTO ruled SELECT '%s' || 1 / (random() * 0)::int},
		q{SELECT '%s' FROM reading WHERE 1 / (random() * 0)::int = number})
{
	my $canary = canary();
	my $result = $app->query($sql =~ s/%s/$canary/r);
	isnt($result->{state}, '00000', "it fails: $sql");
	unlike(join(' ', @$result{qw(message detail context hint)}), qr/$canary/, 'without the value');
	my @lines = grep { /\Q$canary\E/ && !/LOG:  (?:statement|execute <unnamed>): / } split /^/,
		read_file($log);
	is(scalar @lines, 0, 'but for the statement that is logged before it is analysed')
		or diag(@lines);
}
my $canary = canary();
is($app->query(q{INSERT INTO plain SELECT $1, 1 / (random() * 0)::int}, $canary)->{state}, '22012',
	'a plain one fails');
shown('and is in the log', $canary);

# In another database nothing of the vault is there, and it says so.
$node->safe_psql('postgres', 'CREATE DATABASE other');
my $other = VaultClient->new($node, 'app', database => 'other');
my $result = $other->simple(q{SELECT vault.get('a')});
is($result->{state}, '3F000', 'in another database');
is($result->{message}, 'schema "vault" does not exist', 'the schema is named');
like($result->{hint}, qr/vault\.database/, 'with a hint');
is($other->simple(q{SELECT * FROM vault.secrets})->{message},
	'relation "vault.secrets" does not exist', 'and the view');
$node->stop;

done_testing();
