/*
 * source.h
 *		Sources of the root key: a keyring file, a command, or people.
 *
 * A keyring is text: one line "vault-root-key:v1:<generation>:<base64>" per generation, and
 * comments after "#". A command may also print a single bare key (base64 or hex), which stands for
 * any generation.
 */
#ifndef VAULT_KEYRING_SOURCE_H
#define VAULT_KEYRING_SOURCE_H

#include "platform/compat.h"

#include "crypto/primitives.h"

#define KEYRING_MAX_KEYS 64

typedef enum SourceKind
{
	SOURCE_NONE,
	SOURCE_FILE,
	SOURCE_COMMAND,
	SOURCE_MANUAL
} SourceKind;

/* The writer of a file, without NUL: a server and its host, as hex digits. */
#define KEYRING_WRITER_BYTES 32

typedef struct Keyring
{
	int count;
	uint32 generations[KEYRING_MAX_KEYS]; /* 0 stands for any */
	SecretKey keys[KEYRING_MAX_KEYS];

	/* The newest generation of the file, if its writer had not committed it yet; else 0. */
	uint32 uncommitted;
	char writer[KEYRING_WRITER_BYTES + 1];
} Keyring;

extern SourceKind source_kind(void);
extern const char *source_kind_name(void);

/*
 * Ask the file or the command. Returns NULL, or a phrase with the fault. It does not raise, so that
 * a worker can go on. A missing file is an empty keyring. The caller wipes the keyring.
 */
extern const char *source_load(Keyring *keyring);

/* Raise an error: there is no root key, for this reason. */
VAULT_NORETURN extern void source_refuse(const char *fault);

/* Return the key of a generation, or NULL. */
extern const SecretKey *keyring_find(const Keyring *keyring, uint32 generation);
extern uint32 keyring_newest(const Keyring *keyring);

/*
 * Forget a generation above the committed one that this server wrote and did not commit: it was
 * rolled back, or the server crashed. A generation of another writer may be a committed key of that
 * writer, and is kept.
 */
extern void keyring_drop_uncommitted(Keyring *keyring, uint32 committed);

/*
 * Write the keyring file anew with this key added, marked as not committed: temporary file, fsync,
 * rename, fsync of the directory. Raises on failure; then the old file is unchanged.
 */
extern void source_file_add(Keyring *keyring, uint32 generation, const SecretKey *key);

#endif
