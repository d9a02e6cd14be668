/*
 * lexical.c
 *		Finds the words of a statement's text.
 */
#include "redaction/lexical.h"

#include <string.h>

typedef struct Word
{
	const char *start;
	size_t length;
} Word;

/* Functions of the API with secret arguments, as they are called with search_path = vault. */
static const char *const taking_secrets[] = {
	"put", "rotate", "unseal", "login", "complete_rotation", "import_certificate"};

/* Names to look for have at most 7 bytes, like "vault" and "execute", or at least 17. */
#define LONGEST_SHORT 7
#define SHORTEST_LONG 17

/*
 * Settings of the vault. A statement that sets one to a short, plain value is shown. Any other
 * value is hidden: a client that mixes up arguments may set a setting to a secret.
 */
static const char *const settings[] = {"allow_core_dumps",
									   "allow_swappable_keys",
									   "audit_mode",
									   "audit_ring_size",
									   "audit_seal_interval",
									   "audit_timeout",
									   "database",
									   "environment",
									   "failure_window",
									   "max_denials",
									   "max_failures",
									   "max_forgeries",
									   "max_result_memory",
									   "redaction",
									   "request_id",
									   "role_binding",
									   "root_key_source",
									   "rotation_batch",
									   "rotation_hosts",
									   "rotation_retry",
									   "rotation_root_certificates",
									   "rotation_timeout",
									   "seal_on_crash",
									   "tenant"};

