/*
 * origin.h
 *		The home of the vault: a copy of it elsewhere is held.
 *
 * vault.init() records the home of the vault (host.h), under a MAC.  If that differs from the
 * running server, the vault is held.  Values are read, written and rotated inside as always.  The
 * vault does nothing outside of this server, until an operator calls vault.adopt().
 *
 *		held		base backup or clone started elsewhere, a restored dump, recovery to a point
 *					in time, a standby that was promoted, pg_upgrade, another machine, a data
 *					directory that was moved or restored; a row that is missing or was changed
 *		at home		restarts and crashes, another port, socket, address, name or mount
 *
 * Code that acts outside calls origin_require() right before it does.
 */
#ifndef VAULT_ORIGIN_ORIGIN_H
#define VAULT_ORIGIN_ORIGIN_H

#include "platform/compat.h"

/*
 * Return the reason why the vault counts as a copy; NULL at home and before vault.init().  Inside a
 * transaction.
 */
extern char *origin_held(void);

/* Raise VT015 if the vault is held. */
extern void origin_require(void);

/* Make this server the home of a vault that is held; raise 55000 at home.  Locks the table. */
extern void origin_adopt(void);

/* Registers with the keyring.  Preload only. */
extern void origin_init(void);

#endif
