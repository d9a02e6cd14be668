/*
 * Types and policies: checked, added, changed and dropped.
 */

/* Return the built-in types. The view converts the numbers of days. */
CREATE FUNCTION vault_data.builtin_types()
RETURNS TABLE (name text, description text, fields text, takes_policy boolean, generates boolean,
	min_length integer, max_length integer, min_entropy integer, generated_length integer,
	history integer, rotation_days integer, lifetime_days integer, recovery_days integer,
	warn_days integer[])
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_builtin_types';

CREATE FUNCTION vault_data.type_function(function oid, checks boolean) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_type_function';

CREATE FUNCTION vault_data.type_is_used(name text) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_type_is_used';

CREATE FUNCTION vault_data.require_strong_type(tenant uuid, name text) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_strong_type';

CREATE FUNCTION vault_data.require_type_author() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_type_author';

CREATE FUNCTION vault_data.tell_users_of_type(id uuid, name text, detail jsonb) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_tell_users_of_type';

CREATE FUNCTION vault_data.warnings(days integer[]) RETURNS interval[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT pg_catalog.array_agg(pg_catalog.make_interval(days => d.days) ORDER BY d.number)
	FROM pg_catalog.unnest(days) WITH ORDINALITY AS d (days, number)
$$;

/* Return the lifetimes of values of each type in a tenant: for expiry, rotation and deletion. */
CREATE FUNCTION vault_data.type_lifecycles(p_tenant uuid)
RETURNS TABLE (type text, rotation_interval interval, max_lifetime interval,
	recovery_window interval, warn_at interval[])
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT t.name, COALESCE(p.rotation_interval, t.rotation_interval),
		COALESCE(p.max_lifetime, t.max_lifetime),
		COALESCE(p.recovery_window, t.recovery_window), COALESCE(p.warn_at, t.warn_at)
	FROM (SELECT b.name, make_interval(days => b.rotation_days) AS rotation_interval,
		make_interval(days => b.lifetime_days) AS max_lifetime,
		make_interval(days => b.recovery_days) AS recovery_window,
				vault_data.warnings(b.warn_days) AS warn_at
		FROM vault_data.builtin_types() b
		UNION ALL
		SELECT a.name, a.rotation_interval, a.max_lifetime, a.recovery_window, a.warn_at
		FROM vault_data.secret_type a) AS t
		LEFT JOIN vault_data.type_policy p ON p.tenant_id = p_tenant AND p.type = t.name
$$;

/* Raise 22023 for the first invalid setting. */
CREATE FUNCTION vault_data.check_type_settings(p_min_length integer, p_max_length integer,
	p_classes text[], p_excluded text, p_prefix text, p_min_entropy integer,
	p_generated_length integer, p_history integer, p_rotation_interval interval,
	p_max_lifetime interval, p_recovery_window interval, p_warn_at interval[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_min_length NOT BETWEEN 1 AND 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid min_length: must be between 1 and 1024',
			'Give a number of bytes.');
	ELSIF p_max_length NOT BETWEEN 1 AND 1048576 OR p_max_length < p_min_length THEN
		PERFORM vault_data.fail('22023',
			'invalid max_length: it is below min_length, or not between 1 and 1048576',
			'Give a number of bytes.');
	ELSIF NOT p_classes <@ ARRAY['lower', 'upper', 'digit', 'symbol']
		OR array_position(p_classes, NULL) IS NOT NULL
	THEN
		PERFORM vault_data.fail('22023', 'invalid classes: there is no such class',
			'Classes are lower, upper, digit and symbol.');
	ELSIF p_excluded !~ '^[!-~]{0,64}$' THEN
		PERFORM vault_data.fail('22023',
			'invalid excluded: it is not up to 64 printable ASCII characters',
			'Give the characters one after the other.');
	ELSIF p_prefix !~ '^[!-~]{0,32}$' THEN
		PERFORM vault_data.fail('22023',
			'invalid prefix: it is not up to 32 printable ASCII characters',
			'Give what every value begins with.');
	ELSIF p_min_entropy NOT BETWEEN 0 AND 512 THEN
		PERFORM vault_data.fail('22023', 'invalid min_entropy: must be between 0 and 512',
			'Give a number of bits.');
	ELSIF p_generated_length NOT BETWEEN 8 AND 1024 OR p_generated_length < p_min_length
		OR p_generated_length > p_max_length
	THEN
		PERFORM vault_data.fail('22023',
			'invalid generated_length: must be between 8 and 1024, and between min_length '
			'and max_length',
			'Give a number of bytes.');
	ELSIF p_history NOT BETWEEN 0 AND 50 THEN
		PERFORM vault_data.fail('22023', 'invalid history: must be between 0 and 50',
			'Give how many versions back a value must not come again.');
	ELSIF p_rotation_interval NOT BETWEEN '1 minute' AND '100 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid rotation_interval: must be between one minute and 100 years',
			'Give an interval such as ''90 days''.');
	ELSIF p_max_lifetime NOT BETWEEN '1 second' AND '100 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid max_lifetime: must be between one second and 100 years',
			'Give an interval such as ''1 year''.');
	ELSIF p_recovery_window NOT BETWEEN '7 days' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid recovery_window: must be between 7 and 90 days',
			'Give an interval such as ''30 days''.');
	ELSIF cardinality(p_warn_at) > 8 OR array_ndims(p_warn_at) > 1 OR '1 second' > ANY (p_warn_at)
		OR array_position(p_warn_at, NULL) IS NOT NULL
	THEN
		PERFORM vault_data.fail('22023', 'invalid warn_at: it is not up to 8 positive intervals',
			'Give for example ARRAY[interval ''30 days'', interval ''1 day''].');
	END IF;
