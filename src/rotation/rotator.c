/*
 * rotator.c
 *		Finds rotators by name, and gives their facts to SQL.
 */
#include "rotation/rotator.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "platform/errors.h"

#define ROTATOR(name) &name##_rotator,
static const Rotator *const rotators[] = {
#include "rotation/rotatorlist.h"
};
#undef ROTATOR

#define ROTATOR_FLAG(name) {#name, offsetof(Rotator, name)},
static const struct
{
	const char *name;
	size_t offset;
} flags[] = {ROTATOR_FLAGS(ROTATOR_FLAG)};
#undef ROTATOR_FLAG

const Rotator *
rotator_find(const char *name)
{
	for (int i = 0; i < (int) lengthof(rotators); i++)
		if (strcmp(rotators[i]->name, name) == 0)
			return rotators[i];
	return NULL;
}

/* Return "Rotators are a, b and c." */
static const char *
rotators_hint(void)
{
	const int last = (int) lengthof(rotators) - 1;
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; i <= last; i++)
		appendStringInfo(&hint, "%s%s",
						 i == 0         ? "Rotators are "
							 : i < last ? ", "
										: " and ",
						 rotators[i]->name);
	appendStringInfoChar(&hint, '.');
	return hint.data;
}

const Rotator *
rotator_require(const char *name)
{
	const Rotator *rotator = rotator_find(name);

	if (rotator == NULL)
		error_bad_argument("rotator", "it does not exist", rotators_hint());
	return rotator;
}

static bool
rotator_flag(const Rotator *rotator, const char *name)
{
	for (int i = 0; i < (int) lengthof(flags); i++)
		if (strcmp(flags[i].name, name) == 0)
			return *(const bool *) ((const char *) rotator + flags[i].offset);
	elog(ERROR, "no such flag of a rotator: %s", name);
}

PG_FUNCTION_INFO_V1(vault_rotator_flag);
PG_FUNCTION_INFO_V1(vault_require_rotator);
PG_FUNCTION_INFO_V1(vault_default_rotator);

/* rotator_flag(rotator, flag): false for a rotator that does not exist */
Datum
vault_rotator_flag(PG_FUNCTION_ARGS)
{
	static const Rotator unknown = {0};
	const Rotator *rotator = rotator_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_BOOL(
		rotator_flag(rotator ? rotator : &unknown, text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

/* require_rotator(rotator) */
Datum
vault_require_rotator(PG_FUNCTION_ARGS)
{
	(void) rotator_require(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* default_rotator() */
Datum
vault_default_rotator(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(rotators[0]->name));
}
