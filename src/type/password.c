/*
 * password.c
 *		Policies, an estimate of strength, a generator.
 *
 * The estimate cuts the value into pieces from the left, and adds up how many guesses each piece
 * costs. A piece is a common word, a run such as "aaaa", "4567" or "qwert", a repetition of earlier
 * characters, or else one character of the classes that occur.
 */
#include "type/password.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/primitives.h"

#define SPARE_LENGTH        24 /* generated length if neither type nor policy set one */
#define MAX_GENERATED       1024
#define MAX_PENDING_RECORDS 10000
#define WORD_BITS           10
#define MIN_PIECE           3
#define LOOK_BACK           256

#define SHORTER "it is shorter than the policy asks"

static const char *const words[] = {
	"123456",     "1234",     "abc123",   "access",   "admin",      "administrator", "apikey",
	"april",      "august",   "autumn",   "azerty",   "baseball",   "batman",        "changeit",
	"changeme",   "charlie",  "company",  "computer", "credential", "daniel",        "database",
	"december",   "default",  "demo",     "dragon",   "example",    "february",      "flower",
	"football",   "freedom",  "friday",   "guest",    "hello",      "hunter",        "iloveyou",
	"internet",   "january",  "jordan",   "july",     "june",       "letmein",       "login",
	"love",       "march",    "master",   "matrix",   "michael",    "monday",        "monkey",
	"mustang",    "mysql",    "ninja",    "november", "october",    "oracle",        "pass",
	"passphrase", "passw0rd", "password", "postgres", "princess",   "private",       "public",
	"qazwsx",     "qwerty",   "root",     "sample",   "saturday",   "secret",        "september",
	"server",     "service",  "shadow",   "spring",   "starwars",   "summer",        "sunday",
	"sunshine",   "superman", "support",  "sysadmin", "system",     "temp",          "test",
	"thursday",   "token",    "trustno",  "tuesday",  "user",       "username",      "vault",
	"wednesday",  "welcome",  "whatever", "winter",   "zaq1"};

