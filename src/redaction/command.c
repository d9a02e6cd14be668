/*
 * command.c
 *		The verdict on the current command, and hiding its text.
 *
 * debug_query_string identifies the command that is executed. The next command may have the same
 * address, so the time of its arrival is compared too.
 */
#include "redaction/command.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/prepare.h"
#include "common/hashfn.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/plancache.h"

#include "platform/settings.h"
#include "redaction/lexical.h"

static const char redacted[] = REDACTED;

static struct
{
	const char *text;
	TimestampTz start;
	bool sensitive;
	bool hidden;
} command;

static bool session_marked = false;
/* start time of the last transaction with a sensitive command */
static TimestampTz sensitive_transaction = 0;

/*
 * Texts that are sensitive because of the functions that they call. A text in this Bloom filter is
 * recognized before it is analyzed, when a client binds to it or sends it again. The filter never
 * forgets. With a million texts, one in seven others is taken for one of them.
 */
#define FILTER_BITS   (1 << 22)
#define FILTER_HASHES 3
static uint64 filter[FILTER_BITS / 64];
static bool any_remembered = false;

static uint64
command_hash_text(const char *text, size_t length)
{
	return hash_bytes_extended((const unsigned char *) text, (int) length, 0);
}

/* Return the bit of a text for one of the hashes. */
static uint32
filter_bit(const char *text, size_t length, int number)
{
	uint64 hash = command_hash_text(text, length);
	uint32 step = (uint32) (hash >> 32) | 1;

	return ((uint32) hash + number * step) % FILTER_BITS;
}

void
text_remember(const char *text)
{
	size_t length = strlen(text);

	for (int i = 0; i < FILTER_HASHES; i++)
	{
		uint32 bit = filter_bit(text, length, i);

		filter[bit / 64] |= UINT64CONST(1) << (bit % 64);
	}
	any_remembered = true;
}

static bool
text_is_remembered(const char *text, size_t length)
{
	for (int i = 0; any_remembered && i < FILTER_HASHES; i++)
	{
		uint32 bit = filter_bit(text, length, i);

		if ((filter[bit / 64] & UINT64CONST(1) << (bit % 64)) == 0)
			return false;
	}
	return any_remembered;
}

static bool
text_alone_is_sensitive(const char *text, size_t length, bool *executes)
{
	return lexical_mentions_vault(text, length, executes) || text_is_remembered(text, length);
}

static bool
prepared_is_sensitive(const char *name)
{
	PreparedStatement *prepared = FetchPreparedStatement(name, false);
	const char *text = prepared ? prepared->plansource->query_string : NULL;

	return text && text_alone_is_sensitive(text, strlen(text), NULL);
}

/*
 * Return true for EXECUTE, with arguments, of a statement that this session has not prepared. It
 * fails, and its text holds the arguments. Behind a pooler another session may have prepared the
 * statement, so there is no way to tell whether it would use the vault.
 */
static bool
executes_unknown(const char *text, size_t length)
{
	LexicalName name;

	return lexical_executes_with_arguments(text, length, &name) &&
		FetchPreparedStatement(name.exact, false) == NULL &&
		FetchPreparedStatement(name.folded, false) == NULL;
}

bool
text_is_sensitive(const char *text)
{
	static uint64 latest = 0; /* hash of the last text that was sensitive by itself, or 0 */
	size_t length = strlen(text);
	size_t position = 0;
	LexicalName name;
	bool executes;

	/* Usually the same text comes again. Another text with its hash would be hidden too. */
	if (latest && command_hash_text(text, length) == latest)
		return true;
	if (text_alone_is_sensitive(text, length, &executes))
	{
		latest = command_hash_text(text, length);
		return true;
	}
	while (executes && lexical_next_execute(text, length, &position, &name))
		if (prepared_is_sensitive(name.exact) || prepared_is_sensitive(name.folded))
			return true;
	return executes && executes_unknown(text, length);
}

static bool
session_is_sensitive(void)
{
	/* A parallel worker does not know what its leader has done. */
	return setting_redaction == REDACTION_STRICT && (session_marked || IsParallelWorker());
}

/*
 * Judge the current command, unless it was judged already or its text was replaced. Without a text
 * it is the end of the last command, or a process that has no command.
 */
static void
command_judge(void)
{
	const char *text = debug_query_string;
	TimestampTz start = GetCurrentStatementStartTimestamp();

	if (text == redacted || (start == command.start && (text == command.text || text == NULL)))
		return;
	command.text = text;
	command.start = start;
	command.hidden = false;
	command.sensitive = session_is_sensitive() || (text && text_is_sensitive(text));
}

bool
command_is_sensitive(void)
{
	command_judge();
	return command.sensitive && (debug_query_string != NULL || IsTransactionState());
}

bool
transaction_is_sensitive(void)
{
	return sensitive_transaction != 0 && IsTransactionState() &&
		GetCurrentTransactionStartTimestamp() == sensitive_transaction;
}

/*
 * Overwrite the rest of the slot: after a shorter text, shared memory would keep the end of a
 * longer one.
 */
static void
clear_rest_of_activity(void)
{
	volatile PgBackendStatus *slot = MyBEEntry;
	size_t used;

	if (slot == NULL)
		return;
	used = strlen((const char *) slot->st_activity_raw) + 1;
	PGSTAT_BEGIN_WRITE_ACTIVITY(slot);
	memset((char *) slot->st_activity_raw + used, 0, pgstat_track_activity_query_size - used);
	PGSTAT_END_WRITE_ACTIVITY(slot);
}

bool
command_hide(void)
{
	command_judge();
	if (!command.sensitive || command.hidden)
		return command.sensitive;
	command.hidden = true;
	if (IsTransactionState())
		sensitive_transaction = GetCurrentTransactionStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, redacted);
	clear_rest_of_activity();
	if (debug_query_string)
		debug_query_string = redacted;
	return true;
}

void
command_mark(void)
{
	command_judge();
	if (!command.sensitive && debug_query_string)
		text_remember(debug_query_string);
	command.sensitive = true;
	(void) command_hide();
}

void
command_mark_session(void)
{
	session_marked = true;
	command_mark();
}
