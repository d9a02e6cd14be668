/*
 * anomaly.c
 *		Names the caller that acknowledges. The rest is SQL.
 */
#include "platform/compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "context/call.h"

PG_FUNCTION_INFO_V1(vault_caller_name);

/* caller_name(): the principal's name, or an operator's role */
Datum
vault_caller_name(PG_FUNCTION_ARGS)
{
	const Caller *caller = &call_required()->caller;

	PG_RETURN_TEXT_P(cstring_to_text(
		caller->is_identified ? caller->principal_name : GetUserNameFromId(caller->role, false)));
}
