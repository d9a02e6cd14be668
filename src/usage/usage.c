/*
 * usage.c
 *		Counts who read what, from the rows of the trail.
 *
 * A listener of the harvest adds up the rows of a step, and SQL adds the sums to the
 * tables at its end.  They commit with the harvest's own state, so each row of the trail
 * is counted exactly once, whatever crashes; a read by itself updates nothing.  Runs
 * in the harvest's worker as the bootstrap superuser.
 */
#include "usage/usage.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inet.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "audit/record.h"
#include "door/door.h"
#include "evidence/harvest.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "policy/grants.h"
#include "policy/policy.h"
#include "tenant/tenant.h"

/* So many sums are kept in memory; a longer step is counted in parts. */
#define MAX_SUMS 50000

#define ADDRESS_BYTES 48

/* What SQL calls the sums, and their columns. */
#define SUMS "sums"

enum
{
	SUM_TENANT,
	SUM_PRINCIPAL_ID,
	SUM_OBJECT,
	SUM_GRANT,
	SUM_VERSION,
	SUM_HOUR,
	SUM_IS_READ,
	SUM_DECISION,
	SUM_ADDRESS,
	SUM_N,
	SUM_FIRST_AT,
	SUM_LAST_AT,
	SUM_PRINCIPAL,
	SUM_ROLE,
	SUM_APPLICATION,
	SUM_SECRET,
	SUM_ENVIRONMENT,
	SUM_COLUMNS
};

static const struct
{
	const char *name;
	Oid			type;
}			columns[SUM_COLUMNS] = {
	[SUM_TENANT] = {"tenant_id", UUIDOID},
	[SUM_PRINCIPAL_ID] = {"principal_id", UUIDOID},
	[SUM_OBJECT] = {"object_id", UUIDOID},
	[SUM_GRANT] = {"grant_id", UUIDOID},
	[SUM_VERSION] = {"version", INT4OID},
	[SUM_HOUR] = {"hour", TIMESTAMPTZOID},
	[SUM_IS_READ] = {"is_read", BOOLOID},
	[SUM_DECISION] = {"decision", TEXTOID},
	[SUM_ADDRESS] = {"address", INETOID},
	[SUM_N] = {"n", INT8OID},
	[SUM_FIRST_AT] = {"first_at", TIMESTAMPTZOID},
	[SUM_LAST_AT] = {"last_at", TIMESTAMPTZOID},
	[SUM_PRINCIPAL] = {"principal", TEXTOID},
	[SUM_ROLE] = {"role", TEXTOID},
	[SUM_APPLICATION] = {"application", TEXTOID},
	[SUM_SECRET] = {"secret", TEXTOID},
	[SUM_ENVIRONMENT] = {"environment", TEXTOID},
};

#define ZERO "'00000000-0000-0000-0000-000000000000'::uuid"

/*
 * By principal and hour.  It comes before the counts by secret: a secret is new in an
 * hour if its last read until now was before it.
 */
static const char *const count_hours =
	"INSERT INTO vault_data.usage_hour AS u (tenant_id, principal_id, hour, calls, reads, denials, secrets)"
	" SELECT s.tenant_id, s.principal_id, s.hour, sum(n), COALESCE(sum(n) FILTER (WHERE is_read), 0),"
	"  COALESCE(sum(n) FILTER (WHERE decision = 'deny'), 0),"
	"  count(DISTINCT s.object_id) FILTER (WHERE is_read AND NOT EXISTS (SELECT FROM vault_data.usage o"
	"   WHERE o.tenant_id = s.tenant_id AND o.secret_id = s.object_id AND o.principal_id = s.principal_id"
	"   AND o.last_read_at >= s.hour))"
	" FROM " SUMS " s WHERE s.principal_id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	" ON CONFLICT (tenant_id, principal_id, hour) DO UPDATE SET calls = u.calls + excluded.calls,"
	"  reads = u.reads + excluded.reads, denials = u.denials + excluded.denials,"
	"  secrets = u.secrets + excluded.secrets, changed_at = excluded.changed_at";

/*
 * By secret, principal and version.  A failed call names a secret: one that exists is
 * counted with it, all others together, so that guessing fills no table.  Reads of a secret
 * that is gone by now go with it.
 */
