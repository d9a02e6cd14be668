/*
 * test_note.c
 *		Signed notes and the offline check of a trail: what was written is read again, what was
 *		changed anywhere is refused, and no input leads out of bounds.
 */
#include "evidence/signed_note.h"
#include "evidence/offline/check.h"

#include <inttypes.h>

#include "harness.h"

static const char name[] = "vault-audit-test";
static const char tenant[] = "01234567-89ab-cdef-0123-456789abcdef";

static int64_t faults;
static char last_fault[512];

static void
count_fault(void *state, CheckLevel level, const char *who, const char *text)
{
	(void) state;
	(void) who;
	if (level != CHECK_FAULT)
		return;
	faults++;
	snprintf(last_fault, sizeof(last_fault), "%s", text);
}

static size_t
make_note(const SecretKey *seed, SignedNoteKey *key, char *note, size_t room)
{
	unsigned char public_key[ED25519_PUBLIC_BYTES];
	char line[SIGNED_NOTE_SIGNATURE_LINE_BYTES];
	size_t size;

	CHECK(ed25519_public_key(seed, public_key) == CRYPTO_OK, "public key");
	CHECK(signed_note_key_make(name, public_key, key) == CRYPTO_OK, "key");
	size = (size_t) snprintf(note, room, "%s\n2026-11-23T06:11:20.123456Z\n%s 7 1234 %s\n", name,
							 tenant, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	CHECK(signed_note_sign(note, size, key, seed, line) == CRYPTO_OK, "sign");
	return size + (size_t) snprintf(note + size, room - size, "%s", line);
}

static void
test_note(void)
{
	SecretKey seed;
	SignedNoteKey key;
	SignedNoteKey again;
	SignedNote head;
	CryptoStatus status;
	char note[1024];
	char text[SIGNED_NOTE_KEY_TEXT_BYTES];
	char time[32];
	size_t size;
	size_t text_size;
	size_t at = 0;

	memset(&seed, 7, sizeof(seed));
	size = make_note(&seed, &key, note, sizeof(note));
	CHECK(signed_note_open(note, size, &key, &text_size) == CRYPTO_OK, "opens");
	CHECK(signed_note_time(note, text_size, time) == CRYPTO_OK && strlen(time) == 27, "time");
	CHECK(signed_note_next(note, text_size, &at, &head, &status) && head.seal == 7 &&
			  head.rows == 1234 && strcmp(head.tenant, tenant) == 0,
		  "head");
	CHECK(!signed_note_next(note, text_size, &at, &head, &status) && status == CRYPTO_OK,
		  "one head");
	signed_note_key_write(&key, text);
	CHECK(signed_note_key_read(text, strlen(text), &again) == CRYPTO_OK &&
			  memcmp(&key, &again, sizeof(key)) == 0,
		  "key text");
	for (size_t i = 0; i < size - 1; i++)
	{
		char changed[1024];

		memcpy(changed, note, size);
		changed[i] ^= 1;
		CHECK(signed_note_open(changed, size, &key, &text_size) != CRYPTO_OK, "byte %zu", i);
		CHECK(i == 0 || signed_note_open(note, i, &key, &text_size) != CRYPTO_OK, "cut at %zu", i);
	}
	for (size_t i = 0; i < strlen(text); i++)
	{
		char changed[SIGNED_NOTE_KEY_TEXT_BYTES];

		strcpy(changed, text);
		changed[i] ^= 1;
		CHECK(signed_note_key_read(changed, strlen(text), &again) != CRYPTO_OK,
			  "byte %zu of the key", i);
	}
}

/* A trail of two rows and their seal, correct in everything. */
static size_t
make_trail(char *trail, size_t room)
{
	unsigned char hashes[2 * SHA256_BYTES];
	unsigned char hash[SHA256_BYTES];
	char rows[2][256];
	char hex[2 * SHA256_BYTES + 1];
	size_t size;

	for (int i = 0; i < 2; i++)
	{
		snprintf(
			rows[i], sizeof(rows[i]),
			"{\"tenant_id\":\"%s\",\"id\":%d,\"at\":\"2026-11-0%dT00:00:00.000000Z\",\"xid\":1}",
			tenant, 10 + i * 2, 1 + i);
		CHECK(crypto_sha256(rows[i], strlen(rows[i]), hashes + i * SHA256_BYTES) == CRYPTO_OK,
			  "hash");
	}
	CHECK(crypto_sha256(hashes, sizeof(hashes), hash) == CRYPTO_OK, "hash");
	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	size = (size_t) snprintf(
		trail, room,
		"{\"tenant_id\":\"%s\",\"trail\":\"vault audit v1\",\"since\":\"-infinity\","
		"\"until\":\"infinity\"}\n"
		"{\"tenant_id\":\"%s\",\"seal\":1,\"previous\":\"%064d\",\"month\":\"2026-11\","
		"\"first_at\":\"2026-11-01T00:00:00.000000Z\",\"last_at\":\"2026-11-02T00:00:00.000000Z\","
		"\"rows\":2,\"without_mac\":0,\"total_rows\":2,\"rows_hash\":\"%s\","
		"\"sealed_at\":\"2026-11-02T00:00:01.000000Z\",\"ids\":\"10,12\"}\n%s\n%s\n",
		tenant, tenant, 0, hex, rows[0], rows[1]);
	return size;
}

static int64_t
faults_of(const char *trail, size_t size, const SignedNote *head)
{
	CheckAgainst against = {.heads = head,
							.head_count = head != NULL,
							.has_checkpoint = head != NULL};
	Check *check = check_new(&against, count_fault, NULL);
	size_t at = 0;
	int64_t found;

	faults = 0;
	while (at < size)
	{
		const char *end = memchr(trail + at, '\n', size - at);
		size_t length = end ? (size_t) (end - trail) - at : size - at;
		char *exact = room(length);

		memcpy(exact, trail + at, length);
		check_line(check, exact, length);
		free(exact);
		at += length + 1;
	}
	found = check_end(check);
	check_free(check);
	CHECK(found == faults, "every fault is told");
	return found;
}

static void
test_trail(void)
{
	char trail[4096];
	size_t size = make_trail(trail, sizeof(trail));
	SignedNote head = {.seal = 2, .rows = 5};

	memcpy(head.tenant, tenant, sizeof(head.tenant));
	CHECK(faults_of(trail, size, NULL) == 0, "a correct trail: %s", last_fault);
	CHECK(faults_of(trail, size, &head) == 1 && strncmp(last_fault, "tail cut", 8) == 0,
		  "tail cut");
	head.seal = 1;
	CHECK(faults_of(trail, size, &head) == 1 && strncmp(last_fault, "chain replaced", 14) == 0,
		  "replaced");
	CHECK(faults_of("", 0, NULL) == 1, "an empty trail");

	/* Every bit of rows, and every byte of garbage anywhere, without leaving bounds. */
	for (size_t i = 0; i < size; i++)
	{
		char changed[4096];

		memcpy(changed, trail, size);
		changed[i] ^= (char) (1 << pick(7));
		(void) faults_of(changed, size, NULL);
		if (i > (size_t) (strstr(trail, "\"id\":10") - trail) && changed[i] != '\n' &&
			trail[i] != '\n')
			CHECK(faults_of(changed, size, NULL) > 0, "a changed row, byte %zu", i);
		(void) faults_of(trail, i, NULL);
	}
	for (int round = 0; round < 20000; round++)
	{
		char garbage[4096];
		size_t from = pick((uint32_t) size);
		size_t length = pick(64);

		memcpy(garbage, trail, size);
		for (size_t i = from; i < size && i < from + length; i++)
			garbage[i] = "{}\",:0123456789-\n"[pick(17)];
		(void) faults_of(garbage, size, NULL);
	}
}

static void
test_ids(void)
{
	static const char *const bad[] = {"",   "-",  "5-3", "1,,2", "x", "99999999999999999999",
									  "01", "1-", ",1"};
	int64_t first;
	int64_t last;
	size_t at = 0;

	CHECK(line_next_ids("3,5-9", 5, &at, &first, &last) && first == 3 && last == 3, "one");
	CHECK(line_next_ids("3,5-9", 5, &at, &first, &last) && first == 5 && last == 9 && at == 5,
		  "range");
	CHECK(!line_next_ids("3,5-9", 5, &at, &first, &last), "end");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		at = 0;
		while (line_next_ids(bad[i], strlen(bad[i]), &at, &first, &last))
			;
		CHECK(at < strlen(bad[i]) || *bad[i] == '\0', "\"%s\" is refused", bad[i]);
	}
}

int
main(void)
{
	test_note();
	test_trail();
	test_ids();
	return finish("note");
}
