/*
 * usage.c
 *		Counts reads and failed attempts, from the rows of the trail.
 *
 * A listener of the log consumer adds up the rows of a step. At the end of the step, SQL adds the
 * sums to the tables. They commit with the log consumer's own state, so each row of the trail is
 * counted exactly once, also after a crash. A read itself updates nothing. Runs in the worker
 * "vault sealer" as the bootstrap superuser.
 */
#include "usage/usage.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "context/operators.h"
#include "entry/entry.h"
#include "evidence/log_consumer.h"
#include "platform/tables.h"
#include "policy/grants.h"
#include "policy/policy.h"
#include "tenant/tenant.h"
#include "usage/count.h"
#include "usage/sums.h"

/* Maximum number of sums in memory. A longer step is counted in parts. */
#define MAX_SUMS 50000

static void
usage_end(void)
{
	if (sums_present())
		count_sums(sums_present());
}

static void
usage_row(const AuditRow *row)
{
	sums_add(row);
	if (sums_size() >= MAX_SUMS)
		usage_end();
}

PG_FUNCTION_INFO_V1(vault_is_read);
PG_FUNCTION_INFO_V1(vault_principal_may);

/*
 * principal_may(tenant, principal, permission, name, environment): the policy's decision for
 * another principal, assuming that the conditions of its grants are met. False for callers that may
 * not see that principal's grants.
 */
Datum
vault_principal_may(PG_FUNCTION_ARGS)
{
	Caller viewer;
	pg_uuid_t *tenant = PG_GETARG_UUID_P(0);
	GrantSet set;
	AccessRequest generous = {.assumption = ASSUME_GENEROUS, .at = GetCurrentTimestamp()};
	text *name = PG_GETARG_TEXT_PP(3);
	text *environment = PG_GETARG_TEXT_PP(4);
	Permission permission = (Permission) permission_by_name(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	SecretName secret = {.name = VARDATA_ANY(name),
						 .name_size = VARSIZE_ANY_EXHDR(name),
						 .environment = VARDATA_ANY(environment),
						 .environment_size = VARSIZE_ANY_EXHDR(environment)};

	entry_check(ENTRY_VIEW, &viewer);
	if (!role_sees_all_tenants(viewer.role) &&
		(!viewer.is_identified || viewer.is_suspended || !uuid_equal(&viewer.tenant, tenant) ||
		 !policy_is_administrator(&viewer)))
		PG_RETURN_BOOL(false);
	set = grants_of(tenant, PG_GETARG_UUID_P(1));
	PG_RETURN_BOOL((grants_decide(&set, &secret, &generous, permission, NULL) & permission) != 0);
}

/* is_read(operation, decision, object_kind, object_id) */
Datum
vault_is_read(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(sums_is_read(text_to_cstring(PG_GETARG_TEXT_PP(0)),
								text_to_cstring(PG_GETARG_TEXT_PP(1)),
								text_to_cstring(PG_GETARG_TEXT_PP(2)), !PG_ARGISNULL(3)));
}

void
usage_init(void)
{
	static const ConsumerListener listener = {.row = usage_row, .end = usage_end};

	consumer_add_listener(&listener);
}
