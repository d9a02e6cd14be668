/*
 * raise.h
 *		Connects the plain C of crypto to the server: statuses become errors, random bytes become
 *		ids.
 */
#ifndef VAULT_CRYPTO_RAISE_H
#define VAULT_CRYPTO_RAISE_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/primitives.h"

/* Raises unless the status is CRYPTO_OK: VT004 for forged bytes, XX000 otherwise. */
extern void crypto_require(CryptoStatus status);

/* Return a random (version 4) uuid from OpenSSL. */
extern pg_uuid_t id_new(void);

/*
 * Return a version 7 uuid: milliseconds since 1970, then random bits. It is for tables with many
 * rows, so that their index grows at one end.
 */
extern pg_uuid_t id_new_ordered(void);

#endif
