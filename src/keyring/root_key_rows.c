/*
 * root_key_rows.c
 *		Rows of vault_data.instance and vault_data.root_key, and the place where they were written.
 *
 * They are read directly, as any role and under a fresh snapshot: they contain no secret, and the
 * entry needs them before the caller is identified.
 */
#include "keyring/root_key_rows.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "crypto/raise.h"
#include "keyring/source.h"
#include "platform/bytes.h"
#include "platform/sql.h"
#include "platform/tables.h"

#define ROOT_CHECK_LABEL "vault root key check value v1"

void
key_check_value(const char *label, const SecretKey *key, const pg_uuid_t *id, uint32 generation,
				unsigned char out[CHECK_VALUE_BYTES])
{
	unsigned char info[64 + UUID_LEN + 4];
	size_t size = strlen(label);
	uint32 number = pg_hton32(generation);

	if (size > 64)
		elog(ERROR, "the label of a check value has more than 64 bytes");
	memcpy(info, label, size);
	memcpy(info + size, id->data, UUID_LEN);
	memcpy(info + size + UUID_LEN, &number, 4);
	crypto_require(crypto_hkdf_sha512(key->bytes, KEY_BYTES, NULL, 0, info, size + UUID_LEN + 4,
									  out, CHECK_VALUE_BYTES));
}

bool
root_record_instance(pg_uuid_t *instance)
{
	Relation table = table_open(table_oid(TABLE_INSTANCE), AccessShareLock);
	SysScanDesc scan = systable_beginscan(table, InvalidOid, false, GetLatestSnapshot(), 0, NULL);
	HeapTuple tuple = systable_getnext(scan);
	bool isnull;

	if (tuple)
		*instance = *DatumGetUUIDP(heap_getattr(tuple, 2, RelationGetDescr(table), &isnull));
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return tuple != NULL;
}

char *
this_system(void)
{
	return psprintf(UINT64_FORMAT, GetSystemIdentifier());
}

/*
 * Return the database and the oid of the instance table. The next CREATE EXTENSION creates another
 * table.
 */
char *
this_host(void)
{
	return psprintf("%u/%u", MyDatabaseId, table_oid(TABLE_INSTANCE));
}

static bool
root_key_rows_is_text(HeapTuple tuple, TupleDesc layout, int column, const char *expected)
{
	bool isnull;
	Datum value = heap_getattr(tuple, column, layout, &isnull);

	return !isnull && strcmp(TextDatumGetCString(value), expected) == 0;
}

/*
 * Return true if the state of the trail was written here. Column 2 of vault_data.audit_progress is
 * the system, column 3 the place.
 */
static bool
is_settled(void)
{
	Relation table = table_open(table_oid(TABLE_AUDIT_PROGRESS), AccessShareLock);
	SysScanDesc scan = systable_beginscan(table, InvalidOid, false, GetLatestSnapshot(), 0, NULL);
	HeapTuple tuple = systable_getnext(scan);
	bool here = tuple && root_key_rows_is_text(tuple, RelationGetDescr(table), 2, this_system()) &&
		root_key_rows_is_text(tuple, RelationGetDescr(table), 3, this_host());

	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return here;
}

Presence
vault_presence(void)
{
	pg_uuid_t instance;

	if (!OidIsValid(table_oid(TABLE_INSTANCE)) || !OidIsValid(table_oid(TABLE_AUDIT_PROGRESS)) ||
		!root_record_instance(&instance))
		return VAULT_ABSENT;
	return is_settled() ? VAULT_SETTLED : VAULT_LOADED;
}

/* Fill the record from the columns generation, check_value, state, source, shares, threshold. */
static void
fill_record(HeapTuple tuple, TupleDesc layout, RootRecord *record)
{
	bool isnull;
	bytea *check = DatumGetByteaPP(heap_getattr(tuple, 2, layout, &isnull));

	record->generation = DatumGetInt32(heap_getattr(tuple, 1, layout, &isnull));
	memset(record->check, 0, CHECK_VALUE_BYTES);
	memcpy(record->check, VARDATA_ANY(check), Min(VARSIZE_ANY_EXHDR(check), CHECK_VALUE_BYTES));
	record->shares = DatumGetInt32(heap_getattr(tuple, 5, layout, &isnull));
	record->threshold = DatumGetInt32(heap_getattr(tuple, 6, layout, &isnull));
}

/* Returns false if the vault is not initialized, or the extension not installed. */
bool
root_record_read(RootRecord *record)
{
	Relation table;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found = false;

	if (!OidIsValid(table_oid(TABLE_ROOT_KEY)) || !root_record_instance(&record->instance))
		return false;
	table = table_open(table_oid(TABLE_ROOT_KEY), AccessShareLock);
	scan = systable_beginscan(table, InvalidOid, false, GetLatestSnapshot(), 0, NULL);
	while (!found && (tuple = systable_getnext(scan)) != NULL)
	{
		bool isnull;
		Datum state = heap_getattr(tuple, 3, RelationGetDescr(table), &isnull);

		found = strcmp(TextDatumGetCString(state), "active") == 0;
		if (found)
			fill_record(tuple, RelationGetDescr(table), record);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return found;
}

bool
root_record_fits(const RootRecord *record, const SecretKey *key)
{
	unsigned char check[CHECK_VALUE_BYTES];

	key_check_value(ROOT_CHECK_LABEL, key, &record->instance, record->generation, check);
	return secret_equal(check, record->check, CHECK_VALUE_BYTES);
}

void
root_record_note(RootRecord *record, const SecretKey *key)
{
	key_check_value(ROOT_CHECK_LABEL, key, &record->instance, record->generation, record->check);
}

void
root_record_insert(const RootRecord *record)
{
	static Sql insert = {
		"INSERT INTO vault_data.root_key (generation, check_value, state, source, shares,"
		" threshold)"
		" VALUES ($1, $2, 'active', $3, $4, $5)",
		5,
		{INT4OID, BYTEAOID, TEXTOID, INT4OID, INT4OID}};
	Datum values[5];

	values[0] = Int32GetDatum(record->generation);
	values[1] = PointerGetDatum(bytes_from(record->check, CHECK_VALUE_BYTES));
	values[2] = CStringGetTextDatum(source_kind_name());
	values[3] = Int32GetDatum(record->shares);
	values[4] = Int32GetDatum(record->threshold);
	sql_run(&insert, values, NULL);
}
