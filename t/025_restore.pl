# A restore gives the whole trail back in any month, however the dump was made and loaded. It goes
# into a bare database and into one whose vault was dropped under the running server. The restore
# itself adds one row that says so, and nothing else.
use strict;
use warnings;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::Local ();
use VaultTest;

my $conf =
	"log_statement = none\nautovacuum = off\nfsync = off\nmax_connections = 20\n"
  . "vault.database = 'app'\ntimezone = 'Pacific/Auckland'\n";
my $source = new_vault_node('source', no_start => 1, conf => $conf);
my $target = new_vault_node('target', no_start => 1, conf => $conf);
my $dir = $source->basedir;
my $clock = new_clock($dir);
plan skip_all => 'there is no C compiler' if !defined $clock;

# ---- the clock of both servers ----

# Months are counted from the one after this: month 0, day 15 is when the vault is made. Day 31 of a
# shorter month is the first of the next one.
my @now = gmtime;
sub time_of
{
	my ($month, $day, $second) = @_;
	my $n = $now[4] + 1 + $month;
	return Time::Local::timegm_modern(0, 0, 0, 1, $n % 12, $now[5] + 1900 + int($n / 12))
		+ ($day - 1) * 86400 + ($second // 0);
}

sub move_to { my ($time) = @_; set_clock($clock, $time); return }

move_to(time_of(0, 15));
start_with_clock($_, $clock) for $source, $target;

sub of { my ($node, $database) = @_;
	return ('-h', $node->host, '-p', $node->port, '-U', 'postgres',
	$database ? ('-d', $database) : ()) }
sub app { my ($node, $sql) = @_; return $node->safe_psql('app', $sql) }

# ---- a vault, and what it does in a month ----

$source->safe_psql('postgres', 'CREATE DATABASE app');
app($source, q{
	CREATE EXTENSION vault CASCADE;
	CREATE ROLE acme_admin LOGIN;
	CREATE ROLE acme_app LOGIN});
is(app($source,
	q{SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text)
		FROM pg_inherits WHERE inhparent = 'vault_data.audit_log'::regclass}),
	join(' ', (map { POSIX::strftime('vault_data.audit_log_%Y_%m', gmtime time_of($_, 1)) } 0, 1),
		'vault_data.audit_log_default'),
		'this month and the next have their partitions from the start');
app($source, q{SELECT vault.init()});
app($source, q{SELECT vault.create_tenant('acme', 'acme_admin')});
psql_as($source, 'acme_admin',
	q{SELECT vault.put('db/x', 'first'), vault.create_principal('app', 'user', 'acme_app'),
		vault.grant('app', '{read}', 'db/*')},
	database => 'app');

my $value = 'first';
sub work
{
	my ($name) = @_;
	$value = "value of $name";
	psql_as($source, 'acme_admin', qq{
		SELECT vault.put('db/x', '$value');
		SELECT vault.put('db/' || i, 'x') FROM generate_series(1, 5) i},
		database => 'app');
	psql_as($source, 'acme_app', q{SELECT vault.get('db/x') FROM generate_series(1, 5)},
		database => 'app');
	return;
}

my $picture =
	q{SELECT count(*) || ' ' || md5(string_agg(a::text, '' ORDER BY id)) FROM vault_data.audit_log a
		WHERE id <= %d};
my %dumped;		# file => [ newest row, picture, value ]
sub dump_to
{
	my ($file, @options) = @_;
	# The sealer says that rows have waited, as the clock has moved; this waits for it.
	app($source, 'SELECT count(*) FROM vault.verify_audit()') for 1 .. 2;
	my $newest = app($source, 'SELECT max(id) FROM vault_data.audit_log');
	command_ok([ 'pg_dump', of($source), @options, '-f', "$dir/$file", 'app' ],
		"$file: pg_dump @options");
	$dumped{$file} = [ $newest, app($source, sprintf $picture, $newest), $value ];
	return;
}

# ---- restored ----

write_file(key_directory($target) . '/root.key', read_file(key_directory($source) . '/root.key'));
command_ok([ 'pg_dumpall', of($source), '--globals-only', '-f', "$dir/globals.sql" ],
	'the globals');
run_command([ 'psql', '-X', of($target, 'postgres'), '-f', "$dir/globals.sql" ]);

sub runs_silently
{
	my ($what, @command) = @_;
	my ($stdout, $stderr) = run_command(\@command);
	is($stderr, '', "$what: without an error");
	return;
}

