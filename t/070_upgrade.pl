# A vault goes on after an upgrade to another major version: by pg_upgrade (copied and linked), by
# dump and restore (plain and custom), as pg_upgradecluster does it, and by a standby made anew.
# Every value and row is there, and a checkpoint from before anchors the trail. Jobs run and keys
# rotate. The vault is held until it is adopted, and vault.repair() mends what was switched off.
#
# The commands are those of docs/operations.md. The other servers come from VAULT_OTHER_PG_CONFIGS
# (pg_config programs, with blanks between them), or else from Debian's packages. They are copied,
# and vault is built for the copy and installed into it.
use strict;
use warnings;

use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $database = 'app';
my $page = read_file('docs/operations.md');
my $work = PostgreSQL::Test::Utils::tempdir();
my (%block, %used);

# ---- the servers ----

sub ask
{
	my ($config, $what) = @_;
	my $answer = `"$config" $what`;
	die "$config $what failed" if $?;
	chomp $answer;
	return $answer;
}

# Name the parts that a server lacks for an upgrade, or ''
sub lacking
{
	my ($config) = @_;
	my %file = (
		'its files for extensions' => ask($config, '--pgxs'),
		'pg_cron' => ask($config, '--sharedir') . '/extension/pg_cron.control',
		'pg_upgrade' => ask($config, '--bindir') . '/pg_upgrade');
	return join ', ', grep { !-e $file{$_} } sort keys %file;
}

sub major { return ask($_[0], '--version') =~ /^PostgreSQL (\d+)/ ? $1
	: die "$_[0] says no version" }

# Other majors that vault is for, by version; and why others are none, as text
sub other_servers
{
	my @configs = defined $ENV{VAULT_OTHER_PG_CONFIGS} ? split(' ', $ENV{VAULT_OTHER_PG_CONFIGS})
		: glob('/usr/lib/postgresql/*/bin/pg_config');
	my (%server, @reasons);

	for my $config (grep { -x $_ } @configs)
	{
		my $version = major($config);
		my $lacks = lacking($config);

		next if $version == major($ENV{PG_CONFIG}) || $version < 15 || $version > 18;
		$server{$version} = $config if $lacks eq '';
		push @reasons, "$version lacks $lacks" if $lacks ne '';
	}
	return \%server, join('; ', @reasons);
}

sub run_or_die
{
	my ($log, @command) = @_;
	open my $out, '>>', $log or die "$log: $!";
	print $out "\$ @command\n";
	close $out;
	system("cd '$work' && { @command; } >>'$log' 2>&1") == 0 or die "failed: @command\n"
		. read_file($log);
	return;
}

# PostgreSQL finds its files beside its programs, so a copy of them is a server of its own.
sub private_copy
{
	my ($version, $config) = @_;
	my $root = "$work/server-$version";
	my $log = "$work/build-$version.log";
	my $bindir = ask($config, '--bindir');

	for my $what (qw(--bindir --pkglibdir --sharedir --includedir))
	{
		my $from = ask($config, $what);
		my ($top) = $from =~ m{^(/usr|/usr/local/pgsql|.*?)/(?:lib|share|include)/}
			or die "$from is of no layout that can be copied";
		next if -e $root . substr($from, length $top);
		make_path($root . substr($from, length $top));
		run_or_die($log,
			"cp -a --no-preserve=ownership '$from/.' '$root" . substr($from, length $top) . "'");
	}
	my ($top) = $bindir =~ m{^(/usr|/usr/local/pgsql|.*?)/lib/};
	my $mine = $root . substr($bindir, length $top) . '/pg_config';
	run_or_die($log,
		"cp -a --no-preserve=ownership '$ENV{VAULT_SOURCE_DIR}' '$work/source-$version'");
	run_or_die($log, "make -s -C '$work/source-$version' clean PG_CONFIG='$mine'");
	run_or_die($log, "make -s -j\$(nproc) -C '$work/source-$version' install PG_CONFIG='$mine'");
	return $mine;
}

# ---- the page ----

