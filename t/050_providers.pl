# Key sets and tokens in the shape of Keycloak, Entra ID, Auth0, Google, GitHub Actions, GitLab,
# Kubernetes and SPIFFE are taken as they are published, for the named principal. With another
# claim, key or audience they are refused.
use strict;
use warnings;

use Digest::SHA ();
use JSON::PP ();
use MIME::Base64 ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VaultClient;
use VaultJwt;
use VaultTest;

my $node = new_vault_node('main', conf => 'vault.audit_mode = queued');
$node->safe_psql('postgres', q{
	CREATE ROLE admin LOGIN; CREATE ROLE pool LOGIN;
	SELECT vault.create_tenant('acme', 'admin')});
my $admin = VaultClient->new($node, 'admin');
my $pool = VaultClient->new($node, 'pool');
$admin->value('SELECT vault.allow_tokens($1)', 'pool');
for my $name ('billing', 'web', 'staff')
{
	$admin->value('SELECT vault.create_principal($1)', $name);
	$admin->value('SELECT vault.grant($1, $2, $3)', $name, '{read}', "$name/**");
	$admin->value('SELECT vault.put($1, $2::text)', "$name/key", "of $name");
}
$admin->value('SELECT vault.create_role($1)', 'operators');
$admin->value('SELECT vault.grant($1, $2, $3)', 'operators', '{read}', 'web/**');

my $json = JSON::PP->new->canonical;
my $now = time;

# Certificates and thumbprints as they stand beside keys: long, and never looked at
my $x5c = [ 'MIIC' . 'A' x 1200 . '==' ];

# A published key with these members, or without those that are undef
sub published
{
	my ($key, %more) = @_;
	my %jwk = (%{ $key->{jwk} }, kid => $key->{kid}, %more);
	delete @jwk{ grep { !defined $jwk{$_} } keys %jwk };
	return \%jwk;
}

sub key_set { my (@keys) = @_; return $json->encode({ keys => \@keys }) }

# The principal that a token is taken for, or the SQLSTATE
sub who
{
	my ($token) = @_;
	$pool->query('BEGIN');
	my $result = $pool->query('SELECT vault.login($1)', $token);
	my $answer = $result->{state} eq '00000' ? $pool->value('SELECT principal FROM vault.whoami()')
		: $result->{state};
	$pool->query('ROLLBACK');
	return $answer;
}

# True if the principal of a token reads a name
sub reads
{
	my ($token, $name) = @_;
	$pool->query('BEGIN');
	my $result = $pool->query('SELECT vault.login($1)', $token);
	$result = $pool->query('SELECT vault.get($1)', $name) if $result->{state} eq '00000';
	$pool->query('ROLLBACK');
	return $result->{state};
}

sub last_reason
{
	my ($pattern) = @_;
	return $node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM vault.audit
			WHERE operation = 'login' AND decision = 'deny' AND reason LIKE '%$pattern%'");
}

# NOTICE and detail tell of the keys that are passed over
sub notices
{
	my ($call) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "SET ROLE admin; $call", stdout => \$out, stderr => \$err);
	return $err;
}

# ---- Keycloak: an encryption key beside that for signatures, typ JWT, roles inside an object ----

my $keycloak = key('kc-sig-1', 'RSA');
my $keycloak_enc = key('kc-enc-1', 'RSA');
my $kc_set = key_set(
	published($keycloak_enc, use => 'enc', alg => 'RSA-OAEP', x5c => $x5c, x5t => 'abc',
		'x5t#S256' => 'def'),
	published($keycloak, use => 'sig', x5c => $x5c, x5t => 'abc', 'x5t#S256' => 'def'));
like(
	notices(
	"SELECT vault.add_issuer('keycloak', 'https://sso.example/realms/prod', 'vault', '$kc_set',
	claim_mapping => '{\"principal\": \"azp\", \"groups\": \"/realm_access/roles\"}')"),
	qr/1 of 2 keys do not verify tokens.*key 1: member use is not sig/s,
	'Keycloak: the set is taken, and the NOTICE tells of the key for encryption');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'billing', 'keycloak', 'billing-service');
