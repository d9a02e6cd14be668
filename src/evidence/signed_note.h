/*
 * signed_note.h
 *		Signed notes (C2SP signed-note) with checkpoints of audit trails in them.
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

/* The key's text: name+id in hex+base64 of the algorithm and the key. */
#define SIGNED_NOTE_KEY_TEXT_BYTES (SIGNED_NOTE_NAME_BYTES + 64)

extern CryptoStatus
signed_note_key_make(const char *name, const unsigned char public_key[ED25519_PUBLIC_BYTES],
					 SignedNoteKey *key);
extern void signed_note_key_write(const SignedNoteKey *key, char text[SIGNED_NOTE_KEY_TEXT_BYTES]);
extern CryptoStatus signed_note_key_read(const char *text, size_t size, SignedNoteKey *key);

/* Room for the line of a signature, with its NUL. */
#define SIGNED_NOTE_SIGNATURE_LINE_BYTES (SIGNED_NOTE_NAME_BYTES + 128)

/* The signature of a text that ends with a line feed: what follows it in the note. */
extern CryptoStatus
signed_note_sign(const char *text, size_t size, const SignedNoteKey *key, const SecretKey *seed,
				 char line[SIGNED_NOTE_SIGNATURE_LINE_BYTES]);

/*
 * Finds the key's signature and checks it; *text_size is that of the signed text at the
 * note's beginning.  CRYPTO_ERR_FORMAT if it is no note or has none of this key.
 */
extern CryptoStatus
signed_note_open(const char *note, size_t size, const SignedNoteKey *key, size_t *text_size);

/* One line of a checkpoint: how far a tenant's chain had come. */
typedef struct SignedNote
{
	char tenant[SIGNED_NOTE_TENANT_BYTES + 1];
	int64_t seal;
	int64_t rows;
	unsigned char hash[SHA256_BYTES];
} SignedNote;

/*
 * Takes a signed text apart: its time, and then, from *at = 0 on, one head a call.  false at
 * the end; CRYPTO_ERR_FORMAT in *status if a line is none.
 */
extern CryptoStatus signed_note_time(const char *text, size_t size, char time[32]);
extern bool
signed_note_next(const char *text, size_t size, size_t *at, SignedNote *head, CryptoStatus *status);

/* Decimal digits, without sign or leading zeros, that fit; returns their number or 0. */
extern size_t parse_number(const char *text, size_t size, int64_t *number);

#endif
