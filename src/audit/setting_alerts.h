/*
 * setting_alerts.h
 *		Alerts of weakened settings in force, from any source.
 *
 */
#ifndef VAULT_AUDIT_SETTING_ALERTS_H
#define VAULT_AUDIT_SETTING_ALERTS_H

#include "platform/compat.h"

/*
 * Call `tell` for each setting that is weaker than the default, the first time, and later for each
 * server-wide value that has changed.  Each change is reported once, so tell must raise before it
 * has written, or succeed.  For the worker.
 */
extern void
setting_alerts_compare(void (*tell)(const char *operation, const char *kind, const char *reason));

/*
 * Return the text of an alert that the entry must write because of a setting chosen in this
 * session, from any source.  NULL if there is none, or if it was returned before.
 */
extern const char *setting_alerts_seen(void);

#endif
