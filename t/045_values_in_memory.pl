# After a call, and after an error or a cancellation in the middle of it, the memory of its backend
# holds no value, key, token, share or passphrase of the call. That is tried wherever one is opened,
# checked, made, rotated, imported or shown. What is held shows that the search finds it. The
# end of a longer statement is not in shared memory behind the short text that replaced it.
use strict;
use warnings;

use MIME::Base64 qw(decode_base64 decode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultJwt;
use VaultMemory;
use VaultRemote;
use VaultTest;

plan skip_all => 'there is no /proc here' unless -r '/proc/self/maps';

# The C library would overwrite what is freed.
delete $ENV{MALLOC_PERTURB_};
my $dir = PostgreSQL::Test::Utils::tempdir;
my $remote = new_remote_node('remote');
my $address = remote_address($remote);
my $conf = <<'CONF';
vault.allow_core_dumps = on
log_statement = none
log_min_error_statement = panic
track_activity_query_size = 16kB
vault.max_result_memory = 1MB
CONF
my $node = new_vault_node('main', conf => remote_conf($remote) . $conf);

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE pool LOGIN;
	CREATE ROLE functions LOGIN;
	CREATE ROLE operator LOGIN IN ROLE vault_admin;
	CREATE ROLE rotated LOGIN;
	CREATE ROLE forbidden LOGIN;
	CREATE ROLE late LOGIN;

	CREATE SCHEMA checks;
	CREATE FUNCTION checks.raises(value text) RETURNS text LANGUAGE plpgsql STABLE
		AS 'BEGIN RAISE EXCEPTION ''no''; END';
	CREATE FUNCTION checks.finds_fault(value text) RETURNS text LANGUAGE plpgsql STABLE
		AS 'BEGIN RETURN ''it is long''; END';
	CREATE FUNCTION checks.waits(value text) RETURNS text LANGUAGE plpgsql STABLE
		AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';

	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.allow_rotation(r, 'acme') FROM unnest('{rotated,forbidden,late}'::text[]) AS r;
	SELECT vault.allow_tokens('pool', tenant => 'acme');
	SELECT vault.create_type('raising', 'x', validator => 'checks.raises(text)'),
		vault.create_type('ruled', 'x', validator => 'checks.finds_fault(text)',
			rules => '{it is long}'),
		vault.create_type('waiting', 'x', validator => 'checks.waits(text)');

	CREATE SCHEMA target AUTHORIZATION functions;
	GRANT USAGE ON SCHEMA target TO app;
	SET ROLE functions;
	CREATE FUNCTION target.takes(text, text, integer, text, text) RETURNS void LANGUAGE plpgsql
		AS 'BEGIN END';
	CREATE FUNCTION target.raises(text, text, integer, text, text) RETURNS void LANGUAGE plpgsql
		AS 'BEGIN RAISE EXCEPTION ''no''; END';
	CREATE FUNCTION target.waits(text, text, integer, text, text) RETURNS void LANGUAGE plpgsql
		AS 'BEGIN PERFORM pg_sleep(60); END';
	CREATE FUNCTION target.says_no(text, text, integer, text, text) RETURNS boolean
		LANGUAGE plpgsql AS 'BEGIN RETURN false; END'});

my $app = VaultClient->new($node, 'app');
$app->value(q{SELECT vault.create_principal(p, db_role => p)
	FROM unnest('{reader,pool,functions}'::text[]) AS p});
$app->value(q{SELECT vault.create_principal('billing')});
$app->value(q{SELECT vault.grant('reader', '{read,write,rotate}', '**'),
	vault.grant('billing', '{read}', '**')});
$app->value(q{SELECT vault.set_type_policy('password', history => 3)});

# ---- values on their way into a call ----

# A table in shared memory: a row of it that is an argument is not copied
sub make_holder
{
	my ($server) = @_;
	$server->safe_psql('postgres', q{
		CREATE TABLE holder (name text, value text, bytes bytea, json json, jsonb jsonb);
		ALTER TABLE holder ALTER value SET STORAGE PLAIN, ALTER bytes SET STORAGE PLAIN,
			ALTER json SET STORAGE PLAIN, ALTER jsonb SET STORAGE PLAIN;
		GRANT SELECT ON holder TO PUBLIC});
	return;
}

