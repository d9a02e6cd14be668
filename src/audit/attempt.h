/*
 * attempt.h
 *		What must be in the trail whatever becomes of the transaction: reads, refusals,
 *		failures, calls that changed nothing, and changes that were rolled back.
 */
#ifndef VAULT_AUDIT_ATTEMPT_H
#define VAULT_AUDIT_ATTEMPT_H

#include "platform/compat.h"

#include "audit/record.h"

/* A secret whose value the open door is about to return. */
typedef struct Release
{
	const char *secret;			/* without NUL */
	size_t		secret_size;
	const char *environment;
	size_t		environment_size;
	const pg_uuid_t *id;
	int			version;
	const pg_uuid_t *grant;
	const char *reason;			/* may be NULL */
} Release;

/*
 * Records it, and waits until all that this call recorded is as safe as
 * vault.audit_mode asks; true: that took a while, in which what was decided can have changed.
 * Raise VT011 if it cannot be had in vault.audit_timeout.
 */
extern void audit_release(const Release *release);
extern bool audit_await_releases(void);

/* A row was written in the present transaction: if that is rolled back, the trail says so. */
extern void attempt_note(const AuditRow *row);

/*
 * The present transaction makes this tenant.  Until it commits, what fails in it or is rolled back
 * is told in the trail without a tenant: otherwise one that never was would have a chain.
 */
extern void attempt_new_tenant(const pg_uuid_t *tenant);

extern void attempt_init(void);

#endif
