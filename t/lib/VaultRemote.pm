# Another server, with TLS and passwords, whose roles the vault rotates.
#
#   my $remote = new_remote_node('remote');     running; its certificates are in remote_tls($remote)
#   my $node = new_vault_node('main', conf => remote_conf($remote));
package VaultRemote;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use VaultTest;

our @EXPORT = qw(new_remote_node remote_tls remote_conf remote_address);

# It trusts postgres at its socket, asks other roles for TLS and a password, and logs every
# statement.
sub new_remote_node
{
	my ($name) = @_;
	my $remote = PostgreSQL::Test::Cluster->new($name);

	$remote->init(extra => [ '-U', 'postgres' ]);
	my $tls = remote_tls($remote);
	mkdir $tls or die "$tls: $!";
	for my $ca ('ca', 'other')
	{
		system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
			'ec_paramgen_curve:P-256', '-nodes', '-subj', "/CN=$ca", '-days', '2',
			'-keyout', "$tls/$ca.key", '-out', "$tls/$ca.crt");
	}
	write_file("$tls/san", "subjectAltName=DNS:localhost\n");
	system_or_bail('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
		'-nodes', '-subj', '/CN=localhost',
		'-keyout', "$tls/server.key", '-out', "$tls/server.csr");
	system_or_bail('openssl', 'x509', '-req', '-in', "$tls/server.csr", '-CA', "$tls/ca.crt",
		'-CAkey', "$tls/ca.key", '-CAcreateserial',
		'-days', '2', '-extfile', "$tls/san", '-out', "$tls/server.crt");
	chmod 0600, "$tls/server.key";
	$remote->append_conf('postgresql.conf',
		"listen_addresses = 'localhost'\nssl = on\nssl_cert_file = '$tls/server.crt'\n"
		  . "ssl_key_file = '$tls/server.key'\nlog_statement = all");
	write_file($remote->data_dir . '/pg_hba.conf',
		"local all postgres trust\nhostssl all all all scram-sha-256\n");
	$remote->start;
	return $remote;
}

# The directory of ca.crt, that signed its certificate, and of other.crt, that did not
sub remote_tls
{
	my ($remote) = @_;
	return $remote->basedir . '/tls';
}

# The settings that a vault needs to rotate there
sub remote_conf
{
	my ($remote) = @_;
	return sprintf
		"vault.rotation_hosts = 'db.example:5432, localhost:%s'\n"
	  . "vault.rotation_root_certificates = '%s/ca.crt'\n",
	  $remote->port, remote_tls($remote);
}

# Members of a configuration: "host", "port", "dbname"
sub remote_address
{
	my ($remote) = @_;
	return sprintf '"host": "localhost", "port": "%s", "dbname": "postgres"', $remote->port;
}

1;
