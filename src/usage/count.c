/*
 * count.c
 *		The statements that add the sums to the tables.
 *
 * They run once for each hour, in the order of hours. So each secret that a principal read is one
 * row, and it is known whether the secret was new in that hour. If an hour is counted in parts,
 * after a later one, some secrets that were new in it may be missed. The sums are exact.
 */
#include "usage/count.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "platform/as_role.h"
#include "platform/sql.h"
#include "platform/tables.h"

/*
 * SQL names of the sums, and their columns: the reads of one hour by secret, and all its calls.
 * Both end with the same columns.
 */
enum
{
	SUM_N,
	SUM_FIRST_AT,
	SUM_LAST_AT,
	SUM_ADDRESS,
	SUM_PRINCIPAL,
	SUM_ROLE,
	SUM_APPLICATION,
	SUM_COLUMNS
};

enum
{
	READ_TENANT,
	READ_SECRET_ID,
	READ_PRINCIPAL_ID,
	READ_VERSION,
	READ_HOUR,
	READ_SUM,
	READ_COLUMNS = READ_SUM + SUM_COLUMNS
};

enum
{
	CALL_TENANT,
	CALL_PRINCIPAL_ID,
	CALL_GRANT,
	CALL_VERSION,
	CALL_HOUR,
	CALL_IS_READ,
	CALL_DECISION,
	CALL_SECRET,
	CALL_ENVIRONMENT,
	CALL_SUM,
	CALL_COLUMNS = CALL_SUM + SUM_COLUMNS
};

#define MAX_COLUMNS CALL_COLUMNS

typedef struct Column
{
	const char *name;
	Oid type;
} Column;

#define COLUMNS_OF_SUM(from)                                                                   \
	[(from) + SUM_N] = {"n", INT8OID}, [(from) + SUM_FIRST_AT] = {"first_at", TIMESTAMPTZOID}, \
			  [(from) + SUM_LAST_AT] = {"last_at", TIMESTAMPTZOID},                            \
			  [(from) + SUM_ADDRESS] = {"address", INETOID},                                   \
			  [(from) + SUM_PRINCIPAL] = {"principal", TEXTOID},                               \
			  [(from) + SUM_ROLE] = {"role", TEXTOID},                                         \
			  [(from) + SUM_APPLICATION] = {"application", TEXTOID}

static const Column read_columns[READ_COLUMNS] = {
	[READ_TENANT] = {"tenant_id", UUIDOID},          [READ_SECRET_ID] = {"secret_id", UUIDOID},
	[READ_PRINCIPAL_ID] = {"principal_id", UUIDOID}, [READ_VERSION] = {"version", INT4OID},
	[READ_HOUR] = {"hour", TIMESTAMPTZOID},          COLUMNS_OF_SUM(READ_SUM)};

static const Column call_columns[CALL_COLUMNS] = {
	[CALL_TENANT] = {"tenant_id", UUIDOID},        [CALL_PRINCIPAL_ID] = {"principal_id", UUIDOID},
	[CALL_GRANT] = {"grant_id", UUIDOID},          [CALL_VERSION] = {"version", INT4OID},
	[CALL_HOUR] = {"hour", TIMESTAMPTZOID},        [CALL_IS_READ] = {"is_read", BOOLOID},
	[CALL_DECISION] = {"decision", TEXTOID},       [CALL_SECRET] = {"secret", TEXTOID},
	[CALL_ENVIRONMENT] = {"environment", TEXTOID}, COLUMNS_OF_SUM(CALL_SUM)};

#define ZERO "'00000000-0000-0000-0000-000000000000'::uuid"

/*
 * Count by principal and hour. This precedes the counts by secret: a secret is new in an hour if
 * its last read until now was before that hour.
 */
