/*
 * environment.h
 *		The environments that a tenant has declared.
 *
 * After a declaration, a call that names another environment is refused. A typo would otherwise
 * create a secret that no client reads, or a grant that never applies.
 */
#ifndef VAULT_POLICY_ENVIRONMENT_H
#define VAULT_POLICY_ENVIRONMENT_H

#include "platform/compat.h"

/*
 * Raise 22023 if the form of the text is not that of an environment. For "*" the hint says how to
 * name all environments.
 */
extern void environment_require_form(const char *argument, const char *environment, size_t size);

/*
 * Raise 22023 if the call's tenant has declared environments and this is none of them. The hint
 * lists them.
 */
extern void environment_require_declared(const char *environment, size_t size);

#endif
