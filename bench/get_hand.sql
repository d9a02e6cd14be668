-- A hand-written audited read: the row and its audit row in one statement, whose commit waits for
-- the disk.
\set i random(:first, :last)
WITH s AS (SELECT name, value FROM plain WHERE name = 'apps/app-' || :i || '/api-key'),
	a AS (INSERT INTO plain_audit (tenant_id, id, at, xid, tenant, principal_id, principal, role,
	session_role, authenticated_role, address, port, tls, application_name, operation, decision,
	object_kind, object_id, secret, environment, version, grant_id)
	SELECT '6a7d3c1e-0000-4000-8000-000000000001', nextval('plain_audit_id'), clock_timestamp(),
	pg_current_xact_id(), 'bench', '6a7d3c1e-0000-4000-8000-000000000002', 'bench_app',
	current_user, session_user, session_user, inet_client_addr(), inet_client_port(), false,
	current_setting('application_name'), 'get', 'allow', 'secret',
	'6a7d3c1e-0000-4000-8000-000000000003', name, 'default', 1,
	'6a7d3c1e-0000-4000-8000-000000000004' FROM s) SELECT value FROM s;
