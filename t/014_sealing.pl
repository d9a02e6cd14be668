# seal() lasts until unseal() or a restart of the server, and nothing that runs at the same time
# undoes it: no reload, no crash, no root key that is being made. In any order, the vault ends
# sealed with a reason or unsealed with the key that reads everything.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VaultClient;
use VaultTest;

my $quiet = "restart_after_crash = on\nlog_statement = none\n";
my $node = new_vault_node('main', conf => $quiet);
my $key = key_directory($node) . '/root.key';

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE operator LOGIN IN ROLE vault_admin;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{
	SELECT vault.put('a', 'first');
	SELECT vault.put('a', 'second');
	SELECT vault.put('b', 'third')});

sub readable
{
	my ($what) = @_;
	is(sealed_reason($node), '', "$what: unsealed");
	my ($rc, $values) = psql_as($node, 'app',
		q{SELECT vault.get('a', 1), vault.get('a'), vault.get('b')});
	is($values, 'first|second|third', "$what: everything is readable");
	return;
}

sub sealed
{
	my ($what, $reason) = @_;
	like(sealed_reason($node), $reason, "$what: sealed, with the reason");
	is(sql_state($node, q{SELECT vault.get('b')}, 'app'), 'VT001', "$what: nothing is readable");
	return;
}

# A reload has been taken by the process that unseals: it stands after those that this session sees.
sub reload
{
	my $settings = $node->safe_psql('postgres', q{SELECT pg_conf_load_time()});
	my $offset = -s $node->logfile;
	$node->reload;
	$node->wait_for_log(qr/received SIGHUP, reloading configuration files/, $offset);
	$node->poll_query_until('postgres', "SELECT pg_conf_load_time() > '$settings'")
		or die 'no reload';
	return;
}

my $by_operator = qr/^sealed by an operator$/;

# By an operator
my $offset = -s $node->logfile;
psql_as($node, 'operator', 'SELECT vault.seal()');
sealed('seal()', $by_operator);
like(substr(read_file($node->logfile), $offset), qr/LOG:  vault was sealed by role "operator"/,
	'the log says who sealed');

for my $round (1 .. 3)
{
	reload();
	sealed("after reload $round", $by_operator);
}
crash_backend($node, VaultClient->new($node, 'postgres')->pid);
sealed('after a crash', $by_operator);
reload();
sealed('after a crash and a reload', $by_operator);

$offset = -s $node->logfile;
is(psql_as($node, 'operator', 'SELECT vault.unseal()'), 'unsealed', 'unseal() ends it');
readable('after unseal()');
like(substr(read_file($node->logfile), $offset), qr/LOG:  vault was unsealed by role "operator"/,
	'the log says who unsealed');
crash_backend($node, VaultClient->new($node, 'postgres')->pid);
readable('a crash after that');

psql_as($node, 'operator', 'SELECT vault.seal()');
sealed('once more', $by_operator);
$node->restart;
readable('a restart of the server ends it');

# In a transaction that is rolled back
$offset = -s $node->logfile;
psql_as($node, 'operator', 'BEGIN; SELECT vault.seal(); ROLLBACK');
sealed('seal() that is rolled back', $by_operator);
like(substr(read_file($node->logfile), $offset), qr/LOG:  vault was sealed by role "operator"/,
	'the log says so all the same');
reload();
sealed('and a reload', $by_operator);
psql_as($node, 'operator', 'SELECT vault.unseal()');
readable('and unseal()');

# Others do not seal.
$offset = -s $node->logfile;
is(sql_state($node, 'SELECT vault.seal()', 'app'), '42501', 'a principal cannot seal');
readable('after that');
unlike(substr(read_file($node->logfile), $offset), qr/vault was sealed/,
	'and the log has no such line');

# With seal_on_crash the crash ends the key, not the operator's seal.
set_conf($node, 'vault.seal_on_crash', 'on');
$node->restart;
readable('with seal_on_crash');
psql_as($node, 'operator', 'SELECT vault.seal()');
crash_backend($node, VaultClient->new($node, 'postgres')->pid);
sealed('seal_on_crash and a crash', $by_operator);
psql_as($node, 'operator', 'SELECT vault.unseal()');
set_conf($node, 'vault.seal_on_crash', 'off');
$node->restart;

