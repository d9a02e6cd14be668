/*
 * consumer_state.h
 *		State of the log consumer, as vault_data.audit_progress holds it.
 */
#ifndef VAULT_EVIDENCE_CONSUMER_STATE_H
#define VAULT_EVIDENCE_CONSUMER_STATE_H

#include "platform/compat.h"

/* The transactions that had been seen when the state was written. */
typedef struct ConsumerState
{
	bool exists;
	bool is_genuine; /* its MAC is right */
	bool is_local;   /* written in this cluster, so transaction ids mean the same */
	bool is_settled; /* written in this database, since the extension was created */
	char *snapshot;
	uint64 xmax;
	uint64 next_xid; /* next transaction id at the time of reading */
	uint64 *running; /* ids that were running below xmax, ascending */
	int running_count;
	int64 floor_id;  /* up to this id, transaction ids of rows are of another cluster */
	int64 newest_id; /* newest id of the rows seen */
	int64 seals;     /* number of seals of all tenants together */
	bool closed;     /* written at the end of the server, when no row was left to be seen */
} ConsumerState;

#endif