static const char *const count_secrets =
	"WITH counted AS ("
	"  SELECT s.*, c.id AS secret_id, COALESCE(s.version, 0) AS counted_version FROM " SUMS " s"
	"  JOIN vault_data.secret c ON c.tenant_id = s.tenant_id AND c.id = s.object_id WHERE s.is_read"
	"  UNION ALL"
	"  SELECT s.*, COALESCE(c.id, " ZERO "), COALESCE(v.version, 0) FROM " SUMS " s"
	"  LEFT JOIN vault_data.secret c ON c.tenant_id = s.tenant_id"
	"   AND c.environment = s.environment COLLATE \"C\" AND c.name = s.secret COLLATE \"C\""
	"  LEFT JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = c.id AND v.version = s.version"
	"  WHERE s.decision IN ('deny', 'error') AND s.secret IS NOT NULL)"
	" INSERT INTO vault_data.usage AS u (tenant_id, secret_id, principal_id, version, reads, failed, first_read_at,"
	"  last_read_at, last_failed_at, last_at, principal, last_role, last_address, last_application)"
	" SELECT tenant_id, secret_id, COALESCE(principal_id, " ZERO "), counted_version,"
	"  COALESCE(sum(n) FILTER (WHERE is_read), 0), COALESCE(sum(n) FILTER (WHERE NOT is_read), 0),"
	"  min(first_at) FILTER (WHERE is_read), max(last_at) FILTER (WHERE is_read),"
	"  max(last_at) FILTER (WHERE NOT is_read), max(last_at),"
	"  (array_agg(principal ORDER BY last_at DESC))[1], (array_agg(role ORDER BY last_at DESC))[1],"
	"  (array_agg(address ORDER BY last_at DESC))[1], (array_agg(application ORDER BY last_at DESC))[1]"
	" FROM counted GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
	" ON CONFLICT (tenant_id, secret_id, principal_id, version) DO UPDATE SET"
	"  reads = u.reads + excluded.reads, failed = u.failed + excluded.failed,"
	"  first_read_at = LEAST(u.first_read_at, excluded.first_read_at),"
	"  last_read_at = GREATEST(u.last_read_at, excluded.last_read_at),"
	"  last_failed_at = GREATEST(u.last_failed_at, excluded.last_failed_at),"
	"  last_at = GREATEST(u.last_at, excluded.last_at), principal = COALESCE(excluded.principal, u.principal),"
	"  last_role = CASE WHEN excluded.last_at >= u.last_at THEN excluded.last_role ELSE u.last_role END,"
	"  last_address = CASE WHEN excluded.last_at >= u.last_at THEN excluded.last_address ELSE u.last_address END,"
	"  last_application = CASE WHEN excluded.last_at >= u.last_at THEN excluded.last_application ELSE u.last_application END";

/* A row of the trail without an address is of a session on the server's machine. */
static const char *const count_networks =
	"INSERT INTO vault_data.usage_network AS u (tenant_id, principal_id, network, first_seen_at, last_seen_at, calls)"
	" SELECT tenant_id, principal_id, network(set_masklen(a, CASE family(a) WHEN 4 THEN 24 ELSE 48 END)),"
	"  min(first_at), max(last_at), sum(n)"
	" FROM " SUMS ", COALESCE(address, '127.0.0.1') a WHERE principal_id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	" ON CONFLICT (tenant_id, principal_id, network) DO UPDATE SET calls = u.calls + excluded.calls,"
	"  first_seen_at = LEAST(u.first_seen_at, excluded.first_seen_at),"
	"  last_seen_at = GREATEST(u.last_seen_at, excluded.last_seen_at)";

static const char *const count_denials =
	"INSERT INTO vault_data.usage_denial AS u (tenant_id, principal_id, address, minute, denials)"
	" SELECT tenant_id, COALESCE(principal_id, " ZERO "), COALESCE(address, '127.0.0.1'),"
	"  date_trunc('minute', last_at, 'UTC'), sum(n)"
	" FROM " SUMS " WHERE decision = 'deny' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
	" ON CONFLICT (tenant_id, principal_id, address, minute) DO UPDATE SET denials = u.denials + excluded.denials,"
	"  changed_at = excluded.changed_at";

