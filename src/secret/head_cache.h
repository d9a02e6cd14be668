/*
 * head_cache.h
 *		Where the heads of secrets were last found, so that most reads walk no index.
 *
 * A guess that all backends share: what it says is checked against the row that is
 * there, and whoever asked walks the index if it is wrong.
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
