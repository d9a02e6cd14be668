/*
 * token_sql.c
 *		SQL functions about tokens: vault.login(), roles that show tokens, tokens for one use.
 */
#include "token/token.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "crypto/primitives.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/tables.h"
#include "redaction/redaction.h"
#include "token/single_use.h"

PG_FUNCTION_INFO_V1(vault_login);
PG_FUNCTION_INFO_V1(vault_bind_token_role);
PG_FUNCTION_INFO_V1(vault_shows_token);
PG_FUNCTION_INFO_V1(vault_token_life);
PG_FUNCTION_INFO_V1(vault_token_quota);

static Datum
login_body(FunctionCallInfo fcinfo)
{
	token_describe_login(call_required());
	PG_RETURN_VOID();
}

/* Set vault.token before the entry opens, because the entry undoes changes of settings. */
static void
show_given_token(FunctionCallInfo fcinfo)
{
	char *token = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	token_login_begin(token);
	if (token)
		secret_wipe(token, strlen(token));
}

/* login(token) */
Datum
vault_login(PG_FUNCTION_ARGS)
{
	require_running_vault();
	redaction_session_holds_secrets();
	PG_TRY();
	{
		show_given_token(fcinfo);
		entry_run(ENTRY_CLIENT, fcinfo, login_body);
	}
	PG_FINALLY();
	{
		token_login_end();
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}

/* bind_token_role(db_role): in the call's tenant. */
Datum
vault_bind_token_role(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	token_bind_role(call, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* shows_token(): true if a token says who the caller is. */
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
