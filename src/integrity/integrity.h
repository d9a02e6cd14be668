/*
 * integrity.h
 *		MACs of the rows that decide who is who, who may do what and which version
 *		counts: tenants, principals, bindings, grants, the heads of secrets and their versions.
 *
 * A row trigger (vault_data.authenticate_row) writes revision and mac inside the
 * entry and leaves them as they are outside, so that a row changed directly no
 * longer fits its mac.  Whoever acts on such a row asks here first.
 *
 * The mac covers every column before "revision", and the revision: whatever is
 * added to one of these tables and decides something stands before it, the rest
 * after "mac".  The data is the table's name, the number of columns, and each
 * column as text or big-endian bytes with its length before it.
 */
#ifndef VAULT_INTEGRITY_INTEGRITY_H
#define VAULT_INTEGRITY_INTEGRITY_H

#include "platform/compat.h"

#include "platform/tables.h"

/* Return true if the scan's present row is as vault wrote it.  Raises VT001 while sealed. */
extern bool row_is_authentic(TableScan *scan, TableId table);

/* Its kind and id, for the error. */
extern char *row_label(TableScan *scan, TableId table);

/* VT004: the row of this label was changed. */
VAULT_NORETURN extern void row_refuse(const char *label);

/* Raises VT004 unless the scan's present row is authentic. */
extern void row_require_authentic(TableScan *scan, TableId table);

/* NULL if the row of this tenant is authentic, else its label. */
extern char *tenant_row_fault(const pg_uuid_t *tenant);

extern void integrity_init(void);

#endif
