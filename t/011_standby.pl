# On a streaming standby every function but status and whoami refuses with 25006 and names the
# primary. After its promotion it is unsealed with the key file and has every secret and the whole
# trail. It then tells its own reads there.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $primary = new_vault_node('primary', init => { allows_streaming => 1 },
	conf => "log_statement = none\nmax_connections = 20\n");

$primary->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($primary, 'app', q{SELECT vault.put('a', 'before')});
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
my $keys = key_directory($standby);
mkdir $keys, 0700 or die "$keys: $!";
$standby->append_conf('postgresql.conf', "vault.root_key_source = 'file:$keys/root.key'");
write_file("$keys/root.key", read_file(key_directory($primary) . '/root.key'));
$standby->start;

psql_as($primary, 'app', q{SELECT vault.put('a', 'after')});
$primary->wait_for_catchup($standby);

my $states = states_of_calls($standby, 'postgres',
	except => qr/^(current_tenant_id|status|whoami)\(/);
my @others = map { "$_: $states->{$_}" } grep { $states->{$_} ne '25006' } sort keys %$states;
cmp_ok(scalar keys %$states, '>', 30, 'the functions were found');
is_deeply(\@others, [], 'on the standby every function that needs the key refuses with 25006');
my (undef, $stdout, $stderr) = psql_as($standby, 'app',
	q{SET application_name = 'on the standby'; SELECT vault.get('a')});
is(sealed_reason($standby), 'this is a standby server', 'but status, which says why');
like($stderr,
	qr/ERROR:  vault cannot be used on a standby server\nHINT:  Connect to the primary server\./,
	'with a hint');
is($stdout, '', 'and no value');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM vault_data.secret_version'), 2,
	'though it has the ciphertext');
is(psql_as($primary, 'app', q{SELECT vault.get('a')}), 'after', 'the primary goes on');

# Changes of identity and policy arrive too.
$primary->safe_psql('postgres',
	q{CREATE ROLE late LOGIN; SELECT vault.create_tenant('globex', 'late')});
psql_as($primary, 'late', q{SELECT vault.put('b', 'of another tenant')});
$primary->safe_psql('postgres', 'SELECT vault.rotate_root_key(force => true)');
write_file("$keys/root.key", read_file(key_directory($primary) . '/root.key'));
$primary->wait_for_catchup($standby);
my $audited = $primary->safe_psql('postgres', 'SELECT count(*) FROM vault_data.audit_log');

$primary->stop;    # records of before arrive, too
$standby->promote;
my $trail = 'SELECT count(*), max(id) FROM vault_data.audit_log';
my ($arrived, $newest) = split /\|/, $standby->safe_psql('postgres', $trail);
cmp_ok($arrived, '>=', $audited, 'the whole trail of the primary is here');
is($standby->safe_psql('postgres',
	"SELECT count(*) FROM vault_data.audit_log WHERE application_name = 'on the standby'"), 0,
	'which does not know what the standby refused');
is(sealed_reason($standby), '', 'promoted, it is unsealed without people');
is(psql_as($standby, 'app', q{SELECT vault.get('a'), vault.get('a', 1)}), 'after|before',
	'and has every version');
is(psql_as($standby, 'late', q{SELECT vault.get('b')}), 'of another tenant', 'of every tenant');
is(sql_state($standby, q{SELECT vault.get('b')}, 'app'), 'VT005', 'each their own');
is($standby->safe_psql('postgres', "$trail WHERE id <= $newest"), "$arrived|$newest",
	'the trail stays');
is($standby->safe_psql('postgres',
	"SELECT string_agg(concat_ws(' ', operation, decision, principal, secret, version), ', '
		ORDER BY at, id)
		FROM vault_data.audit_log WHERE id > $newest AND operation <> 'status'"),
	'get allow app a 2, get allow app a 1, get allow late b 1, get error app b',
	'and goes on with what was read here');
is(psql_as($standby, 'app', q{SELECT vault.put('a', 'new')}), 3, 'numbering goes on');

done_testing();
