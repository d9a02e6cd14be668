/*
 * log.c
 *		The log hook: edits a message about a sensitive command, in place.
 *
 * It runs in any process, also in a critical section. So it frees and overwrites memory, but does
 * not allocate, raise or read the catalogs. The client gets the edited message.
 *
 *	- kept: SQLSTATE, severity, position, and names of objects in their own fields; messages of
 *	  the vault with detail and hint, also those that refuse a setting; of other messages those
 *	  that message.h names; with "standard" those of RAISE;
 *	- other messages: arguments become "***", but for durations, the class that pgaudit has
 *	  found, and the text before "at or near"; the hint is one of the vault;
 *	- never shown: statement, detail, context, internal query, other hints; statements of kept
 *	  plans, whether they use the vault or not.
 */
#include "redaction/log.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"

#include "platform/settings.h"
#include "redaction/command.h"
#include "redaction/lexical.h"
#include "redaction/message.h"

static emit_log_hook_type previous = NULL;

static void
log_drop(char **field)
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

/* Format and hash of the message that the entry threw again. The format tells its arguments. */
static struct
{
	const char *id;
	uint64 message; /* hash of the message */
} thrown_again;

/* Hash of the last message that refuses a setting, which the server raises as its own. */
static uint64 setting_refused = 0;

static uint64
log_hash_text(const char *text)
{
	return hash_bytes_extended((const unsigned char *) text, strlen(text), 0);
}

static uint64
hash_message(const ErrorData *error)
{
	return log_hash_text(error->message);
}

/* Mark the command: its text holds the value, and may not name the setting. */
static void
log_refused(const char *message)
{
	setting_refused = log_hash_text(message);
	if (debug_query_string)
		command_mark();
}

static bool
refuses_setting(const ErrorData *error)
{
	return setting_refused != 0 && error->message && hash_message(error) == setting_refused;
}

void
log_mark_own(ErrorData *error)
{
	if (!message_is_raised(error))
	{
		if (is_ours(error) || error->message == NULL)
			return;
		thrown_again.id = error->message_id;
		thrown_again.message = hash_message(error);
		if (!message_may_stay(error))
			return;
		error->detail = NULL;
	}
	error->domain = TEXTDOMAIN;
}

/* Overwrite the rest of a message with a text, as much of it as there is room for. */
static void
replace_rest(char *rest, const char *text)
{
	size_t room = strlen(rest);

	explicit_bzero(rest, room);
	memcpy(rest, text, Min(room, strlen(text)));
}

/* Keep this many fields of a list with commas, and redact the rest. */
static void
replace_after_commas(char *message, int fields)
{
	char *rest = message;

	while (fields > 0 && *rest)
		if (*rest++ == ',')
			fields--;
	replace_rest(rest, REDACTED);
}

static void
redact_message(ErrorData *error)
{
	char *rest;

	if (message_has_id(error, "duration: ") && (rest = strstr(error->message, " ms  ")) != NULL)
		replace_rest(rest + 5, REDACTED);
	else if (message_has_id(error, "duration: %s ms") &&
			 strchr(error->message_id + 11, '%') == NULL)
		return;
	else if (message_has_id(error, "AUDIT: "))
		replace_after_commas(error->message, 5);
	else if (error->sqlerrcode == ERRCODE_SYNTAX_ERROR &&
			 (rest = strstr(error->message, " at or near \"")) != NULL)
	{
		rest += strlen(" at or near \"");
		replace_rest(rest, strlen(rest) < 4 ? "*\"" : "***\"");
	}
	else
		message_edit(error);
}

static void
log_redact(ErrorData *error)
{
	if (error->message_id == NULL && error->message && thrown_again.id &&
		hash_message(error) == thrown_again.message)
		error->message_id = thrown_again.id;
	error->hide_stmt = true;
	log_drop(&error->context);
	log_drop(&error->internalquery);
	error->internalpos = 0;
	if (is_ours(error) || refuses_setting(error))
		return;
	log_drop(&error->detail);
	log_drop(&error->detail_log);
	if (message_may_stay(error))
	{
		message_hint(error);
		return;
	}
	log_drop(&error->hint);
	if (error->message == NULL)
		return;
	message_hint(error);
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
		log_drop(field);
}

/* Return true for messages that quote a statement, its parameters or its plan. */
static bool
quotes_statement(const ErrorData *error)
{
	return message_has_id(error, "statement: ") || message_has_id(error, "duration: ") ||
		message_has_id(error, "AUDIT: ") || message_has_id(error, "execute ") ||
		message_has_id(error, "cron job ");
}

/*
 * Redact the statement of a kept plan in pg_log_backend_memory_contexts(). It may be of any earlier
 * command and is truncated, so there is no way to tell whether it uses the vault.
 */
static void
redact_kept_plan(const ErrorData *error)
{
	char *rest;

	if (message_has_id(error, "level: ") && strstr(error->message, "; CachedPlan") &&
		(rest = strstr(error->message, " used: ")) != NULL)
		replace_rest(rest + strlen(" used: "), REDACTED);
}

/*
 * Redact reports about another command: the postmaster reports a crashed backend's, the victim of a
 * deadlock those of the others, pg_cron its jobs, which are also parameters, and auto_explain a
 * cursor that is closed.
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
		(message_has_id(error, "duration: %.3f ms  plan:") && transaction_is_sensitive()))
		redact_message(error);
}

static void
redact_log(ErrorData *error)
{
	if (command_is_sensitive())
		log_redact(error);
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
	settings_refused = log_refused;
}
