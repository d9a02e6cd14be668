/*
 * log_consumer.c
 *		The steps, their state, and the backends that wait for a step.
 *
 * The state names the cluster and the database where it was written. After a load in another place,
 * the first step there writes one row "restore" to the trail. That row stands for everything that a
 * superuser did during the load. The step needs an open vault.
 *
 * Exactly once: P is the snapshot of the last step, and C that of this one. A row is new if it is
 * visible in C and its transaction is P.xmax or later, or was in progress in P. No other row can
 * have become visible between the two. After a logical restore the rows may have transaction ids of
 * another cluster. Then one step takes, by id, all rows that no seal covers. From then on rows up
 * to that id count as seen, whatever their transaction ids are.
 */
#include "evidence/log_consumer.h"

#include "access/xlog.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/spin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "audit/audit.h"
#include "audit/ledger.h"
#include "audit/ledger_view.h"
#include "audit/store.h"
#include "crypto/raise.h"
#include "evidence/seal_batch.h"
#include "evidence/log_walk.h"
#include "keyring/keyring.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "platform/bytes.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "tenant/instance_key.h"

#define MAX_LISTENERS 4
#define WAIT_SECONDS  10

typedef struct LogConsumerShared
{
	pg_atomic_uint64 requested;
	pg_atomic_uint64 done;
	ConditionVariable stepped;
	slock_t mutex; /* guards latch */
	Latch *latch;  /* latch of the worker, or NULL */
} LogConsumerShared;

/* State of one step. */
typedef struct Consumer
{
	ConsumerState state;
	bool bare_is_forged; /* rows without MAC are forged: the vault stayed open */
	SealBatch *batch;
	LedgerView *ledger;
	bool is_foreign; /* rows have transaction ids of another cluster */
} Consumer;

static LogConsumerShared *shared = NULL;
static ConsumerListener listeners[MAX_LISTENERS];
static int listener_count = 0;

/* Epoch of the root page when this process wrote the state; NULL if it has not. */
static uint64 *known_epoch = NULL;

/* Variables of the current step. */
static uint64 epoch_of_step = 0;
static bool wrote_state = false;
static uint64 serving = 0;
static TimestampTz prepared_at = 0;
static LedgerView *prepared = NULL;
static MemoryContext step_memory = NULL;
static bool closing = false;

void
consumer_add_listener(const ConsumerListener *listener)
{
	if (listener_count == MAX_LISTENERS)
		elog(FATAL, "more than %d listeners of the log consumer", MAX_LISTENERS);
	listeners[listener_count++] = *listener;
}

/* ---- the state ---- */

static void
state_mac(const ConsumerState *state, const char *system, const char *place,
		  unsigned char mac[MAC_BYTES])
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line,
					 "vault audit progress %s %s %s " INT64_FORMAT " " INT64_FORMAT " " INT64_FORMAT
					 " %s",
					 state->snapshot, system, place, state->floor_id, state->newest_id,
					 state->seals, state->closed ? "closed" : "open");
	if (!instance_mac(MAC_AUDIT_SEAL, line.data, line.len, mac))
		keyring_refuse_sealed();
	pfree(line.data);
}

static void
load_running(Datum datum, ConsumerState *state)
{
	Datum *elements;
	bool *nulls;

	deconstruct_array(DatumGetArrayTypeP(datum), XID8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, &state->running_count);
	state->running = palloc(Max(1, state->running_count) * sizeof(uint64));
	for (int i = 0; i < state->running_count; i++)
		state->running[i] = DatumGetUInt64(elements[i]);
}

