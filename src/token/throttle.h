/*
 * throttle.h
 *		What many backends must agree on: how often somebody was refused, and which tokens were
 *		good.
 *
 * Both are tables of fixed size in shared memory, so what is counted stays counted when the
 * transaction is rolled back.  A failure is counted for a kind, a tenant, somebody in it and
 * the peer that it came from, all together:
 *
 *		THROTTLE_SUBJECT	a token whose signature is right: its subject.  Whoever has one such
 *						token can shut out this subject at his own peer and nowhere else
 *		THROTTLE_FORGERY	a token whose signature is not right: the issuer that it names, never
 *						the subject, which anybody can write into it
 *		THROTTLE_DENIAL	a call that was refused, or a guess (secret/reuse_probe.h): the principal
 *
 * The same thing refused again, one of the last eight, counts once: an application that keeps
 * asking with an expired token, or for one secret that it may not read, guesses nothing.
 */
#ifndef VAULT_TOKEN_THROTTLE_H
#define VAULT_TOKEN_THROTTLE_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef enum ThrottleKind
{
	THROTTLE_SUBJECT,
	THROTTLE_FORGERY,
	THROTTLE_DENIAL
} ThrottleKind;

/* Until when calls from this peer are refused; 0: not at all. */
extern TimestampTz throttle_until(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom);
extern bool throttle_is_reached(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom);

/* what: the thing that was refused, of any size. */
extern void throttle_count(ThrottleKind kind, const pg_uuid_t *tenant, const char *whom,
						   const void *what, size_t what_size);

/* The same in two steps, of which the second neither allocates nor fails: for an abort. */
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
 * How often anybody's back-off began.  One atomic read: while the number is the same, so
 * is the answer of throttle_until, or it has passed.
 */
extern uint64 throttle_back_offs(void);

/*
 * Tokens that were good: a peer that has to wait for its forgeries goes on with these.  That
 * spares the token the wait, and nothing of its verification.
 */
extern void throttle_remember(const pg_uuid_t *tenant, const void *token, size_t size);
extern bool throttle_remembers(const void *token, size_t size);

extern void throttle_init(void);

#endif
