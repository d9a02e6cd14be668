/*
 * message.h
 *		Decide on the parts that stay of a server's message about a statement with values.
 *
 *	whole		messages whose arguments are never text of a statement: of read-only
 *				transactions, missing privileges and functions, resources, locks, the protocol;
 *				and those without arguments
 *	arguments	that belong to a closed list: names of types and encodings where such stand, what
 *				the system says of a failure; "vault" and names in it; and names of objects
 *				that the server itself has put into the error's own fields
 *	nothing		of everything else: it becomes "***"
 *
 * Nothing here allocates, raises or reads the catalogue, but message_hint().
 */
#ifndef VAULT_REDACTION_MESSAGE_H
#define VAULT_REDACTION_MESSAGE_H

#include "platform/compat.h"

extern bool message_is_raised(const ErrorData *error); /* by RAISE of PL/pgSQL */
extern bool message_has_id(const ErrorData *error, const char *beginning);
extern bool message_may_stay(const ErrorData *error);

/* In place: "***" for what may not stay. */
extern void message_edit(ErrorData *error);

/* Before that: a hint of vault's own, where the text that would help will be gone. */
extern void message_hint(ErrorData *error);

#endif
