/*
 * jwks.h
 *		The public keys of an issuer of tokens (RFC 7517), each pinned by its kid to
 *		one algorithm.
 *
 * Plain C without server headers.  A set is an object whose member "keys" holds 1 to
 * JWKS_MAX_KEYS keys, or one key by itself.  Identity providers publish keys of other uses
 * and kinds beside those that sign tokens: these are passed over (RFC 7517 section 5), each
 * with a reason, and the set is refused if none is left.  A key that is taken has
 *
 *		kid		1 to JWKS_MAX_KID bytes without control characters, unlike those of the others
 *				that are taken
 *		kty		"OKP" with crv "Ed25519" and x (alg EdDSA),
 *				"EC" with crv "P-256", x and y (alg ES256), or
 *				"RSA" with n and e (alg RS256 or PS256)
 *		alg		as above, among those that the caller lets count; may be left out, an RSA key
 *				is then of the first of RSA's that the caller lists, without a list RS256
 *		use		absent, "sig", or "jwt-svid" as in a bundle of SPIFFE
 *		key_ops	absent or a list with "verify"
 *
 * Numbers may have zeros before them and base64 padding, as some libraries write them.  Other
 * members are ignored, certificates and addresses of keys (x5c, x5u) among them; nothing in a
 * set is ever fetched.  Symmetric keys are passed over.  A private key, two keys of one kid, an
 * object with a member twice, or a set that is too large or too deep, spoil the whole set.
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

/* The algorithms that count, and the one of an RSA key that does not say. */
typedef struct JwksAlgorithms
{
	bool allowed[SIGNATURE_PS256 + 1];
	SignatureAlgorithm rsa;
} JwksAlgorithms;

/* Of a list by the names of JWA; NULL, or a static phrase that says what is wrong with it. */
extern const char *jwks_algorithms(const char *const *names, int count, JwksAlgorithms *algorithms);

/* Report on the keys of a set; positions are from 1, and 0 is the set itself. */
typedef struct JwksReport
{
	int position; /* of the fault that is returned */
	int passed_over;
	struct
	{
		int position;
		const char *reason; /* a static phrase */
	} passed[JWKS_MAX_KEYS];
} JwksReport;

/*
 * Makes a set that the caller frees and returns NULL; or returns a static phrase that names
 * the member at fault: that of the first key, if none can be used.  algorithms NULL: all,
 * RS256 for RSA.  No phrase holds anything of the text.
 */
extern const char *jwks_read(const char *text, size_t size, const JwksAlgorithms *algorithms,
							 JwtKeySet **keys, JwksReport *report);

/* The same with all algorithms, for who does not ask for keys that were passed over. */
extern const char *jwks_parse(const char *text, size_t size, JwtKeySet **keys, int *position);

/*
 * The keys that were taken as the text of a set, with alg and without what is ignored:
 * what is stored.  The caller frees it; NULL if there is no memory.
 */
extern char *jwks_text(const JwtKeySet *keys);

/* The set of one Ed25519 key; CRYPTO_ERR_FORMAT if the kid is none. */
extern CryptoStatus
jwks_of_ed25519(const char *kid, const unsigned char public_key[ED25519_PUBLIC_BYTES],
				JwtKeySet **keys);

extern int jwks_count(const JwtKeySet *keys);
extern void jwks_free(JwtKeySet *keys); /* NULL is allowed */

/* NULL if the set has no key of exactly this kid. */
extern const PublicKey *jwks_find(const JwtKeySet *keys, const char *kid);

extern bool jwks_kid_is_valid(const char *kid);

/* The name that JWA gives it. */
extern const char *jwks_algorithm_name(SignatureAlgorithm algorithm);

#endif
