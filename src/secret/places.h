/*
 * places.h
 *		Where the heads of secrets were last found, so that most reads walk no index.
 *
 * A guess that all backends share: what it says is checked against the row that is
 * there, and whoever asked walks the index if it is wrong.
 */
#ifndef VAULT_SECRET_PLACES_H
#define VAULT_SECRET_PLACES_H

#include "platform/compat.h"

#include "storage/itemptr.h"
#include "utils/uuid.h"

#include "policy/policy.h"

extern uint64 places_hash(const pg_uuid_t *tenant, const SecretName *name);
extern bool places_recall(uint64 hash, ItemPointer place);
extern void places_note(uint64 hash, const ItemPointerData *place);

extern void places_init(void);

#endif
