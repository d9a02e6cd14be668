/*
 * signed_note.h
 *		Signed notes (C2SP signed-note) that hold checkpoints of audit trails.
 *
 *		vault-audit-<instance>
 *		<time>
 *		<tenant> <last seal> <rows> <hash of the last seal, base64>
 *		…
 *
 *		— vault-audit-<instance> <base64 of key id and Ed25519 signature>
 *
 * Plain C without server headers: the program that checks offline links it.
 */
#ifndef VAULT_EVIDENCE_SIGNED_NOTE_H
#define VAULT_EVIDENCE_SIGNED_NOTE_H

#include "crypto/ed25519.h"

#define SIGNED_NOTE_NAME_BYTES   64
#define SIGNED_NOTE_KEY_ID_BYTES 4
#define SIGNED_NOTE_MAX_BYTES    (64 * 1024 * 1024)
#define SIGNED_NOTE_TENANT_BYTES 36

typedef struct SignedNoteKey
{
	char name[SIGNED_NOTE_NAME_BYTES];
	unsigned char id[SIGNED_NOTE_KEY_ID_BYTES];
	unsigned char public_key[ED25519_PUBLIC_BYTES];
} SignedNoteKey;

/* Size of the text of a key: its name, "+", its id in hex, "+", and base64 of algorithm and key. */
#define SIGNED_NOTE_KEY_TEXT_BYTES (SIGNED_NOTE_NAME_BYTES + 64)

extern CryptoStatus
signed_note_key_make(const char *name, const unsigned char public_key[ED25519_PUBLIC_BYTES],
					 SignedNoteKey *key);
extern void signed_note_key_write(const SignedNoteKey *key, char text[SIGNED_NOTE_KEY_TEXT_BYTES]);
extern CryptoStatus signed_note_key_read(const char *text, size_t size, SignedNoteKey *key);

/* Size of the line of a signature, with its NUL. */
#define SIGNED_NOTE_SIGNATURE_LINE_BYTES (SIGNED_NOTE_NAME_BYTES + 128)

/* Sign a text that ends with a line feed. The line is what follows the text in the note. */
extern CryptoStatus
signed_note_sign(const char *text, size_t size, const SignedNoteKey *key, const SecretKey *seed,
				 char line[SIGNED_NOTE_SIGNATURE_LINE_BYTES]);

/*
 * Find the signature of the key and verify it. *text_size becomes the size of the signed text, with
 * which the note begins. CRYPTO_ERR_FORMAT if it is not a note, or has no signature of this key.
 */
extern CryptoStatus
signed_note_open(const char *note, size_t size, const SignedNoteKey *key, size_t *text_size);

/* One line of a checkpoint: the last seal of a tenant's chain. */
typedef struct SignedNote
{
	char tenant[SIGNED_NOTE_TENANT_BYTES + 1];
	int64_t seal;
	int64_t rows;
	unsigned char hash[SHA256_BYTES];
} SignedNote;

/*
 * Parse a signed text: first its time, and then one head per call, with *at = 0 at the first call.
 * Returns false at the end. *status is CRYPTO_ERR_FORMAT if a line is malformed.
 */
extern CryptoStatus signed_note_time(const char *text, size_t size, char time[32]);
extern bool
signed_note_next(const char *text, size_t size, size_t *at, SignedNote *head, CryptoStatus *status);

/*
 * Parse decimal digits without a sign or leading zeros. Returns their number, or 0 if they are
 * malformed or the number is too large.
 */
extern size_t parse_number(const char *text, size_t size, int64_t *number);

#endif
