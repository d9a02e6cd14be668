/*
 * jwt.h
 *		Signed tokens (JWT in JWS compact form, RFC 7515 and 7519, with the rules of RFC 8725):
 *		verifies those of any issuer, and makes the vault's own.
 *
 * Plain C without server headers. The key decides the algorithm: a token names a kid of the
 * issuer's set, and its alg must be the one that this key is pinned to. The signature is verified
 * before any part of the payload is read. A token is refused for
 *
 *		form		more than JWT_MAX_BYTES, not three segments, base64url that is not canonical
 *		JSON		not one object, a member twice, nesting deeper than 8, NUL
 *		header		alg none or HS*, or not that of the key; kid missing or unknown; typ
 *					other than JWT, JOSE or at+jwt, as media types too; jwk, crit or b64
 *		claims		iss other than the rules'; aud missing or without the rules' (exact);
 *					exp missing; exp, nbf or iat not a number from 0 to the year 9999, or
 *					contrary to the clock beyond the skew (fractions are cut off); a longer life
 *					than the rules allow; a required claim missing or different; the claim for
 *					the principal missing; sub, jti or a mapped claim not a string that fits,
 *					without control characters and without a space at either end; the claim for
 *					the groups neither a string nor a list of strings
 *
 * Unknown header members and claims are ignored. So are jku, x5u, x5c and x5t: a token cannot
 * choose the key that it is verified with. A mapped claim is a member of the claim set by its name,
 * or by a JSON pointer, which begins with "/". Time is an argument, in seconds since 1970, UTC.
 */
#ifndef VAULT_IDENTITY_JWT_H
#define VAULT_IDENTITY_JWT_H

#include "crypto/ed25519.h"
#include "identity/jwks.h"
#include "identity/jws.h"
#include "identity/jwt_claims.h"
#include "identity/jwt_fault.h"
#include "identity/jwt_rules.h"

/* Verify a token. On any fault, claims is all zeros. */
extern JwtFault jwt_verify(const JwtKeySet *keys, const JwtRules *rules, const char *text,
						   size_t size, int64_t now, JwtClaims *claims);

/*
 * Get a claim, by name or pointer, of a token whose signature is right, whatever other faults it
 * has. It is for counting refused tokens. Returns false if there is none.
 */
extern bool jwt_signed_claim(const JwtKeySet *keys, const char *text, size_t size,
							 const char *claim, char value[JWT_MAX_CLAIM + 1]);

/*
 * Get the unverified claim about the issuer. Use it only to look up the keys and rules of the
 * issuer.
 */
extern JwtFault jwt_peek_issuer(const char *text, size_t size, char issuer[JWT_MAX_CLAIM + 1]);

/*
 * Make a token, signed with Ed25519, that jwt_verify() accepts under the same rules. It takes the
 * claims' subject, principal, tenant, role, address, token_id, issued_at and expires_at. "out" ends
 * with NUL. CRYPTO_ERR_FORMAT if that is impossible: the rules or the kid have a fault, a claim
 * does not fit or has no name in the rules, principal differs from subject although the rules have
 * one claim for both, or the token lives too long.
 */
extern CryptoStatus jwt_make(const SecretKey *seed, const char *kid, const JwtRules *rules,
							 const JwtClaims *claims, char out[JWT_MAX_BYTES + 1], size_t *size);

#endif