# seal() while the source is being asked: what the source answers later is not taken.
my $gate = key_directory($node) . '/gate';
my $asked = key_directory($node) . '/asked';
my $command = key_directory($node) . '/command';
write_file($command,
	"#!/bin/sh\n: > '$asked'\nuntil [ -e '$gate' ]; do sleep 0.05; done\ncat '$key'\n", 0700);
write_file($gate, '');
set_source($node, "command:$command");
$node->stop;
unlink $gate, $asked;
$offset = -s $node->logfile;
$node->start;
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if -e $asked;
	usleep(100_000);
}
my $early = VaultClient->new($node, 'operator');
is($early->query('SELECT vault.seal()')->{state}, '00000',
	'seal() while the source is being asked');
write_file($gate, '');
ok($node->wait_for_log(qr/LOG:  vault is (?:un)?sealed/, $offset), 'the source answers');
sealed('after that', $by_operator);
is($early->value('SELECT vault.unseal()'), 'unsealed', 'and unseal() asks again');
readable('after that');
$early->close;
set_source($node, "file:$key");
unlink $gate, $asked, $command;
$node->restart;

# While a root key is being made
my $maker = VaultClient->new($node, 'operator');
my $sealer = VaultClient->new($node, 'operator');

sub make
{
	$maker->query('BEGIN');
	is($maker->query('SELECT vault.rotate_root_key()')->{state}, '00000',
		'a new root key is being made');
	return;
}

sub generation
{
	return $node->safe_psql('postgres', 'SELECT root_key_generation FROM vault.status()');
}

my $before = generation();
make();
is($sealer->query('SELECT vault.seal()')->{state}, '00000', 'another session seals');
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'and unseals, with the old key');
readable('before the commit');
is($maker->query('COMMIT')->{state}, '00000', 'the first commits');
sealed('sealed and unsealed meanwhile', qr/./);
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'unseal() finds the new key');
readable('with the new key');
is(generation(), $before + 1, 'the new generation is in force');

make();
$sealer->query('SELECT vault.seal()');
is($maker->query('COMMIT')->{state}, '00000', 'a commit after seal()');
sealed('sealed meanwhile', qr/./);
reload();
sealed('also after a reload', qr/./);
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'unseal() finds the new key');
readable('with the new key');
is(generation(), $before + 2, 'the new generation is in force');

make();
$sealer->query('SELECT vault.seal()');
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'sealed and unsealed meanwhile');
is($maker->query('ROLLBACK')->{state}, '00000', 'a rollback after that');
readable('with the old key');
is(generation(), $before + 2, 'the old generation is in force');

make();
$sealer->query('SELECT vault.seal()');
is($maker->query('ROLLBACK')->{state}, '00000', 'a rollback after seal()');
sealed('that changes nothing', $by_operator);
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'unsealed');
readable('with the old key');

# The session that makes the key cannot get past another's seal() with one more.
make();
$sealer->query('SELECT vault.seal()');
isnt($maker->query('SELECT vault.rotate_root_key()')->{state}, '00000',
	'no further key once it is sealed');
$maker->query('COMMIT');
sealed('and the commit changes nothing', $by_operator);
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'unsealed');
readable('with the old key');

make();
is($maker->query('SELECT vault.unseal()')->{state}, '25001',
	'unseal() in the transaction that makes a key is refused');
$maker->query('COMMIT');
readable('nothing came of it');
make();
is($maker->query('SELECT vault.seal()')->{state}, '00000', 'the session that makes a key seals');
is($maker->query('SELECT vault.unseal()')->{state}, '25001', 'and unseal() is refused');
$maker->query('ROLLBACK');
sealed('and seal() stays', $by_operator);
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'unsealed');
make();
is($maker->query('SELECT vault.seal()')->{state}, '00000', 'the session that makes a key seals');
is($maker->query('COMMIT')->{state}, '00000', 'and commits');
sealed('and seal() stays', qr/./);
reload();
sealed('also after a reload', qr/./);
is($sealer->value('SELECT vault.unseal()'), 'unsealed', 'unsealed');
readable('with the new key');

# In a transaction of which a part could be undone without the rest
my $text = read_file($key);
my %parts = (
	'in an exception block' =>
		q{DO $$
			BEGIN
				BEGIN
					PERFORM vault.rotate_root_key();
				EXCEPTION WHEN division_by_zero THEN NULL;
				END;
			END $$},
	'in a savepoint' => 'BEGIN; SAVEPOINT s; SELECT vault.rotate_root_key()');