# Blocks with names: what the page shows is what is run.
sub read_blocks
{
	while
		(
		$page =~
		/^<!-- not run: by t\/070_upgrade\.pl as "([a-z_]+)" -->\n```(sh|sql)\n(.*?)^```/msg)
	{
		die "two blocks are called $1" if $block{$1};
		$block{$1} = { kind => $2, text => $3 };
	}
	return;
}

# run_block(NAME, DIRECTORY, NODE, NAME => VALUE ... for the environment): whether each command
# succeeded, and what they printed
sub run_block
{
	my ($name, $dir, $node, %env) = @_;
	my $text = $block{$name}{text} // die "docs/operations.md has no block $name";
	my $bindir = $node->config_data('--bindir');

	$used{$name} = 1;
	local %ENV = (%ENV, PATH => "$bindir:$ENV{PATH}", PGHOST => $node->host, PGPORT => $node->port,
		PGUSER => 'postgres', PGDATABASE => $database,
		LD_LIBRARY_PATH => ask("$bindir/pg_config", '--libdir')
		. ($ENV{LD_LIBRARY_PATH} ? ":$ENV{LD_LIBRARY_PATH}" : ''), %env);
	write_file("$dir/block",
		$block{$name}{kind} eq 'sh' ? $text
		: "psql -X -A -t -v ON_ERROR_STOP=1 <<'END'\n${text}END\n");
	my ($out, $err) = run_command([ 'bash', '-e', '-c', "cd '$dir' && . ./block" ]);
	my $rc = $?;
	note("$name: $out\n$err");
	return ($rc == 0, $out, $err);
}

# ---- servers with a vault ----

sub settings
{
	my ($node, $port_of_keys) = @_;
	my $keys = key_directory($port_of_keys);
	return <<"CONF";
shared_preload_libraries = 'pg_cron,vault'
cron.database_name = '$database'
cron.use_background_workers = on
vault.database = '$database'
vault.root_key_source = 'file:$keys/root.key'
max_worker_processes = 20
log_statement = none
autovacuum = on
CONF
}

# A cluster of a server, with or without settings, which is not started
sub cluster
{
	my ($name, $config, $source, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name,
		install_path => ask($config, '--bindir') =~ s{/bin$}{}r);
	my @options = major($config) >= 18 ? '--no-data-checksums' : ();

	$node->init(allows_streaming => 1, extra => [ '-U', 'postgres', @options ]);
	# of the newer module for tests
	$node->adjust_conf('postgresql.conf', 'autovacuum_worker_slots', undef) if major($config) < 18;
	if (!defined $source)
	{
		mkdir key_directory($node), 0700 or die "keys: $!";
		$source = $node;
	}
	$node->append_conf('postgresql.conf', settings($node, $source)) unless $opt{bare};
	return $node;
}

sub in_app { my ($node, $sql) = @_; return $node->safe_psql($database, $sql) }
sub as { my ($node, $role, $sql) = @_;
	return scalar psql_as($node, $role, $sql, database => $database) }

