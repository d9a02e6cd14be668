/*
 * write.h
 *		A new version on its way: what was given, what its type made of it, and where it goes.
 */
#ifndef VAULT_SECRET_WRITE_H
#define VAULT_SECRET_WRITE_H

#include "secret/secret.h"
#include "type/registry.h"

#define FINGERPRINT_BYTES 16

/* What the type made of a value; in memory that is wiped and freed with its context. */
typedef struct ValueCheck
{
	char type[NAMEDATALEN]; /* empty: not judged yet */
	char *generated;
	size_t generated_size;
	TypeFacts facts;
	TimestampTz expires_at; /* DT_NOEND: never */
	bool is_weak;           /* and was accepted all the same */
	bool has_fingerprint;
	unsigned char fingerprint[FINGERPRINT_BYTES];
} ValueCheck;

typedef struct Write
{
	SecretName name;
	const void *given; /* in the database's encoding; NULL: the type makes one up */
	size_t given_size;
	uint8_t given_format;
	bool given_is_stored; /* it comes from what is stored, and is in UTF-8 */
	const void *value;    /* the same as it is stored: text in UTF-8 */
	size_t size;
	uint8_t format;
	const char *given_type;
	const char *type; /* given, or that of the secret */
	ValueCheck *value_check;
	const char *description; /* NULL: as it was */
	Datum tags;              /* 0: as they were */
	TimestampTz expires_at;  /* DT_NOEND: never */
	int expected;            /* -1: any */
	bool pending;
	bool must_exist;
	bool accept_weak;
	bool if_changed;
	const char *new_type; /* that the secret gets; NULL: it keeps its own */

	/* What the head row answered, and the envelope made for it. */
	pg_uuid_t secret;
	int version;
	bool unchanged; /* the version is the current one, which has this value */
	bytea *envelope;
	uint32 generation;
	MemoryContext memory; /* that type and envelope live in */
} Write;

/* Before value_check_make(), in a memory context that outlives the write. */
extern void value_check_begin(Write *write);

/*
 * Has the type judge the value, and raises VT013 if it will not do.  Before any statement, once
 * for each type that the secret is found to have; head is NULL for a new secret.
 */
extern void value_check_make(Write *write, const char *type_name, const SecretHead *head);

/* 42501, or notes the grant that allows it. */
extern void write_require(const Write *write, Permission permission);

/* The same, and stores the new version, whose number it returns. */
extern int write_store(Write *write, Permission permission);

/* Stores the value that is given again, as new_type; who may is decided. */
extern int write_change_type(Write *write);

#endif
