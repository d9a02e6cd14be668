/*
 * table_guard.h
 *		What would lock or write the vault's tables outside of a call.
 */
#ifndef VAULT_GUARD_TABLE_GUARD_H
#define VAULT_GUARD_TABLE_GUARD_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"

/* LOCK TABLE, stronger than a query's lock, that would reach a relation of vault. */
extern bool locks_vault(Node *statement);

/* Maintenance that keeps everybody out while it lasts, by name. */
extern bool blocks_vault(Node *statement);

/* Rules and functions whose statements write or lock relations of vault, already when made. */
extern bool embeds_write_to_vault(Node *statement);

/* An analysed query that writes, or locks rows of, a relation of vault, itself or through views. */
extern bool query_writes_vault(Query *query);

#endif
