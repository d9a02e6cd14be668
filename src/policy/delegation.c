/*
 * delegation.c
 *		The SQL functions of policy: checks of names, and the rules for handing out permissions.
 *
 * A principal cannot raise its own rights. To hand out an allowance, or to take a denial back, it
 * must hold "grant" and each permission concerned. It must hold them on patterns that cover the
 * pattern of the grant, in each environment of the grant, with no denial of any of them that
 * overlaps the grant. To take an allowance back, or to add a denial, only "grant" is required in
 * the same way.
 *
 * A permission under a condition counts if the condition is met now, and only for a grant whose
 * own conditions are at least as narrow. A denial counts whether its conditions are met now or
 * not, until it is over.
 *
 * An allowance from a group of a token (vault.map_group) lasts as long as the token, and does not
 * count; a denial from such a group counts.
 *
 * Adding a member to a role hands out all that the role holds, and removing the member takes it
 * back.
 */
#include "policy/delegation.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "context/call.h"
#include "context/operators.h"
#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "policy/environment.h"
#include "policy/grants.h"
#include "policy/name.h"

void
secret_name_from(const text *name, const text *environment, SecretName *secret)
{
	const char *fault;

	secret->name = VARDATA_ANY(name);
	secret->name_size = VARSIZE_ANY_EXHDR(name);
	secret->environment = environment ? VARDATA_ANY(environment) : default_environment();
	secret->environment_size =
		environment ? VARSIZE_ANY_EXHDR(environment) : strlen(default_environment());
	if ((fault = name_fault(secret->name, secret->name_size)) != NULL)
		error_bad_argument(
			"name", fault,
			"A name is segments of letters, digits and \"._-\" with \"/\" between them, at most 255 bytes.");
	environment_require_form("environment", secret->environment, secret->environment_size);
}

static bool
environments_cover(const Grant *grant, const Grant *proposal)
{
	if (grant->environments == NULL)
		return true;
	if (proposal->environments == NULL)
		return false;
	for (int i = 0; i < proposal->environment_count; i++)
		if (!grant_has_environment(grant, proposal->environments[i],
								   strlen(proposal->environments[i])))
			return false;
	return true;
}

static bool
environments_overlap(const Grant *grant, const Grant *proposal)
{
	if (grant->environments == NULL || proposal->environments == NULL)
		return true;
	for (int i = 0; i < proposal->environment_count; i++)
		if (grant_has_environment(grant, proposal->environments[i],
								  strlen(proposal->environments[i])))
			return true;
	return false;
}

static bool
denies_part_of(const Grant *g, const Grant *proposal, const AccessRequest *request)
{
	return g->denies && environments_overlap(g, proposal) &&
		!condition_is_over(g->condition, request->at) &&
		pattern_overlaps(g->pattern, g->pattern_size, proposal->pattern, proposal->pattern_size);
}

static bool
allows_all_of(const Grant *g, const Grant *proposal, const AccessRequest *request)
{
	return !g->denies && environments_cover(g, proposal) && grant_is_in_force(g, request) &&
		condition_covers(g->condition, proposal->condition) &&
		pattern_covers(g->pattern, g->pattern_size, proposal->pattern, proposal->pattern_size);
}

/*
 * Return true if the set holds one permission over the whole of the proposal. Any permission gives
 * "list".
 */
static bool
holds_throughout(const GrantSet *set, int permission, const Grant *proposal,
				 const AccessRequest *request)
{
	int given_by = permission == MAY_LIST ? MAY_EVERYTHING : permission;
	bool covered = false;

	for (int i = 0; i < set->count; i++)
	{
		const Grant *g = &set->grants[i];

		if ((g->mask & permission) && denies_part_of(g, proposal, request))
			return false;
		if ((g->mask & given_by) && !set->sources[g->source].by_token &&
			allows_all_of(g, proposal, request))
			covered = true;
	}
	return covered;
}

/*
 * Return true if the set may hand out the permissions. Every permission gives "list", so a denial
 * of "list" prevents handing out any of them.
 */
static bool
may_hand_out(const GrantSet *set, int mask, const Grant *proposal, const AccessRequest *request)
{
	if (mask != 0)
		mask |= MAY_LIST;
	mask |= MAY_GRANT;
	for (int number = 0; number < PERMISSION_COUNT; number++)
		if ((mask & (1 << number)) && !holds_throughout(set, 1 << number, proposal, request))
			return false;
	return true;
}

