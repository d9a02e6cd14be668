# ALTER EXTENSION vault UPDATE, by a superuser only, leaves an alert, and data, sessions, workers
# and jobs as they were. A library and SQL of two releases refuse each other, each way round, and
# say what to do.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrivateServer;
use Test::More;
use VaultClient;
use VaultTest;

my $server = private_server();
my $library = "$server->{lib}/vault.so";
my $own = read_file($library);
my $install = read_file("$server->{extension}/vault--1.0.sql");
my $control = read_file("$server->{extension}/vault.control");

# A version of SQL as `make install` would bring it: the whole script, and the way from the one
# before
sub bring
{
	my ($from, $to, $function) = @_;
	my $change = <<"SQL";

CREATE FUNCTION vault_data.$function() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS \$\$
	SELECT 'updated'
\$\$;
REVOKE ALL ON FUNCTION vault_data.$function() FROM PUBLIC;
SQL
	$install .= $change;
	write_file("$server->{extension}/vault--$to.sql", $install, 0644);
	write_file("$server->{extension}/vault--$from--$to.sql",
		"SELECT vault_data.check_server();\n$change", 0644);
	write_file("$server->{extension}/vault.control",
		$control =~ s/default_version = '[^']*'/default_version = '$to'/r, 0644);
	return;
}

my $node = new_vault_node('update', jobs => 1);
my $version = q{SELECT extversion FROM pg_extension WHERE extname = 'vault'};
my $workers =
	q{SELECT string_agg(pid || ' ' || backend_type, ', ' ORDER BY pid) FROM pg_stat_activity
		WHERE backend_type LIKE 'vault %'};
my $jobs =
	q{SELECT string_agg(format('%s %s %s', jobname, command, username), E'\n' ORDER BY jobname)
		FROM cron.job};

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE maker LOGIN CREATEROLE CREATEDB;
	GRANT vault_admin TO maker;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'value')});
my $session = VaultClient->new($node, 'app');
$session->query(q{SELECT vault.get('a')});
my ($workers_before, $jobs_before) = ($node->safe_psql('postgres', $workers),
	$node->safe_psql('postgres', $jobs));
like($workers_before, qr/vault audit.*vault sealer|vault sealer.*vault audit/, 'the workers run');

sub works
{
	my ($what) = @_;
	is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', "$what: the value is there");
	is($node->safe_psql('postgres', 'SELECT v FROM vault.verify() AS v'), '',
		"$what: verify() has nothing to say");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM vault.verify_audit() WHERE NOT ok'), 0,
		"$what: nor verify_audit()");
	is($node->safe_psql('postgres', $jobs), $jobs_before, "$what: the jobs are there");
	is(sql_state($node, 'SELECT vault_data.job_purge()', 'vault_jobs'), '00000',
		"$what: and one runs");
	return;
}

# ---- SQL that the loaded library serves ----

bring('1.0', '1.0.1', 'first_note');
is(sql_state($node, 'ALTER EXTENSION vault UPDATE', 'maker'), '42501',
	'an operator who may make roles does not update it');
is($node->safe_psql('postgres', $version), '1.0', 'and it is as it was');
is(sql_state($node, 'ALTER EXTENSION vault UPDATE'), '00000',
	'a superuser does, while the server runs');
is($node->safe_psql('postgres', $version), '1.0.1', 'to the version of the control file');
is($node->safe_psql('postgres', 'SELECT vault_data.first_note()'), 'updated',
	'with what the script brings');
is($node->safe_psql('postgres',
	q{SELECT decision || ', ' || role FROM vault.audit WHERE operation = 'ALTER EXTENSION'}),
	'alert, postgres', 'the trail has a row of it');
is($node->safe_psql('postgres', $workers), $workers_before, 'the workers go on');
is($session->query(q{SELECT vault.get('a')})->{rows}[0][0], 'value', 'and so does a session');
works('updated');
is(psql_as($node, 'app', q{SELECT vault.put('a', 'value')}), 2, 'and it is written to');
$node->restart;
works('restarted');

# ---- SQL of a later release than the library ----

bring('1.0.1', '1.1', 'second_note');
my (undef, undef, $stderr) = psql_as($node, 'postgres', 'ALTER EXTENSION vault UPDATE');
like($stderr,
	qr/ERROR:  the server has loaded vault 1\.0, and the extension in this database is 1\.1\n/,
	'an update beyond the library is refused');
like($stderr, qr/HINT:  Install the library of vault 1\.1 and restart the server\./,
	'with the remedy');
is(sql_state($node, 'ALTER EXTENSION vault UPDATE'), '55000', 'as a state of the server');
is($node->safe_psql('postgres', $version), '1.0.1', 'and nothing is changed');
works('not updated');

# The state that a restart with the former files would find
my $forged = q{UPDATE pg_extension SET extversion = '%s' WHERE extname = 'vault'};
$node->safe_psql('postgres', sprintf $forged, '1.1');
(undef, undef, $stderr) = psql_as($node, 'app', q{SELECT vault.get('a')});
my $refused = 'ERROR:  the server has loaded vault 1.0, and the extension in this database is 1.1';
like($stderr, qr/\Q$refused\E\nHINT:  Install the library/,
	'an older library refuses newer SQL');
replace_file($library, stamped_library($library, library => '1.1'));
is(sql_state($node, q{SELECT vault.get('a')}, 'app'), '55000',
	'whatever is installed, until the server is restarted');
$node->restart;
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', 'and then it works');

# ---- a library of a later release than the SQL ----

$node->safe_psql('postgres', sprintf $forged, '1.0.1');
(undef, undef, $stderr) = psql_as($node, 'app', q{SELECT vault.get('a')});
like($stderr,
	qr/ERROR:  the server has loaded vault 1\.1, and the extension in this database is 1\.0\.1\n/,
	'a newer library refuses older SQL');
like($stderr, qr/HINT:  A superuser runs ALTER EXTENSION vault UPDATE in this database\./,
	'with the remedy');
my $states = states_of_calls($node, 'postgres');
is_deeply([ grep { $states->{$_} ne '55000' } sort keys %$states ], [], 'every function does');
is(sql_state($node, 'ALTER EXTENSION vault UPDATE'), '00000', 'which helps');
is($node->safe_psql('postgres', $version), '1.1', 'to the release of the library');
is($node->safe_psql('postgres', 'SELECT vault_data.second_note()'), 'updated',
	'with what it brings');
works('both of the same release');
is($node->safe_psql('postgres', 'SELECT version FROM vault.status()'), '1.1',
	'status() tells the library');
done_testing();
