/*
 * reservation.c
 *		Database roles that operators reserve for tenants.
 *
 * Administrators bind a reserved role in the tenants that it is reserved for, and in no other.  The
 * reservation goes by name, so a role can be reserved before it is made, and a role that is dropped
 * and made again is still reserved.
 *
 * A transaction that binds a role holds a lock on the role's name until its end, in share mode.  A
 * transaction that reserves the role holds the lock in exclusive mode.  So each of them sees the
 * rows of the other.
 */
#include "identity/reservation.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "integrity/integrity.h"
#include "platform/errors.h"
#include "platform/lock.h"
#include "platform/tables.h"

/* Columns of vault_data.role_reservation and vault_data.principal_binding. */
enum
{
	RESERVATION_TENANT = 1,
	BINDING_TENANT = 1
};

Reservation
reservation_of(const char *role, const pg_uuid_t *tenant)
{
	Reservation found = RESERVED_FOR_NOBODY;
	Datum key = CStringGetTextDatum(role);
	TableScan scan;

	lock_named(LOCK_ROLE, role, strlen(role), ShareLock);
	scan_begin(&scan, TABLE_ROLE_RESERVATION, INDEX_ROLE_RESERVATION, NULL, &key, 1);
	while (found != RESERVED_HERE && scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_ROLE_RESERVATION);
		found = uuid_equal(DatumGetUUIDP(scan_get(&scan, RESERVATION_TENANT, NULL)), tenant)
			? RESERVED_HERE
			: RESERVED_ELSEWHERE;
	}
	scan_end(&scan);
	return found;
}

static void
refuse_bound(const char *role)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("role \"%s\" is bound in a tenant that it is not reserved for", role),
			 errhint(
				 "The view vault.principals shows where; vault.drop_principal() there frees it.")));
}

bool
role_is_of_system(const char *name)
{
	return strncmp(name, "vault_", 6) == 0 || strncmp(name, "pg_", 3) == 0;
}

/* Refuse superusers and the roles of vault and of PostgreSQL, which no tenant has. */
static void
refuse_powerful(const char *name, Oid role)
{
	if (!role_is_of_system(name) && !(OidIsValid(role) && superuser_arg(role)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to reserve role \"%s\"", name),
			 errhint("Superusers and the roles of vault and of PostgreSQL are no tenant's: "
					 "reserve a role of its applications.")));
}

void
reservation_require(const char *name, const pg_uuid_t *tenant)
{
	Oid role = get_role_oid(name, true);
	Datum key = ObjectIdGetDatum(role);
	TableScan scan;

	refuse_powerful(name, role);
	lock_named(LOCK_ROLE, name, strlen(name), ExclusiveLock);
	scan_begin(&scan, TABLE_PRINCIPAL_BINDING, INDEX_BINDING_ROLE, NULL, &key, 1);
	while (scan_next(&scan))
	{
		pg_uuid_t bound = *DatumGetUUIDP(scan_get(&scan, BINDING_TENANT, NULL));

		if (!uuid_equal(&bound, tenant) && reservation_of(name, &bound) != RESERVED_HERE)
			refuse_bound(name);
	}
	scan_end(&scan);
}