#define LONGEST_VALUE 63

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
lexical_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char
lexical_fold(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/*
 * A word starts with a letter, an underscore or a byte of another alphabet. Digits and "$" may
 * follow.
 */
#define STARTS    1
#define CONTINUES 2
static const unsigned char classes[256] = {
	['A' ... 'Z'] = STARTS | CONTINUES, ['a' ... 'z'] = STARTS | CONTINUES,
	['_'] = STARTS | CONTINUES,         [0x80 ... 0xff] = STARTS | CONTINUES,
	['0' ... '9'] = CONTINUES,          ['$'] = CONTINUES};

static inline bool
is_class(char c, unsigned char class)
{
	return (classes[(unsigned char) c] & class) != 0;
}

/* Find the next word from *at on. *at becomes its end. */
static inline bool
next_word(const char **at, const char *end, Word *word)
{
	const char *p = *at;

	while (p < end && !is_class(*p, STARTS))
		p++;
	word->start = p;
	while (p < end && is_class(*p, CONTINUES))
		p++;
	word->length = p - word->start;
	*at = p;
	return word->length > 0;
}

static bool
word_is(const Word *word, const char *lower)
{
	for (size_t i = 0; i < word->length; i++)
		if (lexical_fold(word->start[i]) != lower[i]) /* stops at the end of the shorter one */
			return false;
	return lower[word->length] == '\0';
}

/* Skip a comment. Comments nest. */
static const char *
skip_block_comment(const char *p, const char *end)
{
	int depth = 0;

	do
	{
		if (end - p >= 2 && p[0] == '/' && p[1] == '*')
		{
			depth++;
			p += 2;
		}
		else if (end - p >= 2 && p[0] == '*' && p[1] == '/')
		{
			depth--;
			p += 2;
		}
		else
			p++;
	} while (depth > 0 && p < end);
	return p;
}

static const char *
lexical_skip_blanks(const char *p, const char *end)
{
	while (p < end)
	{
		if (lexical_is_space(*p))
			p++;
		else if (end - p >= 2 && p[0] == '-' && p[1] == '-')
			while (p < end && *p != '\n' && *p != '\r')
				p++;
		else if (end - p >= 2 && p[0] == '/' && p[1] == '*')
			p = skip_block_comment(p, end);
		else
			break;
	}
	return p;
}

/* Return true if this character follows after a name and its closing quote. */
static bool
is_before(const char *p, const char *end, char c)
{
	if (p < end && *p == '"')
		p++;
	p = lexical_skip_blanks(p, end);
	return p < end && *p == c;
}

static bool
lexical_is_one_of(const Word *word, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (word_is(word, names[i]))
			return true;
	return false;
}

/*
 * Skip a value that can be shown: a word or a literal of plain characters, with nothing added to
 * it.
 */
static bool
skip_plain_value(const char **at, const char *end)
{
	const char *p = lexical_skip_blanks(*at, end);
	bool quoted = p < end && *p == '\'';
	const char *start = p += quoted;

	while (p < end && (is_class(*p, STARTS | CONTINUES) || strchr(".-:/,", *p)) &&
		   (quoted || *p != ',') && *p != '$' && (unsigned char) *p < 0x80)
		p++;
	if (p - start > LONGEST_VALUE || (quoted ? p == end || *p++ != '\'' : p == start))
		return false;
	*at = p = lexical_skip_blanks(p, end);
	/* After a word without quotes, more words may be a passphrase. */
	return p == end || strchr(";,)", *p) != NULL || (quoted && is_class(*p, STARTS));
}

/* After the name of a setting, return true if it is set to nothing or to a plain value. */
static bool
is_set_plainly(const char *p, const char *end)
{
	Word word;

	if (p < end && (*p == '"' || *p == '\''))
		p++;
	p = lexical_skip_blanks(p, end);
	if (p == end || strchr(";)", *p))
		return true;
	if (!is_class(*p, STARTS))
	{
		if (*p != '=' && *p != ',')
			return false;
		p++;
	}
	else if (!next_word(&p, end, &word) || !word_is(&word, "to"))
		return true;
	do
		if (!skip_plain_value(&p, end))
			return false;
	while (p < end && *p++ == ',');
	return true;
}

/*
 * After the word "vault", return true if a dot follows, unless it is a setting whose value can be
 * shown.
 */
static bool
is_qualifying(const char *p, const char *end)
{
	Word word;

	if (!is_before(p, end, '.'))
		return false;
	return !next_word(&p, end, &word) || !lexical_is_one_of(&word, settings, COUNT(settings)) ||
		is_before(p, end, '(') || !is_set_plainly(p, end);
}

bool
lexical_mentions_vault(const char *text, size_t length, bool *executes)
{
	const char *at = text;
	const char *end = text + length;
	Word word;

	if (executes)
		*executes = false;
	while (next_word(&at, end, &word))
	{
		if (word.length < 3 || (word.length > LONGEST_SHORT && word.length < SHORTEST_LONG))
			continue;
		if (word.length == 7)
		{
			if (executes && word_is(&word, "execute"))
				*executes = true;
			continue;
		}
		if ((word_is(&word, "vault") && is_qualifying(at, end)) ||
			(lexical_is_one_of(&word, taking_secrets, COUNT(taking_secrets)) &&
			 is_before(at, end, '(')))
			return true;
	}
	return false;
}

/* Copy a name, truncated as the server does it. */
static void
copy_name(LexicalName *name, const char *start, size_t length)
{
	if (length >= LEXICAL_NAME_SIZE)
		length = LEXICAL_NAME_SIZE - 1;
	for (size_t i = 0; i < length; i++)
	{
		name->exact[i] = start[i];
		name->folded[i] = lexical_fold(start[i]);
	}
	name->exact[length] = name->folded[length] = '\0';
}

bool
lexical_next_call(const char *text, size_t length, size_t *position, LexicalName *name)
{
	const char *at = text + *position;
	const char *end = text + length;
	Word word;

	while (next_word(&at, end, &word))
	{
		*position = at - text;
		if (!is_before(at, end, '('))
			continue;
		copy_name(name, word.start, word.length);
		return true;
	}
	return false;
}

bool
lexical_next_execute(const char *text, size_t length, size_t *position, LexicalName *name)
{
	const char *at = text + *position;
	const char *end = text + length;
	Word word;

	while (next_word(&at, end, &word))
	{
		const char *start;

		*position = at - text;
		if (word.length != 7 || !word_is(&word, "execute"))
			continue;
		start = lexical_skip_blanks(at, end);
		if (start < end && *start == '"')
		{
			const char *quote;

			start++;
			quote = memchr(start, '"', end - start);
			copy_name(name, start, (quote ? quote : end) - start);
			return true;
		}
		if (!next_word(&start, end, &word))
			return false;
		copy_name(name, word.start, word.length);
		return true;
	}
	return false;
}

/* Return the end of a name, quoted or not. */
static const char *
skip_name(const char *p, const char *end)
{
	if (p == end || *p != '"')
	{
		while (p < end && is_class(*p, CONTINUES))
			p++;
		return p;
	}
	do
	{
		p = memchr(p + 1, '"', end - p - 1);
		if (p == NULL)
			return end;
		p++;
	} while (p < end && *p == '"');
	return p;
}

bool
lexical_executes_with_arguments(const char *text, size_t length, LexicalName *name)
{
	const char *end = text + length;
	const char *at = lexical_skip_blanks(text, end);
	size_t position = at - text;
	Word word;

	if (at == end || !is_class(*at, STARTS) || !next_word(&at, end, &word) ||
		!word_is(&word, "execute") || !lexical_next_execute(text, length, &position, name))
		return false;
	at = lexical_skip_blanks(skip_name(lexical_skip_blanks(at, end), end), end);
	return at < end && *at == '(';
}
