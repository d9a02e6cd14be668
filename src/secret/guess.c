/*
 * guess.c
 *		The tries of this transaction, newest first, until it is known what becomes of them.
 *
 * The levels of their subtransactions never rise from one to the next.
 */
#include "secret/guess.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "door/door.h"
#include "policy/policy.h"
#include "token/limit.h"

typedef struct Guess
{
	int			level;			/* of the subtransaction */
	LimitTicket ticket;
	struct Guess *next;
} Guess;

static Guess *guesses = NULL;

/* What the vault makes up is no guess; what operators and jobs write is not a principal's. */
static bool
may_learn(const Write *write)
{
	const Door *door = door_required();

	if (write->given == NULL || !door->caller.is_identified ||
		!uuid_equal(&door->caller.tenant, &door->tenant))
		return false;
	return (policy_permissions(&door->caller, &write->name, MAY_READ, NULL) & MAY_READ) == 0;
}

void
guess_note(const Write *write)
{
	const Caller *caller = &door_required()->caller;
	Guess	   *guess;

	if (!may_learn(write))
		return;
	guess = MemoryContextAlloc(TopTransactionContext, sizeof(Guess));
	guess->level = GetCurrentTransactionNestLevel();
	limit_prepare(LIMIT_DENIAL, &caller->tenant, caller->principal_name,
				  write->judgement->fingerprint, FINGERPRINT_BYTES, &guess->ticket);
	guess->next = guesses;
	guesses = guess;
}

/* Of the levels from this one on. */
static void
count_guesses(int level)
{
	for (; guesses && guesses->level >= level; guesses = guesses->next)
		limit_count_prepared(&guesses->ticket);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		count_guesses(0);
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_COMMIT)
		guesses = NULL;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId sub, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
		count_guesses(level);
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		for (Guess *guess = guesses; guess && guess->level >= level; guess = guess->next)
			guess->level = level - 1;
}

void
guess_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
