/*
 * arguments.h
 *		JSON that callers give as whatever their driver sends: jsonb, json or text.
 *
 * Such an argument is declared as anycompatible.  Overloads would not do: a literal without a type
 * fits json and jsonb alike, and PostgreSQL would call it ambiguous.
 */
#ifndef VAULT_PLATFORM_ARGUMENTS_H
#define VAULT_PLATFORM_ARGUMENTS_H

#include "platform/compat.h"

#include "fmgr.h"

/*
 * Replaces the argument by the jsonb that it is, unless it is null; 22023 with its name, and
 * nothing of it, if it is none.
 */
extern void argument_to_jsonb(FunctionCallInfo fcinfo, int number, const char *name);

/*
 * jsonb of a text, or NULL with *why set to the reason, a literal that may be shown: it is not
 * JSON, or jsonb cannot hold it.
 */
struct varlena;
extern struct varlena *jsonb_of_text(const char *text, const char **why);

#endif
