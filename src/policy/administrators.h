/*
 * administrators.h
 *		The administrators of a tenant; see administrators.c.
 *
 * All functions read the grants anew, and no cache.  The last two execute statements as well, and
 * therefore run inside a call.
 */
#ifndef VAULT_POLICY_ADMINISTRATORS_H
#define VAULT_POLICY_ADMINISTRATORS_H

#include "platform/compat.h"

#include "utils/uuid.h"

/*
 * True if the principal administers the tenant.  "may", if not NULL, becomes the same without
 * regard to denials; for a role it is true if the role makes its members administrators.
 */
extern bool administrators_include(const pg_uuid_t *tenant, const pg_uuid_t *principal, bool *may);

/* True if the subject, or a member of it at any depth, may administer the tenant. */
extern bool administrators_reached(const pg_uuid_t *tenant, const pg_uuid_t *subject);

/* Return the administrators whose database roles exist, as uuid[]; or only those for good. */
extern Datum administrators_list(const pg_uuid_t *tenant, bool for_good);

#endif
