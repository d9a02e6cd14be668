/*
 * rotation.h
 *		Rotation of secrets; the state machine is in SQL.
 */
#ifndef VAULT_ROTATION_ROTATION_H
#define VAULT_ROTATION_ROTATION_H

#include "platform/compat.h"

/* Register the hook of rotate(). Preload only. */
extern void rotation_init(void);

#endif
