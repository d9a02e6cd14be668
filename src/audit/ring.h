/*
 * ring.h
 *		Passes audit records from the backends to the worker "vault audit", in shared memory.
 *
 * The recorder (recorder.h) puts in what must be recorded whatever becomes of the transaction:
 * reads, refusals, failures.  Committed changes do not pass here, since triggers write them.
 *
 * A record in the ring will be in the trail, even if its transaction is rolled back.  It is lost
 * only if the server crashes before the worker's commit is flushed.  Then no caller that waits for
 * it has received its answer; with vault.audit_mode = queued, callers do not wait.  Slots are taken
 * with atomic operations; there is no lock that a process could hold.
 */
#ifndef VAULT_AUDIT_RING_H
#define VAULT_AUDIT_RING_H

#include "platform/compat.h"

#include "access/xlogdefs.h"

#include "audit/packed_row.h"

/*
 * The first lane is for operators. Each of the others serves one sender, a tenant or a role, at a
 * time, so that a sender does not wait behind the records of others. Senders share a lane only if
 * more of them than there are lanes have records on their way.
 */
#define RING_LANES 8

/* The records that a call waits for: the newest one of each lane. */
typedef struct RingWait
{
	bool slept; /* the call had to wait for room */
	bool is_awaited[RING_LANES];
	uint64 position[RING_LANES];
} RingWait;

/*
 * Put a record into the ring and add it to *wait.  While its lane is full, wait for the worker, at
 * most vault.audit_timeout; without may_wait, do not wait.  Returns false if there was no room.
 * Interrupts are served during the wait, unless they are held off.
 */
extern bool ring_push(const AuditRow *row, bool may_wait, RingWait *wait);

/*
 * Put a packed record into the ring, waiting at most ms for room.  No process waits for the record.
 */
extern bool ring_push_packed(const PackedRow *row, int ms);

/*
 * Add to, or take and reset, the number of records that never found room.  The worker records it as
 * soon as it can.
 */
extern void ring_note_lost(int64 records);
extern int64 ring_take_lost(void);

/*
 * Wait until the records are on disk; false after vault.audit_timeout.  vault.audit_mode must be
 * the same as at ring_push().
 */
extern bool ring_wait(const RingWait *wait);

/*
 * Get the next records, at most max of them, a share of each lane. Sets *awaited to true if a
 * process waits for every one of them. For the worker.
 */
extern int ring_peek(AuditRow *rows, int max, bool *awaited);

/*
 * Free the slots of the records of the last ring_peek(), and wake the processes that wait for them.
 * The records are committed up to commit_end, which these processes then flush; 0 means that the
 * records are on disk already.
 */
extern void ring_done(XLogRecPtr commit_end);

/* Poll for a short time, without sleeping.  Returns true if there is a record to peek at. */
extern bool ring_poll(void);

/* Sleep until there are records to peek at, and until they are worth a commit. */
extern void ring_await(void);

extern bool ring_has_worker(void);
/* Fill level of the ring and time of its oldest record, read without a lock. */
typedef struct RingFigures
{
	uint64 size;
	uint64 waiting;
	double fullest; /* used part of the fullest lane, from 0 to 1 */
	TimestampTz oldest;
} RingFigures;

extern void ring_figures(RingFigures *figures);

/* Make the calling process the worker.  FATAL if there is one already. */
extern void ring_attach_worker(void);

extern void ring_init(void);

#endif
