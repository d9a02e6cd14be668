/*
 * check.h
 *		An exported trail, checked line by line, without the database and without the root
 *		key: rows against seals, seals against each other, and the chain against a checkpoint.
 */
#ifndef VAULT_EVIDENCE_CHECK_H
#define VAULT_EVIDENCE_CHECK_H

#include "evidence/note.h"
#include "evidence/offline/lines.h"

typedef struct Check Check;

/*
 * Told once for each fault, and for what is worth knowing of a tenant (fault false); the
 * texts live for the call.
 */
typedef void (*CheckReport) (void *state, bool fault, const char *tenant, const char *text);

/* NULL if there is no memory.  heads: of the checkpoint, or NULL. */
extern Check *check_new(const NoteHead *heads, size_t head_count, CheckReport report, void *state);
extern void check_line(Check *check, const char *text, size_t size);

/* The end of the trail: what is still open is closed.  Returns the number of faults. */
extern int64_t check_end(Check *check);
extern void check_free(Check *check);

#endif
