/*
 * keyring.h
 *		The root key's life: init, unseal, seal, rotation, check values.
 */
#ifndef VAULT_KEYRING_KEYRING_H
#define VAULT_KEYRING_KEYRING_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/primitives.h"

#define CHECK_VALUE_BYTES 32

/*
 * A value that tells whether a key is the right one and nothing else about it:
 * HKDF-SHA-512(key, info = label ‖ id ‖ generation).
 */
extern void key_check_value(const char *label, const SecretKey *key, const pg_uuid_t *id,
							uint32 generation, unsigned char out[CHECK_VALUE_BYTES]);

/*
 * Asks the source, compares with the check value in the database and unseals.
 * NULL, or a phrase that says why not.  Inside a transaction.
 */
extern const char *keyring_try_unseal(void);

/* What re-wraps everything under a root key, in the present transaction. */
extern void keyring_set_rewrap(void (*rewrap) (uint32 generation));

/* Raises VT001 or VT002 while the vault cannot be used. */
extern void keyring_require_unsealed(void);

extern void keyring_init(void);
extern void keyring_workers_init(void);

#endif
