/*
 * ed25519.h
 *		Signatures (RFC 8032) for data that is verified without the vault.
 *
 * Plain C without server headers. Functions return a status and keep nothing.
 */
#ifndef VAULT_CRYPTO_ED25519_H
#define VAULT_CRYPTO_ED25519_H

#include "crypto/primitives.h"

#define ED25519_PUBLIC_BYTES    32
#define ED25519_SIGNATURE_BYTES 64

/* The seed is the private key. */
extern CryptoStatus
ed25519_public_key(const SecretKey *seed, unsigned char public_key[ED25519_PUBLIC_BYTES]);
extern CryptoStatus ed25519_sign(const SecretKey *seed, const void *message, size_t size,
								 unsigned char signature[ED25519_SIGNATURE_BYTES]);

/* Returns CRYPTO_ERR_AUTH if the signature is not of this message and key. */
extern CryptoStatus
ed25519_verify(const unsigned char public_key[ED25519_PUBLIC_BYTES], const void *message,
			   size_t size, const void *signature, size_t signature_size);

#endif
