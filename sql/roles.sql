-- Members hold what their role holds, directly or through other roles, from the next call on. No
-- caller can give a role that holds more than itself.
\set SHOW_CONTEXT never
CREATE ROLE regress_roles_op IN ROLE vault_admin;
CREATE ROLE regress_roles_admin;
CREATE ROLE regress_roles_lead;
CREATE ROLE regress_roles_app;
CREATE ROLE regress_roles_other;
SET ROLE regress_roles_op;
SELECT vault.create_tenant('roles', 'regress_roles_admin') IS NOT NULL AS made,
	vault.create_tenant('roles-other', 'regress_roles_other') IS NOT NULL AS other;
SET ROLE regress_roles_admin;
SELECT vault.create_principal('lead', 'user', 'regress_roles_lead') IS NOT NULL AS lead,
	vault.create_principal('app', db_role => 'regress_roles_app') IS NOT NULL AS app;
SELECT vault.put('team/a', 'v'), vault.put('other/a', 'v');
SELECT name, built_in FROM vault.roles ORDER BY name;

-- made, named, dropped
SELECT vault.create_role('team') IS NOT NULL AS made, vault.create_role('crew') IS NOT NULL AS made;
SELECT vault.create_role('team');
SELECT vault.create_role('app');
SELECT vault.create_role('reader');
SELECT vault.create_role('a/b');
SELECT vault.create_role(NULL);
SELECT vault.create_principal('team');
SELECT vault.drop_principal('team');
SELECT vault.drop_role('app');
SELECT vault.drop_role('owner');
SELECT vault.drop_role('none');
-- a principal may have the name of a built-in role, and is not it
SELECT vault.create_principal('reader') IS NOT NULL AS made;
SELECT vault."grant"('auditor', '{read}', '**');
SELECT vault.add_member('team', 'writer');
SELECT vault.drop_principal('reader');

-- members: nothing before, everything after, directly and through another role
\set VERBOSITY sqlstate
SELECT vault."grant"('team', '{read}', 'team/**') AS given \gset
SET ROLE regress_roles_app;
SELECT vault.get('team/a');
SET ROLE regress_roles_admin;
SELECT vault.add_member('team', 'crew');
SELECT vault.add_member('crew', 'app');
SET ROLE regress_roles_app;
SELECT vault.get('team/a');
SELECT vault.get('other/a');
SELECT name FROM vault.roles ORDER BY name;
SELECT role, member, member_kind FROM vault.role_members ORDER BY role;
SELECT grantee, permissions, name_pattern FROM vault.grants;
SET ROLE regress_roles_admin;
SELECT vault.add_member('crew', 'app');
SELECT vault.remove_member('team', 'app');
SELECT vault.remove_member('team', 'crew');
SET ROLE regress_roles_app;
SELECT vault.get('team/a');
SET ROLE regress_roles_admin;
SELECT vault.add_member('team', 'crew');
-- a denial to the role denies its members, whatever they hold themselves
SELECT vault."grant"('app', '{read}', '**') AS own \gset
SELECT vault."grant"('team', '{read}', 'other/**', effect => 'deny') AS denial \gset
SET ROLE regress_roles_app;
SELECT vault.get('team/a');
SELECT vault.get('other/a');
SET ROLE regress_roles_admin;
SELECT vault.revoke(:'denial'), vault.revoke(:'own');

-- cycles, and more than eight levels
\set VERBOSITY default
SELECT vault.add_member('crew', 'team');
SELECT vault.add_member('crew', 'crew');
\set VERBOSITY sqlstate
SELECT count(vault.create_role('level' || i)) FROM generate_series(1, 9) AS i;
SELECT count(*) FROM (SELECT vault.add_member('level' || i, 'level' || i + 1)
	FROM generate_series(1, 7) AS i) AS m;
SELECT vault.add_member('level8', 'app');
SELECT vault.add_member('level9', 'level1');
SELECT vault.add_member('level8', 'crew');
SELECT vault."grant"('level1', '{read}', 'other/*') IS NOT NULL AS given;
SET ROLE regress_roles_app;
SELECT vault.get('other/a');
SET ROLE regress_roles_admin;
SELECT vault.drop_role('level4');
SET ROLE regress_roles_app;
SELECT vault.get('other/a');

-- built-in roles: what each allows
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
RESET ROLE;
GRANT ALL ON FUNCTION pg_temp.try(text) TO PUBLIC;
CREATE FUNCTION pg_temp.as_member(role text) RETURNS TABLE (call text, answer text)
	LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_roles_admin;
	PERFORM vault.add_member(role, 'app');
	SET LOCAL ROLE regress_roles_app;
	FOR call IN VALUES ('get(''other/a'')'), ('put(''other/a'', ''w'')'),
	('rotate(''other/a'', ''x'')'), ('deactivate(''other/a'', ''t'')'),
	('reactivate(''other/a'', ''t'')'), ('describe(''other/a'')'),
		('"grant"(''lead'', ''{read}'', ''x'')'), ('"grant"(''lead'', ''{list}'', ''x'')'),
		('create_role(''made'')')
	LOOP
		answer := pg_temp.try('SELECT vault.' || call);
		RETURN NEXT;
	END LOOP;
	call := 'sees grants of others, rows of the trail of others';
	answer := (SELECT count(*) > 2 FROM vault.grants) || ' '
	|| (SELECT count(*) > 0 FROM vault.audit WHERE principal <> 'app');
	RETURN NEXT;
	RESET ROLE;
	RAISE EXCEPTION USING ERRCODE = 'RR000';
