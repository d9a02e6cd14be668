# The trail's evidence: tampering of every kind, by a superuser who switched the triggers off, is
# found and located by verify_audit() and, where it shows there, by vault-audit-verify in an export.
# Forged rows are never sealed. Crashes of the sealer lose and double nothing. The kinds are the
# same in each run, the rows and seals that they hit are random: VAULT_SEED=n repeats a run.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use VaultClient;
use VaultTest;

my $seed = $ENV{VAULT_SEED} // time;
note "VAULT_SEED=$seed";
srand $seed;

my $node = new_vault_node('main',
	conf => "log_statement = none\nvault.audit_mode = queued\nrestart_after_crash = on");
my $dir = $node->basedir;
my $bindir = `"$ENV{PG_CONFIG}" --bindir`;
chomp $bindir;
my $program = "$bindir/vault-audit-verify";

# ---- a trail of many seals ----

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
	SELECT vault.create_tenant('acme', 'app');
	SELECT vault.create_tenant('globex')});
for my $batch (1 .. 8)
{
	psql_as($node, 'app',
		"SELECT vault.put('key/$batch/' || i, 'x', description => 'd')
			FROM generate_series(1, 15) i;
		SELECT vault.rename('key/$batch/1', 'renamed/$batch')");
	psql_as($node, 'app', 'SELECT ok FROM vault.verify_audit()');
}
my $tenant = $node->safe_psql('postgres',
	q{SELECT tenant_id FROM vault_data.tenant WHERE name = 'acme'});
my $checkpoint = psql_as($node, 'auditor', 'SELECT vault.audit_checkpoint()');
write_file("$dir/checkpoint", "$checkpoint\n");
write_file("$dir/key", psql_as($node, 'auditor', 'SELECT vault.audit_public_key()') . "\n");
my $seals = $node->safe_psql('postgres',
	"SELECT max(seq) FROM vault_data.audit_seal WHERE tenant_id = '$tenant'");
cmp_ok($seals, '>=', 8, 'there are seals');
is(psql_as($node, 'auditor', q{SELECT count(*) FROM vault.verify_audit() WHERE NOT ok}), 0,
	'nothing is wrong');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault_data.audit_log a
		WHERE (SELECT count(*) FROM vault_data.audit_seal s
			WHERE s.tenant_id = a.tenant_id AND s.ids @> a.id) <> 1
		AND a.at < (SELECT max(made_at) FROM vault_data.audit_checkpoint) - interval '1 second'}),
	0, 'each row is in exactly one seal');

# A superuser prepares; what the server writes about that is a row like others.
my @parts = split /\n/,
	$node->safe_psql('postgres',
	q{SELECT inhrelid::regclass FROM pg_inherits
		WHERE inhparent = 'vault_data.audit_log'::regclass});
$node->safe_psql('postgres', join ';', map { "ALTER TABLE $_ DISABLE TRIGGER ALL" } @parts,
	'vault_data.audit_log',
	map { "vault_data.audit_$_" } qw(seal progress checkpoint retired));
my $quoted = $checkpoint =~ s/'/''/gr;

# tampered(SQL [, OPTION => VALUE ...]): the faults within a transaction that is rolled back, as
# "kind|seal|id", and what the program says of an export made there. Options: with => 'checkpoint'.
sub tampered
{
	my ($sql, %opt) = @_;
	my $argument = $opt{with} ? ", E'" . ($quoted =~ s/\n/\\n/gr) . "'" : '';
	my ($rc, $out, $err) = psql_as($node, undef, <<"SQL");
BEGIN;
DO \$tamper\$ BEGIN $sql; END \$tamper\$;
SELECT fault || '|' || coalesce(seal::text, '') || '|' || coalesce(id::text, '') || '|' || detail
FROM vault.verify_audit('$opt{tenant}'$argument) WHERE NOT ok AND fault IS NOT NULL;
\\o $dir/export
SELECT vault.export_audit('$opt{tenant}');
\\o
ROLLBACK;
SQL
	return ("error: $err", 2, '') if $rc != 0;
	my ($said, $stderr) =
		run_command([ $program, '-q', '-c', "$dir/checkpoint", '-k', "$dir/key", "$dir/export" ]);
	return ($out, $? >> 8, "$said$stderr");
}

my $n = 0;

