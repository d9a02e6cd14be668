/*
 * policy.c
 *		The cache of compiled grants, and decisions.
 */
#include "policy/policy.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "integrity/integrity.h"
#include "platform/errors.h"
#include "platform/tables.h"
#include "policy/grants.h"
#include "policy/name.h"

/* Columns of vault_data.access_grant. */
enum
{
	COL_ID = 2,
	COL_EFFECT = 4,
	COL_PERMISSIONS,
	COL_PATTERN,
	COL_ENVIRONMENTS
};

typedef struct CacheKey
{
	pg_uuid_t	tenant;
	pg_uuid_t	principal;
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;
	GrantSet	grants;
} CacheEntry;

static MemoryContext cache_memory = NULL;
static HTAB *cache = NULL;
static bool cache_stale = false;

static const char *const permission_names[] = {
	"read", "write", "rotate", "delete", "grant", "list"
};

int
permission_by_name(const char *name)
{
	for (int i = 0; i < (int) lengthof(permission_names); i++)
		if (strcmp(name, permission_names[i]) == 0)
			return 1 << i;
	return 0;
}

static void
grants_changed(void)
{
	cache_stale = true;
}

/* A text[] as an array of C strings in the present memory context. */
char	  **
text_array(Datum datum, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, count);
	texts = palloc(Max(*count, 1) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		texts[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
	return texts;
}

int
permission_mask(Datum permissions)
{
	int			count;
	char	  **names = text_array(permissions, &count);
	int			mask = 0;

	for (int i = 0; i < count; i++)
		mask |= permission_by_name(names[i]);
	return mask;
}

static void
compile_grant(TableScan *scan, Grant *grant)
{
	bool		everywhere;
	Datum		environments = scan_get(scan, COL_ENVIRONMENTS, &everywhere);

	memset(grant, 0, sizeof(*grant));
	grant->id = *DatumGetUUIDP(scan_get(scan, COL_ID, NULL));
	grant->denies = strcmp(TextDatumGetCString(scan_get(scan, COL_EFFECT, NULL)), "deny") == 0;
	grant->mask = permission_mask(scan_get(scan, COL_PERMISSIONS, NULL));
	grant->pattern = TextDatumGetCString(scan_get(scan, COL_PATTERN, NULL));
	grant->pattern_size = strlen(grant->pattern);
	grant->prefix_size = pattern_prefix(grant->pattern, grant->pattern_size);
	if (!everywhere)
		grant->environments = text_array(environments, &grant->environment_count);
}

/*
 * A grant that was changed outside vault stops the principal: to leave it out would
 * take a denial away.
 */
static void
require_grant_row(TableScan *scan)
{
	if (row_is_authentic(scan, TABLE_ACCESS_GRANT))
		return;
	cache_stale = true;			/* what was loaded so far goes with it */
	row_refuse(row_label(scan, TABLE_ACCESS_GRANT));
}

static void
load_grants(const CacheKey *key, GrantSet *set)
{
	MemoryContext old = MemoryContextSwitchTo(cache_memory);
	Datum		keys[2] = {UUIDPGetDatum(&key->tenant), UUIDPGetDatum(&key->principal)};
	int			capacity = 8;
	TableScan	scan;

	set->count = 0;
	set->grants = palloc(capacity * sizeof(Grant));
	scan_begin(&scan, TABLE_ACCESS_GRANT, INDEX_GRANT_PRINCIPAL, NULL, keys, 2);
	while (scan_next(&scan))
	{
		if (set->count == capacity)
			set->grants = repalloc(set->grants, (capacity *= 2) * sizeof(Grant));
		require_grant_row(&scan);
		compile_grant(&scan, &set->grants[set->count++]);
	}
	scan_end(&scan);
	MemoryContextSwitchTo(old);
}

static void
empty_cache(void)
{
	HASHCTL		control = {.keysize = sizeof(CacheKey),.entrysize = sizeof(CacheEntry)};

	cache = NULL;
	if (cache_memory)
		MemoryContextDelete(cache_memory);
	cache_memory = NULL;
	cache_memory = AllocSetContextCreate(TopMemoryContext, "vault grants", ALLOCSET_SMALL_SIZES);
	control.hcxt = cache_memory;
	cache = hash_create("vault grants", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cache_stale = false;
}

GrantSet
grants_of(const pg_uuid_t *tenant, const pg_uuid_t *principal)
{
	CacheKey	key = {*tenant, *principal};
	CacheEntry *entry;
	GrantSet	loaded;

	if (cache == NULL || cache_stale)
		empty_cache();
	entry = hash_search(cache, &key, HASH_FIND, NULL);
	if (entry)
		return entry->grants;

	/* If reading the table makes the cache stale, what was read is not kept. */
	load_grants(&key, &loaded);
	if (!cache_stale)
	{
		entry = hash_search(cache, &key, HASH_ENTER, NULL);
		entry->grants = loaded;
	}
	return loaded;
}

bool
grant_has_environment(const Grant *grant, const char *environment, size_t size)
{
	if (grant->environments == NULL)
		return true;
	for (int i = 0; i < grant->environment_count; i++)
		if (strlen(grant->environments[i]) == size &&
			memcmp(grant->environments[i], environment, size) == 0)
			return true;
	return false;
}

/* Most patterns are a name, or a beginning and "**": those need no matching. */
static bool
name_fits(const Grant *grant, const SecretName *secret)
{
	size_t		rest = grant->pattern_size - grant->prefix_size;

	if (secret->name_size < grant->prefix_size ||
		memcmp(secret->name, grant->pattern, grant->prefix_size) != 0)
		return false;
	if (rest == 0)
		return secret->name_size == grant->prefix_size;
	if (rest == 2 && memcmp(grant->pattern + grant->prefix_size, "**", 2) == 0)
		return secret->name_size > grant->prefix_size;
	return pattern_matches(grant->pattern, grant->pattern_size, secret->name, secret->name_size);
}

static bool
grant_applies(const Grant *grant, const SecretName *secret)
{
	return name_fits(grant, secret) &&
		grant_has_environment(grant, secret->environment, secret->environment_size);
}

int
policy_permissions(const Caller *caller, const SecretName *secret, Permission wanted,
				   pg_uuid_t *grant)
{
	GrantSet	set = grants_of(&caller->tenant, &caller->principal);
	int			allowed = 0;
	int			denied = 0;

	for (int i = 0; i < set.count; i++)
	{
		const Grant *g = &set.grants[i];

		if (!grant_applies(g, secret))
			continue;
		if (g->denies)
			denied |= g->mask;
		else
		{
			if (grant && (g->mask & wanted) && !(allowed & wanted))
				*grant = g->id;
			allowed |= g->mask;
		}
	}
	allowed &= ~denied;
	if (allowed && !(denied & MAY_LIST))
		allowed |= MAY_LIST;
	return allowed;
}

void
policy_require(const Caller *caller, const SecretName *secret, Permission wanted,
			   pg_uuid_t *grant)
{
	if (policy_permissions(caller, secret, wanted, grant) & wanted)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for secret \"%.*s\" in environment \"%.*s\"",
					(int) secret->name_size, secret->name,
					(int) secret->environment_size, secret->environment),
			 errhint("Whoever administers the tenant can grant it; vault.explain_access() says what decided.")));
}

bool
policy_is_administrator(const Caller *caller)
{
	GrantSet	set = grants_of(&caller->tenant, &caller->principal);
	bool		allowed = false;

	for (int i = 0; i < set.count; i++)
	{
		const Grant *g = &set.grants[i];

		if (!(g->mask & MAY_GRANT))
			continue;
		if (g->denies)
			return false;
		allowed |= g->environments == NULL && strcmp(g->pattern, "**") == 0;
	}
	return allowed;
}

void
policy_init(void)
{
	tables_on_change(TABLE_ACCESS_GRANT, grants_changed);
}
