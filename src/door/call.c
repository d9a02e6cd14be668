/*
 * call.c
 *		The public function that is being called, and the secret it is about.
 *
 * Which arguments are called "name" (or "name_pattern") and "environment" is asked of
 * the catalogue once for each function.  No other argument is looked at: it could be
 * a value.
 */
#include "door/call.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "platform/settings.h"

#define CACHED_CALLS 128

typedef struct CallShape
{
	Oid			function;
	char		operation[NAMEDATALEN];
	int			name;			/* number of the argument; -1: none */
	int			environment;
} CallShape;

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
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			count = get_func_arg_info(tuple, &types, &names, &modes);

	for (int i = 0; names && i < count && i < ((Form_pg_proc) GETSTRUCT(tuple))->pronargs; i++)
		if (types[i] == TEXTOID && strcmp(names[i], wanted) == 0)
			return i;
	return -1;
}

static void
learn(CallShape *shape, Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	strlcpy(shape->operation, NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname), NAMEDATALEN);
	shape->name = find_argument(tuple, "name");
	if (shape->name < 0)
		shape->name = find_argument(tuple, "name_pattern");
	shape->environment = find_argument(tuple, "environment");
	shape->function = function;
	ReleaseSysCache(tuple);
}

static const CallShape *
shape_of(Oid function)
{
	CallShape  *shape = &shapes[function % CACHED_CALLS];

	if (!listening)
		CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
	listening = true;
	if (shape->function != function)
		learn(shape, function);
	return shape;
}

/* The beginning of a text argument that fits. */
static void
copy_argument(FunctionCallInfo fcinfo, int number, char *to, size_t room)
{
	text	   *given;
	size_t		size;

	if (number < 0 || fcinfo->args[number].isnull)
		return;
	given = DatumGetTextPP(fcinfo->args[number].value);
	size = VARSIZE_ANY_EXHDR(given);
	if (size >= room)
		size = pg_mbcliplen(VARDATA_ANY(given), size, room - 1);
	memcpy(to, VARDATA_ANY(given), size);
	to[size] = 0;
}

void
call_note(Door *door, FunctionCallInfo fcinfo)
{
	const CallShape *shape = shape_of(fcinfo->flinfo->fn_oid);

	strlcpy(door->operation, shape->operation, sizeof(door->operation));
	copy_argument(fcinfo, shape->name, door->asked_name, sizeof(door->asked_name));
	copy_argument(fcinfo, shape->environment, door->asked_environment,
				  sizeof(door->asked_environment));
	if (shape->environment >= 0 && door->asked_environment[0] == 0)
		strlcpy(door->asked_environment, default_environment(), sizeof(door->asked_environment));
}
