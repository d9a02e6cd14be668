/*
 * Tenants and their keys.
 *
 * Row security of every table with tenants consists of two policies, which no caller can change.
 * Inside a call a row must belong to the tenant that the call resolved. Outside, a view shows the
 * rows of the current role's tenant, and all rows to operators and auditors. The policies are
 * written as filters and not as index conditions: next to an index condition, equality on a whole
 * unique key would no longer be recognized as one row. Statements and views name the tenant
 * themselves.
 */
CREATE FUNCTION vault.current_tenant_id() RETURNS uuid
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_current_tenant_id';
COMMENT ON FUNCTION vault.current_tenant_id()
	IS 'returns the tenant of which the current role is a principal, or NULL';

CREATE FUNCTION vault_data.visible_tenants() RETURNS uuid[]
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_visible_tenants';
COMMENT ON FUNCTION vault_data.visible_tenants()
	IS 'returns the tenants whose rows a view may show the caller, for index conditions';

CREATE FUNCTION vault_data.sees_all_tenants() RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_all_tenants';
COMMENT ON FUNCTION vault_data.sees_all_tenants()
	IS 'returns true if the current role, outside of a call, is an operator or auditor';

CREATE TABLE vault_data.tenant (
	tenant_id       uuid PRIMARY KEY,
	name            text COLLATE "C" NOT NULL,
	state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'destroyed')),
	recovery_window interval NOT NULL DEFAULT '30 days'
		CHECK (recovery_window BETWEEN '7 days' AND '90 days'),
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	environments    text[],
	administered    boolean NOT NULL DEFAULT false,
	revision        integer NOT NULL,
	mac             bytea NOT NULL
);
COMMENT ON COLUMN vault_data.tenant.administered
	IS 'true if the tenant has, or had, an administrator';
CREATE UNIQUE INDEX tenant_name_key ON vault_data.tenant (name) WHERE state <> 'destroyed';

/*
 * Keys of tenants. The zero uuid has one too, the instance key, from which the keys of the vault
 * as a whole derive.
 */
CREATE TABLE vault_data.tenant_key (
	tenant_id       uuid NOT NULL,
	generation      integer NOT NULL CHECK (generation >= 1),
	wrapped         vault.envelope NOT NULL,
	root_generation integer NOT NULL,
	check_value     bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 32),
	state           text NOT NULL CHECK (state IN ('active', 'retired')),
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, generation)
);
CREATE UNIQUE INDEX tenant_key_one_active ON vault_data.tenant_key (tenant_id) WHERE state = 'active';

ALTER TABLE vault_data.tenant OWNER TO vault_owner;
ALTER TABLE vault_data.tenant_key OWNER TO vault_owner;
REVOKE ALL ON vault_data.tenant, vault_data.tenant_key FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON vault_data.tenant TO vault_exec;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.tenant_key TO vault_exec;
ALTER TABLE vault_data.tenant ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN environments SET STATISTICS 0;
ALTER TABLE vault_data.tenant_key ALTER COLUMN wrapped SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.tenant', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.tenant_key', '');

/* These two tables belong to no tenant. */
ALTER TABLE vault_data.instance ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.root_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY entry ON vault_data.instance TO vault_exec
	USING (vault_data.is_inside());
