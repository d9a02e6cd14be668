# A value that travels as a bind parameter leaves no trace outside of memory: not in the heap,
# TOAST, WAL, temporary files, dumps or logical decoding, nor in the server's log with default
# settings. A refused value leaves none either. A plain table, a plain log line and a plain sort
# show that each trace would be found.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $node = new_vault_node('main', init => { allows_streaming => 'logical' }, conf => <<'CONF');
log_statement = none
max_connections = 20
work_mem = 64kB
remove_temp_files_after_crash = off
CONF
my $dumps = $node->basedir . '/dumps';
mkdir $dumps or die "$dumps: $!";

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE guest LOGIN;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.create_principal('guest', db_role => 'guest', tenant => 'acme');
	CREATE TABLE plain (value text);
	GRANT ALL ON plain TO app;
	CREATE SCHEMA checks;
	CREATE FUNCTION checks.loud(value text) RETURNS text LANGUAGE plpgsql STABLE AS $$
	BEGIN
		RAISE WARNING 'the value is %', value;
		RAISE LOG 'the value is %', value;
		IF value LIKE 'fail%' THEN RAISE EXCEPTION 'the value is %', value; END IF;
		RETURN CASE WHEN value LIKE 'echo%' THEN value END;
	END $$;
	SELECT vault.create_type('loud', 'tells all', 'checks.loud(text)');
	SELECT pg_create_logical_replication_slot('canary', 'test_decoding')});

my $secret = canary();     # in every value that the vault holds
my $refused = canary();    # in every value that the vault refused
my $malformed = canary();  # in a value that PostgreSQL itself cannot parse
my $plain = canary();      # the control
my $app = VaultClient->new($node, 'app');
my $guest = VaultClient->new($node, 'guest');

sub state { my ($client, @query) = @_; return $client->query(@query)->{state} }

# Put and read in every form
my $long = $secret . join('', map { chr(33 + $_ * 7 % 90) } 1 .. 100_000) . $secret;
is($app->value('SELECT vault.put($1, $2::text)', 'text', "the value is $secret"), 1, 'a text');
is($app->value('SELECT vault.put($1, $2::text)', 'long', $long), 1, 'a long text');
is($app->value('SELECT vault.put($1, $2::text)', 'repeated', $secret x 4000), 1,
	'a text that compresses well');
is($app->value('SELECT vault.put($1, $2::bytea)', 'bytes', '\x' . unpack 'H*', "\0\xff$secret"), 1,
	'bytes');
is($app->value('SELECT vault.put($1, $2::jsonb)', 'json',
	qq({"password": "$secret", "n": [1, "$secret"]})), 1, 'JSON');
is($app->value('SELECT vault.get($1)', 'text'), "the value is $secret", 'the text comes back');
is($app->value('SELECT vault.get($1)', 'long'), $long, 'so does the long one');
is($app->value('SELECT vault.get_bytes($1)', 'bytes'), '\x' . unpack('H*', "\0\xff$secret"),
	'and the bytes');
like($app->value('SELECT vault.get_json($1)', 'json'), qr/"password": "$secret"/, 'and the JSON');

# Typed: judged, normalised, described, taken apart
is($app->value('SELECT vault.put($1, $2::text, type => $3)', 'typed/password', $secret, 'password'),
	1, 'a password');
is($app->value('SELECT vault.put($1, $2::text, type => $3)', 'typed/db',
	"postgres://app:$secret\@db.example/shop", 'database'), 1, 'a database');
is($app->value('SELECT vault.put($1, $2::text, type => $3)', 'typed/oauth',
	qq({"client_id": "acme", "client_secret": "$secret"}), 'oauth_credentials'), 1, 'credentials');
is($app->value('SELECT vault.put($1, $2::text, type => $3)', 'typed/loud', $secret, 'loud'), 1,
	'what a validator in SQL sees');
is($app->value('SELECT vault.get_field($1, $2)', 'typed/db', 'password'), $secret, 'a field');
like($app->value('SELECT vault.conninfo($1)', 'typed/db'), qr/password='$secret'/, 'a conninfo');

# Many, in one transaction and in one result
$app->query('BEGIN');
for my $i (1 .. 5000)
{
	my $result = $app->query('SELECT vault.put($1, $2::text)', "many/$i", "$secret $i");
	die $result->{message} if $result->{state} ne '00000';
}
$app->query('COMMIT');
is(scalar @{ $app->query('SELECT * FROM vault.get_many($1)', 'many/*')->{rows} }, 5000,
	'5,000 read at once');
