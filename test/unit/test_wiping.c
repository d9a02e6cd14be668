/*
 * test_wiping.c
 *		OpenSSL's intermediate results with a key are gone from its heap when the primitive
 *		returns.
 *
 * A program of its own, because it gives OpenSSL a heap that is never used twice and
 * can be searched.
 */
#include "crypto/primitives.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "harness.h"

/* OpenSSL's whole heap, in which nothing is used twice: what it left behind can be looked for. */
static _Alignas(16) unsigned char heap[32 * 1024 * 1024];
static size_t heap_used;

static void *
heap_alloc(size_t size, const char *file, int line)
{
	size_t room = (size + 31) / 16 * 16;
	unsigned char *at = heap + heap_used;

	(void) file;
	(void) line;
	if (room > sizeof(heap) - heap_used)
	{
		printf("the heap of %zu bytes is used up\n", sizeof(heap));
		exit(1);
	}
	heap_used += room;
	memcpy(at + 16 - sizeof(size), &size, sizeof(size));
	return at + 16;
}

static void *
heap_realloc(void *old, size_t size, const char *file, int line)
{
	void *fresh = heap_alloc(size, file, line);
	size_t had = 0;

	if (old != NULL)
		memcpy(&had, (unsigned char *) old - sizeof(size_t), sizeof(had));
	if (had > 0)
		memcpy(fresh, old, had < size ? had : size);
	return fresh;
}

static void
heap_free(void *memory, const char *file, int line)
{
	(void) memory;
	(void) file;
	(void) line;
}

static bool
heap_has(const unsigned char *bytes, size_t size)
{
	for (size_t at = 0; at + size <= heap_used; at++)
		if (heap[at] == bytes[0] && memcmp(heap + at, bytes, size) == 0)
			return true;
	return false;
}

/* From the order in which a digest is printed to the one in which this machine computes it. */
static void
turn_words(unsigned char *bytes, size_t size, size_t word)
{
	for (size_t i = 0; i < size; i += word)
		for (size_t low = i, high = i + word - 1; low < high; low++, high--)
		{
			unsigned char byte = bytes[low];

			bytes[low] = bytes[high];
			bytes[high] = byte;
		}
}

/*
 * While a digest lives its output is found in its state, so that the search would find one that is
 * left.
 */
static void
test_search(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[SHA512_BYTES];

	EVP_DigestInit_ex(ctx, EVP_sha512(), NULL);
	EVP_DigestUpdate(ctx, "text", 4);
	EVP_DigestFinal_ex(ctx, digest, NULL);
	turn_words(digest, 16, 8);
	CHECK(heap_has(digest, 16), "what a digest computed, while it lives");
	EVP_MD_CTX_free(ctx);
	CHECK(!heap_has(digest, 16), "not when it was freed");
}

/* No key outlives the call, or its Prf; no output of a Prf outlives the call. */
static void
test_nothing_is_left(void)
{
	SecretKey key;
	Prf *prf;
	unsigned char iv[GCM_IV_BYTES] = {0};
	unsigned char tag[GCM_TAG_BYTES];
	unsigned char text[64] = {0};
	unsigned char derived[SHA512_BYTES];

	crypto_random(&key, sizeof(key));
	crypto_gcm_seal(&key, iv, NULL, 0, text, sizeof(text), text, tag);
	CHECK(!heap_has(key.bytes, 16) && !heap_has(key.bytes + 16, 16), "no key after seal");
	CHECK(crypto_gcm_open(&key, iv, NULL, 0, text, sizeof(text), tag, text) == CRYPTO_OK, "opens");
	CHECK(!heap_has(key.bytes, 16) && !heap_has(key.bytes + 16, 16), "no key after open");
	tag[0] ^= 1;
	CHECK(crypto_gcm_open(&key, iv, NULL, 0, text, sizeof(text), tag, text) == CRYPTO_ERR_AUTH,
		  "refuses");
	CHECK(!heap_has(key.bytes, 16) && !heap_has(key.bytes + 16, 16), "no key after a refusal");

	for (int hash = SHA256_BYTES; hash <= SHA512_BYTES; hash += SHA256_BYTES)
	{
		CHECK(prf_new(hash, key.bytes, KEY_BYTES, &prf) == CRYPTO_OK, "prf_new");
		CHECK(prf_compute(prf, text, sizeof(text), derived) == CRYPTO_OK, "prf_compute");
		CHECK(!heap_has(derived, 16), "prf %d leaves no output", hash);
		turn_words(derived, 16, (size_t) hash / 8);
		CHECK(!heap_has(derived, 16), "prf %d leaves none in the digest's state", hash);
		prf_free(prf);
		CHECK(!heap_has(key.bytes, 16), "prf %d leaves no key when it is freed", hash);
	}
}

int
main(void)
{
	CHECK(CRYPTO_set_mem_functions(heap_alloc, heap_realloc, heap_free) == 1, "own heap");
	CHECK(crypto_init() == CRYPTO_OK, "init");
	test_search();
	test_nothing_is_left();
	return finish("wiping");
}
