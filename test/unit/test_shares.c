/*
 * test_shares.c
 *		Any threshold shares of one set restore the key, fewer tell nothing of it,
 *		and whatever is not such a set, or not such a text, is refused.
 *
 * The arithmetic is checked from outside: the test restores a key by its own
 * slow arithmetic, polynomial product and remainder, with inverses found by
 * trying, and compares; and it computes shares that shares_combine must accept.
 */
#include "keyring/shares.h"

#include "harness.h"

/* Product of polynomials first, remainder by x^8 + x^4 + x^3 + x + 1 afterwards. */
static uint8_t
slow_multiply(uint8_t a, uint8_t b)
{
	unsigned int product = 0;

	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++)
			if ((a >> i & 1) && (b >> j & 1))
				product ^= 1u << (i + j);
	for (int i = 14; i >= 8; i--)
		if (product >> i & 1)
			product ^= 0x11bu << (i - 8);
	return (uint8_t) product;
}

static uint8_t
slow_inverse(uint8_t a)
{
	for (unsigned int b = 1; b < 256; b++)
		if (slow_multiply(a, (uint8_t) b) == 1)
			return (uint8_t) b;
	return 0;
}

/* The value at x of the polynomial through these shares, for one byte. */
static uint8_t
slow_interpolate(const Share *shares, int count, int byte, uint8_t x)
{
	uint8_t sum = 0;

	for (int i = 0; i < count; i++)
	{
		uint8_t term = shares[i].data[byte];

		for (int j = 0; j < count; j++)
			if (j != i)
			{
				term = slow_multiply(term, x ^ shares[j].x);
				term = slow_multiply(term, slow_inverse(shares[i].x ^ shares[j].x));
			}
		sum ^= term;
	}
	return sum;
}

static SecretKey
fresh_key(void)
{
	SecretKey key;

	if (crypto_random(&key, sizeof(key)) != CRYPTO_OK)
		abort();
	return key;
}

/* FIPS 197, section 4.2: so that the reference itself is the right field. */
static void
test_reference(void)
{
	CHECK(slow_multiply(0x57, 0x83) == 0xc1, "57 * 83");
	CHECK(slow_multiply(0x57, 0x13) == 0xfe, "57 * 13");
	CHECK(slow_inverse(0x53) == 0xca, "1 / 53");
}

/*
 * Every product: a line through (0, a) and (x, a ^ x * m) is given by its
 * shares at x and another point, so combining reveals how the code multiplies
 * and divides, for all values of the data and all x.
 */
static void
test_arithmetic(void)
{
	for (unsigned int m = 0; m < 256; m++)
		for (unsigned int x = 1; x <= SHARE_MAX_COUNT; x++)
		{
			Share shares[2];
			SecretKey key;
			uint8_t y = (uint8_t) (x % SHARE_MAX_COUNT + 1);
			bool right = true;

			memset(shares, 0, sizeof(shares));
			shares[0].threshold = shares[1].threshold = 2;
			shares[0].x = (uint8_t) x;
			shares[1].x = y;
			for (int i = 0; i < KEY_BYTES; i++)
			{
				uint8_t a = (uint8_t) (i * 8 + (int) m);

				shares[0].data[i] = a ^ slow_multiply((uint8_t) x, (uint8_t) m);
				shares[1].data[i] = a ^ slow_multiply(y, (uint8_t) m);
			}
			CHECK(shares_combine(shares, 2, &key) == CRYPTO_OK, "combine");
			for (int i = 0; i < KEY_BYTES; i++)
				right &= key.bytes[i] == (uint8_t) (i * 8 + (int) m);
			CHECK(right, "line with slope %u through x = %u", m, x);
		}
}

