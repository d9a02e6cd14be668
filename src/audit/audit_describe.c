/*
 * audit_describe.c
 *		Fill the fields of an audit row that the present session and call provide.
 */
#include "audit/audit_describe.h"

#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "platform/printable.h"
#include "platform/settings.h"
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
	row->decision = decision_name(record->decision);
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
audit_describe_init(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, audit_roles_changed, (Datum) 0);
}
