/*
 * integrity.c
 *		Encodes rows, checks and writes their MACs.
 *
 * The key is under the instance key, and not a key of the tenant: tenant keys rotate and are
 * destroyed, and then every row would need a new MAC. The tenant's id is the first column of every
 * row, so the MAC covers it.
 *
 * An update inside a call first checks the row that it replaces, so that a changed row cannot
 * become a valid one. An update that changes no covered column keeps revision and mac.
 */
#include "integrity/integrity.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "context/call.h"
#include "crypto/primitives.h"
#include "guard/guard.h"
#include "keyring/keyring.h"
#include "platform/bytes.h"
#include "platform/encoding.h"
#include "platform/errors.h"
#include "tenant/instance_key.h"
#include "tenant/tenant.h"

#define ENCODED_NULL UINT32_MAX

/* The columns of a row, numbered from 0. */
typedef struct Row
{
	const TableInfo *table;
	TupleDesc layout;
	const Datum *values;
	const bool *nulls;
} Row;

/* A buffer on the stack, large enough for most rows. */
typedef struct Encoder
{
	unsigned char *data;
	size_t size;
	size_t capacity;
	unsigned char stack[1024];
} Encoder;

static void
integrity_grow(Encoder *encoder, size_t size)
{
	size_t capacity = 2 * (encoder->size + size);
	unsigned char *grown = palloc(capacity);

	memcpy(grown, encoder->data, encoder->size);
	encoder->data = grown;
	encoder->capacity = capacity;
}

/* Inline, because every row is encoded in some thirty pieces, most of them of four bytes. */
static inline void
put_bytes(Encoder *encoder, const void *bytes, size_t size)
{
	if (unlikely(size > encoder->capacity - encoder->size))
		integrity_grow(encoder, size);
	memcpy(encoder->data + encoder->size, bytes, size);
	encoder->size += size;
}

static void
integrity_put_uint32(Encoder *encoder, uint32 number)
{
	uint32 big_endian = pg_hton32(number);

	put_bytes(encoder, &big_endian, sizeof(big_endian));
}

static void
put_uint64(Encoder *encoder, uint64 number)
{
	uint64 big_endian = pg_hton64(number);

	put_bytes(encoder, &big_endian, sizeof(big_endian));
}

static void
put_sized(Encoder *encoder, const void *bytes, size_t size)
{
	integrity_put_uint32(encoder, size);
	put_bytes(encoder, bytes, size);
}

/* Encode a text such that the MAC is the same in a database of another encoding. */
static void
integrity_put_text(Encoder *encoder, const char *text, size_t size)
{
	const char *bytes = encoding_for_digest(text, &size);

	put_sized(encoder, bytes, size);
}

/* Encode the text form of a type that has no case of its own, mainly text[]. */
static void
put_output(Encoder *encoder, Oid type, Datum value)
{
	Oid function;
	bool is_varlena;
	char *text;

	getTypeOutputInfo(type, &function, &is_varlena);
	text = OidOutputFunctionCall(function, value);
	integrity_put_text(encoder, text, strlen(text));
}

static void
put_interval(Encoder *encoder, const Interval *interval)
{
	integrity_put_uint32(encoder, 16);
	put_uint64(encoder, interval->time);
	integrity_put_uint32(encoder, interval->day);
	integrity_put_uint32(encoder, interval->month);
}

