/*
 * call.c
 *		The stack of open calls of this backend.
 *
 * Every open call is on the C stack of entry/entry.c, which undoes it on every way out. This file
 * has only the pointer to the innermost one.
 */
#include "context/call.h"

static VaultCall *current = NULL;

VaultCall *
call_current(void)
{
	return current;
}

VaultCall *
call_required(void)
{
	if (current == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("internal function of vault called from outside"),
				 errhint("Use the functions of schema vault.")));
	return current;
}

void
call_push(VaultCall *call)
{
	call->outer = current;
	current = call;
}

bool
call_pop(VaultCall *call)
{
	if (current != call)
		return false;
	current = call->outer;
	return true;
}

VaultCall *
call_hide(void)
{
	VaultCall *hidden = current;

	current = NULL;
	return hidden;
}

void
call_show(VaultCall *hidden)
{
	current = hidden;
}

void
call_enter_tenant(const pg_uuid_t *tenant, const char *name)
{
	VaultCall *call = call_required();

	call->has_tenant = true;
	call->tenant = *tenant;
	strlcpy(call->tenant_name, name, sizeof(call->tenant_name));
}

void
call_return_tenant(const VaultCall *before)
{
	VaultCall *call = call_required();

	call->has_tenant = before->has_tenant;
	call->tenant = before->tenant;
	strlcpy(call->tenant_name, before->tenant_name, sizeof(call->tenant_name));
}
