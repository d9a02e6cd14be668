/*
 * audit.c
 *		Who, what, when and from where: rows of the present session and door.
 */
#include "audit/audit.h"

#include "access/xlog.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audit/record.h"
#include "audit/store.h"
#include "door/door.h"
#include "door/guard.h"
#include "platform/settings.h"
#include "platform/tables.h"

/* Empty texts are null columns. */
static const char *
text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

static const char *
role_name(Oid role)
{
	return OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;
}

static Datum
client_address(bool *isnull)
{
	LOCAL_FCINFO(call, 0);
	Datum		address;

	InitFunctionCallInfoData(*call, NULL, 0, InvalidOid, NULL, NULL);
	call->isnull = false;
	address = inet_client_addr(call);
	*isnull = call->isnull;
	return address;
}

/* From where does not change in a session. */
static void
add_connection(AuditRow *row)
{
	static bool known = false;
	static char *address = NULL;
	static int	port = -1;

	if (!known && MyProcPort)
	{
		bool		isnull;
		Datum		inet = client_address(&isnull);

		if (!isnull)
		{
			address = MemoryContextStrdup(TopMemoryContext,
										  DatumGetCString(DirectFunctionCall1(inet_out, inet)));
			port = atoi(MyProcPort->remote_port);
		}
		known = true;
	}
	row->address = address;
	row->port = port;
	row->tls = MyProcPort && MyProcPort->ssl_in_use;
}

static void
add_caller(AuditRow *row, const Door *door)
{
	if (door && door->caller.is_identified)
	{
		row->has_principal = true;
		row->principal_id = door->caller.principal;
		row->principal = door->caller.principal_name;
	}
	if (door && uuid_equal(&door->tenant, &row->tenant_id))
		row->tenant = text_or_null(door->tenant_name);
	row->role = role_name(door ? door->caller.role : GetUserId());
	row->session_role = role_name(GetSessionUserId());
	row->authenticated_role = MyProcPort ? text_or_null(MyProcPort->user_name) : NULL;
	row->application_name = text_or_null(application_name);
	row->request_id = text_or_null(setting_request_id);
	row->has_grant = door && door->has_grant;
	if (row->has_grant)
		row->grant_id = door->grant;
}

void
audit_describe(const AuditRecord *record, AuditRow *row)
{
	memset(row, 0, sizeof(*row));
	row->tenant_id = record->tenant;
	row->at = GetCurrentTimestamp();
	add_caller(row, door_current());
	add_connection(row);
	row->operation = record->operation;
	row->decision = record->decision;
	row->object_kind = text_or_null(record->object_kind);
	row->has_object = record->object != NULL;
	if (record->object)
		row->object_id = *record->object;
	row->secret = text_or_null(record->secret);
	row->environment = text_or_null(record->environment);
	row->version = record->version;
	row->reason = text_or_null(record->reason);
	row->detail = record->detail;
}

void
audit_write(const AuditRecord *record)
{
	AuditRow	row;

	audit_describe(record, &row);
	audit_store(&row, 1);
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

void
audit_init(void)
{
	static const GuardListener listener = {
		.alert = alert_of_statement,
		.restoring = audit_set_restoring,
	};

	guard_set_listener(&listener);
	audit_store_init();
}
