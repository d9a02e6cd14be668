/*
 * ring.c
 *		Bounded queues of many producers and one consumer.
 *
 * The ring has lanes, so that a sender does not wait behind the records of others.  The first lane
 * is for operators.  A tenant (or, for callers without one, a role) takes one of the others when it
 * has records to send; another sender takes the lane once it is empty.  Senders share a lane only
 * if more senders than lanes have records on their way.  A batch has records of every lane.  The
 * last slots of a lane are reserved for records that are not allowed reads: refusals, failures,
 * alerts, changes that were rolled back.
 *
 * Each lane has three counters.  `head` counts the slots that were taken.  `written` counts the
 * slots whose record is committed, on disk or yet to be flushed up to `commit_end`.  `tail` counts
 * the slots that are free again.
 *
 * A slot passes through these states:
 *
 *	1. Free: its position is at least `head`.
 *	2. Taken: a producer has moved `head` past it with compare-and-swap, and copies the record.
 *	3. Ready: the producer has stored the waiter and, after a write barrier, `sequence` =
 *	   position + 1.  The worker reads `sequence`, then the record after a read barrier.
 *	4. Written: the worker has stored `commit_end` and, after a write barrier, `written`.  The
 *	   waiter reads `written`, then `commit_end` after a read barrier, and flushes up to it.
 *	5. Free again: the worker has moved `tail` past it, after a full barrier.
 *
 * The waiter is stored in the slot before the slot is ready, and is woken when the record is
 * written.  Between taking a slot and making it ready there is only a copy.  Only a kill can end
 * the process there, after which the server restarts and the ring is made anew.
 */
#include "audit/ring.h"

#include <sched.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "audit/decision.h"
#include "platform/wakeup.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/tables.h"
#include "platform/worker.h"

/* Longest sleep of the worker before it looks again, in milliseconds. */
#define NAP_MS 1000

/*
 * Longest sleep of a producer that waits for room, and of one that waits for the disk, in
 * milliseconds.
 */
#define ROOM_MS 5
#define WAIT_MS 100

/* Collect records without a waiter for this time, or until there are this many. */
#define SEAL_BATCH_MS   10
#define SEAL_BATCH_ROWS (lane_size() / 2)

#define OPERATORS 0 /* lane of operators */

/* Slots of a lane that allowed reads leave free. */
#define RESERVED (lane_size() / 8)

/*
 * Time to poll instead of sleeping, in microseconds: a caller whose turn is near, and the worker
 * for the next record.
 */
#define POLL_WRITTEN_US 150
#define POLL_NEXT_US    1000

/* Least number of records that a batch takes of each lane that has as many. */
#define MIN_SHARE 16

/* Kinds of records that the worker sleeps for. */
enum
{
	AWAKE,
	UNTIL_ANY,
	UNTIL_AWAITED
};

typedef struct RingSlot
{
	pg_atomic_uint64 sequence;
	int waiter; /* process that may wait for the record to be on disk, or 0 */
	int core;   /* processor core of the producer */
	PackedRow row;
} RingSlot;

typedef struct Lane
{
	pg_atomic_uint64 head;
	char apart[PG_CACHE_LINE_SIZE];
	pg_atomic_uint64 tail;
	pg_atomic_uint64 written;
	char apart_too[PG_CACHE_LINE_SIZE];
} Lane;

typedef struct Ring
{
	pg_atomic_uint64 owners[RING_LANES]; /* present or last sender of the lane */
	Lane lanes[RING_LANES];
	pg_atomic_uint64 lost;       /* records that found no room before their session ended */
	pg_atomic_uint64 commit_end; /* end of the newest commit; 0 if there is nothing to flush */
	pg_atomic_uint32 sleeping;   /* the reason for which the worker sleeps, or is about to */
	pg_atomic_uint32 cramped;    /* wakeup bits of the processes that wait for room */
	Latch *worker;               /* NULL while the worker does not run */
	Wakeup wakeup;               /* signaled when records are written */
	RingSlot slots[FLEXIBLE_ARRAY_MEMBER];
} Ring;

