/*
 * origin.h
 *		Whether this is the vault that acts, or a copy of it.
 *
 * vault.init() writes down where the vault is at home (host.h), under a MAC.  Where that does not
 * fit the running server, the vault is held: it is read, written and rotated inside as always, and
 * does nothing outside of this server, until an operator calls vault.adopt().
 *
 *		held		base backup or clone started elsewhere, a restored dump, recovery to a point
 *					in time, a standby that was promoted, pg_upgrade, another machine, a data
 *					directory that was moved or restored; a row that is missing or was changed
 *		at home		restarts and crashes, another port, socket, address, name or mount
 *
 * Whatever acts outside asks origin_require(), right before it does.
 */
#ifndef VAULT_ORIGIN_ORIGIN_H
#define VAULT_ORIGIN_ORIGIN_H

#include "platform/compat.h"

/* NULL at home and before vault.init(), else why it counts as a copy.  Inside a transaction. */
extern char *origin_held(void);

/* VT015 if the vault is held. */
extern void origin_require(void);

extern void origin_init(void);

#endif
