/*
 * tenant_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(TENANT, .name = "tenant", .kind = "tenant", .id = 1, .covered = 7, .verified_as = "tenant",
	  .object = "x.tenant_id", .title = "x.name",
	  .compared = "name, state, recovery_window, environments")
TABLE(TENANT_KEY, .name = "tenant_key", .deleted_as = 1)
INDEX(TENANT, .name = "tenant_pkey")          /* (id) */
INDEX(TENANT_NAME, .name = "tenant_name_key") /* (name) of tenants that are not destroyed */
INDEX(TENANT_KEY, .name = "tenant_key_pkey")  /* (tenant_id, generation) */
