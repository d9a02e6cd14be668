/*
 * fuzz_base64.c
 *		Valid input of decode is exactly the output of encode, and the output that encode
 *		writes decodes to the same bytes, into exactly the room that it needs.
 */
#include "crypto/primitives.h"

#include "fuzz.h"

static void
decode_then_encode(Base64Alphabet alphabet, const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	size_t capacity = size / 4 * 3 + size % 4;
	unsigned char *out = malloc(capacity + 1);
	char *again;
	size_t decoded;

	MUST(out != NULL);
	if (base64_decode(alphabet, text, size, out, capacity, &decoded) == CRYPTO_OK)
	{
		again = malloc(base64_size(decoded) + 1);
		MUST(again != NULL);
		MUST(base64_encode(alphabet, out, decoded, again) == size);
		MUST(memcmp(again, text, size) == 0 && again[size] == '\0');
		free(again);
	}
	else
		MUST(decoded == 0);
	free(out);
	free(text);
}

static void
encode_then_decode(Base64Alphabet alphabet, const uint8_t *data, size_t size)
{
	char *text = malloc(base64_size(size) + 1);
	uint8_t *in = exact_copy(data, size);
	uint8_t *out = exact_copy(data, size);
	size_t length;
	size_t decoded;

	MUST(text != NULL);
	memset(out, 0, size);
	length = base64_encode(alphabet, in, size, text);
	MUST(length <= base64_size(size) && strlen(text) == length);
	MUST(base64_decode(alphabet, text, length, out, size, &decoded) == CRYPTO_OK);
	MUST(decoded == size && memcmp(in, out, size) == 0);
	if (size > 0)
		MUST(base64_decode(alphabet, text, length, out, size - 1, &decoded) == CRYPTO_ERR_FORMAT);
	free(text);
	free(in);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input input = {data, size};
	uint8_t choice = take_byte(&input);
	Base64Alphabet alphabet = choice & 1 ? BASE64_URL : BASE64_STANDARD;

	if (choice & 2)
		encode_then_decode(alphabet, input.data, input.size);
	else
		decode_then_encode(alphabet, input.data, input.size);
	return 0;
}
