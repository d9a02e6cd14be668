/*
 * message.c
 *		Parses messages of the server by their formats.
 */
#include "redaction/message.h"

#include "libpq/libpq-be.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "platform/settings.h"
#include "redaction/suggestion.h"

/* Longer messages are cut. */
#define MAX_EDITED 1024

static const char *const types[] = {"bigint",
									"bigint[]",
									"boolean",
									"boolean[]",
									"bytea",
									"bytea[]",
									"character",
									"character varying",
									"cidr",
									"date",
									"double precision",
									"inet",
									"integer",
									"integer[]",
									"interval",
									"interval[]",
									"json",
									"jsonb",
									"jsonb[]",
									"json[]",
									"name",
									"numeric",
									"oid",
									"real",
									"record",
									"regclass",
									"regproc",
									"regprocedure",
									"regrole",
									"regtype",
									"smallint",
									"text",
									"text[]",
									"time without time zone",
									"timestamp",
									"timestamp with time zone",
									"timestamp without time zone",
									"unknown",
									"uuid",
									"uuid[]",
									"void",
									"xml"};

bool
message_is_raised(const ErrorData *error)
{
	return error->funcname && strcmp(error->funcname, "exec_stmt_raise") == 0;
}

bool
message_has_id(const ErrorData *error, const char *beginning)
{
	return error->message_id && strncmp(error->message_id, beginning, strlen(beginning)) == 0;
}

bool
message_may_stay(const ErrorData *error)
{
	if (message_is_raised(error))
		return setting_redaction == REDACTION_STANDARD;
	switch (error->sqlerrcode)
	{
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_PROTOCOL_VIOLATION:
		case ERRCODE_READ_ONLY_SQL_TRANSACTION:
		case ERRCODE_ACTIVE_SQL_TRANSACTION:
		case ERRCODE_NO_ACTIVE_SQL_TRANSACTION:
		case ERRCODE_UNDEFINED_PARAMETER:
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return true;
	}
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ||
		message_has_id(error, "could not determine data type of parameter ") ||
		message_has_id(error, "process %d ") || message_has_id(error, "temporary file: "))
		return true;
	return error->message_id && strchr(error->message_id, '%') == NULL;
}

static bool
is_small(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name);
}

