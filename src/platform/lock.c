/*
 * lock.c
 *		Locks by name.
 */
#include "platform/lock.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

/* Make the tag of a lock. Two names with the same hash wait for each other, which is harmless. */
static LOCKTAG
lock_tag_of(NamedLock kind, const void *name, size_t size)
{
	uint64 hash = hash_bytes_extended(name, (int) size, kind);
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, kind);
	return tag;
}

void
lock_named(NamedLock kind, const void *name, size_t size, LOCKMODE mode)
{
	LOCKTAG tag = lock_tag_of(kind, name, size);

	(void) LockAcquire(&tag, mode, false, false);
}

bool
lock_named_now(NamedLock kind, const void *name, size_t size, LOCKMODE mode)
{
	LOCKTAG tag = lock_tag_of(kind, name, size);

	return LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL;
}
