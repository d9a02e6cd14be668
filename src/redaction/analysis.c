/*
 * analysis.c
 *		Which functions lead to the vault.
 *
 * A function leads to the vault if it is in one of its schemas, if its source
 * mentions it, or if its source has the name of a function that does, of
 * whatever arguments and schema: rather one too many.
 */
#include "redaction/analysis.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "platform/tables.h"
#include "redaction/lexical.h"

typedef struct Function
{
	Oid			oid;			/* hash key */
	bool		leads;			/* false too while it is being looked into */
} Function;

static HTAB *functions = NULL;
static bool stale = false;
static int	depth = 0;

static bool node_uses_vault(Node *node, void *context);
static bool function_leads(Oid oid, void *context);

static bool
name_leads(const char *name)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool		leads = false;

	for (int i = 0; i < list->n_members && !leads; i++)
		leads = function_leads(((Form_pg_proc) GETSTRUCT(&list->members[i]->tuple))->oid, NULL);
	ReleaseSysCacheList(list);
	return leads;
}

static bool
text_leads(const char *text)
{
	size_t		length = strlen(text);
	size_t		position = 0;
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

/* The body of a function, whose statements are analysed already or are text. */
static bool
body_leads(HeapTuple tuple)
{
	bool		isnull;
	Datum		body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);

	if (!isnull)
		return node_uses_vault(stringToNode(TextDatumGetCString(body)), NULL);
	body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	return !isnull && text_leads(TextDatumGetCString(body));
}

static bool
look_into(Oid oid)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	bool		leads;

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
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Function)};

	if (functions && !stale)
		return;
	stale = false;
	if (functions)
		hash_destroy(functions);
	functions = hash_create("vault functions", 64, &control, HASH_ELEM | HASH_BLOBS);
}

/* In a cycle a function may have been judged before what it calls was known. */
static void
forget_negatives(void)
{
	HASH_SEQ_STATUS status;
	Function   *function;

	hash_seq_init(&status, functions);
	while ((function = hash_seq_search(&status)) != NULL)
		if (!function->leads)
			(void) hash_search(functions, &function->oid, HASH_REMOVE, NULL);
}

static bool
function_leads(Oid oid, void *context)
{
	Function   *function;
	bool		found;
	bool		leads;

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
		Query	   *query = (Query *) node;

		if (query->utilityStmt)
			return utility_uses_vault(query->utilityStmt);
		return query_tree_walker(query, node_uses_vault, context, 0);
	}
	if (check_functions_in_node(node, function_leads, NULL))
		return true;
	return expression_tree_walker(node, node_uses_vault, context);
}

/* Statements without a parse tree of what they execute. */
static bool
is_opaque(Node *statement)
{
	return IsA(statement, DoStmt) || IsA(statement, CopyStmt) || IsA(statement, PrepareStmt) ||
		IsA(statement, ExecuteStmt);
}

/* False where there is no catalogue to read. */
static bool
begin_search(void)
{
	if (!IsTransactionState())
		return false;
	if (depth > 0)				/* an error came in between */
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

void
analysis_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, procedure_changed, (Datum) 0);
}
