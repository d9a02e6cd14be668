/*
 * identity.c
 *		The principal that a database role stands for.
 *
 * A binding holds the role's oid and the name that it had: both must fit.  A role that was dropped
 * and made again, or renamed, is unidentified until it is bound anew.  A dump carries the name, and
 * finds the oid of the new cluster.  Membership counts for nothing.
 *
 * The cache is of this backend: it maps a role to the tenants that it is bound in.  Changes of the
 * tables of bindings, principals and tenants, and of pg_authid, empty it at the next call.
 *
 * If the row of the binding, of its principal or of its tenant was changed outside vault, the role
 * is unidentified in that tenant, and gets VT004.  The tenant still counts among those of the role:
 * another one must not take its place unasked.  Operators and auditors are unidentified and get no
 * error, because they must be able to investigate.
 */
#include "identity/identity.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "audit/audit.h"
#include "context/operators.h"
#include "identity/connection.h"
#include "identity/reservation.h"
#include "integrity/integrity.h"
#include "keyring/root_page.h"
#include "platform/as_role.h"
#include "platform/cache.h"
#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "tenant/tenant.h"

/* Columns of vault_data.principal_binding and vault_data.principal. */
enum
{
	TENANT_COLUMN = 1,
	BINDING_ROLE_NAME,
	BINDING_PRINCIPAL,
	PRINCIPAL_NAME = 3,
	PRINCIPAL_KIND
};

typedef struct Candidate
{
	pg_uuid_t tenant;
	pg_uuid_t principal;
	bool suspended;
	char tenant_name[64];
	char principal_name[64];
	char *changed_row; /* label of a row that was changed outside vault, or NULL */
	struct Candidate *next;
} Candidate;

typedef struct IdentityCacheEntry
{
	Oid role;
	Candidate *candidates;
} IdentityCacheEntry;

static BackendCache cache = {.name = "identities",
							 .key_size = sizeof(Oid),
							 .entry_size = sizeof(IdentityCacheEntry)};

uint64
identity_generation(void)
{
	return cache_generation(&cache);
}

/* Check a row, and keep the label of the first one that was changed, in the current context. */
static void
note_changed_row(Candidate *candidate, TableScan *scan, TableId table)
{
	if (candidate->changed_row == NULL && !row_is_authentic(scan, table))
		candidate->changed_row = row_label(scan, table);
}

bool
identity_is_caller(TableScan *principal)
{
	char *kind = TextDatumGetCString(scan_get(principal, PRINCIPAL_KIND, NULL));

	return strcmp(kind, "user") == 0 || strcmp(kind, "service") == 0;
}

static bool
load_principal(Candidate *candidate)
{
	TableScan scan;
	Datum keys[2] = {UUIDPGetDatum(&candidate->tenant), UUIDPGetDatum(&candidate->principal)};
	bool found;

	scan_begin(&scan, TABLE_PRINCIPAL, INDEX_PRINCIPAL, NULL, keys, 2);
	found = scan_next(&scan) && identity_is_caller(&scan);
	if (found)
	{
		note_changed_row(candidate, &scan, TABLE_PRINCIPAL);
		text_to_cstring_buffer(DatumGetTextPP(scan_get(&scan, PRINCIPAL_NAME, NULL)),
							   candidate->principal_name, 64);
	}
	scan_end(&scan);
	return found;
}

static Candidate *
load_candidate(TableScan *scan)
{
	Candidate *candidate = palloc0(sizeof(Candidate));
	TenantState state;

	note_changed_row(candidate, scan, TABLE_PRINCIPAL_BINDING);
	candidate->tenant = *DatumGetUUIDP(scan_get(scan, TENANT_COLUMN, NULL));
	candidate->principal = *DatumGetUUIDP(scan_get(scan, BINDING_PRINCIPAL, NULL));
	if (!tenant_describe(&candidate->tenant, candidate->tenant_name, &state) ||
		!load_principal(candidate) || state == TENANT_DESTROYED)
		return NULL;
	if (candidate->changed_row == NULL)
		candidate->changed_row = tenant_row_fault(&candidate->tenant);
	candidate->suspended = state != TENANT_ACTIVE;
	return candidate;
}

