/*
 * issuer.c
 *		The cache of issuers, and the checks of new issuers.
 */
#include "token/issuer.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "context/call.h"
#include "identity/subject.h"
#include "integrity/integrity.h"
#include "platform/cache.h"
#include "platform/encoding.h"
#include "platform/errors.h"
#include "platform/tables.h"

/* Columns of vault_data.token_issuer, external_subject and group_role. */
enum
{
	COL_ID = 2,
	COL_NAME,
	COL_ISSUER,
	COL_AUDIENCE,
	COL_JWKS,
	COL_PRINCIPAL_CLAIM,
	COL_TENANT_CLAIM,
	COL_ROLE_CLAIM,
	COL_ADDRESS_CLAIM,
	COL_MAX_LIFETIME,
	COL_GROUPS_CLAIM,
	COL_ALGORITHMS,
	COL_REQUIRED_CLAIMS,
	COL_BY_NAME,
	SUBJECT_PRINCIPAL = 4,
	SUBJECT_TEXT,
	SUBJECT_MATCH,
	GROUP_NAME = 4,
	GROUP_ROLE
};

typedef struct TenantIssuers
{
	pg_uuid_t tenant;
	Issuer *first;
} TenantIssuers;

static BackendCache cache = {.name = "issuers",
							 .key_size = sizeof(pg_uuid_t),
							 .entry_size = sizeof(TenantIssuers)};

uint64
issuer_generation(void)
{
	return cache_generation(&cache);
}

char *
issuer_text_in_tokens(const char *text)
{
	size_t size = strlen(text);
	char *converted = palloc(encoding_room(size));

	if (encoding_is_stored(text, size) || !encoding_to_stored(text, size, converted, &size))
		return pstrdup(text);
	converted[size] = 0;
	return converted;
}

/* Convert a text of a token for a table; NULL if the database's encoding does not have it. */
static char *
as_in_tables(const char *text)
{
	size_t size = strlen(text);
	char *converted = palloc(encoding_room(size));

	if (encoding_is_stored(text, size))
		return pstrdup(text);
	if (!encoding_from_stored(text, size, converted, &size))
		return NULL;
	converted[size] = 0;
	return converted;
}

static void
free_keys(void *keys)
{
	jwks_free(keys);
}

static void
free_required(void *required)
{
	jwt_required_free(required);
}

/* Free memory that is not the server's together with the current memory context. */
static void
free_with_context(MemoryContextCallbackFunction function, void *what)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	callback->func = function;
	callback->arg = what;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

VAULT_NORETURN static void
refuse_unreadable(const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_TAMPERED), errmsg("%s", message),
			 errhint("Remove the issuer with vault.remove_issuer() and add it anew.")));
}

static JwtKeySet *
compile_keys(const char *jwks)
{
	JwtKeySet *keys;
	int position;

	if (jwks_parse(jwks, strlen(jwks), &keys, &position) != NULL)
		refuse_unreadable("the keys of an issuer cannot be read");
	free_with_context(free_keys, keys);
	return keys;
}

static JwtRequired *
compile_required(const char *claims)
{
	JwtRequired *required;

	if (claims == NULL)
		return NULL;
	if (jwt_required_parse(claims, strlen(claims), &required) != NULL)
		refuse_unreadable("the required claims of an issuer cannot be read");
	free_with_context(free_required, required);
	return required;
}

static char *
optional_text(TableScan *scan, AttrNumber column)
{
	bool isnull;
	Datum value = scan_get(scan, column, &isnull);

	return isnull ? NULL : issuer_text_in_tokens(TextDatumGetCString(value));
}

int64
issuer_seconds_of(const Interval *interval)
{
	return (interval->month * INT64CONST(30) + interval->day) * SECS_PER_DAY +
		interval->time / USECS_PER_SEC;
}

static void *
issuer_grown(void *array, int count, size_t size)
{
	if (count == 0)
		return palloc(8 * size);
	return count >= 8 && (count & (count - 1)) == 0 ? repalloc(array, 2 * count * size) : array;
}

