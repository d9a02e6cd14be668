/*
 * jwt_rules.h
 *		The rules that an issuer's tokens must fulfil.
 *
 * Plain C without server headers.
 */
#ifndef VAULT_IDENTITY_JWT_RULES_H
#define VAULT_IDENTITY_JWT_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

/*
 * The struct of Jansson. Its header cannot be included with the server's: both declare
 * json_object().
 */
struct json_t;

#define JWT_MAX_CLAIM  512
#define JWT_MAX_GROUPS 256
#define JWT_MAX_SKEW   60
#define YEAR_9999      INT64_C(253402300799)

typedef struct JwtRequired JwtRequired;

/* The rules of an issuer.  Strings are borrowed. */
typedef struct JwtRules
{
	const char *issuer;
	const char *audience;
	int64_t skew;                /* seconds, 0 to JWT_MAX_SKEW */
	int64_t max_lifetime;        /* seconds, from iat, or from now if there is none */
	const char *principal_claim; /* NULL means sub */
	const char *tenant_claim;    /* NULL in this and the next three: the claim is ignored */
	const char *role_claim;
	const char *address_claim;
	const char *groups_claim;
	const char *const *groups; /* groups to look for in the claim, up to JWT_MAX_GROUPS */
	int group_count;
	const JwtRequired *required; /* NULL if none is required */
} JwtRules;

/*
 * Parse required claims: an object of names or pointers, each with a string, true or false, or a
 * list of alternatives.  A claim that is a list fits if one of its elements does.  Return NULL and
 * *required, which the caller frees, or a static phrase.
 */
extern const char *jwt_required_parse(const char *text, size_t size, JwtRequired **required);

/* Free the parsed claims; NULL is allowed. */
extern void jwt_required_free(JwtRequired *required);

/* Return true if the object has each required claim. */
extern bool jwt_required_fits(const struct json_t *object, const JwtRequired *required);

/* Check for 1 to JWT_MAX_CLAIM bytes of UTF-8, no control character, no space at either end. */
extern bool jwt_text_is_clean(const char *text);

/*
 * Return NULL if tokens can be verified under these rules, else a static phrase that names the
 * field at fault.  jwt_verify and jwt_make refuse rules that have one.
 */
extern const char *jwt_rules_fault(const JwtRules *rules);

#endif