static const char *const count_grants =
	"INSERT INTO vault_data.usage_grant AS u (tenant_id, grant_id, uses, first_used_at, last_used_at)"
	" SELECT tenant_id, grant_id, sum(n), min(first_at), max(last_at)"
	" FROM " SUMS " WHERE grant_id IS NOT NULL AND decision = 'allow' GROUP BY 1, 2 ORDER BY 1, 2"
	" ON CONFLICT (tenant_id, grant_id) DO UPDATE SET uses = u.uses + excluded.uses,"
	"  first_used_at = LEAST(u.first_used_at, excluded.first_used_at),"
	"  last_used_at = GREATEST(u.last_used_at, excluded.last_used_at)";

/* In this order. */
static const char *const *const counts[] = {
	&count_hours, &count_secrets, &count_networks, &count_denials, &count_grants
};

typedef struct SumKey
{
	pg_uuid_t	tenant;
	pg_uuid_t	principal;		/* zero: nobody */
	pg_uuid_t	object;			/* of a read */
	pg_uuid_t	grant;			/* zero: none */
	TimestampTz hour;
	int64		alone;			/* what was refused or failed is not summed up: its number */
	int			version;
	bool		is_read;
	char		address[ADDRESS_BYTES];
} SumKey;

typedef struct Sum
{
	SumKey		key;
	int64		n;
	TimestampTz first_at;
	TimestampTz last_at;
	const char *decision;		/* and what follows: of the last row */
	char	   *principal;
	char	   *role;
	char	   *application;
	char	   *secret;
	char	   *environment;
} Sum;

/* The sums of the present step; they live as long as its transaction. */
typedef struct Batch
{
	MemoryContext memory;
	MemoryContextCallback forget;
	HTAB	   *sums;
	int64		alone;
} Batch;

static Batch *batch = NULL;

static void
forget_batch(void *arg)
{
	batch = NULL;
}

static void
begin_batch(void)
{
	MemoryContext memory = AllocSetContextCreate(TopTransactionContext, "vault usage",
												 ALLOCSET_DEFAULT_SIZES);
	HASHCTL		control = {.keysize = sizeof(SumKey),.entrysize = sizeof(Sum),.hcxt = memory};

	batch = MemoryContextAllocZero(memory, sizeof(Batch));
	batch->memory = memory;
	batch->forget.func = forget_batch;
	MemoryContextRegisterResetCallback(memory, &batch->forget);
	batch->sums = hash_create("vault usage", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* What a principal asked for, as a constant; neither changes that were rolled back nor alerts. */
static const char *
decision_of(const AuditRow *row)
{
	static const char *const decisions[] = {"allow", "deny", "error"};

	for (int i = 0; i < (int) lengthof(decisions); i++)
		if (strcmp(row->decision, decisions[i]) == 0)
			return decisions[i];
	return NULL;
}

static bool
is_read(const AuditRow *row)
{
	static const char *const reads[] = {
		"get", "get_bytes", "get_json", "get_many", "get_field", "conninfo", "database_url"
	};

	if (strcmp(row->decision, "allow") != 0 || !row->has_object || row->object_kind == NULL ||
		strcmp(row->object_kind, "secret") != 0)
		return false;
	for (int i = 0; i < (int) lengthof(reads); i++)
		if (strcmp(row->operation, reads[i]) == 0)
			return true;
	return false;
}

static void
fill_key(SumKey *key, const AuditRow *row)
{
	TimestampTz in_hour = row->at % USECS_PER_HOUR;

	memset(key, 0, sizeof(SumKey));
	key->tenant = row->tenant_id;
	if (row->has_principal)
		key->principal = row->principal_id;
	key->is_read = is_read(row);
	if (key->is_read)
		key->object = row->object_id;
	if (row->has_grant)
		key->grant = row->grant_id;
	key->hour = row->at - (in_hour < 0 ? in_hour + USECS_PER_HOUR : in_hour);
	key->version = row->version;
	if (row->address)
		strlcpy(key->address, row->address, ADDRESS_BYTES);
	if (strcmp(row->decision, "allow") != 0)
		key->alone = ++batch->alone;
}

static void
keep_text(char **kept, const char *text)
{
	if (*kept && text && strcmp(*kept, text) == 0)
		return;
	if (*kept)
		pfree(*kept);
	*kept = text ? MemoryContextStrdup(batch->memory, text) : NULL;
}

static void
add_row(const AuditRow *row, const char *decision)
{
	SumKey		key;
	Sum		   *sum;
	bool		found;

	fill_key(&key, row);
	sum = hash_search(batch->sums, &key, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) sum + sizeof(SumKey), 0, sizeof(Sum) - sizeof(SumKey));
		sum->first_at = sum->last_at = row->at;
	}
	sum->n++;
	sum->first_at = Min(sum->first_at, row->at);
	if (row->at < sum->last_at)
		return;
	sum->last_at = row->at;
	sum->decision = decision;
	keep_text(&sum->principal, row->principal);
	keep_text(&sum->role, row->role);
	keep_text(&sum->application, row->application_name);
	if (key.alone)
	{
		keep_text(&sum->secret, row->secret);
		keep_text(&sum->environment, row->environment);
	}
}

