/*
 * repair.h
 *		Finds triggers and jobs that are switched off, and mends them: vault.repair().
 */
#ifndef VAULT_REPAIR_REPAIR_H
#define VAULT_REPAIR_REPAIR_H

#include "platform/compat.h"

extern void repair_init(void);

#endif
