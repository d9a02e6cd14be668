/*
 * Administration of tenants: they are created, given administrators, suspended, configured and
 * destroyed. These functions reach into most features, so they come after them.
 */

CREATE FUNCTION vault_data.set_tenant_state(p_name text, p_from text, p_to text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	p_tenant uuid := vault_data.enter_tenant(p_name);
BEGIN
	BEGIN
		UPDATE vault_data.tenant SET state = p_to WHERE tenant_id = p_tenant AND state = p_from;
	EXCEPTION WHEN lock_not_available THEN
		PERFORM vault_data.fail('55P03', 'a transaction that is open holds the row of the tenant',
			'It has called vault.set_recovery_window(), or operators'' functions: end its '
			'session, which pg_stat_activity shows, with pg_terminate_backend().');
	END;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', format('tenant "%s" is not %s', p_name, p_from),
			'The view vault.tenants shows the state of each.');
	END IF;
	PERFORM vault_data.announce(p_tenant,
		CASE p_to WHEN 'active' THEN 'tenant_resumed' ELSE 'tenant_suspended' END, 'warning', NULL);
END
$$;

CREATE FUNCTION vault_data.suspend_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'active', 'suspended');
END
$$;

CREATE FUNCTION vault_data.resume_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'suspended', 'active');
END
$$;

