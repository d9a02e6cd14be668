/*
 * decision.h
 *		The decisions of the audit trail, and their names in its column.
 *
 * All inline.
 */
#ifndef VAULT_AUDIT_DECISION_H
#define VAULT_AUDIT_DECISION_H

#include "platform/compat.h"

typedef enum AuditDecision
{
	DECISION_NONE,    /* not set; the column refuses it */
	DECISION_ALLOW,   /* the operation was permitted and done */
	DECISION_DENY,    /* it was refused for want of a right */
	DECISION_ERROR,   /* it failed otherwise */
	DECISION_ABORTED, /* it was done, and rolled back */
	DECISION_ALERT    /* an operator or auditor should look at it */
} AuditDecision;

/* Return the name in the column, a constant; NULL for DECISION_NONE. */
static inline const char *
decision_name(AuditDecision decision)
{
	static const char *const names[] = {NULL, "allow", "deny", "error", "aborted", "alert"};

	return names[decision];
}

/* Return true if a column has this decision. */
static inline bool
decision_is(const char *column, AuditDecision decision)
{
	return column && strcmp(column, decision_name(decision)) == 0;
}

#endif
