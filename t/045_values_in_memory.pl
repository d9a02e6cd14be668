# After an error a value that was on its way is not in the memory of the backend, wherever the error
# came: in the type, in the server's JSON, in a rotator, in a result that grew too large. A value
# that is held shows that the search finds it. Nor is the end of a longer statement in shared memory
# behind the short text that replaced it.
use strict;
use warnings;
no warnings "portable";    # addresses

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

plan skip_all => 'there is no /proc here' unless -r '/proc/self/maps';

# The C library would overwrite what is freed.
delete $ENV{MALLOC_PERTURB_};
my $node = new_vault_node('main',
	conf =>
	"vault.allow_core_dumps = on\nlog_statement = none\nlog_min_error_statement = panic\ntrack_activity_query_size = 16kB\nvault.max_result_memory = 1MB");

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE operator LOGIN IN ROLE vault_admin;
	CREATE ROLE rotated LOGIN;
	CREATE ROLE forbidden LOGIN;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.allow_rotation('rotated', 'acme'), vault.allow_rotation('forbidden', 'acme')});
psql_as($node, 'app', q{
	SELECT vault.create_principal('reader', db_role => 'reader');
	SELECT vault.grant('reader', '{read,write,rotate}', '**')});

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

put('text', 'generic', 'begin %s end');
put('unicode', 'generic', '{"a": "%s", "b": "\u0000"}');
put('number', 'generic', '{"a": "%s", "b": 1e400000}');
put('cut', 'generic', '{"a": "%s", "b": [1, ');
put('database', 'database',
	'{"engine": "postgres", "host": "h", "dbname": "d", "user": "u", "password": "%s"}');
put('token', 'oauth_token', '{"access_token": "%s", "expires_in": 3600}');
put("many/$_", 'generic', "%s" . 'x' x 300_000) for 1 .. 5;
put('role', 'password', '%s');
put('nobody', 'json', '{"user": "nobody", "password": "%s"}');
psql_as($node, 'app',
	q{SELECT vault.set_rotation('role', 'on demand', 'postgres_role', '{"user": "forbidden"}')});
$node->safe_psql('postgres', q{SELECT vault.disallow_rotation('forbidden', 'acme')});

my $held = VaultClient->new($node, 'reader');
if (!defined readable($held->pid))
{
	plan skip_all => 'other processes cannot be read here (ptrace_scope)';
}
$held->simple(
	q{BEGIN; DECLARE c CURSOR FOR SELECT v FROM (SELECT vault.get('text') AS v OFFSET 0) s, generate_series(1, 3); FETCH 1 FROM c});
ok(memory_holds($held->pid, $canary{text}), 'a value that is held is found');
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
	[ role => '42501', q{SELECT vault.rotate('role')} ],
	[ nobody => 'VT013',
	q{SELECT vault.set_rotation('nobody', 'on demand', 'postgres_role', '{"user": "rotated"}')} ]);

sub test_errors
{
	my ($how) = @_;

	for my $case (@errors)
	{
		my ($name, $states, $sql) = @$case;
		my $client = VaultClient->new($node, $sql =~ /rotat/ ? 'app' : 'reader');
		my $result;

		if ($how eq 'alone') { $result = $client->simple($sql) }
		elsif ($how eq 'in a transaction')
		{
			$client->simple('BEGIN');
			$result = $client->simple($sql);
		}
		else
		{
			my $quoted = $sql =~ s/^SELECT (?:\* FROM )?/PERFORM /r;
			my $from = $sql =~ /^SELECT \* FROM (.*)/ ? "PERFORM * FROM $1" : $quoted;
			$result = $client->simple(
				"DO \$do\$ BEGIN BEGIN $from; EXCEPTION WHEN OTHERS THEN PERFORM set_config('test.state', SQLSTATE, false); END; END \$do\$");
			$result = { state => $client->value(q{SELECT current_setting('test.state')}) };
		}
		like($result->{state}, qr/^(?:$states)$/, "$how: $sql") or diag($result->{message});
		ok(!memory_holds($client->pid, $canary{$name}), 'and the value is not in memory')
			or diag(where($client->pid, $canary{$name}));
		$client->close;
	}
	return;
}

test_errors($_) for 'alone', 'in a transaction', 'caught';

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

# Values that are moved to a new key
$node->safe_psql('postgres', q{SELECT vault.rotate_tenant_key('acme')});
my $mover = VaultClient->new($node, 'operator');
cmp_ok($mover->value('SELECT vault.rewrap(1000)'), '>', 5, 'values are moved under a new key');
ok(!memory_holds($mover->pid, $canary{$_}), "and \"$_\" is not in memory")
	for 'text', 'database', 'many/3';
$mover->close;

# The slot of the activity: a long literal, and nothing of its end behind the text in its place
my $marker = canary();
my $writer = VaultClient->new($node, 'app');
$writer->simple("SELECT vault.put('long', '" . 'x' x 2000 . "$marker')");
$writer->simple('SELECT 1');
my $postmaster = $node->{_pid};
ok(!memory_holds($postmaster, $marker), 'the end of a long statement is not in shared memory');
my $plain = canary();
$writer->simple("SELECT '" . 'x' x 2000 . "$plain'");
ok(memory_holds($postmaster, $plain), 'that of a plain one is');
$writer->close;
$node->stop;

sub readable { return open(my $memory, '<', "/proc/$_[0]/mem") ? 1 : undef }

sub regions
{
	my ($pid, $text) = @_;
	my @found;

	open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!";
	open my $mem, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!";
	while (my $line = <$maps>)
	{
		my ($from, $to) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) r/ or next;
		($from, $to) = (hex $from, hex $to);
		my $tail = '';
		for (my $at = $from; $at < $to; $at += 1 << 20)
		{
			my $size = $to - $at > 1 << 20 ? 1 << 20 : $to - $at;
			sysseek $mem, $at, 0 or last;
			sysread $mem, my $chunk, $size or last;    # a secret page cannot be read
			my $place = index($tail . $chunk, $text);
			if ($place >= 0)
			{
				push @found, sprintf '%x in %s %s', $at + $place - length $tail, $line,
					substr($tail . $chunk, $place > 40 ? $place - 40 : 0, 120) =~ s/[^ -~]/./gr;
				last;
			}
			$tail = substr $chunk, -length $text;
		}
	}
	return @found;
}

sub memory_holds { return scalar(my @found = regions(@_)) }
sub where { return join "\n", regions(@_) }

done_testing();
