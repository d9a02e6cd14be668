# A text of a database of LATIN1 is the same text in one of UTF8 to which a dump is restored, and
# back. Values, their histories, the rows that decide and the trail with its seals verify there. A
# character that the database does not have is VT013, and get_bytes() gives it in UTF-8. SQL_ASCII
# keeps bytes as they are.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

$ENV{PGCLIENTENCODING} = 'UTF8';
my ($mueller, $zoe, $han) = ("M\xc3\xbcller", "Zo\xc3\xab-\xc3\xa9", "\xe6\xbc\xa2\xe5\xad\x97");
my $conf = "log_statement = none\nmax_connections = 20\n";

sub node_of
{
	my ($name, $encoding) = @_;
	return new_vault_node($name,
		init => { extra => [ '-E', $encoding, '--locale', $encoding eq 'UTF8' ? 'C.UTF-8' : 'C' ] },
		conf => $conf, no_extension => 1);
}

# A dump of one, with the roles and the key, in another
sub restore
{
	my ($from, $to) = @_;
	my $dump = $from->basedir . '/dump';

	$from->command_ok([ 'pg_dumpall', '-h', $from->host, '-p', $from->port, '-U', 'postgres',
		'--globals-only', '-f', "$dump.sql" ], 'roles are dumped');
	$from->command_ok([ 'pg_dump', '-h', $from->host, '-p', $from->port, '-U', 'postgres', '-Fc',
		'-f', $dump, 'postgres' ], 'the database is dumped');
	$to->run_log([ 'psql', '-X', '-q', '-h', $to->host, '-p', $to->port, '-U', 'postgres', '-f',
		"$dump.sql", 'postgres' ]);
	system('cp', '-p', key_directory($from) . '/root.key', key_directory($to) . '/root.key') == 0
		or die 'cp';
	$to->command_ok([ 'pg_restore', '-h', $to->host, '-p', $to->port, '-U', 'postgres', '-d',
		'postgres', $dump ], 'and restored');
	$to->restart;
	$to->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()')
		or die 'it remains sealed';
	return;
}

sub verifies
{
	my ($node, $what) = @_;

	is($node->safe_psql('postgres', 'SELECT object_kind, name, fault FROM vault.verify()'), '',
		"$what: nothing was changed outside");
	is($node->safe_psql('postgres',
		'SELECT tenant_name, detail FROM vault.verify_audit() WHERE NOT ok'), '',
		"$what: the trail verifies");
	return;
}

# Text that is not ASCII, everywhere that text is accepted
sub fill
{
	my ($node) = @_;

	create_vault($node);
	$node->safe_psql('postgres', qq{
		CREATE ROLE app LOGIN;
		CREATE ROLE "J\xc3\xbcrgen" LOGIN;
		CREATE ROLE "Fran\xc3\xa7ois" LOGIN;
		CREATE ROLE "rot\xc3\xa9" LOGIN;
		SELECT vault.create_tenant('acme', 'app');
		SELECT vault.reserve_role('Fran\xc3\xa7ois', 'acme'),
			vault.allow_rotation('rot\xc3\xa9', 'acme');
		SELECT vault.set_legal_hold('acme', 'Verfahren gegen $mueller');
		CREATE SCHEMA checks;
		CREATE FUNCTION checks.name(value text) RETURNS text LANGUAGE sql IMMUTABLE
			AS \$\$ SELECT CASE WHEN value !~ '^[A-Z]' OR length(value) > 20
				THEN 'a name is asked' END \$\$;
		CREATE FUNCTION checks.make() RETURNS text LANGUAGE sql
			AS \$\$ SELECT 'Andr' || convert_from('\\xc3a9', 'UTF8') \$\$;
		SELECT vault.create_type('person', 'eine Person: $mueller', 'checks.name(text)',
			'checks.make()', history => 5, rules => ARRAY['a name is asked']);
		SELECT vault.allow_tokens('app', 'acme')});
	psql_as($node, 'app', qq{
		SELECT vault.create_principal('j', db_role => 'J\xc3\xbcrgen');
		SELECT vault.grant('j', '{read}', 'e/**', services => '{"dn:CN=$mueller"}',
			windows => '{"mon-sun 00:00-24:00 Europe/Berlin"}');
		SELECT vault.add_issuer('idp', 'https://idp.example/', 'acme-$zoe',
			'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k",
				"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}');
		SELECT vault.put('e/a', '$mueller', description => '$mueller', tags => '{"wer": "$zoe"}');
		SELECT vault.put('e/person', '$mueller', type => 'person');
		SELECT vault.put('e/json', '{"name": "$zoe", "alter": 3}', type => 'json');
		SELECT vault.put('e/jsonb', '{"name": "$zoe"}'::jsonb);
		SELECT vault.put('e/db',
			'{"engine": "postgres", "host": "h", "dbname": "d$zoe", "user": "u",
				"password": "$mueller"}',
			type => 'database');
		SELECT vault.put('e/made', '$mueller', type => 'person'), vault.rotate('e/made');
		SELECT vault.put('e/off', 'x'), vault.deactivate('e/off', 'wegen $mueller')});
	return;
}

