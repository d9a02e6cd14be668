/*
 * grants.c
 *		Compile grants, and cache them.
 *
 * The cache belongs to this backend. It maps a principal to its grants and those of its roles.
 * Changes of the tables of grants, of memberships and of principals empty it at the next call.
 * Beside it there is the set of the last caller whose token gives roles.
 *
 * The permissions of built-in roles are part of this code and not of a table, where they could be
 * changed.
 */
#include "policy/grants.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "integrity/integrity.h"
#include "platform/cache.h"
#include "platform/errors.h"
#include "platform/tables.h"
#include "policy/name.h"

/* Columns of vault_data.role_member and vault_data.principal. */
enum
{
	MEMBER_ROLE = 3,
	PRINCIPAL_NAME = 3,
	PRINCIPAL_KIND
};

typedef struct GrantsCacheKey
{
	pg_uuid_t tenant;
	pg_uuid_t principal;
} GrantsCacheKey;

typedef struct GrantsCacheEntry
{
	GrantsCacheKey key;
	GrantSet grants;
} GrantsCacheEntry;

static BackendCache cache = {.name = "grants",
							 .key_size = sizeof(GrantsCacheKey),
							 .entry_size = sizeof(GrantsCacheEntry)};

/*
 * Set of the last caller with roles by token. It is valid for one generation of the cache, and its
 * memory is used again by the next such caller.
 */
static struct
{
	MemoryContext memory;
	bool is_loaded;
	uint64 generation; /* generation of the cache before it was loaded */
	GrantsCacheKey key;
	int count;
	pg_uuid_t roles[CALLER_TOKEN_ROLES];
	GrantSet grants;
} by_token;

#define PERMISSION_NAME(name, text) text,
static const char *const permission_names[PERMISSION_COUNT] = {EACH_PERMISSION(PERMISSION_NAME)};

StaticAssertDecl(PERMISSION_COUNT <= 8, "the mask of a Grant holds every permission");

/* Built-in roles; each grant is on ** in every environment. */
static const struct
{
	const char *name;
	int mask;
} built_in_roles[] = {{"owner", MAY_EVERYTHING},          {"admin", MAY_EVERYTHING & ~MAY_READ},
					  {"writer", MAY_WRITE | MAY_LIST},   {"reader", MAY_READ | MAY_LIST},
					  {"rotator", MAY_ROTATE | MAY_LIST}, {"auditor", MAY_LIST}};

int
permission_by_name(const char *name)
{
	for (int i = 0; i < PERMISSION_COUNT; i++)
		if (strcmp(name, permission_names[i]) == 0)
			return 1 << i;
	return 0;
}

Datum
permission_array(int mask)
{
	Datum names[PERMISSION_COUNT];
	int count = 0;

	for (int i = 0; i < PERMISSION_COUNT; i++)
		if (mask & (1 << i))
			names[count++] = CStringGetTextDatum(permission_names[i]);
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Return a text[] as an array of C strings in the present memory context. */
char **
text_array(Datum datum, int *count)
{
	Datum *elements;
	bool *nulls;
	char **texts;

	deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, count);
	texts = palloc(Max(*count, 1) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		texts[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
	return texts;
}

int
permission_mask(Datum permissions)
{
	int count;
	char **names = text_array(permissions, &count);
	int mask = 0;

	for (int i = 0; i < count; i++)
		mask |= permission_by_name(names[i]);
	return mask;
}

/*
 * Refuse a row that cannot be parsed. Rows were checked when they were written, and carry a MAC,
 * so this is no typo.
 */
static void
grants_refuse_malformed(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED), errmsg("the %s of a grant are malformed", what),
			 errhint("Revoke the grant and give it anew.")));
}

static void
compile_addresses(Datum datum, Condition *condition)
{
	char **texts = text_array(datum, &condition->address_count);

	condition->addresses = palloc((condition->address_count + 1) * sizeof(NetBlock));
	for (int i = 0; i < condition->address_count; i++)
		if (net_block_parse(texts[i], strlen(texts[i]), &condition->addresses[i]) != NULL)
			grants_refuse_malformed("addresses");
}

