/*
 * command.h
 *		Decide if the command that this process executes holds a secret.
 *
 * A command is what a client sends in one message.  It is judged by its text when
 * somebody first asks, and marked later if its analysis or a call finds more; it
 * never loses a mark.  Everything here but command_remember may be called from
 * a log hook: nothing allocates, raises or reads the catalogue.
 */
#ifndef VAULT_REDACTION_COMMAND_H
#define VAULT_REDACTION_COMMAND_H

#include "platform/compat.h"

#define REDACTED "<vault: redacted>"

extern bool command_is_sensitive(void);

/* Return true if a command of the present transaction was sensitive. */
extern bool transaction_is_sensitive(void);

/* Marks the present command; its text is hidden from then on. */
extern void command_mark(void);

/* Marks the session: with vault.redaction = strict, all its commands. */
extern void command_mark_session(void);

/*
 * If the present command is sensitive, replaces its text in pg_stat_activity and
 * for whoever reads debug_query_string.  Returns whether it is.
 */
extern bool command_hide(void);

/* Return true if a text is sensitive by its words, or because it was remembered. */
extern bool text_is_sensitive(const char *text);

/* Notes that a text is sensitive although its words do not tell. */
extern void text_remember(const char *text);

#endif
