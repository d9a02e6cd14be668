/*
 * queue.c
 *		Chooses the next rotation: tenants take turns.
 *
 * A backend that does steps goes in rounds through the rotations that were due when it last looked.
 * There are separate rounds for fast steps, which run in this database, and slow ones, which wait
 * for another server or for a tenant's function. A round begins with one rotation of each tenant,
 * then a second of each, up to the number of its turns. Within a tenant the most overdue come
 * first. Then it looks again. So a tenant with thousands of due rotations, or with slow ones,
 * delays the others once a round.
 *
 * Slow steps come last, but one of them after every FAST_STREAK others.
 */
#include "platform/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "context/call.h"
#include "context/operators.h"
#include "integrity/integrity.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "rotation/rotator.h"
#include "tenant/tenant.h"

#define FAST_TURNS  8
#define SLOW_TURNS  1
#define FAST_STREAK 100
#define MAX_ENTRIES 8192
/* Newly due rotations wait no longer than this. Locked ones are tried again. */
#define ROUND_MS   5000
#define REFUSED_MS 10000

/* Columns of vault_data.rotation_schedule. */
enum
{
	SCHEDULE_TENANT = 1,
	SCHEDULE_ID,
	SCHEDULE_ROTATOR = 5,
	SCHEDULE_NEXT_AT = 13
};

typedef struct QueueEntry
{
	pg_uuid_t tenant;
	pg_uuid_t id;
	int turn;
	int place; /* rank by due time */
} QueueEntry;

typedef struct Round
{
	bool slow;
	int turns;
	QueueEntry *entries;
	int count;
	int next;
	TimestampTz made;
} Round;

/*
 * While a round is made: number of a tenant's rotations in it; all its turns to exclude the tenant.
 */
typedef struct TenantTurns
{
	pg_uuid_t tenant;
	int turns;
} TenantTurns;

static Round fast = {.turns = FAST_TURNS};
static Round slow = {.slow = true, .turns = SLOW_TURNS};
static int streak = 0;

/* Schedules that other sessions had locked, or that were not taken, since that time. */
static HTAB *refused = NULL;
static TimestampTz refused_since = 0;

static bool
is_past(TimestampTz since, int ms)
{
	return TimestampDifferenceExceeds(since, GetCurrentTimestamp(), ms);
}

