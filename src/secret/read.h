/*
 * read.h
 *		The common part of get and get_many: the record of a read, and the wait for it.
 *
 * For this folder only. secret_refuse_holdable_cursor() is declared in secret.h.
 */
#ifndef VAULT_SECRET_READ_H
#define VAULT_SECRET_READ_H

#include "platform/compat.h"

#include "fmgr.h"

#include "entry/entry.h"
#include "secret/secret.h"

/* The functions that return values; one that is not in the list does not compile. */
typedef enum ReadFunction
{
#define READ(name) READ_##name,
#include "secret/readlist.h"
#undef READ
	READ_FUNCTIONS
} ReadFunction;

/* Define vault_name(), the SQL function that passes the entry and runs name_body(). */
#define READ_FUNCTION(name)                                                    \
	PG_FUNCTION_INFO_V1(vault_##name);                                         \
	Datum vault_##name(PG_FUNCTION_ARGS)                                       \
	{                                                                          \
		StaticAssertStmt(READ_##name < READ_FUNCTIONS, "it is a listed read"); \
		return entry_read(fcinfo, name##_body);                                \
	}

/*
 * Record that this version is read, before it leaves. If field is not NULL, only that field is
 * read.
 */
extern void read_record(const SecretName *name, const SecretHead *head, int version,
						const pg_uuid_t *grant, const char *field);

/*
 * Wait until the records of this call are safe. A seal, or another change that takes the value
 * away, may come while a record is on its way to disk. Raises if the vault was sealed since the
 * epoch. Returns true if there was a wait: the caller must then repeat the decisions that it made
 * before.
 */
extern bool read_await_records(uint64 epoch);

/* Return a field of the value; if field is NULL, the value itself. */
extern bytea *read_part_of(bytea *value, const SecretHead *head, const char *field);

/*
 * Return true if the value is text. Some drivers send text as bytes: such a value is text, too, if
 * it is valid and prints.
 */
extern bool read_is_text(const bytea *value, uint8_t format);

#endif
