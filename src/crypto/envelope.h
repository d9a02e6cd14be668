/*
 * envelope.h
 *		The ciphertext of one value: layout, sealing and opening.
 *
 * Plain C without server headers.  Layout, all integers big-endian:
 *
 *		 0	 2	magic "VE"
 *		 2	 1	format version, 1
 *		 3	 1	zero
 *		 4	 4	generation of the key that sealed it
 *		 8	32	fresh random bytes
 *		40	32	commitment
 *		72	 n	ciphertext of the padded value
 *		72+n 16	GCM tag
 *
 * Key schedule.  PRK = HKDF-Extract-SHA-512(no salt, key), once per key; then
 * for each envelope 64 bytes = HKDF-Expand(PRK, info = random ‖ context): 32
 * bytes are an AES-256 key and 32 the commitment.  The key is used for this one
 * envelope only, so the GCM IV is constant zero.  The commitment is compared in
 * constant time before anything is decrypted, because GCM alone does not bind a
 * ciphertext to one key.
 *
 * Context, which is also the AAD, is what the caller expects the envelope to
 * be, never what the envelope says of itself: format version, purpose,
 * instance, tenant, object, object version, key generation, type (length
 * first).  An envelope moved to any other place fails to open.
 *
 * The padded value is value ‖ zeros ‖ format byte ‖ 4-byte length, in buckets
 * of 64 bytes and, from 1 KiB, Padmé (Nikitin et al., PoPETs 2019), which leaks
 * O(log log n) bits of the length.
 */
#ifndef VAULT_CRYPTO_ENVELOPE_H
#define VAULT_CRYPTO_ENVELOPE_H

#include "primitives.h"

#define ENVELOPE_HEADER_BYTES  72
#define ENVELOPE_OVERHEAD      (ENVELOPE_HEADER_BYTES + GCM_TAG_BYTES)
#define ENVELOPE_TRAILER_BYTES 5
#define ENVELOPE_MAX_VALUE     (1024 * 1024)
#define ENVELOPE_ID_BYTES      16
#define ENVELOPE_MAX_TYPE      20

typedef enum EnvelopePurpose
{
	PURPOSE_SECRET_VALUE = 1,
	PURPOSE_TENANT_KEY = 2
} EnvelopePurpose;

typedef struct EnvelopeContext
{
	EnvelopePurpose purpose;
	unsigned char instance[ENVELOPE_ID_BYTES];
	unsigned char tenant[ENVELOPE_ID_BYTES];
	unsigned char object[ENVELOPE_ID_BYTES];
	uint32_t version;
	uint32_t generation;
	const char *type; /* not NUL-terminated; at most ENVELOPE_MAX_TYPE */
	size_t type_size;
} EnvelopeContext;

/* A key prepared for sealing and opening. Opaque; wiped when freed. */
typedef struct EnvelopeKey EnvelopeKey;
extern CryptoStatus envelope_key_new(const SecretKey *key, EnvelopeKey **prepared);
extern void envelope_key_free(EnvelopeKey *prepared); /* NULL is allowed */

/*
 * Derive a key for another use: HKDF-Expand(PRK, info = label). A label is too short to be the info
 * of an envelope.
 */
#define ENVELOPE_LABEL_BYTES 31
extern CryptoStatus envelope_key_derive(EnvelopeKey *prepared, const char *label, SecretKey *key);

/* Return the size of the envelope for a value of this size (0 to ENVELOPE_MAX_VALUE). */
extern size_t envelope_size(size_t value_size);

/* Seal a value. "out" has exactly envelope_size(value_size) bytes. */
extern CryptoStatus
envelope_seal(EnvelopeKey *key, const EnvelopeContext *context, const void *value,
			  size_t value_size, uint8_t format, unsigned char *out);

/*
 * Open an envelope into "out", which has room for envelope_padded_size(size) bytes; the value
 * stands at its start. Only the status distinguishes a wrong structure from failed authentication.
 * On any failure "out" is wiped.
 */
extern CryptoStatus
envelope_open(EnvelopeKey *key, const EnvelopeContext *context, const unsigned char *envelope,
			  size_t size, unsigned char *out, size_t *value_size, uint8_t *format);

/* Return the room that envelope_open() needs; 0 if no envelope has this size. */
extern size_t envelope_padded_size(size_t size);

/* Check the structure, which anybody can forge: magic, version, plausible size. */
extern CryptoStatus envelope_check(const unsigned char *envelope, size_t size);

/* Return the generation that a checked envelope names. */
extern uint32_t envelope_generation(const unsigned char *envelope);

#endif
