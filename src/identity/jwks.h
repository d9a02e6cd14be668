/*
 * jwks.h
 *		The public keys of an issuer of tokens (RFC 7517), each pinned by its kid to one algorithm.
 *
 * Plain C without server headers. A set is an object whose member "keys" holds 1 to JWKS_MAX_KEYS
 * keys, or a single key. Identity providers also publish keys of other uses and kinds than those
 * that sign tokens. Those are passed over (RFC 7517 section 5), each with a reason; the set is
 * refused if no key is left. A key that is taken has
 *
 *		kid		1 to JWKS_MAX_KID bytes without control characters, unique among the keys that
 *				are taken
 *		kty		"OKP" with crv "Ed25519" and x (alg EdDSA),
 *				"EC" with crv "P-256", x and y (alg ES256), or
 *				"RSA" with n and e (alg RS256 or PS256)
 *		alg		as above, and one that the caller allows. It may be left out: an RSA key then has
 *				the first RSA algorithm that the caller lists, RS256 without a list
 *		use		absent, "sig", or "jwt-svid" as in a bundle of SPIFFE
 *		key_ops	absent or a list with "verify"
 *
 * Numbers may have leading zeros and base64 padding, as some libraries write them. Other members
 * are ignored, including certificates and addresses of keys (x5c, x5u); nothing in a set is ever
 * fetched. Symmetric keys are passed over. The whole set is refused if it has a private key, two
 * keys of one kid, or an object with a member twice, or if it is too large or nested too deeply.
 */
#ifndef VAULT_IDENTITY_JWKS_H
#define VAULT_IDENTITY_JWKS_H

#include <stdbool.h>

#include "crypto/ed25519.h"
#include "crypto/signature.h"

#define JWKS_MAX_BYTES (256 * 1024)
#define JWKS_MAX_KEYS  64
#define JWKS_MAX_KID   255

typedef struct JwtKeySet JwtKeySet;

/* The allowed algorithms, and the one of an RSA key without alg. */
typedef struct JwksAlgorithms
{
	bool allowed[SIGNATURE_PS256 + 1];
	SignatureAlgorithm rsa;
} JwksAlgorithms;

/*
 * Fill the algorithms from a list of JWA names. Returns NULL, or a static phrase that says what is
 * wrong with the list.
 */
extern const char *jwks_algorithms(const char *const *names, int count, JwksAlgorithms *algorithms);

/* Report on the keys of a set. Positions begin at 1, and 0 is the set itself. */
typedef struct JwksReport
{
	int position; /* position of the fault that is returned */
	int passed_over;
	struct
	{
		int position;
		const char *reason; /* static phrase */
	} passed[JWKS_MAX_KEYS];
} JwksReport;

/*
 * Parse a set, which the caller frees. Returns NULL, or a static phrase that names the faulty
 * member: that of the first key, if none can be used. Without algorithms all are allowed, and an
 * RSA key has RS256. No phrase contains a part of the text.
 */
extern const char *jwks_read(const char *text, size_t size, const JwksAlgorithms *algorithms,
							 JwtKeySet **keys, JwksReport *report);

/* The same with all algorithms, for callers that do not report the keys passed over. */
extern const char *jwks_parse(const char *text, size_t size, JwtKeySet **keys, int *position);

/*
 * Return the text of a set with the keys that were taken, with alg and without ignored members. It
 * is what is stored. The caller frees it; NULL if out of memory.
 */
extern char *jwks_text(const JwtKeySet *keys);

/* Make a set of one Ed25519 key. CRYPTO_ERR_FORMAT if the kid is invalid. */
extern CryptoStatus
jwks_of_ed25519(const char *kid, const unsigned char public_key[ED25519_PUBLIC_BYTES],
				JwtKeySet **keys);

extern int jwks_count(const JwtKeySet *keys);
extern void jwks_free(JwtKeySet *keys); /* NULL is allowed */

/* Return the key with exactly this kid, or NULL. */
extern const PublicKey *jwks_find(const JwtKeySet *keys, const char *kid);

extern bool jwks_kid_is_valid(const char *kid);

/* Return the name that JWA gives the algorithm. */
extern const char *jwks_algorithm_name(SignatureAlgorithm algorithm);

#endif
