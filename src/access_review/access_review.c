/*
 * access_review.c
 *		Explains decisions of policy.c: the permissions of principals and their reasons.
 *
 * The code here decides nothing by itself, and reads no value.
 */
#include "platform/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/tuplestore.h"

#include <sys/socket.h>

#include "context/call.h"
#include "platform/errors.h"
#include "policy/grants.h"
#include "policy/policy.h"
#include "policy/policy_arguments.h"

/* Columns of explain_access's result. */
enum
{
	OUT_GRANT,
	OUT_EFFECT,
	OUT_PERMISSIONS,
	OUT_PATTERN,
	OUT_ENVIRONMENTS,
	OUT_APPLIES,
	OUT_REASON,
	OUT_VIA,
	OUT_COLUMNS
};

/* Return the roles from the principal to the grant: "team > reader", "(token) > team". */
static char *
role_path(const GrantSet *set, int source)
{
	char *path = set->sources[source].name;

	for (int i = set->sources[source].parent; i > 0; i = set->sources[i].parent)
		path = psprintf("%s > %s", set->sources[i].name, path);
	return set->sources[source].by_token ? psprintf("(token) > %s", path) : path;
}

/* Compare: denials first, then by age. */
static int
compare_grants(const void *a, const void *b)
{
	const Grant *x = a;
	const Grant *y = b;

	if (x->denies != y->denies)
		return x->denies ? -1 : 1;
	if (x->created_at != y->created_at)
		return x->created_at < y->created_at ? -1 : 1;
	return memcmp(&x->id, &y->id, UUID_LEN);
}

static void
access_review_add_reason(StringInfo reasons, const char *reason)
{
	if (reason)
		appendStringInfo(reasons, "%s%s", reasons->len ? "; " : "", reason);
}

/* Return all reasons why the grant does not apply. A denial applies if the address is not known. */
static const char *
access_review_why_not(const Grant *grant, const SecretName *secret, const AccessRequest *request,
					  bool lacks)
{
	StringInfoData reasons;

	initStringInfo(&reasons);
	access_review_add_reason(&reasons, grant_place_fault(grant, secret, PLACE_ENVIRONMENT));
	access_review_add_reason(&reasons, grant_place_fault(grant, secret, PLACE_NAME));
	for (int aspect = 0; grant->condition && aspect < CONDITION_ASPECTS; aspect++)
	{
		const char *fault = condition_aspect_fault(grant->condition, request, aspect);

		if (!grant->denies || fault != condition_address_unknown)
			access_review_add_reason(&reasons, fault);
	}
	access_review_add_reason(&reasons, lacks ? "does not hold the permission" : NULL);
	return reasons.data;
}

static const char *
explain_grant(const Grant *grant, const SecretName *secret, const AccessRequest *request,
			  Permission wanted, bool *applies)
{
	bool lacks = !(grant->mask & wanted) && (wanted != MAY_LIST || grant->denies);

	*applies = !lacks && grant_applies(grant, secret, request);
	if (!*applies)
		return access_review_why_not(grant, secret, request, lacks);
	if (!(grant->mask & wanted))
		return "applies: any permission lets see that the secret exists";
	if (grant->denies && grant->condition &&
		condition_fault(grant->condition, request) == condition_address_unknown)
		return "applies: the client's address is not known";
	return "applies";
}