static void
begin_rows_of_issuer(TableScan *scan, TableId table, TableId index, const Issuer *issuer)
{
	Datum keys[2] = {UUIDPGetDatum(&issuer->tenant), UUIDPGetDatum(&issuer->id)};

	scan_begin(scan, table, index, NULL, keys, 2);
}

static void
load_patterns(Issuer *issuer)
{
	TableScan scan;

	begin_rows_of_issuer(&scan, TABLE_EXTERNAL_SUBJECT, INDEX_SUBJECT_PATTERN, issuer);
	while (scan_next(&scan))
	{
		SubjectPattern *pattern;

		row_require_authentic(&scan, TABLE_EXTERNAL_SUBJECT);
		issuer->patterns =
			issuer_grown(issuer->patterns, issuer->pattern_count, sizeof(SubjectPattern));
		pattern = &issuer->patterns[issuer->pattern_count++];
		pattern->pattern = optional_text(&scan, SUBJECT_TEXT);
		pattern->principal = *DatumGetUUIDP(scan_get(&scan, SUBJECT_PRINCIPAL, NULL));
		if (subject_pattern_fault(pattern->pattern) != NULL)
			refuse_unreadable("a subject of an issuer is no pattern");
	}
	scan_end(&scan);
}

/* Load the group roles in the order of the index, so that the roles of a group stand together. */
static void
load_group_roles(Issuer *issuer)
{
	const char **names = palloc(JWT_MAX_GROUPS * sizeof(char *));
	TableScan scan;

	issuer->rules.groups = names;
	begin_rows_of_issuer(&scan, TABLE_GROUP_ROLE, INDEX_GROUP_ROLE, issuer);
	while (scan_next(&scan))
	{
		char *name = optional_text(&scan, GROUP_NAME);
		int count = issuer->rules.group_count;
		GroupRole *group_role;

		row_require_authentic(&scan, TABLE_GROUP_ROLE);
		if (count == 0 || strcmp(names[count - 1], name) != 0)
		{
			if (count == JWT_MAX_GROUPS)
				refuse_unreadable("an issuer has too many groups");
			names[count] = name;
			issuer->rules.group_count++;
		}
		issuer->group_roles =
			issuer_grown(issuer->group_roles, issuer->group_role_count, sizeof(GroupRole));
		group_role = &issuer->group_roles[issuer->group_role_count++];
		group_role->group = issuer->rules.group_count - 1;
		group_role->role = *DatumGetUUIDP(scan_get(&scan, GROUP_ROLE, NULL));
	}
	scan_end(&scan);
}

/*
 * Return true if the issuer takes names of principals as subjects, which is the default. A mapping
 * of the exact subject goes before a name.
 */
static bool
counts_names(TableScan *scan)
{
	bool isnull;
	bool by_name = DatumGetBool(scan_get(scan, COL_BY_NAME, &isnull));

	return isnull || by_name;
}

static Issuer *
compile_issuer(TableScan *scan)
{
	Issuer *issuer = palloc0(sizeof(Issuer));
	JwtRules rules = {
		.issuer = optional_text(scan, COL_ISSUER),
		.audience = optional_text(scan, COL_AUDIENCE),
		.skew = TOKEN_SKEW,
		.max_lifetime =
			issuer_seconds_of(DatumGetIntervalP(scan_get(scan, COL_MAX_LIFETIME, NULL))),
		.principal_claim = optional_text(scan, COL_PRINCIPAL_CLAIM),
		.tenant_claim = optional_text(scan, COL_TENANT_CLAIM),
		.role_claim = optional_text(scan, COL_ROLE_CLAIM),
		.address_claim = optional_text(scan, COL_ADDRESS_CLAIM),
		.groups_claim = optional_text(scan, COL_GROUPS_CLAIM),
		.required = compile_required(optional_text(scan, COL_REQUIRED_CLAIMS)),
	};

	issuer->tenant = *DatumGetUUIDP(scan_get(scan, 1, NULL));
	issuer->id = *DatumGetUUIDP(scan_get(scan, COL_ID, NULL));
	text_to_cstring_buffer(DatumGetTextPP(scan_get(scan, COL_NAME, NULL)), issuer->name,
						   sizeof(issuer->name));
	issuer->rules = rules;
	issuer->keys = compile_keys(optional_text(scan, COL_JWKS));
	issuer->counts_names = counts_names(scan);
	load_patterns(issuer);
	load_group_roles(issuer);
	return issuer;
}

