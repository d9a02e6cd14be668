# A small client that sends bind parameters, which psql before 16 cannot.
#
#   my $client = VaultClient->new($node, 'app');
#   my $result = $client->query('SELECT vault.put($1, $2::text)', 'name', $value);
#   $result->{rows}[0][0]    $result->{state}    $result->{message}    $result->{hint}
#
# It speaks the extended protocol over the node's socket, with trust as the only authentication, and
# parameters and results in text form. send() and receive() apart let several clients run at once.
# It guards that a value never becomes part of a statement or of a program's arguments.
package VaultClient;

use strict;
use warnings;

use IO::Socket::UNIX;

sub new
{
	my ($class, $node, $role, %opt) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
	my $self = bless { socket => $socket }, $class;
	my %startup = (user => $role, database => $opt{database} // 'postgres',
		application_name => 'test client');

	my $body = pack('N', 3 << 16) . join('', map { "$_\0$startup{$_}\0" } sort keys %startup)
		. "\0";
	$self->_write(pack('N', length($body) + 4) . $body);
	my $result = $self->receive;
	die "as $role: $result->{message}" if $result->{state} ne '00000';
	return $self;
}

# Notifications that came with the answers so far: [ channel, payload ] each
sub notified { return @{ $_[0]{notified} // [] } }

# The backend's process
sub pid { return $_[0]{pid} }

# query(SQL, PARAMETER ...): send and receive
sub query
{
	my ($self, $sql, @parameters) = @_;
	$self->send($sql, @parameters);
	return $self->receive;
}

# value(SQL, PARAMETER ...): the first column of the first row; it dies on an error
sub value
{
	my ($self, $sql, @parameters) = @_;
	my $result = $self->query($sql, @parameters);
	die "$sql: $result->{state} $result->{message}" if $result->{state} ne '00000';
	return $result->{rows}[0] ? $result->{rows}[0][0] : undef;
}

# simple(SQL): the same in the simple protocol, all of it as text
sub simple
{
	my ($self, $sql) = @_;
	$self->send_simple($sql);
	return $self->receive;
}

sub send_simple
{
	my ($self, $sql) = @_;
	$self->_message('Q', "$sql\0");
	return;
}

# fast_path(FUNCTION'S OID, ARGUMENT ...): a function call without a statement
sub fast_path
{
	my ($self, $oid, @arguments) = @_;
	$self->_message('F',
		pack('Nnn', $oid, 0, scalar @arguments) . pack('(N/a*)*', @arguments) . pack('n', 0));
	return $self->receive;
}

sub send
{
	my ($self, $sql, @parameters) = @_;
	$self->_send_statement($sql, 0, @parameters);
	$self->_message('S', '');
	return;
}

# Reads the first rows and leaves the statement open: only until the next call
sub start
{
	my ($self, $sql, $rows, @parameters) = @_;
	$self->_send_statement($sql, $rows, @parameters);
	$self->_message('H', '');
	return $self->receive;
}

# The answer, up to the end of the statement. A connection that breaks gives state "connection".
sub receive
{
	my ($self) = @_;
	my $result = { rows => [], state => '00000', message => '', hint => '', detail => '',
		context => '' };

	while (1)
	{
		my ($type, $body) = $self->_read;
		if (!defined $type)
		{
			@$result{qw(state message)} = ('connection', 'the connection was lost')
				if $result->{state} eq '00000';
			last;
		}
		if ($type eq 'D') { push @{ $result->{rows} }, _row($body) }
		elsif ($type eq 'E') { _error($result, $body) }
		elsif ($type eq 'A') { push @{ $self->{notified} }, [ split /\0/, substr($body, 4) ] }
		elsif ($type eq 'K') { $self->{pid} = unpack('N', $body) }
		elsif ($type eq 'R' && unpack('N', $body) != 0) { die 'the server asks for a password' }
		last if $type eq 'Z' || $type eq 's';
	}
	return $result;
}

sub close
{
	my ($self) = @_;
	$self->_message('X', '');
	close $self->{socket};
	return;
}

sub _send_statement
{
	my ($self, $sql, $rows, @parameters) = @_;
	my $values = join '', map { defined $_ ? pack('N/a*', $_) : pack('N', 0xffffffff) } @parameters;

	$self->_message('P', "\0$sql\0" . pack('n', 0));
	$self->_message('B', "\0\0" . pack('nn', 0, scalar @parameters) . $values . pack('n', 0));
	$self->_message('E', "\0" . pack('N', $rows));
	return;
}

sub _message
{
	my ($self, $type, $body) = @_;
	$self->_write($type . pack('N', length($body) + 4) . $body);
	return;
}

sub _write
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $written = syswrite $self->{socket}, $bytes;
		return unless $written;    # the next read tells
		substr($bytes, 0, $written, '');
	}
	return;
}

sub _read
{
	my ($self) = @_;
	my $head = $self->_bytes(5) // return;
	my ($type, $size) = unpack('aN', $head);
	my $body = $self->_bytes($size - 4) // return;
	return ($type, $body);
}

sub _bytes
{
	my ($self, $wanted) = @_;
	my $bytes = '';
	while (length $bytes < $wanted)
	{
		my $got = sysread $self->{socket}, $bytes, $wanted - length $bytes, length $bytes;
		next if !defined $got && $!{EINTR};
		return unless $got;
	}
	return $bytes;
}

sub _row
{
	my ($body) = @_;
	my $count = unpack('n', $body);
	my $at = 2;
	my @row;

	for (1 .. $count)
	{
		my $size = unpack('N', substr($body, $at, 4));
		$at += 4;
		if ($size == 0xffffffff) { push @row, undef; next }
		push @row, substr($body, $at, $size);
		$at += $size;
	}
	return \@row;
}

sub _error
{
	my ($result, $body) = @_;
	my %field = map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $body;
	@$result{qw(state message hint detail context)} = map { $_ // '' } @field{qw(C M H D W)};
	return;
}

1;
