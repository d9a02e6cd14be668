# After too many refusals a caller waits: counted for subjects, forged tokens and principals, at
# one peer and in one tenant, across sessions and rollbacks. The wait shuts out no other caller,
# ends, grows, and cannot be made to be forgotten.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultJwt;
use VaultTest;

my $node = new_vault_node('main', conf => <<'CONF');
max_connections = 40
vault.audit_mode = queued
vault.failure_window = 3600
CONF
$node->safe_psql('postgres', q{
	CREATE ROLE admin1 LOGIN;
	CREATE ROLE admin2 LOGIN;
	CREATE ROLE pool LOGIN;
	CREATE ROLE pool2 LOGIN;
	CREATE ROLE bound LOGIN;
	CREATE ROLE gateway LOGIN; GRANT bound TO gateway;
	SELECT vault.create_tenant('t1', 'admin1'), vault.create_tenant('t2', 'admin2')});
my %idp = (1 => key('one'), 2 => key('two'));
my $mallory = key('mallory');
for my $n (1, 2)
{
	my $admin = VaultClient->new($node, "admin$n");
	$admin->value('SELECT vault.add_issuer($1, $2, $3, $4)', 'idp', "https://$n.example", 'vault',
		jwks($idp{$n}));
	$node->safe_psql('postgres',
		"SELECT vault.allow_tokens(role, tenant => 't$n')
			FROM unnest('{pool,pool2}'::text[]) AS role");
	for my $i (1 .. 9)
	{
		$admin->value('SELECT vault.create_principal($1)', "app$i");
		$admin->value('SELECT vault.grant($1, $2, $3)', "app$i", '{read}', 'key');
	}
	$admin->value('SELECT vault.put($1, $2::text)', 'key', "t$n");
	$admin->value('SELECT vault.create_principal($1, db_role => $2)', 'bound', 'bound') if $n == 1;
	$admin->value('SELECT vault.grant($1, $2, $3)', 'bound', '{read}', 'key') if $n == 1;
	$admin->close;
}

# A new token each time: another nonce
my $made = 0;
sub good { my ($n, $subject, %more) = @_;
	return token($idp{$n},
	{ iss => "https://$n.example", sub => $subject, nonce => ++$made, %more }) }
sub expired { my ($n, $subject) = @_;
	return good($n, $subject, iat => time - 200, exp => time - 100) }
sub forged { my ($n, $subject) = @_;
	return token($mallory, { iss => "https://$n.example", sub => $subject, nonce => ++$made },
	{ kid => $n == 1 ? 'one' : 'two' }) }

sub state_of
{
	my ($role, @query) = @_;
	my $client = VaultClient->new($node, $role);
	my $result = $client->query(@query);
	$client->close;
	return $result->{state};
}

sub login { my ($role, $token) = @_; return state_of($role, 'SELECT vault.login($1)', $token) }

sub limits
{
	my (%value) = @_;
	set_conf($node, "vault.$_", $value{$_}) for sort keys %value;
	return;
}

# ---- the subject of tokens whose signature is right ----

limits(max_failures => 3);
my $stale = expired(1, 'app1');
is(login('pool', $stale), 'VT014', 'an expired token') for 1 .. 5;
is(login('pool', good(1, 'app1')), '00000', 'however often it comes, it counts once');
my $open = VaultClient->new($node, 'pool');
$open->query('BEGIN');
is($open->query('SELECT vault.login($1)', expired(1, 'app1'))->{state}, 'VT014', 'another one');
$open->query('ROLLBACK');
is(login('pool', good(1, 'app1')), '00000', 'below the limit a good one counts');
is(login('pool', expired(1, 'app1')), 'VT014', 'a third, in a third session');
is(login('pool', good(1, 'app1')), 'VT014', 'then a good one is refused too');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM vault.audit
	WHERE tenant = 't1' AND subject = 'app1'
	AND reason LIKE '%too many tokens of this subject from this peer were refused'}),
	'the trail says why');
is($open->query('SELECT vault.login($1)', good(1, 'app1'))->{state}, 'VT014',
	'also in a session that was there before');
is(login('pool', good(1, 'app2')), '00000', 'one of another subject is not');
is(login('pool', good(2, 'app1')), '00000', 'nor one of this name in another tenant');
is(login('pool2', good(1, 'app1')), '00000', 'nor the subject itself at another peer');

my $admin = VaultClient->new($node, 'admin1');
sub issued { my ($principal, $role) = @_;
	return $admin->value('SELECT vault.issue_token($1, db_role => $2)', $principal, $role) }
