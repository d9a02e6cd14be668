# vault-audit-verify does not believe an export that has no signature. Its header, its lines about
# retired months and its end excuse no seal and no row. Beside a checkpoint, a row that it does not
# anchor is a fault (exit status 1) or could not be checked (2); the quiet mode does not hide that.
# A part is checked as one only with --partial.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main', conf => "log_statement = none\nvault.audit_mode = queued");
my $dir = $node->basedir;
my $bindir = `"$ENV{PG_CONFIG}" --bindir`;
chomp $bindir;
my $program = "$bindir/vault-audit-verify";

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE other LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE vault_auditor;
	SELECT vault.create_tenant('acme', 'app')});
# Wait until every row is sealed. A busy server may commit a record later than newer ones are
# sealed.
sub await_seals
{
	$node->poll_query_until('postgres',
		q{SELECT value = 0 FROM vault.metrics WHERE metric = 'audit_unsealed_rows'})
		or die 'rows stay without a seal';
	return;
}
sub checkpoint { await_seals();
	return psql_as($node, 'auditor', 'SELECT vault.audit_checkpoint()') . "\n" }
sub export_of { return psql_as($node, 'auditor', "SELECT vault.export_audit($_[0])") . "\n" }
sub batch { return psql_as($node, 'app',
	"SELECT vault.put('key/' || i, 'x') FROM generate_series(1, 5) i")
	&& psql_as($node, 'app', 'SELECT ok FROM vault.verify_audit()') }
batch() for 1 .. 3;
my $older = checkpoint();
$node->safe_psql('postgres', q{SELECT vault.create_tenant('globex', 'other')});
psql_as($node, 'other', q{SELECT vault.put('key', 'x')});
batch() for 1 .. 3;
my $equal = checkpoint();
await_seals();
my $export = export_of(q{'acme'});
my $globex = export_of(q{'globex'});
my $all = export_of('');
batch() for 1 .. 2;
my $newer = checkpoint();
write_file("$dir/key", psql_as($node, 'auditor', 'SELECT vault.audit_public_key()') . "\n");
my ($tenant) = $export =~ /"tenant_id":"([^"]+)"/;
my ($globex_id) = $globex =~ /"tenant_id":"([^"]+)"/;
my ($seals) = $export =~ /.*"seal":(\d+)/s;
cmp_ok($seals, '>=', 6, 'there are seals');

# check(TRAIL, CHECKPOINT or undef [, OPTION ...]): the exit status, what it printed, what it said
# on the standard error
sub check
{
	my ($trail, $note, @options) = @_;
	write_file("$dir/trail", $trail);
	write_file("$dir/checkpoint", $note) if defined $note;
	push @options, '-c', "$dir/checkpoint", '-k', "$dir/key" if defined $note;
	my ($out, $err) = run_command([ $program, @options, "$dir/trail" ]);
	return ($? >> 8, $out, $err);
}

# says(NAME, STATUS, WHERE (1: output, 2: standard error), PATTERN, TRAIL, CHECKPOINT [, OPTION
# ...]), also when quiet
sub says
{
	my ($name, $status, $where, $pattern, @arguments) = @_;
	for my $quiet ('', '-q')
	{
		my @said = check(@arguments, $quiet || ());
		is($said[0], $status, "$name: exit status $status" . ($quiet && ', quiet'))
			or diag "$said[1]$said[2]";
		like($said[$where], $pattern, "$name: told" . ($quiet && ', quiet'));
	}
	return;
}

# fits(NAME, PATTERN, TRAIL, CHECKPOINT [, OPTION ...]): and, when quiet, says nothing at all
sub fits
{
	my ($name, $pattern, @arguments) = @_;
	my @said = check(@arguments);
	is($said[0], 0, "$name: exit status 0") or diag "$said[1]$said[2]";
	like($said[1], $pattern, $name);
	is($said[2], '', "$name: without a doubt");
	is(join('', check(@arguments, '-q')), '0', "$name: nothing to tell");
	return;
}

# edit TRAIL, NAME => VALUE: a member of the header, which is its first line
sub edit
{
	my ($trail, $name, $value) = @_;
	$trail =~ s/\A([^\n]*?"$name":)"[^"]*"/$1"$value"/ or die "no $name";
	return $trail;
}

