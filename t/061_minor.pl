# The server refuses to load a library that was built for a newer minor release of PostgreSQL. It
# gives a reason and a remedy, at the start, at LOAD and at CREATE EXTENSION. A library that was
# built for an older minor release works. Functions that only newer servers have keep nothing from
# loading.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrivateServer;
use Test::More;
use VaultTest;

my $server = private_server();
my $library = "$server->{lib}/vault.so";
my $own = read_file($library);
my $node = new_vault_node('minor', no_init => 1);
my $number = $node->safe_psql('postgres', 'SHOW server_version_num');
my $running = int($number / 10000) . '.' . $number % 10000;
my $newer = int($number / 10000) . '.99';

# Functions that not every minor release has are weak: the loader leaves them out.
my %undefined = map { (split)[1, 0] } split /\n/, `nm -D --undefined-only '$library'`;
my @came_later = grep { defined $undefined{$_} && $undefined{$_} ne 'w' }
	qw(DatumGetHeapTupleHeader heap_datum_check);
is("@came_later", '', 'functions that came with a minor release are weak');

# Built for a newer one
replace_file($library, stamped_library($library, server => int($number / 10000) * 10000 + 99));
$node->stop;
is($node->start(fail_ok => 1), 0, 'built for a newer minor release: the server does not start');
my $log = slurp_file($node->logfile);
like($log, qr/FATAL:  vault was built for PostgreSQL \Q$newer\E, and this server is \Q$running\E\n/,
	'it says why');
my $hint = 'HINT:  Update the server to that minor release or a later one, or install a vault that '
  . 'was built';
like($log, qr/$hint/,
	'and what helps');
unlike($log, qr/undefined symbol/, 'and not in terms of the loader');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
for my $statement (q{LOAD 'vault'}, 'SELECT * FROM vault.status()')
{
	my (undef, undef, $stderr) = psql_as($node, 'postgres', $statement);
	like($stderr, qr/ERROR:  vault was built for PostgreSQL \Q$newer\E/,
		"not preloaded: $statement is refused");
	is(sql_state($node, $statement), '0A000', 'with a code of its own');
}
$node->stop;

# Built for an older one: what PostgreSQL keeps compatible
replace_file($library, stamped_library($library, server => int($number / 10000) * 10000 + 1));
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron,vault'");
is($node->start(fail_ok => 1), 1, 'built for an older minor release: it starts');
$node->safe_psql('postgres',
	q{SELECT vault.init(); CREATE ROLE app LOGIN; SELECT vault.create_tenant('acme', 'app')});
is(psql_as($node, 'app', q{SELECT vault.put('a', 'value'); SELECT vault.get('a')}), "1\nvalue",
	'and works');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vault.verify()'), 0,
	'verify() has nothing to say');
$node->stop;

# And with what it was built for
replace_file($library, $own);
is($node->start(fail_ok => 1), 1, 'with its own release it starts as before');
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', 'and has the value');
done_testing();
