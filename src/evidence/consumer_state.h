/*
 * consumer_state.h
 *		State of the log consumer, as vault_data.audit_progress holds it.
 */
#ifndef VAULT_EVIDENCE_CONSUMER_STATE_H
#define VAULT_EVIDENCE_CONSUMER_STATE_H

#include "platform/compat.h"

/* Transactions that had been seen when the state was written. */
typedef struct ConsumerState
{
	bool exists;
	bool is_genuine; /* its MAC fits */
	bool is_local;   /* of this cluster: transaction ids mean the same */
	bool is_settled; /* of this database, since the extension was made */
	char *snapshot;
	uint64 xmax;
	uint64 next_xid; /* at the time of reading: no transaction has this id or a later one */
	uint64 *running; /* below xmax, ascending */
	int running_count;
	int64 floor_id;  /* transaction ids of rows up to here are of another cluster */
	int64 newest_id; /* of the rows seen */
	int64 seals;     /* of all tenants together */
	bool closed;     /* the server ended then, and nothing was left to be seen */
} ConsumerState;

#endif