static const char *const count_hours =
	"INSERT INTO vault_data.usage_hour AS u"
	"  (tenant_id, principal_id, hour, calls, reads, denials, secrets)"
	" SELECT c.tenant_id, c.principal_id, c.hour, sum(c.n),"
	"  COALESCE(sum(c.n) FILTER (WHERE c.is_read), 0),"
	"  COALESCE(sum(c.n) FILTER (WHERE c.decision = 'deny'), 0), COALESCE(max(s.secrets), 0)"
	" FROM calls c"
	"  LEFT JOIN (SELECT r.tenant_id, r.principal_id, count(DISTINCT r.secret_id) AS secrets"
	"   FROM reads r"
	"   WHERE NOT EXISTS (SELECT FROM vault_data.usage o"
	"    WHERE o.tenant_id = r.tenant_id AND o.secret_id = r.secret_id"
	"    AND o.principal_id = r.principal_id AND o.last_read_at >= r.hour)"
	"   GROUP BY 1, 2) s ON s.tenant_id = c.tenant_id AND s.principal_id = c.principal_id"
	" WHERE c.principal_id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	" ON CONFLICT (tenant_id, principal_id, hour) DO UPDATE SET calls = u.calls + excluded.calls,"
	"  reads = u.reads + excluded.reads, denials = u.denials + excluded.denials,"
	"  secrets = u.secrets + excluded.secrets, changed_at = excluded.changed_at";

#define INTO_USAGE                                                                           \
	"INSERT INTO vault_data.usage AS u (tenant_id, secret_id, principal_id, version, reads," \
	"  failed, first_read_at, last_read_at, last_failed_at, last_at, principal, last_role,"  \
	"  last_address, last_application) "
#define ADD_TO_USAGE                                                           \
	" ON CONFLICT (tenant_id, secret_id, principal_id, version) DO UPDATE SET" \
	"  reads = u.reads + excluded.reads, failed = u.failed + excluded.failed," \
	"  first_read_at = LEAST(u.first_read_at, excluded.first_read_at),"        \
	"  last_read_at = GREATEST(u.last_read_at, excluded.last_read_at),"        \
	"  last_failed_at = GREATEST(u.last_failed_at, excluded.last_failed_at),"  \
	"  last_at = GREATEST(u.last_at, excluded.last_at),"                       \
	"  principal = COALESCE(excluded.principal, u.principal),"                 \
	"  last_role = CASE WHEN excluded.last_at >= u.last_at"                    \
	"   THEN excluded.last_role ELSE u.last_role END,"                         \
	"  last_address = CASE WHEN excluded.last_at >= u.last_at"                 \
	"   THEN excluded.last_address ELSE u.last_address END,"                   \
	"  last_application = CASE WHEN excluded.last_at >= u.last_at"             \
	"   THEN excluded.last_application ELSE u.last_application END"

/* Count by secret, principal and version. Reads of a secret that is gone by now are not counted. */
static const char *const count_reads = INTO_USAGE
	"SELECT r.tenant_id, r.secret_id, r.principal_id, r.version, r.n, 0,"
	"  r.first_at, r.last_at, NULL, r.last_at, r.principal, r.role, r.address, r.application"
	" FROM reads r"
	"  JOIN vault_data.secret c ON c.tenant_id = r.tenant_id AND c.id = r.secret_id"
	" ORDER BY 1, 2, 3, 4" ADD_TO_USAGE;

/*
 * Count failed calls. A secret that exists has a count of its own. All other names share one, so
 * that guessing fills no table.
 */
static const char *const count_failures =
	"WITH failed AS (SELECT c.*, COALESCE(s.id, " ZERO
	") AS secret_id, COALESCE(v.version, 0) AS counted_version"
	"  FROM calls c LEFT JOIN vault_data.secret s ON s.tenant_id = c.tenant_id"
	"   AND s.environment = c.environment COLLATE \"C\" AND s.name = c.secret COLLATE \"C\""
	"  LEFT JOIN vault_data.secret_version v ON v.tenant_id = c.tenant_id"
	"   AND v.secret_id = s.id AND v.version = c.version"
	"  WHERE c.decision IN ('deny', 'error') AND c.secret IS NOT NULL) " INTO_USAGE
	"SELECT tenant_id, secret_id, COALESCE(principal_id, " ZERO
	"), counted_version, 0, sum(n), NULL, NULL,"
	"  max(last_at), max(last_at),"
	"  (array_agg(principal ORDER BY last_at DESC))[1], (array_agg(role ORDER BY last_at DESC))[1],"
	"  (array_agg(address ORDER BY last_at DESC))[1],"
	"  (array_agg(application ORDER BY last_at DESC))[1]"
	" FROM failed GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4" ADD_TO_USAGE;

/*
 * Count by network. A row of the trail without an address is of a session on the server's machine.
 */
