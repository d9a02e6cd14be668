/*
 * arguments.c
 *		JSON in the arguments of calls.
 */
#include "platform/arguments.h"

#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "platform/errors.h"
#include "platform/secret_memory.h"

static const char *
reason_of(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_UNTRANSLATABLE_CHARACTER:
			return "jsonb cannot hold it: "
				   "it has \\u0000, or a character that the database's encoding does not have";
		case ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE:
			return "jsonb cannot hold it: a number in it has too many digits";
		case ERRCODE_STATEMENT_TOO_COMPLEX:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
			return "jsonb cannot hold it: it is nested too deeply, or too large";
		default:
			return "it is not JSON";
	}
}

/*
 * Return the fault that the parser finds, or NULL. The parser leaves no copy of the text, and
 * raises only if the text is nested too deeply.
 */
static const char *
syntax_fault(const char *text)
{
	switch (pg_parse_json(compat_json_lexer((char *) text, strlen(text)), &nullSemAction))
	{
		case JSON_SUCCESS:
			return NULL;
		case JSON_UNICODE_CODE_POINT_ZERO:
		case JSON_UNICODE_HIGH_ESCAPE:
#ifdef COMPAT_JSON_UNTRANSLATABLE
		case COMPAT_JSON_UNTRANSLATABLE:
#endif
			return reason_of(ERRCODE_UNTRANSLATABLE_CHARACTER);
		default:
			return reason_of(ERRCODE_INVALID_TEXT_REPRESENTATION);
	}
}

struct varlena *
jsonb_of_text(const char *text, const char **why)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum result = (Datum) 0;

	*why = NULL;
	PG_TRY();
	{
		*why = syntax_fault(text);
		if (*why == NULL)
			result = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	}
	PG_CATCH();
	{
		int category = ERRCODE_TO_CATEGORY(geterrcode());

		MemoryContextSwitchTo(context);
		if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		*why = reason_of(geterrcode());
		secret_forget_error();
	}
	PG_END_TRY();
	return *why ? NULL : (struct varlena *) DatumGetPointer(result);
}

void
argument_to_jsonb(FunctionCallInfo fcinfo, int number, const char *name)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, number);
	const char *why = NULL;
	struct varlena *json;

	if (fcinfo->args[number].isnull)
		return;
	if (OidIsValid(type))
		type = getBaseType(type);
	if (type == JSONBOID)
		return;
	if (type != JSONOID && type != TEXTOID && type != VARCHAROID)
		error_bad_argument(name, "must be jsonb, json or text", "Give a JSON object.");
	json = jsonb_of_text(text_to_cstring(PG_GETARG_TEXT_PP(number)), &why);
	if (json == NULL)
		error_bad_argument(name, why, "Give a JSON object.");
	fcinfo->args[number].value = PointerGetDatum(json);
}
