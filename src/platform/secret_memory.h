/*
 * secret_memory.h
 *		Memory of plaintext, keys and credentials, which is overwritten however its owner ends.
 *
 * An error jumps over the rest of the code that raised it.  What is wiped only by that code stays
 * behind.  Here the owner is a memory context, which ends on every way out:
 *
 *	- a SecretBuffer is one piece of known size, for what code of the vault itself keeps: to free
 *	  it is to wipe it;
 *	- a SecretArea is a memory context, for work with code of the server that makes copies of
 *	  which nobody knows, such as that of jsonb.
 *
 * What leaves an area is copied out of it.  No buffer is freed with pfree().
 */
#ifndef VAULT_PLATFORM_SECRET_MEMORY_H
#define VAULT_PLATFORM_SECRET_MEMORY_H

#include "platform/compat.h"

#include "nodes/execnodes.h"
#include "fmgr.h"

/*
 * Return the bytes of a new buffer: zeros that the present context owns, and wipes when it is reset
 * or deleted.
 */
extern void *secret_alloc(size_t size);

/* Wipe and free a buffer before its context ends.  NULL is allowed. */
extern void secret_free(void *bytes);

/* Return a text in a new buffer. */
extern text *secret_text(const void *bytes, size_t size);

/*
 * Give memory from malloc() to the present context, which wipes and frees it at its end.  Returns
 * the memory.  NULL stays NULL.  If there is no memory to keep a note of it, the memory is wiped
 * and freed before the error.
 */
extern void *secret_adopt(void *memory);

typedef struct SecretArea
{
	MemoryContext memory; /* NULL: it has ended */
	bool has_rows;        /* true if what is freed meanwhile is overwritten */
	MemoryContextCallback at_end;
} SecretArea;

/* Return a context that ends with its owner, and is overwritten whatever it then holds. */
extern SecretArea *secret_area_new(MemoryContext owner);

/* End the area now.  NULL, and one that has ended, are allowed. */
extern void secret_area_end(SecretArea *area);

/*
 * Return a context below that of an area, for work that comes again and again.  Of a context of the
 * server's usual sizes the first block would be kept for the next one, unwiped.
 */
extern MemoryContext secret_context_new(MemoryContext area, const char *name);

/*
 * Return memory for the rows of a function that returns a set.  It is overwritten when the query
 * ends.  Until then, what the executor frees is overwritten, too.
 */
extern MemoryContext secret_rows_memory(const ReturnSetInfo *result);

/*
 * Begin the rows, or begin them again, in that memory.  They stay there whatever work_mem is: a
 * temporary file would have plaintext.  The caller sets returnMode and setDesc.
 */
extern void secret_rows_begin(ReturnSetInfo *result, MemoryContext memory);

/*
 * Call a function of the vault that is called from SQL inside a call, with an area as its memory.
 * It returns by value.
 */
extern Datum secret_area_call(FunctionCallInfo fcinfo, PGFunction body);

/* Do what FlushErrorState() does, for an error whose texts may hold a value. */
extern void secret_forget_error(void);

/*
 * Between these two, what free() is given is overwritten: for libraries that do not wipe.  They
 * nest.  The end costs about as much as a login.
 */
extern void secret_frees_begin(void);
extern void secret_frees_end(void);

#endif
