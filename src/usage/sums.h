/*
 * sums.h
 *		Rows of the trail added up in memory, until count_sums() adds them to the tables.
 *
 * They belong to the present transaction, and are forgotten with it.
 */
#ifndef VAULT_USAGE_SUMS_H
#define VAULT_USAGE_SUMS_H

#include "platform/compat.h"

#include "utils/hsearch.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "audit/audit_row.h"

#define ADDRESS_BYTES 48

typedef struct CallKey
{
	pg_uuid_t tenant;
	pg_uuid_t principal; /* zero: nobody */
	pg_uuid_t grant;     /* zero: none */
	TimestampTz hour;
	int64 alone; /* id of a refusal or failure, which is not summed up */
	int version; /* of such */
	bool is_read;
	char address[ADDRESS_BYTES];
} CallKey;

typedef struct ReadKey
{
	pg_uuid_t tenant;
	pg_uuid_t secret;
	pg_uuid_t principal;
	TimestampTz hour;
	int64 version; /* wide, so that no padding is part of the key */
} ReadKey;

/* Of rows with one key; the texts are those of the last. */
typedef struct Sum
{
	int64 n;
	TimestampTz first_at;
	TimestampTz last_at;
	const char *decision;
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
	MemoryContext memory; /* of everything; whoever has counted them deletes it */
	MemoryContextCallback forget;
	HTAB *calls;
	HTAB *reads; /* each of them is among the calls, too */
	int64 alone;
} UsageSums;

/*
 * Return true if a row of the trail is a read of a value: the only list of reads, for the counts
 * and for the view vault.audit_reads.  object_kind may be NULL.
 */
extern bool
sums_is_read(const char *operation, const char *decision, const char *object_kind, bool has_object);

extern void sums_add(const AuditRow *row);

/* Those of this transaction that are not counted yet, or NULL; and how many. */
extern UsageSums *sums_present(void);
extern int64 sums_size(void);

#endif