sub fill
{
	my ($node) = @_;
	create_vault($node, database => $database);
	in_app($node, q{
		CREATE ROLE app LOGIN;
		CREATE ROLE "Other App" LOGIN;
		CREATE ROLE reader LOGIN;
		CREATE ROLE pool LOGIN;
		CREATE ROLE rotated LOGIN;
		CREATE ROLE stranger LOGIN;
		CREATE ROLE operator LOGIN IN ROLE vault_admin;
		CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
		SELECT vault.create_tenant('acme', 'app');
		SELECT vault.create_tenant('globex', 'Other App');
		CREATE SCHEMA checks;
		CREATE FUNCTION checks.pin(value text) RETURNS text LANGUAGE sql IMMUTABLE
			AS $$ SELECT CASE WHEN value !~ '^[0-9]{6}$' THEN 'six digits are asked' END $$;
		SELECT vault.create_type('pin', 'six digits', validator => 'checks.pin(text)');
		SELECT vault.allow_rotation('rotated', 'acme');
		SELECT vault.allow_tokens('pool', tenant => 'acme')});
	as($node, 'app', q{
		SELECT vault.set_environments('{default,prod,staging}');
		SELECT vault.put('service/' || i, 'value ' || i || ' of ' || v,
			environment => CASE i % 3 WHEN 0 THEN 'prod' ELSE 'default' END)
		FROM generate_series(1, 100) i, generate_series(1, 3) v;
		SELECT vault.put('entry/pin', '123456', type => 'pin'),
			vault.put('bytes', '\x00ff00'::bytea), vault.put('long', repeat('0123456789', 20000));
		SELECT vault.put('json', '{"a": [1, 2, {"b": "c"}]}'::jsonb, type => 'json');
		SELECT vault.put('deleted', 'recoverable'); SELECT vault.delete('deleted');
		SELECT vault.put('off', 'not in use'); SELECT vault.deactivate('off', 'a test');
		SELECT vault.put('db/password', 'to be replaced', type => 'password');
		SELECT vault.set_rotation('db/password', 'monthly', 'postgres_role', '{"user": "rotated"}',
			overlap => '0');
		SELECT vault.rotate('db/password');
		SELECT vault.create_principal('reader', db_role => 'reader');
		SELECT vault.grant('reader', '{read}', 'service/*', environments => '{default,prod}');
		SELECT vault.grant('reader', '{read}', 'service/1', effect => 'deny');
		SELECT vault.create_role('team'); SELECT vault.add_member('team', 'reader')});
	as($node, 'Other App',
		q{SELECT vault.put('db/password', 'of globex'), vault.put('web/key', 'x')});
	in_app($node, q{SELECT vault.rotate_tenant_key('acme'); SELECT vault.rotate_root_key()});
	as($node, 'app', q{SELECT vault.put('after', 'of the second keys')});
	as($node, 'reader', q{SELECT vault.get('service/' || i) FROM generate_series(2, 98, 3) i});
	$node->{token} = as($node, 'app', q{SELECT vault.issue_token('reader', '10 hours')});
	$node->poll_query_until($database, q{SELECT count(*) > 20 FROM vault.usage})
		or die 'no usage is counted';
	$node->poll_query_until($database,
		q{SELECT count(*) >= 4 FROM pg_inherits WHERE inhparent = 'vault_data.audit_log'::regclass})
		or die 'no partitions';
	return;
}