sub reads
{
	my ($node, $what) = @_;
	my %expect = (
		q{vault.get('e/a')} => $mueller,
		q{vault.get('e/person')} => $mueller,
		q{vault.get('e/made')} => "Andr\xc3\xa9",
		q{vault.get_bytes('e/a')} => '\x' . unpack('H*', $mueller),
		q{vault.get_json('e/json')} => qq({"name": "$zoe", "alter": 3}),
		q{vault.get_json('e/jsonb') ->> 'name'} => $zoe,
		q{vault.get_field('e/db', 'password')} => $mueller,
		q{vault.get_field('e/db', 'dbname')} => "d$zoe",
		q{(SELECT string_agg(value, ' ' ORDER BY name) FROM vault.get_many('e/*')
				WHERE name IN ('e/a', 'e/person'))} => "$mueller $mueller",
		q{(SELECT description || (tags ->> 'wer') FROM vault.secrets WHERE name = 'e/a')} =>
		"$mueller$zoe",
		q{(SELECT metadata ->> 'dbname' FROM vault.secrets WHERE name = 'e/db')} => "d$zoe",
		q{(SELECT reason FROM vault.audit WHERE operation = 'deactivate' AND decision = 'allow')} =>
		"wegen $mueller");

	for my $expression (sort keys %expect)
	{
		is(psql_as($node, 'app', "SELECT $expression"), $expect{$expression}, "$what: $expression");
	}
	my ($rc, $out, $error) = psql_as($node, 'app', qq{SELECT vault.put('e/person', '$mueller')});
	like($error, qr/it was one of the last 5 values/, "$what: the history knows the value");
	return;
}

my $latin = node_of('latin', 'LATIN1');
fill($latin);
is($latin->safe_psql('postgres', 'SHOW server_encoding'), 'LATIN1', 'a database of LATIN1');
reads($latin, 'LATIN1');
my ($rc, $out, $error) = psql_as($latin, 'app', qq{SELECT vault.put('e/person', 'm$zoe')});
like($error, qr/VT013|a name is asked/, 'a validator is asked there');
verifies($latin, 'LATIN1');

my $utf8 = node_of('utf8', 'UTF8');
restore($latin, $utf8);
reads($utf8, 'restored to UTF8');
verifies($utf8, 'restored to UTF8');
is($utf8->safe_psql('postgres',
	q{SELECT count(*) FROM vault.export_audit('acme') l WHERE l LIKE '%M%ller%'}) > 0 ? 'yes'
	: 'no', 'yes', 'the trail has the text');

# The exported trail of either is the same, and verifies without the database.
for my $node ($latin, $utf8)
{
	my $export = $node->basedir . '/trail.jsonl';
	$node->run_log([ 'psql', '-X', '-At', '-h', $node->host, '-p', $node->port, '-U', 'postgres',
		'-d', 'postgres', '-o', $export, '-c', q{SELECT vault.export_audit('acme')} ]);
	command_ok([ 'vault-audit-verify', $export ], 'the export of ' . $node->name . ' fits');
}

# A character that LATIN1 does not have
psql_as($utf8, 'app',
	qq{SELECT vault.put('f/han', '$han'), vault.put('f/plain', 'plain'),
		vault.put('f/json', '{"a": "$han"}', type => 'json'),
		vault.put('f/escaped', '{"a": "\\u00fc"}', type => 'json')});
is(psql_as($utf8, 'app', q{SELECT vault.get('f/han')}), $han, 'UTF8 has it');
my $back = node_of('back', 'LATIN1');
restore($utf8, $back);
reads($back, 'restored to LATIN1');
verifies($back, 'restored to LATIN1');
my $client = VaultClient->new($back, 'app');
for my $sql (q{SELECT vault.get('f/han')}, q{SELECT vault.get_json('f/json')},
	q{SELECT vault.get_field('f/json', 'a')}, q{SELECT * FROM vault.get_many('f/**')})
{
	my $result = $client->simple($sql);
	like($result->{state}, $sql =~ /get_field/ ? qr/22023|VT013/ : qr/VT013/,
		"$sql: not in LATIN1");
	unlike($result->{message} . $result->{hint}, qr/0x|\xe6/, 'and nothing of it is told');
}
like($client->simple(q{SELECT vault.get('f/han')})->{message},
	qr/characters that the encoding of the database does not have/, 'it says why');
like($client->simple(q{SELECT vault.get('f/han')})->{hint}, qr/get_bytes/, 'and what to do');
is($client->value(q{SELECT vault.get_bytes('f/han')}), '\x' . unpack('H*', $han),
	'get_bytes() gives it in UTF-8');
is($client->value(q{SELECT vault.get('f/plain')}), 'plain', 'what is beside it is read');
is(psql_as($back, 'app', q{SELECT vault.get_json('f/escaped') ->> 'a'}), "\xc3\xbc",
	'an escape is a character');

# SQL_ASCII: bytes as they come; in UTF8 what is no text is refused
my $bytes = node_of('bytes', 'SQL_ASCII');
create_vault($bytes);
$bytes->safe_psql('postgres', q{CREATE ROLE app LOGIN; SELECT vault.create_tenant('acme', 'app')});
$client = VaultClient->new($bytes, 'app');
$client->simple('SET client_encoding = sql_ascii');
is($client->value(q{SELECT vault.put('a', $1::text)}, $mueller), 1, 'UTF-8 in SQL_ASCII');
is($client->value(q{SELECT vault.put('b', $1::text)}, "M\xfcller"), 1, 'LATIN1 in SQL_ASCII');
is($client->value(q{SELECT vault.get('a')}), $mueller, 'the bytes come back');
is($client->value(q{SELECT vault.get('b')}), "M\xfcller", 'whatever they are');
$client->close;
my $text = node_of('text', 'UTF8');
restore($bytes, $text);
$client = VaultClient->new($text, 'app');
is($client->value(q{SELECT vault.get('a')}), $mueller, 'in UTF8 what is UTF-8 is read');
my $result = $client->simple(q{SELECT vault.get('b')});
is($result->{state}, 'VT013', 'and what is not is refused');
is($client->value(q{SELECT vault.get_bytes('b')}), '\x4dfc6c6c6572', 'and has its bytes');
verifies($text, 'SQL_ASCII in UTF8');

$_->stop for $latin, $utf8, $back, $bytes, $text;
done_testing();