PG_FUNCTION_INFO_V1(vault_all_permissions);
PG_FUNCTION_INFO_V1(vault_may_delegate);
PG_FUNCTION_INFO_V1(vault_may_change_member);
PG_FUNCTION_INFO_V1(vault_check_membership);
PG_FUNCTION_INFO_V1(vault_holds_nothing);
PG_FUNCTION_INFO_V1(vault_holds_denial);
PG_FUNCTION_INFO_V1(vault_require);
PG_FUNCTION_INFO_V1(vault_require_administrator);
PG_FUNCTION_INFO_V1(vault_is_administrator);
PG_FUNCTION_INFO_V1(vault_is_auditor);
PG_FUNCTION_INFO_V1(vault_permitted);
PG_FUNCTION_INFO_V1(vault_name_matches);
PG_FUNCTION_INFO_V1(vault_check_identifier);
PG_FUNCTION_INFO_V1(vault_check_name);
PG_FUNCTION_INFO_V1(vault_check_pattern);
PG_FUNCTION_INFO_V1(vault_check_permissions);
PG_FUNCTION_INFO_V1(vault_check_addresses);
PG_FUNCTION_INFO_V1(vault_check_windows);
PG_FUNCTION_INFO_V1(vault_check_services);
PG_FUNCTION_INFO_V1(vault_environment);

/*
 * Get the grants and the request of the caller. Returns false if the caller is no principal of the
 * call's tenant.
 */
static bool
take_caller(const VaultCall *call, GrantSet *set, AccessRequest *request)
{
	if (!call->caller.is_identified || !uuid_equal(&call->caller.tenant, &call->tenant))
		return false;
	*set = grants_of_caller(&call->caller);
	access_request_now(&call->caller, request);
	return true;
}

static void
grant_from_record(HeapTupleHeader header, Grant *grant)
{
	TupleDesc layout =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum values[GRANT_COLUMNS];
	bool nulls[GRANT_COLUMNS];

	if (layout->natts != GRANT_COLUMNS)
		elog(ERROR, "a grant has %d columns", layout->natts);
	heap_deform_tuple(&tuple, layout, values, nulls);
	grant_compile(values, nulls, grant);
	ReleaseTupleDesc(layout);
}

Datum
vault_all_permissions(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(permission_array(MAY_EVERYTHING));
}

/* may_delegate(given access_grant, permissions text[]) */
Datum
vault_may_delegate(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	Grant proposal;
	GrantSet set;
	AccessRequest request;

	grant_from_record(PG_GETARG_HEAPTUPLEHEADER(0), &proposal);
	PG_RETURN_BOOL(take_caller(call, &set, &request) &&
				   may_hand_out(&set, permission_mask(PG_GETARG_DATUM(1)), &proposal, &request));
}

/*
 * may_change_member(role, removes): return true if the caller may hand out, or take back, all that
 * the role holds or will hold. For a role that holds nothing, the caller must be an administrator.
 */
Datum
vault_may_change_member(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	bool removes = PG_GETARG_BOOL(1);
	GrantSet role = grants_load(&call->tenant, PG_GETARG_UUID_P(0));
	bool holds = false;
	GrantSet set;
	AccessRequest request;

	if (!take_caller(call, &set, &request))
		PG_RETURN_BOOL(false);
	for (int i = 0; i < role.count; i++)
	{
		const Grant *g = &role.grants[i];

		if (condition_is_over(g->condition, request.at))
			continue;
		if (!may_hand_out(&set, g->denies == removes ? g->mask : 0, g, &request))
			PG_RETURN_BOOL(false);
		holds = true;
	}
	PG_RETURN_BOOL(holds || grants_administer(&set, &request, NULL));
}

/*
 * check_membership(role, member): raise an error for a cycle, and for a chain of more than
 * MAX_ROLE_DEPTH. The caller holds the lock that serializes changes of memberships.
 */
Datum
vault_check_membership(PG_FUNCTION_ARGS)
{
	static Sql chains = {
		"WITH RECURSIVE up (id, n) AS (SELECT $2, 0 UNION"
		" SELECT m.role_id, u.n + 1 FROM up u JOIN vault_data.role_member m"
		" ON m.tenant_id = $1 AND m.member_id = u.id WHERE u.n < 9),"
		" down (id, n) AS (SELECT $3, 0 UNION"
		" SELECT m.member_id, d.n + 1 FROM down d JOIN vault_data.role_member m"
		" ON m.tenant_id = $1 AND m.role_id = d.id WHERE d.n < 9)"
		" SELECT EXISTS (SELECT FROM up WHERE id = $3),"
		" (SELECT pg_catalog.max(n) FROM up) + 1 + (SELECT pg_catalog.max(n) FROM down)",
		3,
		{UUIDOID, UUIDOID, UUIDOID}};
	Datum values[3] = {UUIDPGetDatum(&call_required()->tenant), PG_GETARG_DATUM(0),
					   PG_GETARG_DATUM(1)};
	bool cycle;
	int depth;

	sql_begin();
	(void) sql_read(&chains, values, NULL);
	cycle = DatumGetBool(sql_value(0, 1, NULL));
	depth = DatumGetInt32(sql_value(0, 2, NULL));
	sql_end();
	if (cycle)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_GRANT_OPERATION),
				 errmsg("the role would become a member of itself"),
				 errhint("The view vault.role_members shows who is a member of what.")));
	if (depth > MAX_ROLE_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("roles are nested deeper than %d", MAX_ROLE_DEPTH),
				 errhint("Make the principals members of a higher role directly.")));
	PG_RETURN_VOID();
}

