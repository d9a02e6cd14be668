/*
 * ledger.h
 *		What was appended to the trail and is not sealed yet, counted by whoever appended it.
 *
 * The appender adds the digest of each row (its MAC, which covers its id) to a sum in shared
 * memory, which no SQL reaches.  The next step of the sealer, and verify_audit(), add up the rows
 * that they find; what is less was deleted or changed in between, however long the sealer was
 * kept from its work.  A crash of the server forgets the ledger; evidence/log_consumer.c says what
 * shows then.
 *
 * The worker "vault audit" has odd ids and one account for each tenant; other transactions have
 * even ids, and an entry each, made before they commit and taken away if they abort.
 */
#ifndef VAULT_AUDIT_LEDGER_H
#define VAULT_AUDIT_LEDGER_H

#include "platform/compat.h"

#include "utils/snapshot.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define LEDGER_DIGEST_BYTES 32

/* Of a set of rows: how many, and the sum of their digests, in four parts. */
typedef struct LedgerSum
{
	int64 rows;
	uint64 digest[4];
} LedgerSum;

/* Id of the next row after `last`, not before `now`, of this process's kind. */
extern uint64 ledger_next_id(uint64 now, uint64 last);

/* The present transaction appends a row. */
extern void ledger_append(const pg_uuid_t *tenant, const unsigned char digest[LEDGER_DIGEST_BYTES]);

/* The calling process is the worker "vault audit", which appends to this table, until it changes. */
extern void ledger_begin_worker(void);
extern void ledger_begin_batch(Oid log);

/* What the ledger says, and what is found of it; in the present memory context. */
typedef struct LedgerView LedgerView;

/*
 * First look, before the snapshot in which rows are looked for is taken; then, with that snapshot,
 * the second.  The second is false if a step of the sealer came between: look again.
 */
extern LedgerView *ledger_look(void);
extern bool ledger_look_again(LedgerView *view, Snapshot snapshot, Oid log);

/*
 * A row that was not seen by an earlier step; good: it is what its digest says.  Rows up to id
 * `floor` are of another cluster.
 */
extern void ledger_found(LedgerView *view, const pg_uuid_t *tenant, int64 id, uint64 xid,
						 const unsigned char digest[LEDGER_DIGEST_BYTES], bool good);

/*
 * Calls missing for each tenant of which rows are missing, as often as there are reasons; for NULL:
 * of several, which cannot be told.  only: of this tenant alone.
 */
typedef void (*LedgerMissing)(void *state, const pg_uuid_t *tenant, int64 rows);
extern void
ledger_compare(LedgerView *view, const pg_uuid_t *only, LedgerMissing missing, void *state);

/* Transactions that found no room in the ledger since the last settlement. */
extern int64 ledger_uncounted(const LedgerView *view);

/*
 * For the sealer: when the present transaction commits, what the view has is settled, found or
 * not.
 */
extern void ledger_settle(LedgerView *view);

/* Whether a step was settled since the server started, or restarted after a crash. */
extern bool ledger_is_open(void);

/* The sealer has begun a step that saw everything, or has nothing to do, as of this time. */
extern void ledger_stepped(TimestampTz at);

/* Since when rows wait for their seal, in milliseconds; 0: they do not. */
extern int64 ledger_delay(void);

extern void ledger_init(void);

#endif
