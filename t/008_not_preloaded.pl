# CREATE EXTENSION is refused with a hint in a server that has not loaded vault, and in another
# database than vault.database. If vault is not loaded any more, every function of the extension
# fails with 55000 and none crashes.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main', no_start => 1,
	conf => "shared_preload_libraries = ''\nlog_statement = none\nrestart_after_crash = on\n");

sub refused
{
	my ($what, $database, $message, $hint) = @_;
	my (undef, undef, $stderr) = psql_as($node, 'postgres', 'CREATE EXTENSION vault CASCADE',
		database => $database);
	like($stderr, $message, "$what: CREATE EXTENSION is refused");
	like($stderr, $hint, "$what: with a hint");
	is(sql_state($node, 'CREATE EXTENSION vault CASCADE', 'postgres', database => $database),
		'55000', "$what: 55000");
	is($node->safe_psql($database,
		q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'vault%'}), 0,
		"$what: nothing is left behind");
	return;
}

# Not loaded
$node->start;
refused('not loaded', 'postgres', qr/ERROR:  vault is not loaded by the server/,
	qr/HINT:  Add vault to shared_preload_libraries and restart the server\./);
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'vault%'}), 0,
	'nor a role');
is(sql_state($node, q{LOAD 'vault'; CREATE EXTENSION vault CASCADE}), '55000',
	'LOAD does not help');
is(sql_state($node, q{CREATE EXTENSION vault CASCADE}, 'postgres',
	env => { PGOPTIONS => '-c session_preload_libraries=vault' }),
	'55000', 'nor does session_preload_libraries');

# Loaded, in another database
$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'pg_cron,vault'});
$node->restart;
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
refused('another database', 'elsewhere',
	qr/ERROR:  vault lives in database "postgres" of this server/,
	qr/HINT:  Connect to that database, or set vault\.database/);

# Loaded, and not made yet, or looked for in the wrong place: the first error of a newcomer
sub missing
{
	my ($database, $hint) = @_;
	for my $statement ('SELECT vault.status()', q{SELECT vault.get('a')},
		'SELECT * FROM vault.secrets')
	{
		my (undef, undef, $stderr) = psql_as($node, 'postgres', $statement, database => $database);
		like($stderr, qr/ERROR:  (?:schema "vault"|relation "vault\.secrets") does not exist\n/,
			"in $database, without the extension: $statement");
		like($stderr, $hint, 'with a hint for this place');
	}
	return;
}
my $place = 'HINT:  The extension is in the database that vault.database names, "postgres", '
  . 'and this one is "elsewhere".';
my $other = qr/\Q$place\E/;
missing('postgres', qr/HINT:  A superuser runs CREATE EXTENSION vault CASCADE in this database\./);
missing('elsewhere', $other);

create_vault($node);
missing('elsewhere', $other);
$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'value')});
refused('another database, with the vault made', 'elsewhere',
	qr/ERROR:  vault lives in database "postgres"/, qr/HINT:/);

# Made, and then not loaded any more, or moved away from
sub dead
{
	my ($what, $load) = @_;
	my $states = states_of_calls($node, 'postgres');
	my @others = map { "$_: $states->{$_}" } grep { $states->{$_} ne '55000' } sort keys %$states;

	cmp_ok(scalar keys %$states, '>', 30, "$what: the functions were found");
	is_deeply(\@others, [], "$what: every public function fails with 55000");
	is(sql_state($node, q{SELECT vault.get('a')}, 'app'), '55000', "$what: a principal too");
	for my $statement ('SELECT * FROM vault.secrets', 'SELECT * FROM vault.audit')
	{
		my ($rc, $stdout) = psql_as($node, 'app', $statement);
		is($stdout, '', "$what: no row from $statement");
	}
	for my $statement
		(q{INSERT INTO vault_data.audit_log (tenant_id, id, at, tls, operation, decision)
			VALUES (gen_random_uuid(), 1, now(), false, 'x', 'allow')},
		q{DELETE FROM vault_data.secret}, q{UPDATE vault_data.secret SET deactivated_at = now()},
		q{DELETE FROM vault_data.audit_log})
	{
		my $state = sql_state($node, "BEGIN; $statement; ROLLBACK");
		note("$what: $statement: $state");
		isnt($state, 'connection', "$what: a direct change does not crash");
	}
	my $inner = states_of_calls($node, 'postgres', schema => 'vault_data');
	is_deeply([ map { "$_: $inner->{$_}" } grep { $inner->{$_} =~ /^(?:connection|XX000)$/ }
		sort keys %$inner ], [], "$what: no inner function crashes");
	return;
}

$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'pg_cron'});
$node->restart;
dead('not loaded any more');

$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_cron,vault'\nvault.database = 'elsewhere'\n");
$node->restart;
dead('another database configured');

$node->append_conf('postgresql.conf', q{vault.database = 'nowhere'});
$node->restart;
is($node->safe_psql('postgres', 'SELECT 1'), 1, 'a database that does not exist: the server runs');
is(sql_state($node, q{SELECT vault.get('a')}, 'app'), '55000', 'and the vault does not');

# And back
$node->append_conf('postgresql.conf', q{vault.database = 'postgres'});
$node->restart;
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', 'loaded again, everything is there');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vault.secrets'), 1, 'once');

# NULL for every argument is an error of the caller at worst, not of the server.
for my $who ([ 'app', 'vault' ], [ 'postgres', 'vault' ], [ 'postgres', 'vault_data' ])
{
	my ($role, $schema) = @$who;
	my $states = states_of_calls($node, $role, schema => $schema,
		except => qr/^(seal|rotate_root_key)\(/);
	is_deeply([ map { "$_: $states->{$_}" } grep { $states->{$_} =~ /^(?:connection|XX000)$/ }
		sort keys %$states ],
		[], "loaded: functions of $schema called by $role with nulls");
}

done_testing();
