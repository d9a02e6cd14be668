/*
 * single_use.h
 *		Tokens for one use, and the record of those that have been used.
 *
 * Uses are kept in a table of fixed size in shared memory, and not in rows. So a use outlives a
 * rollback, and is possible in a READ ONLY transaction. Uses are lost with the shared memory.
 * Therefore the row of a token has the life of the shared memory that the token was made in. The
 * token is refused in every other life, as after a restart, a crash, a promotion or a restore. No
 * clock is used for that, because a standby has another one.
 */
#ifndef VAULT_TOKEN_SINGLE_USE_H
#define VAULT_TOKEN_SINGLE_USE_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

/* The most tokens, used or not, that may be outstanding for a principal and for a tenant. */
#define ONCE_OF_A_PRINCIPAL 512
#define ONCE_OF_A_TENANT    1024

typedef struct SingleUseToken
{
	pg_uuid_t tenant;
	pg_uuid_t principal;
	pg_uuid_t id;
	pg_uuid_t life;
	TimestampTz issued;
	TimestampTz expires;
} SingleUseToken;

/* Return the random id of the current life of the shared memory. */
extern pg_uuid_t single_use_life(void);

/*
 * Use the token, for the backend's serial of it. Returns NULL if it may be used; it stays used even
 * if the transaction is rolled back. Otherwise returns the reason of the refusal, a literal.
 */
extern const char *single_use_take(const SingleUseToken *token, uint64 serial);

extern void single_use_init(void);

#endif
