# While the server runs, another process of its user cannot read the memory of the postmaster or of
# a backend. It is tried from within the server (COPY ... FROM PROGRAM) and from outside.
# allow_core_dumps lifts that, for debugging, and shows that the check can fail. The root key's page
# is locked, and empty after seal().
use strict;
use warnings;

use MIME::Base64 ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

plan skip_all => 'there is no /proc here' unless -r '/proc/self/maps';

my $node = new_vault_node('main', conf => 'log_statement = none');

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'value')});

# Try to open the memory of a process from a program that the server starts: "open", or the reason
sub from_within
{
	my ($pid) = @_;
	my $program = qq{perl -e 'print open(my \$f, "<", "/proc/$pid/mem") ? "open" : "\$!"'} =~
		s/'/''/gr;
	my $output = $node->safe_psql('postgres', qq{
		CREATE TEMP TABLE answer (line text);
		COPY answer FROM PROGRAM '$program';
		SELECT line FROM answer});
	return $output;
}

sub from_outside
{
	my ($pid) = @_;
	return open(my $memory, '<', "/proc/$pid/mem") ? 'open' : "$!";
}

# Its own backend, which is the parent of the shell that runs the program
sub own_backend
{
	return $node->safe_psql('postgres', q{
		CREATE TEMP TABLE answer (line text);
		DO $$ BEGIN
			EXECUTE format('COPY answer FROM PROGRAM %L',
				format('perl -e %L',
					format('print open(my $f, "<", "/proc/%s/mem") ? "open" : "$!"',
						pg_backend_pid())));
		END $$;
		SELECT line FROM answer});
}

# A peer whose files belong to root is not dumpable: no core file, no ptrace.
sub owner
{
	my ($pid) = @_;
	my $user = (stat "/proc/$pid/mem")[4];
	return defined $user ? ($user == $> ? 'own' : 'not own') : 'gone';
}

my $client = VaultClient->new($node, 'app');
is($client->value(q{SELECT vault.get('a')}), 'value', 'a backend has read a value');

my %process = (backend => $client->pid, postmaster => $node->{_pid});
for my $name (sort keys %process)
{
	is(owner($process{$name}), 'not own', "$name: not dumpable");
	like(from_within($process{$name}), qr/denied|not permitted/,
		"$name: its memory cannot be opened by a program of the server");
	like(from_outside($process{$name}), qr/denied|not permitted/,
		"$name: nor by another process of its user");
}
like(own_backend(), qr/denied|not permitted/,
	'nor can the program read the backend that started it');

my $memory = $node->safe_psql('postgres', 'SELECT key_memory FROM vault.status()');
like($memory, qr/^(?:memfd_secret|mlock)$/, "the root key's memory is locked ($memory)");
$client->close;

# The control, and what the memory holds
$node->append_conf('postgresql.conf', 'vault.allow_core_dumps = on');
$node->restart;
$client = VaultClient->new($node, 'app');
is(owner($client->pid), 'own', 'with allow_core_dumps a backend is dumpable');
is(owner($node->{_pid}), 'own', 'and the postmaster');

SKIP:
{
	skip 'other processes cannot be read here (ptrace_scope)', 7
		if from_outside($client->pid) ne 'open';

	is(from_within($client->pid), 'open', 'and a program of the server can read it');
	is($client->value(q{SELECT vault.get('a')}), 'value', 'the backend has read a value');
	my ($base64) = read_file(key_directory($node) . '/root.key') =~ /^vault-root-key:v1:1:(\S+)$/m;
	my $key = MIME::Base64::decode_base64($base64);

	ok(memory_holds($client->pid, 'vault.get'),
		'a text that the backend knows is found in its memory');
	my $present = memory_holds($client->pid, $key);
	is($present, $memory eq 'memfd_secret' ? 0 : 1,
		'the root key is found only where the page can be read')
	  or diag("in $memory");
	ok(!memory_holds($client->pid, $base64), 'its text is not there');
	$node->safe_psql('postgres', 'SELECT vault.seal()');
	is(memory_holds($client->pid, $key), 0, 'after seal() it is not in the backend');
	is(memory_holds($node->{_pid}, $key), 0, 'nor in the postmaster');
}

# Count the regions of a process's memory that hold a text, the server's shared buffers included.
sub memory_holds
{
	my ($pid, $text) = @_;
	my $found = 0;

	open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!";
	open my $mem, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!";
	while (my $line = <$maps>)
	{
		my ($from, $to) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) r/ or next;
		($from, $to) = (hex $from, hex $to);
		my $tail = '';
		my $hit = 0;
		for (my $at = $from; $at < $to && !$hit; $at += 1 << 20)
		{
			my $size = $to - $at > 1 << 20 ? 1 << 20 : $to - $at;
			sysseek $mem, $at, 0 or last;
			sysread $mem, my $chunk, $size or last;    # a secret page cannot be read
			$hit = index($tail . $chunk, $text) >= 0;
			$tail = substr $chunk, -length $text;
		}
		$found += $hit;
	}
	return $found;
}

done_testing();
