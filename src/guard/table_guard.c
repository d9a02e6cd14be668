/*
 * table_guard.c
 *		Recognizes statements that would lock or write the vault's tables outside of a call.
 *
 * A role with privileges on every table, as members of pg_write_all_data have, could hold a lock
 * that all sessions wait for.  The analysis of a statement takes its locks before any privilege is
 * checked, so PREPARE is enough.  A role that may query may take the lock of a query (ACCESS
 * SHARE): pg_dump does.  A view of any owner leads to the relations below it.
 */
#include "guard/table_guard.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "guard/protected_objects.h"

static bool reaches_vault(Oid relation);

static bool
view_reaches_vault_walker(Node *node, void *context)
{
	ListCell *cell;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, view_reaches_vault_walker, context);
	foreach(cell, ((Query *) node)->rtable)
	{
		RangeTblEntry *entry = lfirst(cell);

		if (entry->rtekind == RTE_RELATION && entry->relid != *(Oid *) context &&
			reaches_vault(entry->relid))
			return true;
	}
	return query_tree_walker((Query *) node, view_reaches_vault_walker, context, 0);
}

/* True for a relation of vault, and for a view of one at any depth. */
static bool
reaches_vault(Oid relation)
{
	Relation view;
	bool reaches;

	check_stack_depth();
	if (is_vault_relation(relation))
		return true;
	if (get_rel_relkind(relation) != RELKIND_VIEW)
		return false;
	view = table_open(relation, AccessShareLock);
	reaches = view_reaches_vault_walker((Node *) get_view_query(view), &relation);
	table_close(view, AccessShareLock);
	return reaches;
}

static bool
name_reaches_vault(RangeVar *name)
{
	Oid relation = RangeVarGetRelid(name, NoLock, true);

	return OidIsValid(relation) && reaches_vault(relation);
}

bool
locks_vault(Node *statement)
{
	LockStmt *lock = (LockStmt *) statement;
	ListCell *cell;

	if (!IsA(statement, LockStmt) || lock->mode == AccessShareLock)
		return false;
	foreach(cell, lock->relations)
		if (name_reaches_vault(lfirst(cell)))
			return true;
	return false;
}

static bool
vacuum_blocks_vault(VacuumStmt *statement)
{
	ListCell *cell;
	bool full = false;

	foreach(cell, statement->options)
		full |=
			strcmp(((DefElem *) lfirst(cell))->defname, "full") == 0 && defGetBoolean(lfirst(cell));
	foreach(cell, statement->rels)
	{
		VacuumRelation *target = lfirst(cell);

		if (full &&
			(target->relation ? range_var_is_ours(target->relation)
							  : is_vault_relation(target->oid)))
			return true;
	}
	return false;
}

static bool
reindex_blocks_vault(ReindexStmt *statement)
{
	if (statement->relation)
		return range_var_is_ours(statement->relation);
	return statement->kind == REINDEX_OBJECT_SCHEMA &&
		is_vault_schema(get_namespace_oid(statement->name, true));
}

static bool
cluster_blocks_vault(CompatClusterStmt *statement)
{
	return statement->relation && range_var_is_ours(compat_clustered(statement));
}

bool
blocks_vault(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_VacuumStmt:
			return vacuum_blocks_vault((VacuumStmt *) statement);
		case T_ReindexStmt:
			return reindex_blocks_vault((ReindexStmt *) statement);
		case T_CompatClusterStmt:
			return cluster_blocks_vault((CompatClusterStmt *) statement);
		default:
			return false;
	}
}

/* Return the target of a raw statement, or NULL. */
static RangeVar *
table_guard_target_of(Node *node)
{
	switch (nodeTag(node))
	{
		case T_InsertStmt:
			return ((InsertStmt *) node)->relation;
		case T_UpdateStmt:
			return ((UpdateStmt *) node)->relation;
		case T_DeleteStmt:
			return ((DeleteStmt *) node)->relation;
		case T_MergeStmt:
			return ((MergeStmt *) node)->relation;
		default:
			return NULL;
	}
}

/* Walk raw statements; below FOR UPDATE and the like every relation counts. */
static bool
raw_write_walker(Node *node, void *context)
{
	bool locking = *(bool *) context;
	RangeVar *target;

	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
		return locking && name_reaches_vault((RangeVar *) node);
	target = table_guard_target_of(node);
	if (target && name_reaches_vault(target))
		return true;
	locking |= IsA(node, SelectStmt) && ((SelectStmt *) node)->lockingClause != NIL;
	return raw_expression_tree_walker(node, raw_write_walker, &locking);
}

bool
embeds_write_to_vault(Node *statement)
{
	bool locking = false;
	Node *body = NULL;

	if (IsA(statement, RuleStmt))
		body = (Node *) ((RuleStmt *) statement)->actions;
	else if (IsA(statement, CreateFunctionStmt))
		body = ((CreateFunctionStmt *) statement)->sql_body;
	return body && raw_write_walker(body, &locking);
}

static bool
row_marks_reach_vault(Query *query)
{
	ListCell *cell;

	foreach(cell, query->rowMarks)
	{
		RangeTblEntry *entry = rt_fetch(((RowMarkClause *) lfirst(cell))->rti, query->rtable);

		if (entry->rtekind == RTE_RELATION && reaches_vault(entry->relid))
			return true;
	}
	return false;
}

static bool
query_write_walker(Node *node, void *context)
{
	Query *query = (Query *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, query_write_walker, context);
	if (query->resultRelation > 0 &&
		reaches_vault(rt_fetch(query->resultRelation, query->rtable)->relid))
		return true;
	return row_marks_reach_vault(query) || query_tree_walker(query, query_write_walker, context, 0);
}

bool
query_writes_vault(Query *query)
{
	return query_write_walker((Node *) query, NULL);
}
