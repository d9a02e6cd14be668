/*
 * harden.h
 *		Keeps other processes of the server's user out of its memory.
 */
#ifndef VAULT_PLATFORM_HARDEN_H
#define VAULT_PLATFORM_HARDEN_H

/*
 * PR_SET_DUMPABLE 0, inherited by every child: no core files, no ptrace, no
 * /proc/PID/mem for COPY … PROGRAM.  Preload only; vault.allow_core_dumps
 * leaves it out.
 */
extern void harden_process(void);

#endif
