/*
 * redaction.h
 *		Removes text, parameters, plans and contexts of statements that use the vault from the log,
 *		from pg_stat_activity and from statistics.
 */
#ifndef VAULT_REDACTION_REDACTION_H
#define VAULT_REDACTION_REDACTION_H

#include "platform/compat.h"

/* Install the hooks. Preload only. */
extern void redaction_init(void);

/*
 * Note that the session has used the vault or got a token. Its current command is redacted from
 * here on and, with vault.redaction = strict, all later ones. Cheap; never raises.
 */
extern void redaction_session_holds_secrets(void);

#endif
