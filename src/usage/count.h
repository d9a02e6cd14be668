/*
 * count.h
 *		Adds sums to the tables of usage.
 */
#ifndef VAULT_USAGE_COUNT_H
#define VAULT_USAGE_COUNT_H

#include "usage/sums.h"

/* Add the sums to the tables and free them. Inside a transaction of the worker "vault sealer". */
extern void count_sums(UsageSums *sums);

#endif
