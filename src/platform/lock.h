/*
 * lock.h
 *		Locks by name, until the end of the transaction.
 *
 * They guard things that are not a row, without locking a whole table. For the server they are
 * advisory locks, in a class that pg_advisory_lock() and its like cannot name. So a role takes them
 * only through the vault. What a tenant can lock is its own, or the name of a role that it is
 * binding.
 */
#ifndef VAULT_PLATFORM_LOCK_H
#define VAULT_PLATFORM_LOCK_H

#include "platform/compat.h"

#include "storage/lockdefs.h"

/* Kinds of locks, and what names each of them. SQL uses 1 and 2. */
typedef enum NamedLock
{
	LOCK_ROLE = 3,      /* a database role: share to bind it, exclusive to reserve it */
	LOCK_POLICY,        /* a tenant: exclusive to change memberships */
	LOCK_ROTATED_USERS, /* a tenant: exclusive to give a user to a rotation */
	LOCK_KEYS           /* a tenant: share while its keys are used for rows, exclusive to
								 * take retired ones away */
} NamedLock;

extern void lock_named(NamedLock kind, const void *name, size_t size, LOCKMODE mode);

/* Take the lock without waiting. Returns false if another session holds it. */
extern bool lock_named_now(NamedLock kind, const void *name, size_t size, LOCKMODE mode);

#endif
