/*
 * throttle.c
 *		The tables of counts and of good tokens in shared memory; one lock guards both.
 *
 * A count belongs to a digest that is salted with random bytes, so that no client can aim at the
 * place of another client's count.  A peer that reaches the limit within the window is refused for
 * the length of the window: its back-off.  The next back-off is twice as long, up to 16 windows,
 * unless as much time has passed in between.
 *
 * A new count replaces one that is over, else the one with the fewest failures among eight, and
 * only last one whose back-off lasts.  To push out a count of n failures therefore takes
 * thousands of other counts with more than n.
 */
#include "throttle/throttle.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"

#include "crypto/primitives.h"
#include "crypto/raise.h"
#include "identity/connection.h"
#include "platform/secret_memory.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/tables.h"

#define COUNTS        4096
#define WAYS          8
#define REPEATS       8
#define MAX_DOUBLINGS 4
#define GOOD_TOKENS   4096

typedef struct Digest
{
	unsigned char bytes[SHA256_BYTES];
} Digest;

StaticAssertDecl(sizeof(Digest) == sizeof(((ThrottleTicket *) NULL)->place),
				 "a ticket has no room");

typedef struct Count
{
	Digest digest;
	TimestampTz since; /* begin of the window; 0 means that the place is free */
	TimestampTz until; /* end of the back-off */
	int failures;
	int doublings;
	uint64 repeats[REPEATS]; /* digests of the last refusals; 0 means none */
	int next_repeat;
} Count;

typedef struct GoodToken
{
	Digest digest;
	pg_uuid_t tenant;
	TimestampTz since; /* 0 means that the place is free */
} GoodToken;

typedef struct ThrottleShared
{
	LWLock lock;
	pg_atomic_uint64 back_offs;
	pg_uuid_t salt;
	Count counts[COUNTS];
	GoodToken good[GOOD_TOKENS];
} ThrottleShared;

static ThrottleShared *shared = NULL;

/* Return the number of failures that begins a back-off; 0 means that there is no limit. */
static int
throttle_of(ThrottleKind kind)
{
	switch (kind)
	{
		case THROTTLE_SUBJECT:
			return setting_max_failures;
		case THROTTLE_FORGERY:
			return setting_max_forgeries;
		case THROTTLE_DENIAL:
			return setting_max_denials;
	}
	return 0;
}

/* Return the length of the window, or of a back-off after so many doublings. */
static TimestampTz
throttle_window(int doublings)
{
	return ((int64) setting_failure_window << doublings) * USECS_PER_SEC;
}

/* Hash the salt and the bytes. */
static Digest
salted_digest(const void *data, size_t size)
{
	char *text = secret_alloc(UUID_LEN + size);
	Digest digest;

	memcpy(text, &shared->salt, UUID_LEN);
	memcpy(text + UUID_LEN, data, size);
	crypto_require(crypto_sha256(text, UUID_LEN + size, digest.bytes));
	secret_free(text);
	return digest;
}

static Digest
digest_of(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom)
{
	struct
	{
		int kind;
		pg_uuid_t tenant;
		Peer peer;
		char whom[256];
	} key;

	memset(&key, 0, sizeof(key));
	key.kind = kind;
	key.tenant = *tenant;
	key.peer = *connection_peer();
	strlcpy(key.whom, whom, sizeof(key.whom));
	return salted_digest(&key, sizeof(key));
}

static bool
is_equal(const Digest *a, const Digest *b)
{
	return memcmp(a, b, sizeof(Digest)) == 0;
}

/* Return the first of the eight places that the digest can have in a table of this size. */
static uint32
first_place(const Digest *digest, uint32 places)
{
	uint32 number;

	memcpy(&number, digest, sizeof(number));
	return number % (places / WAYS) * WAYS;
}

/* ---- counts ---- */

static Count *
find_count(const Digest *digest)
{
	Count *set = &shared->counts[first_place(digest, COUNTS)];

	for (int i = 0; i < WAYS; i++)
		if (set[i].since && is_equal(&set[i].digest, digest))
			return &set[i];
	return NULL;
}

/* Return the eviction weight: the count with the lowest weight is replaced. */
static int64
throttle_weight(const Count *count, TimestampTz now)
{
	if (now - Max(count->since, count->until) > throttle_window(count->doublings))
		return 0;
	return ((int64) (now < count->until) << 40) + ((int64) count->doublings << 32) +
		count->failures;
}

static Count *
make_count(const Digest *digest, TimestampTz now)
{
	Count *set = &shared->counts[first_place(digest, COUNTS)];
	Count *least = set;

	for (int i = 1; i < WAYS; i++)
		if (throttle_weight(&set[i], now) < throttle_weight(least, now))
			least = &set[i];
	memset(least, 0, sizeof(*least));
	least->digest = *digest;
	least->since = now;
	return least;
}

uint64
throttle_back_offs(void)
{
	return pg_atomic_read_u64(&shared->back_offs);
}

TimestampTz
throttle_until(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom)
{
	Digest digest = digest_of(kind, tenant, whom);
	TimestampTz until = 0;
	Count *count;

	LWLockAcquire(&shared->lock, LW_SHARED);
	count = find_count(&digest);
	if (count)
		until = count->until;
	LWLockRelease(&shared->lock);
	return until;
}

