/*
 * Evidence that the trail is whole: seals over its rows, checkpoints over the seals, and
 * what was retired on purpose. These tables are as append-only as the trail; only the
 * worker that seals, audit_checkpoint() and the retention job write them.
 */
CREATE TABLE vault_data.audit_seal (
	tenant_id   uuid NOT NULL,
	seq         bigint NOT NULL,
	month       date NOT NULL,
	rows        integer NOT NULL,
	without_mac integer NOT NULL,
	total_rows  bigint NOT NULL,
	ids         int8multirange NOT NULL,
	first_at    timestamptz NOT NULL,
	last_at     timestamptz NOT NULL,
	rows_hash   bytea NOT NULL,
	previous    bytea NOT NULL,
	sealed_at   timestamptz NOT NULL,
	hash        bytea NOT NULL,
	mac         bytea NOT NULL,
	missing     bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant_id, seq)
);
/*
 * Progress of the log consumer, and its server, database and table; see keyring/root_key_rows.c.
 * closed: the server ended with nothing left to be seen.
 */
CREATE TABLE vault_data.audit_progress (
	singleton         boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier text NOT NULL,
	place             text NOT NULL,
	snapshot          pg_snapshot NOT NULL,
	floor_id          bigint NOT NULL,
	newest_id         bigint NOT NULL,
	seals             bigint NOT NULL,
	closed            boolean NOT NULL,
	stepped_at        timestamptz NOT NULL,
	mac               bytea NOT NULL
);
CREATE TABLE vault_data.audit_checkpoint (
	made_at timestamptz PRIMARY KEY,
	note    text NOT NULL
);
CREATE TABLE vault_data.audit_retired (
	tenant_id  uuid NOT NULL,
	month      date NOT NULL,
	rows       bigint NOT NULL,
	retired_at timestamptz NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, month)
);
/* Retention of a tenant's trail; a row exists only where it was set. */
CREATE TABLE vault_data.audit_policy (
	tenant_id   uuid PRIMARY KEY REFERENCES vault_data.tenant,
	retention   interval NOT NULL DEFAULT '7 years',
	hold_reason text,
	held_at     timestamptz,
	revision    integer NOT NULL,
	mac         bytea NOT NULL
);
CREATE TABLE vault_data.audit_floor (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	floor     interval NOT NULL
);
ALTER TABLE vault_data.audit_seal OWNER TO vault_owner;
ALTER TABLE vault_data.audit_progress OWNER TO vault_owner;
ALTER TABLE vault_data.audit_checkpoint OWNER TO vault_owner;
ALTER TABLE vault_data.audit_retired OWNER TO vault_owner;
ALTER TABLE vault_data.audit_policy OWNER TO vault_owner;
ALTER TABLE vault_data.audit_floor OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_seal, vault_data.audit_progress, vault_data.audit_checkpoint,
	vault_data.audit_retired, vault_data.audit_policy, vault_data.audit_floor FROM PUBLIC;
GRANT SELECT ON vault_data.audit_seal, vault_data.audit_progress, vault_data.audit_retired TO vault_exec;
GRANT SELECT, INSERT ON vault_data.audit_checkpoint TO vault_exec;
GRANT SELECT, INSERT, UPDATE ON vault_data.audit_policy, vault_data.audit_floor TO vault_exec;
ALTER TABLE vault_data.audit_seal ALTER COLUMN ids SET STATISTICS 0;
ALTER TABLE vault_data.audit_checkpoint ALTER COLUMN note SET STATISTICS 0;
ALTER TABLE vault_data.audit_policy ALTER COLUMN hold_reason SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_seal', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_progress', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_checkpoint', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_retired', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_policy', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_floor', '');

ALTER TABLE vault_data.audit_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_checkpoint ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_floor ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY entry ON vault_data.audit_progress TO vault_exec
	USING (vault_data.is_inside());
CREATE POLICY entry ON vault_data.audit_checkpoint TO vault_exec
	USING (vault_data.is_inside());
CREATE POLICY everybody ON vault_data.audit_floor FOR SELECT TO vault_owner
	USING (true);
CREATE POLICY entry ON vault_data.audit_floor TO vault_exec
	USING (vault_data.is_inside());
