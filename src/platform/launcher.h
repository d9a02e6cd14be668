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

/* The beginning of a worker's main: signals, connection, fixed search_path. */
extern void worker_begin(void);

/* Sleeps until the latch is set or ms have passed; ends the process if asked to. */
extern void worker_wait(int ms);

/* Takes over a changed configuration: worker_wait() does, this is for a loop without it. */
extern void worker_reload(void);

extern void launcher_init(void);

extern PGDLLEXPORT void vault_launcher_worker_main(Datum arg);

#endif
