/*
 * launcher.h
 *		Background workers: one launcher lives as long as the server. It starts, restarts and wakes
 *		the others.
 *
 * The launcher has no database connection. A worker that ends is started again: at once if it had
 * lived for a while, else after growing pauses. So a database that does not exist yet causes only
 * an occasional line in the log. No worker runs on a standby.
 */
#ifndef VAULT_PLATFORM_LAUNCHER_H
#define VAULT_PLATFORM_LAUNCHER_H

#include "platform/compat.h"

/* Add a worker with a connection to vault.database. The function is exported. Preload only. */
extern void workers_add(const char *name, const char *function);

/* Add a callback for the launcher's start and each reload.  Preload only. */
extern void workers_on_reload(void (*callback)(void));

/* Run such a worker once and wait for its end. Returns false if it could not start. */
extern bool worker_run_once(const char *name, const char *function);

/* Returns false if no launcher runs, and therefore no worker can be started. */
extern bool workers_have_launcher(void);

/* Start ended workers now, not after a pause: the reason for their end may be gone. */
extern void workers_wake(void);

/*
 * Ask the workers that are connected to the database to end, since it is about to be dropped. The
 * caller has locked the database, so workers that the launcher starts then wait for the lock.
 */
extern void workers_leave(void);

/* Note that this worker connects to the database, so that workers_leave() reaches it. */
extern void launcher_note_connected(void);

extern void launcher_init(void);

extern PGDLLEXPORT void vault_launcher_worker_main(Datum arg);

#endif
