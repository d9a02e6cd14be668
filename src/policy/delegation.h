/*
 * delegation.h
 *		Arguments that name a secret.
 */
#ifndef VAULT_POLICY_DELEGATION_H
#define VAULT_POLICY_DELEGATION_H

#include "platform/compat.h"

#include "policy/policy.h"

/*
 * Make a SecretName of the arguments, and raise 22023 if their grammar is invalid. If environment
 * is NULL, use vault.environment.
 */
extern void secret_name_from(const text *name, const text *environment, SecretName *secret);

#endif
