/*
 * Partitions of the trail, and its retention.
 */

/* Protect a table that is to become a partition as the default partition is. */
CREATE FUNCTION vault_data.protect_partition(p_part text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	other text;
	text_column name;
BEGIN
	EXECUTE format('ALTER TABLE vault_data.%I OWNER TO vault_owner', p_part);
	/* Take back the privileges that default privileges gave. */
	FOR other IN
		SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
		FROM pg_class c, aclexplode(c.relacl) AS a
		WHERE c.oid = to_regclass('vault_data.' || p_part) AND a.grantee <> c.relowner
	LOOP
		EXECUTE format('REVOKE ALL ON vault_data.%I FROM %s', p_part, other);
	END LOOP;
	EXECUTE format('ALTER TABLE vault_data.%I ADD PRIMARY KEY (tenant_id, at, id)', p_part);
	EXECUTE format('CREATE INDEX %I ON vault_data.%I (xid)', p_part || '_xid', p_part);
	EXECUTE format('CREATE INDEX %I ON vault_data.%I USING brin (at)', p_part || '_at', p_part);
	EXECUTE format('ALTER TABLE vault_data.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
		p_part);
	EXECUTE format('CREATE POLICY tenant ON vault_data.%I FOR SELECT TO vault_owner '
		'USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants())', p_part);
	EXECUTE format('CREATE POLICY entry ON vault_data.%I TO vault_exec '
		'USING (vault_data.is_inside(tenant_id))', p_part);
	EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.%I '
		'FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change()', p_part);
	EXECUTE format('ALTER TABLE vault_data.%I ENABLE ALWAYS TRIGGER append_only_truncate', p_part);
	FOR text_column IN
		SELECT a.attname FROM pg_attribute a
		WHERE a.attrelid = 'vault_data.audit_log'::regclass AND a.attstattarget = 0 AND a.attnum > 0
	LOOP
		EXECUTE format('ALTER TABLE vault_data.%I ALTER COLUMN %I SET STATISTICS 0', p_part,
			text_column);
	END LOOP;
END
$$;

/*
 * Partitions, one a month (UTC). They are made as tables of their own and then attached, since
 * CREATE TABLE … PARTITION OF would lock out every reader and writer of the trail. They do not
 * belong to the extension, so that a dump holds them. Rows older than the partition of their month
 * are moved there, unless that would keep writers waiting for long.
 */
