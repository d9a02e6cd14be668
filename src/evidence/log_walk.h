/*
 * log_walk.h
 *		A walk through the trail of one tenant: rows by time, and the seals that cover
 *		them, each opened before the first of its rows and closed after the last.
 *
 * Everything is seen as of the active snapshot.  Memory is that of the seals that are open
 * at a time, and those overlap only where transactions were long.
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
	bool is_usable;        /* its ids can be believed to be as many as it says */
	bool *seen;            /* by rank */
	unsigned char *hashes; /* of the rows seen, by rank */
	int seen_count;
	int altered; /* rows that the visitor counts */
	int without_mac;
	MemoryContext memory;
} OpenSeal;

typedef struct LogVisitor
{
	void (*opened)(void *state, OpenSeal *open);
	/* open: the seal that covers the row, NULL if none does; again: not for the first time */
	void (*row)(void *state, const AuditRow *row, StringInfo line, OpenSeal *open, bool again);
	void (*closed)(void *state, OpenSeal *open);
} LogVisitor;

/* since <= at < until, and all of each seal that has a row in there.  Inside SPI. */
extern void log_walk(const pg_uuid_t *tenant, TimestampTz since, TimestampTz until,
					 const LogVisitor *visitor, void *state);

/* Every tenant that has a row, a seal or an entry of its own, the instance included. */
extern pg_uuid_t *log_tenants(int *count);

/* Calls row for each row of a portal that selects audit_log's columns. */
typedef void (*LogRow)(void *state, const AuditRow *row);
extern void log_rows(Portal portal, LogRow row, void *state);

/*
 * The same for the rows that may be new since then, in no order.  By the indexes of transaction
 * ids, so that the length of the trail does not matter.
 */
extern void log_rows_since(const ConsumerState *seen, LogRow row, void *state);

#endif