static TupleDesc
sum_layout(void)
{
	TupleDesc	layout = CreateTemplateTupleDesc(SUM_COLUMNS);

	for (int i = 0; i < SUM_COLUMNS; i++)
		TupleDescInitEntry(layout, i + 1, columns[i].name, columns[i].type, -1, 0);
	return layout;
}

static void
put_uuid(Datum *values, bool *nulls, int column, const pg_uuid_t *id)
{
	pg_uuid_t	zero = UUID_ZERO;

	values[column] = UUIDPGetDatum(id);
	nulls[column] = uuid_equal(id, &zero);
}

static void
put_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	values[column] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_sum(Tuplestorestate *store, TupleDesc layout, const Sum *sum)
{
	Datum		values[SUM_COLUMNS];
	bool		nulls[SUM_COLUMNS] = {false};

	values[SUM_TENANT] = UUIDPGetDatum(&sum->key.tenant);
	put_uuid(values, nulls, SUM_PRINCIPAL_ID, &sum->key.principal);
	put_uuid(values, nulls, SUM_OBJECT, &sum->key.object);
	put_uuid(values, nulls, SUM_GRANT, &sum->key.grant);
	values[SUM_VERSION] = Int32GetDatum(sum->key.version);
	nulls[SUM_VERSION] = sum->key.version == 0;
	values[SUM_HOUR] = TimestampTzGetDatum(sum->key.hour);
	values[SUM_IS_READ] = BoolGetDatum(sum->key.is_read);
	put_text(values, nulls, SUM_DECISION, sum->decision);
	nulls[SUM_ADDRESS] = sum->key.address[0] == 0;
	values[SUM_ADDRESS] = nulls[SUM_ADDRESS] ? (Datum) 0 :
		DirectFunctionCall1(inet_in, CStringGetDatum(sum->key.address));
	values[SUM_N] = Int64GetDatum(sum->n);
	values[SUM_FIRST_AT] = TimestampTzGetDatum(sum->first_at);
	values[SUM_LAST_AT] = TimestampTzGetDatum(sum->last_at);
	put_text(values, nulls, SUM_PRINCIPAL, sum->principal);
	put_text(values, nulls, SUM_ROLE, sum->role);
	put_text(values, nulls, SUM_APPLICATION, sum->application);
	put_text(values, nulls, SUM_SECRET, sum->secret);
	put_text(values, nulls, SUM_ENVIRONMENT, sum->environment);
	tuplestore_putvalues(store, layout, values, nulls);
}

