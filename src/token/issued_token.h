/*
 * issued_token.h
 *		The vault's own tokens: their rules, signing and verifying, and their rows.
 *
 * The key derives from the instance key. A token is valid only while its row exists, so deleting
 * the row revokes it. The other facts that decide are in the row too, under its MAC.
 */
#ifndef VAULT_TOKEN_ISSUED_TOKEN_H
#define VAULT_TOKEN_ISSUED_TOKEN_H

#include "platform/compat.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "identity/jwt.h"

/* Convert a time to seconds since 1970, as tokens have it. */
static inline int64
unix_seconds(TimestampTz at)
{
	return at / USECS_PER_SEC + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* True for the issuer of the vault's own tokens. */
extern bool issued_token_here(const char *issuer);

/*
 * Make a token for a principal of a tenant.  It is for one role, or for any role if that is NULL.
 * The text is allocated; the caller wipes it.
 */
extern char *issued_token_sign(const pg_uuid_t *tenant, const pg_uuid_t *id, const char *name,
							   TimestampTz expires_at, const char *role);

/* Verify a token of the vault. Fills the claims if it returns JWT_OK. */
extern JwtFault issued_token_verify(const char *text, size_t size, int64 now, JwtClaims *claims);

/*
 * Get tenant and subject of a token that was refused although its signature is valid; false if the
 * signature is invalid.
 */
extern bool issued_token_signed_for(const char *text, size_t size, pg_uuid_t *tenant,
									char subject[JWT_MAX_CLAIM + 1]);

typedef struct IssuedToken
{
	pg_uuid_t principal;
	TimestampTz created_at;
	TimestampTz expires_at;
	bool single_use;
	pg_uuid_t life; /* life of the shared memory that the token was issued in */
} IssuedToken;

/* Read the row as committed now; false if the token was revoked.  VT004 if the row was changed. */
extern bool issued_token_find(const pg_uuid_t *tenant, const pg_uuid_t *token, IssuedToken *found);

#endif
