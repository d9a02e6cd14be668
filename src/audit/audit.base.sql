/*
 * Trigger functions of the tables: they write changes to the trail, keep the trail append-only,
 * and empty caches.
 */

CREATE FUNCTION vault_data.audit_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_change';
COMMENT ON FUNCTION vault_data.audit_change()
	IS 'writes a change of the row to the audit trail; arguments are the kind, then the '
	'columns that may be shown';

CREATE FUNCTION vault_data.refuse_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_refuse_change';
COMMENT ON FUNCTION vault_data.refuse_change()
	IS 'refuses every change of the audit trail except rows that vault itself appends';

CREATE FUNCTION vault_data.decision_changed() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_decision_changed';
COMMENT ON FUNCTION vault_data.decision_changed()
	IS 'invalidates the caches of the table in every backend when the change commits';

--@ execute vault_exec: audit_change, decision_changed, refuse_change
