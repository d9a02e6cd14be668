/*
 * wakeup.c
 *		Wakes processes with futexes.
 */
#include "platform/wakeup.h"

#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/wait_event.h"

StaticAssertDecl(sizeof(pg_atomic_uint32) == sizeof(uint32), "the kernel reads the bare word");

void
wakeup_init(Wakeup *wakeup)
{
	pg_atomic_init_u32(&wakeup->rings, 0);
	pg_atomic_init_u32(&wakeup->sleepers, 0);
}

uint32
wakeup_count(Wakeup *wakeup)
{
	uint32 rings = pg_atomic_read_u32(&wakeup->rings);

	pg_read_barrier();
	return rings;
}

/*
 * Return the time at which the wait ends. With bits, the kernel expects a time instead of a
 * duration.
 */
static struct timespec
moment_in(int ms)
{
	struct timespec moment;

	clock_gettime(CLOCK_MONOTONIC, &moment);
	moment.tv_sec += ms / 1000;
	moment.tv_nsec += (ms % 1000) * 1000000L;
	if (moment.tv_nsec >= 1000000000L)
	{
		moment.tv_sec++;
		moment.tv_nsec -= 1000000000L;
	}
	return moment;
}

void
wakeup_wait(Wakeup *wakeup, uint32 rings, uint32 bits, int ms)
{
	struct timespec until;

	CHECK_FOR_INTERRUPTS();
	until = moment_in(ms);
	pgstat_report_wait_start(PG_WAIT_EXTENSION);
	pg_atomic_fetch_add_u32(&wakeup->sleepers, 1);
	/* With a time, a signal ends the wait even if its handler restarts system calls. */
	(void) syscall(SYS_futex, &wakeup->rings, FUTEX_WAIT_BITSET, rings, &until, NULL, bits);
	pg_atomic_fetch_sub_u32(&wakeup->sleepers, 1);
	pgstat_report_wait_end();
	if (!PostmasterIsAlive())
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
}

void
wakeup_signal(Wakeup *wakeup, uint32 bits)
{
	pg_atomic_fetch_add_u32(&wakeup->rings, 1);
	if (pg_atomic_read_u32(&wakeup->sleepers) > 0)
		(void) syscall(SYS_futex, &wakeup->rings, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, bits);
}
