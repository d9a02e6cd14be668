/*
 * reuse_probe.c
 *		The probes of this transaction.  They are counted if their subtransaction is rolled back.
 */
#include "secret/reuse_probe.h"

#include "context/call.h"
#include "platform/pending.h"
#include "policy/policy.h"
#include "throttle/throttle.h"

typedef struct ReuseProbe
{
	Pending pending;
	ThrottleTicket ticket;
} ReuseProbe;

static void count_probe(Pending *pending);

static PendingList probes = {.undo = count_probe};

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
	ThrottleTicket ticket;

	if (!may_learn(write))
		return;
	throttle_prepare(THROTTLE_DENIAL, &caller->tenant, caller->principal_name,
					 write->value_check->fingerprint, FINGERPRINT_BYTES, &ticket);
	((ReuseProbe *) pending_add(&probes, sizeof(ReuseProbe)))->ticket = ticket;
}

static void
count_probe(Pending *pending)
{
	throttle_count_prepared(&((ReuseProbe *) pending)->ticket);
}

static void
reuse_probe_at_transaction_end(XactEvent event, void *arg)
{
	pending_end_transaction(&probes, event);
}

static void
reuse_probe_at_subtransaction_end(SubXactEvent event, SubTransactionId sub, SubTransactionId parent,
								  void *arg)
{
	pending_end_subtransaction(&probes, event);
}

void
reuse_probe_init(void)
{
	RegisterXactCallback(reuse_probe_at_transaction_end, NULL);
	RegisterSubXactCallback(reuse_probe_at_subtransaction_end, NULL);
}
