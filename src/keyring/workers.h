/*
 * workers.h
 *		Entry points of the background workers, which the postmaster finds by name.
 */
#ifndef VAULT_KEYRING_WORKERS_H
#define VAULT_KEYRING_WORKERS_H

#include "platform/compat.h"

extern PGDLLEXPORT void vault_keeper_worker_main(Datum arg);
extern PGDLLEXPORT void vault_unseal_worker_main(Datum arg);

#endif
