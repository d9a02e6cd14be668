/*
 * audit_worker.h
 *		"vault audit": takes records out of the ring and commits them.
 */
#ifndef VAULT_AUDIT_AUDIT_WORKER_H
#define VAULT_AUDIT_AUDIT_WORKER_H

#include "platform/compat.h"

extern void audit_worker_init(void);

extern PGDLLEXPORT void vault_audit_worker_main(Datum arg);

#endif
