/*
 * count.h
 *		The tables of usage grow by what was summed up.
 */
#ifndef VAULT_USAGE_COUNT_H
#define VAULT_USAGE_COUNT_H

#include "usage/sums.h"

/* Counts and frees them.  Inside a transaction, as the log consumer's worker. */
extern void count_sums(UsageSums *sums);

#endif
