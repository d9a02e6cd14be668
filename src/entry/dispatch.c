/*
 * dispatch.c
 *		Public functions with a body in SQL: open the entry, and call the function of the same name
 *		and arguments in schema vault_data.
 *
 * An argument of type anycompatible is JSON of any type; the function in vault_data takes jsonb.
 * The call site keeps the function that was found.
 */
#include "entry/entry.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "platform/arguments.h"
#include "platform/errors.h"
#include "platform/tables.h"

static oidvector *
inner_arguments(const oidvector *outer)
{
	oidvector *inner = buildoidvector(outer->values, outer->dim1);

	for (int i = 0; i < inner->dim1; i++)
		if (inner->values[i] == ANYCOMPATIBLEOID)
			inner->values[i] = JSONBOID;
	return inner;
}

static Oid
inner_function(Oid outer)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(outer));
	Form_pg_proc form;
	Oid inner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", outer);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->pronamespace != api_schema_oid())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("this entry point serves functions of schema vault only")));
	inner = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, NameGetDatum(&form->proname),
							PointerGetDatum(inner_arguments(&form->proargtypes)),
							ObjectIdGetDatum(data_schema_oid()));
	if (!OidIsValid(inner))
		elog(ERROR, "function \"%s\" has no inner function", NameStr(form->proname));
	ReleaseSysCache(tuple);
	return inner;
}

static FmgrInfo *
inner_site(FmgrInfo *outer)
{
	if (outer->fn_extra == NULL)
	{
		FmgrInfo *site = MemoryContextAllocZero(outer->fn_mcxt, sizeof(FmgrInfo));

		fmgr_info_cxt(inner_function(outer->fn_oid), site, outer->fn_mcxt);
		site->fn_expr = outer->fn_expr;
		outer->fn_extra = site;
	}
	return outer->fn_extra;
}

/* Get the name of an argument, for an error. */
static const char *
argument_name(Oid function, int number)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	char **names = NULL;
	Oid *types;
	char *modes;
	const char *name = "argument";

	if (HeapTupleIsValid(tuple))
	{
		if (get_func_arg_info(tuple, &types, &names, &modes) > number && names)
			name = names[number];
		ReleaseSysCache(tuple);
	}
	return name;
}

static void
convert_arguments(Oid outer, FunctionCallInfo fcinfo)
{
	Oid *declared;
	int count;

	(void) get_func_signature(outer, &declared, &count);
	for (int i = 0; i < count && i < fcinfo->nargs; i++)
		if (declared[i] == ANYCOMPATIBLEOID)
			argument_to_jsonb(fcinfo, i, argument_name(outer, i));
}

/* Call the function in vault_data.  The caller's collation could take different texts for equal. */
static Datum
call_inner(FunctionCallInfo fcinfo)
{
	LOCAL_FCINFO(inner, FUNC_MAX_ARGS);
	Datum result;

	/* Convert in the copy: a constant argument in the outer one is for the next row, too. */
	InitFunctionCallInfoData(*inner, inner_site(fcinfo->flinfo), fcinfo->nargs,
							 DEFAULT_COLLATION_OID, fcinfo->context, fcinfo->resultinfo);
	memcpy(inner->args, fcinfo->args, fcinfo->nargs * sizeof(NullableDatum));
	convert_arguments(fcinfo->flinfo->fn_oid, inner);
	result = FunctionCallInvoke(inner);
	fcinfo->isnull = inner->isnull;
	return result;
}

PG_FUNCTION_INFO_V1(vault_as_operator);
PG_FUNCTION_INFO_V1(vault_as_client);
PG_FUNCTION_INFO_V1(vault_as_client_or_operator);

Datum
vault_as_operator(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_OPERATOR, fcinfo, call_inner);
}

Datum
vault_as_client(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_CLIENT, fcinfo, call_inner);
}

Datum
vault_as_client_or_operator(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_CLIENT_OR_OPERATOR, fcinfo, call_inner);
}
