/*
 * seal_batch.c
 *		Groups of rows, their seals, and the alerts about refused and missing rows.
 */
#include "evidence/seal_batch.h"

#include "utils/memutils.h"

#include "audit/audit.h"
#include "platform/tables.h"

#define FIRST_ROOM  64
#define MAX_AT_HAND (20 * SEAL_MAX_ROWS)
#define NAMED_IDS   20

typedef struct GroupKey
{
	pg_uuid_t tenant;
	DateADT month;
} GroupKey;

typedef struct Group
{
	GroupKey key;
	int rows;
	int room;
	int without_mac;
	TimestampTz first_at;
	TimestampTz last_at;
	SealedRow *sealed;
} Group;

typedef struct Missing
{
	pg_uuid_t tenant;
	int64 rows;
} Missing;

typedef struct Refused
{
	pg_uuid_t tenant;
	int64 rows;
	StringInfo ids;
} Refused;

SealBatch *
seal_batch_begin(void)
{
	SealBatch *batch = palloc0(sizeof(SealBatch));
	HASHCTL groups = {.keysize = sizeof(GroupKey), .entrysize = sizeof(Group)};
	HASHCTL refused = {.keysize = UUID_LEN, .entrysize = sizeof(Refused)};
	HASHCTL missing = {.keysize = UUID_LEN, .entrysize = sizeof(Missing)};

	batch->memory = CurrentMemoryContext;
	groups.hcxt = refused.hcxt = missing.hcxt = CurrentMemoryContext;
	batch->missing =
		hash_create("vault missing rows", 16, &missing, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	batch->groups =
		hash_create("vault rows to seal", 64, &groups, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	batch->refused =
		hash_create("vault refused rows", 16, &refused, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return batch;
}

static void
append_seal(SealBatch *batch, Seal *seal, SealedRow *rows, int count)
{
	MemoryContext memory =
		AllocSetContextCreate(batch->memory, "vault seal", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);

	if (!batch->has_head || !uuid_equal(&batch->head.tenant, &seal->tenant))
		seal_head(&seal->tenant, &batch->head);
	batch->has_head = true;
	MemoryContextSwitchTo(memory); /* seal_head() has switched it */
	seal_append(seal, rows, count, &batch->head);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(memory);
	batch->seals++;
}

static void
seal_group(SealBatch *batch, Group *group)
{
	Seal seal = {
		.tenant = group->key.tenant,
		.month = group->key.month,
		.without_mac = group->without_mac,
		.first_at = group->first_at,
		.last_at = group->last_at,
	};

	append_seal(batch, &seal, group->sealed, group->rows);
	batch->rows -= group->rows;
	group->rows = group->without_mac = 0;
}

static int
by_tenant_and_month(const void *a, const void *b)
{
	const GroupKey *x = &(*(Group *const *) a)->key;
	const GroupKey *y = &(*(Group *const *) b)->key;
	int order = memcmp(&x->tenant, &y->tenant, UUID_LEN);

	return order ? order : (x->month > y->month) - (x->month < y->month);
}

void
seal_batch_seal(SealBatch *batch)
{
	Group **groups = palloc((hash_get_num_entries(batch->groups) + 1) * sizeof(Group *));
	int count = 0;
	HASH_SEQ_STATUS scan;
	Group *group;

	hash_seq_init(&scan, batch->groups);
	while ((group = hash_seq_search(&scan)) != NULL)
		groups[count++] = group;
	qsort(groups, count, sizeof(Group *), by_tenant_and_month);
	for (int i = 0; i < count; i++)
	{
		seal_group(batch, groups[i]);
		pfree(groups[i]->sealed);
		(void) hash_search(batch->groups, &groups[i]->key, HASH_REMOVE, NULL);
	}
	pfree(groups);
}

static Group *
group_of(SealBatch *batch, const AuditRow *row)
{
	GroupKey key = {row->tenant_id, month_of(row->at)};
	bool found;
	Group *group = hash_search(batch->groups, &key, HASH_ENTER, &found);

	if (!found)
	{
		group->rows = group->without_mac = 0;
		group->room = FIRST_ROOM;
		group->sealed = MemoryContextAlloc(batch->memory, FIRST_ROOM * sizeof(SealedRow));
	}
	return group;
}

/* Return the slot for the next row of the group. */
static SealedRow *
room_in(SealBatch *batch, Group *group)
{
	if (group->rows == SEAL_MAX_ROWS)
		seal_group(batch, group);
	if (group->rows == group->room)
	{
		group->room *= 2;
		group->sealed = repalloc(group->sealed, group->room * sizeof(SealedRow));
	}
	batch->rows++;
	return &group->sealed[group->rows++];
}

void
seal_batch_add(SealBatch *batch, const AuditRow *row, StringInfo line)
{
	Group *group;
	SealedRow *sealed;

	if (batch->rows >= MAX_AT_HAND)
		seal_batch_seal(batch);
	group = group_of(batch, row);
	sealed = room_in(batch, group);
	sealed->id = row->id;
	audit_line_hash(line, sealed->hash);
	group->without_mac += !row->has_mac;
	group->first_at = group->rows == 1 ? row->at : Min(group->first_at, row->at);
	group->last_at = group->rows == 1 ? row->at : Max(group->last_at, row->at);
}

void
seal_batch_add_refused(SealBatch *batch, const AuditRow *row)
{
	bool found;
	Refused *refused = hash_search(batch->refused, &row->tenant_id, HASH_ENTER, &found);

	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->memory);

		refused->rows = 0;
		refused->ids = makeStringInfo();
		MemoryContextSwitchTo(old);
	}
	if (refused->rows++ < NAMED_IDS)
		appendStringInfo(refused->ids, "%s" INT64_FORMAT, refused->ids->len ? ", " : "", row->id);
	batch->refused_rows++;
}

void
seal_batch_add_missing(SealBatch *batch, const pg_uuid_t *tenant, int64 rows)
{
	pg_uuid_t zero = UUID_ZERO;
	bool found;
	Missing *missing = hash_search(batch->missing, tenant ? tenant : &zero, HASH_ENTER, &found);

	if (!found)
		missing->rows = 0;
	missing->rows += rows;
}

void
seal_batch_seal_missing(SealBatch *batch)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS scan;
	Missing *missing;

	hash_seq_init(&scan, batch->missing);
	while ((missing = hash_seq_search(&scan)) != NULL)
	{
		Seal seal = {
			.tenant = missing->tenant,
			.month = month_of(now),
			.missing = missing->rows,
			.first_at = now,
			.last_at = now,
		};

		append_seal(batch, &seal, NULL, 0);
	}
}

