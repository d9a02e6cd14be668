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

extern uint64 head_cache_hash(const pg_uuid_t *tenant, const SecretName *name);
extern bool head_cache_get(uint64 hash, ItemPointer place);
extern void head_cache_put(uint64 hash, const ItemPointerData *place);

extern void head_cache_init(void);

#endif
