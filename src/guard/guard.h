/*
 * guard.h
 *		Protects the vault's schemas and roles from statements outside of a call; see guard.c.
 */
#ifndef VAULT_GUARD_GUARD_H
#define VAULT_GUARD_GUARD_H

#include "platform/compat.h"

#include "tcop/cmdtag.h"

/* Install the hooks.  Preload only. */
extern void guard_init(void);

/*
 * Events that the guard reports.  Each function may be NULL.
 *
 *		alert		a superuser's statement touched the vault's objects, or in any database its
 *					roles; called after the statement
 *		catalog		a superuser's statement writes a system catalog directly, which could be about
 *					the vault; called before the statement runs
 *		copying		a superuser's COPY FROM into the vault begins or ends
 *		setting		some role changed a setting that weakens the vault (setting_guard.h)
 */
typedef struct GuardListener
{
	void (*alert)(CommandTag statement);
	void (*catalog)(const char *name);
	void (*copying)(bool begins);
	void (*setting)(CommandTag statement, const char *what);
} GuardListener;

/* Register the one listener, which is copied.  Preload only. */
extern void guard_set_listener(const GuardListener *listener);

/*
 * Register the function that is called when this transaction drops the vault, with its extension or
 * its database.  Preload only.
 */
extern void guard_set_dropped(void (*dropped)(void));

/* Exempt the vault's own work, as on partitions.  The caller takes it back on every way out. */
extern void guard_set_own_work(bool own_work);
extern bool guard_is_own_work(void);

#endif
