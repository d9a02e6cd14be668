/*
 * type_function.c
 *		SQL functions that check or generate values.
 */
#include "type/type_function.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/proclang.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "context/call.h"
#include "platform/as_role.h"
#include "platform/encoding.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/tables.h"
#include "type/type.h"

#define UNNAMED_RULE "it breaks a rule of the type"

static bool
is_foreign_schema(Oid schema)
{
	return schema == PG_CATALOG_NAMESPACE || schema == data_schema_oid() ||
		schema == api_schema_oid() || isAnyTempNamespace(schema) ||
		schema == get_namespace_oid("information_schema", true);
}

/* Return the reason for which the function must not be called, or NULL. */
static const char *
function_fault(Form_pg_proc function, bool checks)
{
	if (!superuser_arg(function->proowner))
		return "its owner is not a superuser";
	if (is_foreign_schema(function->pronamespace) ||
		OidIsValid(getExtensionOfObject(ProcedureRelationId, function->oid)))
		return "it belongs to the server or to an extension";
	if (function->prolang != SQLlanguageId &&
		function->prolang != get_language_oid("plpgsql", true))
		return "it is not written in SQL or PL/pgSQL";
	if (function->prokind != PROKIND_FUNCTION || function->proretset ||
		function->prorettype != TEXTOID)
		return "it does not return one text";
	if (checks && (function->pronargs != 1 || function->proargtypes.values[0] != TEXTOID))
		return "it does not take one text";
	if (!checks && function->pronargs != 0)
		return "it takes arguments";
	if (checks && function->provolatile == PROVOLATILE_VOLATILE)
		return "it is VOLATILE";
	return NULL;
}

static const char *
fault_of(Oid function, bool checks, Oid *owner)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	const char *fault = "it does not exist";

	if (!HeapTupleIsValid(tuple))
		return fault;
	fault = function_fault((Form_pg_proc) GETSTRUCT(tuple), checks);
	if (owner)
		*owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return fault;
}

/*
 * Look up a function; return InvalidOid if it does not exist. The rights of its owner to the
 * schema count, not those of the caller.
 */
static Oid
type_function_look_up(const text *name, bool checks)
{
	List *parts = textToQualifiedNameList((text *) name);
	Oid argument = TEXTOID;
	Oid schema =
		list_length(parts) == 2 ? get_namespace_oid(strVal(linitial(parts)), true) : InvalidOid;

	if (!OidIsValid(schema))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(strVal(lsecond(parts))),
						   PointerGetDatum(buildoidvector(&argument, checks ? 1 : 0)),
						   ObjectIdGetDatum(schema));
}

/*
 * Find a function by its name, so that a dump can carry it. The function found is checked again
 * each time.
 */
static Oid
find_function(const char *type, const text *name, bool checks, Oid *owner)
{
	Oid function = type_function_look_up(name, checks);
	const char *fault = fault_of(function, checks, owner);

	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the %s of type \"%s\" cannot be called: %s",
						checks ? "validator" : "generator", type, fault),
				 errhint("A superuser gives the type another one with vault.alter_type().")));
	return function;
}

/* Raise an error without the message of the failure, which could contain the value. */
VAULT_NORETURN static void
refuse_failure(const char *type, MemoryContext memory)
{
	int code = geterrcode();

	MemoryContextSwitchTo(memory);
	secret_forget_error();
	if (ERRCODE_TO_CATEGORY(code) == ERRCODE_OPERATOR_INTERVENTION)
		ereport(ERROR, (errcode(code), errmsg("canceled in a function of type \"%s\"", type)));
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM),
			 errmsg("a function of type \"%s\" failed with SQLSTATE %s", type,
					unpack_sql_state(code)),
			 errhint("Try the function by itself, with a value that is no secret.")));
}

