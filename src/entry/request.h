/*
 * request.h
 *		The requested function and secret of a call, copied before anything is checked.
 */
#ifndef VAULT_ENTRY_REQUEST_H
#define VAULT_ENTRY_REQUEST_H

#include "context/call.h"

/*
 * Fill the name of the function, and the name and environment of the secret where it has such
 * arguments.  A text that is no name by its grammar is replaced by a placeholder.
 */
extern void request_fill(VaultCall *call, FunctionCallInfo fcinfo);

/*
 * Replace arguments that are no names where the error repeats them, and characters that are not
 * printable.  Returns true if there were any.  Reads no table: the transaction may be aborted.
 */
extern bool request_hide_arguments(const VaultCall *call, ErrorData *error);

#endif
