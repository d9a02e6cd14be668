/*
 * worker.h
 *		The common part of background workers with a connection to vault.database: their start,
 *		their loop and their end. The launcher starts them.
 */
#ifndef VAULT_PLATFORM_WORKER_H
#define VAULT_PLATFORM_WORKER_H

#include "platform/compat.h"

/* Begin the main function of a worker: signals, connection, fixed search_path. */
extern void worker_begin(void);

/*
 * Handle SIGTERM in a worker that ends by itself: set ShutdownRequestPending. The cancel that comes
 * with it ends a wait that could last forever, such as that for a lock or for a synchronous
 * standby.
 */
extern void worker_request_end(SIGNAL_ARGS);

/*
 * Call work again and again, until it ends the process. After an error the transaction is aborted
 * and the error is in the server's log; then failed is called, which may end the process. The
 * cancel of worker_request_end() is not logged; is_end is true for it.
 */
VAULT_NORETURN extern void worker_loop(void (*work)(void), void (*failed)(bool is_end));

/* Sleep until the latch is set or ms have passed. Ends the process on request. */
extern void worker_wait(int ms);

/* Reload a changed configuration. worker_wait() does it too; this is for a loop without it. */
extern void worker_reload(void);

#endif