sub load
{
	my ($what, @options) = @_;
	my $file = pop @options;
	return runs_silently($what, 'pg_restore', of($target, 'app'), @options, "$dir/$file");
}

sub psql_load
{
	my ($what, @options) = @_;
	my $file = pop @options;
	return runs_silently($what, 'psql', '-X', '-q', of($target, 'app'), '-v', 'ON_ERROR_STOP=1',
		'-o', '/dev/null', @options, '-f', "$dir/$file");
}

# The vault's rows one table after the other, all else by several
sub load_in_parallel
{
	my ($what, $file) = @_;
	load("$what: @$_", '-e', @$_, $file)
		for [ '--section=pre-data' ], [ '--section=data', '-n', 'vault_data' ],
		[ '--section=data', '-N', 'vault_data', '-j', 2 ], [ '--section=post-data', '-j', 2 ];
	return;
}

# Compare target and source: list the rows that one of them lacks
sub difference
{
	my ($newest) = @_;
	my $rows =
		"SELECT id, at, xid, operation, decision, role, application_name, reason, tableoid::regclass
			FROM vault_data.audit_log WHERE id <= $newest ORDER BY id";
	my %source = map { $_ => 1 } split /\n/, app($source, $rows);
	my %target = map { $_ => 1 } split /\n/, app($target, $rows);
	return join "\n", (map { "lost: $_" } grep { !$target{$_} } sort keys %source),
		map { "more: $_" } grep { !$source{$_} } sort keys %target;
}

# Whole, told by one row, and going on
sub check
{
	my ($what, $file) = @_;
	my ($newest, $expected, $secret) = @{ $dumped{$file} };

	# The session of who restored it may still be ending.
	ok($target->poll_query_until('app',
		'SELECT concat_ws(chr(124), initialised, sealed, reason) FROM vault.status()',
		't|t|a dump was restored, and vault.unseal() has not been called since'),
		"$what: it says that it was restored");
	is(app($target, sprintf $picture, $newest), $expected, "$what: every row of the trail")
		or diag difference($newest);
	is(app($target, 'SELECT vault.unseal()'), 'unsealed', "$what: unsealed");
	is(app($target,
		qq{SELECT string_agg(operation || ' ' || decision || ' ' || left(reason, 23), ', ')
			FROM vault_data.audit_log WHERE id > $newest AND decision <> 'error'}),
		'restore alert restored from elsewhere, unseal allow unsealed',
		"$what: one row says that it was restored");
	is(app($target,
		q{SELECT string_agg(concat_ws(' ', tenant_name, fault, seal, id, detail), E'\n')
			FROM vault.verify_audit() WHERE NOT ok}),
		'', "$what: the trail verifies");
	is(app($target,
		q{SELECT string_agg(concat_ws(' ', object_kind, name, fault), E'\n') FROM vault.verify()
			WHERE fault <> 'trigger does not fire in every mode' AND object_kind <> 'job'}),
		'', "$what: and the vault");
	is(psql_as($target, 'acme_app', q{SELECT vault.get('db/x')}, database => 'app'), $secret,
		"$what: the value of that time");
	is(app($target, q{SELECT count(*) FROM vault_data.audit_log WHERE operation = 'restore'}), 1,
		"$what: once");
	return;
}

# ---- ways to get rid of a vault under the running server ----

sub createdb { $target->safe_psql('postgres', 'CREATE DATABASE app'); return }
my %drop = (
	nothing => sub { createdb() },
	force => sub { $target->safe_psql('postgres', 'DROP DATABASE app WITH (FORCE)'); createdb() },
	plain => sub { $target->safe_psql('postgres', 'DROP DATABASE app'); createdb() },
	extension => sub { app($target, 'DROP EXTENSION vault') },
	sealed => sub { app($target, 'SELECT vault.seal()');
	$target->safe_psql('postgres', 'DROP DATABASE app WITH (FORCE)'); createdb() },
	connected => sub {
		my $session = $target->background_psql('app', on_error_stop => 0);
		$session->query(q{SELECT count(*) FROM vault.secrets});
		$target->safe_psql('postgres', 'DROP DATABASE app WITH (FORCE)');
		createdb();
		$session->{run}->finish;
	},
	in_place => sub { });

# ---- months ----

