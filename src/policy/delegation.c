/*
 * delegation.c
 *		The policy's SQL edge: checks of names, and who may hand out what.
 *
 * Nobody raises their own rights.  To hand out an allowance, and to take a denial
 * back, a principal must hold "grant" and each permission concerned on patterns
 * that cover the grant's, in each of its environments, with no denial of
 * any of them that overlaps it.  To take an allowance back, or to add a
 * denial, "grant" alone is asked in the same way.
 *
 * What a principal holds under a condition counts if that is met now, and for a grant
 * whose own conditions are at least as narrow.  A denial counts whether its
 * conditions are met now or not, until it is over.
 *
 * What a group of a token allows (vault.map_group) lasts as long as the token, and does not
 * count; what it denies does.
 *
 * To make somebody a member of a role is to hand out all that the role holds, and
 * to end that is to take it back.
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

/* One permission, over the whole of what is to be handed out.  Any gives "list". */
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

/* Whoever gets any permission gets "list": a denial of that is in the way of all. */
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

/* Who hands out: the caller's grants and request; false for nobody. */
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
 * may_change_member(role, removes): whether the caller may hand out, or take back, all
 * that the role holds or will hold.  With a role that holds nothing, administrators may.
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
 * check_membership(role, member): no cycle, and no chain of more than MAX_ROLE_DEPTH.
 * The caller holds the lock that lines up changes of memberships.
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

/* require(permission, name, environment): or 42501; notes the deciding grant. */
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

/* permitted(permission, name, environment), without an error. */
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

/* The caller is a member of the built-in role "auditor" of the call's tenant. */
Datum
vault_is_auditor(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	PG_RETURN_BOOL(call->caller.is_identified && !call->caller.is_suspended &&
				   uuid_equal(&call->caller.tenant, &call->tenant) &&
				   policy_is_auditor(&call->caller));
}

/* Operators pass for what concerns no value. */
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

/* The check_… functions return what they were given, or raise 22023. */
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

/* A list of texts: not empty, not too long, none of them null. */
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

/* Which one it is, where there are several. */
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

/* check_addresses(text[]): each as it is written canonically. */
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

/* check_windows(text[]): each as it is written canonically. */
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

/* environment(given): what a call that names none means. */
Datum
vault_environment(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(default_environment()));
	PG_RETURN_TEXT_P(PG_GETARG_TEXT_PP(0));
}

/* holds_nothing(role), holds_denial(role): itself and through its roles. */
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
