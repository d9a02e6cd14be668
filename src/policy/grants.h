/*
 * grants.h
 *		Compiled grants, shared by the decision (policy.c), by who may hand out what
 *		(delegation.c), and by what explains decisions.
 *
 * The set of a principal has its own grants and those of every role that it is a member of,
 * directly or through other roles.  That of a caller who showed a token has those of the roles
 * too that groups of the token give; it decides, and hands nothing out (delegation.c).
 */
#ifndef VAULT_POLICY_GRANTS_H
#define VAULT_POLICY_GRANTS_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "policy/condition.h"
#include "policy/policy.h"

/* The longest chain of memberships, from a principal to a role. */
#define MAX_ROLE_DEPTH 8

typedef struct Grant
{
	bool denies;
	uint8 mask;
	uint16 source; /* index into the set's sources */
	char *pattern;
	size_t pattern_size;
	size_t prefix_size;  /* what every matching name starts with */
	char **environments; /* NULL: all */
	int environment_count;
	Condition *condition; /* NULL: none */
	pg_uuid_t id;         /* of a built-in role's grant: the role's */
	TimestampTz created_at;
} Grant;

/* The principal itself first, then roles in the order of their distance. */
typedef struct GrantSource
{
	pg_uuid_t id;
	int parent; /* who is a member of it; -1: the principal itself */
	bool built_in;
	bool by_token; /* a group of the caller's token gives it */
	char name[64];
} GrantSource;

/*
 * By what grants are found: how long what every matching name starts with is, and the last
 * bytes of that, zeros before a short one.  Sorted, so that of a thousand grants few are looked at.
 */
typedef struct GrantHead
{
	uint64 tail;
	uint32 prefix_size;
	uint32 grant; /* index into the set's grants */
} GrantHead;

/* The heads with one size of prefix end before `end`; those with the next begin there. */
typedef struct GrantLength
{
	uint32 prefix_size;
	uint32 end;
} GrantLength;

typedef struct GrantSet
{
	Grant *grants;
	GrantHead *heads;
	GrantLength *lengths; /* in ascending order */
	int length_count;
	int count;
	int capacity;
	GrantSource *sources;
	int source_count;
	int source_capacity;
	bool conditional; /* one of the grants has a condition */
} GrantSet;

/* From the cache; valid until the next call. */
extern GrantSet grants_of(const pg_uuid_t *tenant, const pg_uuid_t *principal);

/* The same of a caller, with the roles of its token. */
extern GrantSet grants_of_caller(const Caller *caller);

/* Read anew, into the present memory context; as if a token gave these roles. */
extern GrantSet grants_load(const pg_uuid_t *tenant, const pg_uuid_t *principal);
extern GrantSet grants_load_with(const pg_uuid_t *tenant, const pg_uuid_t *principal,
								 const pg_uuid_t *roles, int count);

/* Compiles a row of vault_data.access_grant. */
extern void grant_compile(const Datum *values, const bool *nulls, Grant *grant);

extern bool grant_has_environment(const Grant *grant, const char *environment, size_t size);
extern bool grant_is_on_everything(const Grant *grant);
extern bool grant_has_source(const GrantSet *set, const pg_uuid_t *id);

/* Whatever its permissions are. */
extern bool
grant_applies(const Grant *grant, const SecretName *secret, const AccessRequest *request);

/* Where it holds; NULL, or why the secret is not there. */
typedef enum GrantPlace
{
	PLACE_ENVIRONMENT,
	PLACE_NAME
} GrantPlace;

extern const char *
grant_place_fault(const Grant *grant, const SecretName *secret, GrantPlace place);

/* Whether a condition (may be NULL) of an allowance or denial is met. */
extern bool grant_is_in_force(const Grant *grant, const AccessRequest *request);

/* What the set, as it was loaded, allows; first (may be NULL) as for policy_permissions. */
extern int grants_decide(const GrantSet *set, const SecretName *secret,
						 const AccessRequest *request, Permission wanted, const Grant **first);

/* "grant" on everything; may (NULL allowed) tells whether that is but for denials. */
extern bool grants_administer(const GrantSet *set, const AccessRequest *request, bool *may);

extern void grants_init(void);

/* 0 if there is no such permission. */
extern int permission_by_name(const char *name);
extern int permission_mask(Datum permissions);
extern Datum permission_array(int mask);
extern char **text_array(Datum datum, int *count);

/* Columns of vault_data.access_grant. */
enum
{
	GRANT_ID = 2,
	GRANT_PRINCIPAL,
	GRANT_EFFECT,
	GRANT_PERMISSIONS,
	GRANT_PATTERN,
	GRANT_ENVIRONMENTS,
	GRANT_ADDRESSES,
	GRANT_WINDOWS,
	GRANT_SERVICES,
	GRANT_REQUIRE_TLS,
	GRANT_REQUIRE_SESSION_USER,
	GRANT_VALID_FROM,
	GRANT_VALID_UNTIL,
	GRANT_CREATED_AT,
	GRANT_COLUMNS = 18
};

#endif
