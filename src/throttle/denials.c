/*
 * denials.c
 *		Throttling of principals whose calls are denied too often.
 *
 * This backend keeps the end of the back-off of the principal that called last.  The number of
 * back-offs in shared memory says whether it is still true.
 */
#include "throttle/denials.h"

#include "utils/timestamp.h"

#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/tables.h"
#include "throttle/throttle.h"

/*
 * Return the end of the caller's back-off at this peer, 0 if there is none.  The counts are
 * searched only if some back-off has begun since the last call: mostly a call costs one atomic
 * read.
 */
static TimestampTz
denied_until(const Caller *caller)
{
	static struct
	{
		uint64 back_offs;
		pg_uuid_t tenant;
		pg_uuid_t principal;
		TimestampTz until;
	} known;
	uint64 back_offs = throttle_back_offs();

	if (known.back_offs != back_offs || !uuid_equal(&known.principal, &caller->principal) ||
		!uuid_equal(&known.tenant, &caller->tenant))
	{
		known.back_offs = 0;
		known.tenant = caller->tenant;
		known.principal = caller->principal;
		known.until = back_offs == 0
			? 0
			: throttle_until(THROTTLE_DENIAL, &caller->tenant, caller->principal_name);
		known.back_offs = back_offs;
	}
	return known.until;
}

void
denials_admit(const Caller *caller)
{
	TimestampTz until = setting_max_denials == 0 ? 0 : denied_until(caller);

	if (until != 0 && GetCurrentTimestamp() < until)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied after too many denials"),
				 errhint("The audit trail shows the denied calls; "
						 "vault.max_denials and vault.failure_window say how long to wait.")));
}

void
denials_count(const VaultCall *call)
{
	char what[NAMEDATALEN + 64 + CALL_NAME_BYTES];
	int size = snprintf(what, sizeof(what), "%s %s %s", call->operation,
						call->requested_environment, call->requested_name);

	throttle_count(THROTTLE_DENIAL, &call->caller.tenant, call->caller.principal_name, what,
				   Min(size, (int) sizeof(what)));
}
