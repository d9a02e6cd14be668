/*
 * spill.h
 *		Keeps results of statements that use the vault in memory where PostgreSQL would write them
 *		to a temporary file.
 */
#ifndef VAULT_REDACTION_SPILL_H
#define VAULT_REDACTION_SPILL_H

#include "platform/compat.h"

#include "executor/execdesc.h"
#include "tcop/dest.h"

/* Call these before a plan with rows runs, and before a utility statement returns its own. */
extern void spill_prevent_rows(const QueryDesc *query);
extern void spill_prevent_utility(DestReceiver *receiver);

#endif
