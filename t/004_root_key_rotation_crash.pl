# A kill at any point of vault.rotate_root_key(), of the whole server or of the backend, loses
# nothing. Afterwards the vault unseals by itself and one generation is active. Every tenant key is
# wrapped with it, and every secret is readable.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

my $tenants = 50;
my $node = new_vault_node('main', conf => "restart_after_crash = on\nlog_statement = none\n");
my $key = key_directory($node) . '/root.key';

$node->safe_psql('postgres', qq{
	CREATE ROLE app LOGIN;
	SELECT count(vault.create_tenant('t' || i, 'app')) FROM generate_series(1, $tenants) i});
psql_as($node, 'app', join '',
	map { "SET vault.tenant = 't$_'; SELECT vault.put('s', 'value of $_');" } 1 .. $tenants);
$node->safe_psql('postgres', 'SELECT vault.rotate_root_key()');

# Every value, as its tenants see it
sub wrong_values
{
	my $client = VaultClient->new($node, 'app');
	my @wrong;

	for my $i (1 .. $tenants)
	{
		$client->query("SET vault.tenant = 't$i'");
		my $result = $client->query(q{SELECT vault.get('s')});
		my $value = $result->{rows}[0][0] // $result->{state};
		push @wrong, "t$i: $value" if $value ne "value of $i";
	}
	$client->close;
	return \@wrong;
}

# The file keeps the active generation only, so that it does not grow past its limit.
sub prune
{
	my $active = $node->safe_psql('postgres', 'SELECT root_key_generation FROM vault.status()');
	my @lines = grep { /^vault-root-key:v1:$active:/ } split /^/, read_file($key);

	is(scalar @lines, 1, 'the key file holds the active generation once');
	write_file("$key.pruned", $lines[0]);
	rename "$key.pruned", $key or die "$key: $!";
	return $active;
}

my $before = prune();
my $moved = 0;

# Measure the time of a rotation here, so that the kill falls anywhere within the first few
my $started = Time::HiRes::time();
$node->safe_psql('postgres', 'SELECT vault.rotate_root_key()') for 1 .. 4;
my $span = (Time::HiRes::time() - $started) / 4;
$before = prune();

for my $round (1 .. soak_rounds(20, 200))
{
	my $what = $round % 2 ? 'server' : 'backend';
	my $rotator = VaultClient->new($node, 'postgres');

	$rotator->send('SELECT vault.rotate_root_key()') for 1 .. 40;
	Time::HiRes::sleep(rand(4 * $span));
	if ($what eq 'server')
	{
		crash_server($node);
		$node->start;
	}
	else
	{
		crash_backend($node, $rotator->pid);
	}

	my $label = "round $round, $what";
	is(sealed_reason($node), '', "$label: unsealed");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM vault.root_keys WHERE state = 'active'}),
		1,
		"$label: one active generation");
	is($node->safe_psql('postgres',
			'SELECT DISTINCT k.root_generation = s.root_key_generation
				FROM vault.tenant_keys k, vault.status() s'),
		't', "$label: every tenant key is under it");
	is_deeply(wrong_values(), [], "$label: every secret is readable");
	my $after = prune();
	$moved++ if $after > $before;
	$before = $after;
}
cmp_ok($moved, '>', 0, 'rotations were under way');

# With the pruned file alone
$node->restart;
is(sealed_reason($node), '', 'unsealed with the active generation alone');
is_deeply(wrong_values(), [], 'and every secret is readable');
is($node->safe_psql('postgres', 'SELECT vault.rotate_root_key()'), '', 'and rotation goes on');
is_deeply(wrong_values(), [], 'with every secret readable');

done_testing();
