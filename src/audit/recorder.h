/*
 * recorder.h
 *		What must be in the trail whatever becomes of the transaction: reads, refusals,
 *		failures, calls that changed nothing, and changes that were rolled back.
 */
#ifndef VAULT_AUDIT_RECORDER_H
#define VAULT_AUDIT_RECORDER_H

#include "platform/compat.h"

#include "audit/audit_row.h"
#include "context/call.h"

/* A secret whose value the present call is about to return. */
typedef struct AuditRead
{
	const char *secret; /* without NUL */
	size_t secret_size;
	const char *environment;
	size_t environment_size;
	const pg_uuid_t *id;
	int version;
	const pg_uuid_t *grant;
	const char *reason; /* may be NULL */
} AuditRead;

/*
 * Records it, and waits until all that this call recorded is as safe as
 * vault.audit_mode asks; true: that took a while, in which what was decided can have changed.
 * Raise VT011 if it cannot be had in vault.audit_timeout.
 */
extern void audit_read(const AuditRead *release);
extern bool audit_await_reads(void);

/*
 * The entry reports each call: recorder_begin() before anything is checked, then one of the others.
 * recorder_passed() comes after the entry was closed.  It raises if the call must not succeed
 * without its record, and returns true if it has waited.  recorder_failed() gets the error that is
 * about to be raised: the transaction is aborted, so it reads no table.
 */
extern void recorder_begin(void);
extern bool recorder_passed(const VaultCall *call);
extern void recorder_failed(const VaultCall *call, const ErrorData *error);

/* A row was written in the present transaction: if that is rolled back, the trail says so. */
extern void recorder_add(const AuditRow *row);

/*
 * The present transaction makes this tenant.  Until it commits, what fails in it or is rolled back
 * is told in the trail without a tenant: otherwise one that never was would have a chain.
 */
extern void recorder_new_tenant(const pg_uuid_t *tenant);

extern void recorder_init(void);

#endif
