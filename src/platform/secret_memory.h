/*
 * secret_memory.h
 *		Memory of plaintext, keys and credentials, overwritten however its owner ends.
 *
 * An error jumps over whatever stands behind it, so nothing that is wiped by the code that
 * used it is wiped always.  Here the owner is a memory context, which goes on every way out:
 *
 *	- a SecretBuffer is one piece of known size, for what code of vault's own keeps;
 *	- a SecretArea is a memory context, for work with code of the server that makes copies of
 *	  which nobody knows, such as that of jsonb.
 *
 * What leaves an area is copied out of it.  Nothing of a buffer is freed with pfree().
 */
#ifndef VAULT_PLATFORM_SECRET_MEMORY_H
#define VAULT_PLATFORM_SECRET_MEMORY_H

#include "platform/compat.h"

#include "utils/palloc.h"

typedef struct SecretBuffer
{
	unsigned char *bytes;
	size_t size; /* all of which is overwritten */
	MemoryContextCallback at_end;
} SecretBuffer;

/* Zeros, owned by the present context, and wiped when that is reset or deleted. */
extern SecretBuffer *secret_buffer_new(size_t size);

/* Now; it may come again. */
extern void secret_buffer_wipe(SecretBuffer *buffer);

/* The bytes of a new buffer, where its end is its owner's. */
extern void *secret_alloc(size_t size);

typedef struct SecretArea
{
	MemoryContext memory; /* NULL: it has ended */
	MemoryContextCallback at_end;
} SecretArea;

/* A context that goes with its owner, whatever it then holds. */
extern SecretArea *secret_area_new(MemoryContext owner);

/* Now.  NULL, and one that has ended, are allowed. */
extern void secret_area_end(SecretArea *area);

/*
 * Calls a function of vault's own that is called from SQL inside a call, with an area as its
 * memory.  It returns by value.
 */
extern Datum secret_area_call(FunctionCallInfo fcinfo, PGFunction body);

/* FlushErrorState(), for an error whose texts may hold a value. */
extern void secret_forget_error(void);

/* Between these two, what free() is given is overwritten: for libraries that do not wipe. */
extern void secret_frees_begin(void);
extern void secret_frees_end(void);

#endif
