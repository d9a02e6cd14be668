/*
 * sealer.h
 *		The worker "vault sealer": makes a step every few seconds, and partitions for the months to
 *		come at its start and daily.
 */
#ifndef VAULT_EVIDENCE_SEALER_H
#define VAULT_EVIDENCE_SEALER_H

#include "platform/compat.h"

extern void evidence_init(void);

/*
 * Set the task of a later feature. The worker runs it a few times a minute, in a transaction of its
 * own.
 */
extern void sealer_set_task(void (*task)(void));

extern PGDLLEXPORT void vault_sealer_worker_main(Datum arg);

#endif
