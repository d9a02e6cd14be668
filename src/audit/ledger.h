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

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "audit/ledger_sum.h"

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

/*
 * Record the beginning of a step of the sealer: it saw all rows of this time and before, or had
 * nothing to do.
 */
extern void ledger_stepped(TimestampTz at);

/* Return for how long rows have waited for their seal, in milliseconds; 0 if no row waits. */
extern int64 ledger_delay(void);

extern void ledger_init(void);

#endif
