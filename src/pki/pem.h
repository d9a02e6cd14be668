/*
 * pem.h
 *		Text in PEM (RFC 7468), taken apart and put together, and the memory of
 *		what comes out.
 *
 * Plain C without server headers.  Rules are static phrases that hold nothing of the text.
 *
 * What stands around blocks is passed over, as openssl does: Bag Attributes, subject= and what
 * "openssl s_client" prints.  Read are UTF-8 and UTF-16, with a byte order mark or without,
 * lines that end with LF, CR LF or CR, and blocks that begin on the line on which another
 * ends.  What looks like the line of a block and is none is refused, so that no
 * key is passed over for a dash that got lost.
 */
#ifndef VAULT_PKI_PEM_H
#define VAULT_PKI_PEM_H

#include <stdbool.h>
#include <stddef.h>

/* Text or bytes from malloc, with a NUL behind them that is not counted. */
typedef struct PkiText
{
	char *data;
	size_t size;
} PkiText;

/* Wipes and frees; an empty one is allowed. */
extern void pki_text_free(PkiText *text);

#define PEM_MAX_LABEL  40
#define PEM_MAX_CIPHER 40
#define PEM_MAX_IV     16

typedef struct PemBlock
{
	char label[PEM_MAX_LABEL + 1];   /* empty behind the last block */
	bool is_encrypted;               /* the old way, with the headers Proc-Type and DEK-Info */
	char cipher[PEM_MAX_CIPHER + 1]; /* as DEK-Info names it */
	unsigned char iv[PEM_MAX_IV];
	size_t iv_size;
	const char *from; /* the base64, in the reader's text */
	const char *end;
	PkiText body; /* after pem_decode() */
} PemBlock;

typedef struct PemReader
{
	const char *at;
	const char *end;
	PkiText converted; /* the text, if it was given in UTF-16 */
} PemReader;

/* Borrows the text until pem_close(); false if there is no memory. */
extern bool pem_open(PemReader *reader, const void *text, size_t size);
extern void pem_close(PemReader *reader);

/* There is a block somewhere in the text. */
extern bool pem_has_block(const PemReader *reader);

/* The text has this word. */
extern bool pem_has_word(const PemReader *reader, const char *word);

/*
 * Finds the next block, which the caller frees, and moves behind it; or returns the
 * rule that is broken.  Its headers are read, its body is not decoded yet.
 */
extern const char *pem_next(PemReader *reader, PemBlock *block);

/* Fills the body; NULL, or the rule that is broken. */
extern const char *pem_decode(PemBlock *block);
extern void pem_block_free(PemBlock *block);

/* A block in lines of this many characters; false if there is no memory. */
extern bool pem_write(const char *label, const void *body, size_t size, size_t line, PkiText *out);

#endif
