/*
 * head_cache.c
 *		A hash table in shared memory that overwrites old entries, without locks and chains.
 *
 * An entry is one atomic word: block, offset, and 16 bits of the hash. These bits avoid most
 * visits to the wrong row. A name can be in any of the four entries of one bucket. Zero is an
 * empty entry, as no row has offset zero.
 */
#include "secret/head_cache.h"

#include "common/hashfn.h"
#include "port/atomics.h"

#include "platform/shmem.h"

#define BUCKET_ENTRIES 4
#define BUCKETS        65536

typedef struct Bucket
{
	pg_atomic_uint64 entries[BUCKET_ENTRIES];
} Bucket;

static Bucket *buckets = NULL;

uint64
head_cache_hash(const pg_uuid_t *tenant, const SecretName *name)
{
	uint64 hash = hash_bytes_extended(tenant->data, UUID_LEN, 0);

	hash = hash_bytes_extended((const unsigned char *) name->environment, name->environment_size,
							   hash);
	return hash_bytes_extended((const unsigned char *) name->name, name->name_size, hash);
}

static Bucket *
bucket_of(uint64 hash)
{
	return &buckets[hash % BUCKETS];
}

static uint64
head_cache_tag_of(uint64 hash)
{
	return hash >> 48;
}

static uint64
head_cache_pack(uint64 hash, const ItemPointerData *place)
{
	return (uint64) ItemPointerGetBlockNumber(place) << 32 |
		(uint64) ItemPointerGetOffsetNumber(place) << 16 | head_cache_tag_of(hash);
}

static bool
is_free_for(uint64 entry, uint64 hash)
{
	return entry == 0 || (entry & 0xffff) == head_cache_tag_of(hash);
}

bool
head_cache_get(uint64 hash, ItemPointer place)
{
	Bucket *bucket = bucket_of(hash);

	for (int i = 0; i < BUCKET_ENTRIES; i++)
	{
		uint64 entry = pg_atomic_read_u64(&bucket->entries[i]);

		if (entry != 0 && is_free_for(entry, hash))
		{
			ItemPointerSet(place, entry >> 32, entry >> 16 & 0xffff);
			return true;
		}
	}
	return false;
}

void
head_cache_put(uint64 hash, const ItemPointerData *place)
{
	Bucket *bucket = bucket_of(hash);
	int chosen = 0;

	while (chosen < BUCKET_ENTRIES &&
		   !is_free_for(pg_atomic_read_u64(&bucket->entries[chosen]), hash))
		chosen++;
	if (chosen == BUCKET_ENTRIES)
		chosen = hash >> 32 & (BUCKET_ENTRIES - 1);
	pg_atomic_write_u64(&bucket->entries[chosen], head_cache_pack(hash, place));
}

static void
make_buckets(void *area)
{
	Bucket *fresh = area;

	for (int i = 0; i < BUCKETS * BUCKET_ENTRIES; i++)
		pg_atomic_init_u64(&fresh[i / BUCKET_ENTRIES].entries[i % BUCKET_ENTRIES], 0);
}

static void
forget_head_cache(void)
{
	for (int i = 0; i < BUCKETS * BUCKET_ENTRIES; i++)
		pg_atomic_write_u64(&buckets[i / BUCKET_ENTRIES].entries[i % BUCKET_ENTRIES], 0);
}

void
head_cache_init(void)
{
	shmem_register("vault head cache", BUCKETS * sizeof(Bucket), make_buckets, forget_head_cache,
				   (void **) &buckets);
}
