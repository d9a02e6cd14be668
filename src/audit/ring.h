/*
 * ring.h
 *		From the backends to the worker "vault audit": records in shared memory.
 *
 * A record that is in the ring will be in the trail whatever becomes of its
 * transaction; it is lost only if the server crashes before the worker's commit is
 * flushed, and then nobody who waits for it has received anything.  Slots are taken with
 * atomic operations: there is no lock that anybody could hold.
 */
#ifndef VAULT_AUDIT_RING_H
#define VAULT_AUDIT_RING_H

#include "platform/compat.h"

#include "access/xlogdefs.h"

#include "audit/audit_row.h"

/* A row, packed: what fits is kept, the reason and then other texts are cut. */
#define RING_SLOT_BYTES 1792

typedef struct PackedRow
{
	uint16 size; /* of the bytes in use */
	char bytes[RING_SLOT_BYTES - sizeof(uint64) - 2 * sizeof(int) - sizeof(uint16)];
} PackedRow;

#define packed_size(packed) (offsetof(PackedRow, bytes) + (packed)->size)

/* detail, id, xid and MAC are not kept.  unpack's texts point into the packed row. */
extern void audit_row_pack(const AuditRow *row, PackedRow *packed);
extern void audit_row_unpack(const PackedRow *packed, AuditRow *row);

/* Senders that have a part of the ring for themselves at a time. */
#define RING_LANES 8

/* What a call waits for: the newest record of each lane. */
typedef struct RingWait
{
	bool slept; /* for room */
	bool is_awaited[RING_LANES];
	uint64 position[RING_LANES];
} RingWait;

/*
 * Puts a record into the ring and adds it to *wait.  While its lane is full it waits for the
 * worker, at most vault.audit_timeout; without may_wait not at all.  False if there was no
 * room.  Interrupts are served while waiting, unless they are held off.
 */
extern bool ring_push(const AuditRow *row, bool may_wait, RingWait *wait);

/* The same for ms at most, and nobody waits for the record. */
extern bool ring_push_packed(const PackedRow *row, int ms);

/* Records that never found room: told by the worker once it can. */
extern void ring_note_lost(int64 records);
extern int64 ring_take_lost(void);

/*
 * Waits until the records are on disk; false after vault.audit_timeout.  Only where
 * vault.audit_mode is what it was at ring_push().
 */
extern bool ring_wait(const RingWait *wait);

/*
 * For the worker: the next records, at most max of them, a share of each lane; and whether somebody
 * waits for each of them.
 */
extern int ring_peek(AuditRow *rows, int max, bool *awaited);

/*
 * Those that were peeked at are committed up to commit_end, or on disk if that is 0: their slots
 * are free, and who waits for them is woken and flushes.
 */
extern void ring_done(XLogRecPtr commit_end);

/* Looks for a moment, without sleeping, whether there is something to peek at. */
extern bool ring_poll(void);

/* Sleeps until there is something to peek at, and until that is worth a commit. */
extern void ring_await(void);

extern bool ring_has_worker(void);
/* How full it is, and the time of the oldest record in it, as of some moment. */
typedef struct RingFigures
{
	uint64 size;
	uint64 waiting;
	double fullest; /* of the lanes, the part that is taken of the one with most */
	TimestampTz oldest;
} RingFigures;

extern void ring_figures(RingFigures *figures);

/* The calling process is the worker from now on. */
extern void ring_attach_worker(void);

extern void ring_init(void);

#endif