void
consumer_state(ConsumerState *state)
{
	static Sql sql = {
		"SELECT h.snapshot::text, pg_snapshot_xmax(h.snapshot),"
		" ARRAY(SELECT x FROM pg_snapshot_xip(h.snapshot) x ORDER BY x),"
		" h.system_identifier, h.place, h.floor_id, h.newest_id, h.seals, h.closed, h.mac"
		" FROM vault_data.audit_progress h",
		0};
	unsigned char mac[MAC_BYTES];
	char *system;
	char *place;
	bytea *stored;
	Portal portal = sql_open(&sql, NULL, NULL);

	memset(state, 0, sizeof(ConsumerState));
	state->next_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
	state->exists = sql_fetch(portal, 1) > 0;
	if (state->exists)
	{
		state->snapshot = TextDatumGetCString(sql_value(0, 1, NULL));
		state->xmax = DatumGetUInt64(sql_value(0, 2, NULL));
		load_running(sql_value(0, 3, NULL), state);
		system = TextDatumGetCString(sql_value(0, 4, NULL));
		place = TextDatumGetCString(sql_value(0, 5, NULL));
		state->floor_id = DatumGetInt64(sql_value(0, 6, NULL));
		state->newest_id = DatumGetInt64(sql_value(0, 7, NULL));
		state->seals = DatumGetInt64(sql_value(0, 8, NULL));
		state->closed = DatumGetBool(sql_value(0, 9, NULL));
		stored = DatumGetByteaPP(sql_value(0, 10, NULL));
		state_mac(state, system, place, mac);
		state->is_genuine = VARSIZE_ANY_EXHDR(stored) == MAC_BYTES &&
			secret_equal(VARDATA_ANY(stored), mac, MAC_BYTES);
		state->is_local = strcmp(system, this_system()) == 0;
		state->is_settled = state->is_local && strcmp(place, this_host()) == 0;
	}
	sql_close(portal);
}

bool
consumer_is_new(const ConsumerState *state, const AuditRow *row)
{
	if (!state->exists || !state->is_local)
		return true;
	if (row->id <= state->floor_id || row->xid >= state->next_xid)
		return false;
	if (row->xid >= state->xmax)
		return true;
	for (int i = 0; i < state->running_count; i++)
		if (state->running[i] == row->xid)
			return true;
	return false;
}

static char *
present_snapshot(void)
{
	static Sql sql = {"SELECT pg_current_snapshot()::text", 0};
	Portal portal = sql_open(&sql, NULL, NULL);
	char *snapshot;

	(void) sql_fetch(portal, 1);
	snapshot = TextDatumGetCString(sql_value(0, 1, NULL));
	sql_close(portal);
	return snapshot;
}

static void
write_state(ConsumerState *state)
{
	static Sql sql = {
		"INSERT INTO vault_data.audit_progress"
		" (snapshot, system_identifier, floor_id, newest_id, seals, stepped_at, mac, place, closed)"
		" VALUES ($1::text::pg_snapshot, $2, $3, $4, $5, clock_timestamp(), $6, $7, $8)"
		" ON CONFLICT (singleton) DO UPDATE SET snapshot = excluded.snapshot,"
		" system_identifier = excluded.system_identifier, place = excluded.place,"
		" floor_id = excluded.floor_id,"
		" newest_id = excluded.newest_id, seals = excluded.seals, closed = excluded.closed,"
		" stepped_at = excluded.stepped_at, mac = excluded.mac",
		8,
		{TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, BYTEAOID, TEXTOID, BOOLOID}};
	char *system = this_system();
	char *place = this_host();
	bytea *mac = bytes_alloc(MAC_BYTES);
	Datum values[] = {CStringGetTextDatum(state->snapshot), CStringGetTextDatum(system),
					  Int64GetDatum(state->floor_id),       Int64GetDatum(state->newest_id),
					  Int64GetDatum(state->seals),          PointerGetDatum(mac),
					  CStringGetTextDatum(place),           BoolGetDatum(state->closed)};

	state_mac(state, system, place, bytes_data(mac));
	audit_maintain(&sql, values);
}

/* ---- rows ---- */

static bool
is_refused(Consumer *consumer, const AuditRow *row, StringInfo line)
{
	AuditRowState state = audit_line_check(row, line);

	if (TIMESTAMP_NOT_FINITE(row->at) || state == AUDIT_ROW_ALTERED)
		return true;
	return state == AUDIT_ROW_WITHOUT_MAC && consumer->bare_is_forged &&
		row->xid >= consumer->state.xmax;
}