static Tuplestorestate *
store_sums(TupleDesc layout)
{
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	MemoryContext scratch = AllocSetContextCreate(batch->memory, "vault usage row",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	HASH_SEQ_STATUS scan;
	Sum		   *sum;

	hash_seq_init(&scan, batch->sums);
	while ((sum = hash_seq_search(&scan)) != NULL)
	{
		put_sum(store, layout, sum);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return store;
}

/* Planned anew each time: a moment ago the tables may have been empty. */
static void
run_counts(EphemeralNamedRelation sums)
{
	SPI_register_relation(sums);
	for (int i = 0; i < (int) lengthof(counts); i++)
	{
		int			result = SPI_execute(*counts[i], false, 0);

		if (result != SPI_OK_INSERT)
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not count the usage: %s", SPI_result_code_string(result))));
	}
	SPI_unregister_relation(sums->md.name);
}

/* Adds the sums to the tables, and begins with none. */
static void
count_batch(void)
{
	EphemeralNamedRelationData sums = {
		.md = {.name = SUMS,.enrtype = ENR_NAMED_TUPLESTORE},
	};
	int			level = NewGUCNestLevel();

	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	sql_begin();
	sums.md.tupdesc = sum_layout();
	sums.md.enrtuples = hash_get_num_entries(batch->sums);
	sums.reldata = store_sums(sums.md.tupdesc);
	run_counts(&sums);
	tuplestore_end(sums.reldata);
	sql_end();
	AtEOXact_GUC(false, level);
	MemoryContextDelete(batch->memory);
}

static void
usage_row(const AuditRow *row)
{
	const char *decision = decision_of(row);

	if (decision == NULL)
		return;
	if (batch == NULL)
		begin_batch();
	add_row(row, decision);
	if (hash_get_num_entries(batch->sums) >= MAX_SUMS)
		count_batch();
}

static void
usage_end(void)
{
	if (batch)
		count_batch();
}

PG_FUNCTION_INFO_V1(vault_principal_may);
PG_FUNCTION_INFO_V1(vault_all_tenant_ids);
PG_FUNCTION_INFO_V1(vault_enter_tenant_id);

/*
 * principal_may(tenant, principal, permission, name, environment): the policy's
 * decision for somebody else, were the conditions of its grants met; false for those who
 * may not see that principal's grants.
 */
Datum
vault_principal_may(PG_FUNCTION_ARGS)
{
	Caller		viewer;
	pg_uuid_t  *tenant = PG_GETARG_UUID_P(0);
	GrantSet	set;
	Situation	generous = {.assumption = ASSUME_GENEROUS,.at = GetCurrentTimestamp()};
	text	   *name = PG_GETARG_TEXT_PP(3);
	text	   *environment = PG_GETARG_TEXT_PP(4);
	Permission	permission = (Permission) permission_by_name(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	SecretName	secret = {
		.name = VARDATA_ANY(name),.name_size = VARSIZE_ANY_EXHDR(name),
		.environment = VARDATA_ANY(environment),
		.environment_size = VARSIZE_ANY_EXHDR(environment)
	};

	door_check(DOOR_VIEW, &viewer);
	if (!role_is_overseer(viewer.role) &&
		(!viewer.is_identified || viewer.is_suspended ||
		 !uuid_equal(&viewer.tenant, tenant) || !policy_is_administrator(&viewer)))
		PG_RETURN_BOOL(false);
	set = grants_of(tenant, PG_GETARG_UUID_P(1));
	PG_RETURN_BOOL((grants_decide(&set, &secret, &generous, permission, NULL) & permission) != 0);
}

static void
require_operator(void)
{
	if (!role_is_operator(door_required()->caller.role))
		tenant_refuse_unknown();
}

/* all_tenant_ids(): destroyed ones too, and the zero id, for an operator's batch jobs. */
Datum
vault_all_tenant_ids(PG_FUNCTION_ARGS)
{
	ArrayBuildState *ids = initArrayResult(UUIDOID, CurrentMemoryContext, false);
	pg_uuid_t	zero = UUID_ZERO;
	TableScan	scan;

	require_operator();
	ids = accumArrayResult(ids, UUIDPGetDatum(&zero), false, UUIDOID, CurrentMemoryContext);
	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, NULL, 0);
	while (scan_next(&scan))
		ids = accumArrayResult(ids, scan_get(&scan, 1, NULL), false, UUIDOID, CurrentMemoryContext);
	scan_end(&scan);
	return makeArrayResult(ids, CurrentMemoryContext);
}

/* enter_tenant_id(id): an operator's door looks into that tenant, or with the zero id into none. */
Datum
vault_enter_tenant_id(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = PG_GETARG_UUID_P(0);
	pg_uuid_t	zero = UUID_ZERO;
	char		name[64] = "";
	char		state[16];

	require_operator();
	if (!uuid_equal(id, &zero) && !tenant_describe(id, name, state))
		tenant_refuse_unknown();
	door_enter_tenant(id, name);
	PG_RETURN_VOID();
}

void
usage_init(void)
{
	static const HarvestListener listener = {.row = usage_row,.end = usage_end};

	harvest_add_listener(&listener);
}
