# Helpers for the TAP tests, on top of PostgreSQL::Test::Cluster.
#
#   my $node = new_vault_node('main');                    a running server with an initialised vault
#   my $node = new_vault_node('main', source => 'manual', no_init => 1);
#
# It guards what all tests must do alike. The root key lies outside of the data directory, in a
# directory of mode 0700. A plaintext is looked for in every encoding that it could have left in.
package VaultTest;

use strict;
use warnings;

use Exporter 'import';
use File::Find ();
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Time::HiRes ();
use VaultClient;

# The superuser is called postgres, not as the user that runs the tests.
$ENV{PGUSER} = 'postgres';

# With glibc, freed memory is overwritten, so that a later use of it is found.
$ENV{MALLOC_PERTURB_} = 165;

our @EXPORT =
	qw(new_vault_node create_vault quiet_jobs key_directory canary scan_for sql_state psql_as
	soak_rounds new_clock set_clock start_with_clock set_conf set_source sealed_reason
	states_of_calls crash_backend crash_server read_file write_file rows_read_by_steps);

# new_vault_node(NAME, OPTION => VALUE ...): a PostgreSQL::Test::Cluster. Options:
#   source        vault.root_key_source; the default is a file in key_directory(), undef leaves it
#                 unset
#   init          arguments for $node->init, as { allows_streaming => 1 }
#   conf          more lines for postgresql.conf
#   database      the vault's database (postgres)
#   no_start      only make it
#   no_extension  start it without CREATE EXTENSION
#   no_init       without SELECT vault.init()
#   jobs          keep the times of the jobs that CREATE EXTENSION has scheduled; otherwise none
#                 runs into the test
# What vault.init() returned is in $node->{vault_init}.
sub new_vault_node
{
	my ($name, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $database = $opt{database} // 'postgres';

	my %init = %{ $opt{init} // {} };
	$node->init(%init, extra => [ '-U', 'postgres', @{ $init{extra} // [] } ]);
	my $keys = key_directory($node);
	mkdir $keys, 0700 or die "$keys: $!";
	my $source = exists $opt{source} ? $opt{source} : "file:$keys/root.key";

	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron,vault'
cron.database_name = '$database'
cron.use_background_workers = on
vault.database = '$database'
max_worker_processes = 20
CONF
	$node->append_conf('postgresql.conf',
		"vault.root_key_source = '" . ($source =~ s/'/''/gr) . "'")
	  if defined $source;
	$node->append_conf('postgresql.conf', $opt{conf}) if defined $opt{conf};

	return $node if $opt{no_start};
	$node->start;
	if ($database ne 'postgres')
	{
		$node->safe_psql('postgres', "CREATE DATABASE $database");
		$node->restart;    # the workers look for it when they start
	}
	create_vault($node, %opt) unless $opt{no_extension};
	return $node;
}

# CREATE EXTENSION and, without no_init, SELECT vault.init()
sub create_vault
{
	my ($node, %opt) = @_;
	my $database = $opt{database} // 'postgres';

	$node->safe_psql($database, 'CREATE EXTENSION pg_cron; CREATE EXTENSION vault CASCADE');
	quiet_jobs($node, $database) unless $opt{jobs};
	$node->{vault_init} = $node->safe_psql($database, 'SELECT vault.init()') unless $opt{no_init};
	return;
}

# The jobs stay, so that vault.verify() misses none; the day for which they wait never comes.
sub quiet_jobs
{
	my ($node, $database) = @_;
	$node->safe_psql($database // 'postgres', q{UPDATE cron.job SET schedule = '0 0 31 2 *'});
	return;
}

# Return the file of a node's root key, beside its data directory
sub key_directory
{
	my ($node) = @_;
	return $node->basedir . '/keys';
}

# A marker that is nowhere by chance
sub canary
{
	open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!";
	read($random, my $bytes, 12) == 12 or die "/dev/urandom: $!";
	return 'CNRY' . unpack('H*', $bytes);
}

# scan_for(CANARY, DIRECTORY_OR_FILE ...): the files that hold the marker, as "path (form)". Forms:
# raw, hex, base64 at each of the three alignments and wrapped or not, decimal bytes with a blank
# between them, and raw within pglz (a control byte before each eight literals). Files that vanish
# meanwhile do not count.
sub scan_for
{
	my ($canary, @places) = @_;
	my $forms = _forms($canary);
	my @found;

	for my $place (@places)
	{
		die "scan_for: there is no $place" unless -e $place;
		File::Find::find(
			{
				no_chdir => 1,
				follow_fast => 1,
				follow_skip => 2,
				wanted => sub {
					return unless -f $File::Find::name;
					my $form = _file_form($forms, $File::Find::name);
					push @found, "$File::Find::name ($form)" if defined $form;
				}
			},
			$place);
	}
	return sort @found;
}

# The forms of a text: fixed strings for index(), and patterns
sub _forms
{
	my ($canary) = @_;
	my $hex = unpack('H*', $canary);
	my %fixed = (
		raw => $canary,
		'raw, lower case' => lc $canary,
		'raw, upper case' => uc $canary,
		hex => $hex,
		'hex, upper case' => uc $hex,
		decimal => join(' ', map { ord } split //, $canary),
		'UTF-16' => join("\0", split //, $canary),
		reversed => scalar reverse($canary));

	for my $shift (0 .. 2)
	{
		my $text = encode_base64(("\0" x $shift) . $canary, '');
		my $from = int(($shift * 8 + 5) / 6);
		my $to = int((($shift + length $canary) * 8) / 6);
		$fixed{"base64 at $shift"} = substr($text, $from, $to - $from);
		$fixed{"base64url at $shift"} = $fixed{"base64 at $shift"} =~ tr{+/}{-_}r;
	}

	my @pglz;
	for my $first (1 .. 8)
	{
		my @parts = (substr($canary, 0, $first), unpack('(a8)*', substr($canary, $first)));
		push @pglz, join('.', map { quotemeta } @parts);
	}
	my $pglz = join('|', @pglz);
	return { fixed => \%fixed, pglz => qr/$pglz/s };
}

# The first form in a file, read in chunks that overlap
sub _file_form
{
	my ($forms, $path) = @_;
	my $overlap = 512;
	my $tail = '';

	open my $in, '<:raw', $path or return;
	while (read($in, my $chunk, 1 << 20))
	{
		my $text = $tail . $chunk;
		my $joined = $text =~ tr/\r\n//dr;    # base64 and hex may be wrapped
		for my $form (sort keys %{ $forms->{fixed} })
		{
			my $string = $forms->{fixed}{$form};
			return $form if index($text, $string) >= 0 || index($joined, $string) >= 0;
		}
		return 'pglz' if $text =~ $forms->{pglz};
		$tail = length($text) > $overlap ? substr($text, -$overlap) : $text;
	}
	return;
}

# sql_state(NODE, SQL [, ROLE [, OPTION => VALUE ...]]): the SQLSTATE of the first error, '00000'
# without one, 'connection' when there was no session. Options: database, env => { PGPASSWORD => ...
# }.
sub sql_state
{
	my ($node, $sql, $role, %opt) = @_;
	my ($rc, undef, $stderr) = _psql($node, $role, $sql, %opt,
		params => [ '-v', 'VERBOSITY=sqlstate' ]);

	return $1 if $stderr =~ /^(?:psql:[^\n]*?)?(?:ERROR|FATAL|PANIC):\s+([0-9A-Z]{5})\s*$/m;
	return '00000' if $rc == 0;
	return 'connection' if $rc == 2;
	die "psql ended with $rc: $stderr";
}

# psql_as(NODE, ROLE, SQL [, OPTION => VALUE ...]): what it printed, and it dies when psql fails; in
# list context (exit status, stdout, stderr) without dying. Options as for sql_state, and params =>
# [ more psql arguments ].
sub psql_as
{
	my ($node, $role, $sql, %opt) = @_;
	my ($rc, $stdout, $stderr) = _psql($node, $role, $sql, %opt);

	return ($rc, $stdout, $stderr) if wantarray;
	die "as $role: $stderr" if $rc != 0;
	return $stdout;
}

sub _psql
{
	my ($node, $role, $sql, %opt) = @_;
	my ($stdout, $stderr) = ('', '');
	my @params = @{ $opt{params} // [] };

	unshift @params, '-U', $role if defined $role;
	local %ENV = (%ENV, %{ $opt{env} // {} });
	my $rc = $node->psql(
		$opt{database} // 'postgres', $sql,
		stdout => \$stdout,
		stderr => \$stderr,
		on_error_die => 0,
		on_error_stop => 1,
		extra_params => \@params);
	return ($rc, $stdout, $stderr);
}

# A clock for servers that can be moved: new_clock(DIRECTORY) compiles what makes it so, and returns
# undef without a compiler; set_clock(CLOCK, TIME) sets it to seconds since 1970, from where it goes
# on.
sub new_clock
{
	my ($directory) = @_;
	my %clock = (library => "$directory/clock.so", file => "$directory/clock");
	(my $source = __FILE__) =~ s/VaultTest\.pm$/clock.c/;

	return if system("cc -shared -fPIC -O2 -o $clock{library} $source -ldl 2>/dev/null") != 0;
	chmod 0755, $clock{library} or die "$clock{library}: $!";
	write_file($clock{file}, pack('q', 0), 0644);
	return \%clock;
}

sub set_clock
{
	my ($clock, $time) = @_;
	open my $out, '+<:raw', $clock->{file} or die "$clock->{file}: $!";
	syswrite($out, pack('q', $time - time)) == 8 or die "$clock->{file}: $!";
	close $out or die "$clock->{file}: $!";
	return;
}

sub start_with_clock
{
	my ($node, $clock) = @_;
	local $ENV{LD_PRELOAD} = $clock->{library};
	local $ENV{VAULT_TEST_CLOCK} = $clock->{file};
	$node->start;
	return;
}

# set_conf(NODE, NAME, VALUE): changes a setting in postgresql.conf and reloads; returns once new
# sessions have it
sub set_conf
{
	my ($node, $name, $value) = @_;
	my $quoted = $value =~ s/'/''/gr;

	$node->append_conf('postgresql.conf', "$name = '$quoted'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT pg_catalog.current_setting('$name') = '$quoted'")
	  or die "the server did not take $name";
	return;
}

sub set_source
{
	my ($node, $source) = @_;
	return set_conf($node, 'vault.root_key_source', $source);
}

# Return the reason why the vault is sealed, '' if it is not
sub sealed_reason
{
	my ($node, %opt) = @_;
	return $node->safe_psql($opt{database} // 'postgres',
		"SELECT CASE WHEN sealed THEN reason ELSE '' END FROM vault.status()");
}

# states_of_calls(NODE, ROLE, OPTION => VALUE ...): calls every function of a schema with NULL for
# each argument; returns { name => SQLSTATE }, names as "get(text, integer, text)". Options:
# database, schema (vault), and except => a pattern of names.
sub states_of_calls
{
	my ($node, $role, %opt) = @_;
	my $schema = $opt{schema} // 'vault';
	my $calls = $node->safe_psql($opt{database} // 'postgres', <<"SQL");
SELECT p.proname || '(' || coalesce(string_agg(format_type(t, NULL), ', ' ORDER BY n), '') || ')',
	format('SELECT * FROM $schema.%I(%s)', p.proname,
		string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY n))
FROM pg_proc p LEFT JOIN LATERAL unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) ON true
WHERE pronamespace = '$schema'::regnamespace AND prorettype <> 'trigger'::regtype
	AND NOT 'internal'::regtype = ANY (proargtypes)
GROUP BY p.oid, p.proname
SQL
	my $client = VaultClient->new($node, $role, database => $opt{database} // 'postgres');
	my %states;

	for my $line (split /\n/, $calls)
	{
		my ($name, $sql) = split /\|/, $line, 2;
		next if defined $opt{except} && $name =~ $opt{except};
		$states{$name} = $client->query($sql)->{state};
		next if $states{$name} ne 'connection';
		$node->poll_query_until($opt{database} // 'postgres', 'SELECT true')
			or die "$name: the server is gone";
		$client = VaultClient->new($node, $role, database => $opt{database} // 'postgres');
	}
	$client->close;
	return \%states;
}

# Kills a backend as the kernel would, and returns when the server has restarted its processes.
sub crash_backend
{
	my ($node, $pid) = @_;
	my $offset = -s $node->logfile;

	kill 'KILL', $pid or die "no process $pid: $!";
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	return;
}

# Kills every process of the server at once, as a power cut would.
sub crash_server
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};

	kill 'STOP', $postmaster or die "no postmaster: $!";    # it cannot start others now
	my @children = children($postmaster);
	kill 'KILL', @children;
	$node->kill9;
	for my $pid ($postmaster, @children)
	{
		Time::HiRes::sleep(0.01) while kill 0, $pid;    # until it is reaped
	}
	return;
}

sub children
{
	my ($parent) = @_;
	my @found;

	for my $path (glob '/proc/[0-9]*/stat')
	{
		my @stat = _stat($path);
		push @found, $path =~ m{(\d+)} if @stat && $stat[1] == $parent;
	}
	return @found;
}

# State, parent and what follows, after the name
sub _stat
{
	my ($path) = @_;
	open my $in, '<', $path or return;
	my $line = <$in> // return;
	return split ' ', $line =~ s/^.*\) //sr;
}

# rows_read_by_steps(NODE, AUDITOR, N): how many rows of the trail N steps of the sealer read
sub rows_read_by_steps
{
	my ($node, $auditor, $steps) = @_;
	my $query =
		q{SELECT sum(idx_tup_fetch) + sum(seq_tup_read) FROM pg_stat_all_tables
			WHERE relname LIKE 'audit\_log%'};
	my $step = sub { psql_as($node, $auditor, 'SELECT vault.audit_checkpoint()'); sleep 1 };

	# the first two settle what came before, and what the sealer has not reported yet
	$step->() for 1 .. 2;
	my $before = $node->safe_psql('postgres', $query);
	$step->() for 1 .. $steps;
	$node->poll_query_until('postgres', "SELECT ($query) > $before") or die 'steps read nothing';
	return $node->safe_psql('postgres', $query) - $before;
}

sub read_file
{
	my ($path) = @_;
	open my $in, '<:raw', $path or die "$path: $!";
	local $/ = undef;
	return scalar <$in>;
}

# write_file(PATH, TEXT [, MODE]): 0600 unless told. A process that reads the file
# meanwhile sees all of the old or of the new.
sub write_file
{
	my ($path, $text, $mode) = @_;
	my $new = "$path.new$$";
	open my $out, '>:raw', $new or die "$new: $!";
	chmod $mode // 0600, $new or die "$new: $!";
	print $out $text;
	close $out or die "$new: $!";
	rename $new, $path or die "$path: $!";
	return;
}

# soak_rounds(ROUNDS, SOAK_ROUNDS): how often a test repeats itself; script/soak sets VAULT_SOAK
sub soak_rounds
{
	my ($rounds, $soak) = @_;
	return $ENV{VAULT_SOAK} ? $soak : $rounds;
}

1;
