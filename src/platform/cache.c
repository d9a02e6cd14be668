/*
 * cache.c
 *		Keeps what was read from tables; cache.h has the contract.
 *
 * Callbacks of invalidations only count. They run at any access to a catalog, also while an entry
 * is loaded.
 */
#include "platform/cache.h"

#include "utils/inval.h"
#include "utils/memutils.h"

#define FIRST_SIZE 16

void
cache_invalidate(BackendCache *cache)
{
	cache->generation++;
}

uint64
cache_generation(const BackendCache *cache)
{
	return cache->generation;
}

static void
cache_table_changed(Datum cache)
{
	cache_invalidate((BackendCache *) DatumGetPointer(cache));
}

static void
cache_catalog_changed(Datum cache, int syscache, uint32 hash)
{
	cache_invalidate((BackendCache *) DatumGetPointer(cache));
}

void
cache_follow_table(BackendCache *cache, TableId table)
{
	tables_on_change(table, cache_table_changed, PointerGetDatum(cache));
}

void
cache_follow_catalog(BackendCache *cache, int syscache)
{
	CacheRegisterSyscacheCallback(syscache, cache_catalog_changed, PointerGetDatum(cache));
}

static bool
cache_is_stale(const BackendCache *cache)
{
	return cache->entries == NULL || cache->filled_since != cache->generation;
}

static void
cache_release_entries(BackendCache *cache)
{
	HASH_SEQ_STATUS sequence;
	void *entry;

	if (cache->entries == NULL || cache->release == NULL)
		return;
	hash_seq_init(&sequence, cache->entries);
	while ((entry = hash_seq_search(&sequence)) != NULL)
		cache->release(entry);
}

/* Delete all entries. If an error interrupts it, the cache looks as if it had not been used yet. */
static void
cache_empty(BackendCache *cache)
{
	HASHCTL control = {.keysize = cache->key_size, .entrysize = cache->entry_size};

	cache_release_entries(cache);
	cache->entries = NULL;
	cache->latest = NULL;
	if (cache->memory)
		MemoryContextDelete(cache->memory);
	cache->memory = NULL;
	cache->memory = AllocSetContextCreate(TopMemoryContext, "vault cache", ALLOCSET_SMALL_SIZES);
	MemoryContextSetIdentifier(cache->memory, cache->name);
	control.hcxt = cache->memory;
	cache->filled_since = cache->generation;
	cache->entries =
		hash_create(cache->name, FIRST_SIZE, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void *
cache_find(BackendCache *cache, const void *key)
{
	void *entry;

	if (cache_is_stale(cache))
		cache_empty(cache);
	if (cache->latest && memcmp(cache->latest, key, cache->key_size) == 0)
		return cache->latest;
	entry = hash_search(cache->entries, key, HASH_FIND, NULL);
	if (entry)
		cache->latest = entry;
	return entry;
}

void *
cache_keep(BackendCache *cache, const void *key)
{
	return cache_is_stale(cache) ? NULL : hash_search(cache->entries, key, HASH_ENTER, NULL);
}
