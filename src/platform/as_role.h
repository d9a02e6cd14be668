/*
 * as_role.h
 *		Code that runs as another role and with other settings, for a while.
 *
 * An error in between needs no as_role_end(): the abort of the transaction or subtransaction
 * restores role and settings.  Code that catches the error and goes on without such an abort calls
 * it.
 */
#ifndef VAULT_PLATFORM_AS_ROLE_H
#define VAULT_PLATFORM_AS_ROLE_H

#include "platform/compat.h"

typedef struct AsRole
{
	Oid user;
	int security;
	int level; /* nesting level of settings; 0: nothing was begun */
} AsRole;

/*
 * Become a role and set search_path to pg_catalog, pg_temp.  security is 0 or
 * SECURITY_RESTRICTED_OPERATION or SECURITY_NOFORCE_RLS, and comes to what is in force.
 */
extern void as_role_begin(AsRole *before, Oid role, int security);

/* Restore the role and the settings. */
extern void as_role_end(const AsRole *before);

/* Set a setting until the present nesting level of settings ends. */
extern void as_role_set(const char *name, const char *value);

#endif
