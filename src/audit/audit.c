/*
 * audit.c
 *		The fields of an audit row that the present session and entry provide.
 *
 */
#include "audit/audit.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "audit/recorder.h"
#include "audit/ledger.h"
#include "audit/audit_row.h"
#include "audit/ring.h"
#include "audit/store.h"
#include "audit/audit_worker.h"
#include "context/call.h"
#include "guard/guard.h"
#include "platform/printable.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/tables.h"

/* Return NULL for an empty text, which is stored as a null column. */
static const char *
audit_text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

/* Size of a name as the trail shows it: an escaped byte takes at most four. */
#define PLAIN_NAME_BYTES (4 * NAMEDATALEN)

/* The caller's roles, looked up while tables may be read and used when they may not. */
static struct
{
	bool known;
	Oid role;
	Oid session;
	bool superuser;
	char role_name[PLAIN_NAME_BYTES];
	char session_name[PLAIN_NAME_BYTES];
	Oid trail;
} who;

static void
audit_roles_changed(Datum arg, int cache, uint32 hash)
{
	who.known = false;
}

static void
copy_role_name(char name[PLAIN_NAME_BYTES], Oid role)
{
	char *found = GetUserNameFromId(role, true);

	strlcpy(name, found ? printable_text(found) : "", PLAIN_NAME_BYTES);
	if (found)
		pfree(found);
}

void
audit_know_caller(void)
{
	Oid role = GetUserId();
	Oid session = GetSessionUserId();

	who.trail = table_oid(TABLE_AUDIT_LOG);
	if (who.known && who.role == role && who.session == session)
		return;
	copy_role_name(who.role_name, role);
	copy_role_name(who.session_name, session);
	who.superuser = superuser_arg(role);
	who.role = role;
	who.session = session;
	who.known = true;
}

bool
audit_caller_is_superuser(void)
{
	return who.superuser;
}

static Datum
client_address(bool *isnull)
{
	LOCAL_FCINFO(call, 0);
	Datum address;

	InitFunctionCallInfoData(*call, NULL, 0, InvalidOid, NULL, NULL);
	call->isnull = false;
	address = inet_client_addr(call);
	*isnull = call->isnull;
	return address;
}

static const char *(*service_of_client)(void) = NULL;

void
audit_set_service(const char *(*service)(void) )
{
	service_of_client = service;
}

static const char *
keep_plain(const char *text)
{
	return text && *text ? MemoryContextStrdup(TopMemoryContext, printable_text(text)) : NULL;
}

/* Add address, role of authentication and service, which are constant in a session. */
static void
add_connection(AuditRow *row)
{
	static bool known = false;
	static const char *address = NULL;
	static const char *service = NULL;
	static const char *authenticated = NULL;
	static int port = -1;

	if (!known && MyProcPort)
	{
		bool isnull;
		Datum inet = client_address(&isnull);

		if (!isnull)
		{
			address = MemoryContextStrdup(TopMemoryContext,
										  DatumGetCString(DirectFunctionCall1(inet_out, inet)));
			port = atoi(MyProcPort->remote_port);
		}
		service = keep_plain(service_of_client());
		authenticated = keep_plain(MyProcPort->user_name);
		known = true;
	}
	row->address = address;
	row->port = port;
	row->service = service;
	row->authenticated_role = authenticated;
	row->tls = MyProcPort && MyProcPort->ssl_in_use;
}

/*
 * Add the caller's principal.  An operator's own tenant is not disclosed to the tenant that the
 * operator works in, so it is left out there.
 */
static void
add_identity(AuditRow *row, const VaultCall *call)
{
	if (call->caller.is_identified && uuid_equal(&call->caller.tenant, &row->tenant_id))
	{
		row->has_principal = true;
		row->principal_id = call->caller.principal;
		row->principal = call->caller.principal_name;
		row->tenant = call->caller.tenant_name;
		row->subject = audit_text_or_null(call->caller.subject);
		row->claimed_address = audit_text_or_null(call->caller.claimed_address);
	}
	else if (uuid_equal(&call->tenant, &row->tenant_id))
		row->tenant = audit_text_or_null(call->tenant_name);
	if (call->caller.token_fault)
	{
		row->tenant = audit_text_or_null(call->caller.tenant_name);
		row->subject = audit_text_or_null(call->caller.subject);
	}
}

