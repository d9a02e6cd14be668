/*
 * denials.h
 *		Throttling of principals whose calls are denied too often.
 *
 * The counts are those of THROTTLE_DENIAL in throttle.h: for a principal at a peer, by
 * vault.max_denials within vault.failure_window.  No function here reads a table.
 */
#ifndef VAULT_THROTTLE_DENIALS_H
#define VAULT_THROTTLE_DENIALS_H

#include "platform/compat.h"

#include "context/call.h"

/* Raise 42501 while the caller, which is identified, is in a back-off. */
extern void denials_admit(const Caller *caller);

/*
 * Count the denial of a call, whose caller is identified.  The same denial again counts once.
 * Called after an error, in an aborted transaction.
 */
extern void denials_count(const VaultCall *call);

#endif
