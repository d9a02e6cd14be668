/*
 * shmem.h
 *		Shared memory of the features: each requests a struct at preload and finds it through its
 *		own pointer afterwards.
 *
 * init (may be NULL) runs at each start and restart with the add-in lock held, on zeroed memory.
 * forget (may be NULL) runs when the vault was dropped, with its database or without: an area must
 * hold nothing of a vault when the next one is created. It must not raise.
 */
#ifndef VAULT_PLATFORM_SHMEM_H
#define VAULT_PLATFORM_SHMEM_H

#include "platform/compat.h"

#include "storage/lwlock.h"

typedef void (*ShmemInit)(void *area);
typedef void (*ShmemForget)(void);

/* Request an area. name is a literal; *pointer is set in every process. Preload only. */
extern void
shmem_register(const char *name, Size size, ShmemInit init, ShmemForget forget, void **pointer);

/* Make every area forget the vault that was dropped. */
extern void shmem_forget(void);

/* Install the hooks. Preload only. */
extern void shmem_init(void);

/* Returns false if the module was not preloaded. */
extern bool shmem_is_ready(void);

/* Return the lock that guards the root key page; see keyring/root_page.c. */
extern LWLock *shmem_root_lock(void);

#endif
