/*
 * limit.h
 *		What many backends must agree on about tokens: how often somebody was refused,
 *		and which tokens for one use have been used.
 *
 * Both are tables of fixed size in shared memory.  Failures are counted for a tenant, a
 * subject or principal of it, and the address of the peer together, so that nobody can
 * shut out others but those who share all three.  A table that is full of
 * younger counts forgets the oldest.
 */
#ifndef VAULT_TOKEN_LIMIT_H
#define VAULT_TOKEN_LIMIT_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef enum LimitKind
{
	LIMIT_TOKEN,				/* tokens refused although their signature is right */
	LIMIT_DENIAL				/* calls refused to a principal */
} LimitKind;

/* Longest life of a token for one use: what is remembered is forgotten after it. */
#define ONCE_MAX_SECONDS 3600

extern bool limit_is_reached(LimitKind kind, const pg_uuid_t *tenant, const char *subject);
extern void limit_count(LimitKind kind, const pg_uuid_t *tenant, const char *subject);

/*
 * Takes the token for the backend's serial.  It stays taken whatever becomes of the
 * transaction; false if another has it, if the tenant has too many, or if the token is
 * older than what is remembered.
 */
extern bool once_take(const pg_uuid_t *tenant, const pg_uuid_t *token, uint64 serial,
					  TimestampTz issued, TimestampTz expires);

extern void limit_init(void);

#endif
