/*
 * identity.h
 *		Principals by database role; see identity.c.
 */
#ifndef VAULT_IDENTITY_IDENTITY_H
#define VAULT_IDENTITY_IDENTITY_H

#include "platform/compat.h"

extern void identity_init(void);

#endif
