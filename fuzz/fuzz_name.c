/*
 * fuzz_name.c
 *		The relations between the functions on names and patterns: what covers and
 *		overlaps say must hold for the name at hand, each pattern covers itself,
 *		"**" covers all, and a match starts with the pattern's prefix.
 *
 * The input is two patterns and a name with a line feed behind each.  If the
 * first byte is odd, all bytes are brought into a small alphabet, so that valid
 * texts and matches are common.
 */
#include "policy/name.h"

#include "fuzz.h"

typedef struct Text
{
	char *bytes; /* malloc'd, exactly size */
	size_t size;
} Text;

static Text
take_text(Input *input, bool narrow)
{
	static const char letters[] = "ab*/*/a.";
	const uint8_t *end = input->size > 0 ? memchr(input->data, '\n', input->size) : NULL;
	Text text;

	text.size = end != NULL ? (size_t) (end - input->data) : input->size;
	text.bytes = exact_copy(input->data, text.size);
	for (size_t i = 0; narrow && i < text.size; i++)
		text.bytes[i] = letters[(unsigned char) text.bytes[i] % 8];
	input->data += text.size + (end != NULL);
	input->size -= text.size + (end != NULL);
	return text;
}

static bool
matches(const Text *pattern, const Text *name)
{
	return pattern_matches(pattern->bytes, pattern->size, name->bytes, name->size);
}

static bool
covers(const Text *outer, const Text *inner)
{
	return pattern_covers(outer->bytes, outer->size, inner->bytes, inner->size);
}

static bool
overlaps(const Text *a, const Text *b)
{
	bool result = pattern_overlaps(a->bytes, a->size, b->bytes, b->size);

	MUST(result == pattern_overlaps(b->bytes, b->size, a->bytes, a->size));
	return result;
}

/* A name is an identifier or has a slash or is long, and is a pattern. */
static void
check_grammar(const Text *text)
{
	const char *as_name = name_fault(text->bytes, text->size);
	const char *as_pattern = pattern_fault(text->bytes, text->size);
	const char *as_identifier = identifier_fault(text->bytes, text->size);

	if (as_identifier == NULL)
		MUST(as_name == NULL);
	if (as_name == NULL)
		MUST(as_pattern == NULL && memchr(text->bytes, '*', text->size) == NULL);
	else if (as_pattern == NULL)
		MUST(memchr(text->bytes, '*', text->size) != NULL);
}

static void
check_pattern(const Text *pattern)
{
	static char stars[] = "**";
	const Text all = {stars, 2};

	MUST(covers(pattern, pattern) && covers(&all, pattern));
	MUST(overlaps(pattern, pattern) && overlaps(&all, pattern));
	MUST(pattern_prefix(pattern->bytes, pattern->size) <= pattern->size);
}

static void
check_match(const Text *pattern, const Text *name)
{
	size_t prefix = pattern_prefix(pattern->bytes, pattern->size);
	bool match = matches(pattern, name);

	if (match)
		MUST(prefix <= name->size && memcmp(pattern->bytes, name->bytes, prefix) == 0);
	if (prefix == pattern->size)
		MUST(match == (name->size == prefix && memcmp(pattern->bytes, name->bytes, prefix) == 0));

	/* a name is a pattern for itself alone */
	MUST(covers(pattern, name) == match && overlaps(pattern, name) == match);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input input = {data, size};
	bool narrow = take_byte(&input) & 1;
	Text a = take_text(&input, narrow);
	Text b = take_text(&input, narrow);
	Text name = take_text(&input, narrow);
	bool a_valid = pattern_fault(a.bytes, a.size) == NULL;
	bool b_valid = pattern_fault(b.bytes, b.size) == NULL;
	bool name_valid = name_fault(name.bytes, name.size) == NULL;

	check_grammar(&a);
	check_grammar(&b);
	check_grammar(&name);
	if (a_valid)
		check_pattern(&a);
	if (b_valid)
		check_pattern(&b);
	if (a_valid && name_valid)
		check_match(&a, &name);
	if (a_valid && b_valid && covers(&a, &b))
		MUST(overlaps(&a, &b));
	if (a_valid && b_valid && name_valid)
	{
		if (covers(&a, &b) && matches(&b, &name))
			MUST(matches(&a, &name));
		if (matches(&a, &name) && matches(&b, &name))
			MUST(overlaps(&a, &b));
	}
	free(a.bytes);
	free(b.bytes);
	free(name.bytes);
	return 0;
}
