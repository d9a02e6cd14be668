/*
 * seal.h
 *		A seal: which rows of a tenant's trail there were, and their hash.
 *
 * Seals of a tenant are numbered from 1 and chained by their hashes; the tenant zero is
 * the instance.  A seal is about rows of one month (UTC), so that months can be retired,
 * and names the ids that it covers exactly.  Its line is what its hash is of, and what an
 * export shows; the formats are in docs/audit.md.
 */
#ifndef VAULT_EVIDENCE_SEAL_H
#define VAULT_EVIDENCE_SEAL_H

#include "platform/compat.h"

#include "lib/stringinfo.h"
#include "utils/date.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "crypto/primitives.h"

#define SEAL_MAX_ROWS 10000

typedef struct IdRange
{
	int64 first;
	int64 last; /* inclusive */
	int rank;   /* of first, among the ids of the seal */
} IdRange;

typedef struct Seal
{
	pg_uuid_t tenant;
	int64 seq;
	DateADT month; /* its first day */
	int rows;
	int without_mac;  /* of these: written while the vault was sealed */
	int64 missing;    /* rows that were gone before they were sealed; then rows is 0 */
	int64 total_rows; /* of the chain up to here */
	int range_count;
	IdRange *ranges;
	TimestampTz first_at;
	TimestampTz last_at;
	TimestampTz sealed_at;
	unsigned char rows_hash[SHA256_BYTES]; /* of the hashes of the rows' lines, by id */
	unsigned char previous[SHA256_BYTES];  /* hash of the seal before, or zeros */
	unsigned char hash[SHA256_BYTES];
	unsigned char mac[SHA256_BYTES];
} Seal;

/* The columns that seal_load expects, in this order. */
#define SEAL_COLUMNS                                                            \
	"s.tenant_id, s.seq, s.month, s.rows, s.without_mac, s.total_rows, s.ids, " \
	"s.first_at, s.last_at, s.rows_hash, s.previous, s.sealed_at, s.hash, s.mac, s.missing"

extern DateADT month_of(TimestampTz at);

extern void seal_line(const Seal *seal, StringInfo line);

/* The hash that its line gives. */
extern void seal_hash(const Seal *seal, unsigned char hash[SHA256_BYTES]);

/* Return true if hash and MAC are those of its content.  Only while unsealed. */
extern bool seal_is_genuine(const Seal *seal);

/* Row of SPI_tuptable; allocates in the present context. */
extern void seal_load(uint64 row, Seal *seal);

/* Return the position of an id among those of the seal, or -1. */
extern int seal_rank(const Seal *seal, int64 id);

/* The id of a rank. */
extern int64 seal_id(const Seal *seal, int rank);

/* Number of ids in the ranges; it is `rows` unless somebody changed the seal. */
extern int64 seal_id_count(const Seal *seal);

/* One row that is to be sealed. */
typedef struct SealedRow
{
	int64 id;
	unsigned char hash[SHA256_BYTES];
} SealedRow;

/* The last seal of a tenant; seq 0 and zero hash if there is none. */
extern void seal_head(const pg_uuid_t *tenant, Seal *head);

/*
 * Fills in the rest of a seal that has tenant, month, without_mac and times, appends it to
 * the chain after *head, which it then becomes.  Sorts the rows.  Inside SPI.
 */
extern void seal_append(Seal *seal, SealedRow *rows, int count, Seal *head);

#endif
