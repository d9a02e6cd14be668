/*
 * issued_token.h
 *		The vault's own tokens: their rules, making one, and whether one still counts.
 *
 * The key derives from the instance key.  A token counts while its row is there: taking the
 * row away revokes it.  What else decides is in the row too, under its MAC.
 */
#ifndef VAULT_TOKEN_ISSUED_TOKEN_H
#define VAULT_TOKEN_ISSUED_TOKEN_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "identity/jwt.h"

/* As tokens tell the time. */
static inline int64
unix_seconds(TimestampTz at)
{
	return at / USECS_PER_SEC + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* Whether this is the issuer of the vault's own tokens. */
extern bool issued_token_here(const char *issuer);

/* Verifies one of them. */
extern JwtFault issued_token_verify(const char *text, size_t size, int64 now, JwtClaims *claims);

/* Whose one is that is refused although the signature is right; false if it is not. */
extern bool issued_token_signed_for(const char *text, size_t size, pg_uuid_t *tenant,
									char subject[JWT_MAX_CLAIM + 1]);

typedef struct IssuedToken
{
	pg_uuid_t principal;
	TimestampTz created_at;
	TimestampTz expires_at;
	bool single_use;
	pg_uuid_t life; /* of the shared memory that it was issued in */
} IssuedToken;

/* False if it was revoked; reads what is committed now.  VT004 if the row was changed. */
extern bool issued_token_find(const pg_uuid_t *tenant, const pg_uuid_t *token, IssuedToken *found);

#endif
