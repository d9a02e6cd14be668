/*
 * spill.c
 *		Stores of portals that do not spill to disk.
 *
 * A portal gives some results whole: of RETURNING, of a WITH that changes data, of utility
 * statements (FETCH, EXECUTE, CALL), and of the rest of a loop in PL/pgSQL when that commits. It
 * collects them in a tuplestore, which writes to disk what does not fit into work_mem. Before the
 * first row, this file exchanges the store for one that may use all memory and is overwritten at
 * its end.
 */
#include "redaction/spill.h"

#include <limits.h>

#include "executor/tstoreReceiver.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/tuplestore.h"

#include "platform/secret_memory.h"
#include "redaction/command.h"

/* Return true if the rows go to this portal's store. A function may have a store of its own. */
static bool
fills_portal(Portal portal, const DestReceiver *receiver)
{
	return portal && portal->holdStore && receiver && receiver->mydest == DestTuplestore &&
		compat_tuplestore_of(receiver) == portal->holdStore;
}

static void
exchange_store(Portal portal, DestReceiver *receiver, bool detoast)
{
	SecretArea *area = secret_area_new(portal->holdContext);
	MemoryContext old = MemoryContextSwitchTo(area->memory);

	tuplestore_end(portal->holdStore);
	portal->holdStore = tuplestore_begin_heap((portal->cursorOptions & CURSOR_OPT_SCROLL) != 0,
											  true, MAX_KILOBYTES);
	MemoryContextSwitchTo(old);
	SetTuplestoreDestReceiverParams(receiver, portal->holdStore, portal->holdContext, detoast, NULL,
									NULL);
}

void
spill_prevent_rows(const QueryDesc *query)
{
	Portal portal = ActivePortal;
	bool held;

	if (!fills_portal(portal, query->dest))
		return;
	/* For a loop that commits, its own statement counts, and not the rest of the procedure. */
	held = portal->strategy == PORTAL_ONE_SELECT;
	if ((!held && command_is_sensitive()) ||
		(query->sourceText && text_is_sensitive(query->sourceText)))
		exchange_store(portal, query->dest, held);
}

void
spill_prevent_utility(DestReceiver *receiver)
{
	if (fills_portal(ActivePortal, receiver) && command_is_sensitive())
		exchange_store(ActivePortal, receiver, false);
}
