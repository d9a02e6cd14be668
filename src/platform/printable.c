/*
 * printable.c
 *		Escapes characters that cannot be shown as they are.
 *
 * In every encoding these are the controls of ASCII. In UTF-8 they are also the controls of
 * Latin-1, marks and overrides of direction, line separators and characters without width.
 */
#include "platform/printable.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

/* Return true for printable ASCII only, which most texts are. */
static bool
is_plain_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool
is_hidden(pg_wchar c)
{
	return (c >= 0x80 && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
		(c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
		(c >= 0xe0000 && c <= 0xe007f);
}

/* Append one character of more than one byte. Returns its size. */
static int
append_long(StringInfo plain, const char *at)
{
	int size = pg_mblen(at);
	pg_wchar c = GetDatabaseEncoding() == PG_UTF8 ? utf8_to_unicode((const unsigned char *) at) : 0;

	size = Min(size, (int) strlen(at));
	if (c != 0 && is_hidden(c))
		appendStringInfo(plain, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned) c);
	else
		appendBinaryStringInfo(plain, at, size);
	return size;
}

const char *
printable_text(const char *text)
{
	StringInfoData plain;

	if (text == NULL || is_plain_ascii(text))
		return text;
	initStringInfo(&plain);
	while (*text)
	{
		unsigned char c = (unsigned char) *text;

		if (c < ' ' || c == 0x7f)
		{
			appendStringInfo(&plain, "\\x%02x", c);
			text++;
		}
		else if (c < 0x80)
			appendStringInfoChar(&plain, *text++);
		else
			text += append_long(&plain, text);
	}
	return plain.data;
}
