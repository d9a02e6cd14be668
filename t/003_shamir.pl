# The root key in shares: any three of five unseal, two do not, and a duplicate does not count.
# Mistyped shares are refused, shares of another set do not add up and are forgotten. Nothing writes
# a share anywhere. A new root key has new shares, and the old ones are of no use.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $node = new_vault_node('main', source => 'manual', no_init => 1, conf => 'log_statement = none');

is(sql_state($node, 'SELECT vault.init(5, 6)'), '22023',
	'a threshold above the number of shares is refused');
is(sql_state($node, 'SELECT vault.init(5, 1)'), '22023', 'a threshold of one is refused');
is(sql_state($node, 'SELECT vault.init(33, 3)'), '22023', '33 shares are refused');
is(sealed_reason($node), 'the vault is not initialised', 'nothing of that initialised the vault');

my @shares = split /\n/, $node->safe_psql('postgres', 'SELECT vault.init(5, 3)');
is(scalar @shares, 5, 'init(5, 3) returns five shares');
is(scalar(grep { /^vault-share-1-[A-Za-z0-9_-]{60,}$/ } @shares), 5, 'that look like shares');
ok(!glob(key_directory($node) . '/*'), 'and there is no key file');
is(sealed_reason($node), '', 'init unseals');

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'value')});

sub readable
{
	my ($what) = @_;
	is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value',
		"$what: unsealed, and the value is there");
	return;
}

sub sealed
{
	my ($what) = @_;
	is(sql_state($node, q{SELECT vault.get('a')}, 'app'), 'VT001', "$what: still sealed");
	return;
}

my $operator;

# Every share travels as a bind parameter.
sub unseal
{
	my ($share) = @_;
	my $result = $operator->query('SELECT vault.unseal($1)', $share);
	return $result->{state} eq '00000' ? $result->{rows}[0][0] : $result->{state};
}

sub restart
{
	$node->restart;
	$operator = VaultClient->new($node, 'postgres');
	return;
}

sub progress
{
	return $node->safe_psql('postgres', 'SELECT shares_given, shares_needed FROM vault.status()');
}

# Two do not, the third does
restart();
is(sealed_reason($node), 'shares are awaited: vault.unseal(share)',
	'after a restart: sealed, with the reason');
is(unseal($shares[4]), 'sealed: 1 of 3 shares given', 'the first');
is(unseal($shares[4]), 'sealed: 1 of 3 shares given', 'the same again does not count');
is(unseal("  $shares[0]\n"), 'sealed: 2 of 3 shares given',
	'the second, with white space around it');
is(unseal($shares[4]), 'sealed: 2 of 3 shares given', 'a duplicate does not make three');
is(progress(), '2|3', 'status shows the progress');
sealed('two of three');
is(VaultClient->new($node, 'app')->query('SELECT vault.unseal($1)', $shares[2])->{state}, '42501',
	'a principal cannot give a share');
sealed('after that');
is(unseal($shares[2]), 'unsealed', 'the third');
readable('three of three');
is(progress(), '0|3', 'shares are forgotten once they were used');
is(unseal($shares[3]), 'unsealed', 'one more share changes nothing');

for my $order ([ 0, 1, 2 ], [ 2, 1, 0 ], [ 1, 3, 4 ])
{
	$node->safe_psql('postgres', 'SELECT vault.seal()');
	sealed('seal()');
	my @answers = map { unseal($shares[$_]) } @$order;
	is($answers[2], 'unsealed', "shares @$order in this order");
	readable('in any order');
}

# Sessions of several people
restart();
for my $i (0 .. 2)
{
	$operator = VaultClient->new($node, 'postgres');
	unseal($shares[$i]);
	$operator->close;
}
$operator = VaultClient->new($node, 'postgres');
readable('three sessions');

