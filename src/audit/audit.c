/*
 * audit.c
 *		Writing rows of vault_data.audit_log.
 *
 * Ids are microseconds since 2000-01-01, made unique and increasing across the
 * server by an atomic counter: they order the trail, and their gaps tell a
 * tenant nothing about the traffic of others.
 */
#include "audit/audit.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "door/door.h"
#include "door/guard.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/sql.h"
#include "platform/tables.h"

typedef struct Shared
{
	pg_atomic_uint64 last_id;
} Shared;

static Shared *shared = NULL;
static bool writing = false;

static int64
next_id(TimestampTz now)
{
	uint64		last = pg_atomic_read_u64(&shared->last_id);
	uint64		next;

	do
		next = Max((uint64) now, last + 1);
	while (!pg_atomic_compare_exchange_u64(&shared->last_id, &last, next));
	return (int64) next;
}

static void
set_text(Datum *values, char *nulls, int index, const char *text)
{
	nulls[index] = text && *text ? ' ' : 'n';
	if (text && *text)
		values[index] = CStringGetTextDatum(text);
}

static const char *
role_name(Oid role)
{
	return OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;
}

void
audit_write(const AuditRecord *record)
{
	static Sql	insert = {
		"INSERT INTO vault_data.audit_log (id, at, tenant_id, tenant, principal_id, principal,"
		" role, session_role, authenticated_role, address, port, tls, application_name, request_id,"
		" operation, decision, object_kind, object_id, secret, environment, version, grant_id,"
		" reason, detail)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
		" pg_catalog.inet_client_addr(), pg_catalog.inet_client_port(), $10,"
		" pg_catalog.current_setting('application_name'), $11,"
		" $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
		21, {
			INT8OID, TIMESTAMPTZOID, UUIDOID, TEXTOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
			BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, UUIDOID, TEXTOID, TEXTOID, INT4OID,
			UUIDOID, TEXTOID, JSONBOID
		}
	};
	Door	   *door = door_current();
	TimestampTz now = GetCurrentTimestamp();
	bool		in_tenant;
	Datum		values[21];
	char		nulls[21];

	memset(nulls, ' ', sizeof(nulls));
	sql_begin();
	values[0] = Int64GetDatum(next_id(now));
	values[1] = TimestampTzGetDatum(now);
	values[2] = UUIDPGetDatum(&record->tenant);
	in_tenant = door && uuid_equal(&door->tenant, &record->tenant);
	set_text(values, nulls, 3, in_tenant ? door->tenant_name : NULL);
	nulls[4] = door && door->caller.is_identified ? ' ' : 'n';
	values[4] = door ? UUIDPGetDatum(&door->caller.principal) : (Datum) 0;
	set_text(values, nulls, 5,
			 door && door->caller.is_identified ? door->caller.principal_name : NULL);
	set_text(values, nulls, 6, role_name(door ? door->caller.role : GetUserId()));
	set_text(values, nulls, 7, role_name(GetSessionUserId()));
	set_text(values, nulls, 8, MyProcPort ? MyProcPort->user_name : NULL);
	values[9] = BoolGetDatum(MyProcPort && MyProcPort->ssl_in_use);
	set_text(values, nulls, 10, setting_request_id);
	set_text(values, nulls, 11, record->operation);
	set_text(values, nulls, 12, record->decision);
	set_text(values, nulls, 13, record->object_kind);
	nulls[14] = record->object ? ' ' : 'n';
	values[14] = UUIDPGetDatum(record->object);
	set_text(values, nulls, 15, record->secret);
	set_text(values, nulls, 16, record->environment);
	nulls[17] = record->version ? ' ' : 'n';
	values[17] = Int32GetDatum(record->version);
	nulls[18] = door && door->has_grant ? ' ' : 'n';
	values[18] = door ? UUIDPGetDatum(&door->grant) : (Datum) 0;
	set_text(values, nulls, 19, record->reason);
	nulls[20] = record->detail ? ' ' : 'n';
	values[20] = record->detail;
	writing = true;
	PG_TRY();
	{
		sql_run(&insert, values, nulls);
	}
	PG_FINALLY();
	{
		writing = false;
	}
	PG_END_TRY();
	sql_end();
}

bool
audit_is_writing(void)
{
	return writing;
}

void
audit_event(const char *operation, const char *reason)
{
	Door	   *door = door_required();
	AuditRecord record = {
		.operation = operation,
		.decision = "allow",
		.reason = reason,
	};

	if (door->has_tenant)
		record.tenant = door->tenant;
	audit_write(&record);
}

static void
alert_of_statement(const char *what)
{
	AuditRecord record = {
		.operation = what,
		.decision = "alert",
		.object_kind = "extension",
		.reason = "a superuser changed the objects of vault",
	};

	if (!RecoveryInProgress())
		audit_write(&record);
}

static void
shared_init(void *area)
{
	pg_atomic_init_u64(&((Shared *) area)->last_id, 0);
}

void
audit_init(void)
{
	static const GuardListener listener = {
		.alert = alert_of_statement,
		.restoring = audit_set_restoring,
	};

	guard_set_listener(&listener);
	shmem_register("vault audit", sizeof(Shared), shared_init, (void **) &shared);
}
