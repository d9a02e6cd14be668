/*
 * encoding.c
 *		Converts text between the database's encoding and UTF-8.
 */
#include "platform/encoding.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"

#include "platform/errors.h"

static bool
is_ascii(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	return true;
}

bool
encoding_is_stored(const char *text, size_t size)
{
	int encoding = GetDatabaseEncoding();

	return encoding == PG_UTF8 || encoding == PG_SQL_ASCII || is_ascii(text, size);
}

size_t
encoding_room(size_t size)
{
	return size * MAX_CONVERSION_GROWTH + 1;
}

static bool
encoding_convert(const char *text, size_t size, int from, int to, char *out, size_t *out_size)
{
	Oid function = FindDefaultConversionProc(from, to);

	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("text of encoding \"%s\" cannot be stored",
						pg_encoding_to_char(GetDatabaseEncoding())),
				 errhint("Use ASCII, or bytea.")));
	if (pg_do_encoding_conversion_buf(function, from, to, (unsigned char *) text, size,
									  (unsigned char *) out, encoding_room(size), true) != size)
		return false;
	*out_size = strlen(out);
	return true;
}

bool
encoding_to_stored(const char *text, size_t size, char *out, size_t *out_size)
{
	return encoding_convert(text, size, GetDatabaseEncoding(), PG_UTF8, out, out_size);
}

bool
encoding_from_stored(const char *stored, size_t size, char *out, size_t *out_size)
{
	return encoding_convert(stored, size, PG_UTF8, GetDatabaseEncoding(), out, out_size);
}

bool
encoding_is_stored_text(const char *bytes, size_t size)
{
	int encoding = GetDatabaseEncoding() == PG_SQL_ASCII ? PG_SQL_ASCII : PG_UTF8;

	return pg_verify_mbstr(encoding, bytes, size, true);
}

bool
encoding_is_valid(const char *stored, size_t size)
{
	return pg_verify_mbstr(GetDatabaseEncoding(), stored, size, true);
}

const char *
encoding_for_digest(const char *text, size_t *size)
{
	char *copy;

	if (encoding_is_stored(text, *size))
		return text;
	copy = palloc_extended(encoding_room(*size), MCXT_ALLOC_HUGE);
	if (encoding_to_stored(text, *size, copy, size))
		return copy;
	pfree(copy);
	return text;
}