static HTAB *
make_table(const char *name, Size entry_size, MemoryContext context)
{
	HASHCTL control = {.keysize = UUID_LEN, .entrysize = entry_size, .hcxt = context};

	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Forget them when a call begins: within a call, a refused schedule is not looked at again. */
static void
forget_refused(void)
{
	if (refused && !is_past(refused_since, REFUSED_MS))
		return;
	if (refused)
		hash_destroy(refused);
	refused = make_table("vault refused rotations", UUID_LEN, TopMemoryContext);
	refused_since = GetCurrentTimestamp();
}

static bool
is_active(const pg_uuid_t *tenant, char name[64])
{
	TenantState state;

	return tenant_describe(tenant, name, &state) && state == TENANT_ACTIVE &&
		tenant_row_fault(tenant) == NULL;
}

/* Return the tenant's share of the round so far. */
static int *
turns_of(HTAB *tenants, const pg_uuid_t *tenant, const Round *round)
{
	char name[64];
	bool found;
	TenantTurns *turns = hash_search(tenants, tenant, HASH_ENTER, &found);

	if (!found)
		turns->turns = is_active(tenant, name) ? 0 : round->turns;
	return &turns->turns;
}

static bool
is_slow(TableScan *scan)
{
	char *name = TextDatumGetCString(scan_get(scan, SCHEDULE_ROTATOR, NULL));
	const Rotator *rotator = rotator_find(name);

	pfree(name);
	return rotator && rotator->acts_outside;
}

/* Add the scan's row to the round, if it is of its kind and its tenant has a turn left. */
static void
queue_consider(TableScan *scan, HTAB *tenants, Round *round)
{
	pg_uuid_t tenant = *DatumGetUUIDP(scan_get(scan, SCHEDULE_TENANT, NULL));
	pg_uuid_t id = *DatumGetUUIDP(scan_get(scan, SCHEDULE_ID, NULL));
	int *turns = turns_of(tenants, &tenant, round);

	if (*turns >= round->turns || is_slow(scan) != round->slow ||
		hash_search(refused, &id, HASH_FIND, NULL) ||
		!row_is_authentic(scan, TABLE_ROTATION_SCHEDULE))
		return;
	round->entries[round->count] = (QueueEntry){tenant, id, *turns, round->count};
	round->count++;
	(*turns)++;
}

static int
by_turn(const void *a, const void *b)
{
	const QueueEntry *left = a;
	const QueueEntry *right = b;

	return left->turn != right->turn ? left->turn - right->turn : left->place - right->place;
}

/* Find the rotations due now; return false if none is. */
static bool
make_round(Round *round)
{
	HTAB *tenants = make_table("vault turns", sizeof(TenantTurns), CurrentMemoryContext);
	TimestampTz now = GetCurrentTimestamp();
	TableScan scan;

	if (round->entries == NULL)
		round->entries = MemoryContextAlloc(TopMemoryContext, MAX_ENTRIES * sizeof(QueueEntry));
	round->count = round->next = 0;
	round->made = now;
	scan_begin(&scan, TABLE_ROTATION_SCHEDULE, INDEX_ROTATION_NEXT, NULL, NULL, 0);
	while (round->count < MAX_ENTRIES && scan_next(&scan) &&
		   DatumGetTimestampTz(scan_get(&scan, SCHEDULE_NEXT_AT, NULL)) <= now)
	{
		CHECK_FOR_INTERRUPTS();
		queue_consider(&scan, tenants, round);
	}
	scan_end(&scan);
	hash_destroy(tenants);
	qsort(round->entries, round->count, sizeof(QueueEntry), by_turn);
	return round->count > 0;
}

/*
 * Lock the schedule, if no session has it locked and it is still due. The call is then in its
 * tenant.
 */
static bool
queue_claim(const QueueEntry *entry)
{
	static Sql lock = {
		"SELECT FROM vault_data.rotation_schedule c"
		" JOIN vault_data.secret s ON s.tenant_id = c.tenant_id AND s.id = c.secret_id"
		" WHERE c.tenant_id = $1 AND c.id = $2 AND c.next_at <= pg_catalog.clock_timestamp()"
		" AND vault_data.is_authentic(c) FOR UPDATE SKIP LOCKED",
		2,
		{UUIDOID, UUIDOID}};
	Datum values[2] = {UUIDPGetDatum(&entry->tenant), UUIDPGetDatum(&entry->id)};
	char name[64];

	if (!is_active(&entry->tenant, name))
		return false;
	call_enter_tenant(&entry->tenant, name);
	return sql_run(&lock, values, NULL) == 1;
}

/* Take the next one of the round that can be locked. Returns NULL if none of its kind is due. */
static const QueueEntry *
take_from(Round *round)
{
	if (!round->slow && is_past(round->made, ROUND_MS))
		round->count = round->next = 0;
	for (;;)
	{
		const QueueEntry *entry;

		CHECK_FOR_INTERRUPTS();
		if (round->next == round->count && !make_round(round))
			return NULL;
		entry = &round->entries[round->next++];
		if (queue_claim(entry))
			return entry;
		/* A rotation that is only not due any more can be taken again once this is forgotten. */
		(void) hash_search(refused, &entry->id, HASH_ENTER, NULL);
	}
}

static const QueueEntry *
take_next(void)
{
	const QueueEntry *entry = streak < FAST_STREAK ? take_from(&fast) : NULL;

	if (entry)
	{
		streak++;
		return entry;
	}
	streak = 0;
	entry = take_from(&slow);
	return entry ? entry : take_from(&fast);
}

PG_FUNCTION_INFO_V1(vault_claim_rotation);

/*
 * claim_rotation(): returns the schedule whose turn it is, locked. It skips schedules that other
 * sessions have locked, suspended tenants, and rows that were changed outside the vault.
 */
Datum
vault_claim_rotation(PG_FUNCTION_ARGS)
{
	const QueueEntry *entry;
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));

	if (!role_is_operator(call_required()->caller.role))
		tenant_refuse_unknown();
	forget_refused();
	sql_begin();
	entry = take_next();
	if (entry)
		*id = entry->id;
	sql_end();
	/* A caller that asks again when nothing was left sees rotations released since. */
	if (entry == NULL)
	{
		refused_since = 0;
		PG_RETURN_NULL();
	}
	PG_RETURN_UUID_P(id);
}
