/*
 * unseal_worker.c
 *		Unseals without people, at start and after a reload: the worker "vault unseal" connects to
 *		vault.database, asks the source once and ends.
 */
#include "keyring/unseal_worker.h"

#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/snapmgr.h"

#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/launcher.h"
#include "platform/worker.h"

void
vault_unseal_worker_main(Datum arg)
{
	const char *fault;

	worker_begin();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	fault = keyring_try_unseal();
	PopActiveSnapshot();
	CommitTransactionCommand();
	if (fault)
	{
		root_set_sealed_reason(fault);
		ereport(LOG, (errmsg("vault is sealed: %s", fault)));
	}
	else
		ereport(LOG, (errmsg("vault is unsealed")));
	proc_exit(0);
}

static void
unseal_once(void)
{
	bool started;

	if (root_is_sealed_by_operator())
	{
		if (root_state() == ROOT_STARTING)
			root_set_sealed_reason("sealed by an operator");
		return;
	}
	root_set_starting();
	if (root_state() != ROOT_STARTING)
		return;
	started = worker_run_once("vault unseal", "vault_unseal_worker_main");
	if (root_state() == ROOT_STARTING)
		root_set_sealed_reason(started ? NO_WORKER : NO_WORKER_SLOT);
}

void
unseal_worker_init(void)
{
	workers_on_reload(unseal_once);
}
