/*
 * errors.c
 *		Errors that several features raise.
 */
#include "platform/errors.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/version.h"

void
error_bad_argument(const char *argument, const char *fault, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid %s: %s", argument, fault),
			 hint ? errhint("%s", hint) : 0));
}

void
error_if_old_snapshot(const char *what)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s in REPEATABLE READ or SERIALIZABLE", what),
				 errhint("Call it in a transaction of READ COMMITTED.")));
}

bool
error_is_ours(void)
{
	ErrorData *error = CopyErrorData();
	bool ours = (error->domain && strcmp(error->domain, TEXTDOMAIN) == 0) ||
		(error->funcname && strcmp(error->funcname, "exec_stmt_raise") == 0);

	FreeErrorData(error);
	return ours;
}

bool
is_restoring_dump(void)
{
	return !row_security && !check_function_bodies;
}

bool
in_vault_database(void)
{
	char *database = get_database_name(MyDatabaseId);

	return database != NULL && strcmp(database, setting_database) == 0;
}

void
require_running_vault(void)
{
	static bool checked = false;

	if (checked)
		return;
	if (!shmem_is_ready())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("vault is not loaded by the server"),
				 errhint("Add vault to shared_preload_libraries and restart the server.")));
	if (!in_vault_database())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("vault lives in database \"%s\" of this server", setting_database),
				 errhint(
					 "Connect to that database, or set vault.database and restart the server.")));
	version_check_sql();
	checked = true;
}
