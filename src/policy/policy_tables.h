/*
 * policy_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(ACCESS_GRANT, .name = "access_grant", .kind = "grant", .id = 2, .covered = 16,
	  .verified_as = "grant", .object = "x.id", .title = "x.name_pattern",
	  .compared = "principal_id, effect, permissions, name_pattern, environments, "
				  "addresses, windows, services, require_tls, require_session_user, "
				  "valid_from, valid_until")
TABLE(ROLE_MEMBER, .name = "role_member", .kind = "membership", .id = 2, .covered = 6,
	  .verified_as = "membership", .object = "x.id",
	  .title = "(SELECT r.name FROM vault_data.principal r"
			   " WHERE r.tenant_id = x.tenant_id AND r.id = x.role_id)",
	  .compared = "role_id, member_id")
INDEX(GRANT_PRINCIPAL, .name = "access_grant_principal") /* (tenant_id, principal_id) */
INDEX(MEMBER_ROLES, .name = "role_member_member")        /* (tenant_id, member_id) */
