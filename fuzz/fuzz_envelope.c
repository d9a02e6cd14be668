/*
 * fuzz_envelope.c
 *		No bytes open as an envelope unless envelope_seal wrote them; what it wrote
 *		opens, and with any change it does not.
 *
 * The first byte chooses: the rest as an envelope; the rest as an envelope with
 * a valid header set before it; or a value to seal, followed by changes.
 */
#include "crypto/envelope.h"

#include "fuzz.h"

static EnvelopeKey *key;
static EnvelopeContext context;

static void
prepare(void)
{
	SecretKey raw;

	if (key != NULL)
		return;
	memset(&raw, 0x42, sizeof(raw));
	MUST(envelope_key_new(&raw, &key) == CRYPTO_OK);
	context.purpose = PURPOSE_SECRET_VALUE;
	memset(context.instance, 1, sizeof(context.instance));
	memset(context.tenant, 2, sizeof(context.tenant));
	memset(context.object, 3, sizeof(context.object));
	context.version = 1;
	context.generation = 1;
	context.type = "password";
	context.type_size = 8;
}

/* Opens; a refusal must leave nothing behind.  out is malloc'd. */
static CryptoStatus
open_exact(const uint8_t *envelope, size_t size, unsigned char **out, size_t *value_size,
		   uint8_t *format)
{
	size_t padded = envelope_padded_size(size);
	uint8_t *copy = exact_copy(envelope, size);
	CryptoStatus status;

	*out = malloc(padded > 0 ? padded : 1);
	MUST(*out != NULL);
	memset(*out, 0xaa, padded);
	status = envelope_open(key, &context, copy, size, *out, value_size, format);
	if (status != CRYPTO_OK)
		MUST(all_zero(*out, padded) && *value_size == 0 && *format == 0);
	MUST((envelope_check(copy, size) == CRYPTO_OK) == (status != CRYPTO_ERR_FORMAT));
	free(copy);
	return status;
}

static void
refuse(const uint8_t *envelope, size_t size)
{
	unsigned char *out;
	size_t value_size;
	uint8_t format;
	CryptoStatus status = open_exact(envelope, size, &out, &value_size, &format);

	MUST(status == CRYPTO_ERR_FORMAT || status == CRYPTO_ERR_AUTH);
	free(out);
}

/* The input as the part behind a header that passes, in a size that is one. */
static void
with_header(Input *input)
{
	size_t size = envelope_size(input->size);
	uint8_t *envelope = malloc(size);

	MUST(envelope != NULL);
	memcpy(envelope, "VE\1\0\0\0\0\1", 8);
	take_bytes(input, envelope + 8, size - 8);
	MUST(envelope_check(envelope, size) == CRYPTO_OK);
	refuse(envelope, size);
	free(envelope);
}

/* Bytes of the input in turn: where, and what to add there. */
static void
change(Input *input, uint8_t *envelope, size_t size)
{
	uint8_t *original = exact_copy(envelope, size);

	while (input->size >= 3)
	{
		size_t at = take_byte(input);

		at = (at << 8 | take_byte(input)) % size;
		envelope[at] ^= take_byte(input);
	}
	if (memcmp(original, envelope, size) != 0)
		refuse(envelope, size);
	free(original);
}

static void
seal_and_change(Input *input)
{
	size_t value_size = take_byte(input);
	uint8_t format = take_byte(input);
	size_t cut = take_byte(input);
	uint8_t *value;
	uint8_t *envelope;
	unsigned char *out;
	size_t size;
	size_t opened_size;
	uint8_t opened_format;

	value_size = value_size << 4 | (format & 15);
	size = envelope_size(value_size);
	value = malloc(value_size > 0 ? value_size : 1);
	envelope = malloc(size);
	MUST(value != NULL && envelope != NULL);
	memset(value, format, value_size);
	take_bytes(input, value, value_size < 32 ? value_size : 32);

	MUST(envelope_seal(key, &context, value, value_size, format, envelope) == CRYPTO_OK);
	MUST(open_exact(envelope, size, &out, &opened_size, &opened_format) == CRYPTO_OK);
	MUST(opened_size == value_size && opened_format == format);
	MUST(memcmp(out, value, value_size) == 0);
	if (cut > 0)
		refuse(envelope, cut < size ? size - cut : 0);
	change(input, envelope, size);
	free(out);
	free(value);
	free(envelope);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input input = {data, size};

	prepare();
	switch (take_byte(&input) % 3)
	{
		case 0:
			refuse(input.data, input.size);
			break;
		case 1:
			with_header(&input);
			break;
		default:
			seal_and_change(&input);
			break;
	}
	return 0;
}
