/*
 * issuer.c
 *		The cache of issuers, and the checks of those that are added.
 */
#include "token/issuer.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "door/door.h"
#include "integrity/integrity.h"
#include "platform/errors.h"
#include "platform/tables.h"

/* Columns of vault_data.token_issuer. */
enum
{
	COL_ISSUER = 4,
	COL_AUDIENCE,
	COL_JWKS,
	COL_PRINCIPAL_CLAIM,
	COL_TENANT_CLAIM,
	COL_ROLE_CLAIM,
	COL_ADDRESS_CLAIM,
	COL_MAX_LIFETIME
};

typedef struct TenantIssuers
{
	pg_uuid_t	tenant;
	Issuer	   *first;
} TenantIssuers;

static MemoryContext cache_memory = NULL;
static HTAB *cache = NULL;
static bool cache_stale = false;
static uint64 generation = 0;

static void
issuers_changed(void)
{
	cache_stale = true;
	generation++;
}

uint64
issuer_generation(void)
{
	return generation;
}

static void
free_keys(void *keys)
{
	jwks_free(keys);
}

static JwtKeySet *
compile_keys(text *jwks)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));
	JwtKeySet  *keys;
	int			position;

	if (jwks_parse(VARDATA_ANY(jwks), VARSIZE_ANY_EXHDR(jwks), &keys, &position) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_TAMPERED),
				 errmsg("the keys of an issuer cannot be read"),
				 errhint("Set them again with vault.set_issuer_keys().")));
	callback->func = free_keys;
	callback->arg = keys;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return keys;
}

static char *
optional_text(TableScan *scan, AttrNumber column)
{
	bool		isnull;
	Datum		value = scan_get(scan, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static int64
seconds_of(const Interval *interval)
{
	return (interval->month * INT64CONST(30) + interval->day) * SECS_PER_DAY +
		interval->time / USECS_PER_SEC;
}

static Issuer *
compile_issuer(TableScan *scan)
{
	Issuer	   *issuer = palloc0(sizeof(Issuer));
	JwtRules	rules = {
		.issuer = optional_text(scan, COL_ISSUER),
		.audience = optional_text(scan, COL_AUDIENCE),
		.skew = TOKEN_SKEW,
		.max_lifetime = seconds_of(DatumGetIntervalP(scan_get(scan, COL_MAX_LIFETIME, NULL))),
		.principal_claim = optional_text(scan, COL_PRINCIPAL_CLAIM),
		.tenant_claim = optional_text(scan, COL_TENANT_CLAIM),
		.role_claim = optional_text(scan, COL_ROLE_CLAIM),
		.address_claim = optional_text(scan, COL_ADDRESS_CLAIM),
	};

	issuer->rules = rules;
	issuer->keys = compile_keys(DatumGetTextPP(scan_get(scan, COL_JWKS, NULL)));
	return issuer;
}

static Issuer *
load_issuers(const pg_uuid_t *tenant)
{
	MemoryContext old = MemoryContextSwitchTo(cache_memory);
	Datum		key = UUIDPGetDatum(tenant);
	Issuer	   *first = NULL;
	TableScan	scan;

	scan_begin(&scan, TABLE_TOKEN_ISSUER, INDEX_TOKEN_ISSUER, NULL, &key, 1);
	while (scan_next(&scan))
	{
		Issuer	   *issuer;

		row_require_authentic(&scan, TABLE_TOKEN_ISSUER);
		issuer = compile_issuer(&scan);
		issuer->next = first;
		first = issuer;
	}
	scan_end(&scan);
	MemoryContextSwitchTo(old);
	return first;
}

static void
empty_cache(void)
{
	HASHCTL		control = {.keysize = sizeof(pg_uuid_t),.entrysize = sizeof(TenantIssuers)};

	cache = NULL;
	if (cache_memory)
		MemoryContextDelete(cache_memory);
	cache_memory = NULL;
	cache_memory = AllocSetContextCreate(TopMemoryContext, "vault issuers", ALLOCSET_SMALL_SIZES);
	control.hcxt = cache_memory;
	cache = hash_create("vault issuers", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cache_stale = false;
}

const Issuer *
issuers_of(const pg_uuid_t *tenant)
{
	TenantIssuers *entry;
	Issuer	   *first;

	if (cache == NULL || cache_stale)
		empty_cache();
	entry = hash_search(cache, tenant, HASH_FIND, NULL);
	if (entry)
		return entry->first;

	/* If reading the table makes the cache stale, what was read is not kept. */
	first = load_issuers(tenant);
	if (!cache_stale)
	{
		entry = hash_search(cache, tenant, HASH_ENTER, NULL);
		entry->first = first;
	}
	return first;
}

static char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* The argument that a phrase of jwt_rules_fault() is about. */
static const char *
argument_at_fault(const char *fault)
{
	if (strncmp(fault, "issuer", 6) == 0)
		return "issuer";
	if (strncmp(fault, "audience", 8) == 0)
		return "audience";
	if (strncmp(fault, "maximum lifetime", 16) == 0)
		return "max_lifetime";
	return "claim_mapping";
}

PG_FUNCTION_INFO_V1(vault_check_issuer);
PG_FUNCTION_INFO_V1(vault_check_jwks);

/* check_issuer(issuer, audience, max_lifetime, and the claims in the order of the columns) */
Datum
vault_check_issuer(PG_FUNCTION_ARGS)
{
	JwtRules	rules = {
		.issuer = text_argument(fcinfo, 0),
		.audience = text_argument(fcinfo, 1),
		.skew = TOKEN_SKEW,
		.max_lifetime = PG_ARGISNULL(2) ? 0 : seconds_of(PG_GETARG_INTERVAL_P(2)),
		.principal_claim = text_argument(fcinfo, 3),
		.tenant_claim = text_argument(fcinfo, 4),
		.role_claim = text_argument(fcinfo, 5),
		.address_claim = text_argument(fcinfo, 6),
	};
	const char *fault = jwt_rules_fault(&rules);

	if (fault)
		error_bad_argument(argument_at_fault(fault), fault, "Its tokens are verified by these rules.");
	if (strncmp(rules.issuer, OWN_ISSUER_PREFIX, strlen(OWN_ISSUER_PREFIX)) == 0)
		error_bad_argument("issuer", "this is a name of the vault's own tokens",
						   "Tokens of the vault need no issuer: vault.issue_token() makes them.");
	if (rules.max_lifetime > 366 * SECS_PER_DAY)
		error_bad_argument("max_lifetime", "maximum lifetime is above 366 days", NULL);
	PG_RETURN_VOID();
}

/* check_jwks(text) */
Datum
vault_check_jwks(PG_FUNCTION_ARGS)
{
	text	   *given;
	JwtKeySet  *keys = NULL;
	const char *fault;
	int			position;

	if (PG_ARGISNULL(0))
		error_bad_argument("jwks", "it is null", "Give a JSON object with the member \"keys\".");
	given = PG_GETARG_TEXT_PP(0);
	fault = jwks_parse(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), &keys, &position);
	jwks_free(keys);
	if (fault)
		error_bad_argument("jwks",
						   position > 0 ? psprintf("key %d: %s", position, fault) : fault,
						   "It is an object with the member \"keys\", 1 to 16 public keys of type OKP, EC or RSA.");
	PG_RETURN_VOID();
}

void
issuer_init(void)
{
	tables_on_change(TABLE_TOKEN_ISSUER, issuers_changed);
}
