/*
 * origin_sql.c
 *		SQL functions about the origin: vault.adopt(), and questions from inside.
 */
#include "origin/origin.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/tables.h"

PG_FUNCTION_INFO_V1(vault_adopt);
PG_FUNCTION_INFO_V1(vault_held);
PG_FUNCTION_INFO_V1(vault_require_origin);

/* Get the reason, which goes to the audit trail. */
static char *
reason_argument(FunctionCallInfo fcinfo)
{
	char *reason = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (reason == NULL || strspn(reason, " \t\r\n") == strlen(reason) || strlen(reason) > 255)
		error_bad_argument("reason", "must be 1 to 255 bytes long",
						   "Say why this copy is to act from now on; the audit trail keeps it.");
	return reason;
}

/* Set the reason first, so that the audit rows of the change have it. */
static Datum
adopt_body(FunctionCallInfo fcinfo)
{
	char *reason = reason_argument(fcinfo);

	strlcpy(call_required()->reason, reason, sizeof(call_required()->reason));
	origin_adopt();
	PG_RETURN_VOID();
}

/* adopt(reason) */
Datum
vault_adopt(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_OPERATOR, fcinfo, adopt_body);
}

/* held(): the reason, or NULL. It is no secret: vault.status() shows it to every role. */
Datum
vault_held(PG_FUNCTION_ARGS)
{
	char *reason;

	require_running_vault();
	reason = origin_held();
	if (reason == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(reason));
}

/* require_origin(): raises VT015 unless the vault is at home. */
Datum
vault_require_origin(PG_FUNCTION_ARGS)
{
	(void) call_required();
	origin_require();
	PG_RETURN_VOID();
}