$admin->value('SELECT vault.map_group($1, $2, $3)', 'keycloak', 'vault-operators', 'operators');

sub kc
{
	my ($claims, $header, $key) = @_;
	return token($key
		// $keycloak, { iss => 'https://sso.example/realms/prod', aud => [ 'vault', 'account' ],
			iat => $now, exp => $now + 300,
		auth_time => $now, jti => 'b1c9', sub => '6f5e3a1c-0f6a-4f0e-9a4c-2f1b', typ => 'Bearer',
		azp => 'billing-service', acr => '1',
		realm_access => { roles => [ 'offline_access', 'uma_authorization' ] },
		resource_access => { account => { roles => ['view-profile'] } },
		scope => 'email profile', 'allowed-origins' => ['/*'],
		preferred_username => 'service-account-billing-service', %$claims }, $header);
}
is(who(kc({})), 'billing', 'Keycloak: a token of the client');
is(who(kc({ azp => 'other-service' })), 'VT014', 'Keycloak: not of another client');
is(who(kc({ azp => 'billing' })), 'VT014',
	'Keycloak: nor of one that is called like the principal');
is(who(kc({ aud => 'account' })), 'VT014', 'Keycloak: not for another audience');
is(who(kc({ iss => 'https://sso.example/realms/prod/' })), 'VT014',
	'Keycloak: the issuer is exact, slashes included');
is(who(kc({}, { kid => 'kc-enc-1' }, $keycloak_enc)), 'VT014',
	'Keycloak: the key for encryption verifies nothing');
is(who(kc({}, { typ => 'Logout+jwt' })), 'VT014', 'Keycloak: no token of another type');
is(reads(kc({}), 'web/key'), '42501', 'Keycloak: without the role');
is(reads(kc({ realm_access => { roles => [ 'offline_access', 'vault-operators' ] } }), 'web/key'),
	'00000', 'Keycloak: with the role that its group gives');
is(reads(kc({ realm_access => { roles => ['operators'] } }), 'web/key'), '42501',
	"Keycloak: no group counts for being called like a role");
is(who(kc({ azp => 'nobody', realm_access => { roles => ['vault-operators'] } })), 'VT014',
	'Keycloak: groups alone are no principal');

# ---- Entra ID: no alg, no typ of the kind, 60 to 90 minutes, groups ----

my $entra = key('entra-1', 'RSA');
my $entra_2 = key('entra-2', 'RSA');
my $tenant_id = '72f988bf-86f1-41af-91ab-2d7cd011db47';
my $entra_iss = "https://login.microsoftonline.com/$tenant_id/v2.0";
my $entra_set = key_set(
	map { published($_, alg => undef, use => 'sig', x5t => $_->{kid}, x5c => $x5c,
	cloud_instance_name => 'microsoftonline.com', issuer => $entra_iss) } $entra, $entra_2);
is(
	notices(
	"SELECT vault.add_issuer('entra', '$entra_iss', 'api://vault', '$entra_set',
		claim_mapping => '{\"principal\": \"oid\", \"groups\": \"groups\"}',
	required_claims => '{\"tid\": \"$tenant_id\"}')"), '', 'Entra: the set is taken without alg');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'staff', 'entra',
	'9f2c0d2e-7a57-4f6b-8d3f-0c1f5d3a2b11');
$admin->value('SELECT vault.map_group($1, $2, $3)', 'entra', 'c7b2d6c1-0a77-4d8b-9f10-5ce9d1f8a001',
	'operators');