# kind NAME, SQL, WHAT verify_audit must say, WHAT the program must say (undef: it cannot see it,
# and says nothing)
sub kind
{
	my ($name, $sql, $online, $offline, %opt) = @_;
	my ($faults, undef, $said) = tampered($sql, tenant => 'acme', %opt);
	$n++;
	like($faults, $online, "$name: verify_audit");
	if (defined $offline) { like($said, $offline, "$name: vault-audit-verify") }
	else { is($said, '', "$name: vault-audit-verify sees nothing") }
	return;
}

# Random rows and seals: not the last seal, whose rows the other tests may still add to.
my @rows = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', <<"SQL");
SELECT a.id, s.seq, s.rows FROM vault_data.audit_log a
JOIN vault_data.audit_seal s ON s.tenant_id = a.tenant_id AND s.ids \@> a.id
WHERE a.tenant_id = '$tenant' AND a.secret IS NOT NULL ORDER BY a.at, a.id
SQL
sub row { return $rows[ rand @rows ] }
my $log = 'vault_data.audit_log';
my $where = "tenant_id = '$tenant'";

# ---- each column of a row ----

my %change = (
	tenant_id => q{gen_random_uuid()}, id => 'id + 1000000000000',
		at => q{at + interval '1 microsecond'}, xid => q{(xid::text::int8 + 1)::text::xid8},
	tenant => q{'x'}, principal_id => 'gen_random_uuid()', principal => q{'x'}, role => q{'x'},
	session_role => q{'x'},
	authenticated_role => q{'x'}, address => q{'10.0.0.1'}, port => '1', tls => 'NOT tls',
	application_name => q{'x'},
	request_id => q{'x'}, operation => q{'x'}, decision => q{'deny'}, object_kind => q{'x'},
	object_id => 'gen_random_uuid()',
	secret => q{'x'}, environment => q{'x'}, version => 'version + 1',
	grant_id => 'gen_random_uuid()', reason => q{'x'},
	detail => q{'{"a": "b"}'}, subject => q{'x'}, service => q{'dn:CN=x'},
	claimed_address => q{'192.0.2.1'}, mac => q{sha256('x')});
is(join(' ', sort keys %change),
	$node->safe_psql('postgres',
	q{SELECT string_agg(attname, ' ' ORDER BY attname COLLATE "C") FROM pg_attribute
	WHERE attrelid = 'vault_data.audit_log'::regclass AND attnum > 0 AND NOT attisdropped}),
	'every column of a row is tried');