static void
integrity_put_value(Encoder *encoder, Oid type, Datum value)
{
	text *string;

	switch (type)
	{
		case UUIDOID:
			put_sized(encoder, DatumGetUUIDP(value)->data, UUID_LEN);
			break;
		case TEXTOID:
			string = DatumGetTextPP(value);
			integrity_put_text(encoder, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
			break;
		case BYTEAOID:
			put_sized(encoder, VARDATA_ANY(DatumGetByteaPP(value)),
					  VARSIZE_ANY_EXHDR(DatumGetByteaPP(value)));
			break;
		case INT4OID:
			integrity_put_uint32(encoder, sizeof(int32));
			integrity_put_uint32(encoder, DatumGetInt32(value));
			break;
		case TIMESTAMPTZOID:
			integrity_put_uint32(encoder, sizeof(TimestampTz));
			put_uint64(encoder, DatumGetTimestampTz(value));
			break;
		case INTERVALOID:
			put_interval(encoder, DatumGetIntervalP(value));
			break;
		default:
			put_output(encoder, type, value);
	}
}

/* Compute the MAC of the row under that revision. Raises VT001 while sealed. */
static void
compute_mac(const Row *row, int32 revision, unsigned char mac[MAC_BYTES])
{
	Encoder encoder;

	encoder.data = encoder.stack;
	encoder.capacity = sizeof(encoder.stack);
	encoder.size = 0;
	put_sized(&encoder, row->table->name, strlen(row->table->name));
	integrity_put_uint32(&encoder, row->table->covered);
	for (int i = 0; i < row->table->covered; i++)
	{
		if (row->nulls[i])
			integrity_put_uint32(&encoder, ENCODED_NULL);
		else
			integrity_put_value(&encoder, TupleDescAttr(row->layout, i)->atttypid, row->values[i]);
	}
	integrity_put_uint32(&encoder, revision);
	if (!instance_mac(MAC_DECIDING_ROW, encoder.data, encoder.size, mac))
		keyring_refuse_sealed();
}

static bool
is_authentic(const Row *row)
{
	int revision = row->table->covered;
	unsigned char expected[MAC_BYTES];
	bytea *mac;

	if (row->nulls[revision] || row->nulls[revision + 1])
		return false;
	mac = DatumGetByteaPP(row->values[revision + 1]);
	compute_mac(row, DatumGetInt32(row->values[revision]), expected);
	return VARSIZE_ANY_EXHDR(mac) == MAC_BYTES &&
		secret_equal(VARDATA_ANY(mac), expected, MAC_BYTES);
}

static char *
integrity_label(const Row *row)
{
	int id = row->table->id - 1;

	if (row->nulls[id])
		return psprintf("a %s", row->table->kind);
	if (TupleDescAttr(row->layout, id)->atttypid == UUIDOID)
		return psprintf("%s %s", row->table->kind,
						DatumGetCString(DirectFunctionCall1(uuid_out, row->values[id])));
	return psprintf("%s \"%s\"", row->table->kind, TextDatumGetCString(row->values[id]));
}

static void
require_columns(const TableInfo *table, TupleDesc layout)
{
	if (layout->natts < table->covered + 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("table \"%s\" lacks columns", table->name),
				 errhint("The table was changed outside vault; restore it from a backup.")));
}

/* Get the current row of the scan, in one pass over its columns. */
static void
row_from_scan(TableScan *scan, TableId table, Row *row)
{
	row->table = table_info(table);
	row->layout = RelationGetDescr(scan->heap);
	require_columns(row->table, row->layout);
	slot_getsomeattrs(scan->slot, row->table->covered + 2);
	row->values = scan->slot->tts_values;
	row->nulls = scan->slot->tts_isnull;
}

bool
row_is_authentic(TableScan *scan, TableId table)
{
	Row row;

	row_from_scan(scan, table, &row);
	return is_authentic(&row);
}

char *
row_label(TableScan *scan, TableId table)
{
	Row row;

	row_from_scan(scan, table, &row);
	return integrity_label(&row);
}

void
row_refuse(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_TAMPERED),
			 errmsg("the row of %s was changed outside vault", text),
			 errhint("vault.verify() lists what was changed; restore it from a backup.")));
}

void
row_require_authentic(TableScan *scan, TableId table)
{
	Row row;

	row_from_scan(scan, table, &row);
	if (!is_authentic(&row))
		row_refuse(integrity_label(&row));
}

char *
tenant_row_fault(const pg_uuid_t *tenant)
{
	TableScan scan;
	Datum key = UUIDPGetDatum(tenant);
	char *fault = NULL;

	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, &key, 1);
	if (scan_next(&scan) && !row_is_authentic(&scan, TABLE_TENANT))
		fault = row_label(&scan, TABLE_TENANT);
	scan_end(&scan);
	return fault;
}

/* Check the row of a tenant that an operator looks up by name. */
static void
require_tenant_row(TableScan *scan)
{
	row_require_authentic(scan, TABLE_TENANT);
}

static const TableInfo *
deciding_table(Oid relation)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (table_info(i)->kind && table_oid(i) == relation)
			return table_info(i);
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("rows of this table are not authenticated")));
}

/* Get the columns of a tuple. Allocates in the current context. */
static void
row_from_tuple(const TableInfo *table, HeapTuple tuple, TupleDesc layout, Row *row)
{
	Datum *values = palloc(layout->natts * sizeof(Datum));
	bool *nulls = palloc(layout->natts * sizeof(bool));

	require_columns(table, layout);
	heap_deform_tuple(tuple, layout, values, nulls);
	row->table = table;
	row->layout = layout;
	row->values = values;
	row->nulls = nulls;
}