static const char *const count_networks =
	"INSERT INTO vault_data.usage_network AS u"
	"  (tenant_id, principal_id, network, first_seen_at, last_seen_at, calls)"
	" SELECT tenant_id, principal_id,"
	"  network(set_masklen(a, CASE family(a) WHEN 4 THEN 24 ELSE 48 END)),"
	"  min(first_at), max(last_at), sum(n)"
	" FROM calls, COALESCE(address, '127.0.0.1') a WHERE principal_id IS NOT NULL"
	" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	" ON CONFLICT (tenant_id, principal_id, network) DO UPDATE SET"
	"  calls = u.calls + excluded.calls,"
	"  first_seen_at = LEAST(u.first_seen_at, excluded.first_seen_at),"
	"  last_seen_at = GREATEST(u.last_seen_at, excluded.last_seen_at)";

static const char *const count_denials =
	"INSERT INTO vault_data.usage_denial AS u (tenant_id, principal_id, address, minute, denials)"
	" SELECT tenant_id, COALESCE(principal_id, " ZERO "), COALESCE(address, '127.0.0.1'),"
	"  date_trunc('minute', last_at, 'UTC'), sum(n)"
	" FROM calls WHERE decision = 'deny' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
	" ON CONFLICT (tenant_id, principal_id, address, minute) DO UPDATE SET"
	"  denials = u.denials + excluded.denials, changed_at = excluded.changed_at";

static const char *const count_grants =
	"INSERT INTO vault_data.usage_grant AS u"
	"  (tenant_id, grant_id, uses, first_used_at, last_used_at)"
	" SELECT tenant_id, grant_id, sum(n), min(first_at), max(last_at)"
	" FROM calls WHERE grant_id IS NOT NULL AND decision = 'allow' GROUP BY 1, 2 ORDER BY 1, 2"
	" ON CONFLICT (tenant_id, grant_id) DO UPDATE SET uses = u.uses + excluded.uses,"
	"  first_used_at = LEAST(u.first_used_at, excluded.first_used_at),"
	"  last_used_at = GREATEST(u.last_used_at, excluded.last_used_at)";

/* The order matters; see count_hours. */
static const char *const *const counts[] = {&count_hours,    &count_reads,   &count_failures,
											&count_networks, &count_denials, &count_grants};

static TupleDesc
layout_of(const Column *columns, int count)
{
	TupleDesc layout = CreateTemplateTupleDesc(count);

	for (int i = 0; i < count; i++)
		TupleDescInitEntry(layout, i + 1, columns[i].name, columns[i].type, -1, 0);
	compat_finish_layout(layout);
	return layout;
}

static void
put_uuid(Datum *values, bool *nulls, int column, const pg_uuid_t *id)
{
	pg_uuid_t zero = UUID_ZERO;

	values[column] = UUIDPGetDatum(id);
	nulls[column] = uuid_equal(id, &zero);
}

static void
count_put_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	values[column] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_sum(Datum *values, bool *nulls, const Sum *sum)
{
	values[SUM_N] = Int64GetDatum(sum->n);
	values[SUM_FIRST_AT] = TimestampTzGetDatum(sum->first_at);
	values[SUM_LAST_AT] = TimestampTzGetDatum(sum->last_at);
	nulls[SUM_ADDRESS] = sum->address == NULL;
	if (sum->address)
		values[SUM_ADDRESS] = DirectFunctionCall1(inet_in, CStringGetDatum(sum->address));
	count_put_text(values, nulls, SUM_PRINCIPAL, sum->principal);
	count_put_text(values, nulls, SUM_ROLE, sum->role);
	count_put_text(values, nulls, SUM_APPLICATION, sum->application);
}

static void
put_read(const void *entry, Datum *values, bool *nulls)
{
	const ReadSum *read = entry;

	values[READ_TENANT] = UUIDPGetDatum(&read->key.tenant);
	values[READ_SECRET_ID] = UUIDPGetDatum(&read->key.secret);
	values[READ_PRINCIPAL_ID] = UUIDPGetDatum(&read->key.principal);
	values[READ_VERSION] = Int32GetDatum((int32) read->key.version);
	values[READ_HOUR] = TimestampTzGetDatum(read->key.hour);
	put_sum(values + READ_SUM, nulls + READ_SUM, &read->sum);
}

