/*
 * The tenant of a call, chosen or entered, and work that is done tenant by tenant.
 */

/* Helpers; each refuses to work outside of a call. */
CREATE FUNCTION vault_data.new_id() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_new_id';

CREATE FUNCTION vault_data.note(reason text, version integer DEFAULT 0) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_note';

/* Write an alert to the trail, in this transaction. */
CREATE FUNCTION vault_data.alert(object_kind text, object uuid, reason text) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_alert';

CREATE FUNCTION vault_data.check_identifier(what text, given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_identifier';

CREATE FUNCTION vault_data.enter_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_tenant';

CREATE FUNCTION vault_data.enter_new_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_new_tenant';

CREATE FUNCTION vault_data.choose_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_choose_tenant';

CREATE FUNCTION vault_data.find_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_find_tenant';

CREATE FUNCTION vault_data.tenant_names() RETURNS text[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_tenant_names';

/*
 * Lock the policy of the call's tenant. The lock is not on the tenant's row, because operators
 * must be able to change the row.
 */
CREATE FUNCTION vault_data.lock_policy() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_lock_policy';

CREATE FUNCTION vault_data.new_tenant_key() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_new_tenant_key';

CREATE FUNCTION vault_data.fail(code text, message text, hint text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
END
$$;

/*
 * Do work tenant by tenant, up to a number of rows. vault_data.<work>(rows) does it for the tenant
 * of the call and returns the number of rows done. Each tenant gets an equal share of the rest. A
 * tenant with more rows goes on in the next round with the rows that others did not need. No
 * tenant is always first.
 */
CREATE FUNCTION vault_data.in_turns(p_work text, p_tenants text[], p_by_id boolean,
	p_max_rows integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	turn text[] := ARRAY(SELECT t FROM unnest(p_tenants) AS t ORDER BY random());
	more text[];
	share integer;
	done integer;
	total integer := 0;
BEGIN
	IF p_max_rows IS NULL OR p_max_rows <= 0 THEN
		PERFORM vault_data.fail('22023', 'invalid max_rows: must be positive',
			'Give the size of a batch.');
	END IF;
	WHILE total < p_max_rows AND cardinality(turn) > 0 LOOP
		more := '{}';
		FOR i IN 1 .. cardinality(turn) LOOP
			EXIT WHEN total >= p_max_rows;
			share := ceil((p_max_rows - total)::float8 / (cardinality(turn) - i + 1));
			IF p_by_id THEN
				PERFORM vault_data.enter_tenant_id(turn[i]::uuid);
			ELSE
				PERFORM vault_data.enter_tenant(turn[i]);
			END IF;
			EXECUTE format('SELECT vault_data.%I($1)', p_work) INTO done USING share;
			total := total + done;
			IF done >= share THEN
				more := more || turn[i];
			END IF;
		END LOOP;
		turn := more;
	END LOOP;
	/* The call itself belongs to no tenant. */
	PERFORM vault_data.enter_tenant_id('00000000-0000-0000-0000-000000000000');
	RETURN total;
END
$$;

CREATE FUNCTION vault_data.all_tenant_ids() RETURNS uuid[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_all_tenant_ids';

CREATE FUNCTION vault_data.enter_tenant_id(tenant uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_tenant_id';

--@ execute vault_exec: alert, all_tenant_ids, check_identifier, choose_tenant, enter_new_tenant,
--@	enter_tenant, enter_tenant_id, fail, find_tenant, in_turns, lock_policy, new_id,
--@	new_tenant_key, note, tenant_names
