/*
 * type_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */
TABLE(SECRET_TYPE, .name = "secret_type", .kind = "type", .id = 2, .covered = 17,
	  .verified_as = "type", .tenant = "'00000000-0000-0000-0000-000000000000'", .object = "x.id",
	  .title = "x.name",
	  .compared = "name, validator, generator, min_length, max_length, classes, excluded, "
				  "prefix, min_entropy, generated_length, history, rotation_interval, "
				  "max_lifetime, recovery_window, warn_at, rules")
TABLE(TYPE_POLICY, .name = "type_policy", .kind = "policy of type", .id = 3, .covered = 15,
	  .verified_as = "type_policy", .object = "x.id", .title = "x.type", .deleted_as = 10,
	  .compared = "type, min_length, max_length, classes, excluded, prefix, min_entropy, "
				  "generated_length, history, rotation_interval, max_lifetime, "
				  "recovery_window, warn_at")
INDEX(SECRET_TYPE_NAME, .name = "secret_type_name_key") /* (name) */
INDEX(TYPE_POLICY, .name = "type_policy_type_key")      /* (tenant_id, type) */
