/*
 * log_consumer.h
 *		Steps through the trail: each committed row is seen exactly once, and sealed.
 *
 * A step is one transaction of the worker "vault sealer", every few seconds.  What it has
 * seen is kept in vault_data.audit_progress as a snapshot, and commits with the seals: rows that
 * are visible now and were not then are new.  Rows of long transactions come late, and
 * nothing waits for them.  While the vault is sealed no step is made.
 */
#ifndef VAULT_EVIDENCE_LOG_CONSUMER_H
#define VAULT_EVIDENCE_LOG_CONSUMER_H

#include "audit/audit_row.h"
#include "evidence/consumer_state.h"

/*
 * Register a listener.  It gets each row once, in no fixed order, within the step's transaction;
 * row's argument lives for the call.  Rows that fail their MAC are left out.  Preload.
 */
typedef struct ConsumerListener
{
	void (*row)(const AuditRow *row);
	void (*end)(void);
} ConsumerListener;

extern void consumer_add_listener(const ConsumerListener *listener);

/* Inside SPI; false if there is none. */
extern void consumer_state(ConsumerState *state);

/* Return true if the row was not yet seen. */
extern bool consumer_is_new(const ConsumerState *state, const AuditRow *row);

/*
 * Asks for a step that sees what has been committed by now, and waits for it, at most ten
 * seconds.  False if none came.
 */
extern bool consumer_request(void);

extern void consumer_init(void);

/* Writes the state of a vault that has just been made, as a superuser. */
extern void consumer_begin(void);

/*
 * For the worker: before the transaction of a step begins; the step in it; then, once it
 * committed, the news.
 */
extern void consumer_prepare(void);
extern void consumer_step(void);
extern void consumer_committed(void);

/* The next step is the last one before the server ends. */
extern void consumer_close(void);
extern void consumer_attach(void);

#endif
