-- permissions are given as an array or as a text, which a literal is first; what is neither is told
-- with the argument's name
SET client_min_messages = warning;
CREATE ROLE regress_gt_admin;
CREATE ROLE regress_gt_app;
SELECT vault.create_tenant('regress-gt', 'regress_gt_admin') IS NOT NULL AS created;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'works';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_gt_admin;
SELECT vault.create_principal('app', db_role => 'regress_gt_app') IS NOT NULL AS made;
SELECT count(vault."grant"('app', p, 'x/**'))
	FROM unnest(ARRAY['read', ' read, list ', '{read}', ' {read,write}']) AS p;
SELECT vault."grant"('app', 'read', 'a/**') IS NOT NULL,
	vault."grant"('app', '{delete}', 'b/**') IS NOT NULL,
	vault."grant"('app', ARRAY['rotate'], 'c/**') IS NOT NULL,
	vault."grant"('app', permissions => 'list,write', name_pattern => 'd/**',
	environments => '{prod}', effect => 'deny') IS NOT NULL;
PREPARE untyped AS SELECT vault."grant"($1, $2, $3) IS NOT NULL;
EXECUTE untyped('app', 'read', 'e/**');
PREPARE typed(text, text[], text) AS SELECT vault."grant"($1, $2, $3) IS NOT NULL;
EXECUTE typed('app', '{read,list}', 'f/**');
SELECT permissions, name_pattern, environments, effect FROM vault.grants WHERE grantee = 'app'
	ORDER BY name_pattern COLLATE "C", permissions;
SELECT p, pg_temp.attempt(format('SELECT vault."grant"(''app'', %L, ''x'')', p))
	FROM unnest(ARRAY['', 'reed', 'read;list', '{read', 'read,', '{}', NULL]) AS p;
SET ROLE regress_gt_app;
SELECT pg_temp.attempt('SELECT vault."grant"(''app'', ''read'', ''**'')') AS application;
RESET ROLE;
SELECT vault.destroy_tenant('regress-gt', 'regress-gt');
DROP ROLE regress_gt_admin, regress_gt_app;
