/*
 * ledger_view.h
 *		Views of the ledger: which rows of the trail are missing.  For the sealer and
 *		verify_audit().
 */
#ifndef VAULT_AUDIT_LEDGER_VIEW_H
#define VAULT_AUDIT_LEDGER_VIEW_H

#include "platform/compat.h"

#include "utils/snapshot.h"
#include "utils/uuid.h"

#include "audit/ledger_sum.h"

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
 * Call it before ledger_init(): the server calls the callbacks of transactions in the reverse
 * order, and a settlement comes after the rows of its own transaction.
 */
extern void ledger_view_init(void);

#endif