/* A vector computed by hand: key byte 0x42, coefficients 0x57 and 0x83. */
static void
test_known_answer(void)
{
	Share shares[3];
	SecretKey key;

	memset(shares, 0, sizeof(shares));
	for (int i = 0; i < 3; i++)
	{
		shares[i].threshold = 3;
		shares[i].x = (uint8_t) (i + 1);
	}
	shares[0].data[0] = 0x42 ^ 0x57 ^ 0x83;               /* x = 1 */
	shares[1].data[0] = 0x42 ^ 0xae ^ 0x3a;               /* 2 * 57 = ae; 4 * 83 = 3a */
	shares[2].data[0] = 0x42 ^ 0xf9 ^ 0xb9 ^ 0x83 ^ 0x83; /* 3 * 57 = f9; 5 * 83 = b9 */
	CHECK(slow_multiply(2, 0x57) == 0xae && slow_multiply(4, 0x83) == 0x3a &&
			  slow_multiply(3, 0x57) == 0xf9 && slow_multiply(5, 0x83) == 0xb9,
		  "the vector");
	CHECK(shares_combine(shares, 3, &key) == CRYPTO_OK && key.bytes[0] == 0x42 &&
			  all_zero(key.bytes + 1, KEY_BYTES - 1),
		  "known answer: %02x", key.bytes[0]);
}

/* Every subset of the count shares, given as bits. */
static void
test_subset(const Share *all, int count, int threshold, unsigned int subset, const SecretKey *key)
{
	Share chosen[SHARE_MAX_COUNT];
	SecretKey restored;
	CryptoStatus status;
	int size = 0;

	for (int i = count - 1; i >= 0; i--)
		if (subset >> i & 1)
			chosen[size++] = all[i];

	memset(&restored, 0xaa, sizeof(restored));
	status = shares_combine(chosen, size, &restored);
	if (size == threshold)
	{
		CHECK(status == CRYPTO_OK && secret_equal(&restored, key, sizeof(restored)),
			  "subset %x of %d of %d", subset, threshold, count);
		return;
	}
	CHECK(status == CRYPTO_ERR_FORMAT && all_zero(&restored, sizeof(restored)),
		  "subset %x, not %d of %d", subset, threshold, count);

	/* too few, even if they lie about the threshold */
	if (size < 2 || size > threshold)
		return;
	for (int i = 0; i < size; i++)
		chosen[i].threshold = (uint8_t) size;
	CHECK(shares_combine(chosen, size, &restored) == CRYPTO_OK &&
			  !secret_equal(&restored, key, sizeof(restored)),
		  "subset %x of %d of %d restores with too few", subset, threshold, count);
}

static void
test_split(int threshold, int count)
{
	Share shares[SHARE_MAX_COUNT];
	SecretKey key = fresh_key();
	bool right = true;

	CHECK(shares_split(&key, threshold, count, shares) == CRYPTO_OK, "split %d of %d", threshold,
		  count);
	for (int i = 0; i < count; i++)
		CHECK(shares[i].x == i + 1 && shares[i].threshold == threshold &&
				  memcmp(shares[i].set, shares[0].set, SHARE_SET_BYTES) == 0,
			  "share %d", i);

	/* by the reference, the key at zero and all further shares on the polynomial */
	for (int byte = 0; byte < KEY_BYTES; byte += 5)
	{
		right &= slow_interpolate(shares, threshold, byte, 0) == key.bytes[byte];
		for (int i = threshold; i < count; i++)
			right &= slow_interpolate(shares, threshold, byte, shares[i].x) == shares[i].data[byte];
	}
	CHECK(right, "the reference disagrees on %d of %d", threshold, count);

	if (count <= 7)
		for (unsigned int subset = 0; subset < 1u << count; subset++)
			test_subset(shares, count, threshold, subset, &key);
	else
		test_subset(shares, count, threshold, (unsigned int) ((1ull << threshold) - 1), &key);
}

/* With one share fewer than needed, every key is as possible as any other. */
static void
test_uniform(void)
{
	unsigned int seen[256] = {0};
	unsigned int low = UINT32_MAX;
	unsigned int high = 0;
	unsigned int zeros = 0;
	SecretKey key;

	memset(&key, 0, sizeof(key));
	for (int round = 0; round < 4000; round++)
	{
		Share shares[2];

		shares_split(&key, 2, 2, shares);
		for (int i = 0; i < KEY_BYTES; i++)
			seen[shares[0].data[i]]++;
		zeros += shares[0].data[0] == 0;
	}
	for (int i = 0; i < 256; i++)
	{
		low = seen[i] < low ? seen[i] : low;
		high = seen[i] > high ? seen[i] : high;
	}

	/* 128,000 draws, 500 expected of each; six sigma are 134 */
	CHECK(low > 366 && high < 634, "one share is not uniform: %u to %u", low, high);
	CHECK(zeros > 0, "a leading coefficient of zero never happens");
}

