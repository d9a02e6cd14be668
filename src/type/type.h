/*
 * type.h
 *		What a type of secrets knows of its values: form, public facts, fields, and how to
 *		make one up.
 *
 * Plain C without server headers, so that what judges values links into unit tests and
 * fuzzers.  A built-in type is a ValueType that its feature registers at start with
 * type_register(); what operators add in SQL is in registry.c.
 *
 * Nothing here throws or logs.  Rules are static phrases that hold nothing of a value.
 * What a function returns through a pointer is malloc'd, and wiped when it is given back
 * with value_free().
 */
#ifndef VAULT_TYPE_TYPE_H
#define VAULT_TYPE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rule of a value that could not be judged for want of memory. */
#define TYPE_NO_MEMORY "there was not enough memory to check it"

#define TYPE_MAX_PREFIX   32
#define TYPE_MAX_EXCLUDED 64
#define TYPE_MAX_WARNINGS 8

/* Classes of characters. */
#define CLASS_LOWER  0x01
#define CLASS_UPPER  0x02
#define CLASS_DIGIT  0x04
#define CLASS_SYMBOL 0x08 /* printable ASCII that is no letter, digit or space */
#define CLASS_OTHER  0x10 /* everything else */

/* What a tenant may ask of a type's values; 0 and "" ask nothing. */
typedef struct TypePolicy
{
	unsigned min_length; /* bytes */
	unsigned max_length;
	unsigned classes;     /* that must occur */
	unsigned min_entropy; /* bits, estimated */
	unsigned generated_length;
	unsigned history; /* versions whose values must not come again */
	char prefix[TYPE_MAX_PREFIX + 1];
	char excluded[TYPE_MAX_EXCLUDED + 1]; /* characters that must not occur */
} TypePolicy;

/* Days; 0: none. */
typedef struct TypeLifecycle
{
	int rotation;     /* a new version is due after */
	int max_lifetime; /* a version expires after, at the latest */
	int recovery;     /* a deleted secret comes back within; 0: the tenant's */
	/* Before expiry, falling, ends with 0; none: as vault.expiry_warnings says. */
	int warnings[TYPE_MAX_WARNINGS];
} TypeLifecycle;

/* What judges a value is told. */
typedef struct TypeContext
{
	const TypePolicy *policy; /* never NULL */
	int64_t now;              /* seconds since 1970 */
} TypeContext;

/* What was learnt of a good value; all zeros to begin with, also where nothing was. */
typedef struct TypeFacts
{
	char *normal; /* text to store instead; NULL: the value as it was given */
	size_t normal_size;
	char *metadata;     /* a JSON object of what is no secret, with NUL; NULL: none */
	int64_t expires_at; /* seconds since 1970; 0: the value does not say */
} TypeFacts;

typedef enum TypeField
{
	FIELD_FOUND,
	FIELD_ABSENT, /* the type has it, the value does not */
	FIELD_UNKNOWN,
	FIELD_UNREADABLE /* the value is not of this type's form, or no memory */
} TypeField;

typedef struct ValueType
{
	const char *name;
	const char *description;
	const char *hint; /* what to give, when a value is refused */

	/* What to do about one rule, or NULL; no hint_of: there is nothing but hint. */
	const char *(*hint_of)(const char *rule);
	const char *fields; /* their names for people, NULL: none */
	bool takes_bytes;   /* a value given as bytea is looked at, too */
	TypePolicy policy;  /* where a tenant has set nothing */
	TypeLifecycle lifecycle;

	/*
	 * NULL for a good value, else the rule that it breaks, such as "it is shorter than the policy
	 * asks".  facts are all zeros then.  A type without check takes everything.
	 */
	const char *(*check)(const void *value, size_t size, const TypeContext *context,
						 TypeFacts *facts);

	/* A part of a stored value, as text that does not end with NUL.  NULL: there are none. */
	TypeField (*field)(const void *value, size_t size, const char *name, char **out,
					   size_t *out_size);

	/* NULL, or the rule that keeps a value from being made.  No generate: it cannot be made up. */
	const char *(*generate)(const TypeContext *context, char **out, size_t *out_size);
} ValueType;

/* At start, in the order in which they are shown; the type is borrowed for good. */
extern void type_register(const ValueType *type);

/* NULL if no built-in type has the name. */
extern const ValueType *type_find(const char *name);
extern const ValueType *type_at(int number); /* from 0; NULL behind the last */

/* Memory for what is returned, wiped when it is freed.  NULL is allowed. */
extern char *value_copy(const void *value, size_t size); /* with NUL; NULL: no memory */
extern void value_free(char *value);
extern void type_facts_free(TypeFacts *facts); /* and all zeros */

#endif
