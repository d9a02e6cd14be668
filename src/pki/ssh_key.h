/*
 * ssh_key.h
 *		Private keys for SSH: reading and generating them, and the public facts derived from them.
 *
 * Plain C without server headers. Accepted are openssh-key-v1, and PKCS#8, PKCS#1 and SEC1 in PEM:
 * one key and nothing else, not encrypted; RSA, ECDSA on P-256, P-384 and P-521, and Ed25519. The
 * public key is derived, and the one in the file must agree with it.
 */
#ifndef VAULT_PKI_SSH_KEY_H
#define VAULT_PKI_SSH_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "type/type.h"

#define SSH_KEY_MAX_BYTES   (64 * 1024)
#define SSH_KEY_MAX_COMMENT 1024 /* maximum bytes of a comment that are shown */
#define SSH_KEY_STRENGTH    112  /* default strength in bits */

/* Names of fields, as shown to users. */
#define SSH_KEY_FIELDS "private_key, public_key, fingerprint, key_type, key_bits, comment"

typedef struct SshKey SshKey;

/* Like certificate_read(). */
extern const char *ssh_key_read(const void *text, size_t size, int min_strength, SshKey **made);
extern void ssh_key_free(SshKey *key); /* NULL is allowed */

/*
 * Return the text to store: the block as it was given, with lines of the usual length. An Ed25519
 * key in PKCS#8, which not every OpenSSH reads, is converted to OpenSSH's format. The text belongs
 * to the key.
 */
extern const char *ssh_key_text(const SshKey *key, size_t *size);

/* Show only the characters of comments for which this is true. NULL, the default, shows all. */
extern void ssh_key_show_only(bool (*is_shown)(const char *character, size_t size));

/* Return a JSON object in UTF-8, for value_free(); NULL if out of memory. */
extern char *ssh_key_metadata(const SshKey *key);

/* Return a part as text, for value_free(). */
extern TypeField ssh_key_field(const SshKey *key, const char *name, char **out, size_t *out_size);

/* Return a new Ed25519 key in OpenSSH's format, for value_free(); NULL if OpenSSL refuses. */
extern char *ssh_key_generate(size_t *size);

#endif
