/*
 * read.h
 *		What get and get_many have in common: the record of a read, and the wait for it.
 *
 * For this folder only.  secret_refuse_holdable_cursor() is declared in secret.h.
 */
#ifndef VAULT_SECRET_READ_H
#define VAULT_SECRET_READ_H

#include "secret/secret.h"

/* Record that this version is read, before it leaves.  field: only that; NULL: the whole. */
extern void read_record(const SecretName *name, const SecretHead *head, int version,
						const pg_uuid_t *grant, const char *field);

/*
 * Wait until the records of this call are safe.  While a record was on its way to the disk, a seal
 * may have come, or whatever else takes the value away: raises if the vault was sealed since the
 * epoch.  Returns true if there was such a while; what was decided before must be decided again.
 */
extern bool read_await_records(uint64 epoch);

/* The field of the value, if one is asked for; NULL: the value itself. */
extern bytea *read_part_of(bytea *value, const SecretHead *head, const char *field);

/* Some drivers send text as bytes: such a value is text, too, if it is valid and prints. */
extern bool read_is_text(const bytea *value, uint8_t format);

#endif
