# Tokens behind a real pooler, under attack and from many sessions at once. No answer crosses to
# another session, and a token that stays behind in a session speaks for no principal. Every faulty
# token is refused alike, and the role does not take its place. A token for a single use is used
# once. No token is in a log, a view or a file.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultJwt;
use VaultTest;

my $node = new_vault_node('main', conf => <<'CONF');
shared_preload_libraries = 'vault, pg_cron, auto_explain, pg_stat_statements'
max_connections = 60
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
compute_query_id = on
pg_stat_statements.track = all
CONF
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_stat_statements;
	CREATE ROLE admin1 LOGIN;
	CREATE ROLE admin2 LOGIN;
	CREATE ROLE pool LOGIN;
	CREATE ROLE bound LOGIN;
	CREATE ROLE unbound LOGIN;
	GRANT pg_read_all_stats TO admin1;
	SELECT vault.create_tenant('t1', 'admin1'), vault.create_tenant('t2', 'admin2')});

my $okta = key('okta');
my $other = key('other');
my $rsa = key('rsa', 'RSA');
my $ec = key('ec', 'EC');
my %admin;
for my $n (1, 2)
{
	my $admin = $admin{$n} = VaultClient->new($node, "admin$n");
	my @keys = $n == 1 ? ($okta, $rsa, $ec) : ($other);
	$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, max_lifetime => $5)', 'idp',
		$n == 1 ? 'https://idp.example' : 'https://two.example', 'vault', jwks(@keys), '1 hour');
	$node->safe_psql('postgres', "SELECT vault.allow_tokens('pool', tenant => 't$n')");
	for my $i (1 .. 10)
	{
		$admin->value('SELECT vault.create_principal($1)', "app$i");
		$admin->value('SELECT vault.grant($1, $2, $3)', "app$i", '{read}', "app$i/**");
		$admin->value('SELECT vault.put($1, $2::text)', "app$i/key", "t$n app$i");
	}
}
$admin{1}->value('SELECT vault.create_principal($1, db_role => $2)', 'bound', 'bound');
$admin{1}->value('SELECT vault.grant($1, $2, $3)', 'bound', '{read}', '**');
$admin{1}->value('SELECT vault.allow_tokens($1)', 'bound');
$node->safe_psql('postgres', 'GRANT vault_client TO unbound');

sub of_tenant
{
	my ($n, $subject, %more) = @_;
	return token($n == 1 ? $okta : $other,
		{ iss => $n == 1 ? 'https://idp.example' : 'https://two.example', sub => $subject, %more });
}

# ---- pgbouncer in transaction mode ----

package Pooler
{
	sub new { my ($class, %self) = @_; return bless {%self}, $class }
	sub host { return $_[0]{host} }
	sub port { return $_[0]{port} }
}

my $place = $node->basedir . '/pooler';
my $pooler_port = $node->port + 1;    # in the name of a socket only
mkdir $place, 0700 or die "$place: $!";
write_file("$place/users", join '', map { qq("$_" ""\n) } qw(pool bound));
write_file("$place/pgbouncer.ini", <<"INI");
[databases]
one = host=${\ $node->host} port=${\ $node->port} dbname=postgres pool_size=1
postgres = host=${\ $node->host} port=${\ $node->port} dbname=postgres pool_size=5
[pgbouncer]
listen_port = $pooler_port
unix_socket_dir = ${\ $node->host}
auth_type = trust
auth_file = $place/users
pool_mode = transaction
logfile = $place/log
max_client_conn = 100
INI
$ENV{PATH} .= ':/usr/sbin';
my $pooler_pid = fork // die "fork: $!";
if ($pooler_pid == 0)
{
	open STDOUT, '>', '/dev/null';
	open STDERR, '>', '/dev/null';
	exec 'pgbouncer', "$place/pgbouncer.ini" or POSIX::_exit(127);
}
END
{
	my $status = $?;
	kill 'INT', $pooler_pid if $pooler_pid;
	waitpid $pooler_pid, 0 if $pooler_pid;
	$? = $status;
}
my $pooler = Pooler->new(host => $node->host, port => $pooler_port);
for (1 .. 600)
{
	last if -S $node->host . "/.s.PGSQL.$pooler_port";
	select undef, undef, undef, 0.1;
}