static void
test_refused(void)
{
	Share a[SHARE_MAX_COUNT];
	Share b[SHARE_MAX_COUNT];
	Share mixed[3];
	SecretKey key = fresh_key();
	SecretKey out;

	CHECK(shares_split(&key, 1, 3, a) == CRYPTO_ERR_FORMAT, "threshold 1");
	CHECK(shares_split(&key, 0, 3, a) == CRYPTO_ERR_FORMAT, "threshold 0");
	CHECK(shares_split(&key, -1, 3, a) == CRYPTO_ERR_FORMAT, "threshold -1");
	CHECK(shares_split(&key, 4, 3, a) == CRYPTO_ERR_FORMAT, "threshold above count");
	CHECK(shares_split(&key, 2, SHARE_MAX_COUNT + 1, a) == CRYPTO_ERR_FORMAT, "too many");

	CHECK(shares_split(&key, 3, 5, a) == CRYPTO_OK && shares_split(&key, 3, 5, b) == CRYPTO_OK,
		  "split");
	CHECK(memcmp(a[0].set, b[0].set, SHARE_SET_BYTES) != 0, "each split has its own set");
	CHECK(memcmp(a[0].data, b[0].data, KEY_BYTES) != 0, "and its own coefficients");

	for (int i = 0; i < 3; i++)
	{
		memcpy(mixed, a, sizeof(mixed));
		mixed[i] = b[i];
		CHECK(shares_combine(mixed, 3, &out) == CRYPTO_ERR_FORMAT && all_zero(&out, sizeof(out)),
			  "mixed sets, %d", i);
		memcpy(mixed, a, sizeof(mixed));
		mixed[i].x = 0;
		CHECK(shares_combine(mixed, 3, &out) == CRYPTO_ERR_FORMAT, "x = 0 at %d", i);
		mixed[i].x = a[(i + 1) % 3].x;
		CHECK(shares_combine(mixed, 3, &out) == CRYPTO_ERR_FORMAT, "repeated x at %d", i);
		mixed[i] = a[(i + 1) % 3];
		CHECK(shares_combine(mixed, 3, &out) == CRYPTO_ERR_FORMAT, "repeated share at %d", i);
		mixed[i] = a[i];
		mixed[i].threshold = 2;
		CHECK(shares_combine(mixed, 3, &out) == CRYPTO_ERR_FORMAT, "another threshold at %d", i);
	}
	CHECK(shares_combine(a, 2, &out) == CRYPTO_ERR_FORMAT, "too few");
	CHECK(shares_combine(a, 4, &out) == CRYPTO_ERR_FORMAT, "too many");
	CHECK(shares_combine(a, 0, &out) == CRYPTO_ERR_FORMAT, "none");
	CHECK(shares_combine(a, -1, &out) == CRYPTO_ERR_FORMAT, "less than none");

	a[1].data[4] ^= 1;
	CHECK(shares_combine(a, 3, &out) == CRYPTO_OK && !secret_equal(&out, &key, sizeof(out)),
		  "a false share gives a false key");
}

static bool
same_share(const Share *a, const Share *b)
{
	return memcmp(a->set, b->set, SHARE_SET_BYTES) == 0 && a->x == b->x &&
		a->threshold == b->threshold && memcmp(a->data, b->data, KEY_BYTES) == 0;
}

/* From memory of exactly this size, so that reading beyond it is seen. */
static CryptoStatus
decode(const char *text, size_t size, Share *share)
{
	char *exact = room(size);
	CryptoStatus status;

	memcpy(exact, text, size);
	memset(share, 0xaa, sizeof(*share));
	status = share_decode(exact, size, share);
	if (status != CRYPTO_OK)
		CHECK(all_zero(share, sizeof(*share)), "refused text left something behind");
	free(exact);
	return status;
}