StaticAssertDecl(sizeof(RingSlot) == RING_SLOT_BYTES, "whole cache lines");

static Ring *ring = NULL;

/*
 * State of the worker: when the last records were done, how many microseconds later the next record
 * came, and from which core.
 */
static TimestampTz done_at = 0;
static int64 last_pause = 0;
static int asked_from = -1;

/* State of the worker: number of records of each lane that it has peeked at. */
static int peeked[RING_LANES];

static uint64
lane_size(void)
{
	return (uint64) setting_audit_ring_size / RING_LANES;
}

static RingSlot *
slot_at(int lane, uint64 position)
{
	return &ring->slots[lane * lane_size() + position % lane_size()];
}

static bool
lane_is_empty(int lane)
{
	return pg_atomic_read_u64(&ring->lanes[lane].head) ==
		pg_atomic_read_u64(&ring->lanes[lane].tail);
}

/* Return the hash of the sender of a record: its tenant, or else its role.  Never 0. */
static uint64
sender_of(const AuditRow *row)
{
	pg_uuid_t zero = UUID_ZERO;
	const char *role = row->role ? row->role : "";

	if (!uuid_equal(&row->tenant_id, &zero))
		return hash_bytes_extended(row->tenant_id.data, UUID_LEN, 0) | 1;
	return hash_bytes_extended((const unsigned char *) role, strlen(role), 0) | 1;
}

/*
 * Return the lane of the sender, or an empty one, which becomes its lane.  If another sender takes
 * the same lane at the same moment, they share it for a while.
 */
static int
lane_of(const AuditRow *row)
{
	uint64 sender = sender_of(row);
	int first = sender / 2 % (RING_LANES - 1);

	if (row->by_operator)
		return OPERATORS;
	for (int lane = 1; lane < RING_LANES; lane++)
		if (pg_atomic_read_u64(&ring->owners[lane]) == sender)
			return lane;
	for (int i = 0; i < RING_LANES - 1; i++)
	{
		int lane = 1 + (first + i) % (RING_LANES - 1);

		if (lane_is_empty(lane))
		{
			pg_atomic_write_u64(&ring->owners[lane], sender);
			return lane;
		}
	}
	return 1 + first;
}

static bool
is_common(const AuditRow *row)
{
	return decision_is(row->decision, DECISION_ALLOW);
}

/* Take the lane's next slot; false if there is none, or if only reserved ones are left. */
static bool
take_slot(int lane, bool common, uint64 *position)
{
	uint64 room = lane_size() - (common ? RESERVED : 0);
	uint64 head = pg_atomic_read_u64(&ring->lanes[lane].head);

	do
	{
		if (head - pg_atomic_read_u64(&ring->lanes[lane].tail) >= room)
			return false;
	} while (!pg_atomic_compare_exchange_u64(&ring->lanes[lane].head, &head, head + 1));
	*position = head;
	return true;
}

typedef struct Poll
{
	instr_time start;
	uint64 micros;
} Poll;

static Poll
poll_for(uint64 micros)
{
	Poll poll = {.micros = micros};

	INSTR_TIME_SET_CURRENT(poll.start);
	return poll;
}

/* Return false when the time is up.  Yields this core to other processes. */
static bool
poll_again(const Poll *poll)
{
	instr_time passed;

	sched_yield();
	INSTR_TIME_SET_CURRENT(passed);
	INSTR_TIME_SUBTRACT(passed, poll->start);
	return INSTR_TIME_GET_MICROSEC(passed) < poll->micros;
}

static bool
is_ready(int lane, uint64 position)
{
	return pg_atomic_read_u64(&slot_at(lane, position)->sequence) == position + 1;
}

/* True if a process waits for the record, or if there are enough records for a commit. */
static bool
is_urgent(int lane, uint64 position)
{
	return slot_at(lane, position)->waiter ||
		position - pg_atomic_read_u64(&ring->lanes[lane].tail) >= SEAL_BATCH_ROWS;
}

