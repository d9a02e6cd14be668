/*
 * log.h
 *		Redacts what is about to be logged.
 */
#ifndef VAULT_REDACTION_LOG_H
#define VAULT_REDACTION_LOG_H

#include "platform/compat.h"

/* Installs the hook.  Preload only. */
extern void log_init(void);

#endif
