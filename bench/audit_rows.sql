-- A long trail: audit_rows rows like those of reads, a millisecond apart before the first one, into
-- the partition that is written to. Their transaction ids are older than any of the bench, so
-- nothing that follows the trail takes them for new.
ALTER TABLE vault_data.audit_log DISABLE TRIGGER append_only;
\timing on
\echo audit_rows
INSERT INTO vault_data.audit_log (tenant_id, id, at, xid, tenant, principal_id, principal, role,
	session_role, authenticated_role, tls,
	application_name, operation, decision, object_kind, object_id, secret, environment, version,
	grant_id, mac)
SELECT t.tenant_id, b.id + i * 1000,
	timestamptz '2000-01-01 00:00:00+00' + (b.id + i * 1000) * interval '1 microsecond',
	(3 + i * 600 / :audit_rows)::text::xid8, t.tenant, t.principal_id, t.principal, 'bench_app',
	'bench_app', 'bench_app', false, 'pgbench', 'get',
	'allow', 'secret', t.object_id, 'apps/app-' || (:first + i % (:last - :first + 1))
	|| '/api-key', 'default', 1,
	t.grant_id, decode(repeat('5a', 32), 'hex')
FROM (SELECT * FROM vault_data.audit_log WHERE operation = 'get' AND decision = 'allow' LIMIT 1) t,
	(SELECT min(id) - :audit_rows::bigint * 1000 - 1000000 AS id FROM vault_data.audit_log) b,
	generate_series(1::bigint, :audit_rows) i;
\timing off
ALTER TABLE vault_data.audit_log ENABLE ALWAYS TRIGGER append_only;
CHECKPOINT;
