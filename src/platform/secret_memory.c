/*
 * secret_memory.c
 *		Buffers and areas that are overwritten when their memory context ends.
 *
 * A context gives its blocks back with free(), which the C library overwrites while
 * M_PERTURB is set; a library without it (other than glibc) leaves areas as they were.
 *
 * To set it costs more than a read, so the backend keeps the memory of one area.  A call that
 * fits into its first block frees nothing, and that block is overwritten in place, as far as it
 * was used.
 */
#include "platform/secret_memory.h"

#include <malloc.h>
#include <stdlib.h>

#include "utils/memutils.h"

/* Other than those of contexts whose first block the server keeps for the next one. */
#define AREA_FIRST_BLOCK (4 * 1024)
#define AREA_LAST_BLOCK  (1024 * 1024)

/* The first block of the area that is kept, and of ErrorContext; the context's header included. */
#define KEPT_BLOCK (8 * 1024)

/* From here on it is cheaper to overwrite the whole block than to find out how much was used. */
#define MANY_PIECES 32

static MemoryContext kept = NULL;
static bool kept_in_use = false;

static void
wipe_buffer(void *buffer)
{
	secret_buffer_wipe(buffer);
}

SecretBuffer *
secret_buffer_new(size_t size)
{
	SecretBuffer *buffer = palloc(sizeof(SecretBuffer));

	buffer->bytes = palloc_extended(Max(size, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	buffer->size = size;
	buffer->at_end.func = wipe_buffer;
	buffer->at_end.arg = buffer;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &buffer->at_end);
	return buffer;
}

void
secret_buffer_wipe(SecretBuffer *buffer)
{
	explicit_bzero(buffer->bytes, buffer->size);
}

void *
secret_alloc(size_t size)
{
	return secret_buffer_new(size)->bytes;
}

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

void
secret_frees_begin(void)
{
	if (perturbing++ == 0)
		secret_memory_perturb(0xa5);
}

void
secret_frees_end(void)
{
	if (--perturbing == 0)
		secret_memory_perturb(usual_perturbation());
}

/*
 * Return the start of the part of a context's only block that was never used.  New pieces
 * come from there, unless others that fit were given back: these are used up.
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
 * A context and its first block are one piece of memory (aset.c).  Nothing is in it: it was reset.
 * A server that looks for overruns would take this for one, and overwrites by itself what is freed.
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

/* Larger values and contexts below it have blocks of their own, which are freed. */
static void
empty_kept(void)
{
	bool frees = MemoryContextMemAllocated(kept, true) > KEPT_BLOCK;
	char *unused = unused_end(kept);

	if (frees)
		secret_frees_begin();
	MemoryContextReset(kept);
	if (frees)
		secret_frees_end();
	wipe_first_block(kept, unused);
	kept_in_use = false;
}

static bool
may_keep(void)
{
#ifdef MEMORY_CONTEXT_CHECKING
	return false; /* it would take the wiping for an overrun */
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

/* A child of its owner would be gone before the owner's callback. */
SecretArea *
secret_area_new(MemoryContext owner)
{
	SecretArea *area = MemoryContextAlloc(owner, sizeof(SecretArea));

	area->memory = area_memory();
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
	{
		empty_kept();
		return;
	}
	secret_frees_begin();
	MemoryContextDelete(memory);
	secret_frees_end();
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
		/* Now: the memory of PL/pgSQL outlives a transaction that has failed. */
		MemoryContextSwitchTo(context);
		secret_area_end(area);
	}
	PG_END_TRY();
	return result;
}

void
secret_forget_error(void)
{
	secret_frees_begin();
	FlushErrorState();
	wipe_first_block(ErrorContext, (char *) ErrorContext + KEPT_BLOCK);
	secret_frees_end();
}
