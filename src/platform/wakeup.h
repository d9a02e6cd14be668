/*
 * wakeup.h
 *		A wakeup in shared memory: who sleeps beside it is woken when it rings.
 *
 * A latch takes a signal for each process that is woken, and a read of each to take it
 * off again; one ring of the wakeup is one system call for all (a futex, see futex(2)).
 * There is no lock.  A sleeper says with its bits what it sleeps for, and is woken by
 * rings with one of them.
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

/* In shared memory, before anybody else can see it. */
extern void wakeup_init(Wakeup *wakeup);

/* Return the count of signals.  Read it before the check that there is a reason to sleep. */
extern uint32 wakeup_count(Wakeup *wakeup);

/*
 * Sleeps until it rings with one of the bits, a signal arrives, or ms have passed.  Returns
 * at once if it has rung, with whatever bits, since `rings` was read.  Serves interrupts before
 * and after, and ends the process if the postmaster is gone.  A signal in the last instructions
 * before the sleep is noticed after it: keep it short.
 */
extern void wakeup_wait(Wakeup *wakeup, uint32 rings, uint32 bits, int ms);

/* Write the data that the sleepers look at before. */
extern void wakeup_signal(Wakeup *wakeup, uint32 bits);

#endif
