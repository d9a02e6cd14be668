/*
 * request.h
 *		What is known of a call before anything is checked.
 */
#ifndef VAULT_ENTRY_REQUEST_H
#define VAULT_ENTRY_REQUEST_H

#include "context/call.h"

/* Notes the function's name and, where it has such arguments, the secret's place. */
extern void request_fill(VaultCall *call, FunctionCallInfo fcinfo);

/*
 * Replaces arguments that are no names where the error repeats them, and characters that are not
 * shown as they are.  True if there were any.
 */
extern bool request_hide_arguments(const VaultCall *call, ErrorData *error);

#endif
