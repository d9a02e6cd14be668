/*
 * policy_arguments.h
 *		Arguments of functions: names, patterns, permissions, and the conditions of grants.
 *
 * Each function raises 22023 for an argument that is not valid, and names it. NULL stands for the
 * SQL value where a pointer may be NULL.
 */
#ifndef VAULT_POLICY_POLICY_ARGUMENTS_H
#define VAULT_POLICY_POLICY_ARGUMENTS_H

#include "platform/compat.h"

#include "utils/array.h"

#include "policy/policy.h"

/*
 * Make a SecretName of the arguments, which it points into. If environment is NULL, use
 * vault.environment.
 */
extern void secret_name_from(const text *name, const text *environment, SecretName *secret);

/* `what` names the argument; each may be NULL, which is refused. */
extern void policy_check_identifier(const char *what, const text *given);
extern void policy_check_name(const text *given);
extern void policy_check_pattern(const text *given);
extern void policy_check_permissions(ArrayType *given);

/* Return the list with each element in its canonical form. */
extern Datum policy_check_addresses(ArrayType *given);
extern Datum policy_check_windows(ArrayType *given);

extern void policy_check_services(ArrayType *given);

#endif
