# A vault with a key file is unsealed by itself after a restart and after the crash of a backend,
# and its values are the same. Without the file the server runs, sealed, and says so; every function
# that needs the key refuses. The file put back and a reload, or vault.unseal(), unseal it.
# seal_on_crash wipes a key that people gave.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $quiet = "restart_after_crash = on\nlog_statement = none\n";
my $node = new_vault_node('main', conf => $quiet);
my $key = key_directory($node) . '/root.key';

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{
	SELECT vault.put('a', 'first');
	SELECT vault.put('a', 'second');
	SELECT vault.put('b', '\x00ff'::bytea)});

my $read = q{SELECT vault.get('a'), vault.get('a', 1), vault.get_bytes('b')};
my $values = 'second|first|\x00ff';

sub victim
{
	crash_backend($node, VaultClient->new($node, 'postgres')->pid);
	return;
}

sub refuses_everything
{
	my ($when) = @_;
	# Functions that neither tell nor change anything that the key protects are left out.
	my $states = states_of_calls($node, 'postgres',
		except => qr/^(?:status|unseal|seal|init|whoami|current_tenant_id
			|install_jobs|remove_jobs|job_commands)\(/x);
	my @others = map { "$_: $states->{$_}" } grep { $states->{$_} ne 'VT001' } sort keys %$states;

	cmp_ok(scalar keys %$states, '>', 25, "$when: the functions were found");
	is_deeply(\@others, [], "$when: every function that needs the key refuses with VT001");
	is(sql_state($node, q{SELECT vault.get('a')}, 'app'), 'VT001', "$when: a principal is refused");
	is(sql_state($node, 'SELECT vault.init()'), '55000', "$when: init does not make a second key");
	return;
}

# With the key
is(psql_as($node, 'app', $read), $values, 'values before');
my $offset = -s $node->logfile;
$node->restart;
is(psql_as($node, 'app', $read), $values, 'values after a restart');
is(sealed_reason($node), '', 'unsealed without people');
$node->wait_for_log(qr/LOG:  vault is unsealed/, $offset);
pass('the log says that it is unsealed');

victim();
is(psql_as($node, 'app', $read), $values, 'values after the crash of a backend');
is(psql_as($node, 'app', q{SELECT vault.put('a', 'third')}), 3, 'and it can be written');
$values =~ s/second/third/;

$node->stop('immediate');
$node->start;
is(psql_as($node, 'app', $read), $values, 'values after an immediate stop');

# Without the key
$node->stop;
rename $key, "$key.away" or die "$key: $!";
$offset = -s $node->logfile;
$node->start;
is(sealed_reason($node), 'the root key file is missing or empty',
	'without the key file: sealed, with the reason');
is($node->safe_psql('postgres', 'SELECT initialised, root_key_generation FROM vault.status()'),
	't|1',
	'status still says what is known');
$node->wait_for_log(qr/LOG:  vault is sealed: the root key file is missing or empty/, $offset);
pass('the log says that it is sealed');
is($node->safe_psql('postgres', 'SELECT 1'), 1, 'the server serves others');
refuses_everything('without the key file');
my (undef, undef, $stderr) = psql_as($node, 'app', $read);
like($stderr, qr/ERROR:  vault is sealed\nHINT:  Reason: the root key file is missing or empty\./,
	'the error names the reason');
is(sql_state($node, 'SELECT vault.unseal()'), '55000', 'unseal() fails while the file is missing');
ok(!-e $key, 'no new key file was made');

# Put back, and a reload
rename "$key.away", $key or die "$key: $!";
is(sql_state($node, q{SELECT vault.get('a')}, 'app'), 'VT001', 'the file alone does not unseal');
$node->reload;
ok($node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()'), 'a reload unseals')
  or $node->safe_psql('postgres', 'SELECT vault.unseal()');
is(psql_as($node, 'app', $read), $values, 'values after it');

# Sealed by hand; unseal()
$node->safe_psql('postgres', 'SELECT vault.seal()');
is(sealed_reason($node), 'sealed by an operator', 'sealed by hand');
refuses_everything('after seal()');
is($node->safe_psql('postgres', 'SELECT vault.unseal()'), 'unsealed', 'unseal() asks the file');
is(psql_as($node, 'app', $read), $values, 'values after it');
is(sql_state($node, 'SELECT vault.seal()', 'app'), '42501', 'a principal cannot seal');
is(sql_state($node, 'SELECT vault.unseal()', 'app'), '42501', 'a principal cannot unseal');

# A key that people gave
$node = new_vault_node('people', source => 'manual', conf => $quiet);
my @shares = split /\n/, $node->{vault_init};
$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'kept')});

victim();
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'kept',
	'a key that people gave survives the crash of a backend');

set_conf($node, 'vault.seal_on_crash', 'on');
victim();
is(sealed_reason($node), 'shares are awaited: vault.unseal(share)',
	'with seal_on_crash it does not');
is(sql_state($node, q{SELECT vault.get('a')}, 'app'), 'VT001', 'and reads are refused');
$node->safe_psql('postgres', "SELECT vault.unseal('$_')") for @shares[ 0 .. 2 ];
is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'kept', 'until shares are given again');

# No place for a worker: the reason names the setting, and the shares still open the vault
for my $places (1, 2)
{
	$node->append_conf('postgresql.conf', "max_worker_processes = $places");
	$node->restart;
	like(sealed_reason($node),
		qr/^no background worker could be started; raise max_worker_processes$/,
		"$places worker processes, one of them pg_cron's: the reason says so");
}
$node->append_conf('postgresql.conf', 'max_worker_processes = 20');
$node->restart;
is(sealed_reason($node), 'shares are awaited: vault.unseal(share)',
	'with enough of them it is as before');

done_testing();
