/*
 * log_consumer.h
 *		Steps through the trail: sees each committed row exactly once, and seals it.
 *
 * A step is one transaction of the worker "vault sealer", every few seconds. It stores a snapshot
 * in vault_data.audit_progress, which commits with the seals: a row is new if it is visible now and
 * was not visible then. The rows of a long transaction are seen late, and no other row waits for
 * them. While the vault is sealed no step is made.
 */
#ifndef VAULT_EVIDENCE_LOG_CONSUMER_H
#define VAULT_EVIDENCE_LOG_CONSUMER_H

#include "audit/audit_row.h"
#include "evidence/consumer_state.h"

/*
 * Register a listener. Its row() is called once for each row, in no fixed order, within the
 * transaction of the step. The argument of row() lives for the call. Rows with a wrong MAC are left
 * out. Preload only.
 */
typedef struct ConsumerListener
{
	void (*row)(const AuditRow *row);
	void (*end)(void);
} ConsumerListener;

extern void consumer_add_listener(const ConsumerListener *listener);

/* Read the state; state->exists is false if there is none. Inside SPI. */
extern void consumer_state(ConsumerState *state);

/* Return true if no step has seen the row yet. */
extern bool consumer_is_new(const ConsumerState *state, const AuditRow *row);

/*
 * Request a step that sees everything that is committed by now, and wait for it, at most ten
 * seconds. Returns false if no such step was made.
 */
extern bool consumer_request(void);

extern void consumer_init(void);

/* Write the state of a vault that has just been initialized. As a superuser. */
extern void consumer_begin(void);

/*
 * Functions of the worker, in this order: prepare before the transaction of a step begins, step
 * inside it, and committed after its commit, which wakes the backends that wait.
 */
extern void consumer_prepare(void);
extern void consumer_step(void);
extern void consumer_committed(void);

/* Make the next step the last one before the server ends. */
extern void consumer_close(void);
extern void consumer_attach(void);

#endif