static Permission
permission_argument(FunctionCallInfo fcinfo)
{
	return (Permission) permission_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

/* require(permission, name, environment): raise 42501 unless permitted; note the deciding grant. */
Datum
vault_require(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	SecretName secret;

	secret_name_from(PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &secret);
	policy_require(&call->caller, &secret, permission_argument(fcinfo), &call->grant);
	call->has_grant = true;
	PG_RETURN_VOID();
}

/* permitted(permission, name, environment): return the decision without an error. */
Datum
vault_permitted(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	SecretName secret;

	secret_name_from(PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &secret);
	PG_RETURN_BOOL(
		call->caller.is_identified &&
		(policy_permissions(&call->caller, &secret, 0, NULL) & permission_argument(fcinfo)));
}

Datum
vault_is_administrator(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	PG_RETURN_BOOL(call->caller.is_identified && !call->caller.is_suspended &&
				   uuid_equal(&call->caller.tenant, &call->tenant) &&
				   policy_is_administrator(&call->caller));
}

/*
 * is_auditor(): return true if the caller is a member of the built-in role "auditor" of the call's
 * tenant.
 */
Datum
vault_is_auditor(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	PG_RETURN_BOOL(call->caller.is_identified && !call->caller.is_suspended &&
				   uuid_equal(&call->caller.tenant, &call->tenant) &&
				   policy_is_auditor(&call->caller));
}

/*
 * require_administrator(): raise an error for a caller that is no administrator. Operators pass if
 * the operation does not concern a value.
 */
Datum
vault_require_administrator(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	if (!role_is_operator(call->caller.role) && !DatumGetBool(vault_is_administrator(fcinfo)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: this is for administrators of the tenant"),
				 errhint("An administrator holds \"grant\" on ** in every environment.")));
	PG_RETURN_VOID();
}

Datum
vault_name_matches(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	text *pattern = PG_GETARG_TEXT_PP(1);

	if (pattern_fault(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern)) != NULL ||
		name_fault(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) != NULL)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(pattern_matches(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern),
								   VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)));
}

