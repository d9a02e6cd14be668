/*
 * arguments.h
 *		JSON arguments in the form that the caller's driver sends: jsonb, json or text.
 *
 * Such an argument is declared as anycompatible. Overloads would not do: a literal without a type
 * fits json and jsonb alike, and PostgreSQL would call it ambiguous.
 */
#ifndef VAULT_PLATFORM_ARGUMENTS_H
#define VAULT_PLATFORM_ARGUMENTS_H

#include "platform/compat.h"

#include "fmgr.h"

/*
 * Replace the argument by its jsonb, unless it is null. If it is not JSON, 22023 with the
 * argument's name and no part of it.
 */
extern void argument_to_jsonb(FunctionCallInfo fcinfo, int number, const char *name);

/*
 * Convert a text to jsonb. Returns NULL and sets *why, a literal that may be shown, if the text is
 * not JSON or jsonb cannot hold it.
 */
struct varlena;
extern struct varlena *jsonb_of_text(const char *text, const char **why);

#endif
