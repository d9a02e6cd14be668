/*
 * launcher.h
 *		Background workers: one launcher that lives as long as the server and starts,
 *		restarts and awakens the others.
 *
 * The launcher holds no database connection.  A worker that ends is started again, at
 * once if it had lived for a while, else with growing pauses: a database that does
 * not exist yet costs a line in the log now and then.  None runs on a standby.
 */
#ifndef VAULT_PLATFORM_LAUNCHER_H
#define VAULT_PLATFORM_LAUNCHER_H

#include "platform/compat.h"

/* A worker with a connection to vault.database; function is exported.  Preload only. */
extern void workers_add(const char *name, const char *function);

/* Add a callback for the launcher's start and each reload.  Preload only. */
extern void workers_on_reload(void (*callback)(void));

/* Runs such a worker once and waits for its end; false if it could not start. */
extern bool worker_run_once(const char *name, const char *function);

/* False while no launcher runs, which starts all others. */
extern bool workers_have_launcher(void);

/* Start ended workers now, not after a pause: the reason for their end may be gone. */
extern void workers_wake(void);

/*
 * Asks the workers that are connected to the database to end, since it is about to be dropped:
 * the caller holds it locked, so those that the launcher starts then wait at the entry.
 */
extern void workers_leave(void);

/* Note that this worker connects to the database, so that workers_leave() reaches it. */
extern void launcher_note_connected(void);

extern void launcher_init(void);

extern PGDLLEXPORT void vault_launcher_worker_main(Datum arg);

#endif
