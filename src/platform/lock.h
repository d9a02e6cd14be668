/*
 * lock.h
 *		Locks by name, until the end of the transaction.
 *
 * For what is no row and is not to stop the whole table.  They are advisory locks to the server, in
 * a class that pg_advisory_lock() and its like cannot name: nobody takes one but through the vault,
 * and what a tenant can take is its own, or the name of a role that it is binding.
 */
#ifndef VAULT_PLATFORM_LOCK_H
#define VAULT_PLATFORM_LOCK_H

#include "platform/compat.h"

#include "storage/lockdefs.h"

/* Those of SQL are 1 and 2.  What each is named by: */
typedef enum NamedLock
{
	LOCK_ROLE = 3,      /* a database role: share to bind it, exclusive to reserve it */
	LOCK_POLICY,        /* a tenant: whoever changes who is a member of what */
	LOCK_ROTATED_USERS, /* a tenant: whoever gives a user to a rotation */
	LOCK_KEYS           /* a tenant: share while its keys are used for rows, exclusive to
								 * take retired ones away */
} NamedLock;

extern void lock_named(NamedLock kind, const void *name, size_t size, LOCKMODE mode);

/* The same without waiting; false if somebody else has it. */
extern bool lock_named_now(NamedLock kind, const void *name, size_t size, LOCKMODE mode);

#endif
