/*
 * table_guard.h
 *		Recognizes statements that would lock or write the vault's tables outside of a call.
 */
#ifndef VAULT_GUARD_TABLE_GUARD_H
#define VAULT_GUARD_TABLE_GUARD_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"

/* True for LOCK TABLE in a mode above ACCESS SHARE that would reach a relation of vault. */
extern bool locks_vault(Node *statement);

/* True for maintenance that names a relation of vault and keeps all sessions out of it. */
extern bool blocks_vault(Node *statement);

/*
 * True for CREATE RULE and CREATE FUNCTION if the statements in the rule or function write or lock
 * relations of vault.
 */
extern bool embeds_write_to_vault(Node *statement);

/* True for an analyzed query that writes or locks rows of a relation of vault, also by a view. */
extern bool query_writes_vault(Query *query);

#endif