for my $column (sort keys %change)
{
	my ($id, $seal) = @{ row() };
	my $moved = $column =~ /^(?:tenant_id|id)$/;
	# The last row of a seal leaves the time that the seal covers
	$moved = 1 if $column eq 'at'
		&& $node->safe_psql('postgres',
		"SELECT a.at = s.last_at FROM $log a, vault_data.audit_seal s
			WHERE a.tenant_id = '$tenant' AND a.id = $id AND s.tenant_id = a.tenant_id
			AND s.seq = $seal") eq 't';
	kind("$column of row $id",
		"UPDATE $log SET $column = $change{$column}
			WHERE $where AND id = $id AND ($column IS DISTINCT FROM $change{$column})",
		$moved ? qr/^row deleted\|$seal\|$id\|/m : qr/^row changed\|$seal\|$id\|/m,
		$column eq 'mac' ? undef : $moved
		? qr/row deleted: 1 rows of seal $seal are missing, the first is $id$/m
		: qr/row changed: the rows of seal $seal /);
}
{
	my ($id, $seal) = @{ row() };
	kind('a MAC that is taken away', "UPDATE $log SET mac = NULL WHERE $where AND id = $id",
		qr/^row changed\|$seal\|$id\|its MAC was taken away/m, undef);
	kind('a row without its MAC that is changed',
		"UPDATE $log SET mac = NULL, reason = 'x' WHERE $where AND id = $id",
		qr/^row changed\|$seal\|$id\|/m, qr/row changed: the rows of seal $seal /);
	kind('a time without an end', "UPDATE $log SET at = 'infinity' WHERE $where AND id = $id",
		qr/^row deleted\|$seal\|$id\|/m, qr/row deleted: .* of seal $seal /);
	kind('another month', "UPDATE $log SET at = at - interval '40 days' WHERE $where AND id = $id",
		qr/^row deleted\|$seal\|$id\|/m, qr/row deleted: .* of seal $seal /);
	# for the program, rows newer than the other tenant's last seal could be of that tenant
	kind('another tenant',
		"UPDATE $log SET tenant_id = (SELECT tenant_id FROM vault_data.tenant WHERE name = 'globex')
			WHERE $where AND id = $id",
		qr/^row (?:inserted|changed)\|\|$id\|/m,
		qr/\A(?:FAULT \S+: row not covered: no seal has row $id of [^\n]+\n1 faults)?\Z/,
		tenant => 'globex');
}

# ---- rows that go, come and change places ----

for my $which ('first', 'middle', 'last')
{
	my ($id, $seal) = @{ $which eq 'first' ? $rows[0] : $which eq 'last' ? $rows[-1]
		: $rows[ 1 + rand(@rows - 2) ] };
	kind("the $which row deleted", "DELETE FROM $log WHERE $where AND id = $id",
		qr/^row deleted\|$seal\|$id\|missing ids: $id$/m,
		qr/row deleted: 1 rows of seal $seal are missing, the first is $id$/m);
}
{
	my ($seal) = 2 + int rand($seals - 2);
	kind("every row of seal $seal deleted",
		"DELETE FROM $log a USING vault_data.audit_seal s
			WHERE a.tenant_id = s.tenant_id AND a.$where AND s.ids \@> a.id AND s.seq = $seal",
		qr/^row deleted\|$seal\|\d+\|.* more$/m,
		qr/row deleted: \d+ rows of seal $seal are missing/);
	my ($i, $j) = (int rand(@rows / 2 - 1), int(@rows / 2 + rand(@rows / 2)));
	my ($one, $two) = ($rows[$i][0], $rows[$j][0]);
	kind("rows $one and $two swapped",
		"UPDATE $log a
			SET operation = b.operation, secret = b.secret, object_id = b.object_id,
			detail = b.detail, mac = b.mac
		FROM $log b WHERE a.$where AND b.tenant_id = a.tenant_id
		AND (a.id, b.id) IN (($one, $two), ($two, $one))",
		qr/^row changed\|$rows[$i][1]\|$one\|.*^row changed\|$rows[$j][1]\|$two\|/ms,
		qr/row changed: the rows of seal $rows[$i][1] /);
	kind("ids $one and $two swapped",
		"UPDATE $log SET id = CASE id WHEN $one THEN $two ELSE $one END
			WHERE $where AND id IN ($one, $two)",
		qr/\|(?:$one|$two)\|.*\|(?:$one|$two)\|/s, qr/seal (?:$rows[$i][1]|$rows[$j][1]) /);
	kind("ids renumbered", "UPDATE $log SET id = id + 1 WHERE $where AND id >= $one",
		qr/^row (?:deleted|changed)\|$rows[$i][1]\|/m, qr/seal $rows[$i][1] /);
}
sub forged
{
	my (%set) = @_;
	my @columns =
		qw(tenant_id id at xid tenant principal_id principal role session_role authenticated_role
		address port tls application_name request_id operation decision object_kind object_id secret
		environment version grant_id reason detail subject service claimed_address mac);
	return "INSERT INTO $log SELECT " . join(', ', map { $set{$_} // $_ } @columns)
		. " FROM $log WHERE $where AND id = $set{of}";
}
{
	my ($id) = @{ row() };
	my $new = $id + 1;
	kind('a forged row', forged(of => $id, id => $new, secret => q{'forged'}),
		qr/^row inserted\|\|$new\|/m, qr/row not covered: no seal has row $new /);
	kind('a forged row without MAC', forged(of => $id, id => $new, mac => 'NULL::bytea'),
		qr/^row inserted\|\|$new\|/m, qr/row not covered: no seal has row $new /);
	kind('a genuine row a second time', forged(of => $id, at => q{at + interval '1 microsecond'}),
		qr/^row (?:inserted|changed)\|\d*\|$id\|/m, qr/row $id |row changed/);
	my $head = $rows[0][0] - 10;
	kind('a row before the first',
		forged(of => $id, id => $head, at => "(SELECT min(at) - interval '1 day' FROM $log)"),
		qr/^row inserted\|\|$head\|/m, qr/row not covered: no seal has row $head /);
}

# ---- seals ----

my %change_seal = (
	month => q{month - 31}, rows => 'rows + 1', without_mac => 'without_mac + 1',
		total_rows => 'total_rows + 1', first_at => q{first_at - interval '1 second'},
	last_at => q{last_at + interval '1 second'}, rows_hash => q{sha256('x')},
	previous => q{sha256('x')}, sealed_at => q{sealed_at + interval '1 second'},
	ids => q{ids + '{[1,2)}'}, hash => q{sha256('x')}, mac => q{sha256('x')});
for my $column (sort keys %change_seal)
{
	my $seal = 2 + int rand($seals - 3);
	my $next = $seal + 1;
	kind("$column of seal $seal",
		"UPDATE vault_data.audit_seal SET $column = $change_seal{$column}
			WHERE $where AND seq = $seal",
		qr/^seal changed\|$seal\|/m,
		$column =~ /^(?:hash|mac)$/ ? undef : qr/chain broken: seal (?:$seal|$next) /);
}
{
	my $seal = 3 + int rand($seals - 4);
	my $next = $seal + 1;
	my $table = 'vault_data.audit_seal';
	kind("seal $seal deleted", "DELETE FROM $table WHERE $where AND seq = $seal",
		qr/^seal missing\|$seal\|.*^row not covered\|\|/ms, qr/seal missing: $seal to $seal/);
	kind("seal $seal and its rows deleted",
		"DELETE FROM $log a USING $table s
			WHERE a.tenant_id = s.tenant_id AND a.$where AND s.ids \@> a.id AND s.seq = $seal;
		DELETE FROM $table WHERE $where AND seq = $seal", qr/^seal missing\|$seal\|/m,
		qr/seal missing: $seal to $seal/);
	kind("the first seals cut off, with their rows",
		"DELETE FROM $log a USING $table s
			WHERE a.tenant_id = s.tenant_id AND a.$where AND s.ids \@> a.id AND s.seq < $seal;
		DELETE FROM $table WHERE $where AND seq < $seal", qr/^head cut\|1\|/m,
		qr/head cut: the first seal is $seal/);
	kind("the last seals cut off, with their rows",
		"DELETE FROM $log a USING $table s
			WHERE a.tenant_id = s.tenant_id AND a.$where AND s.ids \@> a.id AND s.seq > $seal;
		DELETE FROM $table WHERE $where AND seq > $seal",
		qr/^tail cut\|$next\|.*\bthe checkpoint has/m,
		qr/tail cut: the checkpoint has $seals seals, the trail ends at $seal/,
		with => 'checkpoint');
	kind("the same, and no checkpoint is given: the one stored shows it",
		"DELETE FROM $log a USING $table s
			WHERE a.tenant_id = s.tenant_id AND a.$where AND s.ids \@> a.id AND s.seq > $seal;
		DELETE FROM $table WHERE $where AND seq > $seal", qr/^tail cut\|$next\|.*stored here/m,
		qr/tail cut/);
	kind("numbers of two seals swapped", qq{
		UPDATE $table SET seq = -seq WHERE $where AND seq IN ($seal, $next);
		UPDATE $table SET seq = CASE -seq WHEN $seal THEN $next ELSE $seal END
			WHERE $where AND seq < 0},
		qr/^seal changed\|$seal\|.*^seal changed\|$next\|/ms, qr/chain broken/);
	kind("a seal added at the end",
		"INSERT INTO $table SELECT tenant_id, $seals + 1, month, rows, without_mac, total_rows, ids,
			first_at, last_at, rows_hash, hash, sealed_at, hash, mac
			FROM $table WHERE $where AND seq = $seals",
		qr/^seal changed\|@{[$seals + 1]}\|/m, qr/chain broken|row deleted/);
	kind("the seals numbered anew after a gap", qq{
		DELETE FROM $table WHERE $where AND seq = $seal;
		UPDATE $table SET seq = -seq WHERE $where AND seq > $seal;
		UPDATE $table SET seq = -seq - 1 WHERE $where AND seq < 0},
		qr/^seal changed\|$seal\|/m, qr/chain broken: seal $seal /);
	kind('rows deleted, and said to be retired', qq{
		DELETE FROM $log WHERE $where;
		INSERT INTO vault_data.audit_retired
			VALUES ('$tenant', date_trunc('month', now() AT TIME ZONE 'UTC'), 1, now(),
			sha256('x'))},
		qr/^retirement forged\|\|.*^row deleted\|/ms,
		qr/row deleted: .*; no sealed row says that \d{4}-\d\d was retired/);
	kind('the state of sealing changed',
		'UPDATE vault_data.audit_progress SET floor_id = floor_id + 1', qr/^state changed\|/m,
		undef);
	kind('the state of sealing removed', 'DELETE FROM vault_data.audit_progress',
		qr/^state changed\|/m, undef);
}
cmp_ok($n, '>=', 30, "$n kinds of tampering");
is((tampered('PERFORM 1', tenant => 'acme', with => 'checkpoint'))[0], '',
	'without tampering nothing is found');
is((tampered('PERFORM 1', tenant => 'acme', with => 'checkpoint'))[2], '', 'nor offline');

# ---- the export and the checkpoint themselves ----

$node->safe_psql('postgres', 'SELECT 1');
psql_as($node, 'auditor', "\\o $dir/trail\nSELECT vault.export_audit()\n;\\o");
my $trail = read_file("$dir/trail");

# offline(NAME, EXIT STATUS, PATTERN, TRAIL [, CHECKPOINT [, KEY [, OPTIONS ...]]])
sub offline
{
	my ($name, $status, $pattern, $text, $note, $key, @options) = @_;
	write_file("$dir/trail2", $text);
	write_file("$dir/checkpoint2", $note // "$checkpoint\n");
	write_file("$dir/key2", $key // read_file("$dir/key"));
	my ($said, $stderr) =
		run_command([ $program, '-c', "$dir/checkpoint2", '-k', "$dir/key2", @options,
		"$dir/trail2" ]);
	is($? >> 8, $status, "$name: exit status $status");
	like("$said$stderr", $pattern, $name);
	return;
}
offline('an export', 0, qr/anchored until seal $seals by the checkpoint.*everything fits/s, $trail);
my @lines = split /^/m, $trail;
my @at = grep { $lines[$_] =~ /$tenant","id"/ } 0 .. $#lines;
my $at = $at[ 20 + rand(@at - 40) ];
my ($id) = $lines[$at] =~ /"id":(\d+)/;
offline('a letter changed', 1, qr/row changed: the rows of seal \d+ /, join '',
	@lines[ 0 .. $at - 1 ], $lines[$at] =~ s/"operation":"./"operation":"X/r,
	@lines[ $at + 1 .. $#lines ]);
offline('a line left out', 1, qr/row deleted: 1 rows of seal \d+ are missing, the first is $id/,
	join '', @lines[ 0 .. $at - 1 ], @lines[ $at + 1 .. $#lines ]);
offline('a line twice', 1, qr/row inserted: row $id is there twice/, join '', @lines[ 0 .. $at ],
	@lines[ $at .. $#lines ]);
offline('cut in the middle', 1, qr/row deleted|tail cut/, join '', @lines[ 0 .. $at ]);
offline('nothing', 1, qr/the trail is empty/, '');
offline('garbage', 1, qr/line 1 is not one of an exported trail/, "\x00\xff{}\n" . ('x' x 100000));
offline('a checkpoint that says less', 1, qr/its signature does not fit its text/, $trail,
	($checkpoint =~ s/ $seals / @{[ $seals - 1 ]} /r) . "\n");
offline('a checkpoint that is none', 1, qr/it is no checkpoint that this key signed/, $trail,
	"vault\n");
offline('a key that is none', 2, qr/it is not a public key of vault/, $trail, undef, 'x');
my $part = psql_as($node, 'auditor',
	"SELECT vault.export_audit('acme',
		(SELECT first_at FROM vault.audit_seals WHERE tenant = 'acme' AND seq = 3),
		(SELECT last_at FROM vault.audit_seals WHERE tenant = 'acme' AND seq = 5))");
offline('some seals only', 0, qr/begins at seal [23].*not anchored/s, "$part\n", undef, undef,
	'--partial');
offline('the same, and it is not said that it is a part', 1, qr/head cut: the first seal is [23]/,
	"$part\n");
is(system("$program -c $dir/key $dir/trail >/dev/null 2>&1") >> 8, 2,
	'a checkpoint without a key is a mistake of usage');
is(system("$program $dir/nothing >/dev/null 2>&1") >> 8, 2, 'a file that is not there, too');

# ---- a row that is forged before it is sealed is never sealed, and there is an alert ----

my $alerts =
	q{SELECT count(*) FROM vault_data.audit_log
		WHERE operation = 'seal trail' AND decision = 'alert'};
my $before = $node->safe_psql('postgres', $alerts);
my $forged = $id + 2;
$node->safe_psql('postgres',
	forged(of => $id, id => "$forged + 0 * id", xid => 'pg_current_xact_id()', mac => 'NULL::bytea',
	secret => q{'forged'}));
like(psql_as($node, 'auditor',
	q{SELECT fault, id FROM vault.verify_audit('acme') WHERE NOT ok AND fault IS NOT NULL}),
	qr/^row inserted\|$forged$/, 'a row forged without a MAC is not sealed');
is($node->safe_psql('postgres', $alerts), $before + 1, 'and there is an alert');
$node->safe_psql('postgres', "DELETE FROM $log WHERE id = $forged");
$node->safe_psql('postgres', forged(of => $id, id => $forged, xid => 'pg_current_xact_id()'));
like(psql_as($node, 'auditor',
	q{SELECT fault, id FROM vault.verify_audit('acme') WHERE NOT ok AND fault IS NOT NULL}),
	qr/^row inserted\|$forged$/, 'nor one with the MAC of another');
is($node->safe_psql('postgres', $alerts), $before + 2, 'an alert again, one');
$node->safe_psql('postgres', "DELETE FROM $log WHERE id = $forged");
psql_as($node, 'auditor', 'SELECT ok FROM vault.verify_audit()') for 1 .. 3;
is($node->safe_psql('postgres', $alerts), $before + 2, 'and no more');

# ---- a long transaction's rows come late, and nothing waits for them ----

my $long = VaultClient->new($node, 'app');
$long->query('BEGIN');
$long->query(q{SELECT vault.put('late', 'x')});
psql_as($node, 'app', q{SELECT vault.put('in/time', 'x')});
is(psql_as($node, 'auditor', q{SELECT ok FROM vault.verify_audit('acme') WHERE fault IS NULL}), 't',
	'others are sealed while a transaction runs');
my $late = sub {
	return $node->safe_psql('postgres',
		q{SELECT string_agg(
			(SELECT count(*) FROM vault_data.audit_seal s
				WHERE s.tenant_id = a.tenant_id AND s.ids @> a.id)::text, ',' ORDER BY a.id)
		FROM vault_data.audit_log a WHERE secret IN ('late', 'in/time') AND operation = 'put'});
};
is($late->(), '1', 'the one in time is');
$long->query('COMMIT');
ok($node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM vault_data.audit_log a
		JOIN vault_data.audit_seal s ON s.tenant_id = a.tenant_id AND s.ids @> a.id
	WHERE secret = 'late' AND operation = 'put'}), 'the late one is sealed, afterwards');
is($late->(), '1,1', 'once');
is(psql_as($node, 'auditor', q{SELECT count(*) FROM vault.verify_audit() WHERE NOT ok}), 0,
	'and all fits');
$long->query('BEGIN');
$long->query(q{SELECT vault.put('prepared', 'x')});

# ---- crashes while steps are made ----

for my $round (1 .. soak_rounds(3, 20))
{
	my @clients = map { VaultClient->new($node, 'app') } 1 .. 2;
	for my $i (1 .. 2)
	{
		$clients[ $i - 1 ]->send(
			"SELECT vault.put('crash/$round/$i/' || n, 'x') FROM generate_series(1, 400) n");
	}
	my $waiting = VaultClient->new($node, 'auditor');
	$waiting->send('SELECT ok FROM vault.verify_audit()');
	Time::HiRes::sleep(rand 0.2);
	my $sealer = $node->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'vault sealer'});
	crash_backend($node, $sealer) if $sealer;
	is(psql_as($node, 'auditor', q{SELECT count(*) FROM vault.verify_audit() WHERE NOT ok}), 0,
		"crash $round: all fits");
}
my $crashed_until = $node->safe_psql('postgres', 'SELECT max(id) FROM vault_data.audit_log');
ok($node->poll_query_until('postgres',
	qq{SELECT count(*) = 0 FROM vault_data.audit_log a WHERE a.id <= $crashed_until
	AND NOT EXISTS (SELECT FROM vault_data.audit_seal s
		WHERE s.tenant_id = a.tenant_id AND s.ids \@> a.id)}),
	'no row was left out');
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault_data.audit_seal a
		JOIN vault_data.audit_seal b ON a.tenant_id = b.tenant_id AND a.seq < b.seq
		AND a.ids && b.ids}),
	0, 'and none was sealed twice');

# ---- sealed: no steps, no loss ----

$node->safe_psql('postgres', 'SELECT vault.seal()');
is(sql_state($node, q{SELECT vault.put('while/sealed', 'x')}, 'app'), 'VT001', 'sealed');
is(sql_state($node, q{SELECT * FROM vault.verify_audit()}, 'auditor'), 'VT001',
	'verify_audit needs the key');
$node->safe_psql('postgres', 'SELECT vault.unseal()');
is(psql_as($node, 'auditor', q{SELECT count(*) FROM vault.verify_audit() WHERE NOT ok}), 0,
	'what was written meanwhile is sealed');
cmp_ok($node->safe_psql('postgres', 'SELECT sum(without_mac) FROM vault_data.audit_seal'), '>', 0,
	'as rows without a MAC');
$node->stop;

done_testing();
