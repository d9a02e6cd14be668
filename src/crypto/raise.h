/*
 * raise.h
 *		Connect the plain C below to the server: statuses become errors, random
 *		bytes become ids.
 */
#ifndef VAULT_CRYPTO_RAISE_H
#define VAULT_CRYPTO_RAISE_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/primitives.h"

/* Raises unless the status is CRYPTO_OK: VT004 for forged bytes, XX000 otherwise. */
extern void crypto_require(CryptoStatus status);

/* A random (version 4) uuid from OpenSSL. */
extern pg_uuid_t id_new(void);

/*
 * A version 7 uuid: milliseconds since 1970, then random bits.  For rows that are
 * many, so that their index grows at one end.
 */
extern pg_uuid_t id_new_ordered(void);

#endif