# month 0, when the vault was made; while it is loaded others ask for this and that
work('month 0');
dump_to('month0', '-Fc');
$drop{nothing}->();
my $nuisance = fork // die "fork: $!";
if (!$nuisance)
{
	open STDOUT, '>', '/dev/null';
	open STDERR, '>', '/dev/null';
	exec 'sh', '-c',
		join(' ', 'while ! test -e', "$dir/stop", '; do',
		map { "psql -X -q @{[ of($target, 'app') ]} -c '$_';" }
		  'SELECT vault.status()', 'SET SESSION AUTHORIZATION acme_app; SELECT vault.get($$db/x$$)',
		  	'SELECT vault_data.job_partitions()', 'SELECT pg_reload_conf()') . ' done';
}
load('month 0, among callers', '-e', 'month0');
write_file("$dir/stop", '');
waitpid $nuisance, 0;
is(app($target,
	q{SELECT string_agg(operation || ' ' || decision || ' ' || left(reason, 23), ', ')
		FROM vault_data.audit_log WHERE decision = 'alert'})
	=~ s/(?:, )?restore alert restored from elsewhere//r,
	'', 'among callers: no alert but that one');
is(app($target, sprintf $picture, $dumped{month0}[0]), $dumped{month0}[1],
	'among callers: every row of the trail');
app($target, 'SELECT vault.unseal()');
is(app($target, q{SELECT count(*) FROM vault_data.audit_log WHERE operation = 'restore'}), 1,
	'among callers: one row says that it was restored');
is(app($target, q{SELECT count(*) FROM vault.verify_audit() WHERE NOT ok}), 0,
	'among callers: the trail verifies');

my @months = (
	# month, day and second of the dump; of the restore; drop; how it is dumped; how it is loaded
	[ 'the same month', [ 0, 28 ], [ 0, 28, 60 ], 'force', [ '-Fc' ], \&load ],
	[ 'over the end of a month', [ 1, 1, -2 ], [ 1, 1, 5 ], 'plain', [ '-Fc' ], \&load, '-1' ],
	[ 'the first second', [ 2, 1 ], [ 2, 1, 30 ], 'extension', [ '-Fc' ], \&load, '-e' ],
	[ 'in place', [ 2, 28 ], [ 3, 1 ], 'in_place', [ '-Fc' ], \&load, '--clean', '--if-exists',
	'-e' ],
	[ 'in place, at once', [ 3, 10 ], [ 3, 11 ], 'in_place', [ '-Fc' ], \&load, '--clean',
	'--if-exists', '-1' ],
	[ 'plain', [ 4, 15 ], [ 4, 16 ], 'connected', [ '-Fp' ], \&psql_load, '-1' ],
	[ 'plain, step by step', [ 5, 31, -3 ], [ 5, 31, 5 ], 'sealed', [ '-Fp' ], \&psql_load ],
	[ 'in parallel', [ 6, 2 ], [ 6, 2, 60 ], 'force', [ '-Fd', '-j', 2 ], \&load_in_parallel ],
	[ 'by the root', [ 6, 15 ], [ 7, 3 ], 'force', [ '-Fc', '--load-via-partition-root' ], \&load,
	'-e' ],
	[ 'INSERT', [ 7, 15 ], [ 8, 1 ], 'plain', [ '-Fp', '--rows-per-insert=100' ], \&psql_load ],
	[ 'data alone', [ 8, 15 ], [ 8, 15, 5 ], 'data',
	[ '-Fc', '--data-only', '--load-via-partition-root' ], \&load, '--data-only', '-e' ],
	[ 'column inserts', [ 9, 1 ], [ 9, 1, 5 ], 'force', [ '-Fp', '--column-inserts' ], \&psql_load,
	'-1' ],
	[ 'schema, then data', [ 9, 2 ], [ 10, 2 ], 'force', [ '-Fc' ],
	sub { my ($what, $file) = @_; load("$what: schema", '-e', '--schema-only', $file);
	load("$what: data", '-1', '--data-only', '--disable-triggers', $file) } ],
	[ 'by sections', [ 10, 15 ], [ 11, 1 ], 'force', [ '-Fc' ],
	sub { my ($what, $file) = @_; load("$what: $_", '-e', "--section=$_", $file)
	for 'pre-data', 'data', 'post-data' } ],
	[ 'after a year', [ 12, 1 ], [ 12, 29 ], 'plain', [ '-Ft' ], \&load, '-1' ],
	[ 'in parallel over the end of a year', [ 13, 1, -2 ], [ 13, 1, 5 ], 'extension', [ '-Fd' ],
	\&load_in_parallel ],
	[ 'plain over the end of a month', [ 14, 1, -2 ], [ 14, 1, 5 ], 'force', [ '-Fp' ], \&psql_load,
	'-1' ],
	[ 'with rows in the default partition', [ 20, 20 ], [ 20, 21 ], 'extension', [ '-Fc' ], \&load,
	'-e' ],
	[ 'much later', [ 21, 5 ], [ 27, 1, 1 ], 'force', [ '-Fc' ], \&load, '-e' ]);
