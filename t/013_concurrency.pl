# Writers of the same secrets do not get into each other's way. Version numbers are contiguous, one
# version is current, every successful put is in the trail once, and no writer fails. Of sessions
# that make the same tenant at once one succeeds.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $clients = 8;
my $each = soak_rounds(60, 1000);
my $node = new_vault_node('main', conf => 'log_statement = none');

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});

sub pgbench
{
	my ($what, $options, $script) = @_;
	my $file = $node->basedir . '/script.sql';
	write_file($file, $script);
	my ($stdout, $stderr) = run_command(
		[ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'app', @$options, '-f',
		$file, 'postgres' ]);
	unlike($stderr, qr/error|abort/i, "$what: no writer failed");
	return $stdout;
}

# The first puts included
my $total = $clients * $each;
my $output = pgbench('puts', [ '-M', 'prepared', '-c', $clients, '-j', 2, '-t', $each ],
	"\\set i random(1, 20)\nSELECT vault.put('s' || :i, 'value of client ' || :client_id);\n");
like($output, qr{actually processed: $total/$total}, 'every put succeeded');

is($node->safe_psql('postgres', 'SELECT count(*) FROM vault.versions'), $total,
	'each made a version');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM vault.secrets s
		WHERE ARRAY(SELECT version FROM vault.versions v WHERE v.name = s.name ORDER BY 1)
			IS DISTINCT FROM ARRAY(SELECT generate_series(1, s.current_version))}),
	0, 'version numbers are contiguous and the last is current');
is($node->safe_psql('postgres',
		q{SELECT count(*) FROM vault.secrets s
			WHERE 1 <> (SELECT count(*) FROM vault.versions v
				WHERE v.name = s.name AND label = 'current')}),
	0, 'each secret has one current version');
is($node->safe_psql('postgres',
	q{SELECT count(*), count(DISTINCT (secret, version)) FROM vault.audit WHERE operation = 'put'}),
	"$total|$total", 'the trail has each put once');
is(psql_as($node, 'app',
	q{SELECT count(*) FROM vault.secrets s WHERE vault.get(s.name) ~ '^value of client [0-7]$'}),
	20, 'every secret is readable');

# One name that is not there yet, several times over
my @sessions = map { VaultClient->new($node, 'app') } 1 .. $clients;
for my $round (1 .. 10)
{
	$_->send('SELECT vault.put($1, $2::text)', "new$round", 'x') for @sessions;
	my @answers = map { $_->receive } @sessions;
	my @versions = sort { $a <=> $b } map { $_->{rows}[0][0] // $_->{state} } @answers;
	is_deeply(\@versions, [ 1 .. $clients ], "first puts of one name, round $round");
}

# Compare-and-set: of those who ask for the same version one succeeds.
for my $round (0 .. 4)
{
	$_->send('SELECT vault.put($1, $2::text, expected_version => $3)', 'cas', 'x', $round)
		for @sessions;
	my @states = sort map { $_->receive->{state} } @sessions;
	my $loser = $round ? '40001' : '23505';
	is_deeply(\@states, [ '00000', ($loser) x ($clients - 1) ],
		"compare-and-set on version $round: one succeeds");
}
$_->close for @sessions;

# Tenants
my @operators = map { VaultClient->new($node, 'postgres') } 1 .. $clients;
for my $round (1 .. 5)
{
	$_->send('SELECT vault.create_tenant($1)', "new$round") for @operators;
	my @states = sort map { $_->receive->{state} } @operators;
	is_deeply(\@states, [ '00000', ('23505') x ($clients - 1) ],
		"one of those who make tenant new$round succeeds");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM vault.tenants WHERE name LIKE 'new%'}), 5,
	'and each is there once');
is($node->safe_psql('postgres', q{SELECT count(*) FROM vault.tenant_keys WHERE tenant LIKE 'new%'}),
	5, 'with one key');

# New keys for the same tenant, and of the root, at once
$_->send('SELECT vault.rotate_tenant_key($1)', 'acme') for @operators;
my @generations = sort map { $_->receive->{rows}[0][0] // 'failed' } @operators;
is_deeply(\@generations, [ 2 .. $clients + 1 ],
	'concurrent rotations of a tenant key follow one another');
$_->send('SELECT vault.rotate_root_key()') for @operators;
is_deeply([ map { $_->receive->{state} } @operators ], [ ('00000') x $clients ],
	'so do those of the root key');
is($node->safe_psql('postgres', 'SELECT root_key_generation FROM vault.status()'), $clients + 1,
	'each made a generation');
is(psql_as($node, 'app',
	q{SELECT count(*) FROM vault.secrets s WHERE name LIKE 's%' AND vault.get(s.name) ~ '^value'}),
	20, 'every secret is readable');
$node->restart;
is(psql_as($node, 'app',
	q{SELECT count(*) FROM vault.secrets s WHERE name LIKE 's%' AND vault.get(s.name) ~ '^value'}),
	20, 'also after a restart');

done_testing();
