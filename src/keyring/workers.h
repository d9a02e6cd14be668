/*
 * workers.h
 *		The worker that unseals.
 */
#ifndef VAULT_KEYRING_WORKERS_H
#define VAULT_KEYRING_WORKERS_H

#include "platform/compat.h"

extern void keyring_workers_init(void);

extern PGDLLEXPORT void vault_unseal_worker_main(Datum arg);

#endif
