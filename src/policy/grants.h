/*
 * grants.h
 *		Compiled grants. The decision (policy.c), the rules for handing out (delegation.c) and the
 *		explanation of decisions share them.
 *
 * The set of a principal has its own grants and those of every role that it is a member of,
 * directly or through other roles. The set of a caller with a token also has the grants of the
 * roles that groups of the token give. That set decides, and hands nothing out (delegation.c).
 */
#ifndef VAULT_POLICY_GRANTS_H
#define VAULT_POLICY_GRANTS_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "policy/condition.h"
#include "policy/permission.h"

/* Length of the longest chain of memberships, from a principal to a role. */
#define MAX_ROLE_DEPTH 8

typedef struct Grant
{
	bool denies;
	uint8 mask;
	uint16 source; /* index into the set's sources */
	char *pattern;
	size_t pattern_size;
	size_t prefix_size;  /* length of the prefix that every matching name has */
	char **environments; /* environments of the grant; NULL: all */
	int environment_count;
	Condition *condition; /* condition of the grant; NULL: none */
	pg_uuid_t id;         /* id of the grant; for a built-in role's grant, the id of the role */
	TimestampTz created_at;
} Grant;

/*
 * Source of a grant. The principal itself comes first, then roles in the order of their distance.
 */
typedef struct GrantSource
{
	pg_uuid_t id;
	int parent; /* index of the source that is a member of it; -1: the principal itself */
	bool built_in;
	bool by_token; /* true if a group of the caller's token gives it */
	char name[64];
} GrantSource;

/*
 * Key by which grants are found: the length of the prefix of every matching name, and the last
 * bytes of that prefix, with zeros before a short one. The heads are sorted, so that only a few of
 * a thousand grants are examined.
 */
typedef struct GrantHead
{
	uint64 tail;
	uint32 prefix_size;
	uint32 grant; /* index into the set's grants */
} GrantHead;

/*
 * Range of the heads of one prefix size. It ends before `end`, and the range of the next size
 * begins there.
 */
typedef struct GrantLength
{
	uint32 prefix_size;
	uint32 end;
} GrantLength;

typedef struct GrantSet
{
	Grant *grants;
	GrantHead *heads;
	GrantLength *lengths; /* ranges of prefix sizes, in ascending order */
	int length_count;
	int count;
	int capacity;
	GrantSource *sources;
	int source_count;
	int source_capacity;
	bool conditional; /* true if one of the grants has a condition */
} GrantSet;

/* Return the set of a principal from the cache; valid until the next call. */
extern GrantSet grants_of(const pg_uuid_t *tenant, const pg_uuid_t *principal);

/* Return the set of a caller, with the roles of its token. */
extern GrantSet grants_of_caller(const Caller *caller);

/*
 * Read the grants anew, into the present memory context; the second function as if a token gave
 * these roles.
 */
extern GrantSet grants_load(const pg_uuid_t *tenant, const pg_uuid_t *principal);
extern GrantSet grants_load_with(const pg_uuid_t *tenant, const pg_uuid_t *principal,
								 const pg_uuid_t *roles, int count);

/* Compile a row of vault_data.access_grant. */
extern void grant_compile(const Datum *values, const bool *nulls, Grant *grant);

/* Return true if the grant is for the environment. */
extern bool grant_has_environment(const Grant *grant, const char *environment, size_t size);

/* Return true if the grant is on ** in every environment. */
extern bool grant_is_on_everything(const Grant *grant);

/* Return true if the principal or role of this id is a source of the set. */
extern bool grant_has_source(const GrantSet *set, const pg_uuid_t *id);

/* Return true if the grant applies to the secret, regardless of its permissions. */
extern bool
grant_applies(const Grant *grant, const SecretName *secret, const AccessRequest *request);

/* Part of the place of a grant. Returns NULL, or the reason for which the secret is not there. */
typedef enum GrantPlace
{
	PLACE_ENVIRONMENT,
	PLACE_NAME
} GrantPlace;

extern const char *
grant_place_fault(const Grant *grant, const SecretName *secret, GrantPlace place);

/* Return true if the condition of an allowance or denial (NULL: none) is met. */
extern bool grant_is_in_force(const Grant *grant, const AccessRequest *request);

/*
 * Return the mask that the set, as it was loaded, allows. first (may be NULL) is as for
 * policy_permissions().
 */
extern int grants_decide(const GrantSet *set, const SecretName *secret,
						 const AccessRequest *request, Permission wanted, const Grant **first);

/*
 * Return true if the set has "grant" on everything. may (may be NULL) is set to the result without
 * regard to denials.
 */
extern bool grants_administer(const GrantSet *set, const AccessRequest *request, bool *may);

extern void grants_init(void);

/* Return the permission of this name; 0 if it does not exist. */
extern int permission_by_name(const char *name);

/* Convert between a text[] of permissions and their mask. */
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

/*
 * Return a number that grows when the grants of any principal may have changed. While it stays,
 * another decision of the same moment is the same. Conditions change with time and not with this
 * number.
 */
extern uint64 policy_generation(void);

#endif
