/*
 * envelope.c
 *		Sealing and opening of one value; envelope.h has layout and key schedule.
 *
 * Guards that a stored value opens only under the key that sealed it, in the
 * place that it was sealed for, and unchanged.  Each of these refuses:
 *
 *		structure (magic, version, size, generation 0)		CRYPTO_ERR_FORMAT
 *		a context that names no purpose or too long a type	CRYPTO_ERR_FORMAT
 *		another generation than the caller expects			CRYPTO_ERR_AUTH
 *		commitment, before anything is decrypted			CRYPTO_ERR_AUTH
 *		GCM tag over ciphertext and context					CRYPTO_ERR_AUTH
 *		padding, and a size that is not its value's			CRYPTO_ERR_AUTH
 *
 * No derived byte outlives a call, and a refused open leaves only zeros in out.
 */
#include "crypto/envelope.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION    1
#define VERSION_OFFSET    2
#define ZERO_OFFSET       3
#define GENERATION_OFFSET 4
#define RANDOM_OFFSET     8
#define RANDOM_BYTES      32
#define COMMITMENT_OFFSET (RANDOM_OFFSET + RANDOM_BYTES)
#define COMMITMENT_BYTES  32

#define BUCKET_BYTES 64
#define PADME_FROM   1024

/* Up to a type of 19 bytes, info and its counter fit into one SHA-512 block. */
#define CONTEXT_FIXED_BYTES (2 + 3 * ENVELOPE_ID_BYTES + 4 + 4 + 1)
#define CONTEXT_MAX_BYTES   (CONTEXT_FIXED_BYTES + ENVELOPE_MAX_TYPE)

struct EnvelopeKey
{
	Prf *prf; /* keyed by the PRK */
};

/* Keys derived for one envelope.  Wiped as a whole. */
typedef struct Schedule
{
	struct
	{
		SecretKey key;
		unsigned char commitment[COMMITMENT_BYTES];
	} derived; /* the 64 bytes of the expansion, in order */
	unsigned char info[RANDOM_BYTES + CONTEXT_MAX_BYTES + 1];
	size_t context_size;
} Schedule;

_Static_assert(KEY_BYTES + COMMITMENT_BYTES == SHA512_BYTES, "one block of HKDF");
_Static_assert(sizeof(((Schedule *) 0)->derived) == SHA512_BYTES, "no padding inside");
_Static_assert(COMMITMENT_OFFSET + COMMITMENT_BYTES == ENVELOPE_HEADER_BYTES, "layout");

/* The key serves one envelope only, so the IV may be constant. */
static const unsigned char zero_iv[GCM_IV_BYTES];

static void
envelope_put_uint32(unsigned char *at, uint32_t value)
{
	at[0] = (unsigned char) (value >> 24);
	at[1] = (unsigned char) (value >> 16);
	at[2] = (unsigned char) (value >> 8);
	at[3] = (unsigned char) value;
}

static uint32_t
get_uint32(const unsigned char *at)
{
	return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 |
		(uint32_t) at[3];
}

CryptoStatus
envelope_key_new(const SecretKey *key, EnvelopeKey **prepared)
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	unsigned char prk[SHA512_BYTES];
	EnvelopeKey *fresh = malloc(sizeof(EnvelopeKey));

	*prepared = NULL;
	if (fresh == NULL)
		return status;

	status = crypto_hkdf_extract_sha512(key->bytes, KEY_BYTES, NULL, 0, prk);
	if (status == CRYPTO_OK)
		status = prf_new(PRF_SHA512, prk, sizeof(prk), &fresh->prf);
	secret_wipe(prk, sizeof(prk));

	if (status == CRYPTO_OK)
		*prepared = fresh;
	else
		free(fresh);
	return status;
}

void
envelope_key_free(EnvelopeKey *prepared)
{
	if (prepared == NULL)
		return;
	prf_free(prepared->prf);
	free(prepared);
}

CryptoStatus
envelope_key_derive(EnvelopeKey *prepared, const char *label, SecretKey *key)
{
	unsigned char info[ENVELOPE_LABEL_BYTES + 1];
	unsigned char block[SHA512_BYTES];
	size_t size = strlen(label);
	CryptoStatus status;

	if (size > ENVELOPE_LABEL_BYTES)
		return CRYPTO_ERR_FORMAT;
	memcpy(info, label, size);
	info[size] = 1;
	status = prf_compute(prepared->prf, info, size + 1, block);
	if (status == CRYPTO_OK)
		memcpy(key->bytes, block, KEY_BYTES);
	secret_wipe(block, sizeof(block));
	return status;
}

