/*
 * unseal_worker.h
 *		The worker that unseals.
 */
#ifndef VAULT_KEYRING_UNSEAL_WORKER_H
#define VAULT_KEYRING_UNSEAL_WORKER_H

#include "platform/compat.h"

extern void unseal_worker_init(void);

extern PGDLLEXPORT void vault_unseal_worker_main(Datum arg);

#endif