sub entra
{
	my ($claims, $header, $key) = @_;
	return token($key
		// $entra, { aud => 'api://vault', iss => $entra_iss, iat => $now - 300, nbf => $now - 300,
			exp => $now + 5400,
		aio => 'E2' x 40, azp => '11111111-2222-3333-4444-555555555555', azpacr => '1',
		oid => '9f2c0d2e-7a57-4f6b-8d3f-0c1f5d3a2b11',
		rh => '0.AX0A', roles => ['Secrets.Read'], sub => '9f2c0d2e-7a57-4f6b-8d3f-0c1f5d3a2b11',
		tid => $tenant_id, uti => 'abc', ver => '2.0', %$claims },
		{ x5t => 'entra-1', %{ $header // {} } });
}
is(who(entra({})), 'staff', 'Entra: a token of 95 minutes, by default');
is(who(entra({}, {}, $entra_2)), 'staff', 'Entra: of its second key');
is(who(entra({ exp => $now + 7200 })), 'VT014', 'Entra: not one of more than two hours');
is(who(entra({ tid => '00000000-0000-0000-0000-000000000000' })), 'VT014',
	'Entra: not of another directory');
is(who(entra({ tid => undef })), 'VT014', 'Entra: nor of one that is not said');
is(who(entra({ oid => '00000000-7a57-4f6b-8d3f-0c1f5d3a2b11' })), 'VT014',
	'Entra: not of another object');
is(who(entra({}, { alg => 'PS256' })), 'VT014', 'Entra: a key without alg is of RS256 alone');
is(reads(entra({ groups => [ map { "c7b2d6c1-0a77-4d8b-9f10-5ce9d1f8a$_" } '001' .. '200' ] }),
	'web/key'), '00000', 'Entra: 200 groups, of which one gives the role');
is(reads(entra({ groups => [ map { "c7b2d6c1-0a77-4d8b-9f10-5ce9d1f8a$_" } '002' .. '200' ] }),
	'web/key'), '42501', 'Entra: 199 that give none');
$admin->value('SELECT vault.set_issuer_keys($1, $2)', 'entra',
	key_set(published($entra_2, alg => undef, use => 'sig')));
is(who(entra({})), 'VT014', 'Entra: a key that was taken out of the set');
is(who(entra({}, {}, $entra_2)), 'staff', 'Entra: one that stayed');
is(who(entra({ oid => undef }, {}, $entra_2)), 'VT014',
	'Entra: not without the claim for the principal');

# ---- Auth0: at+jwt, names of machines with "@", claims with addresses for names ----

my $auth0 = key('NTg2Q0Yx', 'RSA');
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, claim_mapping => $5)', 'auth0',
	'https://acme.eu.auth0.com/', 'https://vault.acme.example',
	key_set(published($auth0, use => 'sig', x5c => $x5c, x5t => 'NTg2')),
		'{"groups": "https://acme.example/roles"}');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'web', 'auth0', 'vZ4m0xR@clients');
$admin->value('SELECT vault.add_subject($1, $2, $3, $4)', 'staff', 'auth0', 'auth0|*', 'pattern');
$admin->value('SELECT vault.map_group($1, $2, $3)', 'auth0', 'Operators', 'operators');

