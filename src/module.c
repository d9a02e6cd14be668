/*
 * module.c
 *		Initialization when the server loads the module: a table of contents.
 */
#include "platform/compat.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "audit/audit.h"
#include "evidence/sealer.h"
#include "origin/origin.h"
#include "guard/guard.h"
#include "identity/identity.h"
#include "integrity/integrity.h"
#include "jobs/jobs.h"
#include "keyring/keyring.h"
#include "keyring/unseal_worker.h"
#include "pki/pki_types.h"
#include "platform/harden.h"
#include "platform/job_runs.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/tables.h"
#include "platform/version.h"
#include "platform/launcher.h"
#include "policy/policy.h"
#include "secret/reuse_probe.h"
#include "secret/head_cache.h"
#include "tenant/instance_key.h"
#include "redaction/redaction.h"
#include "repair/repair.h"
#include "rotation/rotation.h"
#include "tenant/tenant_key.h"
#include "throttle/throttle.h"
#include "usage/usage.h"
#include "token/token.h"
#include "type/registry.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	version_check_server();
	/* If the module is loaded later, or by pg_upgrade, every function refuses to work. */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

	settings_init();
	harden_process();
	shmem_init();
	launcher_init();
	job_runs_init();
	tables_init();
	redaction_init();
	guard_init();
	audit_init();
	keyring_init();
	unseal_worker_init();
	tenant_key_init();
	instance_key_init();
	integrity_init();
	origin_init();
	identity_init();
	throttle_init();
	policy_init();
	token_init();
	type_init();
	pki_register();
	pki_init();
	head_cache_init();
	reuse_probe_init();
	rotation_init();
	evidence_init();
	usage_init();
	jobs_init();
	repair_init();
}