static bool
is_schema_of_vault(const char *name)
{
	return strcmp(name, "vault") == 0 || strcmp(name, "vault_data") == 0;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t size = strlen(text);

	return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static bool
is_type(const char *name)
{
	for (int i = 0; i < lengthof(types); i++)
		if (strcmp(name, types[i]) == 0)
			return true;
	return false;
}

static bool
is_field(const char *argument, const char *field)
{
	return field && strcmp(argument, field) == 0;
}

/* An argument, the text before it, and whether the previous argument was a schema of the vault. */
typedef struct Argument
{
	char text[NAMEDATALEN];
	char conversion;
	const char *before;
	bool in_vault;
} Argument;

static bool
argument_may_stay(const ErrorData *error, const Argument *argument)
{
	const char *text = argument->text;

	if (argument->conversion == 'm' || is_schema_of_vault(text))
		return true;
	if (ends_with(argument->before, "type "))
		return is_type(text);
	if (ends_with(argument->before, "encoding \""))
		return pg_char_to_encoding(text) >= 0;
	if (strncmp(text, "vault.", 6) == 0)
		return is_small(text + 6);
	if (ends_with(argument->before, "prepared statement \""))
		return is_small(text);
	if (argument->in_vault && strcmp(argument->before, ".") == 0)
		return is_small(text);
	return is_field(text, error->schema_name) || is_field(text, error->table_name) ||
		is_field(text, error->column_name) || is_field(text, error->datatype_name) ||
		is_field(text, error->constraint_name);
}

/* Return the end of a conversion, as in "%-5ld". *conversion is its letter. */
static const char *
skip_conversion(const char *p, char *conversion)
{
	p++;
	while (*p && strchr("-+ #0123456789.*lhzjtq", *p))
		p++;
	*conversion = *p;
	return *p ? p + 1 : p;
}

/* Copy the text between this place of a format and its next conversion. */
static size_t
literal_at(const char *format, char *literal, size_t room)
{
	size_t size = 0;

	while (*format && size + 1 < room && (format[0] != '%' || format[1] == '%'))
	{
		literal[size++] = *format;
		format += format[0] == '%' ? 2 : 1;
	}
	literal[size] = 0;
	return size;
}

static void
message_add(char *edited, size_t *size, const char *text)
{
	size_t length = Min(strlen(text), MAX_EDITED - 1 - *size);

	memcpy(edited + *size, text, length);
	*size += length;
	edited[*size] = 0;
}

/*
 * Take the argument that ends where the format goes on. Returns false if the message does not fit.
 */
static bool
take_argument(const char **message, const char *format, Argument *argument)
{
	char after[MAX_EDITED];
	size_t length = literal_at(format, after, sizeof(after));
	const char *end = length ? strstr(*message, after) : *message + strlen(*message);

	if (end == NULL || (length == 0 && *format))
		return false;
	strlcpy(argument->text, *message, Min(sizeof(argument->text), (size_t) (end - *message) + 1));
	if (end - *message >= NAMEDATALEN)
		argument->text[0] = 0;
	*message = end;
	return argument->text[0] != 0;
}

/*
 * Fill the format with the arguments that may stay. If an argument contains the text that follows
 * it, its rest is taken for the next argument. Such a rest is on no list, or it contains nothing
 * secret.
 */
static void
fill_format(const ErrorData *error, char *edited)
{
	const char *message = error->message;
	const char *format = error->message_id ? error->message_id : "%s";
	bool fits = true;
	char literal[MAX_EDITED];
	Argument argument = {.before = literal};
	size_t size = 0;

	edited[0] = 0;
	while (*format)
	{
		size_t length = literal_at(format, literal, sizeof(literal));
		bool stays;

		fits = fits && strncmp(message, literal, length) == 0;
		message += fits ? length : 0;
		message_add(edited, &size, literal);
		while (*format && (format[0] != '%' || format[1] == '%'))
			format += format[0] == '%' ? 2 : 1;
		if (*format == 0)
			break;
		format = skip_conversion(format, &argument.conversion);
		stays = fits && take_argument(&message, format, &argument) &&
			argument_may_stay(error, &argument);
		message_add(edited, &size, stays ? argument.text : "***");
		argument.in_vault = stays && is_schema_of_vault(argument.text);
	}
	explicit_bzero(argument.text, sizeof(argument.text));
}

void
message_edit(ErrorData *error)
{
	size_t room = strlen(error->message);
	char edited[MAX_EDITED];

	fill_format(error, edited);
	explicit_bzero(error->message, room);
	memcpy(error->message, edited, Min(room, strlen(edited)));
}

/* Return a hint for a session in a database without the extension. */
static const char *
hint_of_place(char *buffer, size_t room)
{
	const char *here = MyProcPort ? MyProcPort->database_name : NULL;

	if (here == NULL)
		return NULL;
	if (strcmp(here, setting_database) == 0)
		return "A superuser runs CREATE EXTENSION vault CASCADE in this database.";
	snprintf(buffer, room,
			 "The extension is in the database that vault.database names, \"%s\", "
			 "and this one is \"%s\".",
			 setting_database, here);
	return buffer;
}

/*
 * Get the name that follows the beginning of a message. Returns false if it has other characters
 * than small letters and underscores.
 */
static bool
name_after(const char *message, const char *beginning, char *name)
{
	const char *at = message + strlen(beginning);
	size_t size;

	if (strncmp(message, beginning, strlen(beginning)) != 0)
		return false;
	size = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
	strlcpy(name, at, Min(size + 1, NAMEDATALEN));
	return size > 0 && size < NAMEDATALEN;
}

static const char *
hint_of_relation(const ErrorData *error, char *buffer, size_t room)
{
	char name[NAMEDATALEN];
	const char *view =
		name_after(error->message, "relation \"vault.", name) ? suggest_view(name) : NULL;

	if (view == NULL)
		return NULL;
	if (strcmp(view, name) == 0)
		return hint_of_place(buffer, room);
	snprintf(buffer, room, "Perhaps you mean vault.%s.", view);
	return buffer;
}

static const char *
hint_of_function(const ErrorData *error, char *buffer, size_t room)
{
	char name[NAMEDATALEN];
	const char *function =
		name_after(error->message, "function vault.", name) ? suggest_function(name) : NULL;

	/* The function exists, so its arguments do not fit, which the server's own hint says. */
	if (function == NULL || strcmp(function, name) == 0)
		return NULL;
	snprintf(buffer, room, "Perhaps you mean vault.%s().", function);
	return buffer;
}

/*
 * Hint for: column "name", or column alias.name. The hint does not repeat the name, since it may be
 * a value.
 */
static const char *
hint_of_column(const ErrorData *error, char *buffer, size_t room)
{
	const char *dot = strchr(error->message, '.');
	char name[NAMEDATALEN];
	const char *column =
		name_after(error->message, "column \"", name) || (dot && name_after(dot, ".", name))
		? suggest_column(name)
		: NULL;

	if (column == NULL || strcmp(column, name) == 0)
		column = NULL;
	else
		snprintf(buffer, room, "Views of vault have a column \"%s\".", column);
	explicit_bzero(name, sizeof(name));
	return column ? buffer : "Values stand in single quotes, names in double ones.";
}

/* Return a hint for a message that is not edited yet. No hint repeats what was typed. */
static const char *
hint_for(const ErrorData *error, char *buffer, size_t room)
{
	if (message_has_id(error, "malformed array literal"))
		return "An array is written as '{read}' or ARRAY['read']; "
			   "the permissions of vault.grant() are one.";
	if (message_has_id(error, "invalid byte sequence for encoding"))
		return "Give binary values the type bytea, as in $1::bytea, "
			   "or set client_encoding to what the client sends.";
	switch (error->sqlerrcode)
	{
		case ERRCODE_UNDEFINED_COLUMN:
			return hint_of_column(error, buffer, room);
		case ERRCODE_UNDEFINED_TABLE:
			return hint_of_relation(error, buffer, room);
		case ERRCODE_UNDEFINED_FUNCTION:
			return hint_of_function(error, buffer, room);
		case ERRCODE_UNDEFINED_SCHEMA:
			return strcmp(error->message, "schema \"vault\" does not exist") == 0
				? hint_of_place(buffer, room)
				: NULL;
	}
	return NULL;
}

void
message_hint(ErrorData *error)
{
	char buffer[512];
	const char *hint;

	if (error->message == NULL || error->elevel != ERROR || CritSectionCount > 0 ||
		error->assoc_context == NULL)
		return;
	hint = hint_for(error, buffer, sizeof(buffer));
	if (hint)
		error->hint = MemoryContextStrdup(error->assoc_context, hint);
}
