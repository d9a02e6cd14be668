/*
 * tenant_key.h
 *		The keys of tenants: made, wrapped under the root key, cached unwrapped.
 *
 * Every tenant has generations 1, 2, …, and one of them is active. The cache belongs to this
 * backend. Changes of vault_data.tenant_key, and a new epoch of the root page, empty it at the
 * next call.
 */
#ifndef VAULT_TENANT_TENANT_KEY_H
#define VAULT_TENANT_TENANT_KEY_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/envelope.h"

/*
 * Return the key of a generation. It is ready for use until the next call of this function or of
 * tenant_key_active(). Raises VT003 if the key does not match its check value.
 */
extern EnvelopeKey *tenant_key_open(const pg_uuid_t *tenant, uint32 generation);

/* Return the generation that new envelopes are sealed with. */
extern uint32 tenant_key_active(const pg_uuid_t *tenant);

/*
 * Make the next key of the call's tenant, where the zero id stands for the instance, and return its
 * generation.  Locks the table against root key rotation, and the tenant's row, which lines up
 * calls that make a key.
 */
extern uint32 tenant_key_make(void);

extern void tenant_key_init(void);

#endif
