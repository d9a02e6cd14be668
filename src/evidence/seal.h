/*
 * seal.h
 *		A seal: which rows a tenant's trail had, and their hash.
 *
 * The seals of a tenant are numbered from 1 and chained by their hashes. Tenant zero is the
 * instance. A seal covers rows of one month (UTC), so that months can be retired, and names exactly
 * the ids that it covers. Its hash is that of its line. An export shows the line. docs/audit.md has
 * the formats.
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
	int rank;   /* rank of "first" among the ids of the seal */
} IdRange;

typedef struct Seal
{
	pg_uuid_t tenant;
	int64 seq;
	DateADT month; /* first day of the month */
	int rows;
	int without_mac;  /* number of rows written while the vault was sealed */
	int64 missing;    /* rows that disappeared before they were sealed; then "rows" is 0 */
	int64 total_rows; /* rows of the chain up to and including this seal */
	int range_count;
	IdRange *ranges;
	TimestampTz first_at;
	TimestampTz last_at;
	TimestampTz sealed_at;
	/* hash of the hashes of the rows' lines, in the order of ids */
	unsigned char rows_hash[SHA256_BYTES];
	unsigned char previous[SHA256_BYTES]; /* hash of the previous seal, or zeros */
	unsigned char hash[SHA256_BYTES];
	unsigned char mac[SHA256_BYTES];
} Seal;

/* The columns that seal_load() expects, in this order. */
#define SEAL_COLUMNS                                                            \
	"s.tenant_id, s.seq, s.month, s.rows, s.without_mac, s.total_rows, s.ids, " \
	"s.first_at, s.last_at, s.rows_hash, s.previous, s.sealed_at, s.hash, s.mac, s.missing"

extern DateADT month_of(TimestampTz at);

extern void seal_line(const Seal *seal, StringInfo line);

/* Compute the hash of the seal's line. */
extern void seal_hash(const Seal *seal, unsigned char hash[SHA256_BYTES]);

/* Return true if hash and MAC are those of its content. Needs an unsealed vault. */
extern bool seal_is_genuine(const Seal *seal);

/* Load a seal from a row of SPI_tuptable. Allocates in the current context. */
extern void seal_load(uint64 row, Seal *seal);

/* Return the position of an id among the ids of the seal, or -1. */
extern int seal_rank(const Seal *seal, int64 id);

/* Return the id that has a rank. */
extern int64 seal_id(const Seal *seal, int rank);

/* Return the number of ids in the ranges. It is "rows" unless the seal was changed. */
extern int64 seal_id_count(const Seal *seal);

/* A row that is to be sealed. */
typedef struct SealedRow
{
	int64 id;
	unsigned char hash[SHA256_BYTES];
} SealedRow;

/* Get the last seal of a tenant; seq and hash are zero if there is none. */
extern void seal_head(const pg_uuid_t *tenant, Seal *head);

/*
 * Complete a seal that has tenant, month, without_mac, missing and times, and append it to the
 * chain after *head. *head becomes a copy without ranges. Sorts the rows. Inside SPI.
 */
extern void seal_append(Seal *seal, SealedRow *rows, int count, Seal *head);

#endif
