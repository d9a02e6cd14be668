/*
 * reservation.h
 *		Database roles that operators reserve for tenants; see reservation.c.
 */
#ifndef VAULT_IDENTITY_RESERVATION_H
#define VAULT_IDENTITY_RESERVATION_H

#include "platform/compat.h"

#include "utils/uuid.h"

typedef enum Reservation
{
	RESERVED_FOR_NOBODY,
	RESERVED_HERE, /* reserved for this tenant, and perhaps for others too */
	RESERVED_ELSEWHERE
} Reservation;

/*
 * Return the reservation of a role by its name.  Locks the name in share mode, so that the answer
 * holds until the end of the transaction.  VT004 if a row was changed outside vault.
 */
extern Reservation reservation_of(const char *role, const pg_uuid_t *tenant);

/*
 * Raise unless the role may be reserved for the tenant: it is one that a tenant may have, and no
 * other tenant has it that it is not reserved for too.  Locks the role's name until the end of the
 * transaction, after those that are binding it.
 */
extern void reservation_require(const char *role, const pg_uuid_t *tenant);

/* True if the name is that of a role of vault or of PostgreSQL itself, which no tenant has. */
extern bool role_is_of_system(const char *name);

#endif
