/*
 * ledger.h
 *		Counts the rows that were appended to the audit trail and are not sealed yet.
 *
 * The process that appends a row adds the row's digest (its MAC, which covers its id) to a sum in
 * shared memory, which SQL cannot reach.  The next step of the sealer, and verify_audit(), sum the
 * rows that they find.  A difference means that rows were deleted or changed in between, however
 * long the sealer was kept from its work.  A crash of the server clears the ledger;
 * evidence/log_consumer.c describes how that is reported.
 *
 * The worker "vault audit" has odd ids and one account for each tenant.  Other transactions have
 * even ids and an entry each, which is made before they commit and removed if they abort.
 */
#ifndef VAULT_AUDIT_LEDGER_H
#define VAULT_AUDIT_LEDGER_H

#include "platform/compat.h"

#include "utils/snapshot.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define LEDGER_DIGEST_BYTES 32

/* The sum of a set of rows: their number, and the sum of their digests, in four parts. */
typedef struct LedgerSum
{
	int64 rows;
	uint64 digest[4];
} LedgerSum;

/*
 * Return the id of the next row: after `last`, not before `now`, odd or even as for this process.
 */
extern uint64 ledger_next_id(uint64 now, uint64 last);

/* Count a row that the present transaction appends. */
extern void ledger_append(const pg_uuid_t *tenant, const unsigned char digest[LEDGER_DIGEST_BYTES]);

/*
 * Make the calling process the worker "vault audit"; then begin a batch, which the worker appends
 * to this table.  The table stays the same until the next call.
 */
extern void ledger_begin_worker(void);
extern void ledger_begin_batch(Oid log);

/* A copy of the ledger, and the rows found of it.  In the current memory context. */
typedef struct LedgerView LedgerView;

/*
 * Copy the ledger: call ledger_look() before taking the snapshot in which rows are searched, then
 * ledger_look_again() with that snapshot.  The latter returns false if a step of the sealer came in
 * between; the caller must start again.
 */
extern LedgerView *ledger_look(void);
extern bool ledger_look_again(LedgerView *view, Snapshot snapshot, Oid log);

/*
 * Add a row that no earlier step has seen; `good` if it matches its digest.  Rows up to id `floor`
 * are of another cluster.
 */
extern void ledger_found(LedgerView *view, const pg_uuid_t *tenant, int64 id, uint64 xid,
						 const unsigned char digest[LEDGER_DIGEST_BYTES], bool good);

/*
 * Call `missing` for each tenant with missing rows, once for each cause.  The tenant is NULL for
 * rows of several tenants that cannot be told apart.  With `only`, compare this tenant alone.
 */
typedef void (*LedgerMissing)(void *state, const pg_uuid_t *tenant, int64 rows);
extern void
ledger_compare(LedgerView *view, const pg_uuid_t *only, LedgerMissing missing, void *state);

/* Return the number of transactions that found no room in the ledger since the last settlement. */
extern int64 ledger_uncounted(const LedgerView *view);

/*
 * Settle the view when the present transaction commits, for found and missing rows alike.  For the
 * sealer.
 */
extern void ledger_settle(LedgerView *view);

/* True if a step was settled since the server started, or restarted after a crash. */
extern bool ledger_is_open(void);

/*
 * Record the beginning of a step of the sealer: it saw all rows of this time and before, or had
 * nothing to do.
 */
extern void ledger_stepped(TimestampTz at);

/* Return for how long rows have waited for their seal, in milliseconds; 0 if no row waits. */
extern int64 ledger_delay(void);

extern void ledger_init(void);

#endif
