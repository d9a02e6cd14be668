/*
 * identity_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(PRINCIPAL, .name = "principal", .kind = "principal", .id = 2, .covered = 5,
	  .verified_as = "principal", .object = "x.id", .title = "x.name", .deleted_as = 3,
	  .compared = "name, kind")
TABLE(PRINCIPAL_BINDING, .name = "principal_binding", .kind = "binding", .id = 2, .covered = 4,
	  .verified_as = "binding", .goes_by_name = true, .object = "x.principal_id",
	  .title = "x.role_name")
TABLE(ROLE_RESERVATION, .name = "role_reservation", .kind = "reservation", .id = 2, .covered = 3,
	  .verified_as = "reservation", .goes_by_name = true, .title = "x.role_name", .deleted_as = 9)
INDEX(PRINCIPAL, .name = "principal_pkey")                    /* (tenant_id, id) */
INDEX(PRINCIPAL_NAME, .name = "principal_name_key")           /* (tenant_id, name) */
INDEX(BINDING_ROLE, .name = "principal_binding_db_role")      /* (db_role) */
INDEX(ROLE_RESERVATION, .name = "role_reservation_role_name") /* (role_name) */