static Issuer *
load_issuers(const pg_uuid_t *tenant)
{
	MemoryContext old = MemoryContextSwitchTo(cache.memory);
	Datum key = UUIDPGetDatum(tenant);
	Issuer *first = NULL;
	TableScan scan;

	scan_begin(&scan, TABLE_TOKEN_ISSUER, INDEX_TOKEN_ISSUER, NULL, &key, 1);
	while (scan_next(&scan))
	{
		Issuer *issuer;

		row_require_authentic(&scan, TABLE_TOKEN_ISSUER);
		issuer = compile_issuer(&scan);
		issuer->next = first;
		first = issuer;
	}
	scan_end(&scan);
	MemoryContextSwitchTo(old);
	return first;
}

const Issuer *
issuers_of(const pg_uuid_t *tenant)
{
	TenantIssuers *entry = cache_find(&cache, tenant);
	Issuer *first;

	if (entry)
		return entry->first;
	first = load_issuers(tenant);
	entry = cache_keep(&cache, tenant);
	if (entry)
		entry->first = first;
	return first;
}

/* Find the principal of exactly this subject. The index has exact subjects and patterns. */
static bool
find_exact(const Issuer *issuer, const char *subject, pg_uuid_t *principal)
{
	Datum keys[3] = {UUIDPGetDatum(&issuer->tenant), UUIDPGetDatum(&issuer->id)};
	char *written = as_in_tables(subject);
	TableScan scan;
	bool found = false;

	if (written == NULL)
		return false;
	keys[2] = CStringGetTextDatum(written);
	scan_begin(&scan, TABLE_EXTERNAL_SUBJECT, INDEX_SUBJECT, NULL, keys, 3);
	while (!found && scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_EXTERNAL_SUBJECT);
		found = strcmp(TextDatumGetCString(scan_get(&scan, SUBJECT_MATCH, NULL)), "exact") == 0;
		if (found)
			*principal = *DatumGetUUIDP(scan_get(&scan, SUBJECT_PRINCIPAL, NULL));
	}
	scan_end(&scan);
	return found;
}

SubjectAnswer
issuer_find_subject(const Issuer *issuer, const char *subject, pg_uuid_t *principal, bool *is_exact)
{
	SubjectAnswer answer = SUBJECT_UNKNOWN;

	*is_exact = find_exact(issuer, subject, principal);
	if (*is_exact)
		return SUBJECT_FOUND;
	for (int i = 0; i < issuer->pattern_count; i++)
	{
		const SubjectPattern *p = &issuer->patterns[i];

		if (!subject_matches(p->pattern, subject))
			continue;
		if (answer == SUBJECT_FOUND && !uuid_equal(principal, &p->principal))
			return SUBJECT_AMBIGUOUS;
		*principal = p->principal;
		answer = SUBJECT_FOUND;
	}
	return answer;
}

/* Return the argument that a phrase of jwt_rules_fault() is about. */
static const char *
argument_at_fault(const char *fault)
{
	if (strncmp(fault, "issuer", 6) == 0)
		return "issuer";
	if (strncmp(fault, "audience", 8) == 0)
		return "audience";
	if (strncmp(fault, "maximum lifetime", 16) == 0)
		return "max_lifetime";
	if (strncmp(fault, "required_claims", 15) == 0)
		return "required_claims";
	return "claim_mapping";
}

