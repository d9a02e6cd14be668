/*
 * throttle.h
 *		Counts that all backends share: how often a peer was refused, and which tokens were good.
 *
 * Both are tables of fixed size in shared memory, under one lock, so a count outlives the rollback
 * of its transaction.  A failure is counted for a kind, a tenant, a name in the tenant and the
 * peer that it came from, all together:
 *
 *		THROTTLE_SUBJECT	a token with a valid signature: its subject.  The holder of one such
 *						token can shut out this subject at its own peer and nowhere else
 *		THROTTLE_FORGERY	a token without a valid signature: the issuer that it names, never the
 *						subject, which any client can write into it
 *		THROTTLE_DENIAL	a call that was refused, or a reuse probe (secret/reuse_probe.h): the
 *						principal
 *
 * The same refusal, one of the last eight, counts once.  An application that repeats an expired
 * token, or asks again for one secret that it may not read, learns nothing by it.
 */
#ifndef VAULT_THROTTLE_THROTTLE_H
#define VAULT_THROTTLE_THROTTLE_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef enum ThrottleKind
{
	THROTTLE_SUBJECT,
	THROTTLE_FORGERY,
	THROTTLE_DENIAL
} ThrottleKind;

/* Return the end of the back-off of this peer, 0 if it has none.  Takes the lock in share mode. */
extern TimestampTz throttle_until(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom);

/* True while the kind has a limit and this peer is in a back-off. */
extern bool throttle_is_reached(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom);

/*
 * Count a refusal, and begin a back-off if the limit is reached.  "what" are the bytes that were
 * refused, of any size; only a digest of them is kept.  Takes the lock in exclusive mode.
 */
extern void throttle_count(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom,
						   const void *what, size_t what_size);

/*
 * The same in two steps.  The second neither allocates memory nor fails, so an abort can take it.
 */
typedef struct ThrottleTicket
{
	ThrottleKind kind;
	unsigned char place[32];
	uint64 what;
} ThrottleTicket;

extern void throttle_prepare(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom,
							 const void *what, size_t what_size, ThrottleTicket *ticket);
extern void throttle_count_prepared(const ThrottleTicket *ticket);

/*
 * Return the number of back-offs that have begun, of all peers: one atomic read.  While the number
 * is the same, throttle_until() gives the same answer, or that time has passed.
 */
extern uint64 throttle_back_offs(void);

/*
 * Remember a token that was good, and ask for it.  A peer in a back-off for forgeries can still
 * show such a token: it is spared the wait, and nothing of its verification.
 */
extern void throttle_remember(const pg_uuid_t *tenant, const void *token, size_t size);
extern bool throttle_remembers(const void *token, size_t size);

/* Registers the shared memory.  Preload only. */
extern void throttle_init(void);

#endif