# hold(SERVER, NAME, VALUE, BYTES): $v, $b, $j and $jb of a statement stand for it
sub hold
{
	my ($server, $name, $value, $bytes) = @_;
	my $client = VaultClient->new($server, 'postgres');

	$client->value('INSERT INTO holder VALUES ($1, $2, $3::bytea)', $name, $value,
		defined $bytes ? '\x' . unpack('H*', $bytes) : undef);
	$client->value('UPDATE holder SET json = value::json, jsonb = value::jsonb WHERE name = $1',
		$name)
		if $value =~ /\A\{.*\}\z/;
	$client->close;
	return $value;
}

sub statement
{
	my ($call, $name) = @_;
	my %column = ('$v' => 'value', '$b' => 'bytes', '$j' => 'json', '$jb' => 'jsonb');

	$call =~ s/(\$\w+)/'h.' . ($column{$1} \/\/ die $1)/eg;
	return defined $name ? "SELECT $call FROM holder h WHERE h.name = '$name'" : "SELECT $call";
}

# put(NAME, TYPE, VALUE with %s): its canary; by a session that ends
my %canary;
sub put
{
	my ($name, $type, $form) = @_;
	my $client = VaultClient->new($node, 'app');

	$canary{$name} = canary();
	$client->value('SELECT vault.put($1, $2::text, type => $3)', $name,
		$form =~ s/%s/$canary{$name}/gr, $type);
	$client->close;
	return;
}

# The current value, by a session that ends
sub value_of
{
	my ($name) = @_;
	my $client = VaultClient->new($node, 'app');
	my $value = $client->value('SELECT vault.get($1)', $name);

	$client->close;
	return $value;
}

# The C library writes over the first 16 bytes of what is freed: the others are looked for.
sub nothing_is_left
{
	my ($client, $what, @secrets) = @_;
	my @ends = map { ref || length() < 24 ? $_ : substr $_, 16 } @secrets;
	my @found = own_memory_holds($client->pid, @ends);

	ok(!@found, "$what: and it is not in memory") or diag(@found);
	return;
}

# leaves_nothing(WHAT, ROLE, STATES, STATEMENTS, SECRET ...): the last of the statements has one of
# the states. A secret may be a function that knows it then.
my $server = $node;
sub leaves_nothing
{
	my ($what, $role, $states, $statements, @secrets) = @_;
	my $client = VaultClient->new($server, $role);
	my @results = map { $client->simple($_) } ref $statements ? @$statements : $statements;

	like($results[-1]{state}, qr/^(?:$states)$/, $what) or diag($results[-1]{message});
	nothing_is_left($client, $what, map { ref eq 'CODE' ? $_->() : $_ } @secrets);
	$client->close;
	return;
}

make_holder($node);
my $held = VaultClient->new($node, 'reader');
plan skip_all => 'other processes cannot be read here' unless memory_can_be_read($held->pid);

# ---- reading ----

put('text', 'generic', 'begin %s end');
put('unicode', 'generic', '{"a": "%s", "b": "\u0000"}');
put('number', 'generic', '{"a": "%s", "b": 1e400000}');
put('cut', 'generic', '{"a": "%s", "b": [1, ');
put('database', 'database',
	'{"engine": "postgres", "host": "h", "dbname": "d", "user": "u", "password": "%s"}');
put('token', 'oauth_token', '{"access_token": "%s", "expires_in": 3600}');
put("many/$_", 'generic', "%s" . 'x' x 300_000) for 1 .. 5;
put("few/$_", 'generic', 'x' x 10_000 . "%s" . 'x' x 10_000) for 1 .. 3;
put("urls/$_", 'database',
	'{"engine": "postgres", "host": "h", "dbname": "d", "user": "u", "password": "%s"}') for 1 .. 3;
