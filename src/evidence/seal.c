/*
 * seal.c
 *		Line, hash and row of a seal.
 */
#include "evidence/seal.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/multirangetypes.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "audit/audit.h"
#include "audit/audit_row.h"
#include "crypto/raise.h"
#include "platform/bytes.h"
#include "platform/errors.h"
#include "platform/sql.h"
#include "tenant/instance_key.h"

DateADT
month_of(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t fraction;

	if (timestamp2tm(at, NULL, &tm, &fraction, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of an audit row out of range")));
	return date2j(tm.tm_year, tm.tm_mon, 1) - POSTGRES_EPOCH_JDATE;
}

static void
line_hex(StringInfo line, const char *name, const unsigned char *bytes, int size)
{
	static const char digits[] = "0123456789abcdef";

	line_name(line, name);
	appendStringInfoChar(line, '"');
	for (int i = 0; i < size; i++)
	{
		appendStringInfoChar(line, digits[bytes[i] >> 4]);
		appendStringInfoChar(line, digits[bytes[i] & 15]);
	}
	appendStringInfoChar(line, '"');
}

/* Write the ids like page numbers: 3,5-9,12 */
static void
line_ids(StringInfo line, const Seal *seal)
{
	char digits[32];

	line_name(line, "ids");
	appendStringInfoChar(line, '"');
	for (int i = 0; i < seal->range_count; i++)
	{
		if (i > 0)
			appendStringInfoChar(line, ',');
		pg_lltoa(seal->ranges[i].first, digits);
		appendStringInfoString(line, digits);
		if (seal->ranges[i].last == seal->ranges[i].first)
			continue;
		appendStringInfoChar(line, '-');
		pg_lltoa(seal->ranges[i].last, digits);
		appendStringInfoString(line, digits);
	}
	appendStringInfoChar(line, '"');
}

static void
line_month(StringInfo line, DateADT month)
{
	int year;
	int number;
	int day;

	if (DATE_NOT_FINITE(month))
	{
		line_text(line, "month", "infinity");
		return;
	}
	j2date(month + POSTGRES_EPOCH_JDATE, &year, &number, &day);
	line_name(line, "month");
	appendStringInfo(line, "\"%04d-%02d\"", year, number);
}

void
seal_line(const Seal *seal, StringInfo line)
{
	appendStringInfoChar(line, '{');
	line_uuid(line, "tenant_id", &seal->tenant);
	line_int(line, "seal", seal->seq);
	line_hex(line, "previous", seal->previous, SHA256_BYTES);
	line_month(line, seal->month);
	line_time(line, "first_at", seal->first_at);
	line_time(line, "last_at", seal->last_at);
	line_int(line, "rows", seal->rows);
	line_int(line, "without_mac", seal->without_mac);
	if (seal->missing != 0)
		line_int(line, "missing", seal->missing);
	line_int(line, "total_rows", seal->total_rows);
	line_hex(line, "rows_hash", seal->rows_hash, SHA256_BYTES);
	line_time(line, "sealed_at", seal->sealed_at);
	line_ids(line, seal);
	appendStringInfoChar(line, '}');
}

void
seal_hash(const Seal *seal, unsigned char hash[SHA256_BYTES])
{
	StringInfoData line;

	initStringInfo(&line);
	seal_line(seal, &line);
	crypto_require(crypto_sha256(line.data, line.len, hash));
	pfree(line.data);
}

bool
seal_is_genuine(const Seal *seal)
{
	unsigned char expected[SHA256_BYTES];

	seal_hash(seal, expected);
	return secret_equal(expected, seal->hash, SHA256_BYTES) &&
		instance_mac(MAC_AUDIT_SEAL, seal->hash, SHA256_BYTES, expected) &&
		secret_equal(expected, seal->mac, SHA256_BYTES);
}

/* Load a hash. Bytes of another length become zeros, which no line has as its hash. */
static void
load_hash(uint64 row, int column, unsigned char hash[SHA256_BYTES])
{
	bytea *bytes = DatumGetByteaPP(sql_value(row, column, NULL));

	memset(hash, 0, SHA256_BYTES);
	if (VARSIZE_ANY_EXHDR(bytes) == SHA256_BYTES)
		memcpy(hash, VARDATA_ANY(bytes), SHA256_BYTES);
}

/*
 * Add the size of a range. Forged ranges may have any size, so the count stops at the largest
 * number.
 */
static int64
extend_count(int64 count, const IdRange *range)
{
	int64 size;

	if (pg_sub_s64_overflow(range->last, range->first, &size) ||
		pg_add_s64_overflow(size, 1, &size) || pg_add_s64_overflow(count, size, &count))
		return PG_INT64_MAX;
	return count;
}

static void
load_ids(Datum datum, Seal *seal)
{
	MultirangeType *ids = DatumGetMultirangeTypeP(datum);
	TypeCacheEntry *type = lookup_type_cache(INT8RANGEOID, TYPECACHE_RANGE_INFO);
	int64 rank = 0;

	seal->range_count = ids->rangeCount;
	seal->ranges = palloc(Max(1, ids->rangeCount) * sizeof(IdRange));
	for (int i = 0; i < seal->range_count; i++)
	{
		RangeBound lower;
		RangeBound upper;

		multirange_get_bounds(type, ids, i, &lower, &upper);
		seal->ranges[i].first = lower.infinite ? PG_INT64_MIN : DatumGetInt64(lower.val);
		seal->ranges[i].last = upper.infinite ? PG_INT64_MAX : DatumGetInt64(upper.val) - 1;
		seal->ranges[i].rank = (int) Min(rank, PG_INT32_MAX);
		rank = extend_count(rank, &seal->ranges[i]);
	}
}

void
seal_load(uint64 row, Seal *seal)
{
	seal->tenant = *DatumGetUUIDP(sql_value(row, 1, NULL));
	seal->seq = DatumGetInt64(sql_value(row, 2, NULL));
	seal->month = DatumGetDateADT(sql_value(row, 3, NULL));
	seal->rows = DatumGetInt32(sql_value(row, 4, NULL));
	seal->without_mac = DatumGetInt32(sql_value(row, 5, NULL));
	seal->total_rows = DatumGetInt64(sql_value(row, 6, NULL));
	load_ids(sql_value(row, 7, NULL), seal);
	seal->first_at = DatumGetTimestampTz(sql_value(row, 8, NULL));
	seal->last_at = DatumGetTimestampTz(sql_value(row, 9, NULL));
	load_hash(row, 10, seal->rows_hash);
	load_hash(row, 11, seal->previous);
	seal->sealed_at = DatumGetTimestampTz(sql_value(row, 12, NULL));
	load_hash(row, 13, seal->hash);
	load_hash(row, 14, seal->mac);
	seal->missing = DatumGetInt64(sql_value(row, 15, NULL));
}

/* Return the range that holds the id, or NULL. */
static const IdRange *
find_range(const Seal *seal, int64 id)
{
	int low = 0;
	int high = seal->range_count - 1;

	while (low <= high)
	{
		int middle = low + (high - low) / 2;
		const IdRange *range = &seal->ranges[middle];

		if (id < range->first)
			high = middle - 1;
		else if (id > range->last)
			low = middle + 1;
		else
			return range;
	}
	return NULL;
}

int
seal_rank(const Seal *seal, int64 id)
{
	const IdRange *range = find_range(seal, id);

	return range ? range->rank + (int) (id - range->first) : -1;
}

int64
seal_id(const Seal *seal, int rank)
{
	int i = 0;

	while (i + 1 < seal->range_count && seal->ranges[i + 1].rank <= rank)
		i++;
	return seal->ranges[i].first + (rank - seal->ranges[i].rank);
}

int64
seal_id_count(const Seal *seal)
{
	int64 count = 0;

	for (int i = 0; i < seal->range_count; i++)
		count = extend_count(count, &seal->ranges[i]);
	return count;
}

static int
by_id(const void *a, const void *b)
{
	int64 x = ((const SealedRow *) a)->id;
	int64 y = ((const SealedRow *) b)->id;

	return x < y ? -1 : x > y;
}

/* Set the ranges from ids that are sorted. */
static void
set_ranges(Seal *seal, const SealedRow *rows, int count)
{
	seal->ranges = palloc(count * sizeof(IdRange));
	seal->range_count = 0;
	for (int i = 0; i < count; i++)
	{
		IdRange *last = seal->range_count ? &seal->ranges[seal->range_count - 1] : NULL;

		if (last && last->last + 1 == rows[i].id)
			last->last++;
		else
			seal->ranges[seal->range_count++] = (IdRange){rows[i].id, rows[i].id, i};
	}
}

static void
set_rows_hash(Seal *seal, const SealedRow *rows, int count)
{
	unsigned char *hashes = palloc((Size) count * SHA256_BYTES);

	for (int i = 0; i < count; i++)
		memcpy(hashes + (Size) i * SHA256_BYTES, rows[i].hash, SHA256_BYTES);
	crypto_require(crypto_sha256(hashes, (size_t) count * SHA256_BYTES, seal->rows_hash));
	pfree(hashes);
}

static Datum
ids_datum(const Seal *seal)
{
	TypeCacheEntry *type = lookup_type_cache(INT8RANGEOID, TYPECACHE_RANGE_INFO);
	RangeType **ranges = palloc(seal->range_count * sizeof(RangeType *));

	for (int i = 0; i < seal->range_count; i++)
	{
		RangeBound lower = {Int64GetDatum(seal->ranges[i].first), false, true, true};
		RangeBound upper = {Int64GetDatum(seal->ranges[i].last + 1), false, false, false};

		ranges[i] = compat_make_range(type, &lower, &upper);
	}
	return MultirangeTypePGetDatum(
		make_multirange(INT8MULTIRANGEOID, type, seal->range_count, ranges));
}

static Datum
hash_datum(const unsigned char hash[SHA256_BYTES])
{
	return PointerGetDatum(bytes_from(hash, SHA256_BYTES));
}

static void
insert_seal(const Seal *seal)
{
	static Sql sql = {
		"INSERT INTO vault_data.audit_seal (tenant_id, seq, month, rows, without_mac, total_rows,"
		" ids, first_at, last_at, rows_hash, previous, sealed_at, hash, mac, missing)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
		15,
		{UUIDOID, INT8OID, DATEOID, INT4OID, INT4OID, INT8OID, INT8MULTIRANGEOID, TIMESTAMPTZOID,
		 TIMESTAMPTZOID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID, BYTEAOID, BYTEAOID, INT8OID}};
	Datum values[] = {UUIDPGetDatum(&seal->tenant),
					  Int64GetDatum(seal->seq),
					  DateADTGetDatum(seal->month),
					  Int32GetDatum(seal->rows),
					  Int32GetDatum(seal->without_mac),
					  Int64GetDatum(seal->total_rows),
					  ids_datum(seal),
					  TimestampTzGetDatum(seal->first_at),
					  TimestampTzGetDatum(seal->last_at),
					  hash_datum(seal->rows_hash),
					  hash_datum(seal->previous),
					  TimestampTzGetDatum(seal->sealed_at),
					  hash_datum(seal->hash),
					  hash_datum(seal->mac),
					  Int64GetDatum(seal->missing)};

	audit_maintain(&sql, values);
}

void
seal_head(const pg_uuid_t *tenant, Seal *head)
{
	static Sql sql = {"SELECT " SEAL_COLUMNS " FROM vault_data.audit_seal s WHERE s.tenant_id = $1"
					  " ORDER BY s.seq DESC LIMIT 1",
					  1,
					  {UUIDOID}};
	Datum key = UUIDPGetDatum(tenant);

	memset(head, 0, sizeof(Seal));
	head->tenant = *tenant;
	if (sql_run(&sql, &key, NULL) > 0)
		seal_load(0, head);
	SPI_freetuptable(SPI_tuptable);
}

void
seal_append(Seal *seal, SealedRow *rows, int count, Seal *head)
{
	qsort(rows, count, sizeof(SealedRow), by_id);
	seal->seq = head->seq + 1;
	seal->rows = count;
	seal->total_rows = head->total_rows + count;
	memcpy(seal->previous, head->hash, SHA256_BYTES);
	seal->sealed_at = GetCurrentTimestamp();
	set_ranges(seal, rows, count);
	set_rows_hash(seal, rows, count);
	seal_hash(seal, seal->hash);
	if (!instance_mac(MAC_AUDIT_SEAL, seal->hash, SHA256_BYTES, seal->mac))
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_SEALED), errmsg("vault is sealed"),
				 errhint("The trail is sealed further once the vault is unsealed.")));
	insert_seal(seal);
	*head = *seal;
	head->ranges = NULL;
	head->range_count = 0;
}
