/*
 * token_sql.c
 *		SQL functions about tokens: vault.login(), roles that show tokens, issuers, and tokens that
 *		the vault issues.
 */
#include "token/token.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "crypto/primitives.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/tables.h"
#include "redaction/redaction.h"
#include "token/issued_token.h"
#include "token/issuer.h"
#include "token/single_use.h"

PG_FUNCTION_INFO_V1(vault_login);
PG_FUNCTION_INFO_V1(vault_bind_token_role);
PG_FUNCTION_INFO_V1(vault_shows_token);
PG_FUNCTION_INFO_V1(vault_token_life);
PG_FUNCTION_INFO_V1(vault_token_quota);
PG_FUNCTION_INFO_V1(vault_sign_token);
PG_FUNCTION_INFO_V1(vault_check_issuer);
PG_FUNCTION_INFO_V1(vault_read_jwks);
PG_FUNCTION_INFO_V1(vault_check_subject);

static Datum
login_body(FunctionCallInfo fcinfo)
{
	token_describe_login(call_required());
	PG_RETURN_VOID();
}

/* Set vault.token before the entry opens, because the entry undoes changes of settings. */
static Datum
show_given_token(FunctionCallInfo fcinfo)
{
	token_login_begin(PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* login(token) */
Datum
vault_login(PG_FUNCTION_ARGS)
{
	require_running_vault();
	redaction_session_holds_secrets();
	PG_TRY();
	{
		(void) secret_area_call(fcinfo, show_given_token);
		entry_run(ENTRY_CLIENT, fcinfo, login_body);
	}
	PG_FINALLY();
	{
		token_login_end();
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}

/* bind_token_role(db_role): bind the role in the call's tenant. */
Datum
vault_bind_token_role(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	token_bind_role(call, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* shows_token(): return true if a token gives the identity of the caller. */
Datum
vault_shows_token(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(call_required()->caller.subject[0] != 0);
}

/* token_life() */
Datum
vault_token_life(PG_FUNCTION_ARGS)
{
	pg_uuid_t *life = palloc(sizeof(pg_uuid_t));

	(void) call_required();
	*life = single_use_life();
	PG_RETURN_UUID_P(life);
}

/* token_quota(of_tenant) */
Datum
vault_token_quota(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_BOOL(0) ? ONCE_OF_A_TENANT : ONCE_OF_A_PRINCIPAL);
}

/* sign_token(id, principal's name, expires_at, db_role): sign a token in the call's tenant. */
Datum
vault_sign_token(PG_FUNCTION_ARGS)
{
	const VaultCall *call = call_required();
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *role = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));

	char *token =
		issued_token_sign(&call->tenant, PG_GETARG_UUID_P(0), name, PG_GETARG_TIMESTAMPTZ(2), role);
	text *result = cstring_to_text(token);

	secret_wipe(token, strlen(token));
	PG_RETURN_TEXT_P(result);
}

static char *
issuer_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL
								: issuer_text_in_tokens(text_to_cstring(PG_GETARG_TEXT_PP(number)));
}

/*
 * check_issuer(issuer, audience, max_lifetime, the claims in the order of the columns, and
 * those that are required)
 */
Datum
vault_check_issuer(PG_FUNCTION_ARGS)
{
	JwtRules rules = {
		.issuer = issuer_argument(fcinfo, 0),
		.audience = issuer_argument(fcinfo, 1),
		.skew = TOKEN_SKEW,
		.max_lifetime = PG_ARGISNULL(2) ? 0 : issuer_seconds_of(PG_GETARG_INTERVAL_P(2)),
		.principal_claim = issuer_argument(fcinfo, 3),
		.tenant_claim = issuer_argument(fcinfo, 4),
		.role_claim = issuer_argument(fcinfo, 5),
		.address_claim = issuer_argument(fcinfo, 6),
		.groups_claim = issuer_argument(fcinfo, 7),
	};
	char *claims = issuer_argument(fcinfo, 8);

	issuer_check(&rules, claims);
	PG_RETURN_VOID();
}

/* Fill the algorithms; returns NULL, which means all of them, for a null argument. */
static const JwksAlgorithms *
algorithms_argument(FunctionCallInfo fcinfo, int number, JwksAlgorithms *algorithms)
{
	const char *fault;
	char **names;
	Datum *elements;
	bool *nulls;
	int count;

	if (PG_ARGISNULL(number))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	names = palloc((count + 1) * sizeof(char *));
	for (int i = 0; i < count; i++)
		names[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
	fault = jwks_algorithms((const char *const *) names, count, algorithms);
	if (fault)
		error_bad_argument("algorithms", fault,
						   "Give NULL for all of EdDSA, ES256, RS256 and PS256.");
	return algorithms;
}

/* read_jwks(text, algorithms): return the keys that count, as they are stored. */
Datum
vault_read_jwks(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	JwksAlgorithms list;
	const JwksAlgorithms *algorithms = algorithms_argument(fcinfo, 1, &list);

	PG_RETURN_TEXT_P(issuer_read_keys(call, issuer_argument(fcinfo, 0), algorithms));
}

/* check_subject(what, subject, match) */
Datum
vault_check_subject(PG_FUNCTION_ARGS)
{
	issuer_check_subject(issuer_argument(fcinfo, 0), issuer_argument(fcinfo, 1),
						 issuer_argument(fcinfo, 2));
	PG_RETURN_VOID();
}