sub auth0
{
	my ($claims, $header) = @_;
	return token($auth0,
		{ iss => 'https://acme.eu.auth0.com/', sub => 'vZ4m0xR@clients',
		aud => 'https://vault.acme.example', iat => $now, exp => $now + 3600,
		azp => 'vZ4m0xR', gty => 'client-credentials', scope => 'read:secrets', %$claims },
		{ typ => 'at+jwt', %{ $header // {} } });
}
is(who(auth0({})), 'web', 'Auth0: a machine');
is(who(auth0({ sub => 'auth0|5f7c8ec7c33c6c004bbafe82',
	aud => [ 'https://vault.acme.example', 'https://acme.eu.auth0.com/userinfo' ] })), 'staff',
	'Auth0: a person, by a pattern');
is(who(auth0({ sub => 'google-oauth2|5f7c8ec7c33c6c004bbafe82' })), 'VT014',
	'Auth0: not of another connection');
is(who(auth0({ sub => 'auth0|5f7c|x' })), 'VT014', 'Auth0: not over the separator');
is(who(auth0({ sub => 'vZ4m0xR' })), 'VT014', 'Auth0: not half a subject');
is(who(auth0({ iss => 'https://acme.eu.auth0.com' })), 'VT014',
	'Auth0: its issuer ends with a slash');
is(who(auth0({}, { typ => 'application/AT+JWT' })), 'web', 'Auth0: the media type in full');
is(reads(auth0({ sub => 'auth0|1', 'https://acme.example/roles' => ['Operators'] }), 'web/key'),
	'00000', 'Auth0: a claim that is named by an address');
is(reads(auth0({ sub => 'auth0|1' }), 'web/key'), '42501', 'Auth0: and without it');

# ---- Google: numbers as subjects, the account in email, an hour ----

my $google = key('6f7254101f56e41cf35c9926de84a2d552b4c6f1', 'RSA');
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, claim_mapping => $5, required_claims => $6)',
	'google', 'https://accounts.google.com', 'https://vault.acme.example',
	key_set(published($google, use => 'sig'), published(key('a2d552b4', 'RSA'), use => 'sig')),
		'{"principal": "email"}', '{"email_verified": true}');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'billing', 'google',
	'billing@acme-prod.iam.gserviceaccount.com');

sub google
{
	my ($claims) = @_;
	return token($google,
		{ aud => 'https://vault.acme.example', azp => '113774264463038321964',
		email => 'billing@acme-prod.iam.gserviceaccount.com',
		email_verified => JSON::PP::true, exp => $now + 3600, iat => $now,
		iss => 'https://accounts.google.com', sub => '113774264463038321964', %$claims });
}
is(who(google({})), 'billing', 'Google: a service account');
is(who(google({ email => 'billing@acme-prod.iam.gserviceaccount.com.evil.example' })), 'VT014',
	'Google: not of another domain');
is(who(google({ email => 'Billing@acme-prod.iam.gserviceaccount.com' })), 'VT014',
	'Google: byte by byte');
is(who(google({ email_verified => JSON::PP::false })), 'VT014',
	'Google: not one whose address was not verified');
is(who(google({ email_verified => 'true' })), 'VT014', 'Google: nor a text that says so');
is(who(google({ iss => 'accounts.google.com' })), 'VT014', 'Google: the issuer is exact');
is(who(google({ sub => undef })), 'billing',
	'Google: a token without sub, as the principal is another claim');

# ---- GitHub Actions: repository and reference in the subject ----

my $github = key('cc413527-173f-5a05-976e-9c52b1d7b431', 'RSA');
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, required_claims => $5)', 'github',
	'https://token.actions.githubusercontent.com', 'https://vault.acme.example',
	key_set(published($github, use => 'sig', x5c => $x5c, x5t => 'eA')),
		'{"repository_owner_id": "1234"}');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'billing', 'github',
	'repo:acme/billing:ref:refs/heads/main');
$admin->value('SELECT vault.add_subject($1, $2, $3, $4)', 'web', 'github',
	'repo:acme/web:environment:*', 'pattern');

sub github
{
	my ($claims) = @_;
	return token($github,
		{ jti => '7c5b', sub => 'repo:acme/billing:ref:refs/heads/main',
		aud => 'https://vault.acme.example', ref => 'refs/heads/main', sha => 'a' x 40,
		repository => 'acme/billing', repository_owner => 'acme', repository_owner_id => '1234',
		run_id => '1', run_attempt => '1', actor => 'ana',
		workflow => 'deploy', event_name => 'push',
		job_workflow_ref => 'acme/billing/.github/workflows/d.yml@refs/heads/main',
		iss => 'https://token.actions.githubusercontent.com', nbf => $now - 600, exp => $now + 300,
		iat => $now, %$claims });
}
is(who(github({})), 'billing', 'GitHub: the branch');
is(who(github({ sub => 'repo:acme/billing:ref:refs/heads/feature' })), 'VT014',
	'GitHub: not another branch');
