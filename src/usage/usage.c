/*
 * usage.c
 *		Counts who read what, from the rows of the trail.
 *
 * A listener of the harvest keeps the rows of a step in a tuplestore and, at its end,
 * counts them in SQL.  The counts commit with the harvest's own state, so each
 * row of the trail is counted exactly once, whatever crashes; a read by itself
 * updates nothing.  Runs in the harvest's worker as the bootstrap superuser.
 */
#include "usage/usage.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "audit/record.h"
#include "door/door.h"
#include "evidence/harvest.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "policy/grants.h"
#include "policy/policy.h"
#include "tenant/tenant.h"

/* What SQL calls the rows of a step. */
#define HARVESTED "harvested"

/* A read of one secret. */
#define IS_READ "decision = 'allow' AND object_kind = 'secret'" \
	" AND operation IN ('get', 'get_bytes', 'get_json', 'get_many')"

#define ZERO "'00000000-0000-0000-0000-000000000000'::uuid"

/* A row of the trail without an address is of a session on the server's machine. */
#define THIS_MACHINE "'127.0.0.1'::inet"

/*
 * By principal and hour.  It comes before the counts by secret: a secret is new in an
 * hour if its last read until now was before it.
 */
static Sql	count_hours = {
	"INSERT INTO vault_data.usage_hour AS u (tenant_id, principal_id, hour, calls, reads, denials, secrets)"
	" SELECT h.tenant_id, h.principal_id, date_trunc('hour', h.at, 'UTC') AS hour, count(*),"
	"  count(*) FILTER (WHERE " IS_READ "), count(*) FILTER (WHERE decision = 'deny'),"
	"  count(DISTINCT h.object_id) FILTER (WHERE " IS_READ " AND NOT EXISTS (SELECT FROM vault_data.usage o"
	"   WHERE o.tenant_id = h.tenant_id AND o.secret_id = h.object_id AND o.principal_id = h.principal_id"
	"   AND o.last_read_at >= date_trunc('hour', h.at, 'UTC')))"
	" FROM " HARVESTED " h WHERE h.principal_id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	" ON CONFLICT (tenant_id, principal_id, hour) DO UPDATE SET calls = u.calls + excluded.calls,"
	"  reads = u.reads + excluded.reads, denials = u.denials + excluded.denials,"
	"  secrets = u.secrets + excluded.secrets, changed_at = excluded.changed_at"
};

/*
 * By secret, principal and version.  A failed call names a secret: one that exists is
 * counted with it, all others together, so that guessing fills no table.  Reads of a secret
 * that is gone by now go with it.
 */
static Sql	count_secrets = {
	"WITH named AS (SELECT h.*, COALESCE(h.principal_id, " ZERO ") AS who, " IS_READ " AS is_read,"
	"  CASE WHEN " IS_READ " THEN (SELECT s.id FROM vault_data.secret s WHERE s.tenant_id = h.tenant_id AND s.id = h.object_id)"
	"   ELSE COALESCE((SELECT s.id FROM vault_data.secret s WHERE s.tenant_id = h.tenant_id"
	"    AND s.environment = h.environment COLLATE \"C\" AND s.name = h.secret COLLATE \"C\"), " ZERO ") END AS secret_id"
	"  FROM " HARVESTED " h WHERE (" IS_READ ") OR (decision IN ('deny', 'error') AND secret IS NOT NULL)),"
	" counted AS (SELECT n.*, CASE WHEN is_read OR EXISTS (SELECT FROM vault_data.secret_version v"
	"   WHERE v.tenant_id = n.tenant_id AND v.secret_id = n.secret_id AND v.version = n.version)"
	"   THEN COALESCE(n.version, 0) ELSE 0 END AS counted_version FROM named n WHERE secret_id IS NOT NULL)"
	" INSERT INTO vault_data.usage AS u (tenant_id, secret_id, principal_id, version, reads, failed, first_read_at,"
	"  last_read_at, last_failed_at, last_at, principal, last_role, last_address, last_application)"
	" SELECT tenant_id, secret_id, who, counted_version, count(*) FILTER (WHERE is_read), count(*) FILTER (WHERE NOT is_read),"
	"  min(at) FILTER (WHERE is_read), max(at) FILTER (WHERE is_read), max(at) FILTER (WHERE NOT is_read), max(at),"
	"  (array_agg(principal ORDER BY at DESC))[1], (array_agg(role ORDER BY at DESC))[1],"
	"  (array_agg(address ORDER BY at DESC))[1], (array_agg(application_name ORDER BY at DESC))[1]"
	" FROM counted GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
	" ON CONFLICT (tenant_id, secret_id, principal_id, version) DO UPDATE SET"
	"  reads = u.reads + excluded.reads, failed = u.failed + excluded.failed,"
	"  first_read_at = LEAST(u.first_read_at, excluded.first_read_at),"
	"  last_read_at = GREATEST(u.last_read_at, excluded.last_read_at),"
	"  last_failed_at = GREATEST(u.last_failed_at, excluded.last_failed_at),"
	"  last_at = GREATEST(u.last_at, excluded.last_at), principal = COALESCE(excluded.principal, u.principal),"
	"  last_role = CASE WHEN excluded.last_at >= u.last_at THEN excluded.last_role ELSE u.last_role END,"
	"  last_address = CASE WHEN excluded.last_at >= u.last_at THEN excluded.last_address ELSE u.last_address END,"
	"  last_application = CASE WHEN excluded.last_at >= u.last_at THEN excluded.last_application ELSE u.last_application END"
};