/* Call the function in the present memory context. Returns NULL if it returned NULL. */
static text *
type_function_call(const char *type, const text *name, bool checks, Datum value)
{
	MemoryContext memory = CurrentMemoryContext;
	text *volatile result = NULL;
	Oid owner;
	Oid function = find_function(type, name, checks, &owner);
	AsRole before;
	FmgrInfo site;
	LOCAL_FCINFO(fcinfo, 1);

	as_role_begin(&before, owner, SECURITY_RESTRICTED_OPERATION);
	as_role_set("client_min_messages", "error");
	as_role_set("log_min_messages", "panic");
	PG_TRY();
	{
		Datum answer;

		fmgr_info(function, &site);
		InitFunctionCallInfoData(*fcinfo, &site, checks ? 1 : 0, DEFAULT_COLLATION_OID, NULL, NULL);
		fcinfo->args[0].value = value;
		fcinfo->args[0].isnull = false;
		answer = FunctionCallInvoke(fcinfo);
		if (!fcinfo->isnull)
			result = DatumGetTextPP(answer);
	}
	PG_CATCH();
	{
		as_role_end(&before);
		refuse_failure(type, memory);
	}
	PG_END_TRY();
	as_role_end(&before);
	return result;
}

static bool
type_function_same_text(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/*
 * Return the declared rule that is equal to the result. Another result could be made of the value.
 */
static const char *
type_function_declared(const ArrayType *rules, const text *rule)
{
	Datum *elements;
	int count;

	if (rules == NULL)
		return UNNAMED_RULE;
	deconstruct_array((ArrayType *) rules, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &count);
	for (int i = 0; i < count; i++)
		if (type_function_same_text(DatumGetTextPP(elements[i]), rule))
			return TextDatumGetCString(elements[i]);
	return UNNAMED_RULE;
}

const char *
function_check(const char *type, const text *function, const ArrayType *rules, const void *value,
			   size_t size)
{
	bool same = encoding_is_stored(value, size);
	text *copy = secret_alloc(VARHDRSZ + (same ? size : encoding_room(size)));
	text *rule;

	if (same)
		memcpy(VARDATA(copy), value, size);
	else if (!encoding_from_stored(value, size, VARDATA(copy), &size))
		return "it has characters that the encoding of the database does not have";
	SET_VARSIZE(copy, VARHDRSZ + size);
	rule = type_function_call(type, function, true, PointerGetDatum(copy));
	return rule ? type_function_declared(rules, rule) : NULL;
}

char *
function_generate(const char *type, const text *function, size_t *size)
{
	text *made = type_function_call(type, function, false, (Datum) 0);
	const char *stored;
	char *value;

	if (made == NULL || VARSIZE_ANY_EXHDR(made) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the generator of type \"%s\" made nothing", type),
				 errhint("A superuser gives the type another one with vault.alter_type().")));
	*size = VARSIZE_ANY_EXHDR(made);
	stored = encoding_for_digest(VARDATA_ANY(made), size);
	value = value_copy(stored, *size);
	if (value == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return value;
}

PG_FUNCTION_INFO_V1(vault_type_function);
PG_FUNCTION_INFO_V1(vault_require_type_author);

/* type_function(oid, checks): return its qualified name, or raise 22023. */
Datum
vault_type_function(PG_FUNCTION_ARGS)
{
	Oid function = PG_GETARG_OID(0);
	bool checks = PG_GETARG_BOOL(1);
	const char *fault = fault_of(function, checks, NULL);

	if (fault)
		error_bad_argument(
			checks ? "validator" : "generator", fault,
			"It is a superuser's function: "
			"a validator takes the value as text and returns NULL or the rule that is broken; "
			"a generator returns a value.");
	PG_RETURN_TEXT_P(
		cstring_to_text(quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
												   get_func_name(function))));
}

/*
 * require_type_author(): raise an error for operators who are no superusers. A validator gets
 * values and a generator makes them, and operators have no right to values.
 */
Datum
vault_require_type_author(PG_FUNCTION_ARGS)
{
	if (!superuser_arg(call_required()->caller.role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to name functions of a type"),
				 errhint(
					 "A superuser sets validator, generator and rules; an operator the rest.")));
	PG_RETURN_VOID();
}
