# Roles that are no superuser dump the database: its owner all but the vault, a role that reads all
# data for dumps the vault too, as ciphertext. Either dump restores. No other role dumps, and the
# role that dumps reads no value and changes nothing.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main', no_start => 1,
	conf => "log_statement = none\nvault.database = 'app'\n");
my $dir = $node->basedir;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_cron;
	CREATE ROLE shop LOGIN;
	CREATE ROLE nightly LOGIN BYPASSRLS IN ROLE pg_read_all_data;
	CREATE ROLE reader LOGIN IN ROLE pg_read_all_data;
	CREATE ROLE acme_admin LOGIN});
$node->safe_psql('postgres', 'CREATE DATABASE app OWNER shop');
sub app { my ($sql) = @_; return $node->safe_psql('app', $sql) }
my $canary = canary();
app(q{
	CREATE EXTENSION vault CASCADE;
	SELECT vault.init();
	SELECT vault.create_tenant('acme', 'acme_admin')});
psql_as($node, 'acme_admin',
	"SELECT vault.put('db/x', '$canary'), vault.put('big', repeat('$canary', 1000))",
	database => 'app');
psql_as($node, "shop", q{
	CREATE SCHEMA shop;
	CREATE TABLE shop.customer AS SELECT i AS id FROM generate_series(1, 100) i},
	database => "app");

# dump(ROLE, FILE, OPTION ...): what it wrote to standard error
sub dump_as
{
	my ($role, $file, @options) = @_;
	my (undef, $stderr) =
		run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', $role, '-f',
		"$dir/$file", @options, 'app' ]);
	return $stderr;
}

like(dump_as('shop', 'plain'), qr/permission denied/, 'the owner cannot dump what is the vault\'s');
like(dump_as('reader', 'reader'), qr/row-level security|row security/,
	'nor can a role that reads all data, for row security');
is(dump_as('shop', 'shop', '-N', 'vault', '-N', 'vault_data'), '',
	'the owner dumps everything else');
is(dump_as('nightly', 'nightly', '-Fc'), '',
	'a role that reads all data past row security dumps all of it');

my $text = read_file("$dir/shop");
like($text, qr/CREATE EXTENSION IF NOT EXISTS vault /, 'the owner\'s dump makes the extension');
unlike($text, qr/vault_data\.|vault\.[a-z]/, 'and has nothing else of it');
is(join(', ', scan_for($canary, "$dir/shop", "$dir/nightly")), '', 'no value is in either');

# the role that dumps
is(sql_state($node, q{SELECT vault.get('db/x')}, 'nightly', database => 'app'), '42501',
	'the role that dumps reads no value');
is(sql_state($node, 'SELECT count(*) FROM vault.secrets', 'nightly', database => 'app'), '42501',
	'nor a view');
is(psql_as($node, 'nightly', 'SELECT count(*) FROM vault_data.secret', database => 'app'), 2,
	'but the tables, with names and ciphertext');
is(sql_state($node, $_, 'nightly', database => 'app'), '42501', "and does not: $_")
  for 'DELETE FROM vault_data.secret', 'UPDATE vault_data.tenant SET name = name',
  	'BEGIN; LOCK TABLE vault_data.secret IN ACCESS EXCLUSIVE MODE', q{SELECT vault.seal()};
is(sql_state($node, 'BEGIN; LOCK TABLE vault_data.secret IN ACCESS SHARE MODE', 'nightly',
	database => 'app'), '00000', 'what pg_dump locks is all it locks');

# both restore
sub fresh { $node->safe_psql('postgres', 'DROP DATABASE app WITH (FORCE)');
	$node->safe_psql('postgres', 'CREATE DATABASE app OWNER shop'); return }
my @to = ('-h', $node->host, '-p', $node->port, '-U', 'postgres', '-d', 'app');
my $rows = app('SELECT count(*) FROM vault_data.audit_log');
my $newest = app('SELECT max(id) FROM vault_data.audit_log');
is(dump_as('nightly', 'nightly', '-Fc'), '', 'once more');
fresh();
my (undef, $stderr) = run_command([ 'pg_restore', @to, '-e', "$dir/nightly" ]);
is($stderr, '', 'the whole dump restores');
is(app('SELECT vault.unseal()'), 'unsealed', 'with its vault');
is(app("SELECT count(*) FROM vault_data.audit_log WHERE id <= $newest"), $rows, 'and its trail');
is(app('SELECT count(*) FROM vault.verify_audit() WHERE NOT ok'), 0, 'which verifies');
is(app(q{SELECT string_agg(concat_ws(' ', object_kind, name, fault), E'\n') FROM vault.verify()}),
	'job pg_cron pg_cron works in database "postgres", and no job has run since the server started',
		'as does the rest, but for jobs that are not scheduled');
is(psql_as($node, 'acme_admin', q{SELECT vault.get('db/x')}, database => 'app'), $canary,
	'and its values');
is(app('SELECT count(*) FROM shop.customer'), 100, 'and the tables');
fresh();
(undef, $stderr) =
	run_command([ 'psql', '-X', '-q', @to, '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f',
	"$dir/shop" ]);
is($stderr, '', 'the owner\'s restores');
is(app('SELECT count(*) FROM shop.customer'), 100, 'with the tables');
is(app('SELECT initialised FROM vault.status()'), 'f', 'and an empty vault');
app(q{SELECT vault.init(); SELECT vault.create_tenant('acme', 'acme_admin')});
is(psql_as($node, 'acme_admin', q{SELECT vault.put('a', 'x'); SELECT vault.get('a')},
	database => 'app'), "1\nx", 'that can be made anew');
$node->stop;

done_testing();
