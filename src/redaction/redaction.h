/*
 * redaction.h
 *		Redact the server's output about statements that use the vault: not their text,
 *		parameters, plans and contexts, in the log, pg_stat_activity and statistics.
 */
#ifndef VAULT_REDACTION_REDACTION_H
#define VAULT_REDACTION_REDACTION_H

#include "platform/compat.h"

/* Installs the hooks.  Preload only. */
extern void redaction_init(void);

/*
 * The session has just used the vault, or got a token: its present command is
 * redacted from here on and, with vault.redaction = strict, all that follow.
 * Cheap; never raises.
 */
extern void redaction_session_holds_secrets(void);

#endif
