-- The catalog entries that the extension's security rests on; most queries list what breaks a
-- rule, and have no rows.
CREATE TEMP VIEW api AS SELECT p.*, p.oid::regprocedure AS signature FROM pg_proc p
	WHERE pronamespace = 'vault'::regnamespace;
CREATE TEMP VIEW inner_function AS SELECT p.*, p.oid::regprocedure AS signature FROM pg_proc p
	WHERE pronamespace = 'vault_data'::regnamespace;
-- partitions of months are made by a worker and are no part of the extension; t/017_evidence.pl
-- looks at them
CREATE TEMP VIEW data_table AS SELECT c.* FROM pg_class c
	WHERE relnamespace = 'vault_data'::regnamespace AND relkind IN ('r', 'p')
	AND relname !~ '^audit_log_\d{4}_\d{2}$';
CREATE TEMP VIEW tenant_table AS SELECT t.* FROM data_table t
	WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND attname = 'tenant_id');

-- there is something to check
SELECT (SELECT count(*) > 30 FROM api) AS api,
	(SELECT count(*) > 50 FROM inner_function) AS inner_functions,
	(SELECT array_agg(relname::text ORDER BY relname) FROM tenant_table) AS tenant_tables,
	(SELECT array_agg(relname::text ORDER BY relname) FROM data_table
	WHERE oid NOT IN (SELECT oid FROM tenant_table)) AS others;

-- public functions: C, of the invoker, never LEAKPROOF or IMMUTABLE, unsafe in parallel, described
SELECT signature FROM api JOIN pg_language l ON l.oid = prolang
WHERE lanname <> 'c' OR prosecdef OR proleakproof OR provolatile = 'i'
	OR (proname <> 'current_tenant_id' AND (provolatile <> 'v' OR proparallel <> 'u'))
	OR proconfig IS NOT NULL;
SELECT signature FROM api WHERE obj_description(oid, 'pg_proc') IS NULL;
SELECT oid::regclass FROM pg_class
	WHERE relnamespace = 'vault'::regnamespace AND obj_description(oid, 'pg_class') IS NULL;
SELECT signature FROM inner_function
	WHERE prosecdef OR proleakproof OR (provolatile = 'i'
	AND prosrc NOT IN ('vault_envelope_in', 'vault_envelope_out', 'vault_envelope_recv',
	'vault_envelope_send', 'vault_name_matches', 'vault_small'))
	ORDER BY signature::text COLLATE "C";
-- every one that is served by SQL has its inner function of the same arguments, which takes jsonb
-- where JSON of any type is taken
SELECT signature FROM api a WHERE prosrc LIKE 'vault\_as\_%'
	AND NOT EXISTS (SELECT FROM inner_function i
	WHERE i.proname = a.proname AND i.proargtypes::text =
	regexp_replace(a.proargtypes::text, '\m' || 'anycompatible'::regtype::oid || '\M',
	'jsonb'::regtype::oid::text, 'g') AND i.prorettype = a.prorettype
	AND i.proretset = a.proretset);

-- the roles that may execute each function of the API
SELECT may_execute, array_agg(proname ORDER BY proname) AS functions FROM (
	SELECT proname, string_agg(CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
	', ' ORDER BY grantee::regrole::text COLLATE "C") AS may_execute
	FROM (SELECT signature, proname, proowner,
	(aclexplode(coalesce(proacl, acldefault('f', proowner)))).* FROM api) AS a
	WHERE grantee <> proowner GROUP BY signature, proname) AS f
GROUP BY may_execute ORDER BY may_execute COLLATE "C";
-- of the inner ones only the two roles of the inside, save what views call
SELECT grantee, array_agg(proname ORDER BY proname) FROM (
	SELECT proname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee,
	proowner::regrole::text AS owner
	FROM (SELECT proname, proowner, (aclexplode(coalesce(proacl, acldefault('f', proowner)))).*
	FROM inner_function) AS a) AS g
WHERE grantee NOT IN (owner, 'vault_exec', 'vault_owner') GROUP BY 1 ORDER BY 1;

-- tables: of vault_owner, no other role's but vault_exec's, which neither truncates nor refers nor
-- attaches triggers
SELECT oid::regclass FROM data_table WHERE relowner <> 'vault_owner'::regrole;
SELECT oid::regclass, grantee::regrole, privilege_type
	FROM (SELECT oid, relowner, (aclexplode(relacl)).* FROM data_table) AS a
