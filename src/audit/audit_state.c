/*
 * audit_state.c
 *		State of the trail: none, restoring from a dump, or kept.
 */
#include "audit/audit_state.h"

#include "miscadmin.h"

#include "platform/shmem.h"

static TrailState (*tell_state)(void) = NULL;
static void (*note_restorer)(void) = NULL;

void
audit_set_state(TrailState (*state)(void), void (*restorer)(void))
{
	tell_state = state;
	note_restorer = restorer;
}

TrailState
audit_trail_state(void)
{
	/* Without preload, no callback is set. */
	return shmem_is_ready() ? tell_state() : TRAIL_KEPT;
}

bool
audit_is_restoring(void)
{
	if (!superuser() || audit_trail_state() == TRAIL_KEPT)
		return false;
	note_restorer();
	return true;
}
