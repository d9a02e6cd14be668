/*
 * retired_rows.h
 *		MAC of the record that a tenant's rows of a month were retired.
 */
#ifndef VAULT_EVIDENCE_RETIRED_ROWS_H
#define VAULT_EVIDENCE_RETIRED_ROWS_H

#include "platform/compat.h"

#include "utils/date.h"
#include "utils/uuid.h"

#include "tenant/instance_key.h"

extern void retired_mac(const pg_uuid_t *tenant, DateADT month, int64 rows, TimestampTz at,
						unsigned char mac[MAC_BYTES]);

#endif
