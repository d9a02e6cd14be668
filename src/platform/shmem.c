/*
 * shmem.c
 *		Registers and attaches shared memory.
 */
#include "platform/shmem.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#define MAX_AREAS 16

typedef struct Area
{
	const char *name;
	Size size;
	ShmemInit init;
	ShmemForget forget;
	void **pointer;
} Area;

static Area areas[MAX_AREAS];
static int area_count = 0;
static LWLock *root_lock = NULL;

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

void
shmem_register(const char *name, Size size, ShmemInit init, ShmemForget forget, void **pointer)
{
	if (area_count == MAX_AREAS)
		elog(FATAL, "more than %d areas of shared memory", MAX_AREAS);
	areas[area_count++] = (Area){name, size, init, forget, pointer};
}

void
shmem_forget(void)
{
	for (int i = 0; i < area_count; i++)
		if (areas[i].forget)
			areas[i].forget();
}

static void
shmem_request(void)
{
	if (previous_request)
		previous_request();
	for (int i = 0; i < area_count; i++)
		RequestAddinShmemSpace(MAXALIGN(areas[i].size));
	RequestNamedLWLockTranche("vault", 1);
}

static void
shmem_startup(void)
{
	if (previous_startup)
		previous_startup();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	root_lock = &GetNamedLWLockTranche("vault")->lock;
	for (int i = 0; i < area_count; i++)
	{
		bool found;

		*areas[i].pointer = ShmemInitStruct(areas[i].name, areas[i].size, &found);
		if (!found)
		{
			memset(*areas[i].pointer, 0, areas[i].size);
			if (areas[i].init)
				areas[i].init(*areas[i].pointer);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

void
shmem_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

bool
shmem_is_ready(void)
{
	return root_lock != NULL;
}

LWLock *
shmem_root_lock(void)
{
	return root_lock;
}
