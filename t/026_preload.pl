# Another library's settings with the prefix vault keep their values, in whichever order the two are
# loaded, and a name that is nobody's is still an error.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main', no_extension => 1, conf => "log_statement = none\n");
my $dir = $node->basedir;
my $config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $include = `"$config" --includedir-server`);

# As supabase_vault does
write_file("$dir/other.c", <<'C', 0644);
#include "postgres.h"
#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

static char *script;
extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("vault.getkey_script", "path to a script", NULL, &script, "/none",
		PGC_POSTMASTER, 0, NULL, NULL, NULL);
}
C
my $compiled = system(
	"cc -shared -fPIC -O1 -I'$include' -o $dir/other.so $dir/other.c 2>$dir/cc.log") == 0;
$node->append_conf('postgresql.conf', "vault.misspelt = 'x'\nvault.environment = 'prod'\n");

SKIP:
{
	skip 'there is no C compiler', 8 if !$compiled;
	$node->append_conf('postgresql.conf', "vault.getkey_script = '/opt/getkey'\n");
	for my $order ("$dir/other,pg_cron,vault", "pg_cron,vault,$dir/other")
	{
		$node->append_conf('postgresql.conf', "shared_preload_libraries = '$order'\n");
		my $offset = -s $node->logfile;
		$node->restart;
		my $what = $order =~ /^vault|pg_cron,vault,/ ? 'vault first' : 'vault last';
		is($node->safe_psql('postgres', 'SHOW vault.getkey_script; SHOW vault.environment'),
			"/opt/getkey\nprod", "$what: both have their settings");
		like(slurp_file($node->logfile, $offset),
			qr/WARNING:  invalid configuration parameter name "vault\.misspelt", removing it/,
			"$what: a misspelt one is told at the start");
		is(sql_state($node, q{SET vault.misspelt = 'x'}), '42602',
			"$what: and refused in a session");
		is(sql_state($node, q{SET vault.getkey_script = 'x'}), '55P02',
			"$what: the other's is the other's to allow");
	}
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron,vault'\n");
}

# A setting that is left when its library has gone does not keep the server from starting.
my $offset = -s $node->logfile;
$node->restart;
like(slurp_file($node->logfile, $offset),
	qr/WARNING:  invalid configuration parameter name "vault\.misspelt", removing it/,
	'alone: a misspelt one is told');
create_vault($node);
is($node->safe_psql('postgres', 'SELECT sealed FROM vault.status()'), 'f', 'and the vault works');
$node->stop;

done_testing();
