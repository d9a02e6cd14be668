/*
 * message.h
 *		Decides which parts of a server's message about a statement with values may stay.
 *
 *	whole		messages whose arguments are never text of a statement: of read-only
 *				transactions, missing privileges and functions, resources, locks, the protocol;
 *				and those without arguments
 *	arguments	that belong to a closed list: names of types and encodings where these stand, the
 *				system's description of a failure; "vault" and names in it; and names of objects
 *				that the server itself has put into the error's own fields
 *	nothing		of any other message: it becomes "***"
 *
 * Only message_hint() may allocate, raise and read the catalogs.
 */
#ifndef VAULT_REDACTION_MESSAGE_H
#define VAULT_REDACTION_MESSAGE_H

#include "platform/compat.h"

extern bool message_is_raised(const ErrorData *error); /* by RAISE of PL/pgSQL */
extern bool message_has_id(const ErrorData *error, const char *beginning);
extern bool message_may_stay(const ErrorData *error);

/* Replace what may not stay by "***", in place. */
extern void message_edit(ErrorData *error);

/*
 * Set a hint of the vault where editing will remove the text that would help. Call it before
 * message_edit().
 */
extern void message_hint(ErrorData *error);

#endif
