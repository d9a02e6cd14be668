/*
 * head_cache.h
 *		The last known place of the heads of secrets, so that most reads walk no index.
 *
 * All backends share the cache, and its entries are hints: the caller checks the row at the place,
 * and walks the index if the entry is wrong.
 */
#ifndef VAULT_SECRET_HEAD_CACHE_H
#define VAULT_SECRET_HEAD_CACHE_H

#include "platform/compat.h"

#include "storage/itemptr.h"
#include "utils/uuid.h"

#include "policy/policy.h"

/* Return the hash of a secret by tenant, environment and name. */
extern uint64 head_cache_hash(const pg_uuid_t *tenant, const SecretName *name);

/*
 * Get the place that was stored for the hash. Returns false if there is none. The row at the place
 * may be another one, so the caller must check it.
 */
extern bool head_cache_get(uint64 hash, ItemPointer place);

/* Store the place for the hash. If the bucket is full, this replaces the entry of another hash. */
extern void head_cache_put(uint64 hash, const ItemPointerData *place);

/* Register the shared memory. Call it at start. */
extern void head_cache_init(void);

#endif