static void
ring_wake_worker(int lane, uint64 position)
{
	Latch *worker;
	uint32 sleeping;

	pg_memory_barrier();
	worker = ring->worker;
	sleeping = pg_atomic_read_u32(&ring->sleeping);
	if (worker &&
		(sleeping == UNTIL_ANY || (sleeping == UNTIL_AWAITED && is_urgent(lane, position))))
		SetLatch(worker);
}

static void
make_ready(int lane, uint64 position, int waiter)
{
	RingSlot *slot = slot_at(lane, position);

	slot->waiter = waiter;
	slot->core = sched_getcpu();
	pg_write_barrier();
	pg_atomic_write_u64(&slot->sequence, position + 1);
	ring_wake_worker(lane, position);
}

/* Return the wakeup bit of a process. */
static uint32
wakeup_bit(int process)
{
	return (uint32) 1 << (process % 32);
}

/*
 * Sleep a little, or until this process is woken up.  Returns false once the deadline has passed.
 */
static bool
sleep_until(TimestampTz deadline, uint32 rings, long at_most)
{
	long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

	if (left <= 0)
		return false;
	wakeup_wait(&ring->wakeup, rings, wakeup_bit(MyProcPid), Min(left, at_most));
	return true;
}

static TimestampTz
deadline_in(int ms)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

/*
 * Take a slot after announcing the wait for one.  A process that makes room after this look wakes
 * this process: the count of wakeups was taken before.
 */
static bool
take_slot_or_say(int lane, bool common, uint64 *position)
{
	(void) pg_atomic_fetch_or_u32(&ring->cramped, wakeup_bit(MyProcPid));
	return take_slot(lane, common, position);
}

/* Take a slot of the lane, waiting for it for ms at most.  Sets *slept if it waited. */
static bool
await_slot(int lane, bool common, int ms, uint64 *position, bool *slept)
{
	TimestampTz deadline = 0;

	for (;;)
	{
		uint32 rings = wakeup_count(&ring->wakeup);

		if (take_slot(lane, common, position))
			return true;
		if (ms == 0)
			return false;
		if (take_slot_or_say(lane, common, position))
			return true;
		if (deadline == 0)
			deadline = deadline_in(ms);
		*slept = true;
		if (!sleep_until(deadline, rings, ROOM_MS))
			return false;
	}
}

bool
ring_push(const AuditRow *row, bool may_wait, RingWait *wait)
{
	int lane = lane_of(row);
	uint64 position;

	if (!await_slot(lane, is_common(row), may_wait ? setting_audit_timeout : 0, &position,
					&wait->slept))
		return false;
	packed_row_pack(row, &slot_at(lane, position)->row);
	make_ready(lane, position, setting_audit_mode == AUDIT_DURABLE ? MyProcPid : 0);
	wait->is_awaited[lane] = true;
	wait->position[lane] = position;
	return true;
}

bool
ring_push_packed(const PackedRow *packed, int ms)
{
	AuditRow row;
	uint64 position;
	bool slept;
	int lane;

	packed_row_unpack(packed, &row);
	lane = lane_of(&row);
	if (!await_slot(lane, is_common(&row), ms, &position, &slept))
		return false;
	memcpy(&slot_at(lane, position)->row, packed, packed_row_size(packed));
	make_ready(lane, position, 0);
	return true;
}

void
ring_note_lost(int64 records)
{
	pg_atomic_fetch_add_u64(&ring->lost, records);
}

int64
ring_take_lost(void)
{
	return (int64) pg_atomic_exchange_u64(&ring->lost, 0);
}

static bool
is_written(int lane, uint64 position)
{
	return pg_atomic_read_u64(&ring->lanes[lane].written) > position;
}

/*
 * Poll until the record is written, if it is the next one: a wakeup costs more time than the worker
 * needs for one record.
 */
static bool
is_soon_written(int lane, uint64 position)
{
	Poll poll = poll_for(POLL_WRITTEN_US);

	if (position > pg_atomic_read_u64(&ring->lanes[lane].written))
		return false;
	while (!is_written(lane, position))
		if (!poll_again(&poll))
			return false;
	return true;
}