static void
test_text(void)
{
	Share shares[3];
	Share again;
	SecretKey key = fresh_key();
	char text[SHARE_TEXT_BYTES];
	char spaced[SHARE_TEXT_BYTES + 20];
	size_t size;

	shares_split(&key, 2, 3, shares);
	CHECK(share_encode(&shares[1], text) == CRYPTO_OK, "encode");
	size = strlen(text);
	CHECK(size == 77 && strncmp(text, "vault-share-1-", 14) == 0, "form: %zu bytes", size);
	CHECK(decode(text, size, &again) == CRYPTO_OK && same_share(&again, &shares[1]), "round trip");

	sprintf(spaced, " \t\r\n\v\f%s\n\n ", text);
	CHECK(decode(spaced, strlen(spaced), &again) == CRYPTO_OK && same_share(&again, &shares[1]),
		  "white space around");
	CHECK(decode(text, size + 1, &again) == CRYPTO_ERR_FORMAT, "a NUL behind");
	for (size_t n = 0; n < size; n++)
		CHECK(decode(text, n, &again) == CRYPTO_ERR_FORMAT, "cut to %zu", n);
	sprintf(spaced, "%s%c", text, 'A');
	CHECK(decode(spaced, size + 1, &again) == CRYPTO_ERR_FORMAT, "one more");
	sprintf(spaced, "%s=", text);
	CHECK(decode(spaced, size + 1, &again) == CRYPTO_ERR_FORMAT, "padding");
	CHECK(decode("   ", 3, &again) == CRYPTO_ERR_FORMAT, "only white space");

	/* every character, to every other */
	for (size_t i = 0; i < size; i++)
	{
		char was = text[i];

		for (int c = 1; c < 256; c++)
		{
			text[i] = (char) c;
			if (text[i] == was)
				continue;
			CHECK(decode(text, size, &again) == CRYPTO_ERR_FORMAT, "character %zu changed to %d", i,
				  c);
		}
		text[i] = was;
	}

	/* two neighbours changed for each other */
	for (size_t i = 0; i + 1 < size; i++)
	{
		char first = text[i];

		text[i] = text[i + 1];
		text[i + 1] = first;
		CHECK(text[i] == first || decode(text, size, &again) == CRYPTO_ERR_FORMAT,
			  "characters at %zu swapped", i);
		text[i + 1] = text[i];
		text[i] = first;
	}
}

/* A text with a right checksum over these bytes. */
static void
forge(const unsigned char *binary, char *text)
{
	unsigned char bytes[47];
	unsigned char digest[SHA256_BYTES];

	memcpy(bytes, binary, 43);
	crypto_sha256(bytes, 43, digest);
	memcpy(bytes + 43, digest, 4);
	strcpy(text, "vault-share-1-");
	base64_encode(BASE64_URL, bytes, sizeof(bytes), text + 14);
}

static void
test_forged_text(void)
{
	static const struct
	{
		unsigned char version;
		unsigned char x;
		unsigned char threshold;
		CryptoStatus status;
	} cases[] = {
		{1, 1, 2, CRYPTO_OK},          {1, 32, 32, CRYPTO_OK},         {1, 32, 2, CRYPTO_OK},
		{0, 1, 2, CRYPTO_ERR_FORMAT},  {2, 1, 2, CRYPTO_ERR_FORMAT},   {1, 0, 2, CRYPTO_ERR_FORMAT},
		{1, 33, 2, CRYPTO_ERR_FORMAT}, {1, 255, 2, CRYPTO_ERR_FORMAT}, {1, 1, 0, CRYPTO_ERR_FORMAT},
		{1, 1, 1, CRYPTO_ERR_FORMAT},  {1, 1, 33, CRYPTO_ERR_FORMAT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		unsigned char binary[43] = {cases[i].version};
		char text[SHARE_TEXT_BYTES];
		Share share;

		binary[9] = cases[i].x;
		binary[10] = cases[i].threshold;
		forge(binary, text);
		CHECK(decode(text, strlen(text), &share) == cases[i].status,
			  "version %d, x %d, threshold %d", cases[i].version, cases[i].x, cases[i].threshold);
		memset(&share, 0, sizeof(share));
		share.x = cases[i].x;
		share.threshold = cases[i].threshold;
		if (cases[i].version == 1)
			CHECK(share_encode(&share, text) == cases[i].status, "encode x %d, threshold %d",
				  share.x, share.threshold);
	}
}

int
main(void)
{
	test_reference();
	test_arithmetic();
	test_known_answer();
	for (int count = 2; count <= 7; count++)
		for (int threshold = 2; threshold <= count; threshold++)
			test_split(threshold, count);
	test_split(2, SHARE_MAX_COUNT);
	test_split(17, SHARE_MAX_COUNT);
	test_split(SHARE_MAX_COUNT, SHARE_MAX_COUNT);
	test_uniform();
	test_refused();
	test_text();
	test_forged_text();
	return finish("shares");
}
