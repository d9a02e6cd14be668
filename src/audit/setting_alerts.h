/*
 * setting_alerts.h
 *		Alerts of the settings that are in force, however they came to be.
 */
#ifndef VAULT_AUDIT_SETTING_ALERTS_H
#define VAULT_AUDIT_SETTING_ALERTS_H

#include "platform/compat.h"

/*
 * For the worker: calls tell for what is weaker than the default when it begins, and later for
 * each server-wide value that has changed.  It notices once, so tell must not fail halfway.
 */
extern void
setting_alerts_compare(void (*tell)(const char *operation, const char *kind, const char *reason));

/*
 * What was chosen in this session, by whatever means, that the entry is to tell of now; NULL:
 * nothing, or it has been told.
 */
extern const char *setting_alerts_seen(void);

#endif
