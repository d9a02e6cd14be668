/*
 * encoding.h
 *		Text is encrypted and authenticated in UTF-8, whatever the database's encoding is: a dump
 *		converts the text of tables, but not ciphertext, digests and MACs.
 *
 * In a UTF8 database this changes nothing. In SQL_ASCII the encoding of text is unknown, so its
 * bytes are kept.
 */
#ifndef VAULT_PLATFORM_ENCODING_H
#define VAULT_PLATFORM_ENCODING_H

#include "platform/compat.h"

/* Return true if text is the same in the database's encoding and as it is stored. */
extern bool encoding_is_stored(const char *text, size_t size);

/* Return the room for a text of this size in the other encoding, with NUL. */
extern size_t encoding_room(size_t size);

/*
 * Convert from the database's encoding, or to it. Returns false if a character has no equivalent or
 * the bytes are not text; no message shows the text. Needs a transaction.
 */
extern bool encoding_to_stored(const char *text, size_t size, char *out, size_t *out_size);
extern bool encoding_from_stored(const char *stored, size_t size, char *out, size_t *out_size);

/* Return true if the bytes can be stored text. */
extern bool encoding_is_stored_text(const char *bytes, size_t size);

/* Return true if stored bytes are text in the database's encoding as they are. */
extern bool encoding_is_valid(const char *stored, size_t size);

/*
 * Return the text for digests and MACs: the text itself, or a copy in UTF-8 that the caller frees.
 * Text that cannot be converted is used as it is.
 */
extern const char *encoding_for_digest(const char *text, size_t *size);

#endif