static void
compile_windows(Datum datum, Condition *condition)
{
	char **texts = text_array(datum, &condition->window_count);

	condition->windows = palloc((condition->window_count + 1) * sizeof(Window));
	condition->zones = palloc((condition->window_count + 1) * sizeof(pg_tz *));
	for (int i = 0; i < condition->window_count; i++)
	{
		if (window_parse(texts[i], strlen(texts[i]), &condition->windows[i]) != NULL)
			grants_refuse_malformed("windows");
		condition->zones[i] = pg_tzset(condition->windows[i].zone);
	}
}

StaticAssertDecl(GRANT_VALID_UNTIL + 1 == GRANT_CREATED_AT, "conditions stand together");

static bool
has_condition(const bool *nulls)
{
	for (int column = GRANT_ADDRESSES; column <= GRANT_VALID_UNTIL; column++)
		if (!nulls[column - 1])
			return true;
	return false;
}

static Condition *
compile_condition(const Datum *values, const bool *nulls)
{
	Condition *condition = palloc0(sizeof(Condition));

	if (!nulls[GRANT_ADDRESSES - 1])
		compile_addresses(values[GRANT_ADDRESSES - 1], condition);
	if (!nulls[GRANT_WINDOWS - 1])
		compile_windows(values[GRANT_WINDOWS - 1], condition);
	if (!nulls[GRANT_SERVICES - 1])
		condition->services = text_array(values[GRANT_SERVICES - 1], &condition->service_count);
	condition->require_tls =
		!nulls[GRANT_REQUIRE_TLS - 1] && DatumGetBool(values[GRANT_REQUIRE_TLS - 1]);
	condition->require_session_user = !nulls[GRANT_REQUIRE_SESSION_USER - 1] &&
		DatumGetBool(values[GRANT_REQUIRE_SESSION_USER - 1]);
	condition->valid_from = nulls[GRANT_VALID_FROM - 1]
		? DT_NOBEGIN
		: DatumGetTimestampTz(values[GRANT_VALID_FROM - 1]);
	condition->valid_until = nulls[GRANT_VALID_UNTIL - 1]
		? DT_NOEND
		: DatumGetTimestampTz(values[GRANT_VALID_UNTIL - 1]);
	return condition;
}

static void
set_pattern(Grant *grant, char *pattern)
{
	grant->pattern = pattern;
	grant->pattern_size = strlen(pattern);
	grant->prefix_size = pattern_prefix(pattern, grant->pattern_size);
}

void
grant_compile(const Datum *values, const bool *nulls, Grant *grant)
{
	memset(grant, 0, sizeof(*grant));
	if (!nulls[GRANT_ID - 1])
		grant->id = *DatumGetUUIDP(values[GRANT_ID - 1]);
	grant->denies = strcmp(TextDatumGetCString(values[GRANT_EFFECT - 1]), "deny") == 0;
	grant->mask = permission_mask(values[GRANT_PERMISSIONS - 1]);
	set_pattern(grant, TextDatumGetCString(values[GRANT_PATTERN - 1]));
	if (!nulls[GRANT_ENVIRONMENTS - 1])
		grant->environments = text_array(values[GRANT_ENVIRONMENTS - 1], &grant->environment_count);
	if (has_condition(nulls))
		grant->condition = compile_condition(values, nulls);
	if (!nulls[GRANT_CREATED_AT - 1])
		grant->created_at = DatumGetTimestampTz(values[GRANT_CREATED_AT - 1]);
}

/*
 * Refuse a row that was changed outside vault. This stops the principal: skipping the row could
 * drop a denial.
 */
static void
require_row(TableScan *scan, TableId table)
{
	if (row_is_authentic(scan, table))
		return;
	cache_invalidate(&cache); /* drops what was loaded so far */
	row_refuse(row_label(scan, table));
}

static Grant *
add_grant(GrantSet *set)
{
	if (set->count == set->capacity)
		set->grants = repalloc(set->grants, (set->capacity *= 2) * sizeof(Grant));
	return &set->grants[set->count++];
}

bool
grant_has_source(const GrantSet *set, const pg_uuid_t *id)
{
	for (int i = 0; i < set->source_count; i++)
		if (uuid_equal(&set->sources[i].id, id))
			return true;
	return false;
}