# Rows that must be the same; reads and the seals of the trail go on.
sub picture
{
	my ($node, $newest) = @_;
	my %picture;

	for my $table (split /\n/,
		in_app($node,
		q{SELECT c.relname FROM pg_class c
			WHERE relnamespace = 'vault_data'::regnamespace AND relkind = 'r' AND NOT relispartition
		AND relname !~ '^(origin$|audit_|usage_|call_|.*_count|secret_reader|activity)'
		ORDER BY 1}))
	{
		$picture{$table} = in_app($node,
			"SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, ',' ORDER BY x::text)), '')
				FROM vault_data.$table x");
	}
	$picture{trail} = in_app($node,
		"SELECT count(*) || ' ' || md5(string_agg(x::text, ',' ORDER BY id))
			FROM vault_data.audit_log x WHERE id <= $newest");
	$picture{$_} = in_app($node,
		"SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, ',' ORDER BY x::text)), '')
			FROM vault.$_ x")
	  for qw(tenants root_keys tenant_keys grants principals secrets versions rotation_roles);
	$picture{usage} = in_app($node, q{SELECT count(*) > 20 FROM vault.usage});
	return \%picture;
}

sub jobs_of { my ($node) = @_;
	return in_app($node,
	q{SELECT string_agg(jobname || ' ' || command || ' ' || username, ',' ORDER BY jobname)
		FROM cron.job}) }

my $values =
	q{SELECT s.environment, s.name, v.version,
		CASE s.name WHEN 'bytes' THEN vault.get_bytes(s.name, v.version, s.environment)::text
		ELSE md5(vault.get(s.name, v.version, s.environment)) END
	FROM vault.secrets s JOIN vault.versions v USING (tenant, name, environment)
	WHERE s.state = 'active' AND v.destroyed_at IS NULL
	AND (s.name <> 'db/password' OR v.version = s.current_version) ORDER BY 1, 2, 3};
sub values_of { my ($node) = @_;
	return as($node, 'app', $values) . "\n" . as($node, 'Other App', $values) }

# The contents of a running server, and the checkpoint of before
sub keep_picture
{
	my ($node) = @_;
	my ($dir, $name) = ($node->basedir, $node->name);

	fill($node);
	$node->{values} = values_of($node);
	cmp_ok(($node->{values} =~ tr/\n//), '>', 300, "$name: hundreds of versions");
	is(in_app($node, q{SELECT count(*) FROM vault.verify()}), 0, "$name: all is well");
	$node->{newest} = in_app($node, 'SELECT max(id) FROM vault_data.audit_log');
	$node->{picture} = picture($node, $node->{newest});
	$node->{jobs} = jobs_of($node);
	cmp_ok(scalar(keys %{ $node->{picture} }), '>', 30, "$name: many tables are compared");
	my ($ok) = run_block('before', $dir, $node);
	ok($ok && -s "$dir/checkpoint.txt" && -s "$dir/audit.key",
		"$name: a checkpoint, and the public key");
	return $node;
}

sub original
{
	my ($name, $config) = @_;
	my $node = cluster($name, $config);

	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->restart;		# the workers look for it when they start
	return keep_picture($node);
}

# ---- checks after an upgrade ----

sub check_held
{
	my ($what, $node) = @_;
	isnt(in_app($node, 'SELECT held FROM vault.status()'), '', "$what: it is held");
	is(sql_state($node, 'SELECT vault.rotate_root_key()', 'operator', database => $database),
		'VT015', "$what: and makes no new root key");
	return;
}

sub check_same
{
	my ($what, $node, $from) = @_;
	my $picture = picture($node, $from->{newest});

	is(values_of($node), $from->{values}, "$what: every value");
	is_deeply($picture, $from->{picture}, "$what: every row");
	return;
}

# Until a job was run by pg_cron, as its role
sub check_jobs
{
	my ($what, $node) = @_;
	in_app($node,
		q{UPDATE cron.job SET schedule = '* * * * *'
			WHERE jobname IN ('vault:rewrap', 'vault:rotate')});
	ok($node->poll_query_until($database,
		q{SELECT count(*) = 2 FROM vault.jobs
			WHERE outcome = 'succeeded' AND job IN ('vault:rewrap', 'vault:rotate')}),
		"$what: jobs run")
	  or diag(in_app($node, 'SELECT * FROM vault.jobs'));
	quiet_jobs($node, $database);
	return;
}

sub check_goes_on
{
	my ($what, $node, $from) = @_;
	my $pid = VaultClient->new($node, 'pool', database => $database);

	is(as($node, 'app', q{SELECT vault.put('service/1', 'next')}), 4, "$what: numbering goes on");
	is(sql_state($node, q{SELECT vault.put('entry/pin', '12345x', type => 'pin')}, 'app',
		database => $database), 'VT013', "$what: the validator refuses");
	is(sql_state($node, q{SELECT vault.get('service/1')}, 'reader', database => $database), '42501',
		"$what: the denial is in force");
	is(as($node, 'reader', q{SELECT vault.get('service/2')}), 'value 2 of 3',
		"$what: and so is what is allowed");
	is(sql_state($node, q{SELECT vault.put('x', 'y', environment => 'prd')}, 'app',
		database => $database), '22023', "$what: environments are declared");
	is($pid->query(q{BEGIN})->{state} . $pid->query("SELECT vault.login('$from->{token}')")->{state}
		. $pid->query(q{SELECT vault.get('service/2')})->{state}, '00000' x 3,
		"$what: a token of before");
	$pid->close;
	in_app($node, 'SELECT vault.seal()');
	is(sql_state($node, q{SELECT vault.get('after')}, 'app', database => $database), 'VT001',
		"$what: it seals");
	is(in_app($node, 'SELECT vault.unseal()'), 'unsealed', "$what: and unseals");
	is(sql_state($node, $_, 'operator', database => $database), '00000', "$what: $_")
		for 'SELECT vault.rotate_root_key()', q{SELECT vault.rotate_tenant_key('acme')},
		'SELECT vault.rewrap()';
	is(as($node, 'app', q{SELECT vault.rotate('db/password')}), 3,
		"$what: a role's password is rotated");
	isnt(in_app($node, q{SELECT rolpassword FROM pg_authid WHERE rolname = 'rotated'}), '',
		"$what: and set");
	check_jobs($what, $node);
	is(in_app($node, q{SELECT count(*) FROM vault.verify()}), 0, "$what: verify() has no rows");
	is(in_app($node, q{SELECT bool_and(ok) FROM vault.verify_audit()}), 't',
		"$what: nor a trail that does not hold");
	return;
}

# The block "after", and what it must print: a reason to look at each row that repair() gives
sub adopt
{
	my ($what, $node, $repaired) = @_;
	my ($ok, $out) = run_block('after', $node->basedir, $node);

	ok($ok, "$what: the page's statements");
	like($out, $repaired, "$what: what was mended");
	like($out, qr/^f\|\|$/m, "$what: unsealed, not held, without problems");
	unlike($out, qr/^(?:catalog|job|tenant|secret|grant|acme|globex)\|/m,
		"$what: verify() and verify_audit() list nothing");
	return;
}

sub check_anchor
{
	my ($what, $node, $from) = @_;
	my $dir = $node->basedir;

	if ($dir ne $from->basedir)
	{
		write_file("$dir/$_", read_file($from->basedir . "/$_")) for 'checkpoint.txt', 'audit.key';
	}
	my ($ok, $out) = run_block('anchor', $dir, $node);
	ok($ok, "$what: the checkpoint of before anchors the trail, without the database too");
	like($out, qr/^t$/m, "$what: and in it");
	like($out, qr/everything fits/, "$what: the offline program says so");
	is(in_app($node,
		q{SELECT count(*) FROM vault_data.audit_log
			WHERE operation = 'restore' AND decision = 'alert'}),
		1, "$what: the trail tells of the upgrade, once");
	return;
}

# Everything, in the order that the page has. Options: repaired, what repair() says where something
# was switched off; brief, for a way that differs from another one in nothing but how it comes here.
sub check_upgraded
{
	my ($what, $node, $from, %opt) = @_;
	is(sealed_reason($node, database => $database), '', "$what: unsealed");
	check_held($what, $node);
	check_same($what, $node, $from);
	adopt($what, $node, $opt{repaired} // qr/\AALTER EXTENSION\n\nf\|\|\z/);
	quiet_jobs($node, $database);
	is(jobs_of($node), $from->{jobs}, "$what: the jobs");
	check_anchor($what, $node, $from);
	check_goes_on($what, $node, $from) unless $opt{brief};
	return;
}

# ---- the ways ----

my $unknown_option = qr/unrecognized parameter "pg_attver"/;

# pg_upgrade writes where it fails into the new cluster.
sub is_unknown_option
{
	my ($new, $said) = @_;
	my @logs = split /\n/, `find '${\ $new->data_dir}' -name 'pg_upgrade_*.log' 2>/dev/null`;
	return grep { $_ =~ $unknown_option } $said, map { read_file($_) } @logs;
}

# upgrade(BLOCK, ORIGINAL, CONFIG, OPTION => VALUE ...): the new cluster, started; undef if the two
# servers cannot do it with any cluster
sub upgrade
{
	my ($name, $old, $config, %opt) = @_;
	my $new = cluster($old->name . "_$name", $config, $old, %opt);
	my ($ok, $out, $err);

	$old->stop if -e $old->data_dir . '/postmaster.pid';
	($ok, $out, $err) = run_block($name, $new->basedir, $new,
		PGBINOLD => $old->config_data('--bindir'), PGBINNEW => $new->config_data('--bindir'),
		PGDATAOLD => $old->data_dir, PGDATANEW => $new->data_dir, PGPORTOLD => $old->port,
		PGPORTNEW => $new->port, PGDATABASE => 'postgres', PGHOST => '');
	if (!$ok && is_unknown_option($new, "$out$err"))
	{
		return;
	}
	ok($ok, $old->name . ": $name") or diag("$out$err");
	return $new;
}

# A standby of the upgraded server, made anew as the page says, that takes its place
sub check_standby
{
	my ($what, $primary, $config) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($primary->name . '_standby',
		install_path => ask($config, '--bindir') =~ s{/bin$}{}r);
	my $values = values_of($primary);

	$primary->backup('base');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	$primary->wait_for_catchup($standby->name);
	is(in_app($standby, 'SELECT reason FROM vault.status()'), 'this is a standby server',
		"$what: a standby is made anew");
	$primary->stop;
	$standby->promote;
	$standby->poll_query_until($database, 'SELECT NOT sealed FROM vault.status()')
		or die 'the standby is not unsealed';
	is(values_of($standby), $values, "$what: and takes the place of the primary");
	is(in_app($standby, q{SELECT count(*) FROM vault.verify()}), 0,
		"$what: with nothing to be found");
	$standby->stop;
	return;
}

# Load the globals first. The role that restores is there already, and no other error may be
# reported.
sub globals_are_loaded
{
	my ($what, $said) = @_;
	is(join("\n", grep { /ERROR|error:/ && !/role "postgres" already exists/ } split /\n/, $said),
		'', "$what: nothing but that a role exists");
	return;
}

sub restore_custom
{
	my ($what, $old, $config) = @_;
	my $new = cluster($old->name . '_custom', $config, $old);
	$new->start;
	write_file($new->basedir . "/$_", read_file($old->basedir . "/$_"))
		for 'globals.sql', 'app.dump';
	my ($ok, $out, $err) = run_block('restore', $new->basedir, $new);
	ok($ok, "$what: the page's commands");
	globals_are_loaded($what, $err);
	like($out, qr/unsealed/, "$what: the last of which unseals");
	check_upgraded($what, $new, $old);
	$new->stop;
	return;
}

# The same with a plain dump, step by step
sub restore_plain
{
	my ($what, $old, $config) = @_;
	my $new = cluster($old->name . '_plain', $config, $old);
	my @to = ('-X', '-q', '-h', $new->host, '-p', $new->port, '-U', 'postgres');
	$new->start;
	my (undef, $said) =
		run_command([ $new->config_data('--bindir') . '/psql', @to, '-f',
		$old->basedir . '/globals.sql', 'postgres' ]);
	globals_are_loaded($what, $said);
	$new->safe_psql('postgres', "CREATE DATABASE $database");
	in_app($new, 'CREATE EXTENSION pg_cron');
	(undef, $said) =
		run_command([ $new->config_data('--bindir') . '/psql', @to, '-1', '-v', 'ON_ERROR_STOP=1',
		'-f', $old->basedir . '/app.sql', $database ]);
	is($said, '', "$what: it is loaded in one transaction");
	isnt(sealed_reason($new, database => $database), '', "$what: sealed");
	is(in_app($new, 'SELECT vault.unseal()'), 'unsealed', "$what: until it is unsealed");
	check_upgraded($what, $new, $old, brief => 1);
	$new->stop;
	return;
}

# The steps of pg_upgradecluster by default: schemas by pg_dumpall, then the data with
# triggers disabled
sub restore_as_upgradecluster
{
	my ($what, $old, $config, $dump) = @_;
	my $new = cluster($old->name . '_dumped', $config, $old);
	my $bin = $new->config_data('--bindir');
	my ($from, $to) = map { "-h '" . $_->host . "' -p " . $_->port . ' -U postgres' } $old, $new;
	my $log = $new->basedir . '/restore.log';

	$new->start;
	my $schema = "$dump/pg_dumpall $from -s --quote-all-identifiers";
	my $data = "$dump/pg_dump $from -Fc --quote-all-identifiers $database";
	my $restore = "$bin/pg_restore $to --data-only -d $database --disable-triggers";
	system("$schema | $bin/psql $to -qX postgres >'$log' 2>&1");
	system("$data | $restore --no-data-for-failed-tables >>'$log' 2>&1");
	note(read_file($log));
	in_app($new, 'SELECT vault.unseal()');
	check_dumped($what, $new, $old);
	$new->stop;
	return;
}

# Nothing of it is silent, and one call mends it.
sub check_dumped
{
	my ($what, $new, $old) = @_;
	my $lost_cron = !in_app($new, q{SELECT count(*) FROM pg_extension WHERE extname = 'pg_cron'});

	cmp_ok(in_app($new,
		q{SELECT count(*) FROM vault.verify()
			WHERE object_kind = 'catalog' AND fault = 'trigger does not fire in every mode'}),
		'>', 50, "$what: triggers that a restore has left");
	is(in_app($new,
		q{SELECT count(*) FROM vault.verify()
			WHERE object_kind NOT IN ('catalog', 'job') OR fault NOT LIKE 'trigger%'
			AND object_kind = 'catalog'}),
		0, "$what: and nothing else of the catalogue");
	like(in_app($new, 'SELECT problems FROM vault.status()'),
		qr/\d+ objects: trigger does not fire in every mode/, "$what: status() says so");
	is(in_app($new, q{SELECT fault FROM vault.verify() WHERE name = 'pg_cron'}),
		$lost_cron ? 'pg_cron is not installed in this database: no job runs' : '',
		"$what: so it does of pg_cron");
	is($lost_cron, $old->pg_version->major == 15,
		"$what: which 15 loses, as its own is in another schema");
	check_upgraded($what, $new, $old,
		repaired => $lost_cron ? qr/it fires always again.*pg_cron was installed.*it was scheduled/s
		: qr/it fires always again/);
	like(in_app($new,
		q{SELECT string_agg(reason, '; ') FROM vault.audit
			WHERE operation = 'repair' AND decision = 'alert'}),
		qr/\d+ objects: trigger does not fire in every mode/,
		"$what: the trail keeps what was wrong");
	return;
}

# Linked, into a cluster without any setting: not loaded, the vault does nothing, and its trail
# cannot be changed.
sub check_linked
{
	my ($what, $old, $config) = @_;
	my $new = upgrade('link', $old, $config, bare => 1) // return;

	$new->start;
	my ($rc, undef, $said) = $new->psql($database, 'SELECT vault.status()');
	like($said, qr/vault is not loaded by the server/,
		"$what: without the settings every call says so");
	isnt(($new->psql($database, 'DELETE FROM vault_data.audit_log'))[0], 0,
		"$what: and the trail stays append-only");
	$new->append_conf('postgresql.conf', settings($new, $old));
	$new->restart;
	check_upgraded($what, $new, $old);
	$new->stop;
	return;
}

# Debian's command itself works with the installed servers only.
sub installed_for_debian
{
	my ($source) = read_file('vault--1.0.sql');
	return -x '/usr/bin/pg_upgradecluster'
	  && !grep { my $file = "/usr/share/postgresql/$_/extension/vault--1.0.sql";
	  	!-r $file || !-e "/usr/lib/postgresql/$_/lib/vault.so" || read_file($file) ne $source } @_;
}

sub debian_cluster
{
	my ($name, $from) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => "/usr/lib/postgresql/$from");
	mkdir key_directory($node), 0700 or die "keys: $!";
	write_file($node->basedir . '/vault.conf', settings($node, $node), 0644);
	my ($host, $port, $base) = ($node->host, $node->port, $node->basedir);
	run_or_die("$base/debian.log",
		"pg_createcluster -p $port -s '$host' -d '$base/pgdata' $from $name -- --auth=trust");
	run_or_die("$base/debian.log",
		"cat '$base/vault.conf' >> \"\$PG_CLUSTER_CONF_ROOT/$from/$name/postgresql.conf\"");
	run_or_die($node->basedir . '/debian.log', "pg_ctlcluster $from $name start");
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	run_or_die($node->basedir . '/debian.log', "pg_ctlcluster $from $name restart");
	return keep_picture($node);
}

sub check_upgradecluster
{
	my ($from, $to, $dumped) = @_;
	my $name = $dumped ? 'dumped' : 'upgraded';
	my $what = "pg_upgradecluster, $name";
	my $old = debian_cluster($name, $from);
	my $new = PostgreSQL::Test::Cluster->new("${name}_new",
		install_path => "/usr/lib/postgresql/$to");
	my ($ok, $out, $err);

	if ($dumped)
	{
		my $data = $new->basedir . '/pgdata';
		$ok = system(
			"pg_upgradecluster -v $to $from $name $data >'$work/upgradecluster' 2>&1") == 0;
		$out = read_file("$work/upgradecluster");
	}
	else
	{
		($ok, $out, $err) = run_block('pg_upgradecluster', $new->basedir, $old, old => $from,
			new => $to, cluster => $name);
	}
	ok($ok, "$what: it succeeds") or diag($out . ($err // ''));
	return unless $ok;
	@$new{'_host', '_port'} = @$old{'_host', '_port'};
	in_app($new, 'SELECT vault.unseal()') if $dumped;
	if ($dumped) { check_dumped($what, $new, $old) }
	else { check_upgraded($what, $new, $old, brief => 1) }
	run_or_die("$work/debian.log", "pg_dropcluster --stop $to $name; pg_dropcluster $from $name");
	return;
}

# ---- the runs ----

read_blocks();
my ($others, $reasons) = other_servers();
plan skip_all => 'upgrades need a second major version with pg_cron and the files for extensions '
  . '(VAULT_OTHER_PG_CONFIGS): ' . ($reasons || 'there is none')
  unless %$others;

for my $version (sort keys %$others)
{
	my %config = (major($ENV{PG_CONFIG}) => $ENV{PG_CONFIG},
		$version => private_copy($version, $others->{$version}));
	my ($from, $to) = sort keys %config;
	my $what = "$from to $to";
	my $old = original("v${from}_$to", $config{$from});
	my $new = upgrade('pg_upgrade', $old, $config{$to});
	my $dump = ask($config{ $new ? $to : $from }, '--bindir');

  SKIP:
	{
		skip "$what: pg_upgrade fails for every cluster of these two servers: $unknown_option", 1
			unless $new;
		$new->start;
		check_upgraded("$what, pg_upgrade", $new, $old);
		check_standby("$what, pg_upgrade", $new, $config{$to});
	}
	$old->start;
	my ($ok, $out, $err) = run_block('dump', $old->basedir, $old, PATH => "$dump:$ENV{PATH}");
	ok($ok, "$what: a dump") or diag($err);
	command_ok([ "$dump/pg_dump", '-h', $old->host, '-p', $old->port, '-U', 'postgres', '-f',
		$old->basedir . '/app.sql', $database ], "$what: a plain one");
	restore_custom("$what, custom dump", $old, $config{$to});
	restore_plain("$what, plain dump", $old, $config{$to});
	restore_as_upgradecluster("$what, as pg_upgradecluster dumps", $old, $config{$to}, $dump);
	check_linked("$what, pg_upgrade --link", $old, $config{$to}) if $new;
	$old->stop if -e $old->data_dir . '/postmaster.pid';
  SKIP:
	{
		skip "$what: pg_upgradecluster works with installed servers, "
		  . 'and this vault is not installed in both', 1
		  unless installed_for_debian($from, $to);
		skip "$what: pg_upgradecluster needs pg_upgrade, see above", 1 unless $new;
		make_path("$work/etc");
		local $ENV{PG_CLUSTER_CONF_ROOT} = "$work/etc";
		local $ENV{PATH} = "/usr/bin:$ENV{PATH}";
		check_upgradecluster($from, $to, $_) for 0, 1;
	}
}
my @not_run = grep { !$used{$_} && $_ ne 'pg_upgradecluster' && $_ ne 'link' } sort keys %block;
is("@not_run", '', 'every block of the page was run');
unlike($page, qr/^```sh\n(?<!-->\n```sh\n)/m, 'and every one of shell has a mark');
done_testing();
