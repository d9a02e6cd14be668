/*
 * request.c
 *		The public function that is being called, and the secret that it is about.
 *
 * The catalog is asked once for each function for the arguments "name" (or "name_pattern") and
 * "environment"; a cache of this backend keeps the answer until pg_proc changes.  No other argument
 * is recorded: it could be a value.  So could one of these, if arguments were swapped.  A text that
 * is no name by its grammar is therefore neither recorded nor repeated in an error.
 */
#include "entry/request.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "platform/printable.h"
#include "platform/settings.h"
#include "policy/name.h"

#define CACHED_CALLS 128

typedef struct CallShape
{
	Oid function;
	char operation[NAMEDATALEN];
	int name; /* number of the argument; -1 if there is none */
	int environment;
	bool is_pattern; /* the argument is a pattern, and not a name */
	bool by_value;   /* the result type is passed by value */
	uint32 texts;    /* bit i is set if argument i is a text */
	uint32 arrays;   /* bit i is set if argument i is an array of texts */
} CallShape;

/* A grammar: returns NULL for a text that follows it. */
typedef const char *(*RequestGrammar)(const char *text, size_t size);

static CallShape shapes[CACHED_CALLS];
static bool listening = false;

static void
functions_changed(Datum arg, int cache, uint32 hash)
{
	for (int i = 0; i < CACHED_CALLS; i++)
		shapes[i].function = InvalidOid;
}

static int
find_argument(HeapTuple tuple, const char *wanted)
{
	Oid *types;
	char **names;
	char *modes;
	int count = get_func_arg_info(tuple, &types, &names, &modes);

	for (int i = 0; names && i < count && i < ((Form_pg_proc) GETSTRUCT(tuple))->pronargs; i++)
		if (types[i] == TEXTOID && strcmp(names[i], wanted) == 0)
			return i;
	return -1;
}

static uint32
arguments_of(HeapTuple tuple, Oid type)
{
	Form_pg_proc function = (Form_pg_proc) GETSTRUCT(tuple);
	uint32 bits = 0;

	for (int i = 0; i < Min(function->pronargs, 32); i++)
		if (function->proargtypes.values[i] == type)
			bits |= (uint32) 1 << i;
	return bits;
}

static void
request_learn(CallShape *shape, Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	strlcpy(shape->operation, NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname), NAMEDATALEN);
	shape->name = find_argument(tuple, "name");
	shape->is_pattern = shape->name < 0;
	if (shape->name < 0)
		shape->name = find_argument(tuple, "name_pattern");
	shape->environment = find_argument(tuple, "environment");
	shape->texts = arguments_of(tuple, TEXTOID);
	shape->arrays = arguments_of(tuple, TEXTARRAYOID);
	shape->by_value = get_typbyval(((Form_pg_proc) GETSTRUCT(tuple))->prorettype);
	shape->function = function;
	ReleaseSysCache(tuple);
}

static const CallShape *
shape_of(Oid function)
{
	CallShape *shape = &shapes[function % CACHED_CALLS];

	if (!listening)
		CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
	listening = true;
	if (shape->function != function)
		request_learn(shape, function);
	return shape;
}

/* Make the placeholder for a text that does not follow its grammar. */
static char *
request_placeholder(size_t size)
{
	return psprintf("<not a name: %zu bytes>", size);
}

/* Copy a text argument if it follows the grammar, else a placeholder. */
static void
copy_argument(FunctionCallInfo fcinfo, int number, RequestGrammar fault, char *to, size_t room)
{
	text *given;
	size_t size;

	if (number < 0 || fcinfo->args[number].isnull)
		return;
	given = DatumGetTextPP(fcinfo->args[number].value);
	size = VARSIZE_ANY_EXHDR(given);
	if (size >= room || fault(VARDATA_ANY(given), size) != NULL)
	{
		strlcpy(to, request_placeholder(size), room);
		return;
	}
	memcpy(to, VARDATA_ANY(given), size);
	to[size] = 0;
}

void
request_fill(VaultCall *call, FunctionCallInfo fcinfo)
{
	const CallShape *shape = shape_of(fcinfo->flinfo->fn_oid);

	strlcpy(call->operation, shape->operation, sizeof(call->operation));
	call->fcinfo = fcinfo;
	call->by_value = shape->by_value;
	call->text_arguments = shape->texts;
	call->array_arguments = shape->arrays;
	copy_argument(fcinfo, shape->name, shape->is_pattern ? pattern_fault : name_fault,
				  call->requested_name, sizeof(call->requested_name));
	copy_argument(fcinfo, shape->environment, identifier_fault, call->requested_environment,
				  sizeof(call->requested_environment));
	if (shape->environment >= 0 && call->requested_environment[0] == 0)
		strlcpy(call->requested_environment, default_environment(),
				sizeof(call->requested_environment));
}

/* Find the next quoted occurrence of "given".  Makes no copy: it may be a value. */
static char *
request_find(char *text, const char *given, size_t size)
{
	for (; text && (text = strchr(text, '"')) != NULL; text++)
		if (strncmp(text + 1, given, size) == 0 && text[1 + size] == '"')
			return text;
	return NULL;
}

/* Return the text with each quoted occurrence of "given" replaced; the same text if it has none. */
static char *
request_without(char *text, const char *given, size_t size)
{
	StringInfoData result;
	char *at = text;
	char *found = request_find(text, given, size);

	if (found == NULL)
		return text;
	initStringInfo(&result);
	for (; found; found = request_find(at, given, size))
	{
		appendBinaryStringInfo(&result, at, found - at);
		appendStringInfo(&result, "\"%s\"", request_placeholder(size));
		at = found + size + 2;
	}
	appendStringInfoString(&result, at);
	return result.data;
}

static void
request_hide(ErrorData *error, Datum argument)
{
	text *given = (text *) DatumGetPointer(argument);
	size_t size;

	/* Such a text is too long to be repeated, and an aborted transaction cannot fetch it. */
	if (VARATT_IS_EXTERNAL(given) || VARATT_IS_COMPRESSED(given))
		return;
	size = VARSIZE_ANY_EXHDR(given);
	if (size < 4 || pattern_fault(VARDATA_ANY(given), size) == NULL)
		return;
	error->message = request_without(error->message, VARDATA_ANY(given), size);
	error->hint = request_without(error->hint, VARDATA_ANY(given), size);
	error->detail = request_without(error->detail, VARDATA_ANY(given), size);
}

static void
hide_elements(ErrorData *error, Datum argument)
{
	ArrayType *array = (ArrayType *) DatumGetPointer(argument);
	Datum *elements;
	bool *nulls;
	int count;

	if (VARATT_IS_EXTENDED(array))
		return;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			request_hide(error, elements[i]);
}

bool
request_hide_arguments(const VaultCall *call, ErrorData *error)
{
	const char *message = error->message;
	const char *hint = error->hint;
	const char *detail = error->detail;

	for (int i = 0; call->fcinfo && i < Min(call->fcinfo->nargs, 32); i++)
	{
		const NullableDatum *argument = &call->fcinfo->args[i];

		if (argument->isnull)
			continue;
		if (call->text_arguments & (uint32) 1 << i)
			request_hide(error, argument->value);
		else if (call->array_arguments & (uint32) 1 << i)
			hide_elements(error, argument->value);
	}
	error->message = unconstify(char *, printable_text(error->message));
	error->hint = unconstify(char *, printable_text(error->hint));
	error->detail = unconstify(char *, printable_text(error->detail));
	return message != error->message || hint != error->hint || detail != error->detail;
}
