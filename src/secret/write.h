/*
 * write.h
 *		A new version before it is stored: its arguments, the value as its type normalizes it, and
 *		its place.
 */
#ifndef VAULT_SECRET_WRITE_H
#define VAULT_SECRET_WRITE_H

#include "secret/secret.h"
#include "type/registry.h"

#define FINGERPRINT_BYTES 16

/* Result of the check by the type; in memory that is wiped and freed with its context. */
typedef struct ValueCheck
{
	char type[NAMEDATALEN]; /* type that has checked the value; empty: not checked yet */
	char *generated;
	size_t generated_size;
	TypeFacts facts;
	TimestampTz expires_at; /* end of the validity; DT_NOEND: never */
	bool is_weak;           /* true if the value is weak and was accepted nevertheless */
	bool has_fingerprint;
	unsigned char fingerprint[FINGERPRINT_BYTES];
} ValueCheck;

typedef struct Write
{
	SecretName name;
	const void *given; /* value in the encoding of the database; NULL: the type generates one */
	size_t given_size;
	uint8_t given_format;
	bool given_is_stored; /* true if the value comes from a stored one, and is in UTF-8 */
	const void *value;    /* value as it is stored: text is in UTF-8 */
	size_t size;
	uint8_t format;
	const char *given_type;
	const char *type; /* type as given, or that of the secret */
	ValueCheck *value_check;
	const char *description; /* description; NULL: unchanged */
	Datum tags;              /* tags; 0: unchanged */
	TimestampTz expires_at;  /* end of the validity; DT_NOEND: never */
	int expected;            /* expected version; -1: any */
	bool pending;
	bool must_exist;
	bool accept_weak;
	bool if_changed;
	const char *new_type; /* new type of the secret; NULL: it keeps its own */

	/* Answer of the head row, and the envelope made for it. */
	pg_uuid_t secret;
	int version;
	bool unchanged; /* true if the version is the current one, which has this value */
	bytea *envelope;
	uint32 generation;
	MemoryContext memory; /* memory of the checked value, the type and the envelope */
} Write;

/*
 * Begin the check. Call it before value_check_make(), in a memory context that outlives the write.
 */
extern void value_check_begin(Write *write);

/*
 * Check the value by the type; raises VT013 if the type refuses it. Call it before any statement,
 * once for each type that the secret is found to have. head is NULL for a new secret.
 */
extern void value_check_make(Write *write, const char *type_name, const SecretHead *head);

/* Raise 42501, or note the grant that allows the write. */
extern void write_require(const Write *write, Permission permission);

/* Do the same, store the new version, and return its number. */
extern int write_store(Write *write, Permission permission);

/* Store the given value again, as new_type. The caller has checked the permission. */
extern int write_change_type(Write *write);

#endif
