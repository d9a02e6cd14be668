# A new root key does not outrun the standby servers unless the operator forces it. One that was
# taken back leaves nothing in the key file. A token for a single use is used once across
# promotions, crashes and restarts.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $primary = new_vault_node('primary', init => { allows_streaming => 'logical' },
	conf => "max_connections = 20\nmax_replication_slots = 5\nrestart_after_crash = on\n");
my $file = key_directory($primary) . '/root.key';

$primary->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app');
	CREATE ROLE pool LOGIN;
	SELECT vault.allow_tokens('pool', 'acme')});
psql_as($primary, 'app', q{SELECT vault.put('a', 'value')});

sub generations { return join ' ', read_file($file) =~ /^vault-root-key:v1:(\d+):/mg }
sub rotate { my ($node, $arguments) = @_;
	return (psql_as($node, 'postgres',
	'SELECT vault.rotate_root_key(' . ($arguments // '') . ')'))[2] }
sub active { my ($node) = @_;
	return $node->safe_psql('postgres', 'SELECT root_key_generation FROM vault.status()') }

# ---- taken back ----

for my $try (1 .. 70)
{
	$primary->safe_psql('postgres', 'BEGIN; SELECT vault.rotate_root_key(); ROLLBACK');
}
is(generations(), '1 2', 'seventy that were rolled back leave one line, which the next replaces');
my $of_rollback = read_file($file);
is(rotate($primary), '', 'the next one that is meant');
is(generations(), '1 2', 'takes its place');
isnt(read_file($file), $of_rollback, 'with a key of its own');
is(active($primary), 2, 'and is in force');
$primary->restart;
is(sealed_reason($primary), '', 'the server opens with it');

$primary->psql('postgres',
	q{BEGIN; SELECT vault.rotate_root_key(); SELECT pg_terminate_backend(pg_backend_pid())});
crash_server($primary);
$primary->start;
is(generations(), '1 2 3', 'one that was cut short is there');
is(rotate($primary), '', 'the next one');
is(generations(), '1 2 3', 'replaces it after a crash of the server, too');

# A generation that another server has written to the same file is a key of that server
write_file($file,
	read_file($file) =~
	s/(# not committed when written: )3 by [0-9a-f]+/${1}4 by 00000000000000000000000000000000/r
	. "vault-root-key:v1:4:" . 'A' x 43 . "=\n");
is(rotate($primary), '', 'beside a generation of another server');
is(generations(), '1 2 3 4 5', 'none of which is replaced');
is(active($primary), 5, 'the next one is above it');

# ---- a standby ----

$primary->safe_psql('postgres',
	q{SELECT pg_create_logical_replication_slot('logical', 'pgoutput')});
is(rotate($primary), '', 'a logical slot is no standby');
$primary->safe_psql('postgres', q{
	SELECT pg_drop_replication_slot('logical');
	SELECT pg_create_physical_replication_slot('away')});
my $refusal = 'standby servers follow this one, and would not hold the new root key';
like(rotate($primary), qr/^.*ERROR:  $refusal\nHINT:  .*root key file can be copied to each/s,
	'a slot for a standby that is away: refused, and the hint says what to do');
is(sql_state($primary, 'SELECT vault.rotate_root_key()', 'postgres'), '55000', 'with a code');
is(sql_state($primary, 'SELECT vault.rotate_root_key(force => false)', 'postgres'), '55000',
	'also when it is said');
is(sql_state($primary, 'SELECT vault.rotate_root_key(force => NULL)', 'postgres'), '55000',
	'or not said');
$primary->safe_psql('postgres', q{SELECT pg_drop_replication_slot('away')});
$primary->backup('base');

sub standby
{
	my ($name) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	my $keys = key_directory($standby);
	mkdir $keys, 0700 or die "$keys: $!";
	$standby->append_conf('postgresql.conf', "vault.root_key_source = 'file:$keys/root.key'");
	write_file("$keys/root.key", read_file($file));
	$standby->start;
	return $standby;
}

my $standby = standby('standby');
$primary->wait_for_catchup($standby);
my $before = active($primary);
is(sql_state($primary, 'SELECT vault.rotate_root_key()', 'postgres'), '55000',
	'a standby that streams: refused');
is(active($primary), $before, 'nothing was done');
my $not_held = 'standby servers follow this one, and do not hold the new root key yet';
like(rotate($primary, 'force => true'), qr/^.*WARNING:  $not_held\nHINT:  .*now copy/s,
	'with force it warns');
is(active($primary), $before + 1, 'and goes on');
write_file(key_directory($standby) . '/root.key', read_file($file));

# ---- tokens for a single use ----

sub issue { my ($node) = @_;
	return scalar psql_as($node, 'app',
	q{SELECT vault.issue_token('app', '30 minutes', single_use => true)}) }
sub shown { my ($node, $token) = @_;
	return sql_state($node, "SELECT vault.login('$token')", 'pool') }
sub last_reason { my ($node) = @_;
	return $node->safe_psql('postgres',
	q{SELECT reason FROM vault.audit WHERE operation = 'login' AND decision <> 'allow'
		ORDER BY id DESC LIMIT 1}) }

my ($used, $unused) = (issue($primary), issue($primary));
my $kept = psql_as($primary, 'app', q{SELECT vault.issue_token('app', '30 minutes')});
is(shown($primary, $used), '00000', 'a token for a single use is used');
is(shown($primary, $used), 'VT014', 'once');
like(last_reason($primary), qr/it is for one use, and was used$/, 'the trail says why');
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
$standby->promote;
is(sealed_reason($standby), '', 'the standby that was given the new key opens');
is(psql_as($standby, 'app', q{SELECT vault.get('a')}), 'value', 'and reads');
is(shown($standby, $used), 'VT014', 'the token is not used again after the promotion');
my $unknown = 'it is for one use, and the server has restarted, recovered or was promoted '
  . 'since it was issued';
like(last_reason($standby), qr/$unknown$/,
	'the trail says that this is not known');
is(shown($standby, $unused), 'VT014', 'nor is one that was not used');
is(shown($standby, $kept), '00000', 'one for many uses goes on');
my $new = issue($standby);
is(shown($standby, $new), '00000', 'a new one is used');
is(shown($standby, $new), 'VT014', 'once');

for my $how ('crash', 'restart', 'immediate')
{
	my $issued = issue($standby);
	if ($how eq 'crash')
		{ crash_backend($standby,
		$standby->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault audit'})) }
	elsif ($how eq 'restart') { $standby->restart }
	else { $standby->stop('immediate'); $standby->start }
	is(shown($standby, $issued), 'VT014', "a token from before the $how is refused");
	is(shown($standby, issue($standby)), '00000', 'one from after it is used');
}
$standby->stop;

# ---- the first key, and shares ----

my $fresh = new_vault_node('fresh', init => { allows_streaming => 1 }, no_init => 1);
$fresh->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('away')});
my (undef, undef, $warning) = psql_as($fresh, 'postgres', 'SELECT vault.init()');
like($warning, qr/WARNING:  standby servers follow this one, and may not hold the root key yet/,
	'init() warns where a standby is attached');
my $people = new_vault_node('people', init => { allows_streaming => 1 }, source => 'manual');
$people->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('away')});
is(rotate($people), '', 'where people have the shares, they bring them to every server');

done_testing();
