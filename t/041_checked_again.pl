# A read decides again after the wait for its record. The worker is stopped, and a change that takes
# the value away commits before the record is on disk: the value does not leave. That is tried for
# every such change and every function that hands values out. A change that takes nothing away does
# not matter.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultJwt;
use VaultTest;

my $node = new_vault_node('main', conf => "vault.audit_timeout = 60s\nautovacuum = off");
$node->safe_psql('postgres', q{
	CREATE ROLE admin LOGIN; CREATE ROLE app LOGIN; CREATE ROLE pool LOGIN;
	CREATE ROLE ops LOGIN IN ROLE vault_admin;
	SELECT vault.create_tenant('acme', 'admin')});

my $url =
	'{"host": "db.example.com", "port": 5432, "user": "app", "password": "long enough 1", '
  . '"dbname": "shop"}';

my $worlds = 0;

# afresh: the world in which each case begins
sub afresh
{
	psql_as($node, 'ops',
		q{SELECT vault.resume_tenant('acme') FROM vault.tenants
			WHERE name = 'acme' AND state = 'suspended'});
	psql_as($node, 'admin',
		q{SELECT vault.drop_principal('app') FROM vault.principals WHERE name = 'app' LIMIT 1});
	psql_as($node, 'admin', q{
		SELECT vault.create_principal('app', db_role => 'app');
		SELECT vault.grant('app', '{read}', '**')});
	my $n = ++$worlds;
	psql_as($node, 'admin',
		"SELECT vault.put('w$n/text', 'the value'), vault.put('w$n/text', 'the value'),
			vault.put('w$n/json', '{\"a\": 1}'::jsonb),
		vault.put('w$n/bytes', '\\xdeadbeef'::bytea),
		vault.put('w$n/db', '$url'::jsonb, type => 'database'), vault.put('w$n/keep', 'kept')");
	return "w$n";
}

sub worker { return $node->safe_psql('postgres',
	q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault audit'}) }

# meanwhile(READ, TAKES AWAY): what the read gives if this commits while its record waits; its own
# record waits for nothing
sub meanwhile
{
	my ($role, $read, $taking, %opt) = @_;
	my $reader = VaultClient->new($node, $role);
	my $taker = VaultClient->new($node, $opt{by} // 'admin');
	$taker->query('SELECT vault.whoami()');
	$reader->simple($_) for @{ $opt{first} // [] };
	my $worker = worker();
	kill 'STOP', $worker or die $!;
	$reader->send($read);
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = " . $reader->pid
		. q{ AND state = 'active'}) or die;
	Time::HiRes::sleep(0.3);
	# A call that seals waits for its own record, too, once it has sealed.
	for my $sql (@$taking) { $sql =~ /seal\(/ ? $taker->send($sql) : $taker->value($sql) }
	Time::HiRes::sleep(1.2) if grep { /set_expiry|seal\(/ } @$taking;
	kill 'CONT', $worker or die $!;
	my $result = $reader->receive;
	$reader->close;
	$taker->close;
	return $result->{state} ne q{00000} ? $result->{state} : join ',',
		map { $_->[0] // '' } @{ $result->{rows} };
}

my %read = (
	get => "SELECT vault.get('%s/text')",
	get_version => "SELECT vault.get('%s/text', 1)",
	get_bytes => "SELECT vault.get_bytes('%s/bytes')",
	get_json => "SELECT vault.get_json('%s/json')",
	get_field => "SELECT vault.get_field('%s/db', 'password')",
	conninfo => "SELECT vault.conninfo('%s/db')",
	database_url => "SELECT vault.database_url('%s/db')",
);
my %secret = (get => 'text', get_version => 'text', get_bytes => 'bytes', get_json => 'json',
	get_field => 'db', conninfo => 'db', database_url => 'db');

# the statement, its role, and the SQLSTATE that every read ends with
my @cases = (
	[ 'revoked', '42501', q{SELECT vault.revoke(id) FROM vault.grants WHERE grantee = 'app'} ],
	[ 'denied', '42501', q{SELECT vault.grant('app', '{read}', '**', effect => 'deny')} ],
	[ 'principal dropped', 'VT010', q{SELECT vault.drop_principal('app')} ],
	[ 'tenant suspended', 'VT010', q{SELECT vault.suspend_tenant('acme')}, 'ops' ],
	[ 'deactivated', 'VT007', q{SELECT vault.deactivate('%s/%s', 'leaked')} ],
	[ 'deleted', 'VT008', q{SELECT vault.delete('%s/%s')} ],
	[ 'expired', 'VT006',
	q{SELECT vault.set_expiry('%s/%s', clock_timestamp() + interval '1 second')} ],
	[ 'renamed', 'VT005', q{SELECT vault.rename('%s/%s', '%s/elsewhere')} ],
	[ 'destroyed', 'VT009',
	q{SELECT vault.destroy('%s/%s', CASE WHEN '%s' = 'get_version' THEN 1 ELSE current_version END)
		FROM vault.secrets WHERE name = '%s/%s'} ],
);
for my $case (@cases)
{
	my ($what, $state, $sql, $by) = @$case;
	for my $function ($ENV{VAULT_SOAK} || $what =~ /revoked|destroyed|deactivated/ ? sort keys %read
		: qw(get get_field))
	{
		my $w = afresh();
		my $taking = $what eq 'destroyed'
			? sprintf($sql, $w, $secret{$function}, $function, $w, $secret{$function}) :
			$sql =~ s{%s/elsewhere}{$w/elsewhere}r =~ s{%s/%s}{$w/$secret{$function}}r;
		is(meanwhile('app', sprintf($read{$function}, $w), [ $taking ], by => $by), $state,
			"$function: $what while the record waited");
	}
	next if $what eq 'destroyed';
	my $w = afresh();
	my $taking = $sql =~ s{%s/elsewhere}{$w/elsewhere}r =~ s{%s/%s}{$w/text}r;
	my $all = $state =~ /VT010/ ? $state : $state eq '42501' ? '' : "$w/db,$w/json,$w/keep";
	is(meanwhile('app', "SELECT name FROM vault.get_many('$w/**') ORDER BY name", [ $taking ],
		by => $by), $all,
		"get_many: $what while the records waited");
}

# ---- a grant that is for others stays, a new version takes nothing away ----

my $w = afresh();
is(meanwhile('app', "SELECT vault.get('$w/text')",
	[ "SELECT vault.put('$w/text', 'newer')",
	q{SELECT vault.create_principal('unconcerned', kind => 'service')} ]),
	'the value', 'a new version leaves a read with the one that it has recorded');
is(meanwhile('app',
	"SELECT secret || count(*) OVER () FROM (SELECT name AS secret FROM vault.get_many('$w/**')) s
		ORDER BY 1",
	[ "SELECT vault.put('$w/text', 'newest')" ]),
	join(',', map { "$w/${_}4" } qw(db json keep text)), 'and a bulk read complete');

# Rows that stand elsewhere, in the place of others that the same transaction wrote, are the same
# rows; so are those that were only locked.
$w = afresh();
is(meanwhile('app',
	"SELECT secret || count(*) OVER () FROM (SELECT name AS secret FROM vault.get_many('$w/**')) s
		ORDER BY 1",
	[ 'VACUUM FULL vault_data.secret' ], by => 'postgres'),
	join(',', map { "$w/${_}4" } qw(db json keep text)),
		'a table that was rewritten leaves a bulk read complete');
is(meanwhile('app', "SELECT vault.get('$w/text')", [ 'VACUUM FULL vault_data.secret' ],
	by => 'postgres'), 'the value', 'and a read');
is(meanwhile('app',
	"SELECT secret || count(*) OVER () FROM (SELECT name AS secret FROM vault.get_many('$w/**')) s
		ORDER BY 1",
		[ "SELECT vault.deactivate('$w/json', 'leaked')",
			"SELECT vault.tag('$w/db', '{\"a\": \"b\"}')" ]),
	join(',', map { "$w/${_}3" } qw(db keep text)),
	'of rows of one transaction that are gone, changed and the same, those leave that may');

# ---- tokens ----

psql_as($node, 'admin', q{SELECT vault.allow_tokens('pool')});
$w = afresh();
my $token = psql_as($node, 'admin', q{SELECT vault.issue_token('app', db_role => 'pool')});
is(meanwhile('pool', "SELECT vault.get('$w/text')", [ q{SELECT 1} ],
	first => [ 'BEGIN', "SET LOCAL vault.token = '$token'" ]), 'the value', 'a token reads');
is(meanwhile('pool', "SELECT vault.get('$w/text')", [ q{SELECT vault.revoke_tokens('app')} ],
	first => [ 'BEGIN', "SET LOCAL vault.token = '$token'" ]),
	'VT014', 'and not if it was revoked while the record waited');
$token = psql_as($node, 'admin', q{SELECT vault.issue_token('app', db_role => 'pool')});
is(meanwhile('pool', "SELECT count(*) FROM vault.get_many('$w/**')",
	[ q{SELECT vault.disallow_tokens('pool')} ],
	first => [ 'BEGIN', "SET LOCAL vault.token = '$token'" ]),
	'VT014', 'nor in bulk, if the role shows no tokens any more');

# ---- tokens of an issuer: whom a subject stands for, and what a group gives ----

psql_as($node, 'admin',
	q{SELECT vault.allow_tokens('pool'), vault.create_principal('ana'),
		vault.create_role('readers'), vault.grant('readers', '{read}', '**')});
my $admin = VaultClient->new($node, 'admin');
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, claim_mapping => $5)', 'idp',
	'https://idp.example', 'vault', jwks(key('idp')), '{"groups": "groups"}');
$admin->close;
my $group = token(key('idp'), { sub => 'person|1', groups => ['ops'] });
my @shown = (first => [ 'BEGIN', "SET LOCAL vault.token = '$group'" ]);
for my $case ([ 'stays', q{SELECT 1}, 'the value' ],
	[ 'was unmapped', q{SELECT vault.unmap_group('idp', 'ops', 'readers')}, '42501' ],
	[ 'stands for no principal',
	q{SELECT vault.remove_subject('ana', 'idp', 'person|1')}, 'VT014' ],
	[ 'has no issuer', q{SELECT vault.remove_issuer('idp')}, 'VT014' ])
{
	psql_as($node, 'admin',
		q{SELECT vault.add_subject('ana', 'idp', 'person|1')
			WHERE NOT EXISTS (SELECT FROM vault.subjects)});
	psql_as($node, 'admin',
		q{SELECT vault.map_group('idp', 'ops', 'readers')
			WHERE NOT EXISTS (SELECT FROM vault.group_roles)});
	$w = afresh();
	is(meanwhile('pool', "SELECT vault.get('$w/text')", [ $case->[1] ], @shown), $case->[2],
		"a token's group $case->[0] while the record waited");
}

# ---- calls that only read, and the seal ----

$w = afresh();
is(meanwhile('app', "SELECT count(*) FROM vault.list()", [ q{SELECT vault.suspend_tenant('acme')} ],
	by => 'ops'), 'VT010', 'list: the tenant was suspended');
$w = afresh();
is(meanwhile('app', "SELECT vault.generate()", [ q{SELECT vault.drop_principal('app')} ]), 'VT010',
	'generate: the principal was dropped');
$w = afresh();
is(meanwhile('app', "SELECT vault.get('$w/text')", [ q{SELECT vault.seal()} ], by => 'ops'),
	'VT001', 'sealed');
psql_as($node, 'ops', 'SELECT vault.unseal()');
is(meanwhile('app', "SELECT count(*) FROM vault.get_many('$w/**')", [ q{SELECT vault.seal()} ],
	by => 'ops'), 'VT001', 'and in bulk');
psql_as($node, 'ops', 'SELECT vault.unseal()');
is($node->safe_psql('postgres',
	q{SELECT count(*) > 0 FROM vault.audit
		WHERE operation = 'get' AND decision = 'deny' AND reason ~ '^42501'}),
	't', 'the second decision is in the trail');

$node->stop;
done_testing();
