/*
 * usage.h
 *		Counts of reads and failed attempts, taken from the trail; see usage.c.
 */
#ifndef VAULT_USAGE_USAGE_H
#define VAULT_USAGE_USAGE_H

#include "platform/compat.h"

extern void usage_init(void);

#endif