static void
add_source(GrantSet *set, const pg_uuid_t *id, int parent)
{
	GrantSource *source;

	if (set->source_count == UINT16_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a principal is a member of too many roles")));
	if (set->source_count == set->source_capacity)
		set->sources = repalloc(set->sources, (set->source_capacity *= 2) * sizeof(GrantSource));
	source = &set->sources[set->source_count++];
	memset(source, 0, sizeof(*source));
	source->id = *id;
	source->parent = parent;
	source->by_token = parent >= 0 && set->sources[parent].by_token;
}

static void
describe_source(const pg_uuid_t *tenant, GrantSource *source)
{
	Datum keys[2] = {UUIDPGetDatum(tenant), UUIDPGetDatum(&source->id)};
	TableScan scan;

	scan_begin(&scan, TABLE_PRINCIPAL, INDEX_PRINCIPAL, NULL, keys, 2);
	if (scan_next(&scan))
	{
		require_row(&scan, TABLE_PRINCIPAL);
		text_to_cstring_buffer(DatumGetTextPP(scan_get(&scan, PRINCIPAL_NAME, NULL)), source->name,
							   sizeof(source->name));
		source->built_in = strcmp(TextDatumGetCString(scan_get(&scan, PRINCIPAL_KIND, NULL)),
								  "built-in role") == 0;
	}
	scan_end(&scan);
}

static void
add_roles_of(const pg_uuid_t *tenant, GrantSet *set, int member)
{
	pg_uuid_t id = set->sources[member].id;
	Datum keys[2] = {UUIDPGetDatum(tenant), UUIDPGetDatum(&id)};
	TableScan scan;

	scan_begin(&scan, TABLE_ROLE_MEMBER, INDEX_MEMBER_ROLES, NULL, keys, 2);
	while (scan_next(&scan))
	{
		pg_uuid_t *role = DatumGetUUIDP(scan_get(&scan, MEMBER_ROLE, NULL));

		require_row(&scan, TABLE_ROLE_MEMBER);
		if (!grant_has_source(set, role))
			add_source(set, role, member);
	}
	scan_end(&scan);
}

static void
add_grants_of(const pg_uuid_t *tenant, GrantSet *set, int source)
{
	Datum keys[2] = {UUIDPGetDatum(tenant), UUIDPGetDatum(&set->sources[source].id)};
	TableScan scan;

	scan_begin(&scan, TABLE_ACCESS_GRANT, INDEX_GRANT_PRINCIPAL, NULL, keys, 2);
	while (scan_next(&scan))
	{
		Grant *grant = add_grant(set);

		require_row(&scan, TABLE_ACCESS_GRANT);
		grant_compile(scan.slot->tts_values, scan.slot->tts_isnull, grant);
		grant->source = source;
		set->conditional |= grant->condition != NULL;
	}
	scan_end(&scan);
}

static void
add_built_in(GrantSet *set, int source)
{
	for (int i = 0; i < (int) lengthof(built_in_roles); i++)
	{
		Grant *grant;

		if (strcmp(set->sources[source].name, built_in_roles[i].name) != 0)
			continue;
		grant = add_grant(set);
		memset(grant, 0, sizeof(*grant));
		grant->id = set->sources[source].id;
		grant->mask = built_in_roles[i].mask;
		grant->source = source;
		set_pattern(grant, "**");
	}
}

static int
compare_heads(const void *a, const void *b)
{
	const GrantHead *x = a;
	const GrantHead *y = b;

	if (x->prefix_size != y->prefix_size)
		return x->prefix_size < y->prefix_size ? -1 : 1;
	if (x->tail != y->tail)
		return x->tail < y->tail ? -1 : 1;
	return x->grant < y->grant ? -1 : x->grant > y->grant;
}

/* Set the end of each prefix length that occurs in the sorted heads. */
static void
add_lengths(GrantSet *set)
{
	set->lengths = palloc((NAME_MAX_BYTES + 1) * sizeof(GrantLength));
	for (int i = 0; i < set->count; i++)
	{
		if (i == 0 || set->heads[i].prefix_size != set->heads[i - 1].prefix_size)
			set->lengths[set->length_count++].prefix_size = set->heads[i].prefix_size;
		set->lengths[set->length_count - 1].end = i + 1;
	}
}

static void
grants_add_heads(GrantSet *set)
{
	set->heads = palloc((set->count + 1) * sizeof(GrantHead));
	for (int i = 0; i < set->count; i++)
	{
		const Grant *g = &set->grants[i];
		char padded[sizeof(uint64) + NAME_MAX_BYTES] = {0};

		memcpy(padded + sizeof(uint64), g->pattern, g->prefix_size);
		memcpy(&set->heads[i].tail, padded + g->prefix_size, sizeof(uint64));
		set->heads[i].prefix_size = g->prefix_size;
		set->heads[i].grant = i;
	}
	qsort(set->heads, set->count, sizeof(GrantHead), compare_heads);
	add_lengths(set);
}

/*
 * Add the roles by token behind those that the principal is a member of, so that grants that it
 * holds without a token stay its own.
 */
static void
add_roles_by_token(GrantSet *set, const pg_uuid_t *roles, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (grant_has_source(set, &roles[i]))
			continue;
		add_source(set, &roles[i], 0);
		set->sources[set->source_count - 1].by_token = true;
	}
}