/* After a restore, leave out rows of another cluster: this ledger has not counted them. */
static void
log_consumer_tell_ledger(Consumer *consumer, const AuditRow *row, StringInfo line, bool good)
{
	unsigned char digest[AUDIT_MAC_BYTES];

	if (consumer->is_foreign && row->id <= consumer->state.floor_id)
		return;
	audit_row_digest(row, line, digest);
	ledger_found(consumer->ledger, &row->tenant_id, row->id, row->xid, digest, good);
}

static void
take_line(Consumer *consumer, const AuditRow *row, StringInfo line)
{
	bool refused = is_refused(consumer, row, line);

	log_consumer_tell_ledger(consumer, row, line, !refused);
	if (refused)
	{
		seal_batch_add_refused(consumer->batch, row);
		return;
	}
	seal_batch_add(consumer->batch, row, line);
	consumer->state.newest_id = Max(consumer->state.newest_id, row->id);
	for (int i = 0; i < listener_count; i++)
		listeners[i].row(row);
}

static void
log_consumer_take_row(void *state, const AuditRow *row)
{
	Consumer *consumer = state;
	StringInfoData line;

	if (!consumer_is_new(&consumer->state, row))
		return;
	initStringInfo(&line);
	audit_line(row, &line);
	take_line(consumer, row, &line);
}

static void
log_consumer_take_uncovered(void *state, const AuditRow *row, StringInfo line, OpenSeal *open,
							bool again)
{
	if (open == NULL)
		take_line(state, row, line);
}

/* Wait for the end of every transaction that has written to the table or is loading it. */
static void
await_writers(TableId id)
{
	List *tables = find_all_inheritors(table_oid(id), NoLock, NULL);
	ListCell *cell;

	foreach(cell, tables)
	{
		LOCKTAG tag;

		SET_LOCKTAG_RELATION(tag, MyDatabaseId, lfirst_oid(cell));
		WaitForLockers(tag, ShareLock, false);
	}
}

static int64
newest_id(void)
{
	static Sql sql = {"SELECT coalesce(max(a.id), 0) FROM vault_data.audit_log a WHERE a.id <= $1",
					  1,
					  {INT8OID}};
	/* Ids are times. An id far in the future is forged, and would leave no room for others. */
	Datum limit = Int64GetDatum(GetCurrentTimestamp() + 366 * USECS_PER_DAY);

	sql_run(&sql, &limit, NULL);
	return DatumGetInt64(sql_value(0, 1, NULL));
}

/*
 * Choose the id up to which rows are taken by id alone. Every transaction that was given such an id
 * must have ended. Wait also for the end of a restore: its rows must not be taken before their
 * seals are loaded.
 */
static void
set_floor(ConsumerState *state)
{
	await_writers(TABLE_AUDIT_LOG);
	await_writers(TABLE_AUDIT_SEAL);
	state->newest_id = newest_id();
	state->floor_id = audit_ids_above(state->newest_id);
	await_writers(TABLE_AUDIT_LOG);
}

static void
consumer_uncovered(Consumer *consumer)
{
	static const LogVisitor visitor = {.row = log_consumer_take_uncovered};
	int count;
	pg_uuid_t *tenants = log_tenants(&count);

	for (int i = 0; i < count; i++)
	{
		log_walk(&tenants[i], DT_NOBEGIN, DT_NOEND, &visitor, consumer);
		seal_batch_seal(consumer->batch);
	}
}

static int64
count_seals(void)
{
	static Sql sql = {"SELECT count(*) FROM vault_data.audit_seal", 0};

	sql_run(&sql, NULL, NULL);
	return DatumGetInt64(sql_value(0, 1, NULL));
}

static void
log_consumer_alert(const char *reason)
{
	AuditRecord record = {
		.operation = "seal trail",
		.decision = DECISION_ALERT,
		.object_kind = "audit_progress",
		.reason = reason,
	};

	audit_write(&record);
}

