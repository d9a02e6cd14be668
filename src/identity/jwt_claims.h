/*
 * jwt_claims.h
 *		The claims of a token.
 *
 * Plain C without server headers.
 */
#ifndef VAULT_IDENTITY_JWT_CLAIMS_H
#define VAULT_IDENTITY_JWT_CLAIMS_H

#include "identity/jwks.h"
#include "identity/jwt_fault.h"
#include "identity/jwt_rules.h"

/*
 * The struct of Jansson. Its header cannot be included with the server's: both declare
 * json_object().
 */
struct json_t;

/* The claims of a verified token. A claim that the token does not have is empty. */
typedef struct JwtClaims
{
	char kid[JWKS_MAX_KID + 1];
	char subject[JWT_MAX_CLAIM + 1];   /* sub; the principal's claim if there is no sub */
	char principal[JWT_MAX_CLAIM + 1]; /* never empty */
	char tenant[JWT_MAX_CLAIM + 1];
	char role[JWT_MAX_CLAIM + 1];
	char address[JWT_MAX_CLAIM + 1];
	char token_id[JWT_MAX_CLAIM + 1];
	bool has_group[JWT_MAX_GROUPS]; /* for each group of the rules */
	int64_t issued_at;              /* 0 if the token has no iat */
	int64_t expires_at;
	int64_t valid_until; /* expires_at plus the skew; from then on the token is refused */
} JwtClaims;

/* Check the claims under the rules at this time, and copy the mapped ones. */
extern JwtFault jwt_claims_check(const struct json_t *object, const JwtRules *rules, int64_t now,
								 JwtClaims *claims);

/* Copy a claim, by name or pointer. Returns false if it is not a clean text. */
extern bool
jwt_claims_copy(const struct json_t *claims, const char *name, char out[JWT_MAX_CLAIM + 1]);

#endif
