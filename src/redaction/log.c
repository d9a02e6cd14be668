/*
 * log.c
 *		The log hook: edits a message about a sensitive command, in place.
 *
 * It runs in any process, also in a critical section, so it frees and
 * overwrites but does not allocate, raise or read the catalogue.  The client
 * gets the message as edited.
 *
 *	- kept: SQLSTATE, severity, position, names of objects in their own fields;
 *	  messages of vault with detail and hint; messages of others without
 *	  arguments; those of undefined functions, missing privileges, the protocol,
 *	  lock waits and temporary files, whose arguments are names, types and
 *	  numbers; with "standard" those of RAISE;
 *	- other messages: arguments become "***", but for durations, the class that
 *	  pgaudit has found, and what comes before "at or near";
 *	- never shown: statement, detail, context, internal query, other hints; statements
 *	  of kept plans, whatever they use.
 */
#include "redaction/log.h"

#include "miscadmin.h"
#include "utils/elog.h"

#include "platform/settings.h"
#include "redaction/command.h"
#include "redaction/lexical.h"
#include "redaction/redaction.h"

static emit_log_hook_type previous = NULL;

static void
drop(char **field)
{
	if (*field == NULL)
		return;
	explicit_bzero(*field, strlen(*field));
	pfree(*field);
	*field = NULL;
}

static bool
is_ours(const ErrorData *error)
{
	return error->domain && strcmp(error->domain, TEXTDOMAIN) == 0;
}

/* Whether RAISE of PL/pgSQL has made the message. */
static bool
error_is_raised(const ErrorData *error)
{
	return error->funcname && strcmp(error->funcname, "exec_stmt_raise") == 0;
}

static bool
has_id(const ErrorData *error, const char *beginning)
{
	return error->message_id &&
		strncmp(error->message_id, beginning, strlen(beginning)) == 0;
}

static bool
keeps_message(const ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		error->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION ||
		error->sqlerrcode == ERRCODE_PROTOCOL_VIOLATION ||
		has_id(error, "process %d ") || has_id(error, "temporary file: "))
		return true;
	if (error_is_raised(error))
		return setting_redaction == REDACTION_STANDARD;
	return error->message_id && strchr(error->message_id, '%') == NULL;
}

void
redaction_vouch(ErrorData *error)
{
	if (!error_is_raised(error))
	{
		if (is_ours(error) || !keeps_message(error))
			return;
		error->detail = NULL;
	}
	error->domain = TEXTDOMAIN;
}

/* Writes text over the rest of a message, as much of it as there is room for. */
static void
replace_rest(char *rest, const char *text)
{
	size_t		room = strlen(rest);

	explicit_bzero(rest, room);
	memcpy(rest, text, Min(room, strlen(text)));
}

/* Keeps so many fields of a list with commas. */
static void
replace_after_commas(char *message, int fields)
{
	char	   *rest = message;

	while (fields > 0 && *rest)
		if (*rest++ == ',')
			fields--;
	replace_rest(rest, REDACTED);
}

/* The end of a conversion, as in "%-5ld". */
static const char *
skip_conversion(const char *p)
{
	p++;
	while (*p && strchr("-+ #0123456789.*lhzjtq", *p))
		p++;
	return *p ? p + 1 : p;
}

/* The message becomes its own format, with "***" for each argument. */
static void
replace_arguments(char *message, const char *format)
{
	char	   *end = message + strlen(message);

	explicit_bzero(message, end - message);
	while (*format && message < end)
	{
		if (format[0] != '%' || format[1] == '%')
		{
			*message++ = *format;
			format += format[0] == '%' ? 2 : 1;
			continue;
		}
		for (int i = 0; i < 3 && message < end; i++)
			*message++ = '*';
		format = skip_conversion(format);
	}
}

static void
redact_message(ErrorData *error)
{
	char	   *rest;

	if (has_id(error, "duration: ") && (rest = strstr(error->message, " ms  ")) != NULL)
		replace_rest(rest + 5, REDACTED);
	else if (has_id(error, "duration: %s ms") && strchr(error->message_id + 11, '%') == NULL)
		return;
	else if (has_id(error, "AUDIT: "))
		replace_after_commas(error->message, 5);
	else if (error->sqlerrcode == ERRCODE_SYNTAX_ERROR &&
			 (rest = strstr(error->message, " at or near \"")) != NULL)
	{
		rest += strlen(" at or near \"");
		replace_rest(rest, strlen(rest) < 4 ? "*\"" : "***\"");
	}
	else
		replace_arguments(error->message, error->message_id ? error->message_id : "***");
}

static void
redact(ErrorData *error)
{
	error->hide_stmt = true;
	drop(&error->context);
	drop(&error->internalquery);
	error->internalpos = 0;
	if (is_ours(error))
		return;
	drop(&error->detail);
	drop(&error->detail_log);
	if (keeps_message(error))
		return;
	drop(&error->hint);
	if (error->message)
		redact_message(error);
}

static bool
mentions_vault(const char *text)
{
	return text && lexical_mentions_vault(text, strlen(text), NULL);
}

static void
drop_mention(char **field)
{
	if (mentions_vault(*field))
		drop(field);
}

/* Messages that quote a statement, its parameters or its plan. */
static bool
quotes_statement(const ErrorData *error)
{
	return has_id(error, "statement: ") || has_id(error, "duration: ") ||
		has_id(error, "AUDIT: ") || has_id(error, "execute ") || has_id(error, "cron job ");
}

/*
 * In pg_log_backend_memory_contexts(), kept plans have their statements, from any command
 * before; these are cut, so nothing tells whether they use the vault.
 */
static void
redact_kept_plan(const ErrorData *error)
{
	char	   *rest;

	if (has_id(error, "level: ") && strstr(error->message, "; CachedPlan") &&
		(rest = strstr(error->message, " used: ")) != NULL)
		replace_rest(rest + strlen(" used: "), REDACTED);
}

/*
 * What a command tells of another one: the postmaster of one that crashed, a
 * deadlock's victim of the others, pg_cron of its jobs, which are also parameters,
 * auto_explain of a cursor that is closed.
 */
static void
redact_hearsay(ErrorData *error)
{
	drop_mention(&error->detail);
	drop_mention(&error->detail_log);
	drop_mention(&error->context);
	drop_mention(&error->internalquery);
	if (error->message == NULL)
		return;
	redact_kept_plan(error);
	if (!quotes_statement(error))
		return;
	if (mentions_vault(error->message) ||
		(has_id(error, "duration: %.3f ms  plan:") && transaction_is_sensitive()))
		redact_message(error);
}

static void
redact_log(ErrorData *error)
{
	if (command_is_sensitive())
		redact(error);
	else if (!is_ours(error))
		redact_hearsay(error);
	if (previous)
		previous(error);
}

void
log_init(void)
{
	previous = emit_log_hook;
	emit_log_hook = redact_log;
}