static size_t
round_up(size_t size, size_t step)
{
	return (size + step - 1) / step * step;
}

static int
floor_log2(size_t n)
{
	int log = -1;

	for (; n > 0; n >>= 1)
		log++;
	return log;
}

/* Padmé: of a length with exponent e, only the top floor(log2 e) + 1 bits vary. */
static size_t
envelope_padme(size_t size)
{
	int exponent = floor_log2(size);
	int kept = floor_log2((size_t) exponent) + 1;

	return round_up(size, (size_t) 1 << (exponent - kept));
}

/* Return the bucket for this many bytes of value and trailer together. Idempotent. */
static size_t
envelope_bucket(size_t size)
{
	size_t padded = round_up(size, BUCKET_BYTES);

	if (padded >= PADME_FROM)
	{
		size_t wide = round_up(envelope_padme(size), BUCKET_BYTES);

		if (wide > padded)
			padded = wide;
	}
	return padded;
}

size_t
envelope_size(size_t value_size)
{
	if (value_size > ENVELOPE_MAX_VALUE)
		return 0;
	return ENVELOPE_OVERHEAD + envelope_bucket(value_size + ENVELOPE_TRAILER_BYTES);
}

size_t
envelope_padded_size(size_t size)
{
	size_t padded;

	if (size < envelope_size(0) || size > envelope_size(ENVELOPE_MAX_VALUE))
		return 0;
	padded = size - ENVELOPE_OVERHEAD;
	return envelope_bucket(padded) == padded ? padded : 0;
}

uint32_t
envelope_generation(const unsigned char *envelope)
{
	return get_uint32(envelope + GENERATION_OFFSET);
}

CryptoStatus
envelope_check(const unsigned char *envelope, size_t size)
{
	if (envelope_padded_size(size) == 0 || envelope[0] != 'V' || envelope[1] != 'E' ||
		envelope[VERSION_OFFSET] != FORMAT_VERSION || envelope[ZERO_OFFSET] != 0 ||
		envelope_generation(envelope) == 0)
		return CRYPTO_ERR_FORMAT;
	return CRYPTO_OK;
}

/* Write the context in the form that is hashed and authenticated. Returns its size. */
static size_t
encode_context(const EnvelopeContext *context, unsigned char *out)
{
	unsigned char *at = out;

	*at++ = FORMAT_VERSION;
	*at++ = (unsigned char) context->purpose;
	memcpy(at, context->instance, ENVELOPE_ID_BYTES);
	at += ENVELOPE_ID_BYTES;
	memcpy(at, context->tenant, ENVELOPE_ID_BYTES);
	at += ENVELOPE_ID_BYTES;
	memcpy(at, context->object, ENVELOPE_ID_BYTES);
	at += ENVELOPE_ID_BYTES;
	envelope_put_uint32(at, context->version);
	at += 4;
	envelope_put_uint32(at, context->generation);
	at += 4;
	*at++ = (unsigned char) context->type_size;
	if (context->type_size > 0)
		memcpy(at, context->type, context->type_size);
	at += context->type_size;
	return (size_t) (at - out);
}

static bool
context_valid(const EnvelopeContext *context)
{
	return (int) context->purpose >= 1 && (int) context->purpose <= UINT8_MAX &&
		context->generation != 0 && context->type_size <= ENVELOPE_MAX_TYPE;
}

/* Return the context as schedule_derive() wrote it, which is the AAD. */
static const unsigned char *
schedule_aad(const Schedule *schedule)
{
	return schedule->info + RANDOM_BYTES;
}

/*
 * Fill the schedule. By RFC 5869 the first block of HKDF-Expand is HMAC(PRK, info ‖ 0x01), and 64
 * bytes are exactly one block.
 */
static CryptoStatus
schedule_derive(Schedule *schedule, EnvelopeKey *key, const EnvelopeContext *context,
				const unsigned char *random)
{
	size_t size;

	if (!context_valid(context))
		return CRYPTO_ERR_FORMAT;
	memcpy(schedule->info, random, RANDOM_BYTES);
	schedule->context_size = encode_context(context, schedule->info + RANDOM_BYTES);
	size = RANDOM_BYTES + schedule->context_size;
	schedule->info[size++] = 1;
	return prf_compute(key->prf, schedule->info, size, (unsigned char *) &schedule->derived);
}