is(who(github({ sub => 'repo:acme/billing:pull_request' })), 'VT014', 'GitHub: not a pull request');
is(who(github({ sub => 'repo:mallory/billing:ref:refs/heads/main' })), 'VT014',
	'GitHub: not a fork');
is(who(github({ sub => 'repo:acme/web:environment:prod' })), 'web',
	'GitHub: any environment of a repository');
is(who(github({ sub => 'repo:acme/web:environment:prod:x' })), 'VT014',
	'GitHub: not over the separator');
is(who(github({ repository_owner_id => '4321' })), 'VT014',
	'GitHub: not of an owner that took the name over');
is(who(github({ sub => 'billing' })), 'VT014',
	'GitHub: the name of a principal is no subject here');

# ---- GitLab: the path of a project ----

my $gitlab = key('4i3sFE7sxqNPOT7FdvcGA1ZVGGI_r-tsDXnEuYT4ZqE', 'RSA');
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, claim_mapping => $5, required_claims => $6)',
	'gitlab', 'https://gitlab.example', 'https://vault.acme.example',
	key_set(published($gitlab, use => 'sig')), '{"principal": "project_path"}',
		'{"ref_protected": "true", "ref_type": "branch"}');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'web', 'gitlab', 'acme/shop/web');
$admin->value('SELECT vault.add_subject($1, $2, $3, $4)', 'billing', 'gitlab', 'acme/billing/*',
	'pattern');

sub gitlab
{
	my ($claims) = @_;
	return token($gitlab,
		{ namespace_id => '72', namespace_path => 'acme/shop', project_id => '20',
		project_path => 'acme/shop/web', user_login => 'ana', pipeline_id => '574',
		job_id => '302', ref => 'main', ref_type => 'branch', ref_protected => 'true',
		iss => 'https://gitlab.example', iat => $now, nbf => $now - 5, exp => $now + 3600,
		sub => 'project_path:acme/shop/web:ref_type:branch:ref:main',
		aud => 'https://vault.acme.example', jti => '235b', %$claims });
}
is(who(gitlab({})), 'web', 'GitLab: the project');
is(who(gitlab({ ref_protected => 'false' })), 'VT014',
	'GitLab: not of a branch that is open to every developer');
is(who(gitlab({ ref_type => 'tag' })), 'VT014', 'GitLab: not of a tag');
is(who(gitlab({ project_path => 'acme/billing/api' })), 'billing',
	'GitLab: one of a group of projects');
is(who(gitlab({ project_path => 'acme/billing/sub/api' })), 'VT014',
	'GitLab: not of a group inside it');
is(who(gitlab({ project_path => 'acme/shop/web2' })), 'VT014', 'GitLab: not another project');

# ---- Kubernetes: no typ, a list of audiences, 3607 seconds, names inside an object ----

my $kubernetes = key('vCyZjmFqmSFw0u1_1kQ6HkSAnLrhGd-jcG6TAcuvOYM', 'RSA');
my $k8s_iss = 'https://kubernetes.default.svc.cluster.local';
my $k8s_set = key_set(published($kubernetes, use => 'sig'));
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4)', 'kubernetes', $k8s_iss, 'vault', $k8s_set);
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'billing', 'kubernetes',
	'system:serviceaccount:prod:billing');
$admin->value('SELECT vault.add_subject($1, $2, $3, $4)', 'web', 'kubernetes',
	'system:serviceaccount:shop:*', 'pattern');

