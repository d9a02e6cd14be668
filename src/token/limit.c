/*
 * limit.c
 *		The two tables; one lock guards both.
 *
 * A count belongs to a digest that is keyed with random bytes, so that nobody can aim at
 * the place of somebody else's.  Whoever reaches the limit within the window is refused
 * for the length of the window, and for twice as long each time that it happens again
 * before as much time has passed in peace, up to 16 windows.
 */
#include "token/limit.h"

#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "storage/lwlock.h"

#include "crypto/primitives.h"
#include "crypto/raise.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/tables.h"

#define COUNTS 4096
#define WAYS 8
#define MAX_DOUBLINGS 4
#define ONCE_TOKENS 4096
#define ONCE_OF_A_TENANT (ONCE_TOKENS / 4)

typedef struct Count
{
	unsigned char digest[SHA256_BYTES];
	TimestampTz since;			/* 0: free */
	TimestampTz until;			/* refused until then */
	int			failures;
	int			doublings;
} Count;

typedef struct UsedToken
{
	pg_uuid_t	tenant;
	pg_uuid_t	token;
	TimestampTz expires;		/* in the past: free */
	uint64		owner;
} UsedToken;

typedef struct Shared
{
	LWLock		lock;
	TimestampTz started;		/* what was used before is not known */
	pg_uuid_t	salt;
	Count		counts[COUNTS];
	UsedToken	used[ONCE_TOKENS];
} Shared;

static Shared *shared = NULL;

static int
limit_of(LimitKind kind)
{
	return kind == LIMIT_TOKEN ? setting_max_failures : setting_max_denials;
}

static TimestampTz
window(int doublings)
{
	return ((int64) setting_failure_window << doublings) * USECS_PER_SEC;
}

static void
digest_of(LimitKind kind, const pg_uuid_t *tenant, const char *subject,
		  unsigned char digest[SHA256_BYTES])
{
	char		text[1 + 2 * UUID_LEN + NI_MAXHOST + 1 + 256];
	size_t		size = 0;

	text[size++] = (char) kind;
	memcpy(text + size, &shared->salt, UUID_LEN);
	memcpy(text + size + UUID_LEN, tenant, UUID_LEN);
	size += 2 * UUID_LEN;
	size += snprintf(text + size, sizeof(text) - size, "%s",
					 MyProcPort && MyProcPort->remote_host ? MyProcPort->remote_host : "") + 1;
	size += strlcpy(text + size, subject, 256);
	crypto_require(crypto_sha256(text, size, digest));
}

/* The digest's count, or the one of its set that goes first to make room. */
static Count *
place_of(const unsigned char digest[SHA256_BYTES], bool *found)
{
	uint32		set;
	Count	   *oldest = NULL;

	memcpy(&set, digest, sizeof(set));
	set = set % (COUNTS / WAYS) * WAYS;
	*found = true;
	for (int i = 0; i < WAYS; i++)
	{
		Count	   *count = &shared->counts[set + i];

		if (count->since && memcmp(count->digest, digest, SHA256_BYTES) == 0)
			return count;
		if (oldest == NULL || Max(count->since, count->until) < Max(oldest->since, oldest->until))
			oldest = count;
	}
	*found = false;
	return oldest;
}

bool
limit_is_reached(LimitKind kind, const pg_uuid_t *tenant, const char *subject)
{
	unsigned char digest[SHA256_BYTES];
	Count	   *count;
	bool		found;
	bool		reached;

	if (limit_of(kind) == 0)
		return false;
	digest_of(kind, tenant, subject, digest);
	LWLockAcquire(&shared->lock, LW_SHARED);
	count = place_of(digest, &found);
	reached = found && GetCurrentTimestamp() < count->until;
	LWLockRelease(&shared->lock);
	return reached;
}

/* With the lock held. */
static void
count_one(Count *count, int limit, TimestampTz now)
{
	if (now < count->until)
		return;
	if (now - count->since > window(0))
	{
		if (now - Max(count->since, count->until) > window(count->doublings))
			count->doublings = 0;
		count->since = now;
		count->failures = 0;
	}
	if (++count->failures < limit)
		return;
	count->until = now + window(count->doublings);
	count->doublings = Min(count->doublings + 1, MAX_DOUBLINGS);
	count->failures = 0;
}

void
limit_count(LimitKind kind, const pg_uuid_t *tenant, const char *subject)
{
	unsigned char digest[SHA256_BYTES];
	TimestampTz now = GetCurrentTimestamp();
	Count	   *count;
	bool		found;

	if (limit_of(kind) == 0)
		return;
	digest_of(kind, tenant, subject, digest);
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	count = place_of(digest, &found);
	if (!found)
	{
		memset(count, 0, sizeof(*count));
		memcpy(count->digest, digest, SHA256_BYTES);
		count->since = now;
	}
	count_one(count, limit_of(kind), now);
	LWLockRelease(&shared->lock);
}

/* Of this backend and serial: a number that no other has. */
static uint64
owner_of(uint64 serial)
{
	static uint64 base = 0;

	if (base == 0)
		crypto_require(crypto_random(&base, sizeof(base)));
	return base + serial;
}

/* Where it is, or is to be; NULL if there is no room for it. */
static UsedToken *
used_place(const pg_uuid_t *tenant, const pg_uuid_t *token, TimestampTz now, bool *found)
{
	UsedToken  *room = NULL;
	int			of_tenant = 0;

	*found = true;
	for (int i = 0; i < ONCE_TOKENS; i++)
	{
		UsedToken  *used = &shared->used[i];

		if (used->expires < now)
		{
			room = used;
			continue;
		}
		if (uuid_equal(&used->token, token))
			return used;
		of_tenant += uuid_equal(&used->tenant, tenant);
	}
	*found = false;
	return of_tenant < ONCE_OF_A_TENANT ? room : NULL;
}

bool
once_take(const pg_uuid_t *tenant, const pg_uuid_t *token, uint64 serial,
		  TimestampTz issued, TimestampTz expires)
{
	uint64		owner = owner_of(serial);
	UsedToken  *used;
	bool		found;
	bool		taken;

	if (issued <= shared->started)
		return false;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	used = used_place(tenant, token, GetCurrentTimestamp(), &found);
	taken = used != NULL && (!found || used->owner == owner);
	if (taken)
		*used = (UsedToken) {*tenant, *token, expires, owner};
	LWLockRelease(&shared->lock);
	return taken;
}

static void
shared_init(void *area)
{
	Shared	   *made = area;

	LWLockInitialize(&made->lock, LWLockNewTrancheId());
	made->started = GetCurrentTimestamp();
	made->salt = id_new();
}

void
limit_init(void)
{
	shmem_register("vault token limits", sizeof(Shared), shared_init, (void **) &shared);
}