CREATE FUNCTION vault_data.make_partition(p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	part text := to_char(p_month, '"audit_log_"YYYY_MM');
	lower_bound timestamptz := p_month::timestamp AT TIME ZONE 'UTC';
	upper_bound timestamptz := (p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	late bigint;
BEGIN
	IF to_regclass('vault_data.' || part) IS NOT NULL THEN
		RETURN;
	END IF;
	late := (SELECT count(*)
		FROM (SELECT FROM vault_data.audit_log_default d
			WHERE d.at >= lower_bound AND d.at < upper_bound LIMIT 10001) l);
	IF late > 10000 THEN
		RETURN;
	END IF;
	IF late > 0 THEN
		LOCK TABLE vault_data.audit_log_default IN ACCESS EXCLUSIVE MODE;
	END IF;
	EXECUTE format('CREATE TABLE vault_data.%I (LIKE vault_data.audit_log)', part);
	PERFORM vault_data.protect_partition(part);
	IF late > 0 THEN
		EXECUTE format('WITH moved AS (DELETE FROM vault_data.audit_log_default d '
			'WHERE d.at >= $1 AND d.at < $2 RETURNING d.*) '
			'INSERT INTO vault_data.%I SELECT m.* FROM moved m', part)
			USING lower_bound, upper_bound;
	END IF;
	EXECUTE format('ALTER TABLE vault_data.audit_log ATTACH PARTITION vault_data.%I '
		'FOR VALUES FROM (%L) TO (%L)', part, lower_bound, upper_bound);
EXCEPTION WHEN lock_not_available THEN
	RAISE LOG 'vault makes the partition % later: the trail was locked', part;
END
$$;

CREATE FUNCTION vault_data.make_partitions(p_ahead integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
	FOR n IN 0 .. p_ahead LOOP
		PERFORM vault_data.make_partition((this_month + n * interval '1 month')::date);
	END LOOP;
END
$$;

/*
 * Make the partitions of this month and the next one, when the script runs. A dump that is restored
 * has its own.
 */
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

/* Retire nothing under a rule that was changed outside the vault. */
CREATE FUNCTION vault_data.may_retire(p_tenant uuid, p_month date) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT ((p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
			+ greatest(coalesce(p.retention, '7 years'::interval),
				vault_data.audit_retention_floor()) <= now()
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
	EXECUTE format('SELECT a.tenant_id FROM %s a ORDER BY a.tenant_id LIMIT 1', p_partition)
		INTO this_tenant;
	WHILE this_tenant IS NOT NULL LOOP
		RETURN NEXT this_tenant;
		EXECUTE format('SELECT a.tenant_id FROM %s a WHERE a.tenant_id > $1 '
			'ORDER BY a.tenant_id LIMIT 1', p_partition)
			INTO this_tenant USING this_tenant;
	END LOOP;
END
$$;

/* Retire a tenant's rows of one month in a partition. */
CREATE FUNCTION vault_data.retire_rows(p_partition regclass, p_tenant uuid, p_month date)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	gone bigint;
BEGIN
	EXECUTE format('DELETE FROM %s a WHERE a.tenant_id = $1 AND a.at >= $2 AND a.at < $3',
		p_partition)
		USING p_tenant, p_month::timestamp AT TIME ZONE 'UTC',
			(p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	GET DIAGNOSTICS gone = ROW_COUNT;
	IF gone > 0 THEN
		PERFORM vault_data.note_retired(p_tenant, p_month, gone);
	END IF;
END
$$;

/*
 * Retire the partition of a month as a whole if the rows of every tenant in it may go. It is
 * emptied first, which locks only itself. To drop it needs a lock on the whole trail, for which the
 * job waits only a moment. An empty partition that is left is dropped another day.
 */
CREATE FUNCTION vault_data.retire_partition(p_partition regclass, p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenants uuid[] := ARRAY(SELECT t FROM vault_data.tenants_of(p_partition) t);
	due uuid[] := ARRAY(SELECT t FROM unnest(tenants) t WHERE vault_data.may_retire(t, p_month));
	patience text := current_setting('lock_timeout');
	this_tenant uuid;
	gone bigint;
BEGIN
	IF cardinality(due) < cardinality(tenants) THEN
		FOREACH this_tenant IN ARRAY due LOOP
			PERFORM vault_data.retire_rows(p_partition, this_tenant, p_month);
		END LOOP;
		RETURN;
	END IF;
	FOREACH this_tenant IN ARRAY tenants LOOP
		EXECUTE format('SELECT count(*) FROM %s a WHERE a.tenant_id = $1', p_partition) INTO gone
			USING this_tenant;
		PERFORM vault_data.note_retired(this_tenant, p_month, gone);
	END LOOP;
	EXECUTE format('TRUNCATE %s', p_partition);
	BEGIN
		SET LOCAL lock_timeout = '100ms';
		EXECUTE format('DROP TABLE %s', p_partition);
	EXCEPTION WHEN lock_not_available THEN
		RAISE LOG 'vault drops the empty partition % later: the trail was in use', p_partition;
	END;
	PERFORM set_config('lock_timeout', patience, true);
END
$$;

CREATE FUNCTION vault_data.retire_default() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
	this_month date;
BEGIN
	FOR this_tenant IN SELECT t FROM vault_data.tenants_of('vault_data.audit_log_default') t LOOP
		FOR this_month IN SELECT DISTINCT date_trunc('month', d.at AT TIME ZONE 'UTC')::date
			FROM vault_data.audit_log_default d WHERE d.tenant_id = this_tenant AND isfinite(d.at)
		LOOP
			IF vault_data.may_retire(this_tenant, this_month) THEN
				PERFORM vault_data.retire_rows('vault_data.audit_log_default', this_tenant,
					this_month);
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
	FOR part IN SELECT c.oid::regclass AS name, to_date(right(c.relname, 7), 'YYYY_MM') AS month
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'vault_data.audit_log'::regclass
			AND c.relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
		ORDER BY c.relname
	LOOP
		/* Pass over a month that no tenant could retire. */
		CONTINUE WHEN ((part.month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
			+ vault_data.audit_retention_floor() > now();
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
	IF p_retention IS NULL OR p_retention < vault_data.audit_retention_floor()
		OR p_retention > '100 years'
	THEN
		PERFORM vault_data.fail('22023',
			format('invalid retention: must be between %s and 100 years',
				vault_data.audit_retention_floor()),
			'Operators set the floor with vault.set_audit_floor().');
	END IF;
	INSERT INTO vault_data.audit_policy (tenant_id, retention) VALUES (this_tenant, p_retention)
	ON CONFLICT (tenant_id) DO UPDATE SET retention = excluded.retention;
END
$$;

CREATE FUNCTION vault_data.set_audit_floor(p_floor interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_floor IS NULL OR p_floor < '30 days' OR p_floor > '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid floor: must be between 30 days and 100 years',
			'Give an interval such as ''1 year''.');
	END IF;
	INSERT INTO vault_data.audit_floor (floor) VALUES (p_floor)
	ON CONFLICT (singleton) DO UPDATE SET floor = excluded.floor;
END
$$;

CREATE FUNCTION vault_data.require_reason(p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_reason IS NULL OR p_reason !~ '[^[:space:]]' OR length(p_reason) > 200 THEN
		PERFORM vault_data.fail('22023',
			'invalid reason: must be 1 to 200 characters long',
			'Say what the hold is for, such as a case number.');
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
	VALUES (this_tenant, p_reason, clock_timestamp())
	ON CONFLICT (tenant_id) DO UPDATE SET hold_reason = excluded.hold_reason,
		held_at = excluded.held_at;
END
$$;

CREATE FUNCTION vault_data.release_legal_hold(p_tenant text, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_reason(p_reason);
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.audit_policy SET hold_reason = NULL, held_at = NULL
	WHERE tenant_id = this_tenant AND held_at IS NOT NULL;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000',
			format('the audit trail of tenant "%s" is not held', p_tenant),
			'The view vault.audit_retention shows the holds.');
	END IF;
END
$$;

--@ execute nobody: make_partition, make_partitions, may_retire, note_retired, prepare_trail,
--@	protect_partition, retire_default, retire_partition, retire_rows, retire_trail, tenants_of
--@ execute vault_jobs: job_partitions, job_retention
--@ execute vault_exec: audit_retention_floor, release_legal_hold, require_reason,
--@	set_audit_floor, set_audit_retention, set_legal_hold
