/*
 * Policy as one document, for callers.
 */

CREATE FUNCTION vault.export_policy(tenant text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.export_policy(text)
	IS 'returns principals, roles, memberships, grants, token issuers with their subjects and '
	'groups, and the roles that show tokens as one JSON document';

CREATE FUNCTION vault.import_policy(document anycompatible, dry_run boolean DEFAULT true,
	tenant text DEFAULT NULL)
RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.import_policy(anycompatible, boolean, text)
	IS 'changes roles, memberships, grants, issuers with their subjects and groups, and the '
	'roles that show tokens to what a document says and adds its principals, or only lists '
	'the changes';

--@ execute vault_client, vault_admin: export_policy, import_policy