static const char *const rows[] = {
	"qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz",
	"qwertzuiop", "azertyuiop"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned
class_of(unsigned char c)
{
	if (c >= 'a' && c <= 'z')
		return CLASS_LOWER;
	if (c >= 'A' && c <= 'Z')
		return CLASS_UPPER;
	if (c >= '0' && c <= '9')
		return CLASS_DIGIT;
	return c > ' ' && c < 0x7f ? CLASS_SYMBOL : CLASS_OTHER;
}

/* Return the CLASS_ bits of the characters of a value. */
static unsigned
password_classes(const void *value, size_t size)
{
	unsigned classes = 0;

	for (size_t i = 0; i < size; i++)
		classes |= class_of(((const unsigned char *) value)[i]);
	return classes;
}

/* Return the logarithm in hundredths of a bit, rounded down; n is at least 1. */
static int
log2_hundredths(unsigned n)
{
	uint64_t mantissa = (uint64_t) n << 32;
	int whole = 0;
	int fraction = 0;

	while (mantissa >= (uint64_t) 2 << 32)
	{
		mantissa >>= 1;
		whole++;
	}
	for (int bit = 0; bit < 10; bit++)
	{
		mantissa = (mantissa >> 8) * (mantissa >> 8) >> 16;
		fraction <<= 1;
		if (mantissa >= (uint64_t) 2 << 32)
		{
			mantissa >>= 1;
			fraction |= 1;
		}
	}
	return whole * 100 + fraction * 100 / 1024;
}

static unsigned
pool_of(unsigned classes)
{
	return (classes & CLASS_LOWER ? 26 : 0) + (classes & CLASS_UPPER ? 26 : 0) +
		(classes & CLASS_DIGIT ? 10 : 0) + (classes & CLASS_SYMBOL ? 32 : 0) +
		(classes & CLASS_OTHER ? 32 : 0);
}

/*
 * Fold a character as a guesser's dictionary does: lower case, and letters for the symbols that
 * replace them.
 */
static char
password_folded(unsigned char c)
{
	static const char from[] = "@4$5301!7";
	static const char to[] = "aasseoiit";
	const char *at = c ? strchr(from, c) : NULL;

	if (at)
		return to[at - from];
	return class_of(c) == CLASS_UPPER ? c + ('a' - 'A') : c;
}

static char
password_lower(unsigned char c)
{
	return class_of(c) == CLASS_UPPER ? c + ('a' - 'A') : c;
}

static size_t
word_at(const unsigned char *value, size_t size)
{
	size_t longest = 0;

	for (size_t i = 0; i < COUNT(words); i++)
	{
		size_t length = strlen(words[i]);
		size_t same = 0;

		while (same < length && same < size &&
			   (password_folded(value[same]) == words[i][same] ||
				password_lower(value[same]) == words[i][same]))
			same++;
		if (same == length && length > longest)
			longest = length;
	}
	return longest;
}

/* Count the characters that continue the first two, on a row of keys or of the alphabet. */
static size_t
run_on_row(const unsigned char *value, size_t size, const char *row)
{
	const char *at = size > 1 && value[0] ? strchr(row, password_lower(value[0])) : NULL;
	size_t length = strlen(row);
	int step;
	size_t run = 1;
	ptrdiff_t place;

	if (at == NULL)
		return 0;
	place = at - row;
	step = place + 1 < (ptrdiff_t) length && row[place + 1] == password_lower(value[1]) ? 1 : -1;
	for (place += step; run < size && place >= 0 && place < (ptrdiff_t) length; place += step)
	{
		if (row[place] != password_lower(value[run]))
			break;
		run++;
	}
	return run;
}

static size_t
run_at(const unsigned char *value, size_t size)
{
	size_t longest = 1;

	while (longest < size && value[longest] == value[0])
		longest++;
	for (size_t i = 0; i < COUNT(rows); i++)
	{
		size_t run = run_on_row(value, size, rows[i]);

		longest = run > longest ? run : longest;
	}
	return longest;
}

/* Return the length of the longest piece from `at` on that also begins earlier. */
static size_t
repetition_at(const unsigned char *value, size_t size, size_t at)
{
	size_t longest = 0;

	for (size_t from = at > LOOK_BACK ? at - LOOK_BACK : 0; from < at; from++)
	{
		size_t same = 0;

		while (at + same < size && value[from + same] == value[at + same])
			same++;
		longest = same > longest ? same : longest;
	}
	return longest;
}

unsigned
password_entropy(const void *given, size_t size)
{
	const unsigned char *value = given;
	int one = size > 0 ? log2_hundredths(pool_of(password_classes(value, size))) : 0;
	int64_t bits = 0;
	size_t at = 0;

	while (at < size && bits < INT16_MAX * 100)
	{
		size_t word = word_at(value + at, size - at);
		size_t run = run_at(value + at, size - at);
		size_t again = repetition_at(value, size, at);
		size_t piece = word > run ? word : run;
		int cost = word >= MIN_PIECE && word >= run ? WORD_BITS * 100 : one + log2_hundredths(run);

		if (again > piece)
		{
			piece = again;
			cost = log2_hundredths(at + 1) + log2_hundredths(again);
		}
		if (piece < MIN_PIECE || cost > one * (int64_t) piece)
		{
			piece = 1;
			cost = one;
		}
		bits += cost;
		at += piece;
	}
	return (unsigned) (bits / 100);
}

static bool
password_is_blank(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Refuse characters that a pasted value should not have. */
static const char *
form_fault(const unsigned char *value, size_t size)
{
	if (size > 0 && (password_is_blank(value[0]) || password_is_blank(value[size - 1])))
		return "it begins or ends with white space";
	for (size_t i = 0; i < size; i++)
		if (value[i] < ' ' || value[i] == 0x7f)
			return "it has control characters";
	return NULL;
}

static const char *
class_fault(unsigned missing)
{
	if (missing & CLASS_LOWER)
		return "it has no lower-case letter";
	if (missing & CLASS_UPPER)
		return "it has no upper-case letter";
	if (missing & CLASS_DIGIT)
		return "it has no digit";
	return missing & CLASS_SYMBOL ? "it has no symbol" : NULL;
}

const char *
password_check(const void *given, size_t size, const TypeContext *context, TypeFacts *facts)
{
	const TypePolicy *policy = context->policy;
	const unsigned char *value = given;
	const char *fault = form_fault(value, size);
	size_t prefix = strlen(policy->prefix);

	if (fault)
		return fault;
	if (size < policy->min_length)
		return SHORTER;
	if (policy->max_length > 0 && size > policy->max_length)
		return "it is longer than the policy allows";
	if (size < prefix || memcmp(value, policy->prefix, prefix) != 0)
		return "it does not begin with the prefix that the policy asks";
	for (size_t i = prefix; i < size; i++)
		if (value[i] && strchr(policy->excluded, value[i]))
			return "it has a character that the policy excludes";
	/* The prefix is public, so it adds no strength. */
	fault = class_fault(policy->classes & ~password_classes(value + prefix, size - prefix));
	if (fault)
		return fault;
	if (policy->min_entropy > 0 &&
		password_entropy(value + prefix, size - prefix) < policy->min_entropy)
		return "it is too easy to guess";
	return NULL;
}

static size_t
make_alphabet(const TypePolicy *policy, char alphabet[128])
{
	unsigned classes = policy->classes | CLASS_LOWER | CLASS_UPPER | CLASS_DIGIT;
	size_t count = 0;

	for (int c = '!'; c < 0x7f; c++)
		if (class_of(c) & classes && strchr(policy->excluded, c) == NULL)
			alphabet[count++] = c;
	return count;
}

/* Draw characters with equal probability: bytes beyond the last whole multiple are thrown away. */
static CryptoStatus
password_draw(const char *alphabet, size_t count, char *out, size_t size)
{
	unsigned limit = 256 - 256 % count;
	unsigned char random[64];
	size_t done = 0;
	CryptoStatus status = CRYPTO_OK;

	while (done < size && status == CRYPTO_OK)
	{
		status = crypto_random(random, sizeof(random));
		for (size_t i = 0; i < sizeof(random) && done < size && status == CRYPTO_OK; i++)
			if (random[i] < limit)
				out[done++] = alphabet[random[i] % count];
	}
	secret_wipe(random, sizeof(random));
	return status;
}

/* Return the length that the policy names, or else one that fits it. */
static size_t
length_to_generate(const TypePolicy *policy)
{
	size_t length = policy->generated_length > 0 ? policy->generated_length : SPARE_LENGTH;

	if (length < policy->min_length)
		length = policy->min_length;
	if (policy->max_length > 0 && length > policy->max_length)
		length = policy->max_length;
	return length < MAX_GENERATED ? length : MAX_GENERATED;
}

/*
 * Values are drawn until one has each class. So the bits are at least those of values that begin
 * with one character of each class.
 */
unsigned
password_random_bits(const TypePolicy *policy)
{
	static const unsigned classes[] = {CLASS_LOWER, CLASS_UPPER, CLASS_DIGIT, CLASS_SYMBOL};
	size_t left = length_to_generate(policy);
	size_t prefix = strlen(policy->prefix);
	char alphabet[128];
	size_t count = make_alphabet(policy, alphabet);
	int64_t bits = 0;

	left -= prefix < left ? prefix : left;
	for (size_t i = 0; i < COUNT(classes); i++)
	{
		unsigned of_class = 0;

		if ((policy->classes & classes[i]) == 0)
			continue;
		for (size_t j = 0; j < count; j++)
			of_class += class_of(alphabet[j]) == classes[i];
		if (of_class == 0 || left == 0)
			return 0;
		bits += log2_hundredths(of_class);
		left--;
	}
	return count < 2 ? 0 : (unsigned) ((bits + (int64_t) left * log2_hundredths(count)) / 100);
}

/*
 * Check that drawing values ends. min_entropy discards drawn values: few, as long as it is not
 * above the bits drawn, and nearly all beyond.
 */
const char *
password_policy_fault(const TypePolicy *policy)
{
	unsigned bits = password_random_bits(policy);

	return bits < PASSWORD_MIN_BITS || bits < policy->min_entropy
		? "generated values would have fewer random bits than 64, or than min_entropy"
		: NULL;
}

const char *
password_generate(const TypeContext *context, char **out, size_t *out_size)
{
	const TypePolicy *policy = context->policy;
	size_t prefix = strlen(policy->prefix);
	size_t length = length_to_generate(policy);
	char alphabet[128];
	size_t count = make_alphabet(policy, alphabet);
	TypeFacts facts = {0};
	const char *fault = password_policy_fault(policy);
	char *value;

	if (fault)
		return fault;
	value = malloc(length + 1);
	if (value == NULL)
		return TYPE_NO_MEMORY;
	memcpy(value, policy->prefix, prefix);
	value[length] = '\0';
	for (int attempt = 0; attempt < MAX_PENDING_RECORDS; attempt++)
	{
		if (password_draw(alphabet, count, value + prefix, length - prefix) != CRYPTO_OK)
			break;
		if (password_check(value, length, context, &facts) != NULL)
			continue;
		*out = value;
		*out_size = length;
		return NULL;
	}
	value_free(value);
	return "no random value fulfils the policy";
}
