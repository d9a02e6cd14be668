/*
 * analysis.h
 *		Decide from parse tree and catalog if a statement uses the vault.
 */
#ifndef VAULT_REDACTION_ANALYSIS_H
#define VAULT_REDACTION_ANALYSIS_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"

/*
 * True if an analysed statement calls a function of the vault's schemas, or one in
 * SQL or a procedural language that does, directly or through others.  What a
 * utility statement does not analyse itself (DO, COPY of a query) is
 * searched for names of such functions.
 */
extern bool query_uses_vault(Query *query, const char *text);

/* The same of a function. */
extern bool function_uses_vault(Oid function);

/* Preload only. */
extern void analysis_init(void);

#endif
