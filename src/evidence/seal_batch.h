/*
 * seal_batch.h
 *		Collects the rows of one step, by tenant and month until they are sealed, and the rows that
 *		are refused.
 *
 * Rows may come in any order. Memory is bounded: a full seal is appended at once, and above a limit
 * all collected rows are sealed and forgotten. Inside SPI and one transaction.
 */
#ifndef VAULT_EVIDENCE_SEAL_BATCH_H
#define VAULT_EVIDENCE_SEAL_BATCH_H

#include "platform/compat.h"

#include "utils/hsearch.h"

#include "audit/audit_row.h"
#include "evidence/seal.h"

typedef struct SealBatch
{
	MemoryContext memory;
	HTAB *groups;  /* by tenant and month */
	HTAB *refused; /* by tenant */
	HTAB *missing; /* by tenant */
	int64 rows;    /* collected and not sealed yet */
	int64 refused_rows;
	int64 seals; /* number of seals appended */
	Seal head;   /* last seal of the tenant whose rows were sealed last */
	bool has_head;
} SealBatch;

/* Create a batch. It lives in the current memory context. */
extern SealBatch *seal_batch_begin(void);

extern void seal_batch_add(SealBatch *batch, const AuditRow *row, StringInfo line);
extern void seal_batch_add_refused(SealBatch *batch, const AuditRow *row);

/* Seal the collected rows, in the order of tenant and month. */
extern void seal_batch_seal(SealBatch *batch);

/* Add missing rows of a tenant; NULL if the tenant is not known. */
extern void seal_batch_add_missing(SealBatch *batch, const pg_uuid_t *tenant, int64 rows);

/* Append a seal for each tenant with missing rows. It holds their number. */
extern void seal_batch_seal_missing(SealBatch *batch);

/*
 * Write one alert for each tenant with refused rows, which names some of their ids, and one for
 * each tenant with missing rows.
 */
extern void seal_batch_alert(SealBatch *batch);

#endif
