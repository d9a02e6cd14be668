-- Print what the catalog says of the extension vault, in an order that does not depend on the order
-- of its script: two databases with the same output have the same extension. Run by psql -AtX.
SET search_path = pg_catalog, pg_temp;

CREATE TEMP VIEW member AS
SELECT classid, objid FROM pg_depend
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vault');

CREATE TEMP VIEW relation AS
SELECT class.*
FROM pg_class class JOIN member ON classid = 'pg_class'::regclass AND objid = class.oid
WHERE relkind <> 'i';

CREATE FUNCTION pg_temp.acl(given aclitem[], kind "char", owner oid) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg(format('%s=%s%s', grantee::regrole, privilege_type,
		CASE WHEN is_grantable THEN '*' END), ' ' ORDER BY grantee::regrole::text, privilege_type)
	FROM aclexplode(COALESCE(given, acldefault(kind, owner)))
$$;

SELECT 'member ' || identity FROM member,
	pg_identify_object(classid, objid, 0) AS object (type, schema, name, identity)
ORDER BY identity COLLATE "C", type;

SELECT 'comment ' || identity || ': ' || description
FROM pg_description JOIN member ON classid = classoid AND objid = objoid,
	pg_identify_object(classid, objid, objsubid) AS object (type, schema, name, identity)
ORDER BY identity COLLATE "C", type;

SELECT 'initial privileges ' || identity || ': ' || pg_temp.acl(initprivs, 'r', 10)
FROM pg_init_privs privileges
	JOIN member ON classid = classoid AND privileges.objoid = member.objid,
	pg_identify_object(classid, objid, objsubid) AS object (type, schema, name, identity)
ORDER BY identity COLLATE "C", type;

SELECT 'function ' || oid::regprocedure || E'\n  ' || CASE prokind WHEN 'a' THEN 'aggregate'
		ELSE replace(pg_get_functiondef(oid), E'\n', E'\n  ') END
	|| E'\n  owner ' || proowner::regrole
	|| E'\n  privileges ' || pg_temp.acl(proacl, 'f', proowner)
	|| E'\n  ' || concat_ws(' ', prokind, provolatile, proparallel, proisstrict, prosecdef,
		proleakproof, procost, prorows, prosupport, proconfig)
FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid
ORDER BY oid::regprocedure::text COLLATE "C";

SELECT 'relation ' || oid::regclass || ': ' || concat_ws(' ', relkind, relpersistence, relreplident,
		relrowsecurity, relforcerowsecurity, relispartition, reloptions)
	|| E'\n  owner ' || relowner::regrole
	|| E'\n  privileges ' || pg_temp.acl(relacl, 'r', relowner)
	|| COALESCE(E'\n  partitioned by ' || pg_get_partkeydef(oid), '')
	|| COALESCE(E'\n  ' || pg_get_expr(relpartbound, oid), '')
FROM relation ORDER BY oid::regclass::text COLLATE "C";

SELECT 'column ' || attrelid::regclass || '.' || attnum || ' ' || attname || ' '
	|| format_type(atttypid, atttypmod) || ' ' || concat_ws(' ', attnotnull, attstorage,
		'statistics ' || COALESCE(attstattarget::int, -1), attcollation::regcollation, attacl)
	|| COALESCE(' default ' || pg_get_expr(adbin, adrelid), '')
FROM pg_attribute JOIN relation ON relation.oid = attrelid
	LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped ORDER BY attrelid::regclass::text COLLATE "C", attnum;

SELECT 'view ' || oid::regclass || E'\n' || pg_get_viewdef(oid, 100)
FROM relation WHERE relkind = 'v' ORDER BY oid::regclass::text COLLATE "C";

SELECT 'constraint ' || conrelid::regclass || '.' || conname || ' ' || pg_get_constraintdef(c.oid)
FROM pg_constraint c JOIN relation ON relation.oid = conrelid
ORDER BY conrelid::regclass::text COLLATE "C", conname;

SELECT 'index ' || pg_get_indexdef(indexrelid)
FROM pg_index JOIN relation ON relation.oid = indrelid
ORDER BY indexrelid::regclass::text COLLATE "C";

SELECT 'policy ' || polrelid::regclass || '.' || polname || ' ' || concat_ws(' ', polcmd,
		polpermissive, polroles::regrole[]) || ' using ' || pg_get_expr(polqual, polrelid)
	|| COALESCE(' check ' || pg_get_expr(polwithcheck, polrelid), '')
FROM pg_policy JOIN relation ON relation.oid = polrelid
ORDER BY polrelid::regclass::text COLLATE "C", polname;

SELECT concat_ws(' ', 'trigger', tgrelid::regclass, tgenabled, pg_get_triggerdef(t.oid))
FROM pg_trigger t JOIN relation ON relation.oid = tgrelid WHERE NOT tgisinternal
ORDER BY tgrelid::regclass::text COLLATE "C", tgname;

SELECT 'type ' || type.oid::regtype || ': ' || concat_ws(' ', typtype, typlen, typalign,
		typstorage, typinput, typoutput, typreceive, typsend) || E'\n  owner ' || typowner::regrole
	|| E'\n  privileges ' || pg_temp.acl(typacl, 'T', typowner)
FROM pg_type type JOIN member ON classid = 'pg_type'::regclass AND objid = type.oid
WHERE typrelid = 0 ORDER BY type.oid::regtype::text COLLATE "C";

SELECT 'cast ' || castsource::regtype || ' to ' || casttarget::regtype || ' '
	|| concat_ws(' ', castfunc::regprocedure, castcontext, castmethod)
FROM pg_cast c JOIN member ON classid = 'pg_cast'::regclass AND objid = c.oid ORDER BY 1;

SELECT 'schema ' || nspname || ' owner ' || nspowner::regrole || ' privileges '
	|| pg_temp.acl(nspacl, 'n', nspowner)
FROM pg_namespace WHERE nspname IN ('vault', 'vault_data') ORDER BY 1;

SELECT concat_ws(' ', 'event trigger', evtname, evtevent, evtfoid::regproc, evtenabled)
FROM pg_event_trigger ORDER BY 1;

SELECT 'dumped ' || config.id::regclass || ' ' || COALESCE(condition, '')
FROM pg_extension, unnest(extconfig, extcondition) AS config (id, condition)
WHERE extname = 'vault' ORDER BY config.id::regclass::text COLLATE "C";

SELECT concat_ws(' ', 'roles', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb,
		rolcanlogin, rolreplication, rolbypassrls, rolconnlimit)
FROM pg_roles WHERE rolname ~ '^vault_' ORDER BY 1;
