/*
 * reuse_probe.c
 *		The probes of this transaction, newest first, until the transaction or subtransaction
 *		ends.
 *
 * From one list entry to the next, the subtransaction level never rises.
 */
#include "secret/reuse_probe.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "context/call.h"
#include "policy/policy.h"
#include "throttle/throttle.h"

typedef struct ReuseProbe
{
	int level; /* nesting level of the subtransaction */
	ThrottleTicket ticket;
	struct ReuseProbe *next;
} ReuseProbe;

static ReuseProbe *probes = NULL;

/*
 * Return true if the caller could learn from the comparison. A value that the vault generates is
 * no probe, and a write of an operator or a job is not one of a principal.
 */
static bool
may_learn(const Write *write)
{
	const VaultCall *call = call_required();

	if (write->given == NULL || !call->caller.is_identified ||
		!uuid_equal(&call->caller.tenant, &call->tenant))
		return false;
	return (policy_permissions(&call->caller, &write->name, MAY_READ, NULL) & MAY_READ) == 0;
}

void
reuse_probe_record(const Write *write)
{
	const Caller *caller = &call_required()->caller;
	ReuseProbe *probe;

	if (!may_learn(write))
		return;
	probe = MemoryContextAlloc(TopTransactionContext, sizeof(ReuseProbe));
	probe->level = GetCurrentTransactionNestLevel();
	throttle_prepare(THROTTLE_DENIAL, &caller->tenant, caller->principal_name,
					 write->value_check->fingerprint, FINGERPRINT_BYTES, &probe->ticket);
	probe->next = probes;
	probes = probe;
}

/* Count the probes of this subtransaction level and of deeper ones. */
static void
count_probes(int level)
{
	for (; probes && probes->level >= level; probes = probes->next)
		throttle_count_prepared(&probes->ticket);
}

static void
reuse_probe_at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		count_probes(0);
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_COMMIT)
		probes = NULL;
}

static void
reuse_probe_at_subtransaction_end(SubXactEvent event, SubTransactionId sub, SubTransactionId parent,
								  void *arg)
{
	int level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
		count_probes(level);
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		for (ReuseProbe *probe = probes; probe && probe->level >= level; probe = probe->next)
			probe->level = level - 1;
}

void
reuse_probe_init(void)
{
	RegisterXactCallback(reuse_probe_at_transaction_end, NULL);
	RegisterSubXactCallback(reuse_probe_at_subtransaction_end, NULL);
}
