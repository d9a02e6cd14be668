/*
 * sums.c
 *		Sums calls by principal, grant, hour and address, and reads by secret, principal, version
 *		and hour.
 */
#include "usage/sums.h"

#include "utils/memutils.h"

static UsageSums *sums = NULL;

static void
sums_forget(void *arg)
{
	sums = NULL;
}

static void
sums_begin(void)
{
	MemoryContext memory =
		AllocSetContextCreate(TopTransactionContext, "vault usage", ALLOCSET_DEFAULT_SIZES);
	HASHCTL calls = {.keysize = sizeof(CallKey), .entrysize = sizeof(CallSum), .hcxt = memory};
	HASHCTL reads = {.keysize = sizeof(ReadKey), .entrysize = sizeof(ReadSum), .hcxt = memory};

	sums = MemoryContextAllocZero(memory, sizeof(UsageSums));
	sums->memory = memory;
	sums->forget.func = sums_forget;
	MemoryContextRegisterResetCallback(memory, &sums->forget);
	sums->calls = hash_create("vault calls", 256, &calls, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	sums->reads = hash_create("vault reads", 1024, &reads, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Return the decision of a principal's operation, or DECISION_NONE for an alert and for a change
 * that was rolled back.
 */
static AuditDecision
sums_decision_of(const AuditRow *row)
{
	for (AuditDecision decision = DECISION_ALLOW; decision <= DECISION_ERROR; decision++)
		if (decision_is(row->decision, decision))
			return decision;
	return DECISION_NONE;
}

bool
sums_is_read(const char *operation, const char *decision, const char *object_kind, bool has_object)
{
#define READ(name) #name,
	static const char *const reads[] = {
#include "secret/readlist.h"
	};
#undef READ

	if (!decision_is(decision, DECISION_ALLOW) || !has_object || object_kind == NULL ||
		strcmp(object_kind, "secret") != 0)
		return false;
	for (int i = 0; i < (int) lengthof(reads); i++)
		if (strcmp(operation, reads[i]) == 0)
			return true;
	return false;
}

static bool
is_read(const AuditRow *row)
{
	return sums_is_read(row->operation, row->decision, row->object_kind, row->has_object);
}

static TimestampTz
hour_of(TimestampTz at)
{
	TimestampTz in_hour = at % USECS_PER_HOUR;

	return at - (in_hour < 0 ? in_hour + USECS_PER_HOUR : in_hour);
}

static void
keep_text(char **kept, const char *text)
{
	if (*kept && text && strcmp(*kept, text) == 0)
		return;
	if (*kept)
		pfree(*kept);
	*kept = text ? MemoryContextStrdup(sums->memory, text) : NULL;
}

static void
add_to_sum(Sum *sum, bool is_new, const AuditRow *row, AuditDecision decision, bool alone)
{
	if (is_new)
	{
		memset(sum, 0, sizeof(Sum));
		sum->first_at = sum->last_at = row->at;
	}
	sum->n++;
	sum->first_at = Min(sum->first_at, row->at);
	if (row->at < sum->last_at)
		return;
	sum->last_at = row->at;
	sum->decision = decision;
	keep_text(&sum->principal, row->principal);
	keep_text(&sum->role, row->role);
	keep_text(&sum->application, row->application_name);
	keep_text(&sum->address, row->address);
	if (alone)
	{
		keep_text(&sum->secret, row->secret);
		keep_text(&sum->environment, row->environment);
	}
}

static void
add_call(const AuditRow *row, AuditDecision decision)
{
	bool alone = decision != DECISION_ALLOW;
	bool found;
	CallKey key;
	CallSum *call;

	memset(&key, 0, sizeof(key));
	key.tenant = row->tenant_id;
	if (row->has_principal)
		key.principal = row->principal_id;
	if (row->has_grant)
		key.grant = row->grant_id;
	key.hour = hour_of(row->at);
	key.is_read = is_read(row);
	if (row->address)
		strlcpy(key.address, row->address, ADDRESS_BYTES);
	if (alone)
	{
		key.alone = ++sums->alone;
		key.version = row->version;
	}
	call = hash_search(sums->calls, &key, HASH_ENTER, &found);
	add_to_sum(&call->sum, !found, row, decision, alone);
}

static void
add_read(const AuditRow *row, AuditDecision decision)
{
	bool found;
	ReadKey key;
	ReadSum *read;

	memset(&key, 0, sizeof(key));
	key.tenant = row->tenant_id;
	key.secret = row->object_id;
	if (row->has_principal)
		key.principal = row->principal_id;
	key.hour = hour_of(row->at);
	key.version = row->version;
	read = hash_search(sums->reads, &key, HASH_ENTER, &found);
	add_to_sum(&read->sum, !found, row, decision, false);
}

void
sums_add(const AuditRow *row)
{
	AuditDecision decision = sums_decision_of(row);

	if (decision == DECISION_NONE)
		return;
	if (sums == NULL)
		sums_begin();
	add_call(row, decision);
	if (is_read(row))
		add_read(row, decision);
}

UsageSums *
sums_present(void)
{
	return sums;
}

int64
sums_size(void)
{
	return sums ? hash_get_num_entries(sums->calls) + hash_get_num_entries(sums->reads) : 0;
}