ALTER TABLE vault_data.audit_seal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_retired ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_seal FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_seal TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.audit_retired FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_retired TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.audit_policy FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_policy TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_seal
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_seal
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_seal ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_seal ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_progress
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_progress
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_progress ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_progress ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_checkpoint
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_checkpoint
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_checkpoint ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_checkpoint ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_retired
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_retired
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_retired ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_retired ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.audit_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('audit_policy', 'retention', 'hold_reason', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.audit_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.audit_floor
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('audit_floor', 'floor');
ALTER TABLE vault_data.audit_policy ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.audit_policy ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.audit_floor ENABLE ALWAYS TRIGGER audit;

/*
 * Checking and exporting.
 */
CREATE FUNCTION vault.verify_audit(tenant text DEFAULT NULL, checkpoint text DEFAULT NULL,
	OUT tenant_name text, OUT ok boolean, OUT fault text, OUT seal bigint, OUT id bigint,
	OUT at timestamptz, OUT rows bigint, OUT detail text) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_verify_audit';
COMMENT ON FUNCTION vault.verify_audit(text, text)
	IS 'checks the audit trail against its seals and, if given, a checkpoint; returns one row '
	'for each tenant, then one for each fault';

CREATE FUNCTION vault.audit_checkpoint() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_checkpoint';
COMMENT ON FUNCTION vault.audit_checkpoint()
	IS 'returns a signed note of the last seal of every tenant''s audit trail, to be kept '
	'elsewhere';

CREATE FUNCTION vault.audit_public_key() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_public_key';
COMMENT ON FUNCTION vault.audit_public_key()
	IS 'returns the public key that verifies the signature of a checkpoint';

CREATE FUNCTION vault.export_audit(tenant text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_export_audit';
COMMENT ON FUNCTION vault.export_audit(text, timestamptz, timestamptz)
	IS 'returns the audit trail and its seals as lines of JSON, which vault-audit-verify '
	'checks without the database';

/*
 * Partitions, one a month (UTC). They are made as tables of their own and then attached, since
 * CREATE TABLE … PARTITION OF would lock out every reader and writer of the trail. They do not
 * belong to the extension, so that a dump holds them. Rows older than the partition of their month
 * are moved there, unless that would keep writers waiting for long.
 */
CREATE FUNCTION vault_data.make_partition(p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	part text := pg_catalog.to_char(p_month, '"audit_log_"YYYY_MM');
	lower_bound timestamptz := p_month::timestamp AT TIME ZONE 'UTC';
	upper_bound timestamptz := (p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	text_column name;
	late bigint;
	other text;
BEGIN
	IF pg_catalog.to_regclass('vault_data.' || part) IS NOT NULL THEN
		RETURN;
	END IF;
	late := (SELECT pg_catalog.count(*) FROM (SELECT FROM vault_data.audit_log_default d WHERE d.at >= lower_bound AND d.at < upper_bound LIMIT 10001) l);
	IF late > 10000 THEN
		RETURN;
	END IF;
	IF late > 0 THEN
		LOCK TABLE vault_data.audit_log_default IN ACCESS EXCLUSIVE MODE;
	END IF;
	EXECUTE pg_catalog.format('CREATE TABLE vault_data.%I (LIKE vault_data.audit_log)', part);
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I OWNER TO vault_owner', part);
	/* Take back the privileges that default privileges gave. */
	FOR other IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) AS a
		WHERE c.oid = pg_catalog.to_regclass('vault_data.' || part) AND a.grantee <> c.relowner
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON vault_data.%I FROM %s', part, other);
	END LOOP;
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ADD PRIMARY KEY (tenant_id, at, id)', part);
	EXECUTE pg_catalog.format('CREATE INDEX %I ON vault_data.%I (xid)', part || '_xid', part);
	EXECUTE pg_catalog.format('CREATE INDEX %I ON vault_data.%I USING brin (at)', part || '_at', part);
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
	EXECUTE pg_catalog.format('CREATE POLICY tenant ON vault_data.%I FOR SELECT TO vault_owner USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants())', part);
	EXECUTE pg_catalog.format('CREATE POLICY entry ON vault_data.%I TO vault_exec USING (vault_data.is_inside(tenant_id))', part);
	EXECUTE pg_catalog.format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.%I FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change()', part);
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ENABLE ALWAYS TRIGGER append_only_truncate', part);
	FOR text_column IN SELECT a.attname FROM pg_catalog.pg_attribute a
		WHERE a.attrelid = 'vault_data.audit_log'::regclass AND a.attstattarget = 0 AND a.attnum > 0
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ALTER COLUMN %I SET STATISTICS 0', part, text_column);
	END LOOP;
	IF late > 0 THEN
		EXECUTE pg_catalog.format('WITH moved AS (DELETE FROM vault_data.audit_log_default d WHERE d.at >= $1 AND d.at < $2 RETURNING d.*)
			INSERT INTO vault_data.%I SELECT m.* FROM moved m', part) USING lower_bound, upper_bound;
	END IF;
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.audit_log ATTACH PARTITION vault_data.%I FOR VALUES FROM (%L) TO (%L)',
		part, lower_bound, upper_bound);
EXCEPTION WHEN lock_not_available THEN
	RAISE LOG 'vault makes the partition % later: the trail was locked', part;
END
$$;

CREATE FUNCTION vault_data.make_partitions(p_ahead integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_month date := pg_catalog.date_trunc('month', pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
	FOR n IN 0 .. p_ahead LOOP
		PERFORM vault_data.make_partition((this_month + n * interval '1 month')::date);
	END LOOP;
END
$$;

/* Of this month and the next one, by the script; not while a dump is restored, which has its own. */
CREATE FUNCTION vault_data.prepare_trail() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_prepare_trail';

CREATE FUNCTION vault_data.job_partitions() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_partitions';
COMMENT ON FUNCTION vault_data.job_partitions()
	IS 'creates the partitions of the audit trail for this month and the next three';

/*
 * Retention: whole months, never before the floor, never under a legal hold.
 */
CREATE FUNCTION vault_data.audit_retention_floor() RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT coalesce((SELECT f.floor FROM vault_data.audit_floor f), '1 year'::interval)
$$;

/* Under a rule that was changed outside vault nothing goes. */
CREATE FUNCTION vault_data.may_retire(p_tenant uuid, p_month date) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT ((p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
			+ greatest(coalesce(p.retention, '7 years'::interval), vault_data.audit_retention_floor()) <= pg_catalog.now()
		AND p.held_at IS NULL AND coalesce(vault_data.is_authentic(p), true)
	FROM (SELECT) AS always LEFT JOIN vault_data.audit_policy p ON p.tenant_id = p_tenant
$$;

CREATE FUNCTION vault_data.note_retired(tenant uuid, month date, rows bigint) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_note_retired';

CREATE FUNCTION vault_data.tenants_of(p_partition regclass) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
BEGIN
	EXECUTE pg_catalog.format('SELECT a.tenant_id FROM %s a ORDER BY a.tenant_id LIMIT 1', p_partition) INTO this_tenant;
	WHILE this_tenant IS NOT NULL LOOP
		RETURN NEXT this_tenant;
		EXECUTE pg_catalog.format('SELECT a.tenant_id FROM %s a WHERE a.tenant_id > $1 ORDER BY a.tenant_id LIMIT 1', p_partition)
			INTO this_tenant USING this_tenant;
	END LOOP;
END
$$;

/* A tenant's rows of one month in a partition. */
CREATE FUNCTION vault_data.retire_rows(p_partition regclass, p_tenant uuid, p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	gone bigint;
BEGIN
	EXECUTE pg_catalog.format('DELETE FROM %s a WHERE a.tenant_id = $1 AND a.at >= $2 AND a.at < $3', p_partition)
		USING p_tenant, p_month::timestamp AT TIME ZONE 'UTC', (p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	GET DIAGNOSTICS gone = ROW_COUNT;
	IF gone > 0 THEN
		PERFORM vault_data.note_retired(p_tenant, p_month, gone);
	END IF;
END
$$;

/*
 * The partition of a month: away as a whole if every tenant in it may go. It is emptied first, which
 * locks nothing but itself; to drop it asks for the whole trail, and waits for that
 * only for a moment. An empty partition that is left is dropped another day.
 */
CREATE FUNCTION vault_data.retire_partition(p_partition regclass, p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenants uuid[] := ARRAY(SELECT t FROM vault_data.tenants_of(p_partition) t);
	due uuid[] := ARRAY(SELECT t FROM unnest(tenants) t WHERE vault_data.may_retire(t, p_month));
	patience text := pg_catalog.current_setting('lock_timeout');
	this_tenant uuid;
	gone bigint;
BEGIN
	IF pg_catalog.cardinality(due) < pg_catalog.cardinality(tenants) THEN
		FOREACH this_tenant IN ARRAY due LOOP
			PERFORM vault_data.retire_rows(p_partition, this_tenant, p_month);
		END LOOP;
		RETURN;
	END IF;
	FOREACH this_tenant IN ARRAY tenants LOOP
		EXECUTE pg_catalog.format('SELECT pg_catalog.count(*) FROM %s a WHERE a.tenant_id = $1', p_partition) INTO gone USING this_tenant;
		PERFORM vault_data.note_retired(this_tenant, p_month, gone);
	END LOOP;
	EXECUTE pg_catalog.format('TRUNCATE %s', p_partition);
	BEGIN
		SET LOCAL lock_timeout = '100ms';
		EXECUTE pg_catalog.format('DROP TABLE %s', p_partition);
	EXCEPTION WHEN lock_not_available THEN
		RAISE LOG 'vault drops the empty partition % later: the trail was in use', p_partition;
	END;
	PERFORM pg_catalog.set_config('lock_timeout', patience, true);
END
$$;

CREATE FUNCTION vault_data.retire_default() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
	this_month date;
BEGIN
	FOR this_tenant IN SELECT t FROM vault_data.tenants_of('vault_data.audit_log_default') t LOOP
		FOR this_month IN SELECT DISTINCT pg_catalog.date_trunc('month', d.at AT TIME ZONE 'UTC')::date
			FROM vault_data.audit_log_default d WHERE d.tenant_id = this_tenant AND pg_catalog.isfinite(d.at)
		LOOP
			IF vault_data.may_retire(this_tenant, this_month) THEN
				PERFORM vault_data.retire_rows('vault_data.audit_log_default', this_tenant, this_month);
			END IF;
		END LOOP;
	END LOOP;
END
$$;

CREATE FUNCTION vault_data.retire_trail() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	part record;
BEGIN
	FOR part IN SELECT c.oid::regclass AS name, pg_catalog.to_date(right(c.relname, 7), 'YYYY_MM') AS month
		FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'vault_data.audit_log'::regclass AND c.relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
		ORDER BY c.relname
	LOOP
		/* A month that no tenant could retire: nothing to look for. */
		CONTINUE WHEN ((part.month + interval '1 month')::timestamp AT TIME ZONE 'UTC') + vault_data.audit_retention_floor() > pg_catalog.now();
		BEGIN
			PERFORM vault_data.retire_partition(part.name, part.month);
		EXCEPTION WHEN lock_not_available THEN
			RAISE LOG 'vault retires rows of % later: it was locked', part.name;
		END;
	END LOOP;
	PERFORM vault_data.retire_default();
END
$$;

CREATE FUNCTION vault_data.job_retention() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_retention';
COMMENT ON FUNCTION vault_data.job_retention()
	IS 'retires the months of the audit trail whose retention is over';

CREATE FUNCTION vault_data.set_audit_retention(p_retention interval, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_retention IS NULL OR p_retention < vault_data.audit_retention_floor() OR p_retention > '100 years' THEN
		PERFORM vault_data.fail('22023', pg_catalog.format('invalid retention: it is not between %s and 100 years', vault_data.audit_retention_floor()),
			'Operators set the floor with vault.set_audit_floor().');
	END IF;
	INSERT INTO vault_data.audit_policy (tenant_id, retention) VALUES (this_tenant, p_retention)
	ON CONFLICT (tenant_id) DO UPDATE SET retention = excluded.retention;
END
$$;
CREATE FUNCTION vault.set_audit_retention(retention interval, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_audit_retention(interval, text)
	IS 'sets the retention of the tenant''s audit trail, not below the floor';

CREATE FUNCTION vault_data.set_audit_floor(p_floor interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_floor IS NULL OR p_floor < '30 days' OR p_floor > '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid floor: it is not between 30 days and 100 years', 'Give an interval such as ''1 year''.');
	END IF;
	INSERT INTO vault_data.audit_floor (floor) VALUES (p_floor)
	ON CONFLICT (singleton) DO UPDATE SET floor = excluded.floor;
END
$$;
CREATE FUNCTION vault.set_audit_floor(floor interval) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_audit_floor(interval)
	IS 'sets the minimum retention of every audit trail';

CREATE FUNCTION vault_data.require_reason(p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_reason IS NULL OR p_reason !~ '[^[:space:]]' OR pg_catalog.length(p_reason) > 200 THEN
		PERFORM vault_data.fail('22023', 'invalid reason: it is empty or longer than 200 characters', 'Say what the hold is for, such as a case number.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_legal_hold(p_tenant text, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_reason(p_reason);
	INSERT INTO vault_data.audit_policy (tenant_id, hold_reason, held_at)
	VALUES (this_tenant, p_reason, pg_catalog.clock_timestamp())
	ON CONFLICT (tenant_id) DO UPDATE SET hold_reason = excluded.hold_reason, held_at = excluded.held_at;
END
$$;
CREATE FUNCTION vault.set_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_legal_hold(text, text)
	IS 'keeps the whole audit trail of a tenant until the hold is released';

CREATE FUNCTION vault_data.release_legal_hold(p_tenant text, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_reason(p_reason);
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.audit_policy SET hold_reason = NULL, held_at = NULL WHERE tenant_id = this_tenant AND held_at IS NOT NULL;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('the audit trail of tenant "%s" is not held', p_tenant),
			'The view vault.audit_retention shows the holds.');
	END IF;
END
$$;
CREATE FUNCTION vault.release_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.release_legal_hold(text, text)
	IS 'ends a legal hold; the retention applies again';

CREATE VIEW vault.audit_seals WITH (security_barrier) AS
SELECT t.name AS tenant, s.seq, s.month, s.rows, s.without_mac, s.first_at, s.last_at, s.sealed_at,
	pg_catalog.encode(s.hash, 'hex') AS hash, s.tenant_id
FROM vault_data.audit_seal s LEFT JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(s.tenant_id, NULL);
COMMENT ON VIEW vault.audit_seals
	IS 'shows the seals of the audit trail: those of the tenant to its administrators, all to '
	'operators and auditors';

CREATE VIEW vault.audit_retention WITH (security_barrier) AS
SELECT t.name AS tenant, coalesce(p.retention, '7 years'::interval) AS retention,
	coalesce((SELECT f.floor FROM vault_data.audit_floor f), '1 year'::interval) AS floor,
	p.hold_reason, p.held_at, (SELECT pg_catalog.max(r.month) FROM vault_data.audit_retired r WHERE r.tenant_id = t.tenant_id) AS retired_until
FROM vault_data.tenant t LEFT JOIN vault_data.audit_policy p ON p.tenant_id = t.tenant_id
WHERE t.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(t.tenant_id, NULL);
COMMENT ON VIEW vault.audit_retention
	IS 'shows the retention of each tenant''s audit trail, and legal holds';

ALTER VIEW vault.audit_seals OWNER TO vault_owner;
ALTER VIEW vault.audit_retention OWNER TO vault_owner;
REVOKE ALL ON vault.audit_seals, vault.audit_retention FROM PUBLIC;
GRANT SELECT ON vault.audit_seals, vault.audit_retention TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.set_audit_retention(interval, text), vault_data.set_audit_floor(interval),
	vault_data.set_legal_hold(text, text), vault_data.release_legal_hold(text, text), vault_data.require_reason(text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.audit_retention_floor() TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.verify_audit(text, text), vault.export_audit(text, timestamptz, timestamptz),
	vault.audit_public_key() TO vault_client, vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault.audit_checkpoint() TO vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault.set_audit_retention(interval, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.set_audit_floor(interval), vault.set_legal_hold(text, text), vault.release_legal_hold(text, text) TO vault_admin;

SELECT vault_data.prepare_trail();