static Sql	count_networks = {
	"INSERT INTO vault_data.usage_network AS u (tenant_id, principal_id, network, first_seen_at, last_seen_at, calls)"
	" SELECT tenant_id, principal_id, network(set_masklen(COALESCE(address, " THIS_MACHINE "),"
	"  CASE family(COALESCE(address, " THIS_MACHINE ")) WHEN 4 THEN 24 ELSE 48 END)), min(at), max(at), count(*)"
	" FROM " HARVESTED " WHERE principal_id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	" ON CONFLICT (tenant_id, principal_id, network) DO UPDATE SET calls = u.calls + excluded.calls,"
	"  first_seen_at = LEAST(u.first_seen_at, excluded.first_seen_at),"
	"  last_seen_at = GREATEST(u.last_seen_at, excluded.last_seen_at)"
};

static Sql	count_denials = {
	"INSERT INTO vault_data.usage_denial AS u (tenant_id, principal_id, address, minute, denials)"
	" SELECT tenant_id, COALESCE(principal_id, " ZERO "), COALESCE(address, " THIS_MACHINE "),"
	"  date_trunc('minute', at, 'UTC'), count(*)"
	" FROM " HARVESTED " WHERE decision = 'deny' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
	" ON CONFLICT (tenant_id, principal_id, address, minute) DO UPDATE SET denials = u.denials + excluded.denials,"
	"  changed_at = excluded.changed_at"
};

static Sql	count_grants = {
	"INSERT INTO vault_data.usage_grant AS u (tenant_id, grant_id, uses, first_used_at, last_used_at)"
	" SELECT tenant_id, grant_id, count(*), min(at), max(at)"
	" FROM " HARVESTED " WHERE grant_id IS NOT NULL AND decision = 'allow' GROUP BY 1, 2 ORDER BY 1, 2"
	" ON CONFLICT (tenant_id, grant_id) DO UPDATE SET uses = u.uses + excluded.uses,"
	"  first_used_at = LEAST(u.first_used_at, excluded.first_used_at),"
	"  last_used_at = GREATEST(u.last_used_at, excluded.last_used_at)"
};

static Sql *const counts[] = {
	&count_hours, &count_secrets, &count_networks, &count_denials, &count_grants
};

/* The rows of the present step; lives as long as its transaction. */
typedef struct Batch
{
	MemoryContext memory;
	MemoryContext scratch;
	MemoryContextCallback forget;
	Relation	log;
	TupleTableSlot *slot;
	Tuplestorestate *rows;
	int64		count;
} Batch;

static Batch *batch = NULL;

static void
forget_batch(void *arg)
{
	batch = NULL;
}

static void
begin_batch(void)
{
	MemoryContext memory = AllocSetContextCreate(TopTransactionContext, "vault usage",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	ResourceOwner owner = CurrentResourceOwner;

	batch = palloc0(sizeof(Batch));
	batch->memory = memory;
	batch->forget.func = forget_batch;
	MemoryContextRegisterResetCallback(memory, &batch->forget);
	batch->scratch = AllocSetContextCreate(memory, "vault usage row", ALLOCSET_DEFAULT_SIZES);
	/* Of the transaction and not of a cursor that the harvest may close before its end. */
	CurrentResourceOwner = TopTransactionResourceOwner;
	batch->log = table_open(table_oid(TABLE_AUDIT_LOG), AccessShareLock);
	batch->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(batch->log)),
										   &TTSOpsVirtual);
	batch->rows = tuplestore_begin_heap(true, false, work_mem);
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
}

