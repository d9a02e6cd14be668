/*
 * pem.h
 *		Text in PEM (RFC 7468), taken apart and put together, and the memory of
 *		what comes out.
 *
 * Plain C without server headers.  Rules are static phrases that hold nothing of the text.
 */
#ifndef VAULT_PKI_PEM_H
#define VAULT_PKI_PEM_H

#include <stdbool.h>
#include <stddef.h>

/* Text or bytes from malloc, with a NUL behind them that is not counted. */
typedef struct PkiText
{
	char	   *data;
	size_t		size;
} PkiText;

/* Wipes and frees; an empty one is allowed. */
extern void pki_text_free(PkiText *text);

#define PEM_MAX_LABEL 40

typedef struct PemBlock
{
	char		label[PEM_MAX_LABEL + 1];	/* empty behind the last block */
	bool		has_headers;	/* as keys that are encrypted the old way have */
	PkiText		body;			/* decoded; with headers the whole block as it is */
} PemBlock;

typedef struct PemReader
{
	const char *at;
	const char *end;
} PemReader;

/* There is a block somewhere in the text. */
extern bool pem_looks_like(const void *text, size_t size);

/*
 * Reads the next block, which the caller frees, and moves behind it; or returns the
 * rule that is broken.  Text before a block is passed over as far as it has no
 * dashes in a row; behind the last one there is white space only.
 */
extern const char *pem_next(PemReader *reader, PemBlock *block);
extern void pem_block_free(PemBlock *block);

/* A block in lines of this many characters; false if there is no memory. */
extern bool pem_write(const char *label, const void *body, size_t size, size_t line, PkiText *out);

#endif
