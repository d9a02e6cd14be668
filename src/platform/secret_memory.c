/*
 * secret_memory.c
 *		Buffers and areas that are overwritten when their memory context ends.
 *
 * A context gives its blocks back with free(), which the C library overwrites while
 * M_PERTURB is set.  A library without it (other than glibc) leaves areas as they were.  glibc
 * keeps small pieces for the same thread as they are.  Blocks of contexts are never that small.
 * Pieces of other libraries are, and are wiped at the end of secret_frees_begin().
 *
 * Setting it costs more than a read, so the backend keeps the memory of one area. A call that fits
 * into its first block frees nothing. That block is overwritten in place, as far as it was used.
 */
#include "platform/secret_memory.h"

#include <malloc.h>
#include <stdlib.h>

#include "nodes/memnodes.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* Sizes other than those of contexts whose first block the server keeps for the next context. */
#define AREA_FIRST_BLOCK (4 * 1024)
#define AREA_LAST_BLOCK  (1024 * 1024)

/* Size of the first block of the kept area, and of ErrorContext, including the context's header. */
#define KEPT_BLOCK (8 * 1024)

/* With more pieces than this, overwriting the whole block is cheaper than finding the used part. */
#define MANY_PIECES 32

static MemoryContext kept = NULL;
static bool kept_in_use = false;

/* ---- buffers ---- */

typedef struct SecretBuffer
{
	size_t size; /* size of bytes, all of which are overwritten */
	MemoryContext owner;
	MemoryContextCallback at_end;
	unsigned char bytes[FLEXIBLE_ARRAY_MEMBER];
} SecretBuffer;

StaticAssertDecl(offsetof(SecretBuffer, bytes) % MAXIMUM_ALIGNOF == 0, "bytes are aligned");

static void
wipe_buffer(void *argument)
{
	SecretBuffer *buffer = argument;

	explicit_bzero(buffer->bytes, buffer->size);
}

