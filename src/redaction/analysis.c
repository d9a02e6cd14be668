/*
 * analysis.c
 *		Finds the functions that lead to the vault.
 *
 * A function leads to the vault if it is in one of the vault's schemas, if its source mentions the
 * vault, or if its source has the name of a function that leads to it, whatever its arguments and
 * schema. So some functions are marked that need not be.
 */
#include "redaction/analysis.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rowsecurity.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#include "platform/tables.h"
#include "redaction/lexical.h"

typedef struct Function
{
	Oid oid;    /* hash key */
	bool leads; /* also false while it is being analyzed */
} Function;

typedef struct RelationKey
{
	Oid oid;
	uint32 written;
} RelationKey;

typedef struct RelationEntry
{
	RelationKey key;
	bool leads; /* also false while it is being analyzed */
} RelationEntry;

static HTAB *functions = NULL;
static HTAB *relations = NULL;
static bool stale = false;
static bool relations_stale = false;
static int depth = 0;

static bool node_uses_vault(Node *node, void *context);
static bool function_leads(Oid oid, void *context);
static bool relation_leads(Oid oid, bool written);

static bool
name_leads(const char *name)
{
	CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool leads = false;

	for (int i = 0; i < list->n_members && !leads; i++)
		leads = function_leads(((Form_pg_proc) GETSTRUCT(&list->members[i]->tuple))->oid, NULL);
	ReleaseSysCacheList(list);
	return leads;
}

static bool
text_leads(const char *text)
{
	size_t length = strlen(text);
	size_t position = 0;
	LexicalName name;

	if (lexical_mentions_vault(text, length, NULL))
		return true;
	while (lexical_next_call(text, length, &position, &name))
	{
		if (name_leads(name.folded))
			return true;
		if (strcmp(name.exact, name.folded) != 0 && name_leads(name.exact))
			return true;
	}
	return false;
}

/*
 * Return true if the body leads to the vault. Its statements are either analyzed already or text.
 */
static bool
body_leads(HeapTuple tuple)
{
	bool isnull;
	Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);

	if (!isnull)
		return node_uses_vault(stringToNode(TextDatumGetCString(body)), NULL);
	body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	return !isnull && text_leads(TextDatumGetCString(body));
}

static bool
look_into(Oid oid)
{
	HeapTuple tuple;
	Form_pg_proc form;
	bool leads;

	if (!OidIsValid(api_schema_oid()))
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->pronamespace == api_schema_oid() || form->pronamespace == data_schema_oid())
		leads = true;
	else if (form->prolang == INTERNALlanguageId || form->prolang == ClanguageId)
		leads = false;
	else
		leads = body_leads(tuple);
	ReleaseSysCache(tuple);
	return leads;
}

static void
make_cache(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Function)};
	HASHCTL relation_control = {.keysize = sizeof(RelationKey), .entrysize = sizeof(RelationEntry)};

	if (relations == NULL || stale || relations_stale)
	{
		if (relations)
			hash_destroy(relations);
		relations = hash_create("vault relations", 64, &relation_control, HASH_ELEM | HASH_BLOBS);
		relations_stale = false;
	}
	if (functions && !stale)
		return;
	stale = false;
	if (functions)
		hash_destroy(functions);
	functions = hash_create("vault functions", 64, &control, HASH_ELEM | HASH_BLOBS);
}

/*
 * Forget the functions that do not lead to the vault: in a cycle, one may have been marked so
 * before the functions that it calls were known.
 */
static void
forget_negatives(void)
{
	HASH_SEQ_STATUS status;
	Function *function;

	hash_seq_init(&status, functions);
	while ((function = hash_seq_search(&status)) != NULL)
		if (!function->leads)
			(void) hash_search(functions, &function->oid, HASH_REMOVE, NULL);
}

static bool
function_leads(Oid oid, void *context)
{
	Function *function;
	bool found;
	bool leads;

	if (oid < FirstNormalObjectId)
		return false;
	check_stack_depth();
	if (depth == 0)
		make_cache();
	function = hash_search(functions, &oid, HASH_ENTER, &found);
	if (found)
		return function->leads;
	function->leads = false;

	depth++;
	leads = look_into(oid);
	depth--;
	function = hash_search(functions, &oid, HASH_ENTER, NULL);
	function->leads = leads;
	if (leads && depth == 0)
		forget_negatives();
	return leads;
}

static bool
text_node_leads(char *node)
{
	return node && node_uses_vault(stringToNode(node), NULL);
}

static bool
rules_lead(Relation relation)
{
	for (int i = 0; relation->rd_rules && i < relation->rd_rules->numLocks; i++)
	{
		RewriteRule *rule = relation->rd_rules->rules[i];

		if (node_uses_vault((Node *) rule->actions, NULL) || node_uses_vault(rule->qual, NULL))
			return true;
	}
	return false;
}

static bool
policies_lead(Relation relation)
{
	ListCell *cell;

	if (relation->rd_rsdesc)
		foreach(cell, relation->rd_rsdesc->policies)
		{
			RowSecurityPolicy *policy = lfirst(cell);

			if (node_uses_vault((Node *) policy->qual, NULL) ||
				node_uses_vault((Node *) policy->with_check_qual, NULL))
				return true;
		}
	return false;
}