# The traces that one leaves behind
my $first = VaultClient->new($pooler, 'pool', database => 'one');
my $second = VaultClient->new($pooler, 'pool', database => 'one');
my $of_first = of_tenant(1, 'app1');
is($first->value('SELECT pg_backend_pid()'), $second->value('SELECT pg_backend_pid()'),
	'two clients, one session of the server');
is($second->query(q{SELECT vault.get('app1/key')})->{state}, 'VT010',
	'without a token the shared role has no principal');
for my $set ("SET vault.token = '$of_first'",
	"SELECT set_config('vault.token', '$of_first', false)",
	"BEGIN; SET vault.token = '$of_first'; SELECT vault.get('app1/key'); COMMIT")
{
	is($first->simple($set)->{state}, '00000', 'a token for the session: ' . substr($set, 0, 12));
	is($second->query(q{SELECT vault.get('app1/key')})->{state}, 'VT014',
		'gives the next client no principal');
	is($second->query('SELECT * FROM vault.whoami()')->{state}, 'VT014', 'whoami too');
	is($second->query('SELECT count(*) FROM vault.secrets')->{state}, 'VT014', 'views too');
	$second->query('BEGIN');
	is($second->query('SELECT vault.login($1)', of_tenant(2, 'app1'))->{state}, '00000',
		'who shows its own');
	is($second->value(q{SELECT vault.get('app1/key')}), 't2 app1', 'reads its own');
	$second->query('COMMIT');
	$second->query('DISCARD ALL');
}
is($second->query(q{SELECT vault.get('app1/key')})->{state}, 'VT010',
	'after DISCARD ALL it is gone');

# 20 clients, each transaction with a token of one tenant or the other
my @clients = map { VaultClient->new($pooler, 'pool') } 1 .. 20;
my %token = map { my $n = $_;
	map { ("$n app$_" => of_tenant($n, "app$_", exp => time + 3500)) } 1 .. 10 } 1, 2;
