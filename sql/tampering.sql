-- A stored row that a superuser changed or moved does not open: VT004 for values, VT003 for keys,
-- and the trail has an alert.
\set SHOW_CONTEXT never
CREATE ROLE regress_tampering_a;
CREATE ROLE regress_tampering_b;
SELECT vault.create_tenant('tampering-a', 'regress_tampering_a') AS a,
	vault.create_tenant('tampering-b', 'regress_tampering_b') AS b \gset
SET ROLE regress_tampering_a;
SELECT vault.put('one', 'value'), vault.put('one', 'other'), vault.put('two', 'value'),
	vault.put('typed', 'key-7Q2xR9-typed', type => 'api_key');
SET ROLE regress_tampering_b;
SELECT vault.put('one', 'value');

CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	hint text;
BEGIN
	EXECUTE statement INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '[0-9a-f]{8}-[-0-9a-f]{27}', '(id)')
	|| ' hint: ' || hint;
END
$$;
RESET ROLE;
CREATE VIEW pg_temp.versions AS
SELECT v.ctid AS place, v.tenant_id, v.secret_id, t.name AS tenant, s.name, v.version, v.envelope
	FROM vault_data.secret_version v
	JOIN vault_data.secret s ON s.tenant_id = v.tenant_id AND s.id = v.secret_id
	JOIN vault_data.tenant t ON t.tenant_id = v.tenant_id;
-- puts the envelope of one version in the place of another, reads it as the owner, undoes it
CREATE FUNCTION pg_temp.put_into(p_tenant text, p_name text, p_version int,
	p_envelope vault.envelope) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	UPDATE vault_data.secret_version SET envelope = p_envelope
	WHERE ctid = (SELECT place FROM pg_temp.versions
	WHERE tenant = p_tenant AND name = p_name AND version = p_version);
	-- the copy in the head too
	UPDATE vault_data.secret SET envelope = p_envelope
	WHERE (tenant_id, id) = (SELECT tenant_id, secret_id FROM pg_temp.versions
	WHERE tenant = p_tenant AND name = p_name AND version = p_version)
		AND current_version = p_version AND envelope IS NOT NULL;
	SET LOCAL ROLE regress_tampering_a;
	answer := pg_temp.try(format('SELECT vault.get(%L, %s)', p_name, p_version));
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN answer;
END
$$;
CREATE FUNCTION pg_temp.envelope_of(p_tenant text, p_name text, p_version int)
	RETURNS vault.envelope LANGUAGE sql AS
	$$ SELECT envelope FROM pg_temp.versions
	WHERE tenant = p_tenant AND name = p_name AND version = p_version $$;

-- in its own place it opens; of another secret, another version, another tenant it does not
SELECT pg_temp.put_into('tampering-a', 'one', 1, pg_temp.envelope_of('tampering-a', 'one', 1));
SELECT pg_temp.put_into('tampering-a', 'one', 1, pg_temp.envelope_of('tampering-a', 'two', 1));
SELECT pg_temp.put_into('tampering-a', 'one', 1, pg_temp.envelope_of('tampering-a', 'one', 2)) =
	pg_temp.put_into('tampering-a', 'one', 1,
	pg_temp.envelope_of('tampering-b', 'one', 1)) AS same_answer;
SELECT pg_temp.put_into('tampering-a', 'one', 1, pg_temp.envelope_of('tampering-b', 'one', 1));

