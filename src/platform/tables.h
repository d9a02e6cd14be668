/*
 * tables.h
 *		Direct access to the extension's tables: which exist, how they are laid
 *		out, and an index scan without an executor.
 *
 * A direct scan passes by privileges and row security.  Only code that has
 * already decided who may see what uses it, and its key starts with the tenant
 * that the entry resolved, unless it is what resolves the tenant.
 */
#ifndef VAULT_PLATFORM_TABLES_H
#define VAULT_PLATFORM_TABLES_H

#include "platform/compat.h"

#include "access/relscan.h"
#include "executor/tuptable.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

typedef enum TableId
{
	TABLE_INSTANCE,
	TABLE_ROOT_KEY,
	TABLE_ORIGIN,
	TABLE_TENANT,
	TABLE_TENANT_KEY,
	TABLE_PRINCIPAL,
	TABLE_PRINCIPAL_BINDING,
	TABLE_ROLE_RESERVATION,
	TABLE_ACCESS_GRANT,
	TABLE_TOKEN_ISSUER,
	TABLE_EXTERNAL_SUBJECT,
	TABLE_GROUP_ROLE,
	TABLE_TOKEN_ROLE,
	TABLE_ISSUED_TOKEN,
	TABLE_AUDIT_POLICY,
	TABLE_ROLE_MEMBER,
	TABLE_SECRET_TYPE,
	TABLE_TYPE_POLICY,
	TABLE_SECRET,
	TABLE_SECRET_VERSION,
	TABLE_ROTATION_SCHEDULE,
	TABLE_ROTATION,
	TABLE_ROTATION_ROLE,
	TABLE_AUDIT_LOG,
	TABLE_AUDIT_SEAL,
	INDEX_ORIGIN, /* (id) */
	TABLE_AUDIT_PROGRESS,
	INDEX_TENANT,           /* (id) */
	INDEX_TENANT_NAME,      /* (name) of tenants that are not destroyed */
	INDEX_TENANT_KEY,       /* (tenant_id, generation) */
	INDEX_PRINCIPAL,        /* (tenant_id, id) */
	INDEX_PRINCIPAL_NAME,   /* (tenant_id, name) */
	INDEX_BINDING_ROLE,     /* (db_role) */
	INDEX_ROLE_RESERVATION, /* (role_name) */
	INDEX_GRANT_PRINCIPAL,  /* (tenant_id, principal_id) */
	INDEX_TOKEN_ISSUER,     /* (tenant_id, id) */
	INDEX_SUBJECT,          /* (tenant_id, issuer_id, subject, match) */
	INDEX_SUBJECT_PATTERN,  /* (tenant_id, issuer_id) of patterns */
	INDEX_GROUP_ROLE,       /* (tenant_id, issuer_id, group_name, role_id) */
	INDEX_TOKEN_ROLE,       /* (db_role) */
	INDEX_ISSUED_TOKEN,     /* (tenant_id, id) */
	INDEX_MEMBER_ROLES,     /* (tenant_id, member_id) */
	INDEX_SECRET_TYPE_NAME, /* (name) */
	INDEX_TYPE_POLICY,      /* (tenant_id, type) */
	INDEX_SECRET_NAME,      /* (tenant_id, environment, name) */
	INDEX_SECRET_VERSION,   /* (tenant_id, secret_id, version) */
	INDEX_ROTATION_NEXT,    /* (next_at) */
	INDEX_ROTATION_ROLE,    /* (db_role) */
	INDEX_ROTATION_SECRET,  /* (tenant_id, secret_id) of schedules */
	INDEX_ROTATION_RETIRE,  /* (tenant_id, secret_id, previous) of versions to be retired */
	TABLE_COUNT
} TableId;

/* InvalidOid if the extension is not installed in this database. */
extern Oid table_oid(TableId table);

/*
 * Registers what is to happen when rows of the table that decide something
 * changed (see vault_data.decision_changed) or the table itself did.  A table
 * may have several.  The callback may run at any catalogue access: it must only
 * note the fact.
 */
extern void tables_on_change(TableId table, void (*callback)(Datum arg), Datum arg);
extern void tables_init(void);

/* Schema vault_data, and schema vault. */
extern Oid data_schema_oid(void);
extern Oid api_schema_oid(void);

/*
 * Takes an ACCESS SHARE lock on the extension, if it is there, until the end of the transaction.
 * For what works on many tables, before it locks any: DROP EXTENSION locks the extension before
 * its members, and so one of the two waits at the beginning and not in a deadlock.
 */
extern void extension_hold(void);

typedef struct TableScan
{
	Relation heap;
	Relation index;
	IndexScanDesc scan;
	IndexFetchTableData *fetch; /* instead of index and scan, after scan_begin_at() */
	TupleTableSlot *slot;
	Snapshot snapshot;     /* registered by the scan */
	ItemPointerData place; /* the place that the index gave */
} TableScan;

/*
 * Scans by equality on the first nkeys columns of the index; a collation is
 * that of the column.  With snapshot NULL a fresh one is taken, so that what
 * has been committed is seen in every isolation level.
 */
extern void scan_begin(TableScan *scan, TableId table, TableId index, Snapshot snapshot,
					   const Datum *keys, int nkeys);

/* The same, and the next column is at least `from` in C collation (text). */
extern void scan_begin_from(TableScan *scan, TableId table, TableId index, Snapshot snapshot,
							const Datum *keys, int nkeys, Datum from);

/*
 * Opens the table without an index and stands on the row that the index once led to at
 * this place; false if there is none to see.  It may be any row, also of another key.
 */
extern bool
scan_begin_at(TableScan *scan, TableId table, Snapshot snapshot, const ItemPointerData *place);

/* Goes on to the row at another place; only after scan_begin_at(). */
extern bool scan_at(TableScan *scan, const ItemPointerData *place);

/*
 * The transaction that wrote the scan's present row as it stands.  While a row is seen that the
 * same one wrote, and that has the same key, every column of it is as it was: of what one
 * transaction makes of a row others never see but the last.
 */
extern TransactionId scan_writer(TableScan *scan);

/* Starts again with other keys, of the same number. */
extern void scan_again(TableScan *scan, const Datum *keys, int nkeys);
extern bool scan_next(TableScan *scan);
extern void scan_end(TableScan *scan);

/* A column of the scan's present row; the Datum lives until the next row. */
extern Datum scan_get(TableScan *scan, AttrNumber column, bool *isnull);

#define UUID_ZERO        ((pg_uuid_t){{0}})
#define uuid_equal(a, b) (memcmp((a), (b), UUID_LEN) == 0)

#endif
