/*
 * delegation.h
 *		Arguments that name a secret.
 */
#ifndef VAULT_POLICY_DELEGATION_H
#define VAULT_POLICY_DELEGATION_H

#include "platform/compat.h"

#include "policy/policy.h"

/* Checks the grammar (22023); environment NULL: vault.environment. */
extern void secret_name_from(const text *name, const text *environment, SecretName *secret);

#endif
