/*
 * log.h
 *		Redacts what is about to be logged.
 */
#ifndef VAULT_REDACTION_LOG_H
#define VAULT_REDACTION_LOG_H

#include "platform/compat.h"

/* Installs the hook.  Preload only. */
extern void log_init(void);

/*
 * Mark an error from inside a call before it is thrown again.  Errors that PL/pgSQL of vault_data
 * has raised, and those without arguments, count as the vault's own.
 */
extern void log_mark_own(ErrorData *error);

#endif
