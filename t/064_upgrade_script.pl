# script/upgrade-script: the script that it makes leads from the SQL of one version to that of
# another. After it, the catalog is that of a fresh installation, and verify() finds nothing. What
# is left to people is told, and a changed table is never passed over.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrivateServer;
use Test::More;
use VaultTest;

my $source = $ENV{VAULT_SOURCE_DIR};
my $server = private_server();

# ---- two versions, which differ in each layer ----

my %former = (
	tables => q{
CREATE TABLE vault_data.scratch (
	tenant_id uuid PRIMARY KEY,
	note      text
);
CREATE INDEX scratch_note ON vault_data.scratch (note);
--@ protect vault_data.scratch rows=tenant exec=select audit=scratch(note)
},
	functions => q{
CREATE FUNCTION vault_data.scratch_body() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT 1
$$;
COMMENT ON FUNCTION vault_data.scratch_body() IS 'returns 1';

CREATE FUNCTION vault_data.scratch_result(given integer) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT given
$$;

CREATE FUNCTION vault_data.scratch_gone() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT 1
$$;

--@ execute vault_exec, vault_jobs, vault_owner: scratch_body, scratch_gone
--@ execute vault_exec: scratch_result
},
	api => q{
CREATE VIEW vault.scratch WITH (security_barrier) AS
SELECT s.note FROM vault_data.scratch s;
COMMENT ON VIEW vault.scratch IS 'shows notes';

CREATE VIEW vault.scratch_again WITH (security_barrier) AS
SELECT s.note FROM vault.scratch s;

--@ select vault_client, vault_admin: scratch, scratch_again
});

my %next = (
	tables => q{
CREATE TABLE vault_data.scratch (
	tenant_id uuid PRIMARY KEY,
	note      text,
	extra     integer
);
CREATE INDEX scratch_note ON vault_data.scratch (note, extra);
--@ protect vault_data.scratch rows=tenant exec=select audit=scratch(note, extra)

CREATE TABLE vault_data.scratch_new (
	tenant_id uuid PRIMARY KEY REFERENCES vault_data.scratch,
	note      text
);
--@ protect vault_data.scratch_new rows=tenant exec=select,insert hide=note audit=scratch_new(note)
},
	functions => q{
CREATE FUNCTION vault_data.scratch_body() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT 2
$$;

CREATE FUNCTION vault_data.scratch_result(given integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT given::text
$$;

CREATE FUNCTION vault_data.scratch_new() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT 1
$$;
COMMENT ON FUNCTION vault_data.scratch_new() IS 'returns 1';

--@ execute vault_exec, vault_owner: scratch_body
--@ execute vault_exec: scratch_new, scratch_result
},
	api => q{
CREATE VIEW vault.scratch WITH (security_barrier) AS
SELECT s.extra, s.note FROM vault_data.scratch s;
COMMENT ON VIEW vault.scratch IS 'shows notes';

CREATE VIEW vault.scratch_again WITH (security_barrier) AS
SELECT s.note FROM vault.scratch s;

--@ select vault_client: scratch, scratch_again
});

# Make a checkout with these files, and return its directory.
sub version
{
	my (%layers) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();
	system("tar -C '$source' -cf - Makefile src | tar -C '$directory' -xf -") == 0 or die 'no copy';
	write_file("$directory/src/usage/usage.scratch.$_.sql", $layers{$_}, 0644) for keys %layers;
	return $directory;
}

sub output
{
	my (@command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run(\@command, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

my @features = split ' ', `make -s -C '$source' print-features PG_CONFIG='$ENV{PG_CONFIG}'`;

sub assembled
{
	my ($directory) = @_;
	my ($rc, $out, $err) = output("$source/script/assemble", $directory, @features);
	is("$rc$err", '0', 'the script is assembled');
	return $out;
}

sub catalog
{
	my ($node) = @_;
	return $node->safe_psql('postgres', read_file("$source/script/lib/catalog.sql"));
}

my ($from, $to) = (version(%former), version(%next));
write_file("$server->{extension}/vault--1.0.sql", assembled($from), 0644);
write_file("$server->{extension}/vault--1.0.1.sql", assembled($to), 0644);

# ---- the upgrade ----

my ($rc, $script, $err) = output("$source/script/upgrade-script", $from, $from);
is("$rc$err", '0', 'nothing differs');
unlike($script, qr/CREATE|DROP/, 'and nothing is to be done');

($rc, $script, $err) = output("$source/script/upgrade-script", $from, $to);
is("$rc$err", '3', 'a table that differs is left to people');
like($script, qr/^-- .*usage\.scratch\.tables\.sql: changed: CREATE TABLE vault_data\.scratch \(/m,
	'and shown');

my $by_hand = PostgreSQL::Test::Utils::tempdir() . '/tables.sql';
write_file($by_hand, "ALTER TABLE vault_data.scratch ADD COLUMN extra integer;\n", 0644);
($rc, $script, $err) =
  output("$source/script/upgrade-script", '--tables', $by_hand, $from, $to);
is("$rc$err", '0', 'with the statements for it the script is whole');
unlike($script, qr/CREATE OR REPLACE VIEW|IF NOT EXISTS/, 'it adopts no view and no table');
write_file("$server->{extension}/vault--1.0--1.0.1.sql", $script, 0644);

my $node = new_vault_node('upgrade_script');
my $former = catalog($node);
is(sql_state($node, q{ALTER EXTENSION vault UPDATE TO '1.0.1'}), '00000', 'it runs');
is($node->safe_psql('postgres', 'SELECT v FROM vault.verify() AS v'), '',
	'verify() finds nothing');
my $upgraded = catalog($node);
isnt($upgraded, $former, 'the catalog has changed');

$node->safe_psql('postgres', q{
	DROP EXTENSION vault CASCADE;
	CREATE EXTENSION vault VERSION '1.0.1'});
my $fresh = catalog($node);
my %fresh = map { $_ => 1 } split /\n/, $fresh;
my %upgraded = map { $_ => 1 } split /\n/, $upgraded;
is(join("\n", grep { !$upgraded{$_} } sort keys %fresh), '', 'a fresh installation has no more');
is(join("\n", grep { !$fresh{$_} } sort keys %upgraded), '', 'and no less');
is($upgraded, $fresh, 'in the same order');

done_testing();
