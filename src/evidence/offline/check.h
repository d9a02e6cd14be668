/*
 * check.h
 *		Checks an exported trail line by line, without the database and the root key: rows against
 *		seals, seals against each other, and the chain against a checkpoint.
 */
#ifndef VAULT_EVIDENCE_OFFLINE_CHECK_H
#define VAULT_EVIDENCE_OFFLINE_CHECK_H

#include "evidence/signed_note.h"
#include "evidence/offline/lines.h"

typedef struct Check Check;

typedef enum CheckLevel
{
	CHECK_NOTE,
	CHECK_DOUBT, /* could not be checked, or is not in the export because it is a part */
	CHECK_FAULT
} CheckLevel;

/* The text lives for the call. */
typedef void (*CheckReport)(void *state, CheckLevel level, const char *tenant, const char *text);

/*
 * References for the check of an export. The header of the export is believed only if the auditor
 * knows that it is a part, because nothing else confirms the header.
 */
typedef struct CheckAgainst
{
	const SignedNote *heads; /* heads of the checkpoint */
	size_t head_count;
	bool has_checkpoint;
	bool is_partial;
	bool all_tenants; /* every tenant of the checkpoint must be in the export */
} CheckAgainst;

/* Returns NULL if out of memory. */
extern Check *check_new(const CheckAgainst *against, CheckReport report, void *state);
extern void check_line(Check *check, const char *text, size_t size);

/* End the trail: close the seals that are still open. Returns the number of faults. */
extern int64_t check_end(Check *check);

/* Return the number of CHECK_DOUBT reports. */
extern int64_t check_doubts(const Check *check);
extern void check_free(Check *check);

#endif
