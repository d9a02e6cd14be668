/*
 * pending.h
 *		Undoes items when a subtransaction is rolled back.
 *
 * An item belongs to the subtransaction that added it. When that commits, the item passes to the
 * parent; when it is rolled back, the item is undone. An item that reaches the commit of the
 * transaction is forgotten. PREPARE counts as a rollback, because the end of a prepared transaction
 * is not known here.
 *
 * Lists belong to this backend. The owner calls the two functions for the end of transactions and
 * subtransactions from its own callbacks, so that it decides the order among them.
 */
#ifndef VAULT_PLATFORM_PENDING_H
#define VAULT_PLATFORM_PENDING_H

#include "platform/compat.h"

#include "access/xact.h"
#include "lib/ilist.h"

/* The first member of an item. The owner's struct continues it. */
typedef struct Pending
{
	dlist_node node;
	int level; /* nesting level of the subtransaction */
} Pending;

typedef struct PendingList
{
	/* Undo an item. Called once for each item, oldest first, in an abort, so it must not raise. */
	void (*undo)(Pending *pending);
	dlist_head items; /* oldest first; levels never decrease */
	int count;
} PendingList;

/*
 * Add an item of this size to the current subtransaction and return it. The caller fills it at
 * once.
 */
extern void *pending_add(PendingList *list, Size size);

/* Forget all items but this number of the oldest. */
extern void pending_forget(PendingList *list, int count);

/* Call these at every event of that kind. */
extern void pending_end_transaction(PendingList *list, XactEvent event);
extern void pending_end_subtransaction(PendingList *list, SubXactEvent event);

#endif
