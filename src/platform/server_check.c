/*
 * server_check.c
 *		Checks the server before CREATE EXTENSION creates anything.
 */
#include "platform/compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "platform/errors.h"
#include "platform/launcher.h"

PG_FUNCTION_INFO_V1(vault_check_server);

/* Check the minor release that runs. It may be newer or older than that of the headers. */
Datum
vault_check_server(PG_FUNCTION_ARGS)
{
	int version = atoi(GetConfigOption("server_version_num", false, false));

	if (version < VAULT_MINIMUM_VERSION_NUM)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vault refuses this minor release of PostgreSQL (%d)", version),
				 errdetail("It has defects in row security that are mended in %d.",
						   VAULT_MINIMUM_VERSION_NUM),
				 errhint("Update PostgreSQL to the newest minor release and restart it.")));
	require_running_vault();
	workers_wake();
	PG_RETURN_VOID();
}