/* Write the one row of a restore. An id is the time at which its row was written. */
static void
tell_restored(const ConsumerState *state)
{
	AuditRecord record = {
		.operation = "restore",
		.decision = DECISION_ALERT,
		.object_kind = "vault",
		.reason = "restored from elsewhere; no row had been sealed",
	};

	if (state->newest_id > 0)
		record.reason = psprintf("restored from elsewhere; the last sealed row is of %s",
								 timestamptz_to_str(state->newest_id));
	audit_write(&record);
}

/* ---- a step ---- */

/* In a new vault no row was seen, and the rows of this transaction are the first. */
void
consumer_begin(void)
{
	ConsumerState state = {.closed = true};
	uint64 xid = U64FromFullTransactionId(GetTopFullTransactionId());

	state.snapshot = psprintf(UINT64_FORMAT ":" UINT64_FORMAT ":", xid, xid);
	sql_begin();
	write_state(&state);
	sql_end();
}

static void
log_consumer_note_missing(void *state, const pg_uuid_t *tenant, int64 rows)
{
	seal_batch_add_missing(((Consumer *) state)->batch, tenant, rows);
}

/*
 * Compare the rows appended with the rows found. The ledger has counted neither the rows of a
 * restored trail nor those of a dropped vault.
 */
static void
compare_with_ledger(Consumer *consumer)
{
	if (!consumer->is_foreign)
		ledger_compare(consumer->ledger, NULL, log_consumer_note_missing, consumer);
	seal_batch_seal_missing(consumer->batch);
	ledger_settle(consumer->ledger);
}

/* Report a trail that was without seals for longer than allowed, now that it has them. */
static void
log_consumer_alert_of_delay(void)
{
	int64 delay = ledger_delay();

	if (delay > (int64) setting_max_seal_delay * 1000)
		log_consumer_alert(psprintf("rows waited " INT64_FORMAT " s for their seal", delay / 1000));
}

static void
log_consumer_finish(Consumer *consumer, char *snapshot, bool tampered)
{
	bool was_closed = consumer->state.closed;

	consumer->state.snapshot = snapshot;
	consumer->state.seals += consumer->batch->seals;
	if (tampered)
		consumer->state.seals = count_seals();
	for (int i = 0; i < listener_count; i++)
		if (listeners[i].end)
			listeners[i].end();
	seal_batch_alert(consumer->batch);
	if (tampered)
		log_consumer_alert("the state of sealing was removed or changed outside vault");
	if (ledger_uncounted(consumer->ledger) > 0)
		log_consumer_alert(
			psprintf(INT64_FORMAT
					 " transactions that wrote rows could not be counted, because the "
					 "trail was not sealed for too long: rows of theirs may have been deleted",
					 ledger_uncounted(consumer->ledger)));
	log_consumer_alert_of_delay();
	if (!ledger_is_open() && !was_closed && !consumer->is_foreign)
		log_consumer_alert(
			"the server ended without sealing what it had written last, as after a crash: "
			"what was deleted of that cannot be told");
	consumer->state.closed = closing;
	write_state(&consumer->state);
}

