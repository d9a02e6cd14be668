/*
 * pending.c
 *		Undo with a subtransaction; pending.h has the contract.
 *
 * Items are in TopTransactionContext, which ends with the transaction.  An item that is added goes
 * to the end of the list, and its level is the highest: so the items of a level and of deeper ones
 * are the last ones.
 */
#include "platform/pending.h"

#include "utils/memutils.h"

static Pending *
pending_at(dlist_node *node)
{
	return dlist_container(Pending, node, node);
}

void *
pending_add(PendingList *list, Size size)
{
	Pending *pending = MemoryContextAlloc(TopTransactionContext, size);

	pending->level = GetCurrentTransactionNestLevel();
	dlist_push_tail(&list->items, &pending->node);
	list->count++;
	return pending;
}

static void
pending_remove(PendingList *list, Pending *pending)
{
	dlist_delete(&pending->node);
	list->count--;
}

void
pending_forget(PendingList *list, int count)
{
	while (list->count > count)
	{
		Pending *newest = pending_at(dlist_tail_node(&list->items));

		pending_remove(list, newest);
		pfree(newest);
	}
}

/* Return the oldest item of this level or a deeper one; NULL if there is none. */
static dlist_node *
pending_first(PendingList *list, int level)
{
	dlist_node *first = NULL;
	dlist_iter at;

	dlist_reverse_foreach(at, &list->items)
	{
		if (pending_at(at.cur)->level < level)
			break;
		first = at.cur;
	}
	return first;
}

static void
pending_undo(PendingList *list, int level)
{
	dlist_node *node = pending_first(list, level);

	while (node)
	{
		Pending *pending = pending_at(node);

		node = dlist_has_next(&list->items, node) ? dlist_next_node(&list->items, node) : NULL;
		pending_remove(list, pending);
		list->undo(pending);
	}
}

static void
pending_pass_to_parent(PendingList *list, int level)
{
	dlist_iter at;

	dlist_reverse_foreach(at, &list->items)
	{
		if (pending_at(at.cur)->level < level)
			return;
		pending_at(at.cur)->level = level - 1;
	}
}

void
pending_end_transaction(PendingList *list, XactEvent event)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		pending_undo(list, 0);
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_COMMIT)
	{
		dlist_init(&list->items);
		list->count = 0;
	}
}

void
pending_end_subtransaction(PendingList *list, SubXactEvent event)
{
	int level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
		pending_undo(list, level);
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		pending_pass_to_parent(list, level);
}