bool
audit_is_without_client(void)
{
	return MyProcPort == NULL && MyBgworkerEntry &&
		strcmp(MyBgworkerEntry->bgw_library_name, "vault") != 0;
}

/*
 * Return the application name.  For a background worker of another extension without one, its type
 * is the only known fact about the client.
 */
static const char *
client_name(void)
{
	if (audit_is_without_client() && audit_text_or_null(application_name) == NULL)
		return audit_text_or_null(MyBgworkerEntry->bgw_type);
	return audit_text_or_null(application_name);
}

static void
add_caller(AuditRow *row, const VaultCall *call)
{
	if (call)
		add_identity(row, call);
	row->by_operator = call && call->caller.is_operator;
	row->role = audit_text_or_null(who.role_name);
	row->session_role = audit_text_or_null(who.session_name);
	row->application_name = client_name();
	row->request_id = audit_text_or_null(setting_request_id);
	row->has_grant = call && call->has_grant;
	if (row->has_grant)
		row->grant_id = call->grant;
}

/*
 * List the roles that the caller has by groups of its token, relevant to the decision or not; NULL
 * for none.
 */
static const char *
token_roles_text(const VaultCall *call)
{
	if (call->caller.token_role_count == 0)
		return NULL;
	return psprintf("with roles of the token: %s", call->caller.token_role_names);
}

/*
 * Escape texts that clients choose, because people read the trail in terminals too.  Texts that are
 * constant for long are escaped when they are looked up.
 */
static void
make_plain(AuditRow *row)
{
	const char **texts[] = {&row->application_name, &row->request_id, &row->secret,
							&row->environment,      &row->reason,     &row->subject,
							&row->claimed_address};

	for (int i = 0; i < (int) lengthof(texts); i++)
		*texts[i] = printable_text(*texts[i]);
}

void
audit_describe(const AuditRecord *record, const VaultCall *call, AuditRow *row)
{
	if (call == NULL)
		audit_know_caller();
	memset(row, 0, sizeof(*row));
	row->trail = who.trail;
	row->tenant_id = record->tenant;
	row->at = GetCurrentTimestamp();
	add_caller(row, call);
	add_connection(row);
	row->operation = record->operation;
	row->decision = record->decision;
	row->object_kind = audit_text_or_null(record->object_kind);
	row->has_object = record->object != NULL;
	if (record->object)
		row->object_id = *record->object;
	row->secret = audit_text_or_null(record->secret);
	row->environment = audit_text_or_null(record->environment);
	row->version = record->version;
	row->reason = audit_text_or_null(record->reason);
	if (row->reason == NULL && row->has_principal)
		row->reason = token_roles_text(call);
	row->detail = record->detail;
	make_plain(row);
}

void
audit_describe_own(const AuditRecord *record, AuditRow *row)
{
	VaultCall none = {0};

	audit_describe(record, &none, row);
}

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
		.decision = "allow",
		.reason = reason,
	};

	if (call->has_tenant)
		record.tenant = call->tenant;
	audit_write(&record);
}

static TrailState (*tell_state)(void) = NULL;
static void (*note_restorer)(void) = NULL;

void
audit_set_state(TrailState (*state)(void), void (*restorer)(void))
{
	tell_state = state;
	note_restorer = restorer;
}

TrailState
audit_trail_state(void)
{
	/* Without preload, no callback is set. */
	return shmem_is_ready() ? tell_state() : TRAIL_KEPT;
}

bool
audit_is_restoring(void)
{
	if (!superuser() || audit_trail_state() == TRAIL_KEPT)
		return false;
	note_restorer();
	return true;
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
		.decision = "alert",
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
	CacheRegisterSyscacheCallback(AUTHOID, audit_roles_changed, (Datum) 0);
	ledger_init();
	audit_store_init();
	ring_init();
	recorder_init();
	audit_worker_init();
}