-- a byte changed, at every place: header, generation, salt, commitment, ciphertext, tag
SELECT left(answer, 5) AS sqlstate, count(*) FROM (
	SELECT pg_temp.put_into('tampering-a', 'two', 1,
	set_byte(raw, place, get_byte(raw, place) # 1)::vault.envelope) AS answer
	FROM (SELECT vault_data.envelope_send(pg_temp.envelope_of('tampering-a', 'two', 1)) AS raw) AS
	e, generate_series(0, octet_length(raw) - 1) AS place) AS answers
GROUP BY 1;
SELECT left(pg_temp.put_into('tampering-a', 'two', 1,
	substr(raw, 1, octet_length(raw) - cut)::vault.envelope), 5) AS shorter
FROM (SELECT vault_data.envelope_send(pg_temp.envelope_of('tampering-a', 'two', 1)) AS raw) AS e,
	unnest(ARRAY[1, 16, 64, 140, octet_length(raw)]) AS cut;

-- the row around it: type, key generation, version number of the head
CREATE FUNCTION pg_temp.after_change(change text, read text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE change;
	SET LOCAL ROLE regress_tampering_a;
	answer := pg_temp.try(read);
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN answer;
END
$$;
SELECT pg_temp.after_change(format(
	'UPDATE vault_data.secret SET type = ''password'' WHERE tenant_id = %L AND name = ''typed''',
	:'a'), 'SELECT vault.get(''typed'')');
SELECT pg_temp.after_change(format(
	'UPDATE vault_data.secret_version SET key_generation = 2 WHERE tenant_id = %L', :'a'),
	'SELECT vault.get(''one'', 1)');
SELECT pg_temp.after_change(format(
	'UPDATE vault_data.secret s SET envelope = v.envelope FROM pg_temp.versions v WHERE '
	's.tenant_id = %L AND v.secret_id = s.id AND v.version = 1',
	:'a'), 'SELECT vault.get(''one'')');
SELECT pg_temp.after_change(format(
	'UPDATE vault_data.secret SET current_version = 1, '
	'previous_version = 2 WHERE tenant_id = %L AND last_version = 2',
	:'a'), 'SELECT vault.get(''one'')');

-- keys: check value, wrapped key of another tenant, root generation, row gone; a change is seen by
-- an open session
SET ROLE regress_tampering_a;
SELECT vault.get('two');
RESET ROLE;
SELECT change, pg_temp.after_change(format('UPDATE vault_data.tenant_key k SET ' || change
	|| ' WHERE tenant_id = %L', :'b', :'a'), 'SELECT vault.get(''two'')')
FROM (VALUES ('check_value = set_byte(check_value, 0, get_byte(check_value, 0) # 1) /* of %L */'),
	('wrapped = (SELECT wrapped FROM vault_data.tenant_key WHERE tenant_id = %L)'),
	('root_generation = root_generation + 1000 /* of %L */'),
	('state = ''retired'', generation = 7 /* of %L */')) AS c (change);
SELECT pg_temp.after_change(format('DELETE FROM vault_data.tenant_key WHERE tenant_id = %L', :'a'),
	'SELECT vault.get(''two'')');
SELECT pg_temp.after_change(format(
	'UPDATE vault_data.tenant_key SET state = ''retired'' WHERE tenant_id = %L', :'a'),
	'SELECT vault.put(''two'', ''x'')');
SET ROLE regress_tampering_a;
SELECT vault.get('two');

-- committed: found, told in the trail, and mended by putting it back
RESET ROLE;
CREATE TEMP TABLE saved AS SELECT ctid AS place, * FROM vault_data.secret_version
	WHERE tenant_id = :'a' AND secret_id =
	(SELECT id FROM vault_data.secret WHERE tenant_id = :'a' AND name = 'two');
UPDATE vault_data.secret_version SET envelope = pg_temp.envelope_of('tampering-a', 'one', 1)
	WHERE ctid = (SELECT place FROM saved);
UPDATE vault_data.secret SET envelope = pg_temp.envelope_of('tampering-a', 'one', 1)
	WHERE tenant_id = :'a' AND name = 'two';
SELECT operation, decision, object_kind, role = current_user AS by_me, reason,
	detail - 'secret_id' AS detail FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND decision = 'alert' AND operation LIKE 'direct%' ORDER BY id;
SELECT DISTINCT operation, decision, object_kind,
	regexp_replace(reason, '[0-9a-f]{8}-[0-9a-f-]{27}', '(id)') AS reason FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND reason LIKE 'VT004%' ORDER BY operation;
SET ROLE regress_tampering_a;
SELECT vault.get('two');
\set VERBOSITY sqlstate
SELECT count(*) FROM vault.get_many('**');
SELECT vault.get('one', 1);
RESET ROLE;
UPDATE vault_data.secret_version v SET envelope = s.envelope FROM saved s
	WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.secret_id AND v.version = s.version;
UPDATE vault_data.secret SET envelope = s.envelope FROM saved s
	WHERE secret.tenant_id = s.tenant_id AND secret.id = s.secret_id;
SET ROLE regress_tampering_a;
SELECT vault.get('two');

RESET ROLE;
SELECT vault.destroy_tenant('tampering-a', 'tampering-a'),
	vault.destroy_tenant('tampering-b', 'tampering-b');
DROP FUNCTION pg_temp.put_into(text, text, int, vault.envelope),
	pg_temp.envelope_of(text, text, int), pg_temp.after_change(text, text), pg_temp.try(text);
DROP VIEW pg_temp.versions;
DROP TABLE saved;
DROP ROLE regress_tampering_a, regress_tampering_b;