put('role', 'password', '%s');
put('nobody', 'json', '{"user": "nobody", "password": "%s"}');
put('forbidden', 'password', '%s');
$app->value(q{SELECT vault.set_rotation('forbidden', NULL, 'postgres_role',
	'{"user": "forbidden"}')});
$node->safe_psql('postgres', q{SELECT vault.disallow_rotation('forbidden', 'acme')});

$held->simple(q{BEGIN; DECLARE c CURSOR FOR SELECT v FROM
	(SELECT vault.get('text') AS v OFFSET 0) s, generate_series(1, 3); FETCH 1 FROM c});
ok(own_memory_holds($held->pid, $canary{text}), 'a value that is held is found');
$held->close;

my @errors = (
	[ text => '42704|22023', q{SELECT vault.get_field('text', 'password')} ],
	[ text => 'VT013', q{SELECT vault.get_json('text')} ],
	[ unicode => 'VT013', q{SELECT vault.get_json('unicode')} ],
	[ number => 'VT013', q{SELECT vault.get_json('number')} ],
	[ cut => 'VT013', q{SELECT vault.get_json('cut')} ],
	[ database => '22023', q{SELECT vault.get_field('database', 'nosuch')} ],
	[ database => '42704', q{SELECT vault.get_field('database', 'sslmode')} ],
	[ token => '42704', q{SELECT vault.get_field('token', 'refresh_token')} ],
	[ 'many/1' => '54000', q{SELECT * FROM vault.get_many('many/**')} ],
	[ 'many/4' => '54000', q{SELECT * FROM vault.get_many('many/**')} ],
	[ 'few/2' => '22012', q{SELECT 1 / (version - 1) FROM vault.get_many('few/**')} ],
	[ 'urls/2' => '22012',
		q{SELECT 1 / (version - 1) FROM vault.get_many('urls/**', database_urls => true)} ],
	[ forbidden => '42501', q{SELECT vault.rotate('forbidden')} ],
	[ nobody => 'VT013',
		q{SELECT vault.set_rotation('nobody', NULL, 'postgres_role', '{"user": "rotated"}')} ]);

# The statement alone, in a transaction that stays open, and in a block that catches the error
for my $case (@errors)
{
	my ($name, $states, $sql) = @$case;
	my $role = $sql =~ /rotat/ ? 'app' : 'reader';
	my $performed = $sql =~ s/^SELECT (?:\* FROM )?/PERFORM /r;
	$performed = $sql =~ s/^SELECT \* FROM/PERFORM * FROM/r if $sql =~ /\* FROM/;

	leaves_nothing($sql, $role, $states, $sql, $canary{$name});
	leaves_nothing("in a transaction: $sql", $role, $states, [ 'BEGIN', $sql ], $canary{$name});
	leaves_nothing("caught: $sql", $role, '00000',
		"DO \$do\$ BEGIN BEGIN $performed; RAISE 'no error'; "
		. "EXCEPTION WHEN SQLSTATE '" . join("' OR SQLSTATE '", split /\|/, $states)
		. "' THEN NULL; END; END \$do\$", $canary{$name});
}
# Rows that leave are in what the query makes of them, unless it makes nothing of them
leaves_nothing("$_: rows that were not looked at", 'reader', '00000',
	"SELECT 1 FROM vault.get_many('$_/*', database_urls => true)",
	@canary{ "$_/1", "$_/2", "$_/3" })
	for 'few', 'urls';

# Several secrets of one name fail one after the other, and what reads them goes on working.
my $worker = VaultClient->new($node, 'reader');
for (1 .. 50)
{
	$worker->simple(q{SELECT vault.get_field('database', 'nosuch')});
	$worker->simple(q{SELECT vault.get_json('cut')});
}
is($worker->value(q{SELECT vault.get_field('database', 'password')}), $canary{database},
	'a read after many errors');
is($worker->value(q{SELECT count(vault.get('database')) FROM generate_series(1, 500)}), 500,
	'and many reads in one statement');
