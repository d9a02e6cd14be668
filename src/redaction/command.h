/*
 * command.h
 *		Decides whether the command that this process executes holds a secret.
 *
 * A command is what a client sends in one message. It is judged by its text at the first question,
 * and marked later if its analysis or a call finds more. It never loses a mark. All functions may
 * be called from a log hook: they do not allocate, raise or read the catalogs.
 */
#ifndef VAULT_REDACTION_COMMAND_H
#define VAULT_REDACTION_COMMAND_H

#include "platform/compat.h"

#define REDACTED "<vault: redacted>"

extern bool command_is_sensitive(void);

/* Return true if a command of the current transaction was sensitive. */
extern bool transaction_is_sensitive(void);

/* Mark the current command. Its text is hidden from then on. */
extern void command_mark(void);

/* Mark the session. With vault.redaction = strict, all its commands are sensitive. */
extern void command_mark_session(void);

/*
 * If the current command is sensitive, replace its text in pg_stat_activity and in
 * debug_query_string. Returns whether it is sensitive.
 */
extern bool command_hide(void);

/* Return true if a text is sensitive by its words, or because it was remembered. */
extern bool text_is_sensitive(const char *text);

/* Remember that a text is sensitive although its words do not show it. */
extern void text_remember(const char *text);

#endif