/* Return the tuple with this revision and mac. */
static HeapTuple
with_mac(HeapTuple tuple, const Row *row, int32 revision, const unsigned char mac[MAC_BYTES])
{
	int columns[2] = {row->table->covered + 1, row->table->covered + 2};
	Datum values[2] = {Int32GetDatum(revision), PointerGetDatum(bytes_from(mac, MAC_BYTES))};
	bool nulls[2] = {false, false};

	return heap_modify_tuple_by_cols(tuple, row->layout, 2, columns, values, nulls);
}

static HeapTuple
authenticate_insert(const Row *row, HeapTuple tuple)
{
	unsigned char mac[MAC_BYTES];

	compute_mac(row, 1, mac);
	return with_mac(tuple, row, 1, mac);
}

static HeapTuple
authenticate_update(const Row *old, const Row *new, HeapTuple tuple)
{
	int column = old->table->covered;
	unsigned char mac[MAC_BYTES];
	int32 revision;

	if (!is_authentic(old))
		row_refuse(integrity_label(old));
	revision = DatumGetInt32(old->values[column]);
	compute_mac(new, revision, mac);
	if (!secret_equal(mac, VARDATA_ANY(DatumGetByteaPP(old->values[column + 1])), MAC_BYTES))
		compute_mac(new, ++revision, mac);
	return with_mac(tuple, new, revision, mac);
}

PG_FUNCTION_INFO_V1(vault_table_info);
PG_FUNCTION_INFO_V1(vault_authenticate_row);
PG_FUNCTION_INFO_V1(vault_is_authentic);
PG_FUNCTION_INFO_V1(vault_require_authentic);

/* The trigger. Outside of a call a row stays as it is given. */
Datum
vault_authenticate_row(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	const TableInfo *table;
	TupleDesc layout;
	HeapTuple given;
	Row old;
	Row new;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is a trigger before INSERT or UPDATE of a row")));
	given = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	if (call_current() == NULL)
		return PointerGetDatum(given);
	table = deciding_table(RelationGetRelid(data->tg_relation));
	layout = RelationGetDescr(data->tg_relation);
	row_from_tuple(table, given, layout, &new);
	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return PointerGetDatum(authenticate_insert(&new, given));
	row_from_tuple(table, data->tg_trigtuple, layout, &old);
	return PointerGetDatum(authenticate_update(&old, &new, given));
}

/* Get the argument, a whole row of one of the tables. */
static TupleDesc
row_argument(FunctionCallInfo fcinfo, HeapTupleData *tuple, Row *row)
{
	HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
	Oid type = HeapTupleHeaderGetTypeId(header);
	TupleDesc layout = lookup_rowtype_tupdesc(type, HeapTupleHeaderGetTypMod(header));

	if (!guard_is_own_work())
		(void) call_required();
	memset(tuple, 0, sizeof(*tuple));
	tuple->t_len = HeapTupleHeaderGetDatumLength(header);
	tuple->t_data = header;
	row_from_tuple(deciding_table(get_typ_typrelid(type)), tuple, layout, row);
	return layout;
}

/* is_authentic(row) */
Datum
vault_is_authentic(PG_FUNCTION_ARGS)
{
	HeapTupleData tuple;
	Row row;
	TupleDesc layout = row_argument(fcinfo, &tuple, &row);
	bool authentic = is_authentic(&row);

	ReleaseTupleDesc(layout);
	PG_RETURN_BOOL(authentic);
}

/* require_authentic(row): raises VT004 unless the row is authentic. */
Datum
vault_require_authentic(PG_FUNCTION_ARGS)
{
	HeapTupleData tuple;
	Row row;
	TupleDesc layout = row_argument(fcinfo, &tuple, &row);

	if (!is_authentic(&row))
		row_refuse(integrity_label(&row));
	ReleaseTupleDesc(layout);
	PG_RETURN_VOID();
}

/* table_info(): a row for each table and index that C reads, with the members of TableInfo */
Datum
vault_table_info(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < TABLE_COUNT; i++)
	{
		const TableInfo *info = table_info(i);
		const char *texts[] = {info->name,   info->kind,  info->verified_as, info->tenant,
							   info->object, info->title, info->compared,    info->since};
		Datum values[lengthof(texts) + 3];
		bool nulls[lengthof(texts) + 3] = {false};

		for (int n = 0; n < (int) lengthof(texts); n++)
			values[n] = text_datum_or_null(texts[n], &nulls[n]);
		values[lengthof(texts)] = BoolGetDatum(info->goes_by_name);
		values[lengthof(texts) + 1] = Int32GetDatum(info->covered);
		values[lengthof(texts) + 2] = Int32GetDatum(info->deleted_as);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

void
integrity_init(void)
{
	tenant_set_check(require_tenant_row);
}
