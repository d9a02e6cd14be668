/*
 * repair.h
 *		What a restore, an upgrade or somebody has switched off, and vault.repair().
 */
#ifndef VAULT_REPAIR_REPAIR_H
#define VAULT_REPAIR_REPAIR_H

#include "platform/compat.h"

extern void repair_init(void);

#endif
