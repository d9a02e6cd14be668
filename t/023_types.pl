# The conninfo and URL of a secret of type database open a database: psql logs in with them, under
# any password, and does not with another one.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $node = new_vault_node('main');
$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app');
	CREATE ROLE "shop user" LOGIN});
write_file($node->data_dir . '/pg_hba.conf',
	qq(local all "shop user" scram-sha-256\nlocal all all trust\nhost all all all trust\n));
$node->reload;
my $app = VaultClient->new($node, 'app');

sub logs_in
{
	my ($given) = @_;
	local %ENV = %ENV;
	delete @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER PGPASSWORD)};
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-w', '-A', '-t', '-c', 'SELECT current_user', $given ], '>',
		\$out, '2>', \$err);
	chomp $out;
	return $out || ($err =~ /password authentication failed/ ? 'refused' : $err);
}

# Characters that mean something in a conninfo, in a URL, in JSON or in SQL
for my $password (q(it's), q(a\\b), q(quo"te), q(sp ace), q(p@ss/w:rd?x=1&y#z%41), q('), q(\\),
	q(%), q(=), "\x{e4}\x{20ac}", q(${x}$(y)`z`))
{
	my $bytes = $password;
	utf8::encode($bytes);
	my $json = $bytes =~ s/(["\\])/\\$1/gr;
	my $literal = $bytes =~ s/'/''/gr;
	$node->safe_psql('postgres', qq(ALTER ROLE "shop user" PASSWORD '$literal'));
	my $result = $app->query('SELECT vault.put($1, $2::text, type => $3)', 'shop',
		sprintf(
		'{"host": "%s", "port": %d, "user": "shop user", "password": "%s", "dbname": "postgres"}',
			$node->host, $node->port, $json), 'database');
	is($result->{state}, '00000', "stored: $bytes");
	is(logs_in($app->value('SELECT vault.conninfo($1)', 'shop')), 'shop user',
		'psql logs in with the conninfo');
	is(logs_in($app->value('SELECT vault.database_url($1)', 'shop')), 'shop user',
		'and with the URL');
}
$app->value('SELECT vault.put($1, $2::text)', 'shop',
	sprintf(
	'{"host": "%s", "port": %d, "user": "shop user", "password": "another", "dbname": "postgres"}',
	$node->host, $node->port));
is(logs_in($app->value('SELECT vault.conninfo($1)', 'shop')), 'refused',
	'not with another password');
is(logs_in($app->value('SELECT vault.database_url($1)', 'shop')), 'refused', 'nor in the URL');

done_testing();