my ($right, $wrong) = (0, 0);
for my $round (1 .. 500)
{
	my @asked;
	for my $c (0 .. $#clients)
	{
		my $n = 1 + int rand 2;
		my $i = 1 + int rand 10;
		$asked[$c] = [ $n, $i ];
		$clients[$c]->send('BEGIN');
		$clients[$c]->send($c % 2 ? 'SELECT vault.login($1)'
			: q{SELECT set_config('vault.token', $1, true)}, $token{"$n app$i"});
		$clients[$c]->send(q{SELECT vault.get($1), tenant, principal FROM vault.whoami()},
			"app$i/key");
		$clients[$c]->send($round % 3 ? 'COMMIT' : 'ROLLBACK');
	}
	for my $c (0 .. $#clients)
	{
		my ($n, $i) = @{ $asked[$c] };
		my @answers = map { $clients[$c]->receive } 1 .. 4;
		my $row = join '|',
			map { $_ // 'null' } @{ $answers[2]{rows}[0] // [ $answers[2]{state} ] };
		if ($row eq "t$n app$i|t$n|app$i") { $right++ }
		else { $wrong++; diag("asked for t$n app$i: $row") if $wrong < 5 }
	}
}
is($wrong, 0, 'no answer crosses');
is($right, 10000, 'and each of 10,000 is right');
$_->close for @clients, $first, $second;

# ---- refused tokens ----

my $public_pem = do
{
	open my $out, '-|', 'openssl', 'pkey', '-in', $rsa->{path}, '-pubout' or die $!;
	local $/;
	<$out>;
};
my $now = time;
my %good = (sub => 'app1');
my $valid = token($okta, \%good);
my ($head, $body, $signature) = split /\./, $valid;
my $last = substr $signature, -1;
(my $unused_bits = $signature) =~ s/.\z/{ A => 'B', Q => 'R', g => 'h', w => 'x' }->{$last}/e;

sub symmetric
{
	my $text = base64url('{"alg":"HS256","kid":"rsa","typ":"JWT"}') . '.'
		. base64url(claims(\%good));
	return $text . '.' . base64url(hmac_sha256($text, $public_pem));
}

sub unsigned
{
	my ($alg) = @_;
	return base64url(qq({"alg":"$alg","kid":"okta","typ":"JWT"})) . '.' . base64url(claims(\%good))
		. '.';
}

sub ecdsa
{
	my ($made) = @_;
	my $text = base64url('{"alg":"ES256","kid":"ec"}') . '.' . base64url(claims(\%good));
	return $text . '.' . base64url(ref $made ? $made->($text) : $made);
}

sub payload { my ($text) = @_; return raw_token($okta, '{"alg":"EdDSA","kid":"okta"}', $text) }
my $rest = qq("iss":"https://idp.example","aud":"vault","iat":$now);

my @refused = (
	[ 'alg none', unsigned('none') ], [ 'alg None', unsigned('None') ],
		[ 'alg nOnE', unsigned('nOnE') ],
	[ 'alg none with a signature', token($okta, \%good, { alg => 'none' }) ],
	[ 'HS256 with the public key as its secret', symmetric() ],
	[ 'alg of another key', token($okta, \%good, { alg => 'RS256' }) ],
	[ 'PS256 for a key of RS256', token($rsa, \%good, { alg => 'PS256' }) ],
	[ 'alg missing', token($okta, \%good, { alg => undef }) ],
	[ 'jwk in the header', token($other, \%good, { kid => 'okta', jwk => $other->{jwk} }) ],
	(map { [ "$_ in the header", token($okta, \%good, { $_ => 'https://mallory.example' }) ] }
	qw(crit b64)),
	(map { [ "$_ of who signed it",
	token($other, \%good, { kid => 'okta', $_ => 'https://mallory.example' }) ] }
	qw(jku x5u x5c x5t)),
	[ 'kid of a path', token($okta, \%good, { kid => '../../x' }) ],
	[ 'kid of SQL', token($okta, \%good, { kid => q{' or 1=1} }) ],
	[ 'kid of 10 KiB', token($okta, \%good, { kid => 'x' x 10240 }) ],
	[ 'kid of 4 KiB', token($okta, \%good, { kid => 'x' x 4096 }) ],
	[ 'kid missing', token($okta, \%good, { kid => undef }) ],
	[ 'typ of something else', token($okta, \%good, { typ => 'logout+jwt' }) ],
	[ 'expired a second beyond the skew',
	token($okta, { %good, iat => $now - 100, exp => $now - 31 }) ],
	[ 'not valid yet', token($okta, { %good, nbf => $now + 3600 }) ],
	[ 'issued in the future', token($okta, { %good, iat => $now + 3600, exp => $now + 3700 }) ],
	[ 'exp missing', token($okta, { %good, exp => undef }) ],
	[ 'exp 1e400', payload(qq({$rest,"sub":"app1","exp":1e400})) ],
	[ 'exp a fraction, in the past', payload(qq({$rest,"sub":"app1","exp":${\ ($now - 31)}.5})) ],
	[ 'exp a fraction below zero', payload(qq({$rest,"sub":"app1","exp":-0.5})) ],
	[ 'with the scheme of HTTP', "Bearer $valid" ], [ 'in quotes', qq("$valid") ],
	[ 'exp in quotes', payload(qq({$rest,"sub":"app1","exp":"${\ ($now + 300)}"})) ],
	[ 'exp negative', payload(qq({$rest,"sub":"app1","exp":-1})) ],
	[ 'exp beyond all years', payload(qq({$rest,"sub":"app1","exp":9223372036854775807})) ],
	[ 'too long a life', token($okta, { %good, exp => $now + 4000 }) ],
	[ 'another issuer', token($okta, { %good, iss => 'https://mallory.example' }) ],
	[ 'iss missing', token($okta, { %good, iss => undef }) ],
	[ 'aud missing', token($okta, { %good, aud => undef }) ],
	[ 'aud without us', token($okta, { %good, aud => [ 'a', 'b' ] }) ],
	[ 'aud with our beginning', token($okta, { %good, aud => 'vault-2' }) ],
	[ 'aud a beginning of ours', token($okta, { %good, aud => 'vaul' }) ],
	[ 'a claim twice', payload(qq({$rest,"sub":"app1","sub":"bound","exp":${\ ($now + 300)}})) ],
	[ 'sub missing', token($okta, { sub => undef }) ],
	[ 'sub with a space', token($okta, { sub => 'app1 ' }) ],
	[ 'sub in capitals', token($okta, { sub => 'APP1' }) ],
	[ 'sub with a line feed', token($okta, { sub => "app1\n" }) ],
	[ 'sub with NUL', payload(qq({$rest,"sub":"app1\\u0000","exp":${\ ($now + 300)}})) ],
	[ 'bytes behind it', "$valid.x" ], [ 'more of the signature', "${valid}AAAA" ],
	[ 'padding', "$head.$body.$signature==" ], [ 'unused bits', "$head.$body.$unused_bits" ],
	[ 'a line feed', "$head.$body.$signature\n" ],
	[ 'a changed claim', join '.', $head, base64url(claims({ sub => 'bound' })), $signature ],
	[ 'ES256 in DER', ecdsa(sub { sign_with($ec, $_[0], 'DER') }) ],
	[ 'ES256 with zeros', ecdsa("\0" x 64) ],
	[ 'ES256 with s = 0', ecdsa(sub { substr(sign_with($ec, $_[0]), 0, 32) . "\0" x 32 }) ],
	[ 'a byte order mark',
	raw_token($okta, "\xef\xbb\xbf" . '{"alg":"EdDSA","kid":"okta"}', claims(\%good)) ],
	[ 'a byte order mark in the claims', payload("\xef\xbb\xbf" . claims(\%good)) ],
	[ 'depth 1000', payload('{"a":' . '[' x 1000 . ']' x 1000 . '}') ],
	[ '1 MiB', 'A' x 500000 . '.' . 'A' x 500000 . '.A' ],
	[ 'of the other tenant', of_tenant(2, 'app1') ],
	[ 'of its key with our issuer', token($other, \%good, { kid => 'okta' }) ],
	[ 'nothing', '' ]);

my $bound = VaultClient->new($node, 'bound');
my %texts;
for my $case (@refused)
{
	my $result = $bound->query('SELECT vault.login($1)', $case->[1]);
	is($result->{state}, 'VT014', "refused: $case->[0]");
	$texts{"$result->{message}|$result->{hint}|$result->{detail}"}++;

	$bound->query('BEGIN');
	$result = $bound->query(q{SELECT set_config('vault.token', $1, true)}, $case->[1]);
	$result = $bound->query(q{SELECT vault.get('app1/key')})
		if $result->{state} eq '00000' && $case->[1] ne '';
	isnt($result->{state}, '00000', "and the role does not take its place: $case->[0]")
		if $case->[1] ne '';
	$bound->query('ROLLBACK');
}
is(scalar keys %texts, 1, 'all with one text');

# Providers also send members of the header that are ignored, fractions, media types
for my $case ((map { [ "$_ in the header", token($okta, \%good, { $_ => 'https://idp.example' }) ] }
	qw(jku x5u x5c x5t)),
	[ 'exp a fraction', payload(qq({$rest,"sub":"app1","exp":${\ ($now + 300)}.5})) ],
	[ 'exp with an exponent', payload(sprintf '{%s,"sub":"app1","exp":%.9e}', $rest, $now + 300) ],
	[ 'application/at+jwt', token($okta, \%good, { typ => 'application/at+jwt' }) ],
	[ '15 KiB', token($okta, { %good, groups => [ map { "group-$_" x 10 } 1 .. 100 ] }) ])
{
	my $result = $bound->query('SELECT vault.login($1)', $case->[1]);
	is($result->{state}, '00000', "taken: $case->[0]");
}
for my $key ($okta, $rsa, $ec)
{
	$bound->query('BEGIN');
	is($bound->query('SELECT vault.login($1)', token($key, \%good))->{state}, '00000',
		"while one of $key->{alg} is good");
	is($bound->value(q{SELECT principal FROM vault.whoami()}), 'app1', 'for its principal');
	$bound->query('COMMIT');
}
is($bound->value(q{SELECT principal FROM vault.whoami()}), 'bound',
	'and without one the role counts again');
is(VaultClient->new($node, 'unbound')->query('SELECT vault.login($1)', $valid)->{state}, 'VT014',
	'a role that shows no tokens');
is($node->safe_psql('postgres',
	q{SELECT count(DISTINCT reason) > 30 FROM vault.audit
		WHERE operation = 'login' AND decision = 'deny'}),
	't', 'the trail has the reasons');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault.audit
		WHERE operation = 'login' AND reason LIKE '%white space or a line feed behind it'}),
	1, 'that of a line feed');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault.audit
		WHERE operation = 'login' AND reason LIKE '%begins with "Bearer "%'}),
	1, 'and of the scheme');

# ---- a key taken away, while transactions are open ----

for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	$bound->query("BEGIN ISOLATION LEVEL $level");
	$bound->value('SELECT vault.login($1)', $valid);
	is($bound->value(q{SELECT vault.get('app1/key')}), 't1 app1', "$level: the key is there");
	$admin{1}->value('SELECT vault.set_issuer_keys($1, $2)', 'idp', jwks($rsa));
	is($bound->query(q{SELECT vault.get('app1/key')})->{state}, 'VT014',
		"$level: after it is gone the next call is refused");
	$bound->query('ROLLBACK');
	$admin{1}->value('SELECT vault.set_issuer_keys($1, $2)', 'idp', jwks($okta, $rsa, $ec));
}

