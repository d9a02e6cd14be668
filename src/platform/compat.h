/*
 * compat.h
 *		The only file with differences between PostgreSQL versions (15 to 19).
 */
#ifndef VAULT_PLATFORM_COMPAT_H
#define VAULT_PLATFORM_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 200000
#error "vault supports PostgreSQL 15 to 19"
#endif

#include "access/genam.h"
#include "access/htup_details.h"
#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_proc_d.h"
#include "utils/acl.h"
#include "varatt.h" /* part of postgres.h before */
#endif

/* The domain distinguishes the extension's own errors from the server's. */
#undef TEXTDOMAIN
#define TEXTDOMAIN "vault"

#define VAULT_VERSION   "1.0"
#define VAULT_BUILT_FOR PG_VERSION_NUM

/*
 * These functions came with a minor release. As weak symbols they let the library load in an older
 * server, where it reports the version.
 */
#if PG_VERSION_NUM < 190000 && !defined(DatumGetHeapTupleHeader)
#pragma weak DatumGetHeapTupleHeader
#pragma weak heap_datum_check
#endif

/* Older minors have row security defects (CVE-2026-14666 and before). */
#if PG_VERSION_NUM < 160000
#define VAULT_MINIMUM_VERSION_NUM 150019
#elif PG_VERSION_NUM < 170000
#define VAULT_MINIMUM_VERSION_NUM 160015
#elif PG_VERSION_NUM < 180000
#define VAULT_MINIMUM_VERSION_NUM 170011
#elif PG_VERSION_NUM < 190000
#define VAULT_MINIMUM_VERSION_NUM 180005
#else
#define VAULT_MINIMUM_VERSION_NUM 190000
#endif

#if PG_VERSION_NUM >= 190000
#define compat_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0, 0)
#define compat_table_index_fetch_begin(heap) table_index_fetch_begin(heap, 0)
#elif PG_VERSION_NUM >= 180000
#define compat_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define compat_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif
#if PG_VERSION_NUM < 190000
#define compat_table_index_fetch_begin(heap) table_index_fetch_begin(heap)
#endif

#if PG_VERSION_NUM >= 180000
#define VAULT_NORETURN          pg_noreturn
#define EXECUTOR_RUN_PARAMETERS QueryDesc *query, ScanDirection direction, uint64 count
#define EXECUTOR_RUN_ARGUMENTS  query, direction, count
#else
#define VAULT_NORETURN pg_attribute_noreturn()
#define EXECUTOR_RUN_PARAMETERS \
	QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once
#define EXECUTOR_RUN_ARGUMENTS query, direction, count, execute_once
#endif

#if PG_VERSION_NUM >= 190000
#define PLANNER_PARAMETERS \
	Query *query, const char *text, int options, ParamListInfo params, struct ExplainState *explain
#define PLANNER_ARGUMENTS   query, text, options, params, explain
#define COMPAT_CONST_JUMBLE const
#else
#define PLANNER_PARAMETERS Query *query, const char *text, int options, ParamListInfo params
#define PLANNER_ARGUMENTS  query, text, options, params
#define COMPAT_CONST_JUMBLE
#endif

/* CLUSTER became a kind of REPACK. */
#if PG_VERSION_NUM >= 190000
#define T_CompatClusterStmt         T_RepackStmt
#define CompatClusterStmt           RepackStmt
#define compat_clustered(statement) ((statement)->relation->relation)
#else
#define T_CompatClusterStmt         T_ClusterStmt
#define CompatClusterStmt           ClusterStmt
#define compat_clustered(statement) ((statement)->relation)
#endif

/*
 * The state of a JSON value that is being built. result is the whole value once its end was pushed.
 */
#if PG_VERSION_NUM >= 190000
#define CompatJsonbState                       JsonbInState
#define compat_push_jsonb(state, token, value) pushJsonbValue(state, token, value)
#else
typedef struct CompatJsonbState
{
	struct JsonbParseState *stack;
	struct JsonbValue *result;
} CompatJsonbState;
#define compat_push_jsonb(state, token, value) \
	((state)->result = pushJsonbValue(&(state)->stack, token, value))
#endif

