/*
 * harden.h
 *		Keeps other processes of the server's user out of the server's memory.
 */
#ifndef VAULT_PLATFORM_HARDEN_H
#define VAULT_PLATFORM_HARDEN_H

/*
 * Set PR_SET_DUMPABLE to 0, which all children inherit: no core files, no ptrace, no /proc/PID/mem
 * for COPY … PROGRAM. vault.allow_core_dumps disables it. Preload only.
 */
extern void harden_process(void);

#endif