for my $where (sort keys %parts)
{
	my $generation = generation();
	is(sql_state($node, $parts{$where}, 'operator'), '25001',
		"rotate_root_key() $where is refused");
	is(read_file($key), $text, "$where: the key file is as it was");
	is_deeply([ glob(key_directory($node) . '/*') ], [$key], "$where: and alone");
	is(generation(), $generation, "$where: so is the generation");
	readable($where);
}
is($node->safe_psql('postgres', 'SELECT vault.rotate_root_key()'), '', 'outside of both it works');
isnt(read_file($key), $text, 'and the key file has one more');
readable('with the new key');

# A file that mixes generations and a bare key
$text = read_file($key);
my ($base64) = $text =~ /:([^:\n]+)\n\z/;
psql_as($node, 'operator', 'SELECT vault.seal()');
for my $mixed ("$text$base64\n", "$base64\n$text")
{
	write_file($key, $mixed);
	my ($rc, undef, $stderr) = psql_as($node, 'operator', 'SELECT vault.unseal()');
	like($stderr,
		qr/no root key: the root key source holds a key without a generation beside others/,
		'a bare key beside others is refused');
	is(sql_state($node, 'SELECT vault.unseal()', 'operator'), '55000', 'with its SQLSTATE');
	sealed('a mixed file', qr/./);
}
$node->restart;
sealed('a mixed file at a start',
	qr/^the root key source holds a key without a generation beside others$/);
write_file($key, $text);
is(psql_as($node, 'operator', 'SELECT vault.unseal()'), 'unsealed', 'the file as it was unseals');
readable('with it');
write_file($key, "$base64\n");
psql_as($node, 'operator', 'SELECT vault.seal()');
is(psql_as($node, 'operator', 'SELECT vault.unseal()'), 'unsealed', 'a bare key alone unseals too');
readable('with it');
$node->stop;

# Without tenants there is nothing to wrap anew that would fail.
my $empty = new_vault_node('empty', conf => $quiet);
my $first = VaultClient->new($empty, 'postgres');
$first->query('BEGIN');
is($first->query('SELECT vault.rotate_root_key()')->{state}, '00000',
	'without tenants: a new root key is being made');
$empty->safe_psql('postgres', 'SELECT vault.seal()');
isnt($first->query('SELECT vault.rotate_root_key()')->{state}, '00000',
	'another session seals: no further key');
$first->query('COMMIT');
like(sealed_reason($empty), $by_operator, 'and the commit does not unseal');
is($empty->safe_psql('postgres', 'SELECT vault.unseal()'), 'unsealed', 'unseal() does');
$empty->stop;

# DROP EXTENSION that a savepoint takes back does not seal; with shares nothing could unseal again.
my $people = new_vault_node('people', source => 'manual', conf => $quiet);
$people->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($people, 'app', q{SELECT vault.put('a', 'value')});
sub still
{
	my ($what) = @_;
	is(sealed_reason($people), '', "$what: unsealed");
	is(psql_as($people, 'app', q{SELECT vault.get('a')}), 'value', "$what: readable");
	return;
}
$people->safe_psql('postgres',
	'BEGIN; SAVEPOINT s; DROP EXTENSION vault CASCADE; ROLLBACK TO s; COMMIT');
still('dropped in a savepoint that is rolled back');
$people->safe_psql('postgres', q{
	BEGIN;
	SAVEPOINT s;
	SAVEPOINT t;
	DROP EXTENSION vault CASCADE;
	RELEASE t;
	ROLLBACK TO s;
	COMMIT});
still('in one that was released into it');
$people->safe_psql('postgres', 'BEGIN; DROP EXTENSION vault CASCADE; ROLLBACK');
still('in a transaction that is rolled back');
$people->safe_psql('postgres', q{
	BEGIN;
	SAVEPOINT s;
	DROP EXTENSION vault CASCADE;
	RELEASE s;
	SAVEPOINT t;
	ROLLBACK TO t;
	COMMIT});
$people->safe_psql('postgres', 'CREATE EXTENSION vault');
is(sealed_reason($people), 'the vault is not initialised', 'one that commits seals');

done_testing();
