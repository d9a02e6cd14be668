/*
 * evidence_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(AUDIT_POLICY, .name = "audit_policy", .kind = "retention of the trail", .id = 1, .covered = 4,
	  .verified_as = "audit_policy", .object = "x.tenant_id", .compared = "retention, hold_reason",
	  .since = "NULL")
TABLE(AUDIT_SEAL, .name = "audit_seal")
TABLE(AUDIT_PROGRESS, .name = "audit_progress")
