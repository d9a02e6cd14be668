/*
 * audit_state.h
 *		State of the trail: none, restoring from a dump, or kept.
 */
#ifndef VAULT_AUDIT_AUDIT_STATE_H
#define VAULT_AUDIT_AUDIT_STATE_H

#include "platform/compat.h"

/*
 * States of the trail.  While a superuser loads a dump, the superuser's own acts are not recorded:
 * inserted rows, and the statements that TRAIL_RESTORING lets through (audit.c).  That state ends
 * when the vault is opened, which writes one row; see evidence/log_consumer.c.
 */
typedef enum TrailState
{
	TRAIL_NONE,      /* no vault, or not yet: no record is written */
	TRAIL_RESTORING, /* a dump was loaded, and the vault has not been opened since */
	TRAIL_KEPT
} TrailState;

extern TrailState audit_trail_state(void);

/*
 * Set the callbacks that return the state, and that record a session which loads rows of a dump.
 * Preload only.
 */
extern void audit_set_state(TrailState (*state)(void), void (*note_restorer)(void));

/* True if a superuser's statement inserts rows into a vault that is not opened. */
extern bool audit_is_restoring(void);

#endif
