/*
 * identity.h
 *		Principals by database role; see identity.c.
 *
 * All functions run inside a transaction.  The cache behind them is of this backend.
 */
#ifndef VAULT_IDENTITY_IDENTITY_H
#define VAULT_IDENTITY_IDENTITY_H

#include "platform/compat.h"

#include "context/call.h"
#include "platform/tables.h"

/*
 * Return true if the scan's row of vault_data.principal is a user or a service.  A role of the
 * tenant has a name beside those of principals, and is no caller: no database role or token stands
 * for it.
 */
extern bool identity_is_caller(TableScan *principal);

/*
 * Fill the caller's identity by the bindings of its role, which is set; the caller is unidentified
 * so far.  A role without a binding stays unidentified, and that is no error.  VT004 if the row of
 * the one binding, of its principal or of its tenant was changed outside vault.
 */
extern void identity_resolve(Caller *caller);

/* Return a number that grows whenever a role, a binding, a principal or a tenant changed. */
extern uint64 identity_generation(void);

/*
 * Bind a role to a principal of the call's tenant, if the caller may do so; the role becomes a
 * member of vault_client.  Locks the role.  A binding of which only oid or name still fits (the
 * role was renamed, or made anew) is removed, and so are those of the principal whose roles are
 * gone.
 */
extern void identity_bind(const VaultCall *call, const pg_uuid_t *principal, const char *name);

/*
 * Return the oid of a role that is to show tokens for the call's tenant, if the caller may say so;
 * the role becomes a member of vault_client.  Locks the role.  Between sql_begin and sql_end.
 */
extern Oid identity_enrol_for_tokens(const VaultCall *call, const char *name);

/* True if another tenant has the role: as a principal, to show tokens, or lent for rotation. */
extern bool identity_serves_elsewhere(Oid role, const pg_uuid_t *tenant);

/* Return the names of the roles that the caller's token gives, as text[]. */
extern Datum identity_token_role_names(const Caller *caller);

/* Registers the callbacks that empty the cache.  Preload only. */
extern void identity_init(void);

#endif
