# vault.verify() finds every change, at random, by a superuser of the rows that decide, and a
# session that had read before is refused. The vault's own work never looks like that: rotations
# and rewrap, dump and restore, and any number of changes while it looks.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultTest;

my $seed = $ENV{VAULT_SEED} // int(rand(1_000_000));
srand($seed);
diag("VAULT_SEED=$seed");

my $conf = "log_statement = none\n";
my $node = new_vault_node('main', conf => $conf);
my $dir = $node->basedir;

$node->safe_psql('postgres', q{
	CREATE ROLE admin_a LOGIN;
	CREATE ROLE admin_b LOGIN;
	CREATE ROLE admin_c LOGIN;
	CREATE ROLE app LOGIN;
	CREATE ROLE web;
	CREATE ROLE rotated_a LOGIN;
	CREATE ROLE rotated_b LOGIN;
	CREATE ROLE operator LOGIN IN ROLE vault_admin;
	SELECT vault.create_tenant('a', 'admin_a'), vault.create_tenant('b', 'admin_b'),
		vault.create_tenant('c', 'admin_c'), vault.create_tenant('gone', 'admin_a');
	SELECT vault.destroy_tenant('gone', 'gone');
	SELECT vault.suspend_tenant('b'), vault.resume_tenant('b'),
		vault.set_recovery_window('9 days', 'b')});