sub kubernetes
{
	my ($claims, $header) = @_;
	return token($kubernetes,
		{ aud => ['vault'], exp => $now + 3607, iat => $now, iss => $k8s_iss, nbf => $now,
		sub => 'system:serviceaccount:prod:billing',
		'kubernetes.io' => { namespace => 'prod', node => { name => 'n1', uid => 'u' },
		pod => { name => 'billing-6f', uid => 'u' },
			serviceaccount => { name => 'billing', uid => 'u' }, warnafter => $now + 3607 },
			%$claims }, { typ => undef, %{ $header // {} } });
}
is(who(kubernetes({})), 'billing', 'Kubernetes: a service account, for 3607 seconds');
is(who(kubernetes({ sub => 'system:serviceaccount:dev:billing' })), 'VT014',
	'Kubernetes: not of another namespace');
is(who(kubernetes({ sub => 'system:serviceaccount:shop:cart' })), 'web',
	'Kubernetes: any of a namespace');
is(who(kubernetes({ sub => 'system:serviceaccount:shop2:cart' })), 'VT014',
	'Kubernetes: not of a namespace that begins like it');
is(who(kubernetes({ aud => [$k8s_iss] })), 'VT014', 'Kubernetes: not the token for its own API');
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, claim_mapping => $5, required_claims => $6)',
	'kubernetes-name', 'https://k8s2.example', 'vault', $k8s_set,
	'{"principal": "/kubernetes.io/serviceaccount/name"}',
		'{"/kubernetes.io/namespace": ["prod", "staging"]}');
sub k8s_named { my ($namespace, $name) = @_;
	return kubernetes({ iss => 'https://k8s2.example',
	'kubernetes.io' => { namespace => $namespace, serviceaccount => { name => $name } } }) }
is(who(k8s_named('prod', 'billing')), 'billing',
	'Kubernetes: by the name inside, which is that of a principal');
is(who(k8s_named('dev', 'billing')), 'VT014', 'Kubernetes: and a required namespace');
is(who(k8s_named('prod', 'admin2')), 'VT014', 'Kubernetes: not one that is no principal');
is(who(kubernetes({ iss => 'https://k8s2.example', 'kubernetes.io' => undef })), 'VT014',
	'Kubernetes: nor without the object');

# ---- SPIFFE: use jwt-svid beside x509-svid, typ JOSE ----

my $spiffe = key('C6vs25welZOx6WksNYfbMfiw9l96pMnD', 'EC');
my $spiffe_x509 = key('x509', 'EC');
like(notices("SELECT vault.add_issuer('spiffe', 'https://spire.acme.example', 'vault', '"
	. $json->encode({ spiffe_sequence => 12, spiffe_refresh_hint => 300,
	keys => [ published($spiffe_x509, use => 'x509-svid', kid => undef, x5c => $x5c),
		published($spiffe, use => 'jwt-svid') ] }) . "')"),
	qr/1 of 2 keys/, 'SPIFFE: a bundle is taken, without its certificates');
$admin->value('SELECT vault.add_subject($1, $2, $3, $4)', 'web', 'spiffe',
	'spiffe://acme.example/ns/shop/sa/*', 'pattern');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'billing', 'spiffe',
	'spiffe://acme.example/ns/prod/sa/billing');