is(login('pool', issued('app3', 'pool2')), 'VT014', "a token of the vault's own, of another role")
	for 1 .. 3;
is(login('pool', issued('app3', undef)), 'VT014', 'counts in the same way');
is(login('pool2', issued('app3', undef)), '00000', 'and not elsewhere');
limits(max_failures => 0);
is(login('pool', good(1, 'app1')), '00000', 'no limit');

# ---- forged tokens ----

limits(max_failures => 3, max_forgeries => 5);
my $known = good(1, 'app5');
is(login('pool', $known), '00000', 'a token that was good before');
is(login('pool', forged(1, 'app4')), 'VT014', 'one with a wrong signature') for 1 .. 4;
is(login('pool', good(1, 'app4')), '00000', 'below the limit');
is(login('pool', forged(1, 'app4')), 'VT014', 'at the limit');
is(login('pool', good(1, 'app4')), 'VT014', 'the peer has to wait, with a good one too');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM vault.audit
	WHERE tenant IS NULL AND subject IS NULL
	AND reason LIKE '%too many tokens without a right signature came from this peer'}),
	'the trail says why');
is(login('pool', $known), '00000', 'except for what was good before');
is(login('pool', good(2, 'app4')), '00000', 'not with tokens of another tenant');
is(login('pool', issued('app4', undef)), '00000', "nor with the vault's own");
is(login('pool2', good(1, 'app4')), '00000',
	'and the subject that was named is not shut out elsewhere');
my $own = issued('app4', undef);
is(login('pool2', join '.', (split /\./, issued('app4', undef))[ 0, 1 ], (split /\./, $own)[2]),
	'VT014', "forged tokens of the vault's own") for 1 .. 5;
is(login('pool2', $own), 'VT014', 'are counted too');
is(login('pool2', good(1, 'app6')), '00000', 'without those of the issuers');
is(login('pool', good(1, 'nobody')), 'VT014', 'while a subject is none') for 1 .. 3;
limits(max_forgeries => 0);
is(login('pool', good(1, 'app4')), '00000', 'no limit');

# ---- denials ----

limits(max_denials => 4);
my $reader = VaultClient->new($node, 'bound');
is($reader->query('SELECT vault.get($1)', 'other')->{state}, '42501', 'a denied call') for 1 .. 6;
is($reader->value('SELECT vault.get($1)', 'key'), 't1', 'however often it comes, it counts once');
$reader->query('BEGIN');
$reader->query('SELECT vault.get($1)', "guess$_"), $reader->query('ROLLBACK'),
	$reader->query('BEGIN') for 1, 2;
$reader->query('ROLLBACK');
is($reader->value('SELECT vault.get($1)', 'key'), 't1', 'below the limit');
is(state_of('bound', 'SELECT vault.get($1)', 'guess3'), '42501', 'a fourth, in another session');
my $refused = $reader->query('SELECT vault.get($1)', 'key');
is($refused->{state}, '42501',
	'then what is allowed is refused, in a session that was allowed it before');
is($refused->{message}, 'permission denied after too many denials', 'with the reason');
like($refused->{hint}, qr/vault\.max_denials/, 'and the remedy');
is(state_of('bound', 'SELECT vault.get($1)', 'key'), '42501', 'in another session too');
is(state_of('admin1', 'SELECT vault.get($1)', 'key'), '00000', 'but not for others');
my $gateway = VaultClient->new($node, 'gateway');
$gateway->query('SET ROLE bound');
is($gateway->value('SELECT vault.get($1)', 'key'), 't1', 'nor for the principal at another peer');

my ($first, $second) = map { VaultClient->new($node, 'pool') } 1, 2;
sub with_token
{
	my ($client, $n, $subject, $name) = @_;
	$client->query('BEGIN');
	my $result = $client->query('SELECT vault.login($1)', good($n, $subject));
	$result = $client->query('SELECT vault.get($1)', $name) if $result->{state} eq '00000';
	$client->query('ROLLBACK');
	return $result->{state};
}
is(with_token($first, 1, 'app7', "guess$_"), '42501', 'a principal of a token is denied')
	for 1 .. 4;
is(with_token($second, 1, 'app7', 'key'), '42501', 'and has to wait');
is(with_token($second, 1, 'app8', 'key'), '00000', 'another one of the same role does not');
is(with_token($second, 2, 'app7', 'key'), '00000', 'nor one of this name in another tenant');
is(with_token($first, 1, 'app7', 'key'), '42501', 'while the first still does');