bool
throttle_is_reached(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom)
{
	return throttle_of(kind) > 0 && throttle_back_offs() > 0 &&
		GetCurrentTimestamp() < throttle_until(kind, tenant, whom);
}

/* True if the refusal is among the last ones; adds it if not. */
static bool
is_repeat(Count *count, uint64 what)
{
	for (int i = 0; i < REPEATS; i++)
		if (count->repeats[i] == what)
			return true;
	count->repeats[count->next_repeat] = what;
	count->next_repeat = (count->next_repeat + 1) % REPEATS;
	return false;
}

static void
begin_window(Count *count, TimestampTz now)
{
	if (now - Max(count->since, count->until) > throttle_window(count->doublings))
		count->doublings = 0;
	count->since = now;
	count->failures = 0;
	memset(count->repeats, 0, sizeof(count->repeats));
}

/* Count one failure; the caller holds the lock in exclusive mode. */
static void
count_one(Count *count, int limit, uint64 what, TimestampTz now)
{
	if (now < count->until)
		return;
	if (now - count->since > throttle_window(0))
		begin_window(count, now);
	if (is_repeat(count, what) || ++count->failures < limit)
		return;
	count->until = now + throttle_window(count->doublings);
	count->doublings = Min(count->doublings + 1, MAX_DOUBLINGS);
	count->failures = 0;
	pg_atomic_fetch_add_u64(&shared->back_offs, 1);
}

void
throttle_prepare(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom, const void *what,
				 size_t what_size, ThrottleTicket *ticket)
{
	Digest place = digest_of(kind, tenant, whom);
	Digest thing = salted_digest(what, what_size);

	ticket->kind = kind;
	memcpy(ticket->place, &place, sizeof(place));
	memcpy(&ticket->what, &thing, sizeof(ticket->what));
}

void
throttle_count_prepared(const ThrottleTicket *ticket)
{
	TimestampTz now = GetCurrentTimestamp();
	Digest digest;
	Count *count;

	if (throttle_of(ticket->kind) == 0)
		return;
	memcpy(&digest, ticket->place, sizeof(digest));
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	count = find_count(&digest);
	if (count == NULL)
		count = make_count(&digest, now);
	count_one(count, throttle_of(ticket->kind), ticket->what, now);
	LWLockRelease(&shared->lock);
}

void
throttle_count(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom, const void *what,
			   size_t what_size)
{
	ThrottleTicket ticket;

	if (throttle_of(kind) == 0)
		return;
	throttle_prepare(kind, tenant, whom, what, what_size, &ticket);
	throttle_count_prepared(&ticket);
}

/* ---- tokens that were good ---- */

static GoodToken *
find_good(const Digest *digest)
{
	GoodToken *set = &shared->good[first_place(digest, GOOD_TOKENS)];

	for (int i = 0; i < WAYS; i++)
		if (set[i].since && is_equal(&set[i].digest, digest))
			return &set[i];
	return NULL;
}

/* Return the number of the eight places that the tenant has. */
static int
share_of(const GoodToken *set, const pg_uuid_t *tenant)
{
	int share = 0;

	for (int i = 0; i < WAYS; i++)
		share += set[i].since && uuid_equal(&set[i].tenant, tenant);
	return share;
}

/*
 * Return a free place, else the oldest of the tenant that has most of them.  A tenant with many
 * tokens pushes out its own.
 */
static GoodToken *
place_for_good(const Digest *digest)
{
	GoodToken *set = &shared->good[first_place(digest, GOOD_TOKENS)];
	GoodToken *least = NULL;
	int most = 0;

	for (int i = 0; i < WAYS; i++)
	{
		int share = share_of(set, &set[i].tenant);

		if (set[i].since == 0)
			return &set[i];
		if (share > most || (share == most && set[i].since < least->since))
		{
			most = share;
			least = &set[i];
		}
	}
	return least;
}

static bool
throttle_knows_token(const Digest *digest)
{
	bool found;

	LWLockAcquire(&shared->lock, LW_SHARED);
	found = find_good(digest) != NULL;
	LWLockRelease(&shared->lock);
	return found;
}

bool
throttle_remembers(const void *token, size_t size)
{
	Digest digest = salted_digest(token, size);

	return throttle_knows_token(&digest);
}

void
throttle_remember(const pg_uuid_t *tenant, const void *token, size_t size)
{
	Digest digest = salted_digest(token, size);

	if (throttle_knows_token(&digest))
		return;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	if (find_good(&digest) == NULL)
		*place_for_good(&digest) = (GoodToken){digest, *tenant, GetCurrentTimestamp()};
	LWLockRelease(&shared->lock);
}

static void
throttle_shared_init(void *area)
{
	ThrottleShared *made = area;

	LWLockInitialize(&made->lock, compat_new_tranche("vault"));
	pg_atomic_init_u64(&made->back_offs, 0);
	made->salt = id_new();
}

/* Empty the tables: the counts are those of the vault that was dropped. */
static void
forget_throttle(void)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	memset(shared->counts, 0, sizeof(shared->counts));
	memset(shared->good, 0, sizeof(shared->good));
	LWLockRelease(&shared->lock);
	pg_atomic_fetch_add_u64(&shared->back_offs, 1);
}

void
throttle_init(void)
{
	shmem_register("vault limits", sizeof(ThrottleShared), throttle_shared_init, forget_throttle,
				   (void **) &shared);
}