sub spiffe
{
	my ($sub, $header) = @_;
	return token($spiffe,
		{ iss => 'https://spire.acme.example', sub => $sub, aud => ['vault'], iat => $now,
		exp => $now + 300 }, { typ => 'JOSE', %{ $header // {} } });
}
is(who(spiffe('spiffe://acme.example/ns/prod/sa/billing')), 'billing', 'SPIFFE: an identity');
is(who(spiffe('spiffe://acme.example/ns/shop/sa/cart', { typ => 'JWT' })), 'web',
	'SPIFFE: by a pattern');
is(who(spiffe('spiffe://acme.example/ns/shop/sa/cart/x')), 'VT014', 'SPIFFE: not below it');
is(who(spiffe('spiffe://acme.example.evil/ns/shop/sa/cart')), 'VT014',
	'SPIFFE: not of another domain');
is(who(spiffe('spiffe://acme.example/ns/prod/sa/Billing')), 'VT014', 'SPIFFE: byte by byte');

# ---- sets as they come: a single key, a mark in front, padding, 64 keys, what is never used ----

my $single = key('single', 'RSA');
my %loose = (%{ published($single, alg => undef) });
$loose{n} = encode_padded("\0" . decode_number($loose{n}));
$loose{e} = 'AQAB';
sub decode_number { my ($text) = @_; $text =~ tr{-_}{+/};
	return MIME::Base64::decode_base64($text . '=' x (-length($text) % 4)) }
sub encode_padded { my ($bytes) = @_; my $text = MIME::Base64::encode_base64($bytes, '');
	$text =~ tr{+/}{-_}; return $text }
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4)', 'loose', 'https://loose.example', 'vault',
	"\x{ef}\x{bb}\x{bf}" . $json->encode(\%loose));
is(who(token($single, { iss => 'https://loose.example', sub => 'billing' })), 'billing',
	'a single key with a mark, a zero and padding');
my $last = key("last", "EC");
my $filler = $json->decode(jwks(key('filler')))->{keys}[0];
my $long_set = $json->encode(
	{ keys => [ (map { { %$filler, kid => "key $_" } } 1 .. 63),
	published($last, kid => 'k' x 255) ] });
$admin->value('SELECT vault.set_issuer_keys($1, $2)', 'loose', $long_set);
is(who(token($last, { iss => 'https://loose.example', sub => 'billing' }, { kid => 'k' x 255 })),
	'billing', 'the 64th key, with a kid of 255 bytes');
is($admin->query('SELECT vault.set_issuer_keys($1, $2)', 'loose',
	$json->encode({ keys => [ map { { %$filler, kid => "key $_" } } 1 .. 65 ] }))->{state}, '22023',
	'65 keys are too many');

my $symmetric = { kty => 'oct', kid => 'shared', alg => 'HS256',
	k => 'c2VjcmV0LXZhbHVlLXRoYXQtbXVzdC1ub3QtYmUtc3RvcmVk' };
$admin->value('SELECT vault.set_issuer_keys($1, $2)', 'loose',
	key_set($symmetric, published($single)));
is($node->safe_psql('postgres',
	q{SELECT count(*) FROM vault_data.token_issuer
		WHERE jwks LIKE '%c2VjcmV0LXZhbHVl%' OR jwks LIKE '%"x5c"%'}),
	0, 'a symmetric key is not even stored, nor a certificate');
my $hs = base64url('{"alg":"HS256","kid":"shared"}') . '.'
	. base64url(claims({ iss => 'https://loose.example', sub => 'billing' }));
is(who($hs . '.'
	. base64url(Digest::SHA::hmac_sha256($hs, 'secret-value-that-must-not-be-stored'))), 'VT014',
	'and signs nothing');
for my $case ([ 'a symmetric key alone', key_set($symmetric), 'no key is left' ],
	[ 'keys for encryption alone', key_set(published($single, use => 'enc')), 'no key is left' ],
	[ 'a private key', key_set(published($single, d => 'AQAB')), 'private' ],
		[ 'two keys of one kid', key_set(published($single), published($single)), 'earlier key' ])
{
	my $result = $admin->query('SELECT vault.set_issuer_keys($1, $2)', 'loose', $case->[1]);
	is($result->{state}, '22023', "$case->[0]: refused");
	like($result->{message}, qr/\Q$case->[2]\E/, "$case->[0]: why");
}
is(who(token($single, { iss => 'https://loose.example', sub => 'billing' })), 'billing',
	'and the keys stay as they were');

# ---- PS256 for keys without alg, where the issuer says so ----

$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, algorithms => $5)', 'pss',
	'https://pss.example', 'vault', key_set(published($single, alg => undef)), '{PS256}');
is(who(token($single, { iss => 'https://pss.example', sub => 'billing' })), 'VT014',
	'a token of RS256 where the issuer has PS256');
my $text = base64url('{"alg":"PS256","kid":"single"}') . '.'
	. base64url(claims({ iss => 'https://pss.example', sub => 'billing' }));