/* Allocate in memory that outlives the transaction. */
void
consumer_prepare(void)
{
	MemoryContext old;

	if (step_memory == NULL)
		step_memory = AllocSetContextCreate(TopMemoryContext, "vault step", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(step_memory);
	old = MemoryContextSwitchTo(step_memory);
	prepared_at = GetCurrentTimestamp();
	prepared = ledger_look();
	MemoryContextSwitchTo(old);
}

static bool
has_news(const Consumer *consumer)
{
	return closing || !ledger_is_open() || ledger_uncounted(consumer->ledger) > 0 ||
		consumer->batch->seals > 0 || consumer->batch->refused_rows > 0;
}

static void
log_consumer_step(void)
{
	Consumer consumer = {0};
	uint64 epoch = root_epoch();
	bool tampered;
	bool restored;
	bool anew;
	char *snapshot;
	ConsumerState before;

	consumer_state(&consumer.state);
	before = consumer.state;
	tampered = !consumer.state.exists || !consumer.state.is_genuine;
	restored = consumer.state.exists && !consumer.state.is_settled;
	anew = tampered || restored;
	/* Raise the counter of ids: the clock may have been set back since the server ran last. */
	if (!anew)
		(void) audit_ids_above(consumer.state.newest_id);
	consumer.ledger = prepared;
	consumer.is_foreign = restored;
	if (anew)
	{
		set_floor(&consumer.state);
		consumer_prepare();
		consumer.ledger = prepared;
		PushActiveSnapshot(GetLatestSnapshot());
	}
	if (!ledger_look_again(consumer.ledger, GetActiveSnapshot(), table_oid(TABLE_AUDIT_LOG)))
		elog(ERROR, "the ledger was settled by another process");
	snapshot = present_snapshot();
	consumer.bare_is_forged = !anew && known_epoch && *known_epoch == epoch;
	consumer.batch = seal_batch_begin();
	if (anew)
		consumer_uncovered(&consumer);
	else
		log_rows_since(&consumer.state, log_consumer_take_row, &consumer);
	seal_batch_seal(consumer.batch);
	compare_with_ledger(&consumer);
	if (anew || has_news(&consumer))
	{
		if (restored)
			tell_restored(&before);
		log_consumer_finish(&consumer, snapshot, tampered);
		epoch_of_step = epoch;
		wrote_state = true;
	}
	if (anew)
		PopActiveSnapshot();
}

void
consumer_step(void)
{
	serving = pg_atomic_read_u64(&shared->requested);
	wrote_state = false;
	if (!root_is_open() || !OidIsValid(table_oid(TABLE_INSTANCE)))
		return;
	keyring_require_unsealed();
	sql_begin();
	log_consumer_step();
	sql_end();
}

void
consumer_close(void)
{
	closing = true;
}

void
consumer_committed(void)
{
	static uint64 epoch;

	if (wrote_state)
	{
		epoch = epoch_of_step;
		known_epoch = &epoch;
	}
	/* Count the step also while the vault is sealed, when it did nothing. */
	ledger_stepped(prepared_at);
	pg_atomic_write_u64(&shared->done, serving);
	ConditionVariableBroadcast(&shared->stepped);
}

/* ---- waiting backends ---- */

static void
log_consumer_detach(int code, Datum arg)
{
	SpinLockAcquire(&shared->mutex);
	shared->latch = NULL;
	SpinLockRelease(&shared->mutex);
}

void
consumer_attach(void)
{
	SpinLockAcquire(&shared->mutex);
	shared->latch = MyLatch;
	SpinLockRelease(&shared->mutex);
	before_shmem_exit(log_consumer_detach, (Datum) 0);
}

static void
log_consumer_wake_worker(void)
{
	SpinLockAcquire(&shared->mutex);
	if (shared->latch)
		SetLatch(shared->latch);
	SpinLockRelease(&shared->mutex);
}

bool
consumer_request(void)
{
	uint64 mine = pg_atomic_add_fetch_u64(&shared->requested, 1);
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WAIT_SECONDS * 1000);
	bool served;

	log_consumer_wake_worker();
	ConditionVariablePrepareToSleep(&shared->stepped);
	while (!(served = pg_atomic_read_u64(&shared->done) >= mine))
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (left <= 0)
			break;
		(void) ConditionVariableTimedSleep(&shared->stepped, Min(left, 1000), PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return served;
}

static void
log_consumer_shared_init(void *area)
{
	LogConsumerShared *fresh = area;

	pg_atomic_init_u64(&fresh->requested, 0);
	pg_atomic_init_u64(&fresh->done, 0);
	ConditionVariableInit(&fresh->stepped);
	SpinLockInit(&fresh->mutex);
	fresh->latch = NULL;
}

void
consumer_init(void)
{
	shmem_register("vault audit progress", sizeof(LogConsumerShared), log_consumer_shared_init,
				   NULL, (void **) &shared);
}
