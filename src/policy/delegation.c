/*
 * delegation.c
 *		The policy's SQL edge: checks of names, and who may hand out what.
 *
 * Nobody raises their own rights.  To hand out an allowance, and to take a denial
 * back, a principal must hold "grant" and each permission concerned on patterns
 * that cover the grant's, in each of its environments, with no denial of
 * any of them that overlaps it.  To take an allowance back, or to add a
 * denial, "grant" alone is asked in the same way.
 */
#include "policy/delegation.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "door/door.h"
#include "platform/errors.h"
#include "platform/tables.h"
#include "platform/settings.h"
#include "policy/grants.h"
#include "policy/name.h"

void
secret_name_from(const text *name, const text *environment, SecretName *secret)
{
	const char *fault;

	secret->name = VARDATA_ANY(name);
	secret->name_size = VARSIZE_ANY_EXHDR(name);
	secret->environment = environment ? VARDATA_ANY(environment) : default_environment();
	secret->environment_size = environment ? VARSIZE_ANY_EXHDR(environment) :
		strlen(default_environment());
	if ((fault = name_fault(secret->name, secret->name_size)) != NULL)
		error_bad_argument("name", fault,
						   "A name is segments of letters, digits and \"._-\" with \"/\" between them, at most 255 bytes.");
	if ((fault = identifier_fault(secret->environment, secret->environment_size)) != NULL)
		error_bad_argument("environment", fault,
						   "An environment is letters, digits and \"._-\", at most 63 bytes.");
}

/* What is to be handed out. */
typedef struct Offer
{
	const char *pattern;
	size_t		pattern_size;
	char	  **environments;	/* NULL: all */
	int			environment_count;
} Offer;

static bool
environments_cover(const Grant *grant, const Offer *offer)
{
	if (grant->environments == NULL)
		return true;
	if (offer->environments == NULL)
		return false;
	for (int i = 0; i < offer->environment_count; i++)
		if (!grant_has_environment(grant, offer->environments[i], strlen(offer->environments[i])))
			return false;
	return true;
}

static bool
environments_overlap(const Grant *grant, const Offer *offer)
{
	if (grant->environments == NULL || offer->environments == NULL)
		return true;
	for (int i = 0; i < offer->environment_count; i++)
		if (grant_has_environment(grant, offer->environments[i], strlen(offer->environments[i])))
			return true;
	return false;
}

/* One permission, over the whole of the offer. */
static bool
holds_throughout(const GrantSet *set, int permission, const Offer *offer)
{
	int			given_by = permission == MAY_LIST ? MAY_EVERYTHING : permission;
	bool		covered = false;

	for (int i = 0; i < set->count; i++)
	{
		const Grant *g = &set->grants[i];

		if (g->denies && (g->mask & permission) && environments_overlap(g, offer) &&
			pattern_overlaps(g->pattern, g->pattern_size, offer->pattern, offer->pattern_size))
			return false;
		if (!g->denies && (g->mask & given_by) && environments_cover(g, offer) &&
			pattern_covers(g->pattern, g->pattern_size, offer->pattern, offer->pattern_size))
			covered = true;
	}
	return covered;
}

PG_FUNCTION_INFO_V1(vault_may_delegate);
PG_FUNCTION_INFO_V1(vault_require);
PG_FUNCTION_INFO_V1(vault_require_administrator);
PG_FUNCTION_INFO_V1(vault_is_administrator);
PG_FUNCTION_INFO_V1(vault_permitted);
PG_FUNCTION_INFO_V1(vault_sees_secret);
PG_FUNCTION_INFO_V1(vault_sees_policy);
PG_FUNCTION_INFO_V1(vault_name_matches);
PG_FUNCTION_INFO_V1(vault_check_identifier);
PG_FUNCTION_INFO_V1(vault_check_name);
PG_FUNCTION_INFO_V1(vault_check_pattern);
PG_FUNCTION_INFO_V1(vault_check_permissions);
PG_FUNCTION_INFO_V1(vault_environment);

/* may_delegate(permissions text[], pattern text, environments text[]) */
Datum
vault_may_delegate(PG_FUNCTION_ARGS)
{
	Door	   *door = door_required();
	text	   *pattern = PG_GETARG_TEXT_PP(1);
	int			mask = permission_mask(PG_GETARG_DATUM(0)) | MAY_GRANT;
	Offer		offer = {
		.pattern = VARDATA_ANY(pattern),.pattern_size = VARSIZE_ANY_EXHDR(pattern)
	};
	GrantSet	set;

	if (!door->caller.is_identified)
		PG_RETURN_BOOL(false);
	if (!PG_ARGISNULL(2))
		offer.environments = text_array(PG_GETARG_DATUM(2), &offer.environment_count);
	set = grants_of(&door->caller.tenant, &door->caller.principal);
	for (int permission = 1; permission <= MAY_LIST; permission <<= 1)
		if ((mask & permission) && !holds_throughout(&set, permission, &offer))
			PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(true);
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
	Door	   *door = door_required();
	SecretName	secret;

	secret_name_from(PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &secret);
	policy_require(&door->caller, &secret, permission_argument(fcinfo), &door->grant);
	door->has_grant = true;
	PG_RETURN_VOID();
}

