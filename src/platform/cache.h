/*
 * cache.h
 *		Caches of one backend: a hash table of data that was read from tables, emptied when they
 *		change.
 *
 * A cache counts the invalidations of the tables and catalogs that it follows. The first
 * cache_find() after an invalidation empties it, so a change is in force at the next call. An
 * invalidation can arrive while an entry is loaded: then the data may be older than the change, and
 * is not kept. The caller may use the data until its next cache_find(), because the memory lives
 * that long.
 *
 *		entry = cache_find(&cache, &key);
 *		if (entry == NULL)
 *			load in cache.memory, then entry = cache_keep(&cache, &key), which may be NULL
 */
#ifndef VAULT_PLATFORM_CACHE_H
#define VAULT_PLATFORM_CACHE_H

#include "platform/compat.h"

#include "utils/hsearch.h"

#include "platform/tables.h"

typedef struct BackendCache
{
	const char *name;
	Size key_size; /* size of the key at the start of an entry; it has no padding */
	Size entry_size;
	void (*release)(void *entry); /* frees memory outside of the cache's own; may be NULL */

	/* State. The owner reads memory, between cache_find() and cache_keep(). */
	MemoryContext memory;
	HTAB *entries;       /* NULL if the cache has not been used yet */
	void *latest;        /* the entry found last, which avoids most look-ups */
	uint64 generation;   /* number of invalidations */
	uint64 filled_since; /* the generation at which the cache was emptied last */
} BackendCache;

/* Follow the table, or the catalog of a syscache: each change of it is an invalidation. */
extern void cache_follow_table(BackendCache *cache, TableId table);
extern void cache_follow_catalog(BackendCache *cache, int syscache);

/* Count an invalidation. */
extern void cache_invalidate(BackendCache *cache);

/* Return the number of invalidations. It is higher than before if the data may have changed. */
extern uint64 cache_generation(const BackendCache *cache);

/* Return the entry of the key, or NULL. */
extern void *cache_find(BackendCache *cache, const void *key);

/*
 * Return a new entry, in which only the key is set. NULL if the cache was invalidated since
 * cache_find() returned NULL for this key. The caller fills the entry before any call that can
 * raise.
 */
extern void *cache_keep(BackendCache *cache, const void *key);

#endif
