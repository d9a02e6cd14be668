/*
 * issuer.h
 *		The issuers of a tenant, compiled: their keys and what their tokens must fulfil.
 *
 * A set lives until the table changes; each row of it was authentic, or the set raises
 * VT004.
 */
#ifndef VAULT_TOKEN_ISSUER_H
#define VAULT_TOKEN_ISSUER_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "identity/jwt.h"

/* Seconds that the clocks of issuers may be wrong by. */
#define TOKEN_SKEW 30

/* No issuer that is added has such a name: the vault's own. */
#define OWN_ISSUER_PREFIX "urn:vault:"

typedef struct Issuer
{
	JwtRules	rules;
	JwtKeySet  *keys;
	struct Issuer *next;
} Issuer;

/* To be asked anew for each token. */
extern const Issuer *issuers_of(const pg_uuid_t *tenant);

/* Grows with every change of the table. */
extern uint64 issuer_generation(void);

extern void issuer_init(void);

#endif
