/*
 * jwt.h
 *		Signed tokens (JWT in JWS compact form, RFC 7515 and 7519, with the rules of
 *		RFC 8725): verifying those of any issuer, making the vault's own.
 *
 * Plain C without server headers.  The key decides the algorithm: a token names a
 * kid of the issuer's set, and its alg must be the one that this key is pinned to.
 * The signature is verified before anything of the payload is looked at.  A token is
 * refused for
 *
 *		form		more than JWT_MAX_BYTES, other than three segments, base64url that is
 *					not canonical
 *		JSON		not one object, a member twice, nesting deeper than 8, NUL
 *		header		alg none or HS*, or not that of the key; kid missing or unknown; typ
 *					other than JWT, JOSE or at+jwt, as media types too; jwk, crit or b64
 *		claims		iss other than the rules'; aud missing or without the rules' (exact);
 *					exp missing; exp, nbf or iat no number from 0 to the year 9999, or
 *					against the clock beyond the skew (fractions are cut off); a longer life
 *					than the rules allow; a required claim missing or other; the claim for the
 *					principal missing; sub, jti or a mapped claim no string that fits, without
 *					control characters and without a space at either end; the claim for
 *					the groups neither a string nor a list of strings
 *
 * Unknown header members and claims are ignored, and so are jku, x5u, x5c and x5t: nothing
 * that a token brings along says which key it is verified with.  A mapped claim is a member
 * of the claim set by its name, or by a JSON pointer, which begins with "/".  Time is an
 * argument, in seconds since 1970, UTC.
 */
#ifndef VAULT_IDENTITY_JWT_H
#define VAULT_IDENTITY_JWT_H

#include "crypto/ed25519.h"
#include "identity/jwks.h"
#include "identity/jws.h"
#include "identity/jwt_claims.h"
#include "identity/jwt_fault.h"
#include "identity/jwt_rules.h"

/* On any fault, claims is all zeros. */
extern JwtFault jwt_verify(const JwtKeySet *keys, const JwtRules *rules, const char *text,
						   size_t size, int64_t now, JwtClaims *claims);

/*
 * A claim, by name or pointer, of a token whose signature holds, whatever else is wrong with
 * it: to count what is refused.  False if there is none.
 */
extern bool jwt_signed_claim(const JwtKeySet *keys, const char *text, size_t size,
							 const char *claim, char value[JWT_MAX_CLAIM + 1]);

/*
 * Read the unverified claim about the issuer: good for looking up the issuer's keys
 * and rules to verify it with, and for nothing else.
 */
extern JwtFault jwt_peek_issuer(const char *text, size_t size, char issuer[JWT_MAX_CLAIM + 1]);

/*
 * Makes a token signed with Ed25519 that jwt_verify takes under the same rules, from
 * the claims' subject, principal, tenant, role, address, token_id, issued_at and
 * expires_at.  out ends with NUL.  CRYPTO_ERR_FORMAT if no such token can be: the
 * rules or the kid have a fault, a claim does not fit or has no place in the rules,
 * principal is not subject though the rules know one claim for both, or it lives too long.
 */
extern CryptoStatus jwt_make(const SecretKey *seed, const char *kid, const JwtRules *rules,
							 const JwtClaims *claims, char out[JWT_MAX_BYTES + 1], size_t *size);

#endif