/* permitted(permission, name, environment), without an error. */
Datum
vault_permitted(PG_FUNCTION_ARGS)
{
	Door	   *door = door_required();
	SecretName	secret;

	secret_name_from(PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &secret);
	PG_RETURN_BOOL(door->caller.is_identified &&
				   (policy_permissions(&door->caller, &secret, 0, NULL) &
					permission_argument(fcinfo)));
}

Datum
vault_is_administrator(PG_FUNCTION_ARGS)
{
	Door	   *door = door_required();

	PG_RETURN_BOOL(door->caller.is_identified && !door->caller.is_suspended &&
				   uuid_equal(&door->caller.tenant, &door->tenant) &&
				   policy_is_administrator(&door->caller));
}

/* Operators pass for what concerns no value. */
Datum
vault_require_administrator(PG_FUNCTION_ARGS)
{
	Door	   *door = door_required();

	if (!role_is_operator(door->caller.role) && !DatumGetBool(vault_is_administrator(fcinfo)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: this is for administrators of the tenant"),
				 errhint("An administrator holds \"grant\" on ** in every environment.")));
	PG_RETURN_VOID();
}

/* The caller of a view: who is asking, outside the door. */
static bool
view_caller(Caller *caller)
{
	Door	   *door = door_current();

	if (door)
		*caller = door->caller;
	else
		door_check(DOOR_VIEW, caller);
	return role_is_overseer(caller->role);
}

/* sees_secret(tenant, name, environment): rows of views about secrets. */
Datum
vault_sees_secret(PG_FUNCTION_ARGS)
{
	Caller		caller;
	SecretName	secret;

	if (view_caller(&caller))
		PG_RETURN_BOOL(true);
	if (!caller.is_identified || caller.is_suspended || PG_ARGISNULL(0) ||
		!uuid_equal(&caller.tenant, PG_GETARG_UUID_P(0)))
		PG_RETURN_BOOL(false);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(policy_is_administrator(&caller));
	secret_name_from(PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2), &secret);
	PG_RETURN_BOOL((policy_permissions(&caller, &secret, 0, NULL) & MAY_LIST) != 0);
}

/*
 * sees_policy(tenant, principal): rows of views about principals and grants,
 * and rows of the trail: one's own, all of the tenant for its administrators.
 */
Datum
vault_sees_policy(PG_FUNCTION_ARGS)
{
	Caller		caller;

	if (view_caller(&caller))
		PG_RETURN_BOOL(true);
	if (!caller.is_identified || caller.is_suspended || PG_ARGISNULL(0) ||
		!uuid_equal(&caller.tenant, PG_GETARG_UUID_P(0)))
		PG_RETURN_BOOL(false);
	if (!PG_ARGISNULL(1) && uuid_equal(&caller.principal, PG_GETARG_UUID_P(1)))
		PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(policy_is_administrator(&caller));
}

Datum
vault_name_matches(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	text	   *pattern = PG_GETARG_TEXT_PP(1);

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
	char	   *what = PG_ARGISNULL(0) ? "argument" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	text	   *given;
	const char *fault;

	if (PG_ARGISNULL(1))
		error_bad_argument(what, "it is null", NULL);
	given = PG_GETARG_TEXT_PP(1);
	fault = identifier_fault(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	if (fault)
		error_bad_argument(what, fault, "Use letters, digits and \"._-\", at most 63 bytes.");
	PG_RETURN_TEXT_P(given);
}

Datum
vault_check_name(PG_FUNCTION_ARGS)
{
	SecretName	secret;

	if (PG_ARGISNULL(0))
		error_bad_argument("name", "it is null", NULL);
	secret_name_from(PG_GETARG_TEXT_PP(0), NULL, &secret);
	PG_RETURN_TEXT_P(PG_GETARG_TEXT_PP(0));
}

Datum
vault_check_pattern(PG_FUNCTION_ARGS)
{
	text	   *given;
	const char *fault;

	if (PG_ARGISNULL(0))
		error_bad_argument("name pattern", "it is null", NULL);
	given = PG_GETARG_TEXT_PP(0);
	fault = pattern_fault(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	if (fault)
		error_bad_argument("name pattern", fault,
						   "A pattern is a name with \"*\" within segments and \"**\" for whole ones.");
	PG_RETURN_TEXT_P(given);
}

Datum
vault_check_permissions(PG_FUNCTION_ARGS)
{
	int			count;
	char	  **names;

	if (PG_ARGISNULL(0))
		error_bad_argument("permissions", "they are null", NULL);
	names = text_array(PG_GETARG_DATUM(0), &count);
	if (count == 0 || count > 16)
		error_bad_argument("permissions", "the list is empty or too long", NULL);
	for (int i = 0; i < count; i++)
		if (permission_by_name(names[i]) == 0)
			error_bad_argument("permissions", "there is no such permission",
							   "Permissions are read, write, rotate, delete, grant and list.");
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