static bool
wait_until_written(int lane, uint64 position)
{
	TimestampTz deadline;

	if (is_written(lane, position) || is_soon_written(lane, position))
		return true;
	deadline = deadline_in(setting_audit_timeout);
	for (;;)
	{
		uint32 rings = wakeup_count(&ring->wakeup);

		if (is_written(lane, position))
			return true;
		if (!sleep_until(deadline, rings, WAIT_MS))
			return is_written(lane, position);
	}
}

bool
ring_wait(const RingWait *wait)
{
	XLogRecPtr commit_end;

	for (int lane = 0; lane < RING_LANES; lane++)
		if (wait->is_awaited[lane] && !wait_until_written(lane, wait->position[lane]))
			return false;
	pg_read_barrier();
	commit_end = pg_atomic_read_u64(&ring->commit_end);
	if (XLogNeedsFlush(commit_end))
		XLogFlush(commit_end);
	return true;
}

/* Count the lanes that have ready records. */
static int
count_busy(void)
{
	int busy = 0;

	for (int lane = 0; lane < RING_LANES; lane++)
		busy += is_ready(lane, pg_atomic_read_u64(&ring->lanes[lane].tail));
	return busy;
}

/* Unpack the lane's next records, at most max.  Returns their number. */
static int
peek_lane(int lane, AuditRow *rows, int max, bool *awaited)
{
	uint64 tail = pg_atomic_read_u64(&ring->lanes[lane].tail);
	int count = 0;

	while (count < max && count < lane_size() && is_ready(lane, tail + count))
	{
		RingSlot *slot = slot_at(lane, tail + count);

		pg_read_barrier();
		packed_row_unpack(&slot->row, &rows[count]);
		if (slot->waiter == 0)
			*awaited = false;
		if (count == 0)
			asked_from = slot->core;
		count++;
	}
	return count;
}

/* If several lanes have records, the batch is small, so that the next batch begins soon. */
int
ring_peek(AuditRow *rows, int max, bool *awaited)
{
	int busy = count_busy();
	int share = busy > 1 ? Max(max / (2 * busy), MIN_SHARE) : max;
	int count = 0;

	*awaited = true;
	for (int lane = 0; lane < RING_LANES; lane++)
	{
		peeked[lane] = peek_lane(lane, rows + count, Min(share, max - count), awaited);
		count += peeked[lane];
	}
	if (count > 0)
		last_pause = rows[0].at - done_at;
	return count;
}

/*
 * Return the wakeup bits of the processes to wake.  A backend waits for its newest record only: the
 * wakeup is skipped if the next slot is from the same backend.
 */
static uint32
bits_of_waiters(int lane, uint64 from, uint64 to)
{
	uint32 bits = 0;

	for (uint64 i = from; i < to; i++)
	{
		int waiter = slot_at(lane, i)->waiter;
		bool followed = is_ready(lane, i + 1);

		pg_read_barrier();
		if (waiter && !(followed && slot_at(lane, i + 1)->waiter == waiter))
			bits |= wakeup_bit(waiter);
	}
	return bits;
}

void
ring_done(XLogRecPtr commit_end)
{
	uint32 bits = 0;

	done_at = GetCurrentTimestamp();
	pg_atomic_write_u64(&ring->commit_end, commit_end);
	pg_write_barrier();
	for (int i = 0; i < RING_LANES; i++)
	{
		Lane *lane = &ring->lanes[i];
		uint64 tail = pg_atomic_read_u64(&lane->tail);

		if (peeked[i] == 0)
			continue;
		bits |= bits_of_waiters(i, tail, tail + peeked[i]);
		pg_atomic_write_u64(&lane->written, tail + peeked[i]);
		pg_memory_barrier();
		pg_atomic_write_u64(&lane->tail, tail + peeked[i]);
	}
	pg_memory_barrier();
	if (pg_atomic_read_u32(&ring->cramped))
		bits |= pg_atomic_exchange_u32(&ring->cramped, 0);
	if (bits)
		wakeup_signal(&ring->wakeup, bits);
}

static bool
has_any(void)
{
	return count_busy() > 0;
}