# without TRAIL, CODE: without the seals whose numbers CODE takes, and without their rows
sub without
{
	my ($trail, $is_cut) = @_;
	my %cut;
	for (split /^/m, $trail)
	{
		next unless /^\{"tenant_id":"$tenant","seal":(\d+),.*"ids":"([^"]+)"/ && $is_cut->($1);
		for my $range (split /,/, $2) { my ($first, $last) = split /-/, $range; $cut{$_} = 1
			for $first .. $last // $first }
	}
	return join '', grep {
		/^\{"tenant_id":"$tenant","seal":(\d+),/ ? !$is_cut->($1)
		  : /^\{"tenant_id":"$tenant","id":(\d+),/ ? !$cut{$1} : 1
	} split /^/m, $trail;
}

# ---- checkpoints: older, equal, newer, of another ----

fits('an older checkpoint', qr/anchored until seal \d+ by the checkpoint.*everything fits/s,
	$export, $older);
fits('an equal one', qr/anchored until seal $seals by the checkpoint.*everything fits/s, $export,
	$equal);
fits('none', qr/not anchored: the newest part may have been cut off.*everything fits/s, $export,
	undef);
fits('all tenants', qr/everything fits/, $all, $equal);
fits('all tenants, which must be there', qr/everything fits/, $all, $equal, '--all-tenants');
says('a newer one', 1, 1, qr/tail cut: the checkpoint has \d+ seals, the trail ends at $seals$/m,
	$export, $newer);
says('one that does not name the tenant', 2, 2,
	qr/^doubt $globex_id: not anchored: the checkpoint does not name this tenant$/m, $globex,
	$older);
is((check($globex, $older, '--partial'))[0], 0, 'unless that is known');
is(join('|', (check($globex, $older))[1] =~ /(everything fits)/), '',
	'nor does it say that everything fits');

# ---- the header ----

my %value = (since => '2031-01-01T00:00:00.000000Z', until => '2001-01-01T00:00:00.000000Z',
	exported_at => '2031-01-01T00:00:00.000000Z', tenant => 'globex');
my ($header) = $export =~ /\A([^\n]+)/;
is(join(' ', sort $header =~ /"(\w+)":"/g), join(' ', sort 'tenant_id', 'trail', keys %value),
	'every member of a header is tried');
for my $name (sort keys %value)
{
	my $edited = edit($export, $name, $value{$name});
	fits("$name edited, and all is there", qr/everything fits/, $edited, $equal);
	says("$name edited, a row gone", 1, 1, qr/row deleted: 1 rows of seal \d+ are missing/,
		$edited =~ s/^\{"tenant_id":"$tenant","id":\d+,[^\n]*\n//mr, $equal);
	says("$name edited, all rows gone", 1, 1, qr/row deleted: \d+ rows of seal 1 are missing/,
		$edited =~ s/^\{"tenant_id":"$tenant","id":\d+,[^\n]*\n//mgr, $equal);
	says("$name edited, the last two seals cut off", 1, 1,
		qr/tail cut: the checkpoint has $seals seals, the trail ends at @{[ $seals - 2 ]}$/m,
		without($edited, sub { $_[0] > $seals - 2 }), $equal);
	says("$name edited, the first two seals cut off", 1, 1, qr/head cut: the first seal is 3$/m,
		without($edited, sub { $_[0] < 3 }), $_) for $equal, undef;
	says("$name edited, everything cut off", 1, 1,
		qr/tail cut: the checkpoint has $seals seals, the trail ends at 0$/m,
		without($edited, sub { 1 }), $equal);
}
says('tenant_id edited', 1, 1, qr/is not of the tenant that the export announced/,
	edit($export, 'tenant_id', $globex_id), $equal);
says('trail edited', 1, 1, qr/line 1 is not one of an exported trail/,
	edit($export, 'trail', 'vault audit v2'), $equal);
says('the header twice', 1, 1, qr/tail cut: .* the trail ends at 0$/m, "$header\n$export", $equal);
says('no header', 1, 1, qr/the trail is empty/, "\n\n", $equal);

# ---- tenants ----

my $acme_only = join '', grep { !/"tenant_id":"$globex_id"/ } split /^/m, $all;
fits('the export of one tenant', qr/\d+ tenants of the checkpoint are not in this export/, $export,
	$equal);
says('a tenant left out of what is to be all', 1, 1,
	qr/tenant missing: the checkpoint has $globex_id$/m, $acme_only, $equal, '--all-tenants');

# ---- retired months ----

my ($month) = $export =~ /"month":"([^"]+)"/;
my $bare = $export =~ s/^\{"tenant_id":"$tenant","id":\d+,[^\n]*\n//mgr;
my $retired = qq({"tenant_id":"$tenant","retired":"$month","rows":1000}\n);
says('rows gone, and said to be retired', 1, 1,
	qr/row deleted: \d+ rows of seal 1 are missing, .*; no sealed row says that $month was retired/,
	$bare =~ s/\n/\n$retired/r, $_) for $equal, undef;
says('the same in a part', 0, 2,
	qr/rows of seal 1 are missing: that $month was retired is not in this part/,
	$bare =~ s/\n/\n$retired/r, $equal, '--partial');

# ---- parts, known to be such ----

my $part = export_of(
	q{'acme', (SELECT first_at FROM vault.audit_seals WHERE tenant = 'acme' AND seq = 3),
		(SELECT last_at FROM vault.audit_seals WHERE tenant = 'acme' AND seq = 5)});
says('a part', 0, 2, qr/^doubt $tenant: a part, as its header says: from \S+ until \S+$/m, $part,
	$newer, '--partial');
says('a part, without the seal of the checkpoint', 0, 2,
	qr/^doubt $tenant: not anchored: seal \d+ of the checkpoint is not in this export$/m, $part,
	$newer, '--partial');
says('a part that is not said to be one', 1, 1, qr/head cut/, $part, $newer);
says('a row of a part gone', 1, 1, qr/row deleted/,
	$part =~ s/^\{"tenant_id":"$tenant","id":\d+,[^\n]*\n//mr, $newer, '--partial');
says('a seal within a part gone', 1, 1, qr/seal missing: 4 to 4$/m,
	without($part, sub { $_[0] == 4 }), $newer, '--partial');
says('what is whole by its header, as a part', 1, 1, qr/tail cut/, $export, $newer, '--partial');
like((check($part, $newer, '--partial'))[1], qr/what is there fits, and not everything is$/m,
	'it does not say that everything fits');
fits('what is whole, as a part', qr/everything fits/, $export, $equal, '--partial');

# ---- usage ----

for ([ [ '--help' ], 0, qr/\Ausage: vault-audit-verify .*--partial.*Exit status: 0 .* 1 .* 2 /s ],
	[ [ '-h' ], 0, qr/\Ausage: / ], [ [ '--version' ], 0, qr/\Avault-audit-verify 1\.0\n?\z/ ])
{
	my ($out, $err) = run_command([ $program, @{ $_->[0] } ]);
	is($? >> 8, $_->[1], "@{ $_->[0] }: exit status $_->[1]");
	like($out, $_->[2], "@{ $_->[0] }: told");
	is($err, '', "@{ $_->[0] }: no error");
}
for ([ '--nothing' ], [ '-x' ], [ '-c' ], [ '-c', "$dir/checkpoint" ], [ '--key', "$dir/key" ],
	[ '--all-tenants', "$dir/trail" ], [ "$dir/trail", "$dir/trail" ])
{
	my ($out, $err) = run_command([ $program, @$_ ]);
	is($? >> 8, 2, "@$_: exit status 2");
	is($out, '', "@$_: nothing is told");
	like($err, qr/^usage: /m, "@$_: but how to use it");
}
is((check($export, $equal, "--checkpoint=$dir/checkpoint", "--key=$dir/key", '--quiet'))[0], 0,
	'long options');
for ("$dir/nothing", $dir)
{
	run_command([ $program, $_ ]);
	is($? >> 8, 2, "$_ cannot be read: exit status 2");
}

# ---- in the database ----

sub verified
{
	my ($tenant, $note) = @_;
	$note =~ s/\n/\\n/g;
	return psql_as($node, 'auditor',
		"SELECT fault, ok FROM vault.verify_audit($tenant, E'$note')
			WHERE fault IS NOT NULL OR NOT ok ORDER BY 1 NULLS LAST");
}
is(verified(q{'globex'}, $equal), '', 'verify_audit: a checkpoint that names the tenant');
is(verified(q{'acme'}, $_), '', 'verify_audit: older and newer ones') for $older, $newer;
is(verified(q{'globex'}, $older), "not anchored|f\n|f",
	'verify_audit: one that does not name it does not say that all is well');
is(verified('NULL', $older), '',
	'verify_audit: of all tenants, one may be newer than the checkpoint');

# ---- a tenant that never was ----

# The trail tells of its creation without a tenant, and both verifiers accept it.
$node->safe_psql('postgres', q{
	CREATE ROLE lasting LOGIN;
	BEGIN;
	SELECT vault.create_tenant('never', 'lasting');
	SELECT vault.suspend_tenant('never');
	ROLLBACK;
	DO $$
	BEGIN
		PERFORM vault.create_tenant('failed', 'no such role');
	EXCEPTION WHEN undefined_object THEN NULL;
	END $$;
	BEGIN;
	SELECT vault.create_tenant('lasting', 'lasting');
	SAVEPOINT s;
	SELECT vault.suspend_tenant('lasting');
	ROLLBACK TO s;
	COMMIT;
	BEGIN;
	SELECT vault.suspend_tenant('lasting');
	ROLLBACK});
my $nobody = '00000000-0000-0000-0000-000000000000';
my $rows =
	"FROM vault_data.audit_log
		WHERE tenant IN ('never', 'failed', 'lasting') AND decision <> 'allow'";
ok($node->poll_query_until('postgres',
	qq{SELECT count(*) FILTER (WHERE tenant = 'failed') = 1
		AND count(*) FILTER (WHERE tenant = 'lasting') = 2
	AND count(*) FILTER (WHERE tenant = 'never') > 5 $rows}),
	'what was rolled back and what failed is told');
is($node->safe_psql('postgres',
	qq{SELECT tenant, operation, decision, tenant_id = '$nobody', count(*) > 1 $rows
		GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 4 DESC}),
	join("\n", 'failed|create_tenant|error|t|f', 'lasting|suspend_tenant|aborted|t|f',
		'lasting|suspend_tenant|aborted|f|f', 'never|create_tenant|aborted|t|t',
		'never|suspend_tenant|aborted|t|f'),
	'without a tenant, until the transaction that makes it has ended');
is(psql_as($node, 'auditor',
	'SELECT tenant_name, ok FROM vault.verify_audit() ORDER BY 1 NULLS FIRST'),
	"|t\nacme|t\nglobex|t\nlasting|t", 'verify_audit: no other chain, and all is well');
my $now = checkpoint();
fits('the program too', qr/everything fits/, export_of(q{}), $now, '--all-tenants');
$node->stop;

done_testing();