void
issuer_check(const JwtRules *rules, const char *claims)
{
	JwtRequired *required = NULL;
	const char *fault = jwt_rules_fault(rules);

	if (fault == NULL && claims)
		fault = jwt_required_parse(claims, strlen(claims), &required);
	jwt_required_free(required);
	if (fault)
		error_bad_argument(argument_at_fault(fault), fault,
						   "Its tokens are verified by these rules.");
	if (strncmp(rules->issuer, OWN_ISSUER_PREFIX, strlen(OWN_ISSUER_PREFIX)) == 0)
		error_bad_argument("issuer", "this is a name of the vault's own tokens",
						   "Tokens of the vault need no issuer: vault.issue_token() makes them.");
	if (rules->max_lifetime > 366 * SECS_PER_DAY)
		error_bad_argument("max_lifetime", "maximum lifetime is above 366 days", NULL);
}

/* Report the keys of a provider's set that do not verify tokens, to the client and the trail. */
static void
tell_passed_over(VaultCall *call, const JwksReport *report, int used)
{
	StringInfoData list;

	if (report->passed_over == 0)
		return;
	initStringInfo(&list);
	for (int i = 0; i < report->passed_over; i++)
		appendStringInfo(&list, "%skey %d: %s", i > 0 ? "; " : "", report->passed[i].position,
						 report->passed[i].reason);
	snprintf(call->reason, sizeof(call->reason), "%d of %d keys passed over", report->passed_over,
			 report->passed_over + used);
	ereport(NOTICE,
			(errmsg("%d of %d keys do not verify tokens here and were passed over",
					report->passed_over, report->passed_over + used),
			 errdetail("%s.", list.data)));
}

static text *
stored_keys(const JwtKeySet *keys)
{
	char *set = jwks_text(keys);
	char *written;

	if (set == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	written = as_in_tables(set);
	free(set);
	if (written == NULL)
		error_bad_argument("jwks",
						   "a kid has characters that the database's encoding does not have",
						   "Use a database in UTF8.");
	return cstring_to_text(written);
}

text *
issuer_read_keys(VaultCall *call, const char *given, const JwksAlgorithms *algorithms)
{
	JwksReport report;
	JwtKeySet *keys = NULL;
	const char *fault;

	if (given == NULL)
		error_bad_argument("jwks", "must not be null",
						   "Give a JSON object with the member \"keys\".");
	fault = jwks_read(given, strlen(given), algorithms, &keys, &report);
	if (fault)
		error_bad_argument(
			"jwks",
			psprintf("%s%s%s",
					 report.passed_over > 0 ? "no key is left that verifies tokens: " : "",
					 report.position > 0 ? psprintf("key %d: ", report.position) : "", fault),
			"It is an object with the member \"keys\", up to 64 keys, "
			"of which one at least is public, for signatures, and of type OKP, EC or RSA.");
	free_with_context(free_keys, keys);
	tell_passed_over(call, &report, jwks_count(keys));
	return stored_keys(keys);
}

void
issuer_check_subject(const char *what, const char *subject, const char *match)
{
	bool is_pattern = match && strcmp(match, "pattern") == 0;
	const char *fault;

	if (match == NULL || (!is_pattern && strcmp(match, "exact") != 0))
		error_bad_argument("match", "must be exact or pattern", NULL);
	if (subject == NULL)
		error_bad_argument(what, "must not be null", NULL);
	fault = is_pattern ? subject_pattern_fault(subject) : subject_fault(subject);
	if (fault)
		error_bad_argument(
			what, fault,
			is_pattern
				? "In a pattern \"*\" stands for what is between the separators /, :, | and @, "
				  "and \"**\" at its end for anything."
				: "It is up to 512 bytes of text, as the provider writes it.");
}

void
issuer_init(void)
{
	cache_follow_table(&cache, TABLE_TOKEN_ISSUER);
	cache_follow_table(&cache, TABLE_EXTERNAL_SUBJECT);
	cache_follow_table(&cache, TABLE_GROUP_ROLE);
}