CREATE FUNCTION vault_data.rotate_tenant_key(p_name text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.enter_tenant(p_name);
	RETURN vault_data.new_tenant_key();
END
$$;

CREATE FUNCTION vault_data.set_recovery_window(p_window interval, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_window IS NULL OR NOT p_window BETWEEN '7 days' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid recovery window: must be between 7 and 90 days',
			'Give an interval such as ''30 days''.');
	END IF;
	UPDATE vault_data.tenant SET recovery_window = p_window WHERE tenant_id = this_tenant;
	PERFORM vault_data.policy_changed();
END
$$;

/*
 * Return the environments sorted, without repetitions, and NULL for none. Raise 22023 unless each
 * is an identifier.
 */
CREATE FUNCTION vault_data.environment_list(p_environments text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	environment text;
BEGIN
	IF cardinality(p_environments) > 64 OR array_ndims(p_environments) > 1 THEN
		PERFORM vault_data.fail('22023', 'invalid environments: the list is longer than 64',
			'Give NULL to take any environment.');
	END IF;
	FOREACH environment IN ARRAY COALESCE(p_environments, '{}') LOOP
		PERFORM vault_data.check_identifier('environments', environment);
	END LOOP;
	RETURN (SELECT array_agg(DISTINCT e COLLATE "C" ORDER BY e COLLATE "C")
		FROM unnest(p_environments) AS e);
END
$$;

/*
 * Refuse a list that leaves out an environment in use, because its secrets (deleted ones too) and
 * grants would be out of reach.
 */
CREATE FUNCTION vault_data.declare_environments(p_tenant uuid, p_environments text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	used text;
BEGIN
	SELECT string_agg(u.environment, ', ' ORDER BY u.environment) INTO used FROM (
		SELECT s.environment FROM vault_data.secret s WHERE s.tenant_id = p_tenant
		UNION SELECT unnest(g.environments) FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant) AS u (environment)
	WHERE NOT u.environment = ANY (p_environments);
	IF used IS NOT NULL THEN
		PERFORM vault_data.fail('55000',
			format('there are secrets or grants in other environments: %s', left(used, 500)),
			'Name these too, or take away what is in them first; a deleted secret counts until '
			'it is purged.');
	END IF;
	UPDATE vault_data.tenant SET environments = p_environments
	WHERE tenant_id = p_tenant AND environments IS DISTINCT FROM p_environments;
END
$$;

CREATE FUNCTION vault_data.set_environments(p_environments text[], p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.declare_environments(this_tenant,
		vault_data.environment_list(p_environments));
	PERFORM vault_data.policy_changed();
END
$$;

/*
 * Find the principal that an operator means by a database role. This is the principal that is or
 * was bound to the role, by its name or its oid, or else the principal that has its name. Returns
 * NULL if there is none yet.
 */
CREATE FUNCTION vault_data.appointee(p_tenant uuid, p_name text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	role_oid oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_db_role);
	found_id uuid;
	bound text;
BEGIN
	SELECT p.id INTO found_id
	FROM vault_data.principal p
		LEFT JOIN vault_data.principal_binding b ON b.tenant_id = p.tenant_id
			AND b.principal_id = p.id AND (b.role_name = p_db_role OR b.db_role = role_oid)
	WHERE p.tenant_id = p_tenant AND p.kind <> 'built-in role'
		AND (p.name = p_name OR b.db_role IS NOT NULL)
	ORDER BY b.role_name = p_db_role AND b.db_role = role_oid DESC NULLS LAST,
		b.db_role IS NULL, p.name = p_name DESC
	LIMIT 1;
	IF found_id IS NULL THEN
		RETURN NULL;
	END IF;
	PERFORM vault_data.require_authentic(p) FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant AND p.id = found_id;
	IF (SELECT p.kind FROM vault_data.principal p
		WHERE p.tenant_id = p_tenant AND p.id = found_id) = 'role'
	THEN
		PERFORM vault_data.fail('23505', format('a role "%s" of the tenant already exists', p_name),
			'Name another database role.');
	END IF;
	SELECT b.role_name INTO bound FROM vault_data.principal_binding b
	WHERE b.tenant_id = p_tenant AND b.principal_id = found_id AND vault_data.is_live(b)
	ORDER BY b.role_name <> p_db_role LIMIT 1;
	IF bound <> p_db_role THEN
		PERFORM vault_data.fail('55000',
			format('principal "%s" is bound to role "%s"', p_name, bound),
			'Name that role, or take the binding away with vault.unbind_role().');
	END IF;
	IF bound IS NULL THEN
		PERFORM vault_data.bind_role(found_id, p_db_role);
	END IF;
	RETURN found_id;
END
$$;

/*
 * Add a principal that may do everything in the tenant, or give an existing principal these rights
 * again.
 */
CREATE FUNCTION vault_data.add_administrator(p_tenant uuid, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	principal_name text := CASE WHEN p_db_role ~ '^[A-Za-z0-9._-]{1,63}$' THEN p_db_role
		ELSE 'admin' END;
	given vault_data.access_grant;
BEGIN
	given.principal_id := vault_data.appointee(p_tenant, principal_name, p_db_role);
	IF given.principal_id IS NULL THEN
		given.principal_id := vault_data.add_principal(p_tenant, principal_name, 'user', p_db_role);
	END IF;
	given.effect := 'allow';
	given.permissions := vault_data.all_permissions();
	given.name_pattern := '**';
	IF (SELECT count(*) = 0 FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant AND g.principal_id = given.principal_id
			AND g.effect = 'allow' AND g.permissions @> given.permissions AND g.name_pattern = '**'
			AND (g.environments, g.addresses, g.windows, g.services, g.require_tls,
				g.require_session_user, g.valid_from, g.valid_until) IS NULL)
	THEN
		PERFORM vault_data.add_grant(given);
	END IF;
	IF NOT given.principal_id = ANY (vault_data.administrators(true)) THEN
		PERFORM vault_data.fail('55000', 'the principal of this role is denied "grant"',
			'Name another database role, or drop the principal with vault.drop_principal() first.');
	END IF;
	RETURN given.principal_id;
END
$$;

CREATE FUNCTION vault_data.create_tenant(p_name text, p_admin_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
BEGIN
	PERFORM vault_data.check_identifier('tenant name', p_name);
	IF vault_data.find_tenant(p_name) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', format('tenant "%s" already exists', p_name),
			'Choose another name.');
	END IF;
	this_tenant := vault_data.enter_new_tenant(p_name);
	INSERT INTO vault_data.tenant (tenant_id, name, administered)
	VALUES (this_tenant, p_name, p_admin_role IS NOT NULL);
	PERFORM vault_data.new_tenant_key();
	PERFORM vault_data.add_built_in_roles(this_tenant);
	IF p_admin_role IS NOT NULL THEN
		PERFORM vault_data.add_administrator(this_tenant, p_admin_role);
	END IF;
	PERFORM vault_data.announce(this_tenant, 'tenant_created', 'info', NULL);
	RETURN this_tenant;
END
$$;

/*
 * Report an appointment, because an operator could reach into the tenant by it. Readers of the
 * trail and subscribers of notifications see it.
 */
CREATE FUNCTION vault_data.tell_of_appointment(p_tenant uuid, p_appointed uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.alert('administrator', p_appointed,
		'an operator appointed an administrator of a tenant that had one before');
	PERFORM vault_data.announce(p_tenant, 'administrator_appointed', 'critical',
		jsonb_build_object('principal', (SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = p_tenant AND p.id = p_appointed)));
END
$$;

CREATE FUNCTION vault_data.appoint_admin(p_tenant text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
	present uuid[];
	had_one boolean;
	appointed uuid;
BEGIN
	/* Run one appointment at a time; the checks below see the state of that moment. */
	PERFORM vault_data.lock_policy();
	PERFORM vault_data.require_authentic_rows(this_tenant);
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: must not be null', 'Name a database role.');
	END IF;
	present := vault_data.administrators(false);
	/* Do nothing if the role is bound to an administrator already. */
	SELECT b.principal_id INTO appointed FROM vault_data.principal_binding b
	WHERE b.tenant_id = this_tenant AND b.role_name = p_db_role AND vault_data.is_live(b)
		AND b.principal_id = ANY (present);
	IF FOUND THEN
		PERFORM vault_data.note('is an administrator already');
		RETURN appointed;
	END IF;
	IF present <> '{}' THEN
		PERFORM vault_data.fail('42501', 'the tenant has an administrator',
			'Administrators appoint others with vault.create_principal() and vault.grant().');
	END IF;
	UPDATE vault_data.tenant t SET administered = true
	WHERE t.tenant_id = this_tenant AND NOT t.administered;
	had_one := NOT FOUND;
	IF had_one THEN
		PERFORM vault_data.note('the tenant had an administrator before');
	END IF;
	PERFORM vault_data.policy_changed();
	appointed := vault_data.add_administrator(this_tenant, p_db_role);
	IF had_one THEN
		PERFORM vault_data.tell_of_appointment(this_tenant, appointed);
	END IF;
	RETURN appointed;
END
$$;

CREATE FUNCTION vault_data.destroy_tenant(p_name text, p_confirm text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_name);
	emptied text;
BEGIN
	IF p_confirm IS DISTINCT FROM p_name THEN
		PERFORM vault_data.fail('22023', 'invalid confirm: it is not the name of the tenant',
			'Give the name once more; this cannot be undone.');
	END IF;
	PERFORM vault_data.note('keys destroyed');
	FOR emptied IN
		SELECT i.name FROM vault_data.table_info() i WHERE i.deleted_as > 0 ORDER BY i.deleted_as
	LOOP
		EXECUTE format('DELETE FROM vault_data.%I WHERE tenant_id = $1', emptied) USING this_tenant;
	END LOOP;
	UPDATE vault_data.tenant SET state = 'destroyed' WHERE tenant_id = this_tenant;
	PERFORM vault_data.announce(this_tenant, 'tenant_destroyed', 'critical', NULL);
END
$$;

--@ execute vault_exec: add_administrator, appoint_admin, appointee, create_tenant,
--@	declare_environments, destroy_tenant, environment_list, resume_tenant, rotate_tenant_key,
--@	set_environments, set_recovery_window, set_tenant_state, suspend_tenant, tell_of_appointment