# 16 sessions at once: the limit is one for all
limits(max_denials => 40);
my @many = map { VaultClient->new($node, 'gateway') } 1 .. 16;
$_->query('SET ROLE bound') for @many;
for my $round (1 .. 2)
{
	$many[$_]->send('SELECT vault.get($1)', "guess$round.$_") for 0 .. $#many;
	$_->receive for @many;
}
is($many[0]->value('SELECT vault.get($1)', 'key'), 't1', '32 denials in 16 sessions');
$many[$_]->send('SELECT vault.get($1)', "guess3.$_") for 0 .. 7;
$many[$_]->receive for 0 .. 7;
is($many[9]->query('SELECT vault.get($1)', 'key')->{state}, '42501',
	'eight more are too many, for each of them');
$_->close for @many;
limits(max_denials => 0);
is($reader->value('SELECT vault.get($1)', 'key'), 't1', 'no limit');

# ---- guesses: tries of who may write and not read, taken back ----

limits(max_denials => 4);
$node->safe_psql('postgres', q{
	CREATE ROLE scribe1 LOGIN;
	CREATE ROLE scribe2 LOGIN;
	CREATE ROLE scribe3 LOGIN;
	CREATE ROLE editor LOGIN});
for my $name ('scribe1', 'scribe2', 'scribe3', 'editor')
{
	$admin->value('SELECT vault.create_principal($1, db_role => $1)', $name);
	$admin->value('SELECT vault.grant($1, $2, $3)', $name,
		$name eq 'editor' ? '{read,write}' : '{write,rotate}', 'entry/*');
}
my $pin = 'xK7qM9vT-4711';
$admin->value('SELECT vault.set_type_policy($1, history => 3)', 'password');
$admin->value('SELECT vault.put($1, $2::text, type => $3)', "entry/$_", $pin, 'password')
	for 1 .. 3;
my %scribe = map { $_ => VaultClient->new($node, $_) } 'scribe1', 'scribe2', 'scribe3', 'editor';

# The answers to tries in subtransactions that are rolled back; with rotate() or put()
sub guessed
{
	my ($name, $call, @values) = @_;
	my $client = $scribe{$name};
	my @states;
	$client->query('BEGIN');
	for my $value (@values)
	{
		$client->query('SAVEPOINT s');
		push @states, $client->query("SELECT vault.$call(\$1, \$2::text)", 'entry/1',
			$value)->{state};
		$client->query('ROLLBACK TO s');
	}
	$client->query('ROLLBACK');
	return "@states";
}
sub value_of { my ($n) = @_; return sprintf 'xK7qM9vT-%04d', $n }
is(guessed('editor', 'put', map { value_of($_) } 1 .. 9), join(' ', ('00000') x 9),
	'who may read guesses nothing');
is(guessed('editor', 'put', $pin), 'VT013', 'and is told of the history');
is(guessed('scribe1', 'put', (value_of(1)) x 9), join(' ', ('00000') x 9),
	'the same value counts once');
is(guessed('scribe1', 'rotate', $pin), 'VT013', 'a right guess is one more');
ok($node->poll_query_until('postgres',
	q{SELECT count(*) FILTER (WHERE decision = 'error' AND reason LIKE 'VT013: %') = 1
	AND count(*) FILTER (WHERE decision = 'aborted') = 9 FROM vault.audit
	WHERE principal = 'scribe1'}),
	'the trail has it, and those that were wrong, although all is rolled back')
  or diag $node->safe_psql('postgres',
  	q{SELECT principal, decision, reason, count(*) FROM vault.audit WHERE principal = 'scribe1'
	GROUP BY 1, 2, 3});
is(guessed('scribe1', 'put', map { value_of($_) } 2, 3, 4), '00000 00000 42501',
	'two more are too many');
my $denial = $scribe{scribe1}->query('SELECT vault.put($1, $2::text)', 'entry/2', 'xK7qM9vT-other');
is("$denial->{state} $denial->{message}", '42501 permission denied after too many denials',
	'then every call is refused');
is($scribe{editor}->query('SELECT vault.put($1, $2::text)', 'entry/2', 'xK7qM9vT-other')->{state},
	'00000', 'not those of others');

is(join(' ', map
	{ $scribe{scribe2}->query('SELECT vault.put($1, $2::text)', 'entry/2', value_of($_))->{state} }
	11 .. 19), join(' ', ('00000') x 9), 'what is committed is no guess');
