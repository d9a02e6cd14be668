/*
 * reservation.h
 *		Database roles that operators keep for tenants; see reservation.c.
 */
#ifndef VAULT_IDENTITY_RESERVATION_H
#define VAULT_IDENTITY_RESERVATION_H

#include "platform/compat.h"

#include "utils/uuid.h"

typedef enum Reservation
{
	RESERVED_FOR_NOBODY,
	RESERVED_HERE, /* for this tenant, and perhaps for others too */
	RESERVED_ELSEWHERE
} Reservation;

/*
 * Of a role by its name, as of now; it stays so until the end of the transaction.  VT004 if a row
 * was changed outside vault.
 */
extern Reservation reservation_of(const char *role, const pg_uuid_t *tenant);

/*
 * Raise unless the role may be reserved for the tenant: it is one that a tenant may have, and no
 * other tenant has it that it is not reserved for too.  Locks the role's name until the end of the
 * transaction, after those that are binding it.
 */
extern void reservation_require(const char *role, const pg_uuid_t *tenant);

/* By its name a role of vault or of PostgreSQL itself, which no tenant has. */
extern bool role_is_of_system(const char *name);

#endif
