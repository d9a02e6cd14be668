/*
 * environment.h
 *		The environments that a tenant has declared.
 *
 * Once it has, a call that names another one is refused: a typo would otherwise make a secret that
 * nobody reads, or a grant that never applies.
 */
#ifndef VAULT_POLICY_ENVIRONMENT_H
#define VAULT_POLICY_ENVIRONMENT_H

#include "platform/compat.h"

/* 22023 if this is none by its form; of "*", which some take for all of them, where that is meant. */
extern void environment_require_form(const char *argument, const char *environment, size_t size);

/*
 * 22023 with a hint that lists them, if the call's tenant has declared environments and this is
 * none of them.
 */
extern void environment_require_declared(const char *environment, size_t size);

#endif
