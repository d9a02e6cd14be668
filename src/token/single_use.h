/*
 * single_use.h
 *		Tokens for one use: which of them have been used.
 *
 * A table of fixed size in shared memory and no row, so that a use stays one when the transaction
 * is rolled back or READ ONLY.  It ends with the shared memory: a token has in its row in which
 * life of it the token was made, and is refused in every other, as after a restart, a crash, a
 * promotion or a restore.  No clock is asked, of which a standby has another.
 */
#ifndef VAULT_TOKEN_SINGLE_USE_H
#define VAULT_TOKEN_SINGLE_USE_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

/* How many may be outstanding, used or not: of a principal, and of a tenant. */
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

/* Of the present shared memory: at random. */
extern pg_uuid_t single_use_life(void);

/*
 * Takes the token for the backend's serial.  NULL, and it stays taken whatever becomes of the
 * transaction; or why it is refused, a literal.
 */
extern const char *single_use_take(const SingleUseToken *token, uint64 serial);

extern void single_use_init(void);

#endif
