/*
 * token_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(TOKEN_ISSUER, .name = "token_issuer", .kind = "issuer", .id = 2, .covered = 15,
	  .verified_as = "issuer", .object = "x.id", .title = "x.name", .deleted_as = 4,
	  .compared = "name, issuer, audience, principal_claim, tenant_claim, role_claim, "
				  "address_claim, max_lifetime, groups_claim, algorithms, "
				  "required_claims, by_name")
TABLE(EXTERNAL_SUBJECT, .name = "external_subject", .kind = "subject", .id = 2, .covered = 8,
	  .verified_as = "subject", .object = "x.id", .title = "x.subject",
	  .compared = "issuer_id, principal_id, subject, match")
TABLE(GROUP_ROLE, .name = "group_role", .kind = "group", .id = 2, .covered = 7,
	  .verified_as = "group_role", .object = "x.id", .title = "x.group_name",
	  .compared = "issuer_id, group_name, role_id")
TABLE(TOKEN_ROLE, .name = "token_role", .kind = "token role", .id = 2, .covered = 3,
	  .verified_as = "token_role", .goes_by_name = true, .title = "x.role_name", .deleted_as = 5)
TABLE(ISSUED_TOKEN, .name = "issued_token", .kind = "token", .id = 2, .covered = 7,
	  .verified_as = "token", .object = "x.id", .compared = "principal_id, expires_at, single_use")
INDEX(TOKEN_ISSUER, .name = "token_issuer_pkey") /* (tenant_id, id) */
INDEX(SUBJECT, .name = "external_subject_key")   /* (tenant_id, issuer_id, subject, match) */
INDEX(SUBJECT_PATTERN, .name = "external_subject_pattern") /* (tenant_id, issuer_id) of patterns */
INDEX(GROUP_ROLE, .name = "group_role_key")      /* (tenant_id, issuer_id, group_name, role_id) */
INDEX(TOKEN_ROLE, .name = "token_role_db_role")  /* (db_role) */
INDEX(ISSUED_TOKEN, .name = "issued_token_pkey") /* (tenant_id, id) */