static bool
triggers_lead(Relation relation)
{
	for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++)
		if (function_leads(relation->trigdesc->triggers[i].tgfoid, NULL) ||
			text_node_leads(relation->trigdesc->triggers[i].tgqual))
			return true;
	return false;
}

static bool
constraints_lead(Relation relation)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;

	for (int i = 0; constraints && i < constraints->num_defval; i++)
		if (text_node_leads(constraints->defval[i].adbin))
			return true;
	for (int i = 0; constraints && i < constraints->num_check; i++)
		if (text_node_leads(constraints->check[i].ccbin))
			return true;
	return false;
}

static bool
look_into_relation(Oid oid, bool written)
{
	Relation relation = try_relation_open(oid, AccessShareLock);
	bool leads;

	if (relation == NULL)
		return false;
	/* The vault's tables hold no plaintext, and a direct query of them uses no function. */
	leads = RelationGetNamespace(relation) != data_schema_oid() &&
		(rules_lead(relation) || policies_lead(relation) ||
		 (written && (triggers_lead(relation) || constraints_lead(relation))));
	relation_close(relation, AccessShareLock);
	return leads;
}

static bool
relation_leads(Oid oid, bool written)
{
	RelationKey key = {.oid = oid, .written = written};
	RelationEntry *entry;
	bool found;
	bool leads;

	if (oid < FirstNormalObjectId)
		return false;
	check_stack_depth();
	if (depth == 0)
		make_cache();
	entry = hash_search(relations, &key, HASH_ENTER, &found);
	if (found)
		return entry->leads;
	entry->leads = false;

	depth++;
	leads = look_into_relation(oid, written);
	depth--;
	entry = hash_search(relations, &key, HASH_ENTER, NULL);
	entry->leads = leads;
	if (leads && depth == 0)
		forget_negatives();
	return leads;
}

static bool
tables_lead(Query *query)
{
	ListCell *cell;
	int number = 0;

	foreach(cell, query->rtable)
	{
		RangeTblEntry *entry = lfirst(cell);

		number++;
		if (entry->rtekind == RTE_RELATION &&
			relation_leads(entry->relid, number == query->resultRelation))
			return true;
	}
	return false;
}

/*
 * COPY does not name the triggers that it fires. If it cannot read a row, its error shows the text.
 */
static bool
copy_uses_vault(CopyStmt *copy)
{
	Oid oid = copy->relation ? RangeVarGetRelid(copy->relation, NoLock, true) : InvalidOid;

	return OidIsValid(oid) && relation_leads(oid, copy->is_from);
}

static bool
utility_uses_vault(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_ExplainStmt:
			return node_uses_vault(((ExplainStmt *) statement)->query, NULL);
		case T_CreateTableAsStmt:
			return node_uses_vault(((CreateTableAsStmt *) statement)->query, NULL);
		case T_DeclareCursorStmt:
			return node_uses_vault(((DeclareCursorStmt *) statement)->query, NULL);
		case T_CallStmt:
			return node_uses_vault((Node *) ((CallStmt *) statement)->funcexpr, NULL);
		case T_CopyStmt:
			return copy_uses_vault((CopyStmt *) statement);
		default:
			return false;
	}
}

static bool
node_uses_vault(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;

		if (query->utilityStmt)
			return utility_uses_vault(query->utilityStmt);
		return tables_lead(query) || query_tree_walker(query, node_uses_vault, context, 0);
	}
	if (check_functions_in_node(node, function_leads, NULL))
		return true;
	return expression_tree_walker(node, node_uses_vault, context);
}

/* Return true for statements without a parse tree of what they execute. */
static bool
is_opaque(Node *statement)
{
	return IsA(statement, DoStmt) || IsA(statement, CopyStmt) || IsA(statement, PrepareStmt) ||
		IsA(statement, ExecuteStmt);
}

/* Return false if the catalogs cannot be read. */
static bool
begin_search(void)
{
	if (!IsTransactionState())
		return false;
	if (depth > 0) /* an error ended the last search */
		stale = true;
	depth = 0;
	make_cache();
	return true;
}

bool
function_uses_vault(Oid function)
{
	return begin_search() && function_leads(function, NULL);
}

bool
query_uses_vault(Query *query, const char *text)
{
	if (!begin_search())
		return false;
	return node_uses_vault((Node *) query, NULL) ||
		(query->utilityStmt && is_opaque(query->utilityStmt) && text && text_leads(text));
}

static void
procedure_changed(Datum arg, int cache, uint32 hash)
{
	stale = true;
}

/*
 * Mark the cache as stale if it has the relation. Other relations, such as temporary tables, change
 * nothing.
 */
static void
analysis_relation_changed(Datum arg, Oid oid)
{
	RelationKey key = {.oid = oid};

	for (int i = 0; relations && !relations_stale && i < 2; i++)
	{
		key.written = i;
		relations_stale = !OidIsValid(oid) || hash_search(relations, &key, HASH_FIND, NULL) != NULL;
	}
}

void
analysis_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, procedure_changed, (Datum) 0);
	CacheRegisterRelcacheCallback(analysis_relation_changed, (Datum) 0);
}
