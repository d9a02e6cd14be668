# `make install` over a server that runs puts a new file in the place of the library. Sessions and
# workers go on with the old one, new sessions too, and a restart loads the new one.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrivateServer;
use Test::More;
use VaultTest;

my $server = private_server();
my $library = "$server->{lib}/vault.so";
my $node = new_vault_node('over');
$node->safe_psql('postgres', q{CREATE ROLE app LOGIN; SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'value')});

# The files that a build of the next version leaves, so that nothing is compiled here
my $tree = PostgreSQL::Test::Utils::tempdir();
my $files = 'Makefile src script vault.control vault--1.0.sql bin';
system("tar -C '$ENV{VAULT_SOURCE_DIR}' -cf - $files | tar -C '$tree' -xf -") == 0
  or die 'no copy';
write_file("$tree/vault.so", stamped_library($library, library => '1.0.7'), 0755);

# Sessions that stay, and one for each call
my $load = $node->basedir . '/load.sql';
write_file($load, "SELECT length(vault.get('a'));\n", 0644);
my @pgbench = ('pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'app', '-f', $load,
	'-T', 3600, 'postgres');
my @running = map { my ($out, $err) = ('', '');
	{ run => IPC::Run::start([ @pgbench, @$_ ], '>', \$out, '2>', \$err), err => \$err } } [ '-c',
	3 ], [ '-c', 1, '-C' ];
my $reads = q{SELECT count(*) FROM vault.audit WHERE operation = 'get'};
sub go_on
{
	my ($what) = @_;
	my $seen = $node->safe_psql('postgres', $reads);
	ok($node->poll_query_until('postgres', "SELECT ($reads) > $seen + 50"), "$what: calls go on");
	return;
}
go_on('before');

my $version = 'SELECT version FROM vault.status()';
my $workers =
	q{SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity
		WHERE backend_type LIKE 'vault %'};
my ($old_workers, $old_version) = ($node->safe_psql('postgres', $workers),
	$node->safe_psql('postgres', $version));
my $old_inode = (stat $library)[1];
for my $round (1 .. 3)
{
	my $made = '-o vault.so -o bin/vault-audit-verify';
	my $make = "make --no-print-directory -C '$tree' $made install";
	my $said = `env -u MAKEFLAGS -u MAKELEVEL $make PG_CONFIG='$server->{bin}/pg_config' 2>&1`;
	is($?, 0, "installed, $round") or diag($said);
	go_on("installed, $round");
}
isnt((stat $library)[1], $old_inode, 'the library is another file');
is_deeply([ glob "$server->{lib}/*inst*" ], [], 'nothing is left beside it');
is($node->safe_psql('postgres', $workers), $old_workers, 'the workers are the same');
is($node->safe_psql('postgres', $version), $old_version,
	'the server has the library that it started with');
go_on('after');

$_->{run}->kill_kill for @running;
unlike(${ $_->{err} }, qr/ERROR|FATAL|aborted/, 'no call failed') for @running;
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'and nothing crashed');

$node->restart;
is($node->safe_psql('postgres', $version), '1.0.7', 'after a restart it has the new one');
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', 'and the value');
done_testing();