CREATE POLICY sees_all_tenants ON vault_data.root_key FOR SELECT TO vault_owner
	USING (vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.root_key TO vault_exec
	USING (vault_data.is_inside());
ALTER TABLE vault_data.audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_log_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.tenant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.tenant_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_log FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_log TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.audit_log_default FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_log_default TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.tenant FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.tenant TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.tenant_key FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.tenant_key TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('tenant', 'name', 'state', 'recovery_window', 'environments', 'administered', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('tenant_key', 'generation', 'state', 'root_generation', '*check_value');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.tenant_key ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.tenant_key ENABLE ALWAYS TRIGGER changed;

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
CREATE FUNCTION vault_data.in_turns(p_work text, p_tenants text[], p_by_id boolean, p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	turn text[] := ARRAY(SELECT t FROM pg_catalog.unnest(p_tenants) AS t ORDER BY pg_catalog.random());
	more text[];
	share integer;
	done integer;
	total integer := 0;
BEGIN
	IF p_max_rows IS NULL OR p_max_rows <= 0 THEN
		PERFORM vault_data.fail('22023', 'invalid max_rows: it is not positive', 'Give the size of a batch.');
	END IF;
	WHILE total < p_max_rows AND pg_catalog.cardinality(turn) > 0 LOOP
		more := '{}';
		FOR i IN 1 .. pg_catalog.cardinality(turn) LOOP
			EXIT WHEN total >= p_max_rows;
			share := pg_catalog.ceil((p_max_rows - total)::float8 / (pg_catalog.cardinality(turn) - i + 1));
			IF p_by_id THEN
				PERFORM vault_data.enter_tenant_id(turn[i]::uuid);
			ELSE
				PERFORM vault_data.enter_tenant(turn[i]);
			END IF;
			EXECUTE pg_catalog.format('SELECT vault_data.%I($1)', p_work) INTO done USING share;
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

CREATE FUNCTION vault_data.set_tenant_state(p_name text, p_from text, p_to text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	p_tenant uuid := vault_data.enter_tenant(p_name);
BEGIN
	BEGIN
		UPDATE vault_data.tenant SET state = p_to WHERE tenant_id = p_tenant AND state = p_from;
	EXCEPTION WHEN lock_not_available THEN
		PERFORM vault_data.fail('55P03', 'a transaction that is open holds the row of the tenant',
			'It has called vault.set_recovery_window(), or operators'' functions: end its session, which pg_stat_activity shows, with pg_terminate_backend().');
	END;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('tenant "%s" is not %s', p_name, p_from),
			'The view vault.tenants shows the state of each.');
	END IF;
	PERFORM vault_data.announce(p_tenant, CASE p_to WHEN 'active' THEN 'tenant_resumed' ELSE 'tenant_suspended' END, 'warning', NULL, NULL);
END
$$;

CREATE FUNCTION vault_data.suspend_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'active', 'suspended');
END
$$;
CREATE FUNCTION vault.suspend_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.suspend_tenant(text)
	IS 'suspends a tenant; every call of its principals is refused until it is resumed';

CREATE FUNCTION vault_data.resume_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'suspended', 'active');
END
$$;
CREATE FUNCTION vault.resume_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.resume_tenant(text) IS 'ends the suspension of a tenant';

CREATE FUNCTION vault_data.rotate_tenant_key(p_name text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.enter_tenant(p_name);
	RETURN vault_data.new_tenant_key();
END
$$;
CREATE FUNCTION vault.rotate_tenant_key(name text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.rotate_tenant_key(text)
	IS 'creates a new tenant key for later writes and returns its generation; vault.rewrap() '
	'moves existing versions';

CREATE FUNCTION vault_data.set_recovery_window(p_window interval, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_window IS NULL OR NOT p_window BETWEEN '7 days' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid recovery window: it is not between 7 and 90 days', 'Give an interval such as ''30 days''.');
	END IF;
	UPDATE vault_data.tenant SET recovery_window = p_window WHERE tenant_id = this_tenant;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.set_recovery_window(recovery_window interval, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_recovery_window(interval, text)
	IS 'sets the time for which deleted secrets of the tenant can be recovered, 7 to 90 days';

/*
 * Return the environments sorted, without repetitions, and NULL for none. Raise 22023 unless each
 * is an identifier.
 */
CREATE FUNCTION vault_data.environment_list(p_environments text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	environment text;
BEGIN
	IF pg_catalog.cardinality(p_environments) > 64 OR pg_catalog.array_ndims(p_environments) > 1 THEN
		PERFORM vault_data.fail('22023', 'invalid environments: the list is longer than 64', 'Give NULL to take any environment.');
	END IF;
	FOREACH environment IN ARRAY COALESCE(p_environments, '{}') LOOP
		PERFORM vault_data.check_identifier('environments', environment);
	END LOOP;
	RETURN (SELECT pg_catalog.array_agg(DISTINCT e COLLATE "C" ORDER BY e COLLATE "C") FROM pg_catalog.unnest(p_environments) AS e);
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
	SELECT pg_catalog.string_agg(u.environment, ', ' ORDER BY u.environment) INTO used FROM (
		SELECT s.environment FROM vault_data.secret s WHERE s.tenant_id = p_tenant
		UNION SELECT pg_catalog.unnest(g.environments) FROM vault_data.access_grant g WHERE g.tenant_id = p_tenant) AS u (environment)
	WHERE NOT u.environment = ANY (p_environments);
	IF used IS NOT NULL THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('there are secrets or grants in other environments: %s', pg_catalog.left(used, 500)),
			'Name these too, or take away what is in them first; a deleted secret counts until it is purged.');
	END IF;
	UPDATE vault_data.tenant SET environments = p_environments WHERE tenant_id = p_tenant AND environments IS DISTINCT FROM p_environments;
END
$$;

CREATE FUNCTION vault_data.set_environments(p_environments text[], p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.declare_environments(this_tenant, vault_data.environment_list(p_environments));
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.set_environments(environments text[], tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_environments(text[], text)
	IS 'declares the environments of the tenant, so that calls with another one are refused; '
	'NULL removes the declaration';

CREATE VIEW vault.tenants WITH (security_barrier) AS
SELECT t.tenant_id AS id, t.name, t.state, t.recovery_window, t.created_at, t.environments
FROM vault_data.tenant t
WHERE t.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenants
	IS 'shows tenants: that of the caller, or all to operators and auditors';

CREATE VIEW vault.tenant_keys WITH (security_barrier) AS
SELECT t.name AS tenant, k.generation, k.state, k.root_generation, k.created_at
FROM vault_data.tenant_key k JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
WHERE k.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenant_keys
	IS 'shows generations of tenant keys and the root key generation that wraps each; no key '
	'material';

CREATE VIEW vault.root_keys WITH (security_barrier) AS
SELECT r.generation, r.state, r.source, r.created_at FROM vault_data.root_key r
WHERE vault_data.sees_all_tenants();
COMMENT ON VIEW vault.root_keys IS 'shows generations of the root key; no key material';

ALTER VIEW vault.tenants OWNER TO vault_owner;
ALTER VIEW vault.tenant_keys OWNER TO vault_owner;
ALTER VIEW vault.root_keys OWNER TO vault_owner;
REVOKE ALL ON vault.tenants, vault.tenant_keys, vault.root_keys FROM PUBLIC;
GRANT SELECT ON vault.tenants TO vault_client, vault_admin, vault_auditor;
GRANT SELECT ON vault.tenant_keys, vault.root_keys TO vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.alert(text, uuid, text),
	vault_data.check_identifier(text, text), vault_data.choose_tenant(text),
	vault_data.declare_environments(uuid, text[]), vault_data.enter_new_tenant(text),
	vault_data.enter_tenant(text), vault_data.environment_list(text[]),
	vault_data.fail(text, text, text), vault_data.find_tenant(text),
	vault_data.in_turns(text, text[], boolean, integer), vault_data.lock_policy(),
	vault_data.new_id(), vault_data.new_tenant_key(), vault_data.note(text, integer),
	vault_data.resume_tenant(text), vault_data.rotate_tenant_key(text),
	vault_data.set_environments(text[], text), vault_data.set_recovery_window(interval, text),
	vault_data.set_tenant_state(text, text, text), vault_data.suspend_tenant(text),
	vault_data.tenant_names() TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.suspend_tenant(text), vault.resume_tenant(text), vault.rotate_tenant_key(text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.set_recovery_window(interval, text), vault.set_environments(text[], text) TO vault_admin, vault_client;
GRANT EXECUTE ON FUNCTION vault.current_tenant_id(), vault_data.visible_tenants(), vault_data.sees_all_tenants() TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;
