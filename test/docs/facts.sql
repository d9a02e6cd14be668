-- Facts that the reference must agree with, one a line: kind, name, and the facts about it.
-- The callers and readers are the roles of vault that may execute or select.
WITH callers AS (
	SELECT p.oid, string_agg(r.rolname, ', ' ORDER BY r.rolname) AS roles
	FROM pg_proc p JOIN pg_roles r ON r.rolname IN ('vault_admin', 'vault_auditor', 'vault_client')
	WHERE p.pronamespace = 'vault'::regnamespace AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
	GROUP BY p.oid
)
SELECT 'function', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
	c.roles
FROM pg_proc p LEFT JOIN callers c ON c.oid = p.oid
WHERE p.pronamespace = 'vault'::regnamespace ORDER BY p.proname, 3;

SELECT 'view', c.relname,
	string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
		ORDER BY a.attnum), '',
	(SELECT string_agg(r.rolname, ', ' ORDER BY r.rolname) FROM pg_roles r
		WHERE r.rolname IN ('vault_admin', 'vault_auditor', 'vault_client')
			AND has_table_privilege(r.oid, c.oid, 'SELECT'))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'vault'::regnamespace AND c.relkind = 'v'
GROUP BY c.oid, c.relname ORDER BY c.relname;

SELECT 'setting', name, coalesce(boot_val, ''), coalesce(unit, ''), context, vartype
FROM pg_settings WHERE name LIKE 'vault.%'
-- pg_settings does not show it
UNION ALL SELECT 'setting', 'vault.token', '', '', 'user', 'string'
WHERE current_setting('vault.token', true) = '' ORDER BY 2;

SELECT 'type', typname, '', '', '' FROM pg_type
WHERE typnamespace = 'vault'::regnamespace AND typtype = 'b' AND typcategory <> 'A'
ORDER BY typname;