$scribe{scribe2}->query('BEGIN');
$scribe{scribe2}->query('SELECT vault.put($1, $2::text)', 'entry/3', value_of($_)) for 21 .. 24;
$scribe{scribe2}->query('COMMIT');
is($scribe{scribe2}->query('SELECT vault.rotate($1)', 'entry/3')->{state}, '00000',
	'also many in one transaction');
$scribe{scribe2}->query('BEGIN');
$scribe{scribe2}->query('SAVEPOINT s'),
	$scribe{scribe2}->query('SELECT vault.put($1, $2::text)', 'entry/3', value_of($_)),
	$scribe{scribe2}->query('RELEASE s') for 31 .. 34;
$scribe{scribe2}->query('ROLLBACK');
is($scribe{scribe2}->query('SELECT vault.put($1, $2::text)', 'entry/3', value_of(41))->{state},
	'42501', 'and is, if that is rolled back in the end');
is($scribe{scribe3}->query('SELECT vault.put($1, $2::text, expected_version => 99)', 'entry/3',
	value_of($_))->{state}, '40001', 'so is a write that fails for another reason') for 51 .. 54;
is($scribe{scribe3}->query('SELECT vault.put($1, $2::text)', 'entry/3', value_of(61))->{state},
	'42501', 'because the history was asked before');
$scribe{$_}->close for keys %scribe;
limits(max_denials => 0);

# ---- other callers do not make the table forget ----

# 5,000 counts of others, for 4,096 places, while one stands before its limit
limits(max_failures => 4, max_denials => 1000);
is(login('pool', expired(1, 'app9')), 'VT014', 'three failures') for 1 .. 3;
$node->safe_psql('postgres', q{
	CREATE TABLE others (token text);
	GRANT ALL ON others TO admin1, pool;
	SET ROLE admin1;
	SELECT count(vault.create_principal('other' || i)) FROM generate_series(1, 5000) i;
	INSERT INTO others SELECT vault.issue_token('other' || i, db_role => 'pool2')
		FROM generate_series(1, 5000) i});
is(psql_as($node, 'pool', q{
	CREATE FUNCTION pg_temp.refused(token text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM vault.login(token);
		RETURN false;
	EXCEPTION WHEN SQLSTATE 'VT014' THEN
		RETURN true;
	END $$;
	SELECT count(*) FROM others WHERE pg_temp.refused(token)}), 5000, 'failures of 5,000 others');
is(login('pool', expired(1, 'app9')), 'VT014', 'the fourth');
is(login('pool', good(1, 'app9')), 'VT014', 'is not taken for the first');

# ---- with a provider and keys that tenants share ----

my $shared = key('shared');
VaultClient->new($node, "admin$_")->value('SELECT vault.add_issuer($1, $2, $3, $4)', 'shared',
	'https://shared.example', "for-t$_", jwks($shared)) for 1, 2;
sub shared { my ($audience) = @_;
	return token($shared,
	{ iss => 'https://shared.example', aud => $audience, sub => 'app8', nonce => ++$made }) }
limits(max_failures => 4);
for my $n (1, 2)
{
	is(login('pool', shared("for-t$n")), '00000', "t$n takes its own") for 1 .. 6;
}
is(login('pool', shared("for-t$_")), '00000', "which is no failure of t$_") for 1, 2;
is(login('pool', shared('for-none')), 'VT014', 'one that none takes') for 1 .. 4;
is(join(' ', sort map { login('pool', shared("for-t$_")) } 1, 2), '00000 VT014',
	'is a failure in one of them');

# ---- a back-off ends, and the next is longer ----

# Seconds from the limit until a good token counts again
sub waits
{
	my ($subject) = @_;
	my $begin;
	for my $attempt (1 .. 20)
	{
		login('pool', expired(1, $subject)) for 1 .. 2;
		$begin = Time::HiRes::time();
		last if login('pool', good(1, $subject)) eq 'VT014';
		undef $begin;
	}
	die 'no back-off' unless defined $begin;
	for (1 .. 1200)
	{
		return Time::HiRes::time() - $begin if login('pool', good(1, $subject)) eq '00000';
		Time::HiRes::sleep(0.1);
	}
	die 'the back-off does not end';
}
limits(max_failures => 2, failure_window => '2s');
my $longest = 0;
for my $time (1 .. 10)
{
	last if $longest > 2.5;
	my $waited = waits('app2');
	$longest = $waited if $waited > $longest;
}
cmp_ok($longest, '>', 2.5, 'a later one lasts more than a window');

done_testing();
