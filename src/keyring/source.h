/*
 * source.h
 *		Sources of the root key: a keyring file, a command, or people.
 *
 * A keyring is text: one line "vault-root-key:v1:<generation>:<base64>" per
 * generation, comments after "#".  A command may also print a single bare key
 * (base64 or hex), which counts as whatever generation is wanted.
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
	uint32 generations[KEYRING_MAX_KEYS]; /* 0: any */
	SecretKey keys[KEYRING_MAX_KEYS];

	/* The newest generation of the file, which its writer had not committed then; 0: none */
	uint32 uncommitted;
	char writer[KEYRING_WRITER_BYTES + 1];
} Keyring;

extern SourceKind source_kind(void);
extern const char *source_kind_name(void);

/*
 * Asks the file or the command.  Returns NULL, or a phrase that says what is
 * wrong (never an error, so that a worker can go on); an absent file is an empty
 * keyring.  The caller wipes the keyring.
 */
extern const char *source_load(Keyring *keyring);

/* Raises: no root key, because of this. */
VAULT_NORETURN extern void source_refuse(const char *fault);

/* The key of a generation, or NULL. */
extern const SecretKey *keyring_find(const Keyring *keyring, uint32 generation);
extern uint32 keyring_newest(const Keyring *keyring);

/*
 * Forgets a generation above the committed one that this server wrote and did not commit: it was
 * rolled back, or the server died.  What another writer added is somebody's key and stays.
 */
extern void keyring_drop_uncommitted(Keyring *keyring, uint32 committed);

/*
 * Writes the keyring file anew with this key added, marked as not committed: temporary file,
 * fsync, rename, fsync of the directory.  Raises on failure; the old file then stands.
 */
extern void source_file_add(Keyring *keyring, uint32 generation, const SecretKey *key);

#endif