for my $tenant ('a', 'b')
{
	psql_as($node, "admin_$tenant", q{
		SELECT vault.create_principal('p' || i) FROM generate_series(1, 5) i;
		SELECT vault.grant('p' || i, '{read,write}', 'app/' || i || '/**',
			CASE WHEN i > 2 THEN '{default,prod}'::text[] END,
			CASE i WHEN 4 THEN 'deny' ELSE 'allow' END)
			FROM generate_series(1, 5) i;
		SELECT vault.put('app/' || i % 5 || '/' || i, 'value xK7qM9 ' || i,
			type => CASE i WHEN 3 THEN 'password' ELSE 'generic' END)
			FROM generate_series(1, 12) i;
		SELECT vault.put('app/1/1', repeat('long', 1000));
		SELECT vault.put('app/1/1', 'pending', label => 'pending');
		SELECT vault.put('app/2/2', 'second', expires_at => now() + interval '1 year');
		SELECT vault.rollback('app/2/2');
		SELECT vault.delete('app/3/3'), vault.deactivate('app/4/4', 'test'),
			vault.rename('app/0/5', 'app/0/renamed'), vault.tag('app/1/6', '{"a": "b"}');
		SELECT vault.put('app/2/7', 'second'), vault.destroy('app/2/7', 1);
		SELECT vault.create_principal('dropped');
		SELECT vault.grant('dropped', '{read}', '**');
		SELECT vault.drop_principal('dropped');
		SELECT vault.set_audit_retention('8 years');
		SELECT vault.set_rotation('app/1/1', 'weekly', time_window => 'sun 02:00-04:00 UTC'),
			vault.rotate('app/1/1');
		SELECT vault.create_role('team'), vault.add_member('team', 'p1');
		SELECT vault.grant('p5', '{read}', 'app/**', addresses => '{10.0.0.0/8}',
			windows => '{mon-fri 09:00-17:00 Europe/Berlin}', require_tls => true,
			valid_until => now() + interval '1 year');
		SELECT vault.add_issuer('idp', 'https://idp.example', 'vault',
			'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
				"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
			claim_mapping => '{"groups": "groups"}');
		SELECT vault.add_subject('p1', 'idp', 'one'),
			vault.add_subject('p2', 'idp', 'two-*', match => 'pattern'),
			vault.map_group('idp', 'team', 'team');
		SELECT vault.set_type_policy('password', min_length => 9, classes => '{lower}',
			warn_at => '{2 days}');
		SELECT vault.issue_token('p1', '1 hour'), vault.issue_token('p2', '1 hour')});
	$node->safe_psql('postgres',
		"SELECT vault.allow_tokens('web', '$tenant'),
			vault.allow_rotation('rotated_$tenant', '$tenant')");
}
$node->safe_psql('postgres', q{SELECT vault.reserve_role('app', 'a')});
psql_as($node, 'admin_a', q{
	SELECT vault.create_principal('app', db_role => 'app');
	SELECT vault.grant('app', '{read}', '**')});

sub findings
{
	my ($where, $what) = @_;
	return $where->safe_psql('postgres',
		'SELECT object_kind, name, fault FROM vault.verify() ORDER BY 1, 2, 3' . ($what // ''));
}
is(findings($node), '', 'nothing to find');

# ---- the vault's own work ----

for my $round (1 .. 2)
{
	$node->safe_psql('postgres',
		q{SELECT vault.rotate_root_key(); SELECT vault.rotate_tenant_key('a')});
	is(findings($node), '', 'after the rotation of keys');
	my $moved = 1;
	while ($moved > 0)
	{
		$moved = $node->safe_psql('postgres', 'SELECT vault.rewrap(5)');
		is(findings($node), '', "after rewrap of $moved") if $round == 1;
	}
	is(findings($node), '', 'after rewrap');
	is(psql_as($node, 'app', q{SELECT count(value) FROM vault.get_many('**')}), 10,
		'every value is readable');
}
$node->restart;
is(findings($node), '', 'after a restart');

# While others write. Each child makes changes of its own until all are made.
my @children;
for my $n (1 .. 2)
{
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		my $script = join '', map { qq{
			SELECT vault.put('busy/$n', 'value $_');
			SELECT vault.put('busy/$n/$_', 'x');
			SELECT vault.deactivate('busy/$n', 'test');
			SELECT vault.reactivate('busy/$n', 'test');
			SELECT vault.revoke(vault.grant('p$n', '{read}', 'busy/$_'));
			SELECT vault.create_principal('busy-$n-$_');
			SELECT vault.drop_principal('busy-$n-$_');\n} } 1 .. 120;
		my ($rc, undef, $error) = psql_as($node, $n == 1 ? 'admin_a' : 'admin_b', $script);
		print STDERR $error if $rc != 0;
		require POSIX;
		POSIX::_exit($rc == 0 ? 0 : 1);
	}
	push @children, $pid;
}
my $looks = 0;
my $false_alarms = '';
my %running = map { $_ => 1 } @children;
while (%running)
{
	$false_alarms .= findings($node);
	$looks++;
	$node->safe_psql('postgres', q{SELECT vault.rotate_tenant_key('a')}) if $looks % 5 == 0;
	$node->safe_psql('postgres', 'SELECT vault.rewrap(50)') if $looks % 2 == 0;
	for my $pid (keys %running)
	{
		next if waitpid($pid, 1) != $pid;    # WNOHANG
		is($?, 0, 'a writer has done its work');
		delete $running{$pid};
	}
}
is($false_alarms, '', "no false alarm in $looks looks while others wrote");
is(findings($node), '', 'nor afterwards');

# ---- a dump, restored ----

my @from = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');
command_ok([ 'pg_dumpall', @from, '--globals-only', '-f', "$dir/globals.sql" ],
	'pg_dumpall --globals-only');
command_ok([ 'pg_dump', @from, '-Fc', '-f', "$dir/custom", 'postgres' ], 'pg_dump -Fc');
command_ok([ 'pg_dump', @from, '-f', "$dir/plain.sql", 'postgres' ], 'pg_dump');
command_ok([ 'pg_dump', @from, '--schema-only', '-f', "$dir/schema.sql", 'postgres' ],
	'pg_dump --schema-only');
command_ok([ 'pg_dump', @from, '--data-only', '--disable-triggers', '--load-via-partition-root',
	'-f', "$dir/data.sql", 'postgres' ], 'pg_dump --disable-triggers');

for my $how ('custom', 'plain', 'disabled triggers')
{
	my $target = new_vault_node($how =~ s/ /_/r, no_start => 1, conf => $conf);
	write_file(key_directory($target) . '/root.key', read_file(key_directory($node) . '/root.key'));
	$target->start;
	my @to = ('-h', $target->host, '-p', $target->port, '-U', 'postgres', '-d', 'postgres');
	$target->safe_psql('postgres', q{
		CREATE ROLE other_numbers;
		DROP ROLE other_numbers;
		CREATE TABLE moves_oids ();
		DROP TABLE moves_oids});
	run_command([ 'psql', '-X', '-q', @to, '-f', "$dir/globals.sql" ]);
	my @restore = $how eq 'custom' ? (['pg_restore', @to, '--exit-on-error', "$dir/custom"])
	  : $how eq 'plain'
	  	? (['psql', '-X', '-q', @to, '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql"])
	  : (['psql', '-X', '-q', @to, '-v', 'ON_ERROR_STOP=1', '-f', "$dir/schema.sql"],
		['psql', '-X', '-q', @to, '-v', 'ON_ERROR_STOP=1', '-f', "$dir/data.sql"]);
	for my $command (@restore)
	{
		my (undef, $stderr) = run_command($command);
		unlike($stderr, qr/ERROR|error:/, "$how: restored");
	}
	$target->safe_psql('postgres', 'SELECT vault.unseal()');
	isnt($target->safe_psql('postgres', q{SELECT oid FROM pg_roles WHERE rolname = 'app'}),
		$node->safe_psql('postgres', q{SELECT oid FROM pg_roles WHERE rolname = 'app'}),
		"$how: roles have other numbers");
	if ($how eq 'disabled triggers')
	{
		# PostgreSQL enables them again, but no longer in every mode
		like(findings($target),
			qr/^(catalog\|\S+: trigger \S+\|trigger does not fire in every mode\n?)+$/,
			"$how: which is found");
		$target->safe_psql('postgres', q{
			SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname)
				FROM pg_trigger
			WHERE tgrelid::regclass::text LIKE 'vault_data.%' AND NOT tgisinternal
			AND tgparentid = 0 \gexec});
	}
	is(findings($target), '', "$how: nothing to find");
	is(psql_as($target, 'app', q{SELECT count(value) FROM vault.get_many('app/**')}), 10,
		"$how: every value is readable");
	psql_as($target, 'admin_a',
		q{SELECT vault.put('app/1/1', 'after'); SELECT vault.grant('p1', '{read}', 'after')});
	is(findings($target), '', "$how: life goes on");
	$target->stop;
}

# ---- at random ----

# The values that a column of this name may be changed to
my %value = (
	tenant_id => q{(SELECT tenant_id FROM vault_data.tenant t WHERE t.name = 'c')},
	principal_id =>
	q{(SELECT id FROM vault_data.principal p
			WHERE p.tenant_id = x.tenant_id AND p.id <> x.principal_id LIMIT 1)},
	id => 'gen_random_uuid()',
	created_by => 'gen_random_uuid()',
	fingerprint => q{'\x00'},
	kind => q{CASE kind WHEN 'user' THEN 'service' ELSE 'user' END},
	state => q{CASE state WHEN 'active' THEN 'suspended' ELSE 'active' END},
	effect => q{CASE effect WHEN 'deny' THEN 'allow' ELSE 'deny' END},
	recovery_window => q{'77 days'},
	permissions => q{permissions || '{list}'},
	name_pattern => q{name_pattern || 'x'},
	type => q{CASE type WHEN 'generic' THEN 'password' ELSE 'generic' END},
	current_version => 'current_version',
	previous_version => 'CASE WHEN previous_version IS NULL THEN current_version + 100 END',
	pending_version => 'CASE WHEN pending_version IS NULL THEN current_version + 100 END',
	last_version => 'last_version + 1',
	step => q{CASE step WHEN 'done' THEN 'failed' ELSE 'done' END},
	mac => q{set_byte(mac, %d, get_byte(mac, %1$d) # 1)},
	revision => 'revision + 1',
	match => q{CASE match WHEN 'exact' THEN 'pattern' ELSE 'exact' END},
);
$value{envelope} =
	q{set_byte(vault_data.envelope_send(envelope), 72 + %d,
		get_byte(vault_data.envelope_send(envelope), 72 + %1$d) # 1)::vault.envelope};
$value{current_version} =
	'CASE WHEN current_version > 1 THEN current_version - 1 ELSE 2 END,
		last_version = last_version + 1, previous_version = NULL';

# A name that the empty tenant has too must not refuse the change
my %beside = (principal => { tenant_id => q{, name = name || 'x'} });

# Nor the number of another version, nor that its envelope is there
$beside{secret_version} = { version => ' + 100000', destroyed_at => ', envelope = NULL' };

# Every column that a MAC covers, as the catalogue has them; types and the home are of no tenant,
# see sql/type_policies.sql and sql/hold.sql
my (%columns, %type);
for (split /\n/, $node->safe_psql('postgres', q{
	SELECT t.relname, a.attname, a.atttypid::regtype FROM pg_trigger g
		JOIN pg_class t ON t.oid = g.tgrelid
		JOIN pg_attribute m ON m.attrelid = t.oid AND m.attname = 'mac'
	JOIN pg_attribute a ON a.attrelid = t.oid
	AND a.attnum BETWEEN 1 AND m.attnum AND NOT a.attisdropped
	WHERE g.tgname = 'write_mac' AND t.relname NOT IN ('secret_type', 'origin')
	ORDER BY 1, a.attnum}))
{
	my ($table, $column, $type) = split /\|/;
	push @{ $columns{$table} }, $column;
	$value{$column} //= { uuid => 'gen_random_uuid()', text => "coalesce($column, '') || 'x'",
		boolean => "NOT coalesce($column, false)",
		'timestamp with time zone' => "coalesce($column, now()) - interval '1 second'",
		integer => "coalesce($column, 0) + 1", jsonb => "$column || '{\"other\": 1}'",
		interval => "coalesce($column, '0') + interval '1 second'",
		'interval[]' => "coalesce($column, '{}') || '{3 days}'",
		'text[]' => "coalesce($column, '{}') || '{other}'" }->{$type}
		// die "no other value for $table.$column ($type)";
}
push @{ $columns{secret_version} }, 'envelope';

sub edit
{
	my ($table, $column) = @_;
	$column = 'created_at' if $column eq 'tenant_id' && $table eq 'tenant';
	my $byte = int(rand(32));
	my $set = ($value{$column} =~ s/%(1\$)?d/$byte/gr) . ($beside{$table}{$column} // '');
	return ($table, "UPDATE vault_data.$table x SET $column = $set WHERE "
		. row($table, $table eq 'secret_version' ? 'envelope IS NOT NULL' : undef));
}

# A row of tenant a by chance
sub row
{
	my ($table, $condition) = @_;
	my $where = q{tenant_id = (SELECT tenant_id FROM vault_data.tenant WHERE name = 'a')}
		. (defined $condition ? " AND $condition" : '');
	my $count = $node->safe_psql('postgres', "SELECT count(*) FROM vault_data.$table WHERE $where");
	my $at = int(rand($count));
	return
		"ctid = (SELECT ctid FROM vault_data.$table
			WHERE $where ORDER BY tenant_id, ctid OFFSET $at LIMIT 1)";
}

my @tables = sort keys %columns;
my %kinds = (
	edit => sub {
		my $table = $tables[ rand @tables ];
		return edit($table, $columns{$table}[ rand @{ $columns{$table} } ]);
	},
	delete => sub {
		my $table = (grep { $_ ne 'tenant' } @tables)[ rand(@tables - 1) ];
		return ($table, "DELETE FROM vault_data.$table WHERE " . row($table));
	},
	insert => sub {
		my $table = (qw(principal access_grant secret))[ rand 3 ];
		my $name = $table eq 'access_grant' ? '' : q{, name = 'made'};
		my $row = row($table);
		return ($table, qq{
			CREATE TEMP TABLE made AS SELECT * FROM vault_data.$table WHERE $row;
			UPDATE made SET id = gen_random_uuid()$name;
			INSERT INTO vault_data.$table SELECT * FROM made});
	},
	swap => sub {
		my ($one, $two) = (row('secret', q{name < 'app/2'}), row('secret', q{name > 'app/2'}));
		return ('secret', qq{
			CREATE TEMP TABLE made AS SELECT * FROM vault_data.secret WHERE $one;
			DELETE FROM vault_data.secret WHERE id = (SELECT id FROM made);
			UPDATE made SET (name, environment, id) =
				(SELECT name, environment, id FROM vault_data.secret WHERE $two);
			DELETE FROM vault_data.secret WHERE $two;
			INSERT INTO vault_data.secret SELECT * FROM made});
	},
	old => sub {
		my $secret = (qw(app/1/1 app/2/2 app/4/4))[ rand 3 ];
		my $change = (q{tag('%s', '{"c": "d"}'); SELECT vault.rename('%1$s', 'elsewhere')},
			q{delete('%s')}, q{rename('%s', 'elsewhere')})[ rand 3 ];
		$change = sprintf $change, $secret;
		return ('secret', qq{
			CREATE TEMP TABLE made AS SELECT * FROM vault_data.secret WHERE name = '$secret';
			SET LOCAL ROLE admin_a;
			SELECT vault.$change;
			RESET ROLE;
			UPDATE vault_data.secret s
				SET (name, purge_at, deleted_at, revision, mac) =
					(m.name, m.purge_at, m.deleted_at, m.revision, m.mac)
				FROM made m WHERE s.id = m.id});
	});

# Made and undone under a superuser whose statement must work
sub found
{
	my ($what, $kind, $table, $change) = @_;
	my $off = $kind eq 'old' ? '' : "ALTER TABLE vault_data.$table DISABLE TRIGGER ALL;";
	my ($rc, $found, $error) = psql_as($node, 'postgres', qq{
		BEGIN;
		$off $change;
		SELECT 'found ' || concat_ws(' ', object_kind, name, fault) FROM vault.verify()
			WHERE object_kind <> 'catalog';
		ROLLBACK});
	like($found, qr/^found /m, "$what in $table") or diag("$change\n$error");
}

for my $table (@tables)
{
	found("edit of $_", 'edit', edit($table, $_)) for @{ $columns{$table} };
	found('delete', 'delete', $table, "DELETE FROM vault_data.$table WHERE " . row($table))
		if $table ne 'tenant';
}
for my $round (1 .. soak_rounds(30))
{
	my @kinds = sort keys %kinds;
	my $kind = $kinds[ rand @kinds ];
	found("round $round, $kind", $kind, $kinds{$kind}->());
}
is(findings($node), '', 'undone, there is nothing to find');

# ---- committed, under a session that has read before ----

my $app = VaultClient->new($node, 'app');
my $admin = VaultClient->new($node, 'admin_a');
my $get = sub { my ($client) = @_;
	return $client->query('SELECT vault.get($1)', 'app/1/6')->{state} };
is($get->($_), '00000', 'a session reads') for $app, $admin;
for my $case (
	[ 'principal', q{kind = 'user'}, q{kind = 'service'}, q{name = 'app'}, 'VT004', '00000' ],
	[ 'principal_binding', q{created_at = created_at - interval '1 hour'},
	q{created_at = created_at + interval '1 hour'}, q{role_name = 'app'}, 'VT004', '00000' ],
	[ 'access_grant', q{permissions = '{read,write}'}, q{permissions = '{read}'},
	q{principal_id = (SELECT id FROM vault_data.principal WHERE name = 'app')}, 'VT004', '00000' ],
	[ 'tenant', q{recovery_window = '90 days'}, q{recovery_window = '30 days'}, q{name = 'a'},
	'VT004', 'VT004' ],
	[ 'secret', q{deactivated_at = now()}, 'deactivated_at = NULL', q{name = 'app/1/6'}, 'VT004',
	'VT004' ])
{
	my ($table, $to, $back, $where, @states) = @$case;
	for my $triggers ('', 'ALTER TABLE vault_data.%s DISABLE TRIGGER USER; ')
	{
		my $off = sprintf $triggers, $table;
		$node->safe_psql('postgres', "$off UPDATE vault_data.$table SET $to WHERE $where");
		is($get->($app), $states[0], "$table changed" . ($off && ' silently') . ': refused');
		is($get->($admin), $states[1], 'and another principal of the tenant');
		is($node->safe_psql('postgres', q{SELECT operator FROM vault.whoami()}), 't',
			'an operator is one');
		like(findings($node, q{ LIMIT 1 OFFSET 0}), qr/./, 'and verify tells');
		$node->safe_psql('postgres', "UPDATE vault_data.$table SET $back WHERE $where");
		$node->safe_psql('postgres',
			qq{SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname)
				FROM pg_trigger
			WHERE tgrelid = 'vault_data.$table'::regclass AND NOT tgisinternal \\gexec}) if $off;
		is($get->($app), '00000', 'put back, it is as it was');
		is(findings($node), '', 'for verify too');
	}
}

# ---- tables that it cannot read ----

$node->safe_psql('postgres', 'SELECT vault.seal()');
is(sql_state($node, 'SELECT count(*) FROM vault.verify()'), 'VT001',
	'sealed, nothing can be verified');
is($get->($app), 'VT001', 'nor read');
$node->safe_psql('postgres', 'SELECT vault.unseal()');
is($get->($app), '00000', 'unsealed, the session knows who it is');
is(findings($node), '', 'and nothing was found to have changed');

done_testing();