WHERE grantee <> relowner AND (grantee <> 'vault_exec'::regrole
	OR privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') OR is_grantable);
SELECT grantee::regrole, string_agg(privilege_type, ' ' ORDER BY privilege_type)
	FROM (SELECT (aclexplode(relacl)).* FROM pg_class
	WHERE oid = 'vault_data.audit_log'::regclass) AS a WHERE grantee <> 'vault_owner'::regrole
	GROUP BY 1;
SELECT oid::regclass FROM data_table WHERE relacl IS NULL;

-- row security: enabled and forced on every table, months of the trail too; by permissive policies,
-- which write inside a call only and show what views show
SELECT oid::regclass FROM pg_class
	WHERE relnamespace = 'vault_data'::regnamespace AND relkind IN ('r', 'p')
	AND (NOT relrowsecurity OR NOT relforcerowsecurity);
SELECT polname, polpermissive, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid) AS qual,
	polwithcheck IS NULL AS same_for_writes,
	(SELECT count(DISTINCT p.polrelid) FROM pg_policy p JOIN tenant_table t ON t.oid = p.polrelid
	WHERE p.polname = min(pg_policy.polname)) =
	(SELECT count(*) FROM tenant_table) AS each_tenant_table,
	array_agg(polrelid::regclass::text ORDER BY polrelid::regclass::text) FILTER
	(WHERE polrelid NOT IN (SELECT oid FROM tenant_table)
	AND polrelid::regclass::text !~ '_\d{4}_\d\d$') AS others
FROM pg_policy WHERE polrelid::regclass::text LIKE 'vault%' GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 5;

-- tenant_id: a uuid, not null, first in every unique index and foreign key; the names of tenants
-- are the one exception
SELECT attrelid::regclass FROM pg_attribute
	WHERE attrelid IN (SELECT oid FROM tenant_table) AND attname = 'tenant_id'
	AND NOT (attnum = 1 AND atttypid = 'uuid'::regtype AND attnotnull);
SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index
	WHERE indrelid IN (SELECT oid FROM tenant_table) AND indisunique AND indkey[0] <> 1;
SELECT conrelid::regclass, conname FROM pg_constraint
	WHERE conrelid IN (SELECT oid FROM tenant_table) AND contype = 'f'
	AND (conkey[1] <> 1 OR confkey[1] <> 1 OR confdeltype IN ('n', 'd')
	OR confupdtype IN ('n', 'd', 'c'));

-- dumped: every table and sequence, whole
SELECT c.oid::regclass FROM pg_class c
	WHERE relnamespace = 'vault_data'::regnamespace AND relkind IN ('r', 'p', 'S')
	AND relname !~ '^audit_log_\d{4}_\d{2}$'
	AND NOT EXISTS (SELECT FROM pg_extension
	WHERE extname = 'vault' AND c.oid = ANY (extconfig)
	AND extcondition[array_position(extconfig, c.oid)] = '');
-- every object of the schemas belongs to the extension
SELECT c.oid::regclass FROM pg_class c
	WHERE relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	AND relkind NOT IN ('i', 'I', 't') AND relname !~ '^audit_log_\d{4}_\d{2}$'
	AND NOT EXISTS (SELECT FROM pg_depend
	WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e');

-- triggers: on every table but counts taken from the trail an audit that fires in every mode; the
-- trail refuses changes
SELECT oid::regclass FROM data_table t
	WHERE relname NOT LIKE 'audit\_log%' AND relname NOT LIKE 'usage%'
	AND relname NOT IN ('audit_seal', 'audit_progress', 'audit_checkpoint', 'audit_retired')
	AND NOT EXISTS (SELECT FROM pg_trigger
	WHERE tgrelid = t.oid AND tgfoid = 'vault_data.audit_change'::regproc AND tgtype = 29);
SELECT tgrelid::regclass, tgname FROM pg_trigger
	WHERE tgrelid IN (SELECT oid FROM data_table) AND NOT tgisinternal AND tgenabled <> 'A';
SELECT tgrelid::regclass, tgname, tgtype FROM pg_trigger
	WHERE tgfoid = 'vault_data.refuse_change'::regproc AND tgrelid IN (SELECT oid FROM data_table)
	ORDER BY tgrelid::regclass::text, 2;

-- views: security barriers of vault_owner, to read only; figures without names for monitoring, too
SELECT oid::regclass FROM pg_class
	WHERE relnamespace = 'vault'::regnamespace AND relkind = 'v'
	AND (relowner <> 'vault_owner'::regrole OR NOT 'security_barrier=true' = ANY (reloptions));
SELECT oid::regclass, grantee::regrole, privilege_type
	FROM (SELECT oid, relowner, (aclexplode(relacl)).* FROM pg_class
	WHERE relnamespace = 'vault'::regnamespace AND relkind = 'v') AS a
WHERE grantee <> relowner AND (privilege_type <> 'SELECT' OR is_grantable
	OR grantee NOT IN ('vault_client'::regrole, 'vault_admin'::regrole, 'vault_auditor'::regrole))
	AND NOT (oid = 'vault.metrics'::regclass AND grantee = 'pg_monitor'::regrole
	AND privilege_type = 'SELECT' AND NOT is_grantable);

-- values: ciphertext in a type that is stored as it is
SELECT typstorage, typlen FROM pg_type WHERE oid = 'vault.envelope'::regtype;
SELECT attrelid::regclass, attname, attstorage FROM pg_attribute
	WHERE atttypid = 'vault.envelope'::regtype AND attrelid IN (SELECT oid FROM data_table)
	ORDER BY attrelid::regclass::text, 2;

DROP VIEW tenant_table, data_table, inner_function, api;
