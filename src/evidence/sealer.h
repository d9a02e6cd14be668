/*
 * sealer.h
 *		The worker "vault sealer": a step every few seconds, and partitions for the months
 *		to come, at its start and daily.
 */
#ifndef VAULT_EVIDENCE_SEALER_H
#define VAULT_EVIDENCE_SEALER_H

#include "platform/compat.h"

extern void evidence_init(void);

extern PGDLLEXPORT void vault_sealer_worker_main(Datum arg);

#endif