END
$$;

/*
 * Check the functions of a type. A validator gets values, so its rules are declared beforehand, by
 * a role that may name functions.
 */
CREATE FUNCTION vault_data.check_type_functions(p_validator regprocedure, p_generator regprocedure,
	p_rules text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_validator IS NOT NULL OR p_generator IS NOT NULL OR p_rules IS NOT NULL THEN
		PERFORM vault_data.require_type_author();
	END IF;
	IF cardinality(p_rules) > 64 OR array_ndims(p_rules) > 1
		OR EXISTS (SELECT FROM unnest(p_rules) AS r (rule)
			WHERE (rule ~ '^[A-Za-z0-9 _.,''()-]{1,63}$') IS NOT TRUE)
	THEN
		PERFORM vault_data.fail('22023',
			'invalid rules: they are not up to 64 phrases of 1 to 63 letters, digits, spaces '
			'and _-.,''()',
			'Give for example ARRAY[''six digits are asked''].');
	END IF;
END
$$;

CREATE FUNCTION vault_data.create_type(p_name text, p_description text, p_validator regprocedure,
	p_generator regprocedure, p_min_length integer, p_max_length integer, p_classes text[],
	p_excluded text, p_prefix text, p_min_entropy integer, p_generated_length integer,
	p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[], p_rules text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.check_type_functions(p_validator, p_generator, p_rules);
	IF p_name IS NULL OR p_name !~ '^[a-z][a-z0-9_]{0,19}$' THEN
		PERFORM vault_data.fail('22023',
			'invalid type name: it is not 1 to 20 lower-case letters, digits and underscores, a '
			'letter first',
			'Choose another name.');
	ELSIF p_description IS NULL OR p_description = '' OR octet_length(p_description) > 1024 THEN
		PERFORM vault_data.fail('22023',
			'invalid description: must be 1 to 1024 bytes long',
			'Say what such a secret is.');
	ELSIF EXISTS (SELECT FROM vault_data.builtin_types() b WHERE b.name = p_name)
		OR EXISTS (SELECT FROM vault_data.secret_type t WHERE t.name = p_name)
	THEN
		PERFORM vault_data.fail('23505', format('type "%s" already exists', p_name),
			'Choose another name, or change it with vault.alter_type().');
	END IF;
	PERFORM vault_data.check_type_settings(p_min_length, p_max_length, p_classes, p_excluded,
		p_prefix, p_min_entropy, p_generated_length,
		p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(format('type %s', p_name));
	INSERT INTO vault_data.secret_type (id, name, description, validator, generator, min_length,
		max_length, classes, excluded, prefix,
		min_entropy, generated_length, history, rotation_interval, max_lifetime, recovery_window,
		warn_at, rules)
	VALUES (vault_data.new_id(), p_name, p_description, vault_data.type_function(p_validator, true),
		vault_data.type_function(p_generator, false),
		p_min_length, p_max_length, p_classes, p_excluded, p_prefix, p_min_entropy,
		p_generated_length, p_history, p_rotation_interval, p_max_lifetime, p_recovery_window,
		p_warn_at, p_rules);
	PERFORM vault_data.require_strong_type('00000000-0000-0000-0000-000000000000', p_name);
END
$$;

/* Return the difference in the form of the trail: {"column": [old, new]}. */
CREATE FUNCTION vault_data.type_difference(before vault_data.secret_type,
	after vault_data.secret_type)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_object_agg(o.key, jsonb_build_array(o.value, n.value)), '{}')
	FROM jsonb_each_text(to_jsonb(before)) o
		JOIN jsonb_each_text(to_jsonb(after)) n ON n.key = o.key
	WHERE o.value IS DISTINCT FROM n.value AND o.key NOT IN ('mac', 'revision', 'description')
$$;

CREATE FUNCTION vault_data.alter_type(p_name text, p_description text, p_validator regprocedure,
	p_generator regprocedure, p_min_length integer, p_max_length integer, p_classes text[],
	p_excluded text, p_prefix text, p_min_entropy integer, p_generated_length integer,
	p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[], p_rules text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	before vault_data.secret_type;
	after vault_data.secret_type;
BEGIN
	PERFORM vault_data.check_type_functions(p_validator, p_generator, p_rules);
	SELECT * INTO before FROM vault_data.secret_type s WHERE s.name = p_name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such type that was added',
			'The view vault.types shows them; for a built-in one a tenant sets a policy with '
			'vault.set_type_policy().');
	ELSIF p_description = '' OR octet_length(p_description) > 1024 THEN
		PERFORM vault_data.fail('22023',
			'invalid description: must be 1 to 1024 bytes long',
			'Say what such a secret is.');
	END IF;
	PERFORM vault_data.check_type_settings(COALESCE(p_min_length, before.min_length),
		COALESCE(p_max_length, before.max_length), p_classes, p_excluded, p_prefix,
		p_min_entropy, COALESCE(p_generated_length, before.generated_length), p_history,
		p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(format('type %s', p_name));
	UPDATE vault_data.secret_type SET description = COALESCE(p_description, description),
		validator = COALESCE(vault_data.type_function(p_validator, true), validator),
		generator = COALESCE(vault_data.type_function(p_generator, false), generator),
		min_length = COALESCE(p_min_length, min_length),
		max_length = COALESCE(p_max_length, max_length), classes = COALESCE(p_classes, classes),
		excluded = COALESCE(p_excluded, excluded), prefix = COALESCE(p_prefix, prefix),
		min_entropy = COALESCE(p_min_entropy, min_entropy),
		generated_length = COALESCE(p_generated_length, generated_length),
		history = COALESCE(p_history, history),
		rotation_interval = COALESCE(p_rotation_interval, rotation_interval),
		max_lifetime = COALESCE(p_max_lifetime, max_lifetime),
		recovery_window = COALESCE(p_recovery_window, recovery_window),
		warn_at = COALESCE(p_warn_at, warn_at), rules = COALESCE(p_rules, rules)
	WHERE id = before.id RETURNING * INTO after;
	PERFORM vault_data.require_strong_type('00000000-0000-0000-0000-000000000000', p_name);
	PERFORM vault_data.tell_users_of_type(before.id, p_name,
		vault_data.type_difference(before, after));
END
$$;

CREATE FUNCTION vault_data.drop_type(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF vault_data.type_is_used(p_name) THEN
		PERFORM vault_data.fail('2BP01', format('type "%s" is the type of secrets', p_name),
			'Secrets keep their type; a type is dropped when the last of its secrets is purged.');
	END IF;
	PERFORM vault_data.note(format('type %s', p_name));
	DELETE FROM vault_data.secret_type WHERE name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such type that was added',
			'The view vault.types shows them.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_type_policy(p_type text, p_min_length integer, p_max_length integer,
	p_classes text[], p_excluded text, p_prefix text, p_min_entropy integer,
	p_generated_length integer, p_history integer, p_rotation_interval interval,
	p_max_lifetime interval, p_recovery_window interval, p_warn_at interval[], p_tenant text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	takes_policy boolean;
	takes_strength boolean;
BEGIN
	PERFORM vault_data.require_administrator();
	SELECT b.takes_policy, b.min_entropy IS NOT NULL INTO takes_policy, takes_strength
	FROM vault_data.builtin_types() b WHERE b.name = p_type
	UNION ALL SELECT true, true FROM vault_data.secret_type t WHERE t.name = p_type;
	IF takes_policy IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid type: there is no such type',
			format('Types are %s; the view vault.types has those that were added, too.',
				(SELECT string_agg(b.name, ', ') FROM vault_data.builtin_types() b)));
	ELSIF NOT takes_policy
		AND (p_min_length IS NOT NULL OR p_max_length IS NOT NULL OR p_classes IS NOT NULL
			OR p_excluded IS NOT NULL
			OR p_prefix IS NOT NULL OR (p_min_entropy IS NOT NULL AND NOT takes_strength)
			OR p_generated_length IS NOT NULL)
	THEN
		PERFORM vault_data.fail('22023',
			'invalid type: the characters of its values are no matter of a policy',
			'Set history, rotation_interval, max_lifetime, recovery_window or warn_at; or use '
			'type password or api_key.');
	END IF;
	PERFORM vault_data.check_type_settings(p_min_length, p_max_length, p_classes, p_excluded,
		p_prefix, p_min_entropy, p_generated_length,
		p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(format('type %s', p_type));
	INSERT INTO vault_data.type_policy (tenant_id, id, type, min_length, max_length, classes,
		excluded, prefix,
		min_entropy, generated_length, history, rotation_interval, max_lifetime, recovery_window,
		warn_at)
	VALUES (this_tenant, vault_data.new_id(), p_type, p_min_length, p_max_length, p_classes,
		p_excluded, p_prefix, p_min_entropy,
		p_generated_length, p_history, p_rotation_interval, p_max_lifetime, p_recovery_window,
		p_warn_at)
	ON CONFLICT (tenant_id, type) DO UPDATE SET min_length = EXCLUDED.min_length,
		max_length = EXCLUDED.max_length, classes = EXCLUDED.classes,
		excluded = EXCLUDED.excluded, prefix = EXCLUDED.prefix, min_entropy = EXCLUDED.min_entropy,
		generated_length = EXCLUDED.generated_length, history = EXCLUDED.history,
		rotation_interval = EXCLUDED.rotation_interval, max_lifetime = EXCLUDED.max_lifetime,
		recovery_window = EXCLUDED.recovery_window, warn_at = EXCLUDED.warn_at,
		updated_at = clock_timestamp();
	PERFORM vault_data.require_strong_type(this_tenant, p_type);
END
$$;

CREATE FUNCTION vault_data.reset_type_policy(p_type text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.note(format('type %s', p_type));
	DELETE FROM vault_data.type_policy WHERE tenant_id = this_tenant AND type = p_type;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the tenant has no policy for this type',
			'The view vault.type_policies shows them.');
	END IF;
END
$$;

--@ execute vault_client, vault_admin, vault_auditor, vault_exec, vault_owner: builtin_types,
--@	warnings
--@ execute vault_exec: alter_type, check_type_functions, check_type_settings, create_type,
--@	drop_type, require_strong_type, require_type_author, reset_type_policy, set_type_policy,
--@	tell_users_of_type, type_difference, type_function, type_is_used, type_lifecycles