$drop{data} = sub { $drop{force}->(); app($target, 'CREATE EXTENSION vault CASCADE') };

my $blocker;
for my $case (@months)
{
	my ($what, $made, $loaded, $drop, $dump_options, $load, @load_options) = @$case;
	my $file = $what =~ tr/ ,/_/dr;

	if ($what =~ /default/)
	{
		$blocker = $source->background_psql('app');
		$blocker->query_safe(
			'BEGIN; LOCK TABLE vault_data.audit_log_default IN ROW EXCLUSIVE MODE');
	}
	move_to(time_of(@$made));
	work($what);
	dump_to($file, @$dump_options);
	if (defined $blocker)
	{
		cmp_ok(app($source, 'SELECT count(*) FROM vault_data.audit_log_default'), '>', 10,
			"$what: there are such rows");
		$blocker->query_safe('COMMIT');
		$blocker->quit;
		undef $blocker;
		app($source, 'SELECT vault_data.job_partitions()');
		is(app($source, 'SELECT count(*) FROM vault_data.audit_log_default'), 0,
			"$what: which are moved to their month when they can be");
		is(app($source, q{SELECT count(*) FROM vault.verify_audit() WHERE NOT ok}), 0,
			"$what: and verify");
	}
	move_to(time_of(@$loaded));
	$drop{$drop}->();
	is(app($target, 'SELECT initialised, sealed, reason FROM vault.status()'),
		'f|t|the vault is not initialised', "$what: dropped, it is sealed") if $drop eq 'data';
	$load->($what, @load_options, $file);
	check($what, $file);
}

# ---- the exceptions for a restore end with it ----

