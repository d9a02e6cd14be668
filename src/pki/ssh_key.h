/*
 * ssh_key.h
 *		Private keys for SSH: how they are read, made up, and what follows from them.
 *
 * Plain C without server headers.  Read are openssh-key-v1, PKCS#8, PKCS#1 and SEC1 in PEM,
 * one key and nothing else, not encrypted; RSA, ECDSA on P-256, P-384 and P-521, and
 * Ed25519.  The public key is derived, and what the file says of it must agree.
 */
#ifndef VAULT_PKI_SSH_KEY_H
#define VAULT_PKI_SSH_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "type/type.h"

#define SSH_KEY_MAX_BYTES   (64 * 1024)
#define SSH_KEY_MAX_COMMENT 1024 /* bytes of it that are shown */
#define SSH_KEY_STRENGTH    112  /* bits, where no policy says more */

/* The names of fields, for people. */
#define SSH_KEY_FIELDS "private_key, public_key, fingerprint, key_type, key_bits, comment"

typedef struct SshKey SshKey;

/* As certificate_read(). */
extern const char *ssh_key_read(const void *text, size_t size, int min_strength, SshKey **made);
extern void ssh_key_free(SshKey *key); /* NULL is allowed */

/*
 * Return the text to store: the block as it was given, with lines of the usual length; for an
 * Ed25519 key in PKCS#8, which OpenSSH does not read everywhere, the form that it does.
 * Belongs to the key.
 */
extern const char *ssh_key_text(const SshKey *key, size_t *size);

/* Of comments only characters are shown for which this is true; NULL, as at first: all. */
extern void ssh_key_show_only(bool (*is_shown)(const char *character, size_t size));

/* A JSON object in UTF-8, for value_free(); NULL: no memory. */
extern char *ssh_key_metadata(const SshKey *key);

/* A part as text, for value_free(). */
extern TypeField ssh_key_field(const SshKey *key, const char *name, char **out, size_t *out_size);

/* A new Ed25519 key in OpenSSH's format, for value_free(); NULL: OpenSSL refused. */
extern char *ssh_key_generate(size_t *size);

#endif
