/*
 * guard.h
 *		Keeps DDL away from the vault's schemas and roles; see guard.c.
 */
#ifndef VAULT_GUARD_GUARD_H
#define VAULT_GUARD_GUARD_H

#include "platform/compat.h"

#include "tcop/cmdtag.h"

/* Installs the hooks.  Preload only. */
extern void guard_init(void);

/*
 * What later features want to know: a superuser's statement touched the vault's
 * objects, or in any database its roles, or wrote a system catalog directly, which could be about
 * the vault; a superuser's COPY FROM begins or ends; anybody changed a setting that weakens
 * (setting_guard.h); and that the vault is dropped by this
 * transaction, with its extension or its database.
 */
typedef struct GuardListener
{
	void (*alert)(CommandTag statement);
	void (*catalog)(const char *name);
	void (*copying)(bool begins);
	void (*setting)(CommandTag statement, const char *what);
} GuardListener;

extern void guard_set_listener(const GuardListener *listener);
/* While vault itself makes and drops partitions; on every way out it is taken back. */
extern void guard_set_own_work(bool own_work);
extern bool guard_is_own_work(void);
extern void guard_set_dropped(void (*dropped)(void));

#endif
