/*
 * ledger_sum.h
 *		Sums of digests of rows.
 */
#ifndef VAULT_AUDIT_LEDGER_SUM_H
#define VAULT_AUDIT_LEDGER_SUM_H

#include "platform/compat.h"

#define LEDGER_DIGEST_BYTES 32

/* The sum of a set of rows: their number, and the sum of their digests, in four parts. */
typedef struct LedgerSum
{
	int64 rows;
	uint64 digest[4];
} LedgerSum;

static inline void
sum_add(LedgerSum *sum, const LedgerSum *other)
{
	sum->rows += other->rows;
	for (int i = 0; i < 4; i++)
		sum->digest[i] += other->digest[i];
}

static inline void
sum_subtract(LedgerSum *sum, const LedgerSum *other)
{
	sum->rows -= other->rows;
	for (int i = 0; i < 4; i++)
		sum->digest[i] -= other->digest[i];
}

static inline void
sum_add_row(LedgerSum *sum, const unsigned char digest[LEDGER_DIGEST_BYTES])
{
	LedgerSum row = {.rows = 1};

	memcpy(row.digest, digest, sizeof(row.digest));
	sum_add(sum, &row);
}

static inline bool
sum_is_same(const LedgerSum *a, const LedgerSum *b)
{
	return memcmp(a, b, sizeof(LedgerSum)) == 0;
}

#endif
