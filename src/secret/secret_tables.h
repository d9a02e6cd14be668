/*
 * secret_tables.h
 *		Describe the tables of this feature; platform/tables.h says what the members mean.
 */

#ifndef SECRET_NAME_OF_ROW
/* The name of the secret of a row x, for title. */
#define SECRET_NAME_OF_ROW                           \
	"(SELECT s.name FROM vault_data.secret s WHERE " \
	"s.tenant_id = x.tenant_id AND s.id = x.secret_id)"
#endif

TABLE(SECRET, .name = "secret", .kind = "secret", .id = 2, .covered = 16, .verified_as = "secret",
	  .object = "x.id", .title = "x.name", .deleted_as = 2,
	  .compared = "name, environment, type, current_version, pending_version, expires_at, "
				  "deactivated_at, deleted_at")
TABLE(SECRET_VERSION, .name = "secret_version", .kind = "version of secret", .id = 2, .covered = 12,
	  .verified_as = "version", .object = "x.secret_id",
	  .title = "pg_catalog.concat_ws(' ', " SECRET_NAME_OF_ROW
			   ", pg_catalog.format('(%s)', x.version))")
INDEX(SECRET_NAME, .name = "secret_name_key")        /* (tenant_id, environment, name) */
INDEX(SECRET_VERSION, .name = "secret_version_pkey") /* (tenant_id, secret_id, version) */
