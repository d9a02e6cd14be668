/*
 * lexical.h
 *		Inspects the text of a statement alone. It needs no server and allocates nothing, so it can
 *		be used in a log hook and in unit tests.
 *
 * Strings and comments are searched like code, so a DO block or dynamic SQL that uses the vault
 * cannot hide.
 */
#ifndef VAULT_REDACTION_LEXICAL_H
#define VAULT_REDACTION_LEXICAL_H

#include <stdbool.h>
#include <stddef.h>

#define LEXICAL_NAME_SIZE 64 /* the same as NAMEDATALEN */

typedef struct LexicalName
{
	char exact[LEXICAL_NAME_SIZE];  /* as written */
	char folded[LEXICAL_NAME_SIZE]; /* in lower case */
} LexicalName;

/*
 * Return true if the text has the word "vault" before a dot, or the name of a function that takes a
 * value, a share or a token before a parenthesis. Quotes, case, white space and comments between do
 * not matter. If not, *executes, which may be NULL, says whether the text has the word EXECUTE.
 */
extern bool lexical_mentions_vault(const char *text, size_t length, bool *executes);

/*
 * Find the next name after *position that is called, "name (", or executed, "EXECUTE name". Returns
 * false at the end.
 */
extern bool lexical_next_call(const char *text, size_t length, size_t *position, LexicalName *name);
extern bool
lexical_next_execute(const char *text, size_t length, size_t *position, LexicalName *name);

/* Return true if the text is a statement EXECUTE name (...), and get the name. */
extern bool lexical_executes_with_arguments(const char *text, size_t length, LexicalName *name);

#endif
