/*
 * wakeup.h
 *		A wakeup in shared memory, which wakes the processes that sleep on it.
 *
 * With latches, each process to wake costs one signal and one read. A wakeup costs one system call
 * for all (a futex, see futex(2)). There is no lock. A sleeper passes bits that say what it sleeps
 * for, and a signal with one of them wakes it.
 */
#ifndef VAULT_PLATFORM_WAKEUP_H
#define VAULT_PLATFORM_WAKEUP_H

#include "platform/compat.h"

#include "port/atomics.h"

typedef struct Wakeup
{
	pg_atomic_uint32 rings;
	pg_atomic_uint32 sleepers;
} Wakeup;

/* Initialize a wakeup in shared memory, before other processes can see it. */
extern void wakeup_init(Wakeup *wakeup);

/* Return the count of signals.  Read it before the check that there is a reason to sleep. */
extern uint32 wakeup_count(Wakeup *wakeup);

/*
 * Sleep until a signal with one of the bits, a signal of the operating system, or until ms have
 * passed. Returns at once if there was a wakeup_signal(), with any bits, since `rings` was read.
 * Serves interrupts before and after, and ends the process if the postmaster is gone. A signal that
 * arrives in the last instructions before the sleep is noticed after it, so keep the sleep short.
 */
extern void wakeup_wait(Wakeup *wakeup, uint32 rings, uint32 bits, int ms);

/* Wake the sleepers. Write the data that they look at before. */
extern void wakeup_signal(Wakeup *wakeup, uint32 bits);

#endif