static void
alert_of_missing(const Missing *missing)
{
	AuditRecord record = {
		.operation = "seal trail",
		.decision = DECISION_ALERT,
		.object_kind = "audit_log",
		.tenant = missing->tenant,
	};

	record.reason =
		psprintf(INT64_FORMAT " rows of the trail were deleted or exchanged before they "
							  "were sealed",
				 missing->rows);
	audit_write(&record);
}

void
seal_batch_alert(SealBatch *batch)
{
	HASH_SEQ_STATUS scan;
	Refused *refused;
	Missing *missing;

	hash_seq_init(&scan, batch->missing);
	while ((missing = hash_seq_search(&scan)) != NULL)
		alert_of_missing(missing);

	hash_seq_init(&scan, batch->refused);
	while ((refused = hash_seq_search(&scan)) != NULL)
	{
		AuditRecord record = {
			.operation = "seal trail",
			.decision = DECISION_ALERT,
			.object_kind = "audit_log",
			.tenant = refused->tenant,
		};

		record.reason =
			psprintf(INT64_FORMAT " rows of the trail are forged or were changed before "
								  "they were sealed: %s%s",
					 refused->rows, refused->ids->data,
					 refused->rows > NAMED_IDS ? " and more" : "");
		audit_write(&record);
	}
}
