/*
 * audit.c
 *		Write audit rows in the present transaction, and the alerts of statements, catalog changes
 *		and settings that the guard reports.
 */
#include "audit/audit.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"

#include "audit/recorder.h"
#include "audit/ledger.h"
#include "audit/ledger_view.h"
#include "audit/ring.h"
#include "audit/store.h"
#include "audit/audit_worker.h"
#include "guard/guard.h"
#include "platform/tables.h"

void
audit_write(const AuditRecord *record)
{
	VaultCall *call = call_current();
	AuditRow row;

	audit_describe(record, call, &row);
	audit_store(&row, 1);
	recorder_add(&row);
	if (call)
		call->records++;
}

void
audit_event(const char *operation, const char *reason)
{
	VaultCall *call = call_required();
	AuditRecord record = {
		.operation = operation,
		.decision = DECISION_ALLOW,
		.reason = reason,
	};

	if (call->has_tenant)
		record.tenant = call->tenant;
	audit_write(&record);
}

/*
 * True for statements that follow the data in a dump's script: the objects that the vault itself
 * makes for each partition, and triggers that --disable-triggers switches off and on.
 * vault.verify() compares all of these.
 */
static bool
belongs_to_restore(CommandTag statement)
{
	switch (statement)
	{
		case CMDTAG_ALTER_TABLE:
		case CMDTAG_CREATE_INDEX:
		case CMDTAG_CREATE_TRIGGER:
		case CMDTAG_CREATE_POLICY:
		case CMDTAG_GRANT:
		case CMDTAG_REVOKE:
		case CMDTAG_COMMENT:
			return true;
		default:
			return false;
	}
}

/*
 * Write an alert in the present transaction.  It is not counted for a call that surrounds it: that
 * call has a row of its own all the same.
 */
static void
write_beside(const AuditRecord *record)
{
	VaultCall *call = call_current();

	audit_write(record);
	if (call)
		call->records--;
}

/* Send an alert through the ring: the worker writes it, even if this transaction is rolled back. */
static void
alert_apart(const AuditRecord *record)
{
	AuditRow row;
	RingWait wait = {0};

	audit_describe(record, NULL, &row);
	if (!ring_push(&row, true, &wait))
		ereport(WARNING, (errmsg("the audit trail of vault could not be told of this statement")));
	(void) ring_wait(&wait);
}

/*
 * Write an alert.  With `apart` it goes through the ring, because the statement takes effect at
 * once and may not need a transaction: SET can come before the first snapshot is taken.  In another
 * database there is no trail, so an alert from there goes through the ring too.
 */
static void
audit_alert(const char *what, const char *kind, const char *reason, bool apart)
{
	AuditRecord record = {
		.operation = what,
		.decision = DECISION_ALERT,
		.object_kind = kind,
		.reason = reason,
	};
	bool here = OidIsValid(table_oid(TABLE_INSTANCE));

	if (RecoveryInProgress())
		return;
	if (here && !apart)
	{
		write_beside(&record);
		return;
	}
	if (!here)
		record.reason = psprintf("%s, in database \"%s\"", reason, get_database_name(MyDatabaseId));
	alert_apart(&record);
}

static void
alert_of_statement(CommandTag statement)
{
	bool here = OidIsValid(table_oid(TABLE_INSTANCE));
	TrailState state = here ? audit_trail_state() : TRAIL_KEPT;

	if (state == TRAIL_NONE || (state == TRAIL_RESTORING && belongs_to_restore(statement)))
		return;
	audit_alert(GetCommandTagName(statement), "extension",
				here ? "a superuser changed the objects of vault"
					 : "a superuser changed the roles of vault",
				false);
}

static void
alert_of_setting(CommandTag statement, const char *what)
{
	if (OidIsValid(table_oid(TABLE_INSTANCE)) && audit_trail_state() == TRAIL_NONE)
		return;
	audit_alert(GetCommandTagName(statement), "setting", what, statement == CMDTAG_SET);
}

/*
 * Record a direct change of a catalog.  In other databases only changes of roles are recorded,
 * since roles are shared by all databases.
 */
static void
alert_of_catalog(const char *name)
{
	bool here = OidIsValid(table_oid(TABLE_INSTANCE));

	if (here ? audit_trail_state() == TRAIL_KEPT
			 : strncmp(name, "pg_auth", 7) == 0 || strcmp(name, "pg_db_role_setting") == 0)
		audit_alert("direct change", "extension", psprintf("a superuser wrote to %s", name), false);
}

void
audit_init(void)
{
	static const GuardListener listener = {
		.alert = alert_of_statement,
		.catalog = alert_of_catalog,
		.copying = audit_set_copying,
		.setting = alert_of_setting,
	};

	guard_set_listener(&listener);
	audit_describe_init();
	ledger_view_init();
	ledger_init();
	audit_store_init();
	packed_row_init();
	ring_init();
	recorder_init();
	audit_worker_init();
}
