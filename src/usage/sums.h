/*
 * sums.h
 *		Rows of the trail added up in memory, until count_sums() adds them to the tables.
 *
 * The sums belong to the current transaction, and are forgotten with it.
 */
#ifndef VAULT_USAGE_SUMS_H
#define VAULT_USAGE_SUMS_H

#include "platform/compat.h"

#include "utils/hsearch.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "audit/audit_row.h"
#include "audit/decision.h"

#define ADDRESS_BYTES 48

typedef struct CallKey
{
	pg_uuid_t tenant;
	pg_uuid_t principal; /* zero for an unidentified caller */
	pg_uuid_t grant;     /* zero if none */
	TimestampTz hour;
	int64 alone; /* id of a refused or failed call, which is not summed up */
	int version; /* version of such a call */
	bool is_read;
	char address[ADDRESS_BYTES];
} CallKey;

typedef struct ReadKey
{
	pg_uuid_t tenant;
	pg_uuid_t secret;
	pg_uuid_t principal;
	TimestampTz hour;
	int64 version; /* 64 bits, so that no padding is part of the key */
} ReadKey;

/* The sum of rows with one key. The texts are those of the last row. */
typedef struct Sum
{
	int64 n;
	TimestampTz first_at;
	TimestampTz last_at;
	AuditDecision decision;
	char *principal;
	char *role;
	char *application;
	char *address;
	char *secret;
	char *environment;
} Sum;

typedef struct CallSum
{
	CallKey key;
	Sum sum;
} CallSum;

typedef struct ReadSum
{
	ReadKey key;
	Sum sum;
} ReadSum;

typedef struct UsageSums
{
	MemoryContext memory; /* context of everything here; deleted by count_sums() */
	MemoryContextCallback forget;
	HTAB *calls;
	HTAB *reads; /* each read is also among the calls */
	int64 alone;
} UsageSums;

/*
 * Return true if a row of the trail is a read of a value: the only list of reads, for the counts
 * and for the view vault.audit_reads.  object_kind may be NULL.
 */
extern bool
sums_is_read(const char *operation, const char *decision, const char *object_kind, bool has_object);

extern void sums_add(const AuditRow *row);

/* Return the sums of this transaction that are not counted yet, or NULL; and their number. */
extern UsageSums *sums_present(void);
extern int64 sums_size(void);

#endif
