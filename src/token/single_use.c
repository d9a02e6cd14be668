/*
 * single_use.c
 *		The table of used tokens, under a lock of its own.
 *
 * Quotas for issuing keep the table from filling. If it is full all the same, it forgets the older
 * half of the entries of one principal: the one with the most entries, in the tenant with the most
 * entries. From then on it refuses the tokens that were issued to the principal up to that time.
 * Tokens of other principals are not refused, and no token is accepted twice. That limit is an
 * entry of the table too, without the id of a token.
 */
#include "token/single_use.h"

#include "storage/lwlock.h"
#include "utils/builtins.h"

#include "crypto/raise.h"
#include "platform/shmem.h"
#include "platform/tables.h"

#define PLACES 4096

typedef struct Used
{
	pg_uuid_t tenant;
	pg_uuid_t principal;
	pg_uuid_t id; /* zero for a limit: all tokens issued up to "issued" are refused */
	TimestampTz issued;
	TimestampTz expires; /* a time in the past means that the entry is free */
	uint64 owner;
} Used;

typedef struct SingleUseShared
{
	LWLock lock;
	pg_uuid_t life;
	Used used[PLACES];
} SingleUseShared;

static SingleUseShared *shared = NULL;

/* Indexes of the entries that can be forgotten, sorted by tenant, principal and age. */
static uint16 order[PLACES];

static const char was_used[] = "it is for one use, and was used";
static const char other_life[] = "it is for one use, and the server has restarted, "
								 "recovered or was promoted since it was issued";
static const char crowded[] =
	"it is for one use, and the principal has used more of these than the server remembers";
static const char full[] = "it is for one use, and the server remembers as many of these as it can";

/* Return a number for a serial of this backend. No other backend has it. */
static uint64
owner_of(uint64 serial)
{
	static uint64 base = 0;

	if (base == 0)
		crypto_require(crypto_random(&base, sizeof(base)));
	return base + serial;
}

static bool
is_limit(const Used *used)
{
	return uuid_equal(&used->id, &UUID_ZERO);
}

static bool
same_principal(const Used *a, const Used *b)
{
	return uuid_equal(&a->tenant, &b->tenant) && uuid_equal(&a->principal, &b->principal);
}

static int
compare_places(const void *a, const void *b)
{
	const Used *left = &shared->used[*(const uint16 *) a];
	const Used *right = &shared->used[*(const uint16 *) b];
	int order_of = memcmp(&left->tenant, &right->tenant, UUID_LEN);

	if (order_of == 0)
		order_of = memcmp(&left->principal, &right->principal, UUID_LEN);
	if (order_of == 0)
		order_of = left->issued < right->issued ? -1 : left->issued > right->issued;
	return order_of;
}

/* Count the entries from there on of the same tenant, or the same principal. */
static int
run_length(int start, int count, bool of_tenant)
{
	const Used *first = &shared->used[order[start]];
	int end = start;

	while (end < count &&
		   (of_tenant ? uuid_equal(&shared->used[order[end]].tenant, &first->tenant)
					  : same_principal(&shared->used[order[end]], first)))
		end++;
	return end - start;
}

/* Return the start of the longest run between start and end; its length in *length. */
static int
longest_run(int start, int end, bool of_tenant, int *length)
{
	int best = start;

	*length = 0;
	for (int i = start, run; i < end; i += run)
	{
		run = run_length(i, end, of_tenant);
		if (run > *length)
		{
			best = i;
			*length = run;
		}
	}
	return best;
}

/* Return the limit of the principal of this entry, or NULL. */
static Used *
find_limit(const Used *of, TimestampTz now)
{
	for (int i = 0; i < PLACES; i++)
		if (shared->used[i].expires >= now && is_limit(&shared->used[i]) &&
			same_principal(&shared->used[i], of))
			return &shared->used[i];
	return NULL;
}

/*
 * Forget this many entries from start on, all of one principal. The first becomes its limit, if it
 * has none.
 */
static void
single_use_forget(int start, int count, TimestampTz now)
{
	Used *limit = find_limit(&shared->used[order[start]], now);

	for (int i = start; i < start + count; i++)
	{
		Used *used = &shared->used[order[i]];

		if (limit == NULL)
		{
			limit = used;
			limit->id = UUID_ZERO;
			continue;
		}
		limit->issued = Max(limit->issued, used->issued);
		limit->expires = Max(limit->expires, used->expires);
		used->expires = 0;
	}
}

static void
single_use_make_room(TimestampTz now)
{
	int count = 0;
	int of_tenant;
	int of_principal;
	int start;

	for (int i = 0; i < PLACES; i++)
		if (shared->used[i].expires >= now && !is_limit(&shared->used[i]))
			order[count++] = i;
	qsort(order, count, sizeof(order[0]), compare_places);
	start = longest_run(0, count, true, &of_tenant);
	start = longest_run(start, start + of_tenant, false, &of_principal);
	if (of_principal >= 2)
		single_use_forget(start, Max(of_principal / 2, 2), now);
}

/* Find the entries for a token, in one walk. */
typedef struct SingleUseFound
{
	Used *same;
	Used *limit;
	Used *room;
} SingleUseFound;

static SingleUseFound
look_for(const Used *wanted, TimestampTz now)
{
	SingleUseFound found = {0};

	for (int i = 0; i < PLACES; i++)
	{
		Used *used = &shared->used[i];

		if (used->expires < now)
			found.room = used;
		else if (uuid_equal(&used->id, &wanted->id))
			found.same = used;
		else if (is_limit(used) && same_principal(used, wanted))
			found.limit = used;
	}
	return found;
}

/* Use a token. The caller holds the lock. */
static const char *
single_use_claim(const Used *wanted, TimestampTz now)
{
	SingleUseFound found = look_for(wanted, now);

	if (found.same)
		return found.same->owner == wanted->owner ? NULL : was_used;
	if (found.room == NULL)
	{
		single_use_make_room(now);
		found = look_for(wanted, now);
	}
	if (found.limit && wanted->issued <= found.limit->issued)
		return crowded;
	if (found.room == NULL)
		return full;
	*found.room = *wanted;
	return NULL;
}

const char *
single_use_take(const SingleUseToken *token, uint64 serial)
{
	Used wanted = {.tenant = token->tenant,
				   .principal = token->principal,
				   .id = token->id,
				   .issued = token->issued,
				   .expires = token->expires,
				   .owner = owner_of(serial)};
	const char *fault;

	if (!uuid_equal(&token->life, &shared->life))
		return other_life;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	fault = single_use_claim(&wanted, GetCurrentTimestamp());
	LWLockRelease(&shared->lock);
	return fault;
}

pg_uuid_t
single_use_life(void)
{
	return shared->life;
}

static void
single_use_shared_init(void *area)
{
	SingleUseShared *made = area;

	LWLockInitialize(&made->lock, compat_new_tranche("vault"));
	made->life = id_new();
}

/*
 * Begin another life when another vault begins. It may be this vault as it was when a dump was
 * made; a token that was used since would be good there once more. So earlier tokens are of another
 * life.
 */
static void
forget_used(void)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	memset(shared->used, 0, sizeof(shared->used));
	if (crypto_random(shared->life.data, UUID_LEN) != CRYPTO_OK)
		shared->life.data[0]++;
	LWLockRelease(&shared->lock);
}

void
single_use_init(void)
{
	shmem_register("vault single use", sizeof(SingleUseShared), single_use_shared_init, forget_used,
				   (void **) &shared);
}
