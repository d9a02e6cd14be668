/*
 * encoding.h
 *		UTF-8 is what text is encrypted and authenticated in, whatever the database's encoding: a
 *		dump converts the text of tables, and nobody converts ciphertext, digests and codes.
 *
 * A database in UTF8 has it already.  Of one in SQL_ASCII nobody knows what its text is in: its
 * bytes stay as they are.
 */
#ifndef VAULT_PLATFORM_ENCODING_H
#define VAULT_PLATFORM_ENCODING_H

#include "platform/compat.h"

/* Return true if text is the same in the database's encoding and as it is stored. */
extern bool encoding_is_stored(const char *text, size_t size);

/* Room for a text of this size in the other encoding, with NUL. */
extern size_t encoding_room(size_t size);

/*
 * Converts from the database's encoding, or to it; false, without a word of the text, if a
 * character has no equivalent or the bytes are no text.  Needs a transaction.
 */
extern bool encoding_to_stored(const char *text, size_t size, char *out, size_t *out_size);
extern bool encoding_from_stored(const char *stored, size_t size, char *out, size_t *out_size);

/* Return true if the bytes can be stored text. */
extern bool encoding_is_stored_text(const char *bytes, size_t size);

/* Return true if stored bytes are text in the database's encoding as they are. */
extern bool encoding_is_valid(const char *stored, size_t size);

/*
 * For digests and codes: the text itself, or a copy in UTF-8 that the caller frees.  What cannot be
 * converted is taken as it is.
 */
extern const char *encoding_for_digest(const char *text, size_t *size);

#endif
