/*
 * tenant_key.h
 *		A tenant's keys: made, wrapped under the root key, cached unwrapped.
 *
 * Every tenant has generations 1, 2, …, one of them active.  The cache is this
 * backend's; the root page's epoch and changes of vault_data.tenant_key empty
 * it at the next call.
 */
#ifndef VAULT_TENANT_TENANT_KEY_H
#define VAULT_TENANT_TENANT_KEY_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/envelope.h"

/*
 * The key of a generation, ready for use until the next call of this function
 * or of tenant_key_active.  VT003 if it does not match its check value.
 */
extern EnvelopeKey *tenant_key_open(const pg_uuid_t *tenant, uint32 generation);

/* The generation that new envelopes are sealed with. */
extern uint32 tenant_key_active(const pg_uuid_t *tenant);

/*
 * Make the next key of the call's tenant, where the zero id stands for the instance, and return its
 * generation.  Locks the tenant's row, so that those that make a key come one after the other.
 */
extern uint32 tenant_key_make(void);

extern void tenant_key_init(void);

#endif
