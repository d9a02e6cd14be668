/*
 * identity.h
 *		Principals by database role; see identity.c.
 */
#ifndef VAULT_IDENTITY_IDENTITY_H
#define VAULT_IDENTITY_IDENTITY_H

#include "platform/compat.h"

#include "context/call.h"

/*
 * Who knows more than the role does: is asked first, and returns false if it has
 * nothing to say.
 */
extern void identity_set_token(bool (*identify)(Caller *caller));

/* Grows whenever a role, a binding, a principal or a tenant changed. */
extern uint64 identity_generation(void);

/*
 * The oid of a role that is to show tokens for the call's tenant, if the caller may
 * say so; it becomes a member of vault_client.  Between sql_begin and sql_end.
 */
extern Oid identity_enrol_for_tokens(const VaultCall *call, const char *name);

/* Another tenant has the role: as a principal, to show tokens, or lent for rotation. */
extern bool identity_serves_elsewhere(Oid role, const pg_uuid_t *tenant);

extern void identity_init(void);

#endif
