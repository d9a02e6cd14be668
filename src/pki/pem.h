/*
 * pem.h
 *		Text in PEM (RFC 7468): parsing and writing, and the memory of the result.
 *
 * Plain C without server headers. Rules are static phrases that contain no part of the text.
 *
 * Text around blocks is skipped, as openssl does: Bag Attributes, subject= and the output of
 * "openssl s_client". Accepted are UTF-8 and UTF-16, with a byte order mark or without, lines that
 * end with LF, CR LF or CR, and blocks that begin on the line on which another one ends. A
 * malformed BEGIN or END line is refused, so that a key is not skipped for a missing dash.
 */
#ifndef VAULT_PKI_PEM_H
#define VAULT_PKI_PEM_H

#include <stdbool.h>
#include <stddef.h>

/* Text or bytes from malloc, with a NUL after them that is not counted. */
typedef struct PkiText
{
	char *data;
	size_t size;
} PkiText;

/* Wipe and free; an empty one is allowed. */
extern void pki_text_free(PkiText *text);

#define PEM_MAX_LABEL  40
#define PEM_MAX_CIPHER 40
#define PEM_MAX_IV     16

typedef struct PemBlock
{
	char label[PEM_MAX_LABEL + 1];   /* empty after the last block */
	bool is_encrypted;               /* in the old way, with the headers Proc-Type and DEK-Info */
	char cipher[PEM_MAX_CIPHER + 1]; /* name from DEK-Info */
	unsigned char iv[PEM_MAX_IV];
	size_t iv_size;
	const char *from; /* the base64, inside the reader's text */
	const char *end;
	PkiText body; /* set by pem_decode() */
} PemBlock;

typedef struct PemReader
{
	const char *at;
	const char *end;
	PkiText converted; /* the text, if it was given as UTF-16 */
} PemReader;

/* Borrow the text until pem_close(). Returns false if out of memory. */
extern bool pem_open(PemReader *reader, const void *text, size_t size);
extern void pem_close(PemReader *reader);

/* Return true if there is a block anywhere in the text. */
extern bool pem_has_block(const PemReader *reader);

/* Return true if the text has this word. */
extern bool pem_has_word(const PemReader *reader, const char *word);

/*
 * Find the next block, which the caller frees, and move after it. Returns NULL, or the rule that is
 * broken. Its headers are read, its body is not decoded yet.
 */
extern const char *pem_next(PemReader *reader, PemBlock *block);

/* Fill the body. Returns NULL, or the rule that is broken. */
extern const char *pem_decode(PemBlock *block);
extern void pem_block_free(PemBlock *block);

/* Write a block with lines of this many characters. Returns false if out of memory. */
extern bool pem_write(const char *label, const void *body, size_t size, size_t line, PkiText *out);

#endif