GrantSet
grants_load(const pg_uuid_t *tenant, const pg_uuid_t *principal)
{
	return grants_load_with(tenant, principal, NULL, 0);
}

GrantSet
grants_load_with(const pg_uuid_t *tenant, const pg_uuid_t *principal, const pg_uuid_t *roles,
				 int count)
{
	GrantSet set = {.capacity = 8, .source_capacity = 4};
	int walked = 0;

	set.grants = palloc(set.capacity * sizeof(Grant));
	set.sources = palloc(set.source_capacity * sizeof(GrantSource));
	add_source(&set, principal, -1);
	for (; walked < set.source_count; walked++)
		add_roles_of(tenant, &set, walked);
	add_roles_by_token(&set, roles, count);
	for (; walked < set.source_count; walked++)
		add_roles_of(tenant, &set, walked);
	for (int i = 0; i < set.source_count; i++)
	{
		describe_source(tenant, &set.sources[i]);
		if (set.sources[i].built_in)
			add_built_in(&set, i);
		else
			add_grants_of(tenant, &set, i);
	}
	grants_add_heads(&set);
	return set;
}

GrantSet
grants_of(const pg_uuid_t *tenant, const pg_uuid_t *principal)
{
	GrantsCacheKey key = {*tenant, *principal};
	GrantsCacheEntry *entry = cache_find(&cache, &key);
	MemoryContext old;
	GrantSet loaded;

	if (entry)
		return entry->grants;
	old = MemoryContextSwitchTo(cache.memory);
	loaded = grants_load(tenant, principal);
	MemoryContextSwitchTo(old);
	entry = cache_keep(&cache, &key);
	if (entry)
		entry->grants = loaded;
	return loaded;
}

static bool
is_kept(const GrantsCacheKey *key, const Caller *caller)
{
	return by_token.is_loaded && by_token.generation == cache_generation(&cache) &&
		memcmp(&by_token.key, key, sizeof(*key)) == 0 &&
		by_token.count == caller->token_role_count &&
		memcmp(by_token.roles, caller->token_roles, by_token.count * sizeof(pg_uuid_t)) == 0;
}

/* Load the set of a caller with roles by token.  An error leaves no set. */
static void
load_by_token(const GrantsCacheKey *key, const Caller *caller)
{
	MemoryContext old;

	by_token.is_loaded = false;
	if (by_token.memory == NULL)
		by_token.memory =
			AllocSetContextCreate(TopMemoryContext, "vault grants by token", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(by_token.memory);
	by_token.generation = cache_generation(&cache);
	by_token.key = *key;
	by_token.count = caller->token_role_count;
	memcpy(by_token.roles, caller->token_roles, sizeof(by_token.roles));
	old = MemoryContextSwitchTo(by_token.memory);
	by_token.grants =
		grants_load_with(&key->tenant, &key->principal, by_token.roles, by_token.count);
	MemoryContextSwitchTo(old);
	by_token.is_loaded = true;
}

GrantSet
grants_of_caller(const Caller *caller)
{
	GrantsCacheKey key = {caller->tenant, caller->principal};

	if (caller->token_role_count == 0)
		return grants_of(&caller->tenant, &caller->principal);
	if (!is_kept(&key, caller))
		load_by_token(&key, caller);
	return by_token.grants;
}

uint64
policy_generation(void)
{
	return cache_generation(&cache);
}

void
grants_init(void)
{
	cache_follow_table(&cache, TABLE_ACCESS_GRANT);
	cache_follow_table(&cache, TABLE_ROLE_MEMBER);
	cache_follow_table(&cache, TABLE_PRINCIPAL); /* for names and kinds of roles */
}
