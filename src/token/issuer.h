/*
 * issuer.h
 *		The issuers of a tenant, compiled: their keys, the rules for their tokens, and the
 *		principals and roles of their subjects and groups.
 *
 * This backend keeps a set until one of the tables changes. Every row in a set is authentic;
 * another row raises VT004. Exact subjects are many, so they are looked up one by one.
 */
#ifndef VAULT_TOKEN_ISSUER_H
#define VAULT_TOKEN_ISSUER_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "context/call.h"
#include "identity/jwks.h"
#include "identity/jwt.h"

/* Allowed difference of an issuer's clock, in seconds. */
#define TOKEN_SKEW 30

/* Prefix of the names of the vault's own issuer; no issuer that is added has such a name. */
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
	bool counts_names; /* true if the name of a principal is a subject of this issuer */
	SubjectPattern *patterns;
	int pattern_count;
	GroupRole *group_roles;
	int group_role_count;
	struct Issuer *next;
} Issuer;

/* Return the first issuer of a tenant, or NULL.  The pointer is valid until the next call. */
extern const Issuer *issuers_of(const pg_uuid_t *tenant);

typedef enum SubjectAnswer
{
	SUBJECT_UNKNOWN,
	SUBJECT_FOUND,
	SUBJECT_AMBIGUOUS /* patterns of several principals match */
} SubjectAnswer;

/*
 * Find the principal of a subject among those that were added to the issuer: an exact subject goes
 * before patterns.  Names of principals are left to the caller.
 */
extern SubjectAnswer issuer_find_subject(const Issuer *issuer, const char *subject,
										 pg_uuid_t *principal, bool *is_exact);

/* Return a number that grows with every change of the tables. */
extern uint64 issuer_generation(void);

/* Check an issuer that is to be added, and its required claims; raise 22023 if one is invalid. */
extern void issuer_check(const JwtRules *rules, const char *claims);

/*
 * Read a provider's JWKS, and return the keys that count as they are stored.  Passed over keys are
 * reported by a NOTICE and in the call's reason.  NULL for the algorithms means all of them.  22023
 * if no key is left.
 */
extern text *issuer_read_keys(VaultCall *call, const char *given, const JwksAlgorithms *algorithms);

/* Check a subject, or a pattern of subjects, that is to be added; raise 22023 if it is invalid. */
extern void issuer_check_subject(const char *what, const char *subject, const char *match);

/*
 * Convert a text of the database's encoding to UTF-8, as tokens have it. The result is allocated
 * in the current memory context.
 */
extern char *issuer_text_in_tokens(const char *text);

extern int64 issuer_seconds_of(const Interval *interval);

extern void issuer_init(void);

#endif