/* What a principal asked for; neither changes that were rolled back, nor alerts. */
static bool
counts_as_use(const AuditRow *row)
{
	return strcmp(row->decision, "allow") == 0 || strcmp(row->decision, "deny") == 0 ||
		strcmp(row->decision, "error") == 0;
}

static void
usage_row(const AuditRow *row)
{
	MemoryContext old;

	if (!counts_as_use(row))
		return;
	if (batch == NULL)
		begin_batch();
	old = MemoryContextSwitchTo(batch->scratch);
	audit_row_store(row, batch->slot);
	tuplestore_puttupleslot(batch->rows, batch->slot);
	batch->count++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(batch->scratch);
}

static void
count_batch(void)
{
	EphemeralNamedRelationData relation = {
		.md = {
			.name = HARVESTED,
			.reliddesc = RelationGetRelid(batch->log),
			.enrtype = ENR_NAMED_TUPLESTORE,
			.enrtuples = batch->count,
		},
		.reldata = batch->rows,
	};

	sql_begin();
	SPI_register_relation(&relation);
	for (int i = 0; i < (int) lengthof(counts); i++)
		sql_run(counts[i], NULL, NULL);
	SPI_unregister_relation(HARVESTED);
	sql_end();
}

static void
usage_end(void)
{
	ResourceOwner owner = CurrentResourceOwner;

	if (batch == NULL)
		return;
	count_batch();
	tuplestore_end(batch->rows);
	CurrentResourceOwner = TopTransactionResourceOwner;
	table_close(batch->log, AccessShareLock);
	CurrentResourceOwner = owner;
	MemoryContextDelete(batch->memory);
}

PG_FUNCTION_INFO_V1(vault_principal_may);
PG_FUNCTION_INFO_V1(vault_all_tenant_ids);
PG_FUNCTION_INFO_V1(vault_enter_tenant_id);

/*
 * principal_may(tenant, principal, permission, name, environment): the policy's
 * decision for somebody else; false for those who may not see that principal's grants.
 */
Datum
vault_principal_may(PG_FUNCTION_ARGS)
{
	Caller		viewer;
	Caller		subject = {.is_identified = true};
	text	   *name = PG_GETARG_TEXT_PP(3);
	text	   *environment = PG_GETARG_TEXT_PP(4);
	Permission	permission = (Permission) permission_by_name(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	SecretName	secret = {
		.name = VARDATA_ANY(name),.name_size = VARSIZE_ANY_EXHDR(name),
		.environment = VARDATA_ANY(environment),
		.environment_size = VARSIZE_ANY_EXHDR(environment)
	};

	subject.tenant = *PG_GETARG_UUID_P(0);
	subject.principal = *PG_GETARG_UUID_P(1);
	door_check(DOOR_VIEW, &viewer);
	if (!role_is_overseer(viewer.role) &&
		(!viewer.is_identified || viewer.is_suspended ||
		 !uuid_equal(&viewer.tenant, &subject.tenant) || !policy_is_administrator(&viewer)))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL((policy_permissions(&subject, &secret, permission, NULL) & permission) != 0);
}

static void
require_operator(void)
{
	if (!role_is_operator(door_required()->caller.role))
		tenant_refuse_unknown();
}

/* all_tenant_ids(): destroyed ones too, and the zero id, for an operator's batch jobs. */
Datum
vault_all_tenant_ids(PG_FUNCTION_ARGS)
{
	ArrayBuildState *ids = initArrayResult(UUIDOID, CurrentMemoryContext, false);
	pg_uuid_t	zero = UUID_ZERO;
	TableScan	scan;

	require_operator();
	ids = accumArrayResult(ids, UUIDPGetDatum(&zero), false, UUIDOID, CurrentMemoryContext);
	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, NULL, 0);
	while (scan_next(&scan))
		ids = accumArrayResult(ids, scan_get(&scan, 1, NULL), false, UUIDOID, CurrentMemoryContext);
	scan_end(&scan);
	return makeArrayResult(ids, CurrentMemoryContext);
}

/* enter_tenant_id(id): an operator's door looks into that tenant, or with the zero id into none. */
Datum
vault_enter_tenant_id(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = PG_GETARG_UUID_P(0);
	pg_uuid_t	zero = UUID_ZERO;
	char		name[64] = "";
	char		state[16];

	require_operator();
	if (!uuid_equal(id, &zero) && !tenant_describe(id, name, state))
		tenant_refuse_unknown();
	door_enter_tenant(id, name);
	PG_RETURN_VOID();
}

void
usage_init(void)
{
	static const HarvestListener listener = {.row = usage_row,.end = usage_end};

	harvest_add_listener(&listener);
}