# Mistyped
restart();
is(unseal($shares[0]), 'sealed: 1 of 3 shares given', 'one good share');
for my $at (0, 14, 20, 40, 60, length($shares[1]) - 2)
{
	my $mistyped = $shares[1];
	substr($mistyped, $at, 1, substr($mistyped, $at, 1) eq 'x' ? 'y' : 'x');
	is(unseal($mistyped), '22023', "a share mistyped at $at is refused");
}
is(unseal(substr $shares[1], 0, -1), '22023', 'a share cut short is refused');
is(unseal("$shares[1]A"), '22023', 'a share with something behind it is refused');
is(unseal(''), '22023', 'an empty share is refused');
is(unseal('x' x 100_000), '22023', 'a long text is refused');
is(progress(), '1|3', 'the good one still counts');
is(unseal(undef), '55000', 'without a share there is nothing to ask');

# Nothing of it is written anywhere.
for my $share (@shares[ 0 .. 4 ])
{
	my ($middle) = substr $share, 30, 24;
	is_deeply([ scan_for($middle, $node->data_dir, $node->logfile) ], [],
		'no share on disk or in the log');
}
like(read_file($node->logfile), qr/invalid share: it is malformed or mistyped/,
	'though the log has the errors');

# A new root key
restart();
unseal($_) for @shares[ 0 .. 2 ];
my @others = split /\n/, $node->safe_psql('postgres', 'SELECT vault.rotate_root_key()');
is(scalar @others, 5, 'a new root key has as many shares as the old one');
is($node->safe_psql('postgres', 'SELECT generation, state FROM vault.root_keys ORDER BY 1'),
	"1|retired\n2|active", 'and is the next generation');
readable('after the rotation');

restart();
my @mixed = map { unseal($_) } @others[ 0, 1 ], $shares[2];
is($mixed[2], 'sealed: 1 of 3 shares given',
	'a share of the old set does not complete the new one');
sealed('two new and one old');
is(unseal($shares[0]), 'sealed: 2 of 3 shares given', 'the old set is collected');
is(unseal($shares[1]), 'VT003', 'and complete it is not the key');
is(progress(), '0|3', 'all of it is forgotten');
sealed('with the old set');
is((map { unseal($_) } @others[ 4, 2, 0 ])[2], 'unsealed', 'three new shares');
readable('with the new set');

# Another number of shares; a rotation that is rolled back
my @rolled = split /\n/,
	$node->safe_psql('postgres', 'BEGIN; SELECT vault.rotate_root_key(); ROLLBACK');
readable('after a rotation rolled back');
my @pair = split /\n/, $node->safe_psql('postgres', 'SELECT vault.rotate_root_key(4, 2)');
is(scalar @pair, 4, 'rotate_root_key(4, 2) returns four shares');
restart();
is((map { unseal($_) } @rolled[ 0 .. 2 ])[2], 'VT003',
	'shares of the rotation rolled back do not unseal');
is((map { unseal($_) } @pair[ 3, 0 ])[1], 'unsealed', 'two of four do');
readable('two of four');

# Another vault's shares
my $other = new_vault_node('other', source => 'manual');
my @foreign = split /\n/, $other->{vault_init};
$other->stop;
is(scalar @foreign, 5, 'init() makes five shares');
$node->safe_psql('postgres', 'SELECT vault.seal()');
is((map { unseal($_) } @foreign[ 0 .. 2 ])[2], 'VT003', 'shares of another vault do not unseal');
is((map { unseal($_) } @pair[ 1, 2 ])[1], 'unsealed', 'and are not in the way of the right ones');

# A server with another source takes no shares.
my $file = new_vault_node('file');
is(sql_state($file, "SELECT vault.unseal('$foreign[0]')"), '00000',
	'a share for an unsealed vault is ignored');
$file->safe_psql('postgres', 'SELECT vault.seal()');
is(sql_state($file, "SELECT vault.unseal('$foreign[0]')"), '55000',
	'and refused by one whose key is in a file');

done_testing();
