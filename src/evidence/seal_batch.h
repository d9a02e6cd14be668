/*
 * seal_batch.h
 *		The rows of one step, by tenant and month until they are sealed, and those that are
 *		refused.
 *
 * Rows may come in any order.  What is at hand is bounded: a full seal is made at once, and when
 * there are many rows all of them are sealed and forgotten.  Inside SPI and one transaction.
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
	int64 rows;    /* at hand */
	int64 refused_rows;
	int64 seals; /* that were made */
	Seal head;   /* of the tenant that was sealed last */
	bool has_head;
} SealBatch;

/* Lives in the present memory context. */
extern SealBatch *seal_batch_begin(void);

extern void seal_batch_add(SealBatch *batch, const AuditRow *row, StringInfo line);
extern void seal_batch_add_refused(SealBatch *batch, const AuditRow *row);

/* Seals what is at hand, by tenant and month. */
extern void seal_batch_seal(SealBatch *batch);

/* Of the tenant; NULL: nobody knows of which. */
extern void seal_batch_add_missing(SealBatch *batch, const pg_uuid_t *tenant, int64 rows);

/* A seal that says how many, for each tenant of which rows are missing. */
extern void seal_batch_seal_missing(SealBatch *batch);

/* One alert for the refused rows of each tenant, with some of their ids, and for missing ones. */
extern void seal_batch_alert(SealBatch *batch);

#endif