/* The check_… functions return their argument, or raise 22023. */
Datum
vault_check_identifier(PG_FUNCTION_ARGS)
{
	char *what = PG_ARGISNULL(0) ? "argument" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	text *given;
	const char *fault;

	if (PG_ARGISNULL(1))
		error_bad_argument(what, "it is null", NULL);
	given = PG_GETARG_TEXT_PP(1);
	if (strncmp(what, "environment", 11) == 0)
		environment_require_form(what, VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	fault = identifier_fault(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	if (fault)
		error_bad_argument(what, fault, "Use letters, digits and \"._-\", at most 63 bytes.");
	PG_RETURN_TEXT_P(given);
}

Datum
vault_check_name(PG_FUNCTION_ARGS)
{
	SecretName secret;

	if (PG_ARGISNULL(0))
		error_bad_argument("name", "it is null", NULL);
	secret_name_from(PG_GETARG_TEXT_PP(0), NULL, &secret);
	PG_RETURN_TEXT_P(PG_GETARG_TEXT_PP(0));
}

Datum
vault_check_pattern(PG_FUNCTION_ARGS)
{
	text *given;
	const char *fault;

	if (PG_ARGISNULL(0))
		error_bad_argument("name pattern", "it is null", NULL);
	given = PG_GETARG_TEXT_PP(0);
	fault = pattern_fault(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	if (fault)
		error_bad_argument(
			"name pattern", fault,
			"A pattern is a name with \"*\" within segments and \"**\" for whole ones.");
	PG_RETURN_TEXT_P(given);
}

#define PERMISSION_IN_LIST(name, text) text ", "

Datum
vault_check_permissions(PG_FUNCTION_ARGS)
{
	int count;
	char **names;

	if (PG_ARGISNULL(0))
		error_bad_argument("permissions", "they are null", NULL);
	names = text_array(PG_GETARG_DATUM(0), &count);
	if (count == 0 || count > 16)
		error_bad_argument("permissions", "the list is empty or too long", NULL);
	for (int i = 0; i < count; i++)
		if (permission_by_name(names[i]) == 0)
			error_bad_argument("permissions", "there is no such permission",
							   "Permissions are " EACH_PERMISSION(
								   PERMISSION_IN_LIST) "and no others.");
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* Get a list of texts that is not empty, not too long, and has no null element. */
static char **
list_argument(FunctionCallInfo fcinfo, const char *what, int max, int *count)
{
	ArrayType *given = PG_GETARG_ARRAYTYPE_P(0);
	char **texts;

	if (ARR_NDIM(given) != 1 || array_contains_nulls(given))
		error_bad_argument(what, "the list is empty, or an element is null",
						   "Give NULL for no such condition.");
	texts = text_array(PointerGetDatum(given), count);
	if (*count > max)
		error_bad_argument(what, "the list is too long", NULL);
	return texts;
}

/* Add the number of the element to the fault if there are several elements. */
static const char *
of_element(int number, int count, const char *fault)
{
	return count == 1 ? fault : psprintf("element %d: %s", number + 1, fault);
}

static Datum
text_list(const Datum *texts, int count)
{
	return PointerGetDatum(
		construct_array((Datum *) texts, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* check_addresses(text[]): return each address in its canonical form. */
Datum
vault_check_addresses(PG_FUNCTION_ARGS)
{
	int count;
	char **texts = list_argument(fcinfo, "addresses", MAX_ADDRESSES, &count);
	Datum checked[MAX_ADDRESSES];

	for (int i = 0; i < count; i++)
	{
		NetBlock block;
		char text[NET_TEXT_BYTES];
		const char *fault = net_block_parse(texts[i], strlen(texts[i]), &block);

		if (fault)
			error_bad_argument("addresses", of_element(i, count, fault),
							   "Give blocks such as 10.1.0.0/16 or 2001:db8::/32.");
		net_block_format(&block, text);
		checked[i] = CStringGetTextDatum(text);
	}
	return text_list(checked, count);
}

/* check_windows(text[]): return each window in its canonical form. */
Datum
vault_check_windows(PG_FUNCTION_ARGS)
{
	int count;
	char **texts = list_argument(fcinfo, "windows", MAX_WINDOWS, &count);
	Datum checked[MAX_WINDOWS];

	for (int i = 0; i < count; i++)
	{
		Window window;
		char text[WINDOW_TEXT_BYTES];
		const char *fault = window_parse(texts[i], strlen(texts[i]), &window);
		pg_tz *zone = fault ? NULL : zone_named(window.zone);

		if (zone)
			strlcpy(window.zone, pg_get_timezone_name(zone), WINDOW_ZONE_BYTES);
		else if (fault == NULL)
			fault = psprintf("its time zone \"%s\" is not known", window.zone);
		if (fault)
			error_bad_argument(
				"windows", of_element(i, count, fault),
				"Give windows such as 'mon-fri 09:00-17:00 Europe/Berlin'; pg_timezone_names has the zones.");
		window_format(&window, text);
		checked[i] = CStringGetTextDatum(text);
	}
	return text_list(checked, count);
}

/* check_services(text[]) */
Datum
vault_check_services(PG_FUNCTION_ARGS)
{
	int count;
	char **texts = list_argument(fcinfo, "services", MAX_SERVICES, &count);

	for (int i = 0; i < count; i++)
	{
		const char *fault = service_fault(texts[i]);

		if (fault)
			error_bad_argument(
				"services", of_element(i, count, fault),
				"Give names such as 'token:billing', 'cn:billing' or 'dns:billing.internal'; other kinds are dn, uri and email.");
	}
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* environment(given): return the environment of a call that names none. */
Datum
vault_environment(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(default_environment()));
	PG_RETURN_TEXT_P(PG_GETARG_TEXT_PP(0));
}

/* holds_nothing(role), holds_denial(role): check the role itself and its own roles. */
Datum
vault_holds_nothing(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(grants_load(&call_required()->tenant, PG_GETARG_UUID_P(0)).count == 0);
}

Datum
vault_holds_denial(PG_FUNCTION_ARGS)
{
	GrantSet set = grants_load(&call_required()->tenant, PG_GETARG_UUID_P(0));

	for (int i = 0; i < set.count; i++)
		if (set.grants[i].denies)
			PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}
