/*
 * jwks.h
 *		The public keys of an issuer of tokens (RFC 7517), each pinned by its kid to
 *		one algorithm.
 *
 * Plain C without server headers.  A set is taken whole or not at all.  It is an
 * object whose member "keys" holds 1 to JWKS_MAX_KEYS keys.  Each has
 *
 *		kid		1 to JWKS_MAX_KID printable ASCII characters, unlike the others'
 *		kty		"OKP" with crv "Ed25519" and x (alg EdDSA),
 *				"EC" with crv "P-256", x and y (alg ES256), or
 *				"RSA" with n and e (alg RS256 or PS256)
 *		alg		as above; RSA needs it, the others may leave it out
 *		use		absent or "sig"
 *		key_ops	absent or exactly ["verify"]
 *
 * and no member of a private or symmetric key.  Other members are ignored; nothing in
 * a set is ever fetched.
 */
#ifndef VAULT_IDENTITY_JWKS_H
#define VAULT_IDENTITY_JWKS_H

#include "crypto/ed25519.h"
#include "crypto/signature.h"

#define JWKS_MAX_BYTES	(64 * 1024)
#define JWKS_MAX_KEYS	16
#define JWKS_MAX_KID	128

typedef struct JwtKeySet JwtKeySet;

/*
 * Makes a set that the caller frees and returns NULL; or returns a static phrase
 * that names the member at fault, and sets *position to the place of its key, from 1,
 * or to 0 if it is the set's.  No phrase holds anything of the text.
 */
extern const char *jwks_parse(const char *text, size_t size, JwtKeySet **keys, int *position);

/* The set of one Ed25519 key; CRYPTO_ERR_FORMAT if the kid is none. */
extern CryptoStatus jwks_of_ed25519(const char *kid,
									const unsigned char public_key[ED25519_PUBLIC_BYTES],
									JwtKeySet **keys);

extern int	jwks_count(const JwtKeySet *keys);
extern void jwks_free(JwtKeySet *keys); /* NULL is allowed */

/* NULL if the set has no key of exactly this kid. */
extern const PublicKey *jwks_find(const JwtKeySet *keys, const char *kid);

extern bool jwks_kid_is_valid(const char *kid);

/* The name that JWA gives it. */
extern const char *jwks_algorithm_name(SignatureAlgorithm algorithm);

#endif