#if PG_VERSION_NUM >= 190000
#define compat_new_tranche(name) LWLockNewTrancheId(name)
#define COMPAT_SIG_IGN           PG_SIG_IGN
#else
#define compat_new_tranche(name) LWLockNewTrancheId()
#define COMPAT_SIG_IGN           SIG_IGN
#endif

#if PG_VERSION_NUM >= 190000
#define compat_insert_index_tuples(result, slot, estate) \
	ExecInsertIndexTuples(result, estate, 0, slot, NIL, NULL)
#elif PG_VERSION_NUM >= 160000
#define compat_insert_index_tuples(result, slot, estate) \
	ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL, false)
#else
#define compat_insert_index_tuples(result, slot, estate) \
	ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL)
#endif

#if PG_VERSION_NUM >= 160000
#define compat_make_range(type, lower, upper) make_range(type, lower, upper, false, NULL)
#else
#define compat_make_range(type, lower, upper) make_range(type, lower, upper, false)
#endif

#if PG_VERSION_NUM >= 160000
#define compat_function_aclcheck(function, role) \
	object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE)
#define compat_schema_aclcheck(schema, role) \
	object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE)
#else
#define compat_function_aclcheck(function, role) pg_proc_aclcheck(function, role, ACL_EXECUTE)
#define compat_schema_aclcheck(schema, role)     pg_namespace_aclcheck(schema, role, ACL_USAGE)
#endif

#if PG_VERSION_NUM >= 160000
#define COMPAT_JSON_UNTRANSLATABLE JSON_UNICODE_UNTRANSLATABLE
#endif

/* Call after the last column of a row's layout is set. */
#if PG_VERSION_NUM >= 190000
#define compat_finish_layout(layout) TupleDescFinalize(layout)
#else
#define compat_finish_layout(layout) ((void) 0)
#endif

/* Make a lexer over bytes of the database's encoding. It returns strings without their escapes. */
#if PG_VERSION_NUM >= 170000
#define compat_json_lexer(bytes, size) \
	makeJsonLexContextCstringLen(NULL, bytes, size, GetDatabaseEncoding(), true)
#else
#define compat_json_lexer(bytes, size) \
	makeJsonLexContextCstringLen(bytes, size, GetDatabaseEncoding(), true)
#endif

/* The tuplestore of a receiver: the member that follows those that all receivers have. */
#define compat_tuplestore_of(receiver) (*(Tuplestorestate *const *) ((receiver) + 1))

/* A hook that gets the privileges that a plan needs, by relation. */
#if PG_VERSION_NUM >= 160000
#define CHECK_PERMS_PARAMETERS List *relations, List *permissions, bool raises
#define CHECK_PERMS_ARGUMENTS  relations, permissions, raises
#define CHECK_PERMS_LIST       permissions
#define CheckPermsEntry        RTEPermissionInfo
#else
#define CHECK_PERMS_PARAMETERS List *relations, bool raises
#define CHECK_PERMS_ARGUMENTS  relations, raises
#define CHECK_PERMS_LIST       relations
#define CheckPermsEntry        RangeTblEntry
#endif

/* The local transaction that this backend is in. */
#if PG_VERSION_NUM >= 170000
#define COMPAT_LOCAL_XID (MyProc->vxid.lxid)
#else
#define COMPAT_LOCAL_XID (MyProc->lxid)
#endif

/* Allocate the extra of a check hook; NULL if there is no memory. */
#if PG_VERSION_NUM >= 160000
#define compat_guc_malloc(size)  guc_malloc(LOG, size)
#define compat_guc_free(pointer) guc_free(pointer)
#else
#define compat_guc_malloc(size)  malloc(size)
#define compat_guc_free(pointer) free(pointer)
#endif

/* Symbols are hidden by default; before 16 the server's macros do not export theirs. */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(function)                                               \
	extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS);                            \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, function)(void); \
	const Pg_finfo_record *CppConcat(pg_finfo_, function)(void)                     \
	{                                                                               \
		static const Pg_finfo_record info = {1};                                    \
		return &info;                                                               \
	}                                                                               \
	extern int no_such_variable
#endif

#endif
