/*
 * log_walk.h
 *		Walks through the trail of one tenant: rows by time, and the seals that cover them. Each
 *		seal is opened before the first of its rows and closed after the last.
 *
 * All reads use the active snapshot. Memory is that of the open seals. Seals overlap only where
 * transactions were long.
 */
#ifndef VAULT_EVIDENCE_LOG_WALK_H
#define VAULT_EVIDENCE_LOG_WALK_H

#include "platform/compat.h"

#include "utils/portal.h"

#include "audit/audit_row.h"
#include "evidence/consumer_state.h"
#include "evidence/seal.h"

typedef struct OpenSeal
{
	Seal seal;
	bool is_usable;        /* it has exactly as many ids as it says */
	bool *seen;            /* rows seen, by rank */
	unsigned char *hashes; /* hashes of the rows seen, by rank */
	int seen_count;
	int altered; /* rows that the visitor found altered */
	int without_mac;
	MemoryContext memory;
} OpenSeal;

typedef struct LogVisitor
{
	void (*opened)(void *state, OpenSeal *open);
	/* open is the seal that covers the row, or NULL; again is true for a second row of this id */
	void (*row)(void *state, const AuditRow *row, StringInfo line, OpenSeal *open, bool again);
	void (*closed)(void *state, OpenSeal *open);
} LogVisitor;

/*
 * Visit the rows with since <= at < until, and all rows of each seal that has one of them. Inside
 * SPI.
 */
extern void log_walk(const pg_uuid_t *tenant, TimestampTz since, TimestampTz until,
					 const LogVisitor *visitor, void *state);

/* Return every tenant that has a row in the trail, a seal or a row of its own, and the instance. */
extern pg_uuid_t *log_tenants(int *count);

/* Call row() for each row of a portal that selects the columns of audit_log. */
typedef void (*LogRow)(void *state, const AuditRow *row);
extern void log_rows(Portal portal, LogRow row, void *state);

/*
 * Call row() for the rows that may be new since the state "seen", in no fixed order. Uses the
 * indexes on transaction ids, so the cost does not grow with the trail.
 */
extern void log_rows_since(const ConsumerState *seen, LogRow row, void *state);

#endif
