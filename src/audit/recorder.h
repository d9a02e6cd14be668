/*
 * recorder.h
 *		Records that must be in the audit trail even if the transaction is rolled back: reads,
 *		refusals, failures, calls that changed nothing, and changes that were rolled back.
 *
 * The records go to the ring (audit/ring.h), from which a worker writes them.  Each backend records
 * for itself; only the ring is shared.
 */
#ifndef VAULT_AUDIT_RECORDER_H
#define VAULT_AUDIT_RECORDER_H

#include "platform/compat.h"

#include "audit/audit_row.h"
#include "context/call.h"

/* A read: the secret whose value the current call is about to return. */
typedef struct AuditRead
{
	const char *secret; /* not terminated by NUL */
	size_t secret_size;
	const char *environment;
	size_t environment_size;
	const pg_uuid_t *id;
	int version;
	const pg_uuid_t *grant;
	const char *reason; /* may be NULL */
} AuditRead;

/*
 * audit_read() records a read.  audit_await_reads() waits until all records of the call are as safe
 * as vault.audit_mode asks; it returns true if that took a while, in which the decision can have
 * changed.  Both raise VT011 if that cannot be had within vault.audit_timeout.
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

/* Remember a row that this transaction has written, to record its rollback if it comes to that. */
extern void recorder_add(const AuditRow *row);

/*
 * Remember that this transaction makes a tenant.  Until it commits, failures and rollbacks in it
 * are recorded without a tenant: a tenant that never existed must not have a chain of its own.
 */
extern void recorder_new_tenant(const pg_uuid_t *tenant);

/* Registers the callbacks at the ends of transactions.  Preload only. */
extern void recorder_init(void);

#endif
