# After rotate(..., retire => 'now') a leaked credential logs in no more, at this server and at
# another one, whichever rotator made it, and also while two users overlap. The version is refused,
# and the new one logs in.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultRemote;
use VaultTest;

my $remote = new_remote_node('remote');
$remote->safe_psql('postgres', q{
	CREATE ROLE far LOGIN PASSWORD 'first';
	CREATE ROLE far_a LOGIN PASSWORD 'a';
	CREATE ROLE far_b LOGIN PASSWORD 'b'});
my $address = remote_address($remote);
my $node = new_vault_node('main', conf => remote_conf($remote) . "vault.rotation_retry = 1\n");
write_file($node->data_dir . '/pg_hba.conf',
	"local all near,near_a,near_b scram-sha-256\n" . read_file($node->data_dir . '/pg_hba.conf'));
$node->reload;
$node->safe_psql('postgres', q{
	CREATE ROLE admin LOGIN;
	CREATE ROLE rotator LOGIN;
	CREATE ROLE near LOGIN PASSWORD 'first';
	CREATE ROLE near_a LOGIN PASSWORD 'a';
	CREATE ROLE near_b LOGIN PASSWORD 'b';
	CREATE ROLE functions LOGIN;
	SELECT vault.create_tenant('acme', 'admin');
	SELECT vault.allow_rotation(r, 'acme') FROM unnest('{near,near_a,near_b}'::text[]) AS r;
	CREATE SCHEMA target AUTHORIZATION functions;
	GRANT USAGE ON SCHEMA target TO admin;
	SET ROLE functions;
	CREATE TABLE target.key (value text);
	INSERT INTO target.key VALUES ('first');
	CREATE FUNCTION target.set(text, text, integer, text, text) RETURNS void LANGUAGE sql
		AS 'INSERT INTO target.key VALUES ($4)';
	CREATE FUNCTION target.retire(text, text, integer, text, text) RETURNS void LANGUAGE sql
		AS 'DELETE FROM target.key WHERE value = $5'});

sub admin { my ($sql) = @_; return scalar psql_as($node, 'admin', $sql) }
sub run_job { psql_as($node, 'vault_jobs', 'CALL vault_data.job_rotate()'); return }
sub current { my ($name) = @_;
	return admin("SELECT current_version FROM vault.secrets WHERE name = '$name'") }
sub state_of { my ($name) = @_;
	return admin("SELECT state FROM vault.rotation_status WHERE name = '$name'") }
sub refused { my ($name, $version) = @_;
	return sql_state($node, "SELECT vault.get('$name', $version)", 'admin') eq 'VT006' }

# login(VALUE [, USER]): what a client makes of a value
sub login
{
	my ($value, $user) = @_;
	my ($name, $password) = $user ? ($user, $value)
		: $value =~ /"user": ?"(\w+)".*"password": ?"([^"]+)"/;
	my $server = $name =~ /^far/ ? $remote : $node;
	local $ENV{PGPASSWORD} = $password;
	local $ENV{PGSSLMODE} = $server == $remote ? 'require' : 'prefer';
	local $ENV{PGHOST} = $server == $remote ? 'localhost' : $server->host;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-p', $server->port, '-U', $name, '-d', 'postgres', '-c',
		'SELECT 1' ], '>', \$out, '2>', \$err);
	return $out eq "1\n";
}

sub value { my ($name) = @_; return admin("SELECT vault.get('$name')") }

admin(
	q{SELECT vault.create_principal('functions', db_role => 'functions'),
		vault.create_principal('rotator', db_role => 'rotator'),
		vault.grant('rotator', '{rotate}', '**')});

# ---- at this server: all in the transaction of rotate() ----

admin(
	q{SELECT vault.put('near', 'first'),
		vault.set_rotation('near', NULL, 'postgres_role', '{"user": "near"}', overlap => '1 day')});
my $leaked = value('near');
ok(login($leaked, 'near'), 'one user here logs in');
is(admin(q{SELECT vault.rotate('near', retire => 'now')}), 2, 'rotated');
ok(!login($leaked, 'near') && login(value('near'), 'near'),
	'the old password is no more, the new one counts');
ok(refused('near', 1), 'the old version is refused, without an overlap');
is(state_of('near'), 'idle', 'and nothing is left to do');

admin(
	qq{SELECT vault.put('pair', '{"user": "near_b", "password": "b"}', 'json'),
		vault.put('pair', '{"user": "near_a", "password": "a"}', 'json'),
	vault.set_rotation('pair', NULL, 'postgres_role', '{"users": ["near_a", "near_b"]}',
	overlap => '1 day')});
my $before = value('pair');
admin(q{SELECT vault.rotate('pair')});
$leaked = value('pair');
ok(login($before) && login($leaked), 'while two users overlap both log in');
is(sql_state($node, q{SELECT vault.rotate('pair')}, 'admin'), '55000',
	'and another rotation has to wait');
like((psql_as($node, 'admin', q{SELECT vault.rotate('pair')}))[2],
	qr/HINT:.*retire => 'now' if a login leaked/, 'unless a login leaked');
is(sql_state($node, q{BEGIN; SELECT vault.rotate('pair', retire => 'now'); ROLLBACK}, 'admin'),
	'00000', 'one that is rolled back');
ok(login($before) && login($leaked), 'has changed nothing');
is(admin(q{SELECT vault.rotate('pair', retire => 'now')}), 4, 'rotated');
ok(!login($leaked), 'the login that leaked is no more');
ok(!login($before), 'nor the one before it');
ok(login(value('pair')), 'the new one counts');
ok(refused('pair', 2) && refused('pair', 3), 'both old versions are refused');
is($node->safe_psql('postgres',
	q{SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'near_b'}), 't',
	'the user that is not in use has no password');