static bool
has_urgent(void)
{
	for (int lane = 0; lane < RING_LANES; lane++)
		for (uint64 i = pg_atomic_read_u64(&ring->lanes[lane].tail); is_ready(lane, i); i++)
			if (is_urgent(lane, i))
				return true;
	return false;
}

/*
 * Sleep until has() returns true.  A latch that was set earlier, for records seen since, does not
 * end the sleep.
 */
static void
sleep_unless(bool (*has)(void), uint32 until, int ms)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	long left = ms;

	pg_atomic_write_u32(&ring->sleeping, until);
	pg_memory_barrier();
	while (left > 0 && !has())
	{
		worker_wait(left);
		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
	}
	pg_atomic_write_u32(&ring->sleeping, AWAKE);
}

/*
 * A caller often calls again right after its answer.  If the worker is awake then, the caller need
 * not wake another core, which takes longer than the record itself.  Polling is not worth this
 * core's time if the last record was long in coming, or if the caller needs this very core for its
 * next call.
 */
bool
ring_poll(void)
{
	Poll poll;

	if (last_pause > POLL_NEXT_US || asked_from == sched_getcpu())
		return has_any();
	poll = poll_for(POLL_NEXT_US);
	while (!has_any())
		if (!poll_again(&poll))
			return false;
	return true;
}

void
ring_await(void)
{
	sleep_unless(has_any, UNTIL_ANY, NAP_MS);
	if (has_any())
		sleep_unless(has_urgent, UNTIL_AWAITED, SEAL_BATCH_MS);
}

/*
 * Return the time of the lane's oldest record.  Its slot may be taken again meanwhile, and then
 * holds a younger record.
 */
static TimestampTz
oldest_in(int lane, uint64 tail)
{
	return is_ready(lane, tail) ? packed_row_time(&slot_at(lane, tail)->row)
								: GetCurrentTimestamp();
}

void
ring_figures(RingFigures *figures)
{
	figures->size = RING_LANES * lane_size();
	figures->waiting = 0;
	figures->fullest = 0;
	figures->oldest = GetCurrentTimestamp();
	for (int lane = 0; lane < RING_LANES; lane++)
	{
		uint64 tail = pg_atomic_read_u64(&ring->lanes[lane].tail);
		uint64 head = pg_atomic_read_u64(&ring->lanes[lane].head);
		uint64 waiting = head > tail ? head - tail : 0;

		figures->waiting += waiting;
		figures->fullest = Max(figures->fullest, (double) waiting / lane_size());
		if (waiting > 0)
			figures->oldest = Min(figures->oldest, oldest_in(lane, tail));
	}
}

static void
detach_worker(int code, Datum arg)
{
	ring->worker = NULL;
}

bool
ring_has_worker(void)
{
	return ring->worker != NULL;
}

void
ring_attach_worker(void)
{
	if (ring->worker)
		ereport(FATAL,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another worker takes records out of the audit ring")));
	ring->worker = MyLatch;
	before_shmem_exit(detach_worker, (Datum) 0);
}

static void
make_ring(void *area)
{
	Ring *fresh = area;

	for (int i = 0; i < RING_LANES; i++)
	{
		pg_atomic_init_u64(&fresh->owners[i], 0);
		pg_atomic_init_u64(&fresh->lanes[i].head, 0);
		pg_atomic_init_u64(&fresh->lanes[i].tail, 0);
		pg_atomic_init_u64(&fresh->lanes[i].written, 0);
	}
	pg_atomic_init_u64(&fresh->lost, 0);
	pg_atomic_init_u64(&fresh->commit_end, 0);
	pg_atomic_init_u32(&fresh->sleeping, 0);
	pg_atomic_init_u32(&fresh->cramped, 0);
	wakeup_init(&fresh->wakeup);
	for (int i = 0; i < setting_audit_ring_size; i++)
		pg_atomic_init_u64(&fresh->slots[i].sequence, 0);
}

void
ring_init(void)
{
	shmem_register("vault audit ring",
				   offsetof(Ring, slots) + (Size) setting_audit_ring_size * sizeof(RingSlot),
				   make_ring, NULL, (void **) &ring);
}
