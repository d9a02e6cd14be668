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

/* Jansson's; its header and the server's declare json_object() differently. */
struct json_t;

/* The claims of a verified token.  A string that it does not have is empty. */
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

/* Checks the claims under the rules at this time, and copies those that are mapped. */
extern JwtFault jwt_claims_check(const struct json_t *object, const JwtRules *rules, int64_t now,
								 JwtClaims *claims);

/* Copies a claim, by name or pointer, that is a clean text; false if it is none. */
extern bool
jwt_claims_copy(const struct json_t *claims, const char *name, char out[JWT_MAX_CLAIM + 1]);

#endif