is(admin(q{SELECT vault.rotate('pair')}), 5, 'and takes its turn in the next rotation');
ok(login(value('pair')), 'with a new one');

# ---- values, with and without a schedule, and from outside ----

admin(
	q{SELECT vault.put('plain', 'first'), vault.put('plain', 'leaked'), vault.put('made', 'first'),
		vault.set_rotation('made', NULL, 'generate', overlap => '1 day')});
admin(q{SELECT vault.rotate('made')});
is(admin(q{SELECT vault.rotate('plain', retire => 'now'), vault.rotate('made', retire => 'now')}),
	'3|3', 'values are rotated');
ok(refused('plain', 2) && refused('made', 1) && refused('made', 2),
	'what was current, and what overlapped, is refused');
is(sql_state($node, q{SELECT vault.get('plain', 1)}, 'admin'), '00000',
	'an older version of a secret without rotation is as it was');
is(
	admin(
	q{SELECT vault.rotate('plain', 'given', retire => 'now'),
		vault.rotate('plain', '{"a": 1}'::jsonb, retire => 'now'),
		vault.rotate('plain', '{"a": 2}'::json, retire => 'now')}),
	'4|5|6', 'with a value, too');
ok(refused('plain', 5) && refused('plain', 4), 'of each form');
admin(
	q{SELECT vault.put('outside', 'first'),
		vault.set_rotation('outside', NULL, 'external', overlap => '1 day')});
is(admin(q{SELECT vault.rotate('outside', retire => 'now') IS NULL}), 't',
	'from outside the value is waited for');
is(sql_state($node, q{SELECT vault.get('outside', 1)}, 'admin'), '00000',
	'until then the old one is all there is');
admin(
	q{SELECT vault.complete_rotation(rotation, 'second') FROM vault.rotation_status
		WHERE name = 'outside'});
ok(refused('outside', 1), 'then it is refused at once');
is(admin(q{SELECT vault.rotate('outside', 'third', retire => 'now')}), 3, 'or is given');
ok(refused('outside', 2), 'at once as well');

# ---- secrets for which it makes no sense ----

is(sql_state($node, q{SELECT vault.rotate('plain', retire => 'later')}, 'admin'), '22023',
	'another word is refused');
is(sql_state($node, q{SELECT vault.rotate('plain', retire => '')}, 'admin'), '22023',
	'no word, too');
is(sql_state($node, q{SELECT vault.rotate('plain', retire => NULL)}, 'admin'), '00000',
	'NULL is none');
is(sql_state($node, q{SELECT vault.rotate('pair', retire => 'now')}, 'rotator'), '00000',
	'who may rotate may');
is(sql_state($node, q{SELECT vault.rotate('pair', retire => 'now')}, 'functions'), '42501',
	'who may not may not');

# ---- at another server: as soon as the job has been there ----

admin(
	qq{SELECT vault.put('far', 'first'),
		vault.set_rotation('far', NULL, 'postgres_remote', '{"user": "far", $address}',
		overlap => '1 day')});
$leaked = value('far');
is(admin(q{SELECT vault.rotate('far', retire => 'now')}), 2, 'one user there');
run_job();
is(current('far'), 2, 'the job does it');
ok(!login($leaked, 'far') && login(value('far'), 'far') && refused('far', 1),
	'the old password is no more, its version refused');
is(state_of('far'), 'idle', 'nothing is left to do');

admin(
	qq{SELECT vault.put('far_pair', '{"user": "far_b", "password": "b"}', 'json'),
		vault.put('far_pair', '{"user": "far_a", "password": "a"}', 'json'),
	vault.set_rotation('far_pair', NULL, 'postgres_remote',
	'{"users": ["far_a", "far_b"], $address}', overlap => '1 day')});
$before = value('far_pair');
admin(q{SELECT vault.rotate('far_pair')});
run_job();
$leaked = value('far_pair');
ok(login($before) && login($leaked), 'two users there overlap');
is(admin(q{SELECT vault.rotate('far_pair', retire => 'now')}), 4, 'one of them leaked');
ok(refused('far_pair', 2), 'what overlapped is refused at once');
run_job();
ok(!login($leaked) && !login($before), 'after the job neither logs in');
ok(refused('far_pair', 3), 'and both versions are refused');
is(current('far_pair'), 5, 'each user has got a password of its own');
ok(login(value('far_pair')) && login(admin(q{SELECT vault.get('far_pair', 4)})),
	'with which it logs in, the first one for the time of the overlap');
is(state_of('far_pair'), 'overlapping', 'which has begun anew');

admin(
	q{SELECT vault.put('key', 'first'),
		vault.set_rotation('key', NULL, 'function',
		'{"set": "target.set", "retire": "target.retire"}', overlap => '1 day')});
admin(q{SELECT vault.rotate('key')});
run_job();
$leaked = value('key');
is($node->safe_psql('postgres', 'SELECT count(*) FROM target.key'), 2,
	'by a function, two keys overlap');
admin(q{SELECT vault.rotate('key')});
is(admin(q{SELECT vault.rotate('key', retire => 'now')}), 3,
	'a run that is under way becomes one without an overlap');
run_job();
is($node->safe_psql('postgres', 'SELECT value FROM target.key'), value('key'),
	'the target has the new key alone');
ok(refused('key', 1) && refused('key', 2), 'the others are refused');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vault.verify()'), 0,
	'all of it is as the trail says');

done_testing();