$worker->close;

# A read that waits for its record
my $audit = $node->safe_psql('postgres',
	q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault audit'});
kill 'STOP', $audit or die "kill: $!";
leaves_nothing('a canceled read', 'reader', '57014',
	[ 'SET statement_timeout = 500', q{SELECT vault.get('text')} ], $canary{text});
kill 'CONT', $audit or die "kill: $!";

# ---- writing ----

my $database = '{"engine": "postgres", "host": "h", "dbname": "d", "user": "u", "password": "%s"';
my %form = (plain => 'begin %s end', json => '{"a": "%s"}', database => "$database}",
	broken => "$database, ", password => 'Aa1!%s');
$canary{"held/$_"} = canary() for keys %form;
hold($node, $_, $form{$_} =~ s/%s/$canary{"held\/$_"}/r) for keys %form;
$app->value(q{SELECT vault.put(n, 'x'::text) FROM unnest('{there,turned,gone}'::text[]) AS n});
put('used', 'password', 'Aa1!%s');
hold($node, 'used', "Aa1!$canary{used}");
$canary{'held/used'} = $canary{used};
put('typed', 'generic', '%s');
$canary{'held/typed'} = $canary{typed};

my @writes = (
	[ plain => '00000', q{vault.put('new', $v)} ],
	[ plain => '00000', q{vault.put('new', $v, if_changed => true)} ],
	[ plain => '00000', q{vault.put('new/password', $v, type => 'password', accept_weak => true)} ],
	[ json => '00000', q{vault.put('new/json', $j)} ],
	[ json => '00000', q{vault.put('new/jsonb', $jb)} ],
	[ database => '00000', q{vault.put('new/database', $v, type => 'database')} ],
	[ plain => '40001', q{vault.put('there', $v, expected_version => 7)} ],
	[ plain => '23505', q{vault.put('there', $v, expected_version => 0)} ],
	[ plain => '22023', q{vault.put('there', $v, type => 'nosuch')} ],
	[ plain => '22023', q{vault.put('there', $v, expires_at => '2000-01-01')} ],
	[ plain => '22023', q{vault.put('there', $v, tags => '[1]'::jsonb)} ],
	[ plain => 'VT005', q{vault.rotate('nosuch', $v)} ],
	[ plain => '22023', q{vault.rotate('turned', $v, retire => 'later')} ],
	[ plain => '00000', q{vault.rotate('turned', $v)} ],
	[ json => '00000', q{vault.rotate('turned', $jb)} ],
	[ broken => 'VT013', q{vault.put('new/broken', $v, type => 'database')} ],
	[ plain => 'VT013', q{vault.put('new/broken', $v, type => 'json')} ],
	[ plain => 'VT013', q{vault.put('new/broken', $v, type => 'oauth_token')} ],
	[ used => 'VT013', q{vault.put('used', $v, type => 'password')} ],
	[ plain => 'VT013', q{vault.put('new/raising', $v, type => 'raising')} ],
	[ plain => 'VT013', q{vault.put('new/ruled', $v, type => 'ruled')} ],
	[ typed => 'VT013', q{vault.change_type('typed', 'database')}, 'no argument' ],
	[ typed => '00000', q{vault.change_type('typed', 'password')}, 'no argument' ]);
for my $case (@writes)
{
	my ($name, $states, $call, $stored) = @$case;
	my $sql = statement($call, $stored ? undef : $name);

	leaves_nothing("$name: $call", 'app', $states, $sql, $canary{"held/$name"});
	leaves_nothing("$name, in a transaction: $call", 'app', $states, [ 'BEGIN', $sql ],
		$canary{"held/$name"})
		if $states ne '00000';
}
leaves_nothing('a canceled put', 'app', '57014',
	[ 'SET statement_timeout = 500',
		statement(q{vault.put('new/waiting', $v, type => 'waiting')}, 'plain') ],
	$canary{'held/plain'});

# ---- rotation ----

my %rotation = (external => [ 'external' ], generate => [ 'generate' ],
	function => [ 'function', '{"set": "target.takes"}' ],
	raising => [ 'function', '{"set": "target.raises"}' ],
	waiting => [ 'function', '{"set": "target.waits"}' ],
	refused => [ 'function', '{"set": "target.takes", "test": "target.says_no"}' ],
	role => [ 'postgres_role', '{"user": "rotated"}' ],
	late => [ 'postgres_role', '{"user": "late"}' ],
	far => [ 'postgres_remote', qq({"user": "far", $address}) ]);
my $first = canary();
$remote->safe_psql('postgres', "CREATE ROLE far LOGIN PASSWORD '$first'");
for my $name (sort keys %rotation)
{
	$app->value('SELECT vault.put($1, $2::text)', "turn/$name", $first);
	$app->value('SELECT vault.set_rotation($1, NULL, $2, $3::jsonb, overlap => $4)', "turn/$name",
		$rotation{$name}[0], $rotation{$name}[1] // '{}', '0');
	$canary{"held/$name"} = canary();
	hold($node, $name, $canary{"held/$name"});
}
$node->safe_psql('postgres', q{ALTER ROLE late VALID UNTIL '2000-01-01'});

# The first step, and those that the job does, with the error of the last one
my $steps = 'SELECT vault.rotate_due() FROM generate_series(1, 5)';
sub rotates
{
	my ($name, $states, $error, @before) = @_;
	my @secrets = ($canary{"held/$name"}, $first);

	leaves_nothing("rotation by $name", 'app', $states,
		statement("vault.rotate('turn/$name', \$v)", $name), @secrets);
	return if $states ne '00000';
	leaves_nothing("steps of $name", 'operator', '00000', [ @before, $steps ], @secrets);
	like($app->value(q{SELECT COALESCE(last_error, '') FROM vault.rotation_status WHERE name = $1},
		"turn/$name"), $error, 'with its error');
	return;
}
rotates('function', '00000', qr/^$/);
rotates('raising', '00000', qr/P0001/);
rotates('waiting', '00000', qr/57014/, 'SET statement_timeout = 500');
rotates('refused', '00000', qr/does not accept/);
rotates('generate', '00000', qr/^$/);
rotates('role', '00000', qr/^$/);
rotates('late', '42501', qr//);
for my $name ('turn/generate', 'turn/role')
{
	leaves_nothing("rotation that makes the value of $name", 'app', '00000',
		"SELECT vault.rotate('$name')", sub { value_of($name) });
}

$app->value(q{SELECT vault.rotate('turn/external')});
my $waiting = $app->value(
	q{SELECT rotation FROM vault.rotation_status WHERE name = 'turn/external'});
leaves_nothing("a rotation that is $_->[0]", 'app', $_->[1],
	statement("vault.complete_rotation('$waiting', \$v)", 'external'), $canary{'held/external'})
	for [ 'completed', '00000' ], [ 'complete already', '55000' ];

# Another server: it accepts the password, and then no longer
$app->value(q{SELECT vault.rotate('turn/far')});
leaves_nothing('rotation at another server', 'operator', '00000', [ ($steps) x 3 ], $first,
	sub { value_of('turn/far') });
isnt(value_of('turn/far'), $first, 'it was done');
$remote->safe_psql('postgres', q{ALTER ROLE far PASSWORD 'another'});
$app->value(q{SELECT vault.rotate('turn/far')});
leaves_nothing('rotation that another server refuses', 'operator', '00000', $steps, $first,
	sub { value_of('turn/far') });
like($app->value(q{SELECT last_error FROM vault.rotation_status WHERE name = 'turn/far'}),
	qr/accepts no password/, 'and says so');

# ---- certificates, keys and passphrases ----

sub openssl
{
	IPC::Run::run([ 'openssl', @_ ], '>', '/dev/null', '2>&1') or die "openssl @_";
	return;
}
openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=x', '-days', '2',
	'-keyout', "$dir/key.pem", '-out', "$dir/certificate.pem");
my $passphrase = canary();
openssl('pkcs12', '-export', '-inkey', "$dir/key.pem", '-in', "$dir/certificate.pem",
	'-out', "$dir/bundle", '-passout', "pass:$passphrase");
my $key = read_file("$dir/key.pem");
# A line of the text beyond the public numbers, and of the two primes as they are in numbers
my @parts = ((split /\n/, $key)[18]);
push @parts, $_, scalar reverse $_
	for map { substr decode_base64($key =~ s/-----.*//gr), $_, 24 } 600, 760;
hold($node, 'bundle', $passphrase, read_file("$dir/bundle"));
hold($node, 'locked', "not $passphrase", read_file("$dir/bundle"));
hold($node, 'certificate', read_file("$dir/certificate.pem") . $key);
hold($node, 'key', $key);

leaves_nothing("$_->[0]: $_->[2]", 'app', $_->[1], statement($_->[2], $_->[0]), $passphrase, @parts)
	for [ bundle => '00000', q{vault.import_certificate('pki/a', $b, $v)} ],
	[ locked => 'VT013', q{vault.import_certificate('pki/b', $b, $v)} ],
	[ bundle => '22023', q{vault.import_certificate('pki/b', $b, $v, tags => '[1]'::jsonb)} ],
	[ certificate => '00000', q{vault.put('pki/c', $v, type => 'certificate')} ],
	[ key => 'VT013', q{vault.put('pki/d', $v, type => 'certificate')} ],
	[ key => '00000', q{vault.put('pki/e', $v, type => 'ssh_key')} ],
	[ certificate => 'VT013', q{vault.put('pki/f', $v, type => 'ssh_key')} ],
	[ undef, '42704', q{vault.get_field('pki/c', 'chain')} ],
	[ undef, '22023', q{vault.get_field('pki/c', 'nosuch')} ],
	[ undef, '22023', q{vault.get_field('pki/e', 'nosuch')} ];
leaves_nothing('a bundle that may not be stored', 'pool', '42501',
	statement(q{vault.import_certificate('pki/b', $b, $v)}, 'bundle'), $passphrase, @parts);

# ---- tokens ----

my $issuer = key('idp');
$app->value('SELECT vault.add_issuer($1, $2, $3, $4, max_lifetime => $5)', 'idp',
	'https://idp.example', 'vault', jwks($issuer), '1 hour');
my %token = map {
	$_ => token($issuer, { iss => 'https://idp.example', sub => $_, aud => 'vault' })
} 'billing', 'stranger';
hold($node, $_, $token{$_}) for keys %token;
hold($node, 'spaced', "$token{billing} ");

# The signature, which only the issuer can make, as it is shown and as it is computed
sub signature
{
	my ($text) = $token{ $_[0] } =~ /([^.]+)$/;
	return ($text, decode_base64url($text));
}
my $login = 'vault.login($v)';
leaves_nothing('a login', 'pool', '00000', statement($login, 'billing'), signature('billing'));
leaves_nothing('a login that is used', 'pool', '00000',
	[ 'BEGIN', statement($login, 'billing'), q{SELECT vault.get_field('database', 'user')},
		'COMMIT' ], signature('billing'));
leaves_nothing('a login that is rolled back', 'pool', '00000',
	[ 'BEGIN', 'SAVEPOINT s', statement($login, 'billing'), 'ROLLBACK TO s', 'ROLLBACK' ],
	signature('billing'));
leaves_nothing('a login of a stranger', 'pool', 'VT014', statement($login, 'stranger'),
	signature('stranger'));
leaves_nothing('a login with no token', 'pool', 'VT014', statement($login, 'spaced'),
	signature('billing'));
my $logged_in = VaultClient->new($node, 'pool');
$logged_in->simple($_) for 'BEGIN', statement($login, 'billing');
ok(own_memory_holds($logged_in->pid, (signature('billing'))[0]),
	'a token is there as long as its transaction');
$logged_in->value(q{SELECT set_config(name, 'on', true) FROM pg_settings
	WHERE name IN ('force_parallel_mode', 'debug_parallel_query')});
is($logged_in->value('SELECT count(*) FROM pg_class WHERE oid < 0'), 0,
	'and parallel workers start, which do not get it');
is($logged_in->value(q{SELECT vault.get_field('database', 'user')}), 'u', 'it counts afterwards');
$logged_in->close;

# ---- keys ----

sub root_keys
{
	my @lines = read_file(key_directory($node) . '/root.key') =~ /^vault-root-key:v1:\d+:(\S+)/mg;
	return map { ($_, decode_base64($_)) } @lines;
}
my @root_keys = root_keys();
is(length $root_keys[1], 32, 'the root key is known');
leaves_nothing($_->[1], $_->[0], '00000', "SELECT $_->[1]", @root_keys, @canary{'text', 'many/3'})
	for [ reader => q{length(vault.get_field('database', 'user'))} ],
	[ operator => 'vault.seal()' ], [ operator => 'vault.unseal()' ],
	[ operator => q{vault.rotate_tenant_key('acme')} ], [ operator => 'vault.rewrap(1000)' ];

# make_fail(SERVER): the last statement but one of a rotation of the root key
sub make_fail
{
	$_[0]->safe_psql('postgres',
		'ALTER TABLE vault_data.root_key ADD CONSTRAINT one CHECK (generation = 1) NOT VALID');
	return;
}
sub make_succeed
{
	$_[0]->safe_psql('postgres', 'ALTER TABLE vault_data.root_key DROP CONSTRAINT one');
	return;
}
my @keys;
make_fail($node);
leaves_nothing('a root key that is not taken', 'operator', '23514',
	'SELECT vault.rotate_root_key()', sub { @keys = root_keys() });
make_succeed($node);
leaves_nothing('a new root key', 'operator', '00000', 'SELECT vault.rotate_root_key()',
	sub { root_keys() });
is(scalar(@keys), 4, 'two of them were looked for');

# ---- the slot of the activity ----

# A long literal, and nothing of its end behind the text in its place
my $marker = canary();
my $writer = VaultClient->new($node, 'app');
$writer->simple("SELECT vault.put('long', '" . 'x' x 2000 . "$marker')");
$writer->simple('SELECT 1');
my $postmaster = $node->{_pid};
ok(!memory_holds($postmaster, $marker), 'the end of a long statement is not in shared memory');
my $plain = canary();
$writer->simple("SELECT '" . 'x' x 2000 . "$plain'");
ok(memory_holds($postmaster, $plain), 'that of a plain one is');
ok(!memory_holds($postmaster, @canary{ grep { !m{^(?:held/|used|typed)} } keys %canary }),
	'nor is a value that was read');
$writer->close;
$node->stop;
$remote->stop;

# ---- shares ----

$server = new_vault_node('manual', source => 'manual', conf => $conf);
make_holder($server);
$server->safe_psql('postgres', 'CREATE ROLE operator LOGIN IN ROLE vault_admin');
my @shares = split /\n/, $server->{vault_init};
hold($server, "share $_", $shares[$_]) for 0 .. $#shares;
hold($server, 'mistyped', $shares[0] =~ s/.{3}$/AAA/r);
my $share = qr/vault-share-1-[\w-]{20,}/;

make_fail($server);
leaves_nothing('shares that are not given out', 'operator', '23514',
	'SELECT 1 FROM vault.rotate_root_key()', $share);
make_succeed($server);
leaves_nothing('shares that were not looked at', 'operator', '00000',
	'BEGIN; SELECT 1 FROM vault.rotate_root_key(); ROLLBACK', $share);
$server->safe_psql('postgres', 'SELECT vault.seal()');
leaves_nothing("$_->[0]", 'operator', $_->[1], statement('vault.unseal($v)', $_->[0]), $share)
	for [ mistyped => '22023' ], map { [ "share $_" => '00000' ] } 0 .. 2;
is($server->safe_psql('postgres', 'SELECT sealed FROM vault.status()'), 'f', 'it is unsealed');
$server->stop;

done_testing();