is($app->value('SELECT count(*) FROM vault.get_many($1) a JOIN vault.get_many($1) b USING (name)',
	'many/1*'), 1111,
	'read twice and joined by name');

# Changed
is($app->value('SELECT vault.rotate($1, $2)', 'text', "rotated $secret"), 2, 'rotated');
is($app->value('SELECT vault.put($1, $2::text, label => $3)', 'text', "pending $secret", 'pending'),
	3, 'pending');
is($app->value('SELECT vault.rollback($1, $2)', 'text', 1), 1, 'rolled back to an older version');
is($app->value('SELECT vault.rename($1, $2)', 'repeated', 'renamed'), '', 'renamed');
ok($app->value('SELECT vault.delete($1)', 'json'), 'deleted');
is($app->value('SELECT vault.destroy($1, $2)', 'text', 2), '', 'destroyed');
$app->query('BEGIN');
$app->query('SELECT vault.put($1, $2::text)', 'never', "never $secret");
$app->query('ROLLBACK');
$app->query('BEGIN');
$app->query('SELECT vault.put($1, $2::text)', 'text', "once $secret");
is($app->query('SELECT 1 / $1::int', 0)->{state}, '22012',
	'an error aborts a transaction with a put');
$app->query('ROLLBACK');
$node->safe_psql('postgres', q{
	SELECT vault.rotate_tenant_key('acme');
	SELECT vault.rewrap(100000);
	SELECT vault.rotate_root_key()});

# Refused
is(state($app, 'SELECT vault.put($1, $2::text)', 'too-long', $refused x 40_000), '22023',
	'too long');
is(state($app, 'SELECT vault.put($1, $2::text)', 'no//name', $refused), '22023', 'a bad name');
is(state($app, 'SELECT vault.put($1, $2::text, type => $3)', 'typed', $refused, 'nonsense'),
	'22023', 'a bad type');
for my $case ([ 'password', " $refused" ], [ 'json', $refused ],
	[ 'database', "postgres://app:$refused\@/shop" ],
	[ 'oauth_credentials', qq({"client_secret": "$refused"}) ],
	[ 'oauth_token', "$refused $refused" ], [ 'loud', "fail $refused" ],
		[ 'loud', "echo $refused" ])
{
	is(state($app, 'SELECT vault.put($1, $2::text, type => $3)', 'typed/refused', $case->[1],
		$case->[0]), 'VT013', "refused by type $case->[0]");
}
is(state($app, 'SELECT vault.put($1, $2::text)', 'typed/password', $secret), 'VT013',
	'a password that was there before');
