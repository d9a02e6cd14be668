/*
 * signature.h
 *		Public keys of others, and the signatures that they verify.
 *
 * Plain C without server headers. A key is bound to one algorithm when it is made from the decoded
 * parameters of a JWK (RFC 7518 section 6, RFC 8037). The algorithm that a message names is not
 * used here. Keys are checked as far as that is cheap: points are on their curve and not of small
 * order, and RSA numbers have the sizes and forms below.
 */
#ifndef VAULT_CRYPTO_SIGNATURE_H
#define VAULT_CRYPTO_SIGNATURE_H

#include "crypto/primitives.h"

typedef enum SignatureAlgorithm
{
	SIGNATURE_EDDSA, /* Ed25519 */
	SIGNATURE_ES256, /* ECDSA on P-256 with SHA-256; the signature is r || s */
	SIGNATURE_RS256, /* RSASSA-PKCS1-v1_5 with SHA-256 */
	SIGNATURE_PS256  /* RSASSA-PSS with SHA-256, MGF1 with SHA-256, 32 bytes of salt */
} SignatureAlgorithm;

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 8192

typedef struct PublicKey PublicKey;

/*
 * Make a key, which the caller frees. CRYPTO_ERR_FORMAT if the parameters are not those of an
 * acceptable key. Integers are big-endian: x and y of P-256 have 32 bytes each, n and e of RSA no
 * leading zeros. e is odd, at least 65537 and at most eight bytes long.
 */
extern CryptoStatus public_key_ed25519(const unsigned char *x, size_t x_size, PublicKey **made);
extern CryptoStatus public_key_p256(const unsigned char *x, size_t x_size, const unsigned char *y,
									size_t y_size, PublicKey **made);

/* The algorithm is SIGNATURE_RS256 or SIGNATURE_PS256. */
extern CryptoStatus
public_key_rsa(SignatureAlgorithm algorithm, const unsigned char *n, size_t n_size,
			   const unsigned char *e, size_t e_size, PublicKey **made);

extern SignatureAlgorithm public_key_algorithm(const PublicKey *key);
extern void public_key_free(PublicKey *key); /* NULL is allowed */

/* Returns CRYPTO_ERR_AUTH if the signature is not of this message and key. */
extern CryptoStatus signature_verify(const PublicKey *key, const void *message, size_t size,
									 const void *signature, size_t signature_size);

#endif
