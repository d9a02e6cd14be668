/*
 * secret_memory.h
 *		Memory of plaintext, keys and credentials, which is overwritten however its owner ends.
 *
 * An error skips the rest of the code that it interrupts. A secret that only that code wipes would
 * stay in memory. Here the owner is a memory context, which ends on every way out:
 *
 *	- a SecretBuffer is one piece of known size, for data that the vault's own code keeps:
 *	  freeing it wipes it;
 *	- a SecretArea is a memory context, for work with code of the server that makes unknown
 *	  copies, such as that of jsonb.
 *
 * Results are copied out of an area. No buffer is freed with pfree().
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
	MemoryContext memory; /* NULL after its end */
	bool has_rows;        /* true if memory that is freed before the end is overwritten */
	MemoryContextCallback at_end;
} SecretArea;

/* Return a context that ends with its owner, and is then overwritten with all its contents. */
extern SecretArea *secret_area_new(MemoryContext owner);

/* End the area now. NULL, and an area that has ended, are allowed. */
extern void secret_area_end(SecretArea *area);

/*
 * Return a context below that of an area, for repeated work. The first block of a context with the
 * server's usual sizes would be kept for the next context without being wiped.
 */
extern MemoryContext secret_context_new(MemoryContext area, const char *name);

/*
 * Return memory for the rows of a function that returns a set. It is overwritten when the query
 * ends. Memory that the executor frees before is overwritten too.
 */
extern MemoryContext secret_rows_memory(const ReturnSetInfo *result);

/*
 * Begin the rows in that memory, or begin them again. They stay in memory even above work_mem,
 * because a temporary file would contain plaintext. The caller sets returnMode and setDesc.
 */
extern void secret_rows_begin(ReturnSetInfo *result, MemoryContext memory);

/*
 * Call a function of the vault that SQL calls inside a call, with an area as its memory. It returns
 * by value.
 */
extern Datum secret_area_call(FunctionCallInfo fcinfo, PGFunction body);

/* Do what FlushErrorState() does, for an error whose texts may contain a value. */
extern void secret_forget_error(void);

/*
 * Between these two, memory that is given to free() is overwritten, for libraries that do not wipe.
 * They nest. The end costs about as much as a login.
 */
extern void secret_frees_begin(void);
extern void secret_frees_end(void);

#endif