static Candidate *
load_candidates(Oid role)
{
	char *name = GetUserNameFromId(role, true);
	Candidate *list = NULL;
	TableScan scan;
	Datum key = ObjectIdGetDatum(role);

	if (name == NULL || !OidIsValid(table_oid(TABLE_PRINCIPAL_BINDING)))
		return NULL;
	scan_begin(&scan, TABLE_PRINCIPAL_BINDING, INDEX_BINDING_ROLE, NULL, &key, 1);
	while (scan_next(&scan))
	{
		Candidate *candidate;
		MemoryContext old;

		if (strcmp(TextDatumGetCString(scan_get(&scan, BINDING_ROLE_NAME, NULL)), name) != 0)
			continue;
		old = MemoryContextSwitchTo(cache.memory);
		candidate = load_candidate(&scan);
		MemoryContextSwitchTo(old);
		if (candidate)
		{
			candidate->next = list;
			list = candidate;
		}
	}
	scan_end(&scan);
	return list;
}

static Candidate *
candidates_of(Oid role)
{
	IdentityCacheEntry *entry = cache_find(&cache, &role);
	Candidate *list;

	if (entry)
		return entry->candidates;

	/* While the vault is sealed there is no key to check the rows with. */
	if (!root_is_open())
		return NULL;
	list = load_candidates(role);
	entry = cache_keep(&cache, &role);
	if (entry)
		entry->candidates = list;
	return list;
}

static void
fill_caller(Caller *caller, const Candidate *candidate)
{
	caller->is_identified = true;
	caller->is_suspended = candidate->suspended;
	caller->tenant = candidate->tenant;
	caller->principal = candidate->principal;
	memcpy(caller->tenant_name, candidate->tenant_name, 64);
	memcpy(caller->principal_name, candidate->principal_name, 64);
}

/* vault.tenant selects among the tenants of the role; it never grants. */
void
identity_resolve(Caller *caller)
{
	bool selects = setting_tenant && *setting_tenant;
	const char *changed_row = NULL;

	for (Candidate *candidate = candidates_of(caller->role); candidate; candidate = candidate->next)
	{
		if (selects && strcmp(candidate->tenant_name, setting_tenant) != 0)
			continue;
		caller->candidates++;
		changed_row = candidate->changed_row;
		if (caller->candidates == 1 && changed_row == NULL)
			fill_caller(caller, candidate);
		else
			caller->is_identified = false;
	}
	if (caller->candidates == 1 && changed_row && !role_sees_all_tenants(caller->role))
		row_refuse(changed_row);
}

/* True if a row of the role is of another tenant, in a table of (tenant_id, …). */
static bool
has_row_elsewhere(TableId table, TableId index, Oid role, const pg_uuid_t *tenant)
{
	TableScan scan;
	Datum key = ObjectIdGetDatum(role);
	bool elsewhere = false;

	scan_begin(&scan, table, index, NULL, &key, 1);
	while (!elsewhere && scan_next(&scan))
		elsewhere = !uuid_equal(DatumGetUUIDP(scan_get(&scan, TENANT_COLUMN, NULL)), tenant);
	scan_end(&scan);
	return elsewhere;
}

/*
 * A role that serves elsewhere must not join a second tenant without an operator. That tenant would
 * get values that clients mean for the first one, once the first tenant, or its issuer, does not
 * accept them any more. And a tenant that has a role's password rotated can log in as that role.
 */
bool
identity_serves_elsewhere(Oid role, const pg_uuid_t *tenant)
{
	return has_row_elsewhere(TABLE_PRINCIPAL_BINDING, INDEX_BINDING_ROLE, role, tenant) ||
		has_row_elsewhere(TABLE_TOKEN_ROLE, INDEX_TOKEN_ROLE, role, tenant) ||
		has_row_elsewhere(TABLE_ROTATION_ROLE, INDEX_ROTATION_ROLE, role, tenant);
}

static void
refuse_to_bind(const char *name, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to bind role \"%s\"", name), errhint("%s", hint)));
}

/* Check the rules for administrators; operators are exempt. */
static void
require_consent(const VaultCall *call, Oid role, const char *name)
{
	Reservation reservation = reservation_of(name, &call->tenant);

	if (superuser_arg(role) || role_sees_all_tenants(role) || reservation == RESERVED_ELSEWHERE ||
		(reservation != RESERVED_HERE && identity_serves_elsewhere(role, &call->tenant)))
		refuse_to_bind(name,
					   "An operator binds superusers, operators, auditors, "
					   "roles that serve several tenants and roles that are reserved for others.");
	if (setting_role_binding == BINDING_CONSENT && reservation != RESERVED_HERE &&
		role != call->caller.role && !is_admin_of_role(call->caller.role, role))
		refuse_to_bind(
			name,
			"An operator reserves the role for the tenant with vault.reserve_role(), or binds it.");
}