EXCEPTION WHEN SQLSTATE 'RR000' THEN
	RETURN;
END
$$;
SELECT role, call, answer FROM unnest(ARRAY['owner', 'admin', 'writer', 'reader', 'rotator',
	'auditor']) AS role, pg_temp.as_member(role);

-- no principal raises its own rights
SET ROLE regress_roles_admin;
SELECT vault."grant"('lead', '{read,grant}', 'team/**') IS NOT NULL AS given;
SET ROLE regress_roles_lead;
SELECT vault.add_member('owner', 'lead');
SELECT vault.add_member('reader', 'lead');
SELECT vault.add_member('auditor', 'lead');
SELECT vault.add_member('level1', 'lead');
SELECT vault.add_member('level9', 'lead');
SELECT vault.create_role('mine');
SELECT vault.drop_role('crew');
-- a permission that it could give as a grant it can give as a role, and take back
SELECT vault.add_member('team', 'lead');
SELECT vault.remove_member('team', 'lead');
SELECT vault."grant"('team', '{read}', 'team/b') IS NOT NULL AS given;
SELECT vault."grant"('team', '{write}', 'team/b');
-- a role with a denial: a principal that could not give what it denies does not leave it, and no
-- principal puts an administrator in it
SET ROLE regress_roles_admin;
SELECT vault.create_role('barred') IS NOT NULL AS made;
SELECT vault."grant"('barred', '{write}', 'team/**', effect => 'deny') IS NOT NULL AS denied;
SET ROLE regress_roles_lead;
SELECT vault.add_member('barred', 'app');
SELECT vault.remove_member('barred', 'app');
SELECT vault.add_member('barred', 'regress_roles_admin');
SELECT vault."grant"('barred', '{read}', 'team/**',
	effect => 'deny') IS NOT NULL AS denied_while_no_administrator_is_in_it;
SET ROLE regress_roles_admin;
SELECT vault.create_principal('boss') IS NOT NULL AS made;
SELECT vault.add_member('admin', 'boss'), vault.add_member('barred', 'boss');
SET ROLE regress_roles_lead;
SELECT vault."grant"('barred', '{read}', 'team/**', effect => 'deny');
SET ROLE regress_roles_admin;
SELECT vault.remove_member('barred', 'boss');
RESET ROLE;
-- operators make roles, and give nothing; they drop what holds nothing
SET ROLE regress_roles_op;
SELECT vault.create_role('by-operator', 'roles') IS NOT NULL AS made;
SELECT vault.add_member('owner', 'app');
SELECT vault.drop_role('team', 'roles');
SELECT vault.drop_role('by-operator', 'roles');
-- an administrator through a role counts: no other is appointed, and an operator cannot drop it
SELECT vault.appoint_admin('roles', 'regress_roles_op');
SET ROLE regress_roles_admin;
SELECT vault.add_member('owner', 'lead');
SET ROLE regress_roles_op;
SELECT vault.drop_principal('lead', 'roles');
SET ROLE regress_roles_lead;
SELECT vault.create_role('mine') IS NOT NULL AS made;
SELECT vault.revoke(id) FROM vault.grants WHERE grantee = 'regress_roles_admin';
SET ROLE regress_roles_op;
SELECT vault.appoint_admin('roles', 'regress_roles_op');
SELECT vault.drop_principal('regress_roles_admin', 'roles');
-- nothing of another tenant
SET ROLE regress_roles_other;
SELECT vault.add_member('team', 'regress_roles_other');
SELECT vault.create_role('x', 'roles');
SELECT count(*) FROM vault.roles WHERE NOT built_in;
SELECT count(*) FROM vault.role_members;
RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('roles');
SELECT operation, object_kind, detail - 'role_id' - 'member_id' AS detail, count(*)
	FROM vault_data.audit_log WHERE tenant = 'roles' AND object_kind = 'membership'
	AND decision = 'allow' GROUP BY 1, 2, 3 ORDER BY 1, 3;

SELECT vault.destroy_tenant('roles', 'roles'), vault.destroy_tenant('roles-other', 'roles-other');
DROP FUNCTION pg_temp.as_member(text), pg_temp.try(text);
DROP ROLE regress_roles_op, regress_roles_admin, regress_roles_lead, regress_roles_app,
	regress_roles_other;