static void
write_header(unsigned char *out, uint32_t generation)
{
	out[0] = 'V';
	out[1] = 'E';
	out[VERSION_OFFSET] = FORMAT_VERSION;
	out[ZERO_OFFSET] = 0;
	envelope_put_uint32(out + GENERATION_OFFSET, generation);
}

static void
envelope_pad(unsigned char *out, size_t padded, const void *value, size_t value_size,
			 uint8_t format)
{
	unsigned char *trailer = out + padded - ENVELOPE_TRAILER_BYTES;

	if (value_size > 0)
		memcpy(out, value, value_size);
	memset(out + value_size, 0, (size_t) (trailer - out) - value_size);
	trailer[0] = format;
	envelope_put_uint32(trailer + 1, (uint32_t) value_size);
}

/* Return false unless envelope_pad() would have written exactly this. */
static bool
envelope_unpad(const unsigned char *text, size_t padded, size_t *value_size, uint8_t *format)
{
	const unsigned char *trailer = text + padded - ENVELOPE_TRAILER_BYTES;
	size_t size = get_uint32(trailer + 1);
	unsigned char seen = 0;

	if (size > padded - ENVELOPE_TRAILER_BYTES || envelope_size(size) != padded + ENVELOPE_OVERHEAD)
		return false;
	for (const unsigned char *at = text + size; at < trailer; at++)
		seen |= *at;
	*value_size = size;
	*format = trailer[0];
	return seen == 0;
}

CryptoStatus
envelope_seal(EnvelopeKey *key, const EnvelopeContext *context, const void *value,
			  size_t value_size, uint8_t format, unsigned char *out)
{
	CryptoStatus status;
	Schedule schedule;
	size_t size = envelope_size(value_size);
	size_t padded;
	unsigned char *body = out + ENVELOPE_HEADER_BYTES;

	if (size == 0)
		return CRYPTO_ERR_FORMAT;
	padded = size - ENVELOPE_OVERHEAD;

	write_header(out, context->generation);
	status = crypto_random(out + RANDOM_OFFSET, RANDOM_BYTES);
	if (status == CRYPTO_OK)
		status = schedule_derive(&schedule, key, context, out + RANDOM_OFFSET);
	if (status == CRYPTO_OK)
	{
		memcpy(out + COMMITMENT_OFFSET, schedule.derived.commitment, COMMITMENT_BYTES);
		envelope_pad(body, padded, value, value_size, format);
		status = crypto_gcm_seal(&schedule.derived.key, zero_iv, schedule_aad(&schedule),
								 schedule.context_size, body, padded, body, body + padded);
	}

	secret_wipe(&schedule, sizeof(schedule));
	if (status != CRYPTO_OK)
		secret_wipe(out, size);
	return status;
}

/* Open a checked envelope. On failure "out" is undefined, and the caller wipes it. */
static CryptoStatus
open_checked(Schedule *schedule, EnvelopeKey *key, const EnvelopeContext *context,
			 const unsigned char *envelope, size_t padded, unsigned char *out)
{
	const unsigned char *body = envelope + ENVELOPE_HEADER_BYTES;
	CryptoStatus status;

	status = schedule_derive(schedule, key, context, envelope + RANDOM_OFFSET);
	if (status != CRYPTO_OK)
		return status;
	if (envelope_generation(envelope) != context->generation ||
		!secret_equal(schedule->derived.commitment, envelope + COMMITMENT_OFFSET, COMMITMENT_BYTES))
		return CRYPTO_ERR_AUTH;
	return crypto_gcm_open(&schedule->derived.key, zero_iv, schedule_aad(schedule),
						   schedule->context_size, body, padded, body + padded, out);
}

CryptoStatus
envelope_open(EnvelopeKey *key, const EnvelopeContext *context, const unsigned char *envelope,
			  size_t size, unsigned char *out, size_t *value_size, uint8_t *format)
{
	Schedule schedule;
	size_t padded = envelope_padded_size(size);
	CryptoStatus status = envelope_check(envelope, size);

	if (status == CRYPTO_OK)
		status = open_checked(&schedule, key, context, envelope, padded, out);
	if (status == CRYPTO_OK && !envelope_unpad(out, padded, value_size, format))
		status = CRYPTO_ERR_AUTH;

	secret_wipe(&schedule, sizeof(schedule));
	if (status != CRYPTO_OK)
	{
		secret_wipe(out, padded);
		*value_size = 0;
		*format = 0;
	}
	return status;
}