sub alerts { my ($since) = @_;
	return app($target,
	"SELECT string_agg(operation || coalesce(' ' || object_kind, ''), ', ' ORDER BY id)
		FROM vault_data.audit_log WHERE id > $since AND decision = 'alert'") }
sub newest { return app($target, 'SELECT max(id) FROM vault_data.audit_log') }

my $since = newest();
my $copied = join "\t", '00000000-0000-0000-0000-000000000000', 1, '2027-01-01', 1, 'f', 'get',
  'allow';
is(sql_state($target,
	qq{COPY vault_data.audit_log (tenant_id, id, at, xid, tls, operation, decision)
		FROM PROGRAM 'echo "$copied"'},
	undef, database => 'app'), '42501', 'opened, the trail takes no COPY');
app($target, q{INSERT INTO vault_data.audit_floor (floor) VALUES ('2 years')});
app($target, q{
	COPY vault_data.anomaly_threshold (name, value) FROM PROGRAM 'echo "burst_denials	7"';
	DELETE FROM vault_data.audit_floor;
	DELETE FROM vault_data.anomaly_threshold});
app($target, 'CREATE INDEX x ON vault_data.secret (name); DROP INDEX vault_data.x');
is(alerts($since),
	'direct insert audit_floor, direct insert anomaly_threshold, direct delete audit_floor, '
	  . 'direct delete anomaly_threshold, CREATE INDEX extension, DROP INDEX extension',
	'and what a superuser does leaves alerts');
app($target, 'SELECT vault.seal()');
$since = newest();
app($target, q{
	INSERT INTO vault_data.audit_floor (floor) VALUES ('2 years');
	DELETE FROM vault_data.audit_floor;
	CREATE INDEX x ON vault_data.secret (name);
	DROP INDEX vault_data.x});
is(sql_state($target,
	q{INSERT INTO vault_data.audit_log (tenant_id, id, at, xid, tls, operation, decision)
		VALUES (gen_random_uuid(), 1, now(), '1', false, 'get', 'allow')},
	undef, database => 'app'), '42501', 'sealed, too');
is(alerts($since),
	'direct insert audit_floor, direct delete audit_floor, '
	  . 'CREATE INDEX extension, DROP INDEX extension',
	'with the same alerts');

# Restored and not opened, the vault takes rows and changes none. While a session loads rows, no
# other session opens it.
$drop{force}->();
load('again', '-e', 'month0');
$since = newest();
app($target, q{
	UPDATE vault_data.tenant SET name = name;
	DELETE FROM vault_data.audit_floor;
	CREATE FUNCTION vault_data.x() RETURNS integer LANGUAGE sql AS 'SELECT 1';
	DROP FUNCTION vault_data.x();
	DROP INDEX vault_data.audit_log_default_at});
is(alerts($since),
	'direct update tenant, CREATE FUNCTION extension, DROP FUNCTION extension, '
	  . 'DROP INDEX extension',
	'restored: what no dump does leaves alerts');
my $loader = $target->background_psql('app', on_error_stop => 0);
$loader->query_safe(q{INSERT INTO vault_data.audit_floor (floor) VALUES ('2 years')});
is(sql_state($target, 'SELECT vault.unseal()', undef, database => 'app'), '55000',
	'while a session loads rows, no other opens it');
is(sql_state($target, q{SELECT vault.get('db/x')}, 'acme_app', database => 'app'), 'VT001',
	'nor does a call');
is(app($target, 'SELECT reason FROM vault.status()'), 'a dump is being restored',
	'and that is said');
$loader->quit;
$target->poll_query_until('app', q{SELECT reason <> 'a dump is being restored' FROM vault.status()})
	or die 'it is never over';
is(psql_as($target, 'acme_app', q{SELECT vault.get('db/x')}, database => 'app'), 'value of month 0',
	'then a call does');
is(app($target, q{SELECT count(*) FROM vault_data.audit_log WHERE operation = 'restore'}), 1,
	'and it is told once');

# An edited origin is found when the vault is opened.
$drop{force}->();
load('forged', '-e', 'month0');
app($target, q{
	ALTER TABLE vault_data.audit_progress DISABLE TRIGGER ALL;
	UPDATE vault_data.audit_progress
		SET system_identifier = (SELECT system_identifier FROM pg_control_system()),
		place = (SELECT oid FROM pg_database WHERE datname = current_database()) || '/'
		|| 'vault_data.instance'::regclass::oid;
	ALTER TABLE vault_data.audit_progress ENABLE ALWAYS TRIGGER append_only;
	ALTER TABLE vault_data.audit_progress ENABLE ALWAYS TRIGGER append_only_truncate});
app($target, 'SELECT vault.unseal()');
like(app($target,
	q{SELECT string_agg(reason, ', ') FROM vault_data.audit_log WHERE decision = 'alert'}),
	qr/the state of sealing was removed or changed outside vault/,
	'a restore that hides itself leaves an alert, too')
	if app($target, q{SELECT count(*) > 0 FROM vault.verify_audit()}) eq 't';

# A restore that stopped half-way is no new vault.
$drop{force}->();
app($target, q{
	CREATE EXTENSION vault CASCADE;
	INSERT INTO vault_data.audit_log (tenant_id, id, at, xid, tls, operation, decision)
		VALUES (gen_random_uuid(), 1, now(), '1', false, 'get', 'allow')});
is(sql_state($target, 'SELECT vault.init()', undef, database => 'app'), '55000',
	'what was loaded before there was a vault does not become part of it');

# ---- a new vault where one was dropped ----

for my $drop ('force', 'plain', 'sealed')
{
	$drop{$drop}->();
	app($target, 'CREATE EXTENSION vault CASCADE');
	is(app($target, 'SELECT initialised, sealed, reason FROM vault.status()'),
		'f|t|the vault is not initialised', "$drop: what is not initialised is sealed");
	app($target, 'CREATE TABLE vault_data.x (i int); DROP TABLE vault_data.x');
	is(app($target, 'SELECT count(*) FROM vault_data.audit_log'), 0, "$drop: and has no trail yet");
	app($target, q{SELECT vault.init(); SELECT vault.create_tenant('acme', 'acme_admin')});
	psql_as($target, 'acme_admin', q{SELECT vault.put('new', 'x'); SELECT vault.get('new')},
		database => 'app');
	is(app($target,
		q{SELECT string_agg(DISTINCT operation, ' ' ORDER BY operation) FROM vault_data.audit_log}),
		'create_tenant get init put', "$drop: then it has one, of its own");
	is(app($target, q{SELECT count(*) FROM vault.verify_audit() WHERE NOT ok}), 0,
		"$drop: which verifies");
	is(app($target, q{SELECT count(*) FROM vault_data.audit_log_default}), 0,
		"$drop: and nothing of it is in the default partition");
}

$source->stop;
$target->stop;
done_testing();
