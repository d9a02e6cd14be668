# A wrong key leaves the vault sealed, and the vault names the reason. The key is another one of the
# same generation, or the file is malformed, is no file, is in the data directory, can be read by
# others or belongs to another user. A command fails or prints something else. A command is executed
# directly, never by a shell.
use strict;
use warnings;

use MIME::Base64 ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultTest;

my $node = new_vault_node('main');
my $keys = key_directory($node);
my $key = "$keys/root.key";

$node->safe_psql('postgres', q{
	CREATE ROLE app LOGIN;
	SELECT vault.create_tenant('acme', 'app')});
psql_as($node, 'app', q{SELECT vault.put('a', 'value')});

my $right = read_file($key);
my ($base64) = $right =~ /^vault-root-key:v1:1:(\S+)$/m or die 'the key file has another form';
my $hex = unpack 'H*', MIME::Base64::decode_base64($base64);
my $wrong = 'A' x 43 . '=';

is((stat $key)[2] & 07777, 0600, 'the key file that init made is for the server only');

# After a restart with this source: sealed, with the reason in status, in the log, and from unseal()
sub refused
{
	my ($what, $reason, $state) = @_;
	my $offset = -s $node->logfile;

	$node->restart;
	is(sealed_reason($node), $reason, "$what: sealed, with the reason");
	$node->wait_for_log(qr/LOG:  vault is sealed: \Q$reason\E/, $offset);
	is(sql_state($node, 'SELECT vault.unseal()'), $state // '55000', "$what: unseal() refuses");
	is(sql_state($node, q{SELECT vault.get('a')}, 'app'), 'VT001', "$what: no value");
	return;
}

# The reason that unseal() gives at once
sub unseal_says
{
	my ($what, $reason) = @_;
	my (undef, undef, $stderr) = psql_as($node, 'postgres', 'SELECT vault.unseal()');
	like($stderr, qr/ERROR:  no root key: \Q$reason\E/, "$what: unseal() gives the reason");
	is(sql_state($node, q{SELECT vault.get('a')}, 'app'), 'VT001', "$what: no value");
	return;
}

sub accepted
{
	my ($what) = @_;
	is(psql_as($node, 'postgres', 'SELECT vault.unseal()'), 'unsealed', "$what: unseals");
	is(psql_as($node, 'app', q{SELECT vault.get('a')}), 'value', "$what: and the value is there");
	psql_as($node, 'postgres', 'SELECT vault.seal()');
	return;
}

# Keys in a file
write_file($key, "vault-root-key:v1:1:$wrong\n");
refused('another key of the same generation', 'the root key does not match its check value',
	'VT003');
write_file($key, "vault-root-key:v1:2:$base64\n");
unseal_says('another generation', 'the root key source does not hold the active generation');
write_file($key, "vault-root-key:v1:1:$base64\nvault-root-key:v1:2\n");
unseal_says('a malformed line', 'the root key source holds a malformed line');
write_file($key, "vault-root-key:v1:1:" . substr($base64, 1) . "\n");
unseal_says('a key that is too short', 'the root key source holds a malformed line');
write_file($key, "vault-root-key:v1:0:$base64\n");
unseal_says('generation 0', 'the root key source holds a malformed line');
write_file($key, "$base64\n$hex\n");
unseal_says('two keys without a generation',
	'the root key source holds a key without a generation beside others');
write_file($key, '');
unseal_says('an empty file', 'the root key file is missing or empty');
write_file($key, "# only a comment\n");
unseal_says('only a comment', 'the root key file is missing or empty');

write_file($key, "$base64\n");
accepted('a bare key in base64');
write_file($key, $hex);
accepted('a bare key in hex, without a newline');
write_file($key,
	"# a comment\r\n\r\nvault-root-key:v1:7:$wrong\r\nvault-root-key:v1:1:$base64\r\n");
accepted('other generations beside it, and DOS line ends');

# The file itself
write_file($key, $right, 0644);
refused('mode 0644', 'the root key file can be read or written by others: chmod 600 it');
write_file($key, $right, 0620);
unseal_says('mode 0620', 'the root key file can be read or written by others: chmod 600 it');
write_file($key, $right, 0400);
accepted('mode 0400');

set_source($node, "file:$keys");
unseal_says('a directory', 'the root key file is not a regular file');
set_source($node, 'file:/etc/passwd');
unseal_says('a file of another user', "the root key file does not belong to the server's user");
set_source($node, "file:$keys/none/root.key");
unseal_says('no such directory', 'the directory of the root key file cannot be reached');

my $inside = $node->data_dir . '/root.key';
write_file($inside, $right);
set_source($node, "file:$inside");
unseal_says('in the data directory', 'the root key file lies in the data directory');
symlink $node->data_dir, "$keys/link" or die "$keys/link: $!";
set_source($node, "file:$keys/link/root.key");
unseal_says('in the data directory, through a linked directory',
	'the root key file lies in the data directory');
symlink $inside, "$keys/link.key" or die "$keys/link.key: $!";
set_source($node, "file:$keys/link.key");
unseal_says('in the data directory, through a link',
	'the root key file lies in the data directory');
psql_as($node, 'postgres', 'SELECT vault.seal()');
unlink $inside;

for my $bad ('file:root.key', 'command:cat', 'nothing', 'file:')
{
	(undef, undef, my $stderr) = psql_as($node, 'postgres',
		"ALTER SYSTEM SET vault.root_key_source = '$bad'");
	like($stderr, qr/invalid value for parameter "vault.root_key_source"/,
		"source \"$bad\" is refused");
}
is(sql_state($node, 'SHOW vault.root_key_source', 'app'), '42501',
	'the source is not shown to ordinary roles');

# Commands
my $script = "$keys/give-key";
my $seen = "$keys/seen";

sub use_command
{
	my ($body, $arguments) = @_;
	write_file($script, "#!/bin/sh\n$body\n", 0700);
	set_source($node, "command:$script" . ($arguments // ''));
	return;
}

write_file($key, $right);
use_command("cat '$key'");
accepted('a command that prints the keyring');
use_command("printf '%s' $hex");
accepted('a command that prints a bare key');
use_command("cat '$key'; exit 3");
unseal_says('a command that fails', 'the root key command failed');
use_command("kill -9 \$\$");
unseal_says('a command that is killed', 'the root key command failed');
use_command('echo this is no key');
unseal_says('a command that prints something else', 'the root key source holds a malformed line');
use_command('head -c 100000 /dev/zero');
unseal_says('a command that prints too much',
	'the root key command did not answer in time or printed too much');
use_command('exit 0');
is(sql_state($node, 'SELECT vault.unseal()'), '55000',
	'a command that prints nothing does not unseal');
set_source($node, "command:$keys/none");
unseal_says('no such command', 'the root key command cannot be started');
write_file($script, "#!/bin/sh\ncat '$key'\n", 0600);
set_source($node, "command:$script");
unseal_says('a command that is not executable', 'the root key command cannot be started');
use_command("echo $wrong");
is(sql_state($node, 'SELECT vault.unseal()'), 'VT003', 'a command that prints another key');

my $touched = "$keys/touched";
use_command(qq{printf '<%s>' "\$@" >'$seen'; cat '$key'},
	qq{ a;touch $touched \$(touch $touched) `touch $touched` | > $touched 'b c' \$HOME *});
accepted('a command with arguments that a shell would interpret');
is(read_file($seen),
	"<a;touch><$touched><\$(touch><$touched)><`touch><$touched`><|><>><$touched>"
	  . "<'b><c'><\$HOME><*>",
	'they stay arguments');
ok(!-e $touched, 'and no shell has run');

use_command("cat '$key'");
$node->restart;
is(sealed_reason($node), '', 'the command unseals at the start of the server');

use_command('exit 1');
$node->restart;
is(sealed_reason($node), 'the root key command failed',
	'a command that fails at the start leaves it sealed');
use_command("cat '$key'");
ok($node->poll_query_until('postgres', 'SELECT NOT sealed FROM vault.status()'),
	'and a reload asks again');

done_testing();
