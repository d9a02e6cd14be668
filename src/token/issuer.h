/*
 * issuer.h
 *		The issuers of a tenant, compiled: their keys, what their tokens must fulfil, and whom
 *		their subjects and groups stand for.
 *
 * A set lives until one of the tables changes; each row of it was authentic, or the set
 * raises VT004.  Exact subjects are many, and looked up one by one.
 */
#ifndef VAULT_TOKEN_ISSUER_H
#define VAULT_TOKEN_ISSUER_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "identity/jwt.h"

/* Seconds that the clocks of issuers may be wrong by. */
#define TOKEN_SKEW 30

/* No issuer that is added has such a name: the vault's own. */
#define OWN_ISSUER_PREFIX "urn:vault:"

typedef struct SubjectPattern
{
	char *pattern;
	pg_uuid_t principal;
} SubjectPattern;

typedef struct GroupRole
{
	int group; /* index into the rules' groups */
	pg_uuid_t role;
} GroupRole;

typedef struct Issuer
{
	pg_uuid_t tenant;
	pg_uuid_t id;
	char name[64];
	JwtRules rules;
	JwtKeySet *keys;
	bool counts_names; /* a principal's own name is a subject of it */
	SubjectPattern *patterns;
	int pattern_count;
	GroupRole *group_roles;
	int group_role_count;
	struct Issuer *next;
} Issuer;

/* To be asked anew for each token. */
extern const Issuer *issuers_of(const pg_uuid_t *tenant);

typedef enum SubjectAnswer
{
	SUBJECT_UNKNOWN,
	SUBJECT_FOUND,
	SUBJECT_AMBIGUOUS /* patterns of several principals match */
} SubjectAnswer;

/*
 * Whom a subject stands for by what was added to the issuer: an exact one before patterns.
 * Names of principals are the caller's matter.
 */
extern SubjectAnswer issuer_find_subject(const Issuer *issuer, const char *subject,
										 pg_uuid_t *principal, bool *is_exact);

/* Grows with every change of the tables. */
extern uint64 issuer_generation(void);

extern void issuer_init(void);

#endif