static void
put_row(ReturnSetInfo *result, const Grant *grant, Datum *values, bool *nulls)
{
	nulls[OUT_GRANT] = grant == NULL;
	if (grant)
		values[OUT_GRANT] = UUIDPGetDatum(&grant->id);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
environments_of(const Grant *grant)
{
	Datum *names = palloc((grant->environment_count + 1) * sizeof(Datum));

	for (int i = 0; i < grant->environment_count; i++)
		names[i] = CStringGetTextDatum(grant->environments[i]);
	return PointerGetDatum(
		construct_array(names, grant->environment_count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_grant(ReturnSetInfo *result, const GrantSet *set, const Grant *grant, bool applies,
		  const char *reason)
{
	Datum values[OUT_COLUMNS] = {0};
	bool nulls[OUT_COLUMNS] = {0};

	values[OUT_EFFECT] = CStringGetTextDatum(grant->denies ? "deny" : "allow");
	values[OUT_PERMISSIONS] = permission_array(grant->mask);
	values[OUT_PATTERN] = CStringGetTextDatum(grant->pattern);
	nulls[OUT_ENVIRONMENTS] = grant->environments == NULL;
	values[OUT_ENVIRONMENTS] = environments_of(grant);
	values[OUT_APPLIES] = BoolGetDatum(applies);
	values[OUT_REASON] = CStringGetTextDatum(reason);
	nulls[OUT_VIA] = grant->source == 0;
	values[OUT_VIA] = CStringGetTextDatum(role_path(set, grant->source));
	put_row(result, grant, values, nulls);
}

static void
put_decision(ReturnSetInfo *result, const SecretName *secret, Permission wanted, bool allowed,
			 const Grant *denial, const Grant *allowance)
{
	Datum environment =
		PointerGetDatum(cstring_to_text_with_len(secret->environment, secret->environment_size));
	Datum values[OUT_COLUMNS] = {0};
	bool nulls[OUT_COLUMNS] = {0};

	values[OUT_EFFECT] = CStringGetTextDatum(allowed ? "allow" : "deny");
	values[OUT_PERMISSIONS] = permission_array(wanted);
	values[OUT_PATTERN] =
		PointerGetDatum(cstring_to_text_with_len(secret->name, secret->name_size));
	values[OUT_ENVIRONMENTS] =
		PointerGetDatum(construct_array(&environment, 1, TEXTOID, -1, false, TYPALIGN_INT));
	values[OUT_APPLIES] = BoolGetDatum(true);
	values[OUT_REASON] =
		CStringGetTextDatum(allowed      ? "decision: an allowance applies and no denial does"
								: denial ? "decision: a denial applies, and denials win"
										 : "decision: nothing allows it");
	nulls[OUT_VIA] = true;
	put_row(result, allowed ? allowance : denial, values, nulls);
}

static void
take_address(const inet *given, NetAddress *address)
{
	net_address_set(address, ip_family(given) == PGSQL_AF_INET ? 4 : 6, ip_addr(given));
}

static GrantSet
load_with_roles(const pg_uuid_t *principal, Datum ids)
{
	const VaultCall *call = call_required();
	Datum *elements;
	pg_uuid_t *roles;
	int count;

	deconstruct_array(DatumGetArrayTypeP(ids), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &elements,
					  NULL, &count);
	roles = palloc((count + 1) * sizeof(pg_uuid_t));
	for (int i = 0; i < count; i++)
		roles[i] = *DatumGetUUIDP(elements[i]);
	return grants_load_with(&call->tenant, principal, roles, count);
}

PG_FUNCTION_INFO_V1(vault_explain_grants);
PG_FUNCTION_INFO_V1(vault_token_roles);
PG_FUNCTION_INFO_V1(vault_access_of);

/*
 * explain_grants(subject, permission, name, environment, at, from_address, service, tls, roles):
 * explains as if the subject made that request, with the current role as the session's, and with a
 * token that gives these roles
 */
static Datum
explain_grants(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	GrantSet set = load_with_roles(PG_GETARG_UUID_P(0), PG_GETARG_DATUM(8));
	Permission wanted = permission_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	char *service = PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6));
	AccessRequest request = {.at =
								 PG_ARGISNULL(4) ? GetCurrentTimestamp() : PG_GETARG_TIMESTAMPTZ(4),
							 .tls = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7),
							 .session_user = true,
							 .services = (const char *const *) &service,
							 .service_count = service ? 1 : 0};
	const Grant *denial = NULL;
	const Grant *allowance = NULL;
	SecretName secret;
	bool allowed;

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(5))
		take_address(PG_GETARG_INET_PP(5), &request.address);
	secret_name_from(PG_GETARG_TEXT_PP(2), PG_GETARG_TEXT_PP(3), &secret);
	allowed = (grants_decide(&set, &secret, &request, wanted, NULL) & wanted) != 0;
	qsort(set.grants, set.count, sizeof(Grant), compare_grants);
	for (int i = 0; i < set.count; i++)
	{
		const Grant *g = &set.grants[i];
		bool applies;
		const char *reason = explain_grant(g, &secret, &request, wanted, &applies);

		put_grant(result, &set, g, applies, reason);
		if (applies && g->denies && denial == NULL)
			denial = g;
		if (applies && !g->denies && allowance == NULL)
			allowance = g;
	}
	put_decision(result, &secret, wanted, allowed, denial, allowance);
	PG_RETURN_NULL();
}

Datum
vault_explain_grants(PG_FUNCTION_ARGS)
{
	(void) call_required();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(8))
		error_bad_argument("request", "must not have null parts", "Use vault.explain_access().");
	return explain_grants(fcinfo);
}

/* token_roles(): the roles that the caller has by its token */
Datum
vault_token_roles(PG_FUNCTION_ARGS)
{
	const Caller *caller = &call_required()->caller;
	Datum ids[CALLER_TOKEN_ROLES];

	for (int i = 0; i < caller->token_role_count; i++)
		ids[i] = UUIDPGetDatum(&caller->token_roles[i]);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(ids, caller->token_role_count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

/* List the sources of allowed permissions, each once. */
static Datum
access_review_ways(const GrantSet *set, const SecretName *secret, const AccessRequest *request)
{
	Datum *paths = palloc((set->source_count + 1) * sizeof(Datum));
	int count = 0;

	for (int source = 0; source < set->source_count; source++)
	{
		bool gives = false;

		for (int i = 0; !gives && i < set->count; i++)
			gives = set->grants[i].source == source && !set->grants[i].denies &&
				grant_applies(&set->grants[i], secret, request);
		if (gives)
			paths[count++] = CStringGetTextDatum(source == 0 ? "(itself)" : role_path(set, source));
	}
	return PointerGetDatum(construct_array(paths, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * access_of(tenant, principal, name, environment): the permissions of the principal if the
 * conditions of allowances are met and those of denials are not; the permissions among them that
 * depend on conditions; and the roles that give them. NULL if there are none. For rows of a view.
 */
Datum
vault_access_of(PG_FUNCTION_ARGS)
{
	GrantSet set = grants_of(PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(1));
	AccessRequest generous = {.assumption = ASSUME_GENEROUS, .at = GetCurrentTimestamp()};
	AccessRequest strict = {.assumption = ASSUME_STRICT, .at = generous.at};
	SecretName secret;
	TupleDesc layout;
	Datum values[3];
	bool nulls[3] = {0};
	int possible;
	int certain;

	secret_name_from(PG_GETARG_TEXT_PP(2), PG_GETARG_TEXT_PP(3), &secret);
	possible = grants_decide(&set, &secret, &generous, 0, NULL);
	if (possible == 0)
		PG_RETURN_NULL();
	certain = grants_decide(&set, &secret, &strict, 0, NULL);
	if (get_call_result_type(fcinfo, NULL, &layout) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "access_of must return a row");
	values[0] = permission_array(possible);
	values[1] = permission_array(possible & ~certain);
	values[2] = access_review_ways(&set, &secret, &generous);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(layout), values, nulls));
}
