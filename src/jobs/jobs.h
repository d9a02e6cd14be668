/*
 * jobs.h
 *		What runs at its times, by pg_cron; see jobs.c.
 */
#ifndef VAULT_JOBS_JOBS_H
#define VAULT_JOBS_JOBS_H

#include "platform/compat.h"

extern void jobs_init(void);

#endif
