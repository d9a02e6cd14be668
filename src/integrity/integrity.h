/*
 * integrity.h
 *		MACs of the rows that decide about identities, access and current versions: tenants,
 *		principals, bindings, grants, the heads of secrets and their versions.
 *
 * A row trigger (vault_data.authenticate_row) writes revision and mac inside the entry. Outside it
 * leaves them unchanged, so the mac of a row that was changed directly is wrong. Code that acts on
 * such a row checks it here first.
 *
 * The mac covers every column before "revision", and the revision. A new column of such a table
 * that decides something must stand before it, any other column after "mac". The data is the
 * table's name, the number of columns, and each column as text or big-endian bytes with its length
 * before it.
 */
#ifndef VAULT_INTEGRITY_INTEGRITY_H
#define VAULT_INTEGRITY_INTEGRITY_H

#include "platform/compat.h"

#include "platform/tables.h"

/*
 * Return true if the current row of the scan is as the vault wrote it. Raises VT001 while sealed.
 */
extern bool row_is_authentic(TableScan *scan, TableId table);

/* Return kind and id of the row, for the error. */
extern char *row_label(TableScan *scan, TableId table);

/* Raise VT004: the row with this label was changed. */
VAULT_NORETURN extern void row_refuse(const char *label);

/* Raises VT004 unless the current row of the scan is authentic. */
extern void row_require_authentic(TableScan *scan, TableId table);

/* Return NULL if the row of this tenant is authentic, else its label. */
extern char *tenant_row_fault(const pg_uuid_t *tenant);

extern void integrity_init(void);

#endif