static void
put_call(const void *entry, Datum *values, bool *nulls)
{
	const CallSum *call = entry;

	values[CALL_TENANT] = UUIDPGetDatum(&call->key.tenant);
	put_uuid(values, nulls, CALL_PRINCIPAL_ID, &call->key.principal);
	put_uuid(values, nulls, CALL_GRANT, &call->key.grant);
	values[CALL_VERSION] = Int32GetDatum(call->key.version);
	nulls[CALL_VERSION] = call->key.version == 0;
	values[CALL_HOUR] = TimestampTzGetDatum(call->key.hour);
	values[CALL_IS_READ] = BoolGetDatum(call->key.is_read);
	count_put_text(values, nulls, CALL_DECISION, decision_name(call->sum.decision));
	count_put_text(values, nulls, CALL_SECRET, call->sum.secret);
	count_put_text(values, nulls, CALL_ENVIRONMENT, call->sum.environment);
	put_sum(values + CALL_SUM, nulls + CALL_SUM, &call->sum);
}

static TimestampTz
hour_of_read(const void *entry)
{
	return ((const ReadSum *) entry)->key.hour;
}

static TimestampTz
hour_of_call(const void *entry)
{
	return ((const CallSum *) entry)->key.hour;
}

/* One kind of sums, reads or calls, as SQL sees it. */
typedef struct Source
{
	const char *name;
	const Column *columns;
	int column_count;
	TimestampTz (*hour)(const void *entry);
	void (*put)(const void *entry, Datum *values, bool *nulls);
	EphemeralNamedRelationData relation;
} Source;

/* Register the sums of an hour under their name. */
static void
count_show(Source *source, HTAB *table, TimestampTz hour)
{
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	TupleDesc layout = layout_of(source->columns, source->column_count);
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "vault usage row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	HASH_SEQ_STATUS scan;
	void *entry;
	int64 rows = 0;

	hash_seq_init(&scan, table);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		Datum values[MAX_COLUMNS] = {0};
		bool nulls[MAX_COLUMNS] = {false};

		if (source->hour(entry) != hour)
			continue;
		source->put(entry, values, nulls);
		tuplestore_putvalues(store, layout, values, nulls);
		MemoryContextReset(scratch);
		rows++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	source->relation.md.name = (char *) source->name;
	source->relation.md.tupdesc = layout;
	source->relation.md.enrtype = ENR_NAMED_TUPLESTORE;
	source->relation.md.enrtuples = rows;
	source->relation.reldata = store;
	SPI_register_relation(&source->relation);
}

static void
count_hide(Source *source)
{
	SPI_unregister_relation(source->name);
	tuplestore_end(source->relation.reldata);
}

/* Plan the statements anew each time: at the last plan the tables may have been empty. */
static void
run_counts(void)
{
	for (int i = 0; i < (int) lengthof(counts); i++)
	{
		int result = SPI_execute(*counts[i], false, 0);

		if (result != SPI_OK_INSERT)
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not count the usage: %s", SPI_result_code_string(result))));
	}
}

static int
by_time(const ListCell *a, const ListCell *b)
{
	TimestampTz x = *(TimestampTz *) lfirst(a);
	TimestampTz y = *(TimestampTz *) lfirst(b);

	return (x > y) - (x < y);
}

/* Return the hours of all calls, in order. The reads are among the calls. */
static List *
hours_of(UsageSums *sums)
{
	List *hours = NIL;
	HASH_SEQ_STATUS scan;
	CallSum *call;

	hash_seq_init(&scan, sums->calls);
	while ((call = hash_seq_search(&scan)) != NULL)
	{
		ListCell *cell;
		bool known = false;

		foreach(cell, hours)
		{
			known = *(TimestampTz *) lfirst(cell) == call->key.hour;
			if (known)
				break;
		}
		if (!known)
			hours = lappend(hours, &call->key.hour);
	}
	list_sort(hours, by_time);
	return hours;
}

void
count_sums(UsageSums *sums)
{
	Source reads = {"reads", read_columns, READ_COLUMNS, hour_of_read, put_read};
	Source calls = {"calls", call_columns, CALL_COLUMNS, hour_of_call, put_call};
	int level = NewGUCNestLevel();
	ListCell *cell;

	as_role_set("jit", "off");
	sql_begin();
	foreach(cell, hours_of(sums))
	{
		TimestampTz hour = *(TimestampTz *) lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		count_show(&reads, sums->reads, hour);
		count_show(&calls, sums->calls, hour);
		run_counts();
		count_hide(&reads);
		count_hide(&calls);
	}
	sql_end();
	AtEOXact_GUC(false, level);
	MemoryContextDelete(sums->memory);
}
