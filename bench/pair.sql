-- A hand-written put: the row and its audit row in one transaction, four round trips.
\set i random(:first, :last)
\set r random(1000000000000000, 9999999999999999)
BEGIN;
INSERT INTO plain_put (name, version, value)
	VALUES ('apps/app-' || :i || '/api-key', nextval('plain_version'),
	'sk_live_0123456789abcdef' || :r);
INSERT INTO plain_audit (tenant_id, id, at, xid, tenant, principal_id, principal, role,
	session_role, authenticated_role, address, port, tls, application_name, operation, decision,
	object_kind, object_id, secret, environment, version, grant_id, detail)
	VALUES ('6a7d3c1e-0000-4000-8000-000000000001', nextval('plain_audit_id'), clock_timestamp(),
	pg_current_xact_id(), 'bench', '6a7d3c1e-0000-4000-8000-000000000002', 'bench_app',
	current_user, session_user, session_user, inet_client_addr(), inet_client_port(), false,
	current_setting('application_name'), 'put', 'allow', 'secret',
	'6a7d3c1e-0000-4000-8000-000000000003', 'apps/app-' || :i || '/api-key', 'default', 1,
	'6a7d3c1e-0000-4000-8000-000000000004',
	'{"name": "apps/app-123456/api-key", "current_version": ["1", "2"]}');
COMMIT;
