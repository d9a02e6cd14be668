/*
 * rotation.h
 *		Rotation of secrets; the state machine is in SQL.
 */
#ifndef VAULT_ROTATION_ROTATION_H
#define VAULT_ROTATION_ROTATION_H

#include "platform/compat.h"

/* rotate() asks here first.  Preload only. */
extern void rotation_init(void);

#endif
