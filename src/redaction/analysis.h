/*
 * analysis.h
 *		Decides by parse tree and catalogs whether a statement uses the vault.
 */
#ifndef VAULT_REDACTION_ANALYSIS_H
#define VAULT_REDACTION_ANALYSIS_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"

/*
 * Return true if an analyzed statement calls a function of the vault's schemas, directly or through
 * functions in SQL or a procedural language. A utility statement that does not analyze what it
 * executes (DO, COPY of a query) is searched for the names of such functions.
 */
extern bool query_uses_vault(Query *query, const char *text);

/* Return true if the function is such a one. */
extern bool function_uses_vault(Oid function);

/* Preload only. */
extern void analysis_init(void);

#endif
