/*
 * primitives.h
 *		The only way to OpenSSL for key material: random bytes, HKDF, HMAC, SHA-256, AES-256-GCM,
 *		constant-time comparison, wiping, base64.
 *
 * Plain C without server headers, so that the vector runner and the fuzzers link the code that
 * ships. Functions return a status. They do not raise or log, and allocate no memory that the
 * caller must free unless their comment says so. Algorithms are fetched once per process
 * (crypto_init), so they come from the provider that the administrator configured, for example
 * FIPS.
 */
#ifndef VAULT_CRYPTO_PRIMITIVES_H
#define VAULT_CRYPTO_PRIMITIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CryptoStatus
{
	CRYPTO_OK = 0,
	CRYPTO_ERR_FORMAT,  /* the bytes do not have the expected structure */
	CRYPTO_ERR_AUTH,    /* authentication failed, for whatever cause */
	CRYPTO_ERR_INTERNAL /* OpenSSL refused; its error queue was drained */
} CryptoStatus;

#define KEY_BYTES     32
#define GCM_IV_BYTES  12
#define GCM_TAG_BYTES 16
#define SHA256_BYTES  32
#define SHA512_BYTES  64

/* A symmetric key.  Copy it rarely; wipe every copy with secret_wipe(). */
typedef struct SecretKey
{
	unsigned char bytes[KEY_BYTES];
} SecretKey;

/*
 * Return the status, and leave nothing in OpenSSL's error queue. Functions that call OpenSSL return
 * through it.
 */
extern CryptoStatus crypto_settle(CryptoStatus status);

/* Fetch the algorithms. Idempotent; every function below calls it. */
extern CryptoStatus crypto_init(void);

/* Overwrite memory in a way that the compiler cannot remove. */
extern void secret_wipe(void *memory, size_t size);

/* Compare in constant time. */
extern bool secret_equal(const void *a, const void *b, size_t size);

/* Get random bytes of private strength (RAND_priv_bytes). */
extern CryptoStatus crypto_random(void *out, size_t size);

/* HKDF of RFC 5869, extract and expand. salt and info may be NULL with size 0. */
extern CryptoStatus
crypto_hkdf_sha512(const void *key, size_t key_size, const void *salt, size_t salt_size,
				   const void *info, size_t info_size, void *out, size_t out_size);

/* Its first half alone, for a key that is expanded many times. */
extern CryptoStatus crypto_hkdf_extract_sha512(const void *key, size_t key_size, const void *salt,
											   size_t salt_size, unsigned char prk[SHA512_BYTES]);

extern CryptoStatus crypto_hmac_sha256(const void *key, size_t key_size, const void *data,
									   size_t data_size, unsigned char out[SHA256_BYTES]);
extern CryptoStatus crypto_hmac_sha512(const void *key, size_t key_size, const void *data,
									   size_t data_size, unsigned char out[SHA512_BYTES]);
extern CryptoStatus
crypto_sha256(const void *data, size_t data_size, unsigned char out[SHA256_BYTES]);

/*
 * AES-256-GCM with a 12-byte IV. "out" has room for size bytes and may be the input. If opening
 * fails, "out" is wiped.
 */
extern CryptoStatus crypto_gcm_seal(const SecretKey *key, const unsigned char iv[GCM_IV_BYTES],
									const void *aad, size_t aad_size, const void *in, size_t size,
									void *out, unsigned char tag[GCM_TAG_BYTES]);
extern CryptoStatus crypto_gcm_open(const SecretKey *key, const unsigned char iv[GCM_IV_BYTES],
									const void *aad, size_t aad_size, const void *in, size_t size,
									const unsigned char tag[GCM_TAG_BYTES], void *out);

/*
 * A pseudorandom function that is keyed once and used often, for the hot path: prf_new() computes
 * the schedule of the key. The state is on OpenSSL's heap, and prf_free() wipes it. SHA-512 derives
 * keys, SHA-256 authenticates rows.
 */
typedef enum PrfHash
{
	PRF_SHA256 = SHA256_BYTES,
	PRF_SHA512 = SHA512_BYTES
} PrfHash;

typedef struct Prf Prf;
extern CryptoStatus prf_new(PrfHash hash, const void *key, size_t key_size, Prf **prf);

/* Compute the HMAC of the data. "out" has room for as many bytes as the hash gives. */
extern CryptoStatus prf_compute(Prf *prf, const void *data, size_t size, unsigned char *out);
extern void prf_free(Prf *prf); /* NULL is allowed */

/*
 * Standard base64 (RFC 4648 section 4, padded, no white space, canonical trailing bits) and its
 * URL-safe form without padding (section 5). Encoding needs room for base64_size(size) + 1 bytes
 * and writes a NUL at the end. Decoding refuses everything that encoding would not have written.
 */
typedef enum Base64Alphabet
{
	BASE64_STANDARD,
	BASE64_URL
} Base64Alphabet;

extern size_t base64_size(size_t size);
extern size_t base64_encode(Base64Alphabet alphabet, const void *in, size_t size, char *out);
extern CryptoStatus base64_decode(Base64Alphabet alphabet, const char *in, size_t in_size,
								  void *out, size_t out_capacity, size_t *out_size);

#endif
