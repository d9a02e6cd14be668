/*
 * spill.h
 *		Keep results of statements that use the vault in memory where PostgreSQL would keep them
 *		in a temporary file.
 */
#ifndef VAULT_REDACTION_SPILL_H
#define VAULT_REDACTION_SPILL_H

#include "platform/compat.h"

#include "executor/execdesc.h"
#include "tcop/dest.h"

/* Before a plan of these rows is run, and before a utility statement gives its own. */
extern void spill_prevent_rows(const QueryDesc *query);
extern void spill_prevent_utility(DestReceiver *receiver);

#endif
