/*
 * fuzz_share.c
 *		share_decode takes only the output of share_encode; shares_combine
 *		takes only sets that it promises to take; a key that was split comes back.
 */
#include "keyring/shares.h"

#include "fuzz.h"

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
same_share(const Share *a, const Share *b)
{
	return memcmp(a->set, b->set, SHARE_SET_BYTES) == 0 && a->x == b->x &&
		a->threshold == b->threshold && memcmp(a->data, b->data, KEY_BYTES) == 0;
}

/* True if the text is a share. */
static bool
check_text(const char *text, size_t size)
{
	char *exact = exact_copy(text, size);
	char again[SHARE_TEXT_BYTES];
	Share share;
	CryptoStatus status;
	size_t start = 0;

	memset(&share, 0xaa, sizeof(share));
	status = share_decode(exact, size, &share);
	if (status != CRYPTO_OK)
		MUST(status == CRYPTO_ERR_FORMAT && all_zero(&share, sizeof(share)));
	else
	{
		MUST(share_encode(&share, again) == CRYPTO_OK);
		while (is_space(text[start]))
			start++;
		while (is_space(text[size - 1]))
			size--;
		MUST(size - start == strlen(again) && memcmp(text + start, again, size - start) == 0);
	}
	free(exact);
	return status == CRYPTO_OK;
}

static void
take_share(Input *input, Share *share)
{
	take_bytes(input, share->set, 1);
	memset(share->set + 1, 0, SHARE_SET_BYTES - 1);
	share->x = take_byte(input) % 40;
	share->threshold = take_byte(input) % 40;
	take_bytes(input, share->data, KEY_BYTES);
}

/* Encodes, decodes, and then with one character changed. */
static void
encode_and_change(Input *input)
{
	char text[SHARE_TEXT_BYTES];
	Share share;
	Share again;
	uint8_t at = take_byte(input);
	uint8_t difference = take_byte(input);

	take_share(input, &share);
	if (share_encode(&share, text) != CRYPTO_OK)
	{
		MUST(share.x == 0 || share.x > SHARE_MAX_COUNT || share.threshold < 2 ||
			 share.threshold > SHARE_MAX_COUNT);
		return;
	}
	MUST(share_decode(text, strlen(text), &again) == CRYPTO_OK && same_share(&share, &again));
	text[at % strlen(text)] ^= (char) difference;
	check_text(text, SHARE_TEXT_BYTES - 1);
	check_text(text, strlen(text));
}

static void
combine(Input *input)
{
	Share shares[SHARE_MAX_COUNT + 2];
	SecretKey key;
	int count = take_byte(input) % (SHARE_MAX_COUNT + 3);
	bool right = count >= 2 && count <= SHARE_MAX_COUNT;

	memset(&key, 0xaa, sizeof(key));
	for (int i = 0; i < count; i++)
		take_share(input, &shares[i]);
	for (int i = 0; i < count; i++)
	{
		right = right && shares[i].threshold == count && shares[i].x >= 1 &&
			shares[i].x <= SHARE_MAX_COUNT && shares[i].set[0] == shares[0].set[0];
		for (int j = 0; j < i; j++)
			right = right && shares[i].x != shares[j].x;
	}
	MUST((shares_combine(shares, count, &key) == CRYPTO_OK) == right);
	if (!right)
		MUST(all_zero(&key, sizeof(key)));
}

/* Splits, and restores from shares that the input chooses. */
static void
split(Input *input)
{
	Share shares[SHARE_MAX_COUNT];
	SecretKey key;
	SecretKey restored;
	int threshold = take_byte(input) % (SHARE_MAX_COUNT + 2);
	int count = take_byte(input) % (SHARE_MAX_COUNT + 2);
	bool possible = threshold >= 2 && threshold <= count && count <= SHARE_MAX_COUNT;

	take_bytes(input, &key, sizeof(key));
	MUST((shares_split(&key, threshold, count, shares) == CRYPTO_OK) == possible);
	if (!possible)
		return;
	for (int i = 0; i < threshold; i++)
	{
		int other = i + take_byte(input) % (count - i);
		Share moved = shares[i];

		shares[i] = shares[other];
		shares[other] = moved;
	}
	MUST(shares_combine(shares, threshold, &restored) == CRYPTO_OK);
	MUST(memcmp(&key, &restored, sizeof(key)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input input = {data, size};

	switch (take_byte(&input) % 4)
	{
		case 0:
			check_text((const char *) input.data, input.size);
			break;
		case 1:
			encode_and_change(&input);
			break;
		case 2:
			combine(&input);
			break;
		default:
			split(&input);
			break;
	}
	return 0;
}
