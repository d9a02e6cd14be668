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

#include "identity/jwks.h"

#define JWT_MAX_BYTES   (16 * 1024)
#define JWT_MAX_PAYLOAD (JWT_MAX_BYTES / 4 * 3)
#define JWT_MAX_CLAIM   512
#define JWT_MAX_GROUPS  256
#define JWT_MAX_SKEW    60

typedef struct JwtRequired JwtRequired;

/* What an issuer's tokens must fulfil.  Strings are borrowed. */
typedef struct JwtRules
{
	const char *issuer;
	const char *audience;
	int64_t skew;                /* seconds, 0 to JWT_MAX_SKEW */
	int64_t max_lifetime;        /* seconds, from iat, or from now if there is none */
	const char *principal_claim; /* NULL: sub */
	const char *tenant_claim;    /* of this and the next two NULL: not looked at */
	const char *role_claim;
	const char *address_claim;
	const char *groups_claim;
	const char *const *groups; /* those that are looked for in the claim, up to JWT_MAX_GROUPS */
	int group_count;
	const JwtRequired *required; /* NULL: nothing */
} JwtRules;

/*
 * Claims that must be there: an object of names or pointers, each with a string, true or
 * false, or a list of alternatives.  A claim that is a list fits if one of its elements does.
 * NULL and *required to be freed, or a static phrase.
 */
extern const char *jwt_required_parse(const char *text, size_t size, JwtRequired **required);
extern void jwt_required_free(JwtRequired *required); /* NULL is allowed */

/* What a verified token says.  A string that it does not have is empty. */
typedef struct JwtClaims
{
	char kid[JWKS_MAX_KID + 1];
	char subject[JWT_MAX_CLAIM + 1];   /* sub; the principal's claim if there is no sub */
	char principal[JWT_MAX_CLAIM + 1]; /* never empty */
	char tenant[JWT_MAX_CLAIM + 1];
	char role[JWT_MAX_CLAIM + 1];
	char address[JWT_MAX_CLAIM + 1];
	char token_id[JWT_MAX_CLAIM + 1];
	bool has_group[JWT_MAX_GROUPS]; /* each of the rules' groups */
	int64_t issued_at;              /* 0: it does not say */
	int64_t expires_at;
	int64_t valid_until; /* expires_at and the skew: from here on it is refused */
} JwtClaims;

/* For the audit trail; the caller of SQL is told one and the same for all. */
typedef enum JwtFault
{
	JWT_OK = 0,
	JWT_FAULT_RULES,
	JWT_FAULT_SIZE,
	JWT_FAULT_SEGMENTS,
	JWT_FAULT_ENCRYPTED,
	JWT_FAULT_BASE64,
	JWT_FAULT_HEADER_SYNTAX, /* these three in the order of StrictJsonFault */
	JWT_FAULT_HEADER_NESTING,
	JWT_FAULT_HEADER_DUPLICATE,
	JWT_FAULT_HEADER_MEMBER,
	JWT_FAULT_HEADER_KEY,
	JWT_FAULT_TYPE,
	JWT_FAULT_ALGORITHM_NONE,
	JWT_FAULT_ALGORITHM_SYMMETRIC,
	JWT_FAULT_ALGORITHM,
	JWT_FAULT_KID,
	JWT_FAULT_KEY_UNKNOWN,
	JWT_FAULT_SIGNATURE,
	JWT_FAULT_CLAIMS_SYNTAX, /* and these */
	JWT_FAULT_CLAIMS_NESTING,
	JWT_FAULT_CLAIMS_DUPLICATE,
	JWT_FAULT_ISSUER,
	JWT_FAULT_AUDIENCE,
	JWT_FAULT_EXPIRY,
	JWT_FAULT_EXPIRED,
	JWT_FAULT_NOT_BEFORE,
	JWT_FAULT_NOT_YET_VALID,
	JWT_FAULT_ISSUED_AT,
	JWT_FAULT_ISSUED_IN_FUTURE,
	JWT_FAULT_LIFETIME,
	JWT_FAULT_REQUIRED,
	JWT_FAULT_SUBJECT,
	JWT_FAULT_PRINCIPAL,
	JWT_FAULT_TENANT,
	JWT_FAULT_ROLE,
	JWT_FAULT_ADDRESS,
	JWT_FAULT_GROUPS,
	JWT_FAULT_TOKEN_ID,
	JWT_FAULT_INTERNAL
} JwtFault;

/* A static phrase without anything of the token. */
extern const char *jwt_fault_text(JwtFault fault);

/*
 * NULL if tokens can be verified under these rules, else a static phrase that names
 * the field at fault.  jwt_verify and jwt_make refuse rules that have one.
 */
extern const char *jwt_rules_fault(const JwtRules *rules);

/*
 * Whether a text has the form of a token, whoever made it: NULL, or a static phrase that
 * says what people put around tokens.  jwt_verify refuses what has not.
 */
extern const char *jwt_form_fault(const char *text, size_t size);

/* On any fault, claims is all zeros. */
extern JwtFault jwt_verify(const JwtKeySet *keys, const JwtRules *rules, const char *text,
						   size_t size, int64_t now, JwtClaims *claims);

/*
 * The form, the header and the signature alone: for payloads that are not claims.
 * kid and payload are set only if OK.
 */
extern JwtFault
jws_verify(const JwtKeySet *keys, const char *text, size_t size, char kid[JWKS_MAX_KID + 1],
		   unsigned char payload[JWT_MAX_PAYLOAD], size_t *payload_size);

/*
 * A claim, by name or pointer, of a token whose signature holds, whatever else is wrong with
 * it: to count what is refused.  False if there is none.
 */
extern bool jwt_signed_claim(const JwtKeySet *keys, const char *text, size_t size,
							 const char *claim, char value[JWT_MAX_CLAIM + 1]);

/*
 * What the token claims about its issuer, unverified: good for looking up whose keys
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
