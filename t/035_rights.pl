# No principal raises its own rights: after any sequence of calls, no principal holds a permission
# that it did not hold before and that the callers did not hold either. A principal for which the
# callers can speak holds no more than the callers did. An administrator does not lose what the
# callers did not hold. The tenant keeps its last administrator, because an operator could otherwise
# appoint one.
#
# The game, in t/lib/rights.sql, is over every permission, with denials, conditions, roles, tokens,
# issuers and documents, at random. VAULT_SEED=... plays the same again.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $seed = $ENV{VAULT_SEED} // int(rand(1_000_000));
my $rounds = soak_rounds(40);
diag("VAULT_SEED=$seed");

my $node = new_vault_node('main');
$node->safe_psql('postgres', join '',
	map { "CREATE ROLE $_;" } qw(adm adv0 adv1 adv2 adv3 pool outsider unbound));
$node->safe_psql('postgres', 'CREATE ROLE op IN ROLE vault_admin');
$node->safe_psql('postgres', q{
	CREATE SCHEMA game;
	SELECT vault.create_tenant('game', 'adm');
	SET ROLE adm;
	SELECT vault.put(n, n, environment => e)
		FROM unnest('{a,b,a/a,a/b,b/a,a/b/a}'::text[]) AS n, unnest('{dev,prod}'::text[]) AS e;
	SELECT vault.allow_tokens('pool')});
$node->safe_psql('postgres', read_file("$ENV{VAULT_SOURCE_DIR}/t/lib/rights.sql"));

my (%done, %states);
for my $round (1 .. $rounds)
{
	my $n = (($seed + $round * 7919) % 1_000_003) / 1_000_003;
	my $out = $node->safe_psql('postgres', qq{
		BEGIN;
		SELECT 'found: ' || coalesce(game.play($n, 60), 'nothing');
		SELECT 'tally: ' || game.tally();
		ROLLBACK});
	my ($found) = $out =~ /^found: (.*)^tally/ms;
	chomp $found;
	is($found, 'nothing', "round $round of VAULT_SEED=$seed") or last;
	$out =~ /^tally: (.*)/m or die $out;
	for (split /;/, $1)
	{
		my ($call, $state, $count) = split / /;
		$states{$state} += $count;
		$done{$call} += $count if $state eq '00000';
	}
}

# Calls of every kind were allowed, others were refused, and none failed for another reason.
my @calls = qw(grant revoke add_member remove_member import_policy issue_token create_principal
	create_role bind_role unbind_role drop_principal);
ok($done{$_}, "some calls of $_ were allowed") for @calls;
cmp_ok($states{42501} // 0, '>', $rounds * 10, 'and many were refused');
is(join(' ', grep { !/^(00000|42501|42704|42809|23505|22023|0LP01|54000|VT010|VT014|55000|42710)$/ }
	sort keys %states), '', 'no call failed for another reason');

$node->stop;
done_testing();
