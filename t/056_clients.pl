# The common drivers find the functions with the parameters that they send. They read in read-only
# transactions and show the vault's SQLSTATEs. psycopg 2 and 3, SQLAlchemy, node-pg and JDBC have a
# program of test/clients each.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $node_modules = join ':', '/usr/share/nodejs', '/usr/local/lib/vault-test-clients/node_modules',
	($ENV{NODE_PATH} // ());
my ($jdbc) = grep { -r } glob '/usr/share/java/postgresql.jar /usr/share/java/postgresql-jdbc*.jar';
my $programs = 'test/clients';

# The command of each client, and the check that it is installed.
my %client = (
	psycopg2 => { run => [ $python, "$programs/psycopg2_client.py" ],
		probe => [ $python, '-c', 'import psycopg2' ] },
	psycopg3 => { run => [ $python, "$programs/psycopg3_client.py" ],
	probe => [ $python, '-c', 'import psycopg' ] },
	sqlalchemy => { run => [ $python, "$programs/sqlalchemy_client.py" ],
	probe => [ $python, '-c', 'import sqlalchemy, psycopg2' ] },
	node => { run => [ 'node', "$programs/node_client.js" ],
	probe => [ 'node', '-e', 'require("pg")' ] },
	jdbc => {
		run => [ 'java', '-Duser.home=/nonexistent', '-cp',
			$jdbc // '', "$programs/JdbcClient.java" ],
		probe => [ 'javac', '-version' ],
		missing => !$jdbc
	});

# The report that every client has to give; some drivers have no server-side statements.
my %expected = (
	put_text => 1, get_text => 'true', unchanged => 1, put_bytes => 1, get_bytes => '00ff',
		binary => 'VT013', text_bytes => 'plain',
	put_json => 1, get_json => 1, put_jsonb => 2, adapter => 3, rotate_json => 4, json_last => 4,
	tags_untyped => 'x', tags_json => 'y', tags_jsonb => 'z',
	many => 'postgres://u:p@h/d?pgbouncer=true',
	strict => '55000', foreign => '42501', absent => 'VT005', null => '22023', form => 'VT013',
	weak => 1,
	read_only => 'generic', read_only_put => '25006', serializable => 'generic',
	serializable_put => '25006', stranger => 'VT010');
my %prepares = map { $_ => 1 } qw(psycopg3 node jdbc);

my $node = new_vault_node('main', conf => "listen_addresses = '127.0.0.1'");
$node->append_conf('pg_hba.conf', 'host all all 127.0.0.1/32 trust');
$node->reload;
$node->safe_psql('postgres', q{
	CREATE ROLE adm LOGIN;
	CREATE ROLE app LOGIN;
	CREATE ROLE stranger LOGIN;
	GRANT vault_client TO stranger;
	SELECT vault.create_tenant('acme', 'adm')});
psql_as($node, 'adm',
	q{SELECT vault.put('elsewhere/one', 'x'), vault.create_principal('app', db_role => 'app')});
psql_as($node, 'adm', "SELECT vault.grant('app', '{read,write,rotate}', '$_/**')")
	for sort keys %client;

local %ENV = (%ENV, PGHOST => '127.0.0.1', PGPORT => $node->port, PGUSER => 'app',
	PGDATABASE => 'postgres', PYTHONDONTWRITEBYTECODE => 1, NODE_PATH => $node_modules);

sub is_there
{
	my ($is) = @_;
	my ($out, $err) = ('', '');

	return 0 if $is->{missing};
	return eval { IPC::Run::run($is->{probe}, '<', \undef, '>', \$out, '2>', \$err) } ? 1 : 0;
}

for my $name (sort keys %client)
{
	SKIP:
	{
		skip "$name is not installed: script/bootstrap test", 1 if !is_there($client{$name});
		local $ENV{CLIENT} = $name;
		my ($out, $err) = ('', '');
		my $done = IPC::Run::run($client{$name}{run}, '<', \undef, '>', \$out, '2>', \$err);
		ok($done, "$name: runs to its end") or diag($err);
		my %said = map { my ($check, $value) = split /\t/, $_, 2;
			$check => $value =~ s/^True$/true/r } grep { /\t/ } split /\r?\n/, $out;
		is($said{$_} // '', $expected{$_}, "$name: $_") for sort keys %expected;
		next if !$prepares{$name};
		is($said{$_} // '', $name eq 'jdbc' && $_ eq 'simple' ? 1 : 'true', "$name: $_")
			for qw(prepared prepared_tags simple);
	}
}

# No driver has left a value in the server's log.
my $log = slurp_file($node->logfile);
unlike($log, qr/hunter2|quoted|"a": ?\d/, 'no value is in the log');
is(psql_as($node, 'postgres', "SELECT count(*) FROM vault.verify('acme')"), '0',
	'what the clients wrote is whole');

$node->stop;
done_testing();
