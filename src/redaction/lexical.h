/*
 * lexical.h
 *		Inspect the text of a statement alone: no server needed, no
 *		allocation, so that it serves in a log hook and in unit tests.
 *
 * Strings and comments are searched like code: a DO block or dynamic SQL that
 * uses the vault cannot hide.
 */
#ifndef VAULT_REDACTION_LEXICAL_H
#define VAULT_REDACTION_LEXICAL_H

#include <stdbool.h>
#include <stddef.h>

#define LEXICAL_NAME_SIZE 64 /* as NAMEDATALEN */

typedef struct LexicalName
{
	char exact[LEXICAL_NAME_SIZE];  /* as written */
	char folded[LEXICAL_NAME_SIZE]; /* in lower case */
} LexicalName;

/*
 * The word "vault" before a dot, or the name of a function that takes a value, a
 * share or a token before a parenthesis; quoted or not, in any case, with white
 * space and comments between.  If not, *executes says whether there is the word
 * EXECUTE; it may be NULL.
 */
extern bool lexical_mentions_vault(const char *text, size_t length, bool *executes);

/*
 * The next name after *position that is called, "name (", or executed, "EXECUTE
 * name"; false at the end.
 */
extern bool lexical_next_call(const char *text, size_t length, size_t *position, LexicalName *name);
extern bool
lexical_next_execute(const char *text, size_t length, size_t *position, LexicalName *name);

/* Return true if the text is a statement EXECUTE name (...), and the name. */
extern bool lexical_executes_with_arguments(const char *text, size_t length, LexicalName *name);

#endif
