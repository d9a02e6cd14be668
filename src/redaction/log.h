/*
 * log.h
 *		Redacts messages before they are logged.
 */
#ifndef VAULT_REDACTION_LOG_H
#define VAULT_REDACTION_LOG_H

#include "platform/compat.h"

/* Install the hook. Preload only. */
extern void log_init(void);

/*
 * Mark an error of a call before it is thrown again. Errors that PL/pgSQL functions of vault_data
 * have raised count as the vault's own, and so do those without arguments.
 */
extern void log_mark_own(ErrorData *error);

#endif