# ---- for a single use, by 16 at once ----

my @many = map { VaultClient->new($node, 'pool') } 1 .. 16;
for my $round (1 .. 5)
{
	my $once = $admin{1}->value('SELECT vault.issue_token($1, single_use => true)', 'app2');
	$_->send('SELECT vault.login($1), vault.get($2)', $once, 'app2/key') for @many;
	my @states = map { $_->receive->{state} } @many;
	is(scalar(grep { $_ eq '00000' } @states), 1, 'one of them uses it');
	is(scalar(grep { $_ eq 'VT014' } @states), 15, 'the others are refused');
}
my $before = $admin{1}->value('SELECT vault.issue_token($1, single_use => true)', 'app2');
my $lasting = $admin{1}->value('SELECT vault.issue_token($1)', 'app2');
$_->close for @many, $bound, values %admin;
$node->restart;
my $pool = VaultClient->new($node, 'pool');
is($pool->query('SELECT vault.login($1)', $before)->{state}, 'VT014',
	'after a restart it is not known who used it, so it is refused');
is($pool->query('SELECT vault.login($1)', $lasting)->{state}, '00000', 'another one goes on');

# ---- no token anywhere ----

my @shown = map { token($okta, { sub => 'app7', nonce => canary() }) } 1 .. 6;
my $client = VaultClient->new($node, 'pool');
my $watcher = VaultClient->new($node, 'admin1');
$client->simple("BEGIN; SET LOCAL vault.token = '$shown[0]'; SELECT vault.get('app7/key')");
is($client->value('SHOW vault.token'), '********', 'SHOW');
is($client->value(q{SELECT current_setting('vault.token')}), '********', 'current_setting');
is($client->value(q{SELECT count(*) FROM pg_settings WHERE name = 'vault.token'}), 0,
	'pg_settings');
$client->query('COMMIT');
$client->simple("BEGIN; SELECT vault.login('$shown[1]')");
is($watcher->value('SELECT query FROM pg_stat_activity WHERE pid = $1::int', $client->pid),
	'<vault: redacted>', 'pg_stat_activity');
$client->query('ROLLBACK');
$client->query('SELECT vault.login($1), vault.get($2), 1 / $3::int', $shown[2], 'app7/key', 0);
$client->query(q{SELECT set_config('vault.token', $1, true), vault.get('app7/key')}, $shown[3]);
$client->simple("SET vault.token = '$shown[4] !'");
$client->simple("SELECT vault.login('$shown[5]'), 1 / 0");
my $issued = VaultClient->new($node, 'admin1')->value('SELECT vault.issue_token($1)', 'app7');
my $plain = canary();
$client->simple("SELECT '$plain'");
for my $token (@shown, $issued)
{
	my ($tail) = $token =~ /(.{40})\z/;
	is_deeply([ scan_for($tail, $node->logfile, $node->data_dir) ], [],
		'not in the log and the data directory');
	is($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%$tail%'"), 0,
		'not in pg_stat_statements');
}
isnt(scalar(() = scan_for($plain, $node->logfile)), 0, 'while another literal is in the log');

done_testing();