is(state($guest, 'SELECT vault.put($1, $2::text)', 'denied', $refused), '42501', 'denied');
is(state($guest, 'SELECT vault.rotate($1, $2)', 'text', $refused), '42501', 'a rotation denied');
is(state($app, 'SELECT vault.put($1, $2::jsonb)', 'bad-json', qq({"a": "$malformed)), '22P02',
	'malformed JSON');
is(state($app, 'SELECT vault.put($1, $2::bytea)', 'bad-bytes', "\\x$refused"), '22023',
	'malformed bytes');
is(state($app, 'SELECT vault.put($1, $2::text, expected_version => $3)', 'text', $refused, 0),
	'23505', 'a name that exists');
is(state($app, 'SELECT vault.get_json($1)', 'text'), 'VT013', 'a text read as JSON');
is(state($app, 'SELECT vault.get($1)', 'bytes'), 'VT013', 'bytes read as text');
$app->value('SELECT vault.put($1, $2::text)', "many/$_", "$secret again") for 1, 2;
$node->safe_psql('postgres', q{
	UPDATE vault_data.secret_version v SET envelope = o.envelope
	FROM vault_data.secret_version o, vault_data.secret s, vault_data.secret t
	WHERE s.name = 'many/1' AND t.name = 'many/2' AND v.secret_id = s.id AND o.secret_id = t.id
	AND v.version = 1 AND o.version = 1});
is(state($app, 'SELECT vault.get($1, 1)', 'many/1'), 'VT004',
	'a ciphertext moved to another secret');
$node->safe_psql('postgres', 'SELECT vault.seal()');
is(state($app, 'SELECT vault.put($1, $2::text)', 'sealed', $refused), 'VT001', 'sealed');
$node->safe_psql('postgres', 'SELECT vault.unseal()');

# Cursors: within a transaction from memory, never held
$app->query('BEGIN');
is($app->query(q{DECLARE c CURSOR FOR SELECT * FROM vault.get_many('many/*')})->{state}, '00000',
	'a cursor');
is(scalar @{ $app->query('FETCH 10 FROM c')->{rows} }, 10, 'gives rows');
$app->query('COMMIT');
is($app->query(q{DECLARE h CURSOR WITH HOLD FOR SELECT * FROM vault.get_many('many/*')})->{state},
	'0A000', 'one WITH HOLD is refused');
is($app->query(q{DECLARE h CURSOR WITH HOLD FOR SELECT vault.get('long')})->{state}, '0A000',
	'for a single value too');

# Dumps and logical decoding
$app->query('INSERT INTO plain VALUES ($1)', "the plain value is $plain");
my @connection = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');
command_ok([ 'pg_dump', @connection, '-Fp', '-f', "$dumps/plain.sql", 'postgres' ], 'pg_dump, SQL');
command_ok([ 'pg_dump', @connection, '-Fc', '-Z0', '-f', "$dumps/custom", 'postgres' ],
	'pg_dump, custom');
command_ok([ 'pg_dump', @connection, '--inserts', '-f', "$dumps/inserts.sql", 'postgres' ],
	'pg_dump, INSERTs');
command_ok([ 'pg_dumpall', @connection, '-f', "$dumps/all.sql" ], 'pg_dumpall');
write_file("$dumps/decoded",
	$node->safe_psql('postgres',
		q{SELECT data FROM pg_logical_slot_get_changes('canary', NULL, NULL)}));

sub found
{
	my ($what, $canary, @places) = @_;
	return is_deeply([ scan_for($canary, @places) ], [], $what);
}

$node->safe_psql('postgres', 'CHECKPOINT');
found('no value in the data directory', $secret, $node->data_dir);
found('none in the dumps and the decoded changes', $secret, $dumps);
found('none in the log', $secret, $node->logfile);
found('no refused value in the data directory', $refused, $node->data_dir, $dumps);
found('no refused value in the log', $refused, $node->logfile);
found('no malformed value in the log', $malformed, $node->logfile);

for my $file ('plain.sql', 'custom', 'inserts.sql', 'all.sql', 'decoded')
{
	is(scalar(() = scan_for($plain, "$dumps/$file")), 1, "while a plain value is found in $file");
}
my @plain_files = scan_for($plain, $node->data_dir);
cmp_ok(scalar(grep { m{/base/\d+/} } @plain_files), '>', 0, 'and in the heap');
cmp_ok(scalar(grep { m{/pg_wal/} } @plain_files), '>', 0, 'and in the WAL');
is(sql_state($node, "SELECT '$plain' FROM nowhere", 'app'), '42P01',
	'a literal in a statement that fails');
is(scalar(() = scan_for($plain, $node->logfile)), 1, 'and in the log');

# Temporary files, as a crash leaves them: three sessions stand in the middle of a result.
my $marker = canary();
my $sorter = VaultClient->new($node, 'app');
my $reader = VaultClient->new($node, 'app');
$sorter->query(
	'CREATE TEMP TABLE wide AS SELECT repeat($1::text, 20) || i AS v
		FROM generate_series(1, 2000) i',
	$marker);
$_->query('BEGIN') for $sorter, $reader;
$sorter->query('DECLARE c CURSOR FOR SELECT v, length(v) FROM wide ORDER BY v DESC');
$sorter->query('FETCH 1 FROM c');
$reader->query(q{DECLARE c SCROLL CURSOR FOR SELECT * FROM vault.get_many('many/*')});
is(scalar @{ $reader->query('FETCH 3 FROM c')->{rows} }, 3,
	'a session stands in the middle of a long result');
crash_server($node);

my @temporary = glob($node->data_dir . '/base/pgsql_tmp/*');
cmp_ok(scalar @temporary, '>', 0, 'the sort of a plain table has left a temporary file');
cmp_ok(scalar(map { scan_for($marker, $_) } @temporary), '>', 0, 'with plain values in it');
found('none holds a value of the vault', $secret, $_) for @temporary;
found('nothing in the data directory after the kill', $secret, $node->data_dir);
found('nor in the log', $secret, $node->logfile);

$node->start;
$app = VaultClient->new($node, 'app');
is($app->value('SELECT vault.get($1)', 'long'), $long, 'after it the values are there');
found('nothing after recovery', $secret, $node->data_dir, $node->logfile);

done_testing();
