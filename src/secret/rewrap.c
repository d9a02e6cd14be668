/*
 * rewrap.c
 *		Move envelopes under the active key of their tenant, in batches.
 *
 * A batch is one transaction. It skips secrets that another transaction holds; the next batch
 * finds them. The head is locked before its versions, as everywhere, so that the copy in the head
 * moves with its version. A retired key that no envelope needs any more is deleted, under a lock
 * that no put in flight can pass.
 */
#include "platform/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "audit/audit.h"
#include "crypto/raise.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/lock.h"
#include "platform/secret_memory.h"
#include "platform/sql.h"
#include "secret/secret.h"
#include "tenant/tenant.h"
#include "tenant/tenant_key.h"

/* Columns of the batch. */
enum
{
	BATCH_SECRET = 1,
	BATCH_VERSION,
	BATCH_GENERATION,
	BATCH_ENVELOPE,
	BATCH_TYPE
};

static void
rewrap_row(const pg_uuid_t *tenant, HeapTuple row, TupleDesc layout)
{
	static Sql update = {
		"UPDATE vault_data.secret_version SET envelope = $4::vault.envelope, key_generation = $5"
		" WHERE tenant_id = $1 AND secret_id = $2 AND version = $3",
		5,
		{UUIDOID, UUIDOID, INT4OID, BYTEAOID, INT4OID}};
	static Sql copy = {
		"UPDATE vault_data.secret SET envelope = $4::vault.envelope"
		" WHERE tenant_id = $1 AND id = $2 AND current_version = $3 AND envelope IS NOT NULL",
		5,
		{UUIDOID, UUIDOID, INT4OID, BYTEAOID, INT4OID}};
	SecretHead head = {.tenant = *tenant};
	bool isnull;
	Datum values[5];
	uint32 generation;
	uint8_t format;
	int version = DatumGetInt32(SPI_getbinval(row, layout, BATCH_VERSION, &isnull));
	bytea *value;

	head.id = *DatumGetUUIDP(SPI_getbinval(row, layout, BATCH_SECRET, &isnull));
	text_to_cstring_buffer(DatumGetTextPP(SPI_getbinval(row, layout, BATCH_TYPE, &isnull)),
						   head.type, sizeof(head.type));
	value =
		secret_open(&head, version,
					DatumGetInt32(SPI_getbinval(row, layout, BATCH_GENERATION, &isnull)),
					DatumGetByteaPP(SPI_getbinval(row, layout, BATCH_ENVELOPE, &isnull)), &format);
	values[3] =
		PointerGetDatum(secret_seal(tenant, &head.id, head.type, version, VARDATA_ANY(value),
									VARSIZE_ANY_EXHDR(value), format, &generation));
	values[0] = UUIDPGetDatum(tenant);
	values[1] = UUIDPGetDatum(&head.id);
	values[2] = Int32GetDatum(version);
	values[4] = Int32GetDatum(generation);
	sql_run(&update, values, NULL);
	sql_run(&copy, values, NULL);
}

/*
 * Rewrap at most `limit` rows of the call's tenant, and return their number. Values are in
 * `memory` only.
 */
static int
rewrap_batch(const pg_uuid_t *tenant, int limit, MemoryContext memory)
{
	static Sql batch = {
		"SELECT v.secret_id, v.version, v.key_generation, v.envelope, COALESCE(v.type, '')"
		" FROM vault_data.secret s JOIN vault_data.secret_version v"
		" ON v.tenant_id = s.tenant_id AND v.secret_id = s.id"
		" WHERE v.tenant_id = $1 AND v.key_generation < $2"
		" LIMIT $3 FOR NO KEY UPDATE OF s, v SKIP LOCKED",
		3,
		{UUIDOID, INT4OID, INT8OID}};
	Datum values[3] = {UUIDPGetDatum(tenant), Int32GetDatum(tenant_key_active(tenant)),
					   Int64GetDatum(limit)};
	int count = (int) sql_run(&batch, values, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (int i = 0; i < count; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(memory);

		CHECK_FOR_INTERRUPTS();
		rewrap_row(tenant, rows->vals[i], rows->tupdesc);
		MemoryContextSwitchTo(old);
		MemoryContextReset(memory); /* wipes the value */
	}
	return count;
}

/*
 * Delete the retired keys that no version is sealed with. This is done only in a call that found
 * nothing to move: a read that saw a row just before it moved has had its key since.
 */
static void
forget_retired(const pg_uuid_t *tenant)
{
	static Sql forget = {
		"DELETE FROM vault_data.tenant_key k WHERE k.tenant_id = $1 AND k.state = 'retired'"
		" AND NOT EXISTS (SELECT FROM vault_data.secret_version v"
		" WHERE v.tenant_id = $1 AND v.key_generation = k.generation)",
		1,
		{UUIDOID}};
	Datum value = UUIDPGetDatum(tenant);

	if (lock_named_now(LOCK_KEYS, tenant, UUID_LEN, ExclusiveLock))
		sql_run(&forget, &value, NULL);
}

/* Return the tenants that have a retired key. */
static List *
tenants_to_rewrap(void)
{
	TableScan scan;
	List *tenants = NIL;

	scan_begin(&scan, TABLE_TENANT_KEY, INDEX_TENANT_KEY, NULL, NULL, 0);
	while (scan_next(&scan))
	{
		pg_uuid_t *tenant = DatumGetUUIDP(scan_get(&scan, 1, NULL));
		bool retired = strcmp(TextDatumGetCString(scan_get(&scan, 6, NULL)), "retired") == 0;

		if (retired && (tenants == NIL || !uuid_equal(llast(tenants), tenant)))
		{
			pg_uuid_t *copy = palloc(sizeof(pg_uuid_t));

			*copy = *tenant;
			tenants = lappend(tenants, copy);
		}
	}
	scan_end(&scan);
	return tenants;
}

/* Rewrap at most `limit` rows of a tenant, and return their number. */
static int
rewrap_tenant(const pg_uuid_t *tenant, int limit, MemoryContext memory)
{
	char name[64] = "";
	int count;

	(void) tenant_describe(tenant, name, NULL);
	call_enter_tenant(tenant, name);
	count = rewrap_batch(tenant, limit, memory);
	if (count > 0)
		audit_event("rewrap", psprintf("%d versions", count));
	else
		forget_retired(tenant);
	return count;
}

/*
 * Give each tenant an equal share of the rest of the limit. Returns the tenants that have more
 * rows.
 */
static List *
rewrap_in_turn(List *turn, int limit, int *moved, MemoryContext memory)
{
	int left = list_length(turn);
	List *more = NIL;
	ListCell *cell;

	foreach(cell, turn)
	{
		int share = (limit - *moved + left - 1) / left;
		int count;

		left--;
		if (share == 0)
			break;
		count = rewrap_tenant(lfirst(cell), share, memory);
		*moved += count;
		if (count == share)
			more = lappend(more, lfirst(cell));
	}
	return more;
}

static Datum
rewrap_body(FunctionCallInfo fcinfo)
{
	int limit = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	int moved = 0;
	MemoryContext memory = secret_context_new(CurrentMemoryContext, "vault rewrap");
	List *turn;

	if (limit <= 0)
		error_bad_argument("max_rows", "must be positive", NULL);
	sql_begin();
	turn = tenants_to_rewrap();
	while (turn != NIL && moved < limit)
		turn = rewrap_in_turn(turn, limit, &moved, memory);
	sql_end();
	PG_RETURN_INT32(moved);
}

PG_FUNCTION_INFO_V1(vault_rewrap);

Datum
vault_rewrap(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_OPERATOR, fcinfo, rewrap_body);
}
