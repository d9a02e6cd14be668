/*
 * Types for callers, and the policies that tenants set for them.
 */

/* Show the settings of the types, which apply if the tenant has set none. */
CREATE VIEW vault.types WITH (security_barrier) AS
SELECT b.name, b.description, true AS built_in, b.fields, NULL::text AS validator,
	NULL::text AS generator, b.generates,
	b.min_length, b.max_length, NULL::text[] AS classes, NULL::text AS excluded,
	NULL::text AS prefix, b.min_entropy, b.generated_length, b.history,
	pg_catalog.make_interval(days => b.rotation_days) AS rotation_interval,
	pg_catalog.make_interval(days => b.lifetime_days) AS max_lifetime,
	pg_catalog.make_interval(days => b.recovery_days) AS recovery_window,
	vault_data.warnings(b.warn_days) AS warn_at, NULL::timestamptz AS created_at,
	NULL::text[] AS rules
FROM vault_data.builtin_types() b
UNION ALL
SELECT t.name, t.description, false, NULL, t.validator, t.generator, true,
	t.min_length, t.max_length, t.classes, t.excluded, t.prefix, t.min_entropy, t.generated_length,
	COALESCE(t.history, 0), t.rotation_interval, t.max_lifetime, t.recovery_window, t.warn_at,
	t.created_at, t.rules
FROM vault_data.secret_type t;
COMMENT ON VIEW vault.types
	IS 'shows types of secrets, with the rules for their values and their lifetimes';

CREATE VIEW vault.type_policies WITH (security_barrier) AS
SELECT t.name AS tenant, p.type, p.min_length, p.max_length, p.classes, p.excluded, p.prefix,
	p.min_entropy, p.generated_length, p.history,
	p.rotation_interval, p.max_lifetime, p.recovery_window, p.warn_at, p.created_at, p.updated_at
FROM vault_data.type_policy p JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
WHERE p.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.type_policies
	IS 'shows the policies that tenants set for types, in place of the rules in the view '
	'types; NULL leaves that rule';

CREATE FUNCTION vault.create_type(name text, description text, validator regprocedure DEFAULT NULL,
	generator regprocedure DEFAULT NULL, min_length integer DEFAULT NULL,
	max_length integer DEFAULT NULL, classes text[] DEFAULT NULL, excluded text DEFAULT NULL,
	prefix text DEFAULT NULL, min_entropy integer DEFAULT NULL,
	generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL,
	recovery_window interval DEFAULT NULL, warn_at interval[] DEFAULT NULL,
	rules text[] DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_type(text, text, regprocedure, regprocedure, integer, integer,
	text[], text, text, integer, integer, integer, interval, interval, interval,
	interval[], text[])
	IS 'adds a type for all tenants, optionally with functions of a superuser that check and '
	'generate values; only a superuser may give these, and the rules that they can report';

CREATE FUNCTION vault.alter_type(name text, description text DEFAULT NULL,
	validator regprocedure DEFAULT NULL, generator regprocedure DEFAULT NULL,
	min_length integer DEFAULT NULL, max_length integer DEFAULT NULL, classes text[] DEFAULT NULL,
	excluded text DEFAULT NULL, prefix text DEFAULT NULL, min_entropy integer DEFAULT NULL,
	generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL,
	recovery_window interval DEFAULT NULL, warn_at interval[] DEFAULT NULL,
	rules text[] DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.alter_type(text, text, regprocedure, regprocedure, integer, integer,
	text[], text, text, integer, integer, integer, interval, interval, interval,
	interval[], text[])
	IS 'changes a type that was added; arguments that are not given leave it as it is';

CREATE FUNCTION vault.drop_type(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.drop_type(text) IS 'drops a type that was added and that no secret has';

CREATE FUNCTION vault.set_type_policy(type text, min_length integer DEFAULT NULL,
	max_length integer DEFAULT NULL, classes text[] DEFAULT NULL, excluded text DEFAULT NULL,
	prefix text DEFAULT NULL, min_entropy integer DEFAULT NULL,
	generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL,
	recovery_window interval DEFAULT NULL, warn_at interval[] DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_type_policy(text, integer, integer, text[], text, text, integer,
	integer, integer, interval, interval, interval, interval[], text)
	IS 'sets the policy of a tenant for the values of a type, in place of the previous one; '
	'NULL leaves the rule of the type';

CREATE FUNCTION vault.reset_type_policy(type text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.reset_type_policy(text, text)
	IS 'removes the policy of a tenant for a type';

--@ execute vault_admin: alter_type, create_type, drop_type
--@ execute vault_client, vault_admin: reset_type_policy, set_type_policy
--@ select vault_client, vault_admin, vault_auditor: type_policies, types