/*
 * Raise unless the caller may bind the role, or let it show tokens; the rules are in
 * identity.tables.sql. The lock on the role lines up those that bind it.
 */
static void
check_bindable(const VaultCall *call, Oid role, const char *name)
{
	if (role_is_of_system(name))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME), errmsg("role \"%s\" cannot be a principal", name),
				 errhint(
					 "Roles of vault and of PostgreSQL itself are for members, not for logins.")));
	LockSharedObject(AuthIdRelationId, role, 0, ShareUpdateExclusiveLock);
	if (!role_is_operator(call->caller.role))
		require_consent(call, role, name);
}

/* Make the role a member of vault_client, which has EXECUTE on the functions for clients. */
static void
enrol_as_client(Oid role, const char *name)
{
	Oid client = get_role_oid("vault_client", false);
	AsRole before;

	if (is_member_of_role(role, client))
		return;
	as_role_begin(&before, BOOTSTRAP_SUPERUSERID, 0);
	if (SPI_execute(psprintf("GRANT vault_client TO %s", quote_identifier(name)), false, 0) < 0)
		elog(ERROR, "could not grant vault_client");
	as_role_end(&before);
}

static Oid
role_by_name(const char *name)
{
	Oid role = get_role_oid(name, true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("database role \"%s\" does not exist", name),
				 errhint("Create it with CREATE ROLE first.")));
	return role;
}

Oid
identity_enrol_for_tokens(const VaultCall *call, const char *name)
{
	Oid role = role_by_name(name);

	check_bindable(call, role, name);
	enrol_as_client(role, name);
	return role;
}

void
identity_bind(const VaultCall *call, const pg_uuid_t *principal, const char *name)
{
	static Sql forget = {
		"DELETE FROM vault_data.principal_binding WHERE tenant_id = $1"
		" AND ((db_role = $2) <> (role_name = $3) OR (principal_id = $4 AND NOT EXISTS"
		" (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = db_role AND r.rolname = role_name)))",
		4,
		{UUIDOID, REGROLEOID, TEXTOID, UUIDOID}};
	static Sql insert = {"INSERT INTO vault_data.principal_binding"
						 " (tenant_id, db_role, role_name, principal_id) VALUES ($1, $2, $3, $4)",
						 4,
						 {UUIDOID, REGROLEOID, TEXTOID, UUIDOID}};
	Oid role = role_by_name(name);
	Datum values[4];

	check_bindable(call, role, name);
	sql_begin();
	values[0] = UUIDPGetDatum(&call->tenant);
	values[1] = ObjectIdGetDatum(role);
	values[2] = CStringGetTextDatum(name);
	values[3] = UUIDPGetDatum(principal);
	sql_run(&forget, values, NULL);
	sql_run(&insert, values, NULL);
	enrol_as_client(role, name);
	sql_end();
}

Datum
identity_token_role_names(const Caller *caller)
{
	Datum names[CALLER_TOKEN_ROLES];
	int count = 0;

	for (int i = 0; i < caller->token_role_count; i++)
	{
		Datum keys[2] = {UUIDPGetDatum(&caller->tenant), UUIDPGetDatum(&caller->token_roles[i])};
		TableScan scan;

		scan_begin(&scan, TABLE_PRINCIPAL, INDEX_PRINCIPAL, NULL, keys, 2);
		if (scan_next(&scan))
		{
			text *name = DatumGetTextPCopy(scan_get(&scan, PRINCIPAL_NAME, NULL));

			names[count++] = PointerGetDatum(name);
		}
		scan_end(&scan);
	}
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

void
identity_init(void)
{
	audit_set_service(connection_service);
	cache_follow_table(&cache, TABLE_PRINCIPAL_BINDING);
	cache_follow_table(&cache, TABLE_PRINCIPAL);
	cache_follow_table(&cache, TABLE_TENANT);
	cache_follow_catalog(&cache, AUTHOID);
}