void *
secret_alloc(size_t size)
{
	SecretBuffer *buffer = palloc_extended(offsetof(SecretBuffer, bytes) + Max(size, 1),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	buffer->size = size;
	buffer->owner = CurrentMemoryContext;
	buffer->at_end.func = wipe_buffer;
	buffer->at_end.arg = buffer;
	MemoryContextRegisterResetCallback(buffer->owner, &buffer->at_end);
	return buffer->bytes;
}

/*
 * Remove a callback. Before version 19 the server has no function for this. Usually the callback is
 * the first one.
 */
static void
remove_callback(MemoryContext context, const MemoryContextCallback *callback)
{
	MemoryContextCallback **link = &context->reset_cbs;

	while (*link && *link != callback)
		link = &(*link)->next;
	if (*link)
		*link = callback->next;
}

void
secret_free(void *bytes)
{
	SecretBuffer *buffer;

	if (bytes == NULL)
		return;
	buffer = (SecretBuffer *) ((char *) bytes - offsetof(SecretBuffer, bytes));
	remove_callback(buffer->owner, &buffer->at_end);
	wipe_buffer(buffer);
	pfree(buffer);
}

text *
secret_text(const void *bytes, size_t size)
{
	text *result = secret_alloc(VARHDRSZ + size);

	SET_VARSIZE(result, VARHDRSZ + size);
	memcpy(VARDATA(result), bytes, size);
	return result;
}

static void
wipe_and_free(void *memory)
{
	explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

void *
secret_adopt(void *memory)
{
	MemoryContextCallback *at_end;

	if (memory == NULL)
		return NULL;
	at_end = palloc_extended(sizeof(MemoryContextCallback), MCXT_ALLOC_NO_OOM);
	if (at_end == NULL)
	{
		wipe_and_free(memory);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	at_end->func = wipe_and_free;
	at_end->arg = memory;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, at_end);
	return memory;
}

/* ---- memory given to free() ---- */

#ifdef M_PERTURB
/* Restore the setting of the environment, which tests use. */
static int
usual_perturbation(void)
{
	static int usual = -1;

	if (usual < 0)
	{
		const char *asked = getenv("MALLOC_PERTURB_");

		usual = asked ? atoi(asked) & 0xff : 0;
	}
	return usual;
}

static void
secret_memory_perturb(int byte)
{
	(void) mallopt(M_PERTURB, byte);
}
#else
static int
usual_perturbation(void)
{
	return 0;
}

static void
secret_memory_perturb(int byte)
{
}
#endif

static int perturbing = 0; /* depth of nested calls */

static void
perturb_begin(void)
{
	if (perturbing++ == 0)
		secret_memory_perturb(0xa5);
}

static void
perturb_end(void)
{
	if (--perturbing == 0)
		secret_memory_perturb(usual_perturbation());
}

/* The C library keeps freed small pieces: their sizes, and how many it keeps of each. */
#define SMALLEST_PIECE 24
#define LARGEST_PIECE  1032
#define PIECE_STEP     16
#define PIECES_KEPT    16 /* 7 before glibc 2.42 */

/* Take all pieces of a size that the C library keeps, and free them wiped. */
static void
wipe_kept_pieces(size_t size)
{
	void *pieces[PIECES_KEPT];

	for (int i = 0; i < PIECES_KEPT; i++)
	{
		pieces[i] = malloc(size);
		if (pieces[i])
			explicit_bzero(pieces[i], malloc_usable_size(pieces[i]));
	}
	for (int i = 0; i < PIECES_KEPT; i++)
		free(pieces[i]);
}

void
secret_frees_begin(void)
{
	perturb_begin();
}

void
secret_frees_end(void)
{
	for (size_t size = SMALLEST_PIECE; size <= LARGEST_PIECE; size += PIECE_STEP)
		wipe_kept_pieces(size);
	perturb_end();
}

/* ---- areas ---- */

/*
 * Return the start of the unused part of a context's only block. New pieces come from there, unless
 * freed pieces fit: those are used up first.
 */
static char *
unused_end(MemoryContext context)
{
	char *end = (char *) context + KEPT_BLOCK;
	MemoryContextCounters counters = {0};
	char *unused = NULL;

	context->methods->stats(context, NULL, NULL, &counters, false);
	if (counters.nblocks > 1 || counters.freechunks > MANY_PIECES)
		return end;
	for (Size i = 0; i <= counters.freechunks; i++)
		unused = Max(unused, (char *) MemoryContextAlloc(context, 1));
	return unused > (char *) context && unused < end ? unused : end;
}

/*
 * Overwrite the first block. A context and its first block are one piece of memory (aset.c), and
 * the context was reset. A server that checks for overruns would report this as one; it overwrites
 * freed memory itself.
 */
static void
wipe_first_block(MemoryContext context, const char *unused)
{
#ifndef MEMORY_CONTEXT_CHECKING
	char *first = MemoryContextAlloc(context, 1);

	memset(first, 0, unused - first);
	MemoryContextReset(context);
#endif
}

/*
 * Empty the kept area. Larger values, and contexts below it, have blocks of their own, which are
 * freed.
 */
static void
empty_kept(void)
{
	bool frees = MemoryContextMemAllocated(kept, true) > KEPT_BLOCK;
	char *unused = unused_end(kept);

	if (frees)
		perturb_begin();
	MemoryContextReset(kept);
	if (frees)
		perturb_end();
	wipe_first_block(kept, unused);
	kept_in_use = false;
}

static bool
may_keep(void)
{
#ifdef MEMORY_CONTEXT_CHECKING
	return false; /* the server would report the wiping as an overrun */
#else
	return !kept_in_use;
#endif
}

static MemoryContext
area_memory(void)
{
	if (!may_keep())
		return AllocSetContextCreate(TopMemoryContext, "vault secrets", 0, AREA_FIRST_BLOCK,
									 AREA_LAST_BLOCK);
	if (kept == NULL)
		kept = AllocSetContextCreate(TopMemoryContext, "vault secrets", 0, KEPT_BLOCK,
									 AREA_LAST_BLOCK);
	kept_in_use = true;
	return kept;
}

static void
end_area(void *area)
{
	secret_area_end(area);
}

/* The memory is not a child of the owner: a child is deleted before the owner's callback runs. */
SecretArea *
secret_area_new(MemoryContext owner)
{
	SecretArea *area = MemoryContextAlloc(owner, sizeof(SecretArea));

	area->memory = area_memory();
	area->has_rows = false;
	area->at_end.func = end_area;
	area->at_end.arg = area;
	MemoryContextRegisterResetCallback(owner, &area->at_end);
	return area;
}

void
secret_area_end(SecretArea *area)
{
	MemoryContext memory = area ? area->memory : NULL;

	if (memory == NULL)
		return;
	area->memory = NULL;
	if (memory == kept)
		empty_kept();
	else
	{
		perturb_begin();
		MemoryContextDelete(memory);
		perturb_end();
	}
	if (area->has_rows)
		perturb_end();
}

MemoryContext
secret_context_new(MemoryContext area, const char *name)
{
	return AllocSetContextCreateInternal(area, name, 0, AREA_FIRST_BLOCK, AREA_LAST_BLOCK);
}

/* The executor frees rows one by one, before the memory that contains them. */
MemoryContext
secret_rows_memory(const ReturnSetInfo *result)
{
	SecretArea *area = secret_area_new(result->econtext->ecxt_per_query_memory);

	area->has_rows = true;
	perturb_begin();
	return area->memory;
}

void
secret_rows_begin(ReturnSetInfo *result, MemoryContext memory)
{
	MemoryContext old = MemoryContextSwitchTo(memory);

	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, MAX_KILOBYTES);
	MemoryContextSwitchTo(old);
}

Datum
secret_area_call(FunctionCallInfo fcinfo, PGFunction body)
{
	MemoryContext context = CurrentMemoryContext;
	SecretArea *area = secret_area_new(context);
	Datum result;

	MemoryContextSwitchTo(area->memory);
	PG_TRY();
	{
		result = body(fcinfo);
	}
	PG_FINALLY();
	{
		/* End the area now: the memory of PL/pgSQL outlives a failed transaction. */
		MemoryContextSwitchTo(context);
		secret_area_end(area);
	}
	PG_END_TRY();
	return result;
}

void
secret_forget_error(void)
{
	perturb_begin();
	FlushErrorState();
	wipe_first_block(ErrorContext, (char *) ErrorContext + KEPT_BLOCK);
	perturb_end();
}
