/*
 * gather.h
 *		The rows of one step, by tenant and month until they are sealed, and those that are
 *		refused.
 *
 * Rows may come in any order.  What is at hand is bounded: a full seal is made at once, and when
 * there are many rows all of them are sealed and forgotten.  Inside SPI and one transaction.
 */
#ifndef VAULT_EVIDENCE_GATHER_H
#define VAULT_EVIDENCE_GATHER_H

#include "platform/compat.h"

#include "utils/hsearch.h"

#include "audit/record.h"
#include "evidence/seal.h"

typedef struct Gathering
{
	MemoryContext memory;
	HTAB	   *groups;			/* by tenant and month */
	HTAB	   *refused;		/* by tenant */
	HTAB	   *missing;		/* by tenant */
	int64		rows;			/* at hand */
	int64		refused_rows;
	int64		seals;			/* that were made */
	Seal		head;			/* of the tenant that was sealed last */
	bool		has_head;
} Gathering;

/* Lives in the present memory context. */
extern Gathering *gather_begin(void);

extern void gather_row(Gathering *gathering, const AuditRow *row, StringInfo line);
extern void gather_refused(Gathering *gathering, const AuditRow *row);

/* Seals what is at hand, by tenant and month. */
extern void gather_seal(Gathering *gathering);

/* Of the tenant; NULL: nobody knows of which. */
extern void gather_missing(Gathering *gathering, const pg_uuid_t *tenant, int64 rows);

/* A seal that says how many, for each tenant of which rows are missing. */
extern void gather_seal_missing(Gathering *gathering);

/* One alert for the refused rows of each tenant, with some of their ids, and for missing ones. */
extern void gather_alert(Gathering *gathering);

#endif
