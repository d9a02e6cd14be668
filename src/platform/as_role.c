/*
 * as_role.c
 *		Run as another role; as_role.h has the contract.
 */
#include "platform/as_role.h"

#include "miscadmin.h"
#include "utils/guc.h"

void
as_role_set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

void
as_role_begin(AsRole *before, Oid role, int security)
{
	GetUserIdAndSecContext(&before->user, &before->security);
	before->level = NewGUCNestLevel();
	as_role_set("search_path", "pg_catalog, pg_temp");
	SetUserIdAndSecContext(role, before->security | SECURITY_LOCAL_USERID_CHANGE | security);
}

void
as_role_end(const AsRole *before)
{
	SetUserIdAndSecContext(before->user, before->security);
	AtEOXact_GUC(false, before->level);
}