is(who($text . '.' . base64url(sign_pss($single, $text))), 'billing', 'one of PS256');
is($admin->query('SELECT vault.set_issuer_keys($1, $2)', 'pss',
	key_set(published($single)))->{state}, '22023', 'a key that says RS256 stays bound to that');
is($admin->query('SELECT vault.add_issuer($1, $2, $3, $4, algorithms => $5)', 'x',
	'https://x.example', 'vault', key_set(published($single)), "{$_}")->{state}, '22023',
	"no algorithm $_") for 'HS256', 'none', 'RS512';

# ---- each refusal has its own reason in the trail, and nothing of the token ----

for my $reason ('aud is missing or does not hold the audience',
	'a required claim is missing or has another value', 'its subject stands for no principal',
	q{the token lives longer than the issuer's may}, 'alg is missing or not that of the key',
		'alg is symmetric', 'typ is not that of an access token',
		'kid is not that of a key of the issuer',
	'the claim for the principal is missing or malformed')
{
	ok(last_reason($reason =~ s/'/''/gr), "the trail: $reason");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM vault.audit a WHERE a::text LIKE '%eyJ%'}),
	0, 'no token in the trail');
$admin->close;
$pool->close;

# ---- a database that is not in UTF-8: tokens are, and mean the same ----

$ENV{PGCLIENTENCODING} = 'UTF8';
my $latin = new_vault_node('latin', init => { extra => [ '-E', 'LATIN1', '--locale', 'C' ] },
	conf => 'vault.audit_mode = queued');
$latin->safe_psql('postgres', q{
	CREATE ROLE admin LOGIN;
	CREATE ROLE pool LOGIN;
	SELECT vault.create_tenant('acme', 'admin')});
$admin = VaultClient->new($latin, 'admin');
$pool = VaultClient->new($latin, 'pool');
$admin->value('SELECT vault.allow_tokens($1)', 'pool');
$admin->value('SELECT vault.create_principal($1)', $_) for 'billing', 'web';
$admin->value('SELECT vault.create_role($1)', 'operators');
my $umlaut = "M\xc3\xbcller";
my $utf8_key = published(key('ed'), kid => "cl\xc3\xa9");
$admin->value('SELECT vault.add_issuer($1, $2, $3, $4, claim_mapping => $5)', 'idp',
	'https://idp.example', 'vault', $json->encode({ keys => [$utf8_key] }), '{"groups": "groups"}');
$admin->value('SELECT vault.add_subject($1, $2, $3)', 'billing', 'idp', $umlaut);
$admin->value('SELECT vault.add_subject($1, $2, $3, $4)', 'web', 'idp', "$umlaut-*", 'pattern');
$admin->value('SELECT vault.map_group($1, $2, $3)', 'idp', "T\xc3\xa4ter", 'operators');
sub umlaut { my ($claims) = @_; return token(key('ed'), $claims, { kid => "cl\xc3\xa9" }) }
is(who(umlaut({ sub => $umlaut })), 'billing',
	'LATIN1: an exact subject, signed with a key of such a kid');
is(who(umlaut({ sub => "$umlaut-1" })), 'web', 'LATIN1: a pattern');
is(who(umlaut({ sub => "M\xc3\xb6ller" })), 'VT014', 'LATIN1: another letter');
is(who(umlaut({ sub => "M\xfcller" })), 'VT014', 'LATIN1: not the bytes that the table has');
is(who(umlaut({ sub => "\xe6\xbc\xa2" })), 'VT014',
	'LATIN1: a letter that the database does not have');
$pool->query('BEGIN');
$pool->query('SELECT vault.login($1)', umlaut({ sub => $umlaut, groups => ["T\xc3\xa4ter"] }));
is($pool->value('SELECT token_roles FROM vault.whoami()'), '{operators}', 'LATIN1: a group');
$pool->query('COMMIT');
is($latin->safe_psql('postgres',
	q{SELECT count(*) FROM vault.verify() WHERE object_kind <> 'catalog'}), 0,
	'LATIN1: nothing to find');
$_->close for $admin, $pool;
done_testing();
