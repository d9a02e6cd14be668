/*
 * type.h
 *		Knowledge of a type of secrets about its values: form, public facts, fields, and
 *		generation.
 *
 * Plain C without server headers, so that the code that checks values links into unit tests and
 * fuzzers. A built-in type is a ValueType that its feature registers at start with
 * type_register(). Types that operators add in SQL are in registry.c.
 *
 * Nothing here throws or logs. Rules are static phrases that contain no part of a value. Results
 * returned through a pointer are malloc'd, and wiped when they are given back with value_free().
 */
#ifndef VAULT_TYPE_TYPE_H
#define VAULT_TYPE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rule for a value that could not be checked for lack of memory. */
#define TYPE_NO_MEMORY "there was not enough memory to check it"

#define TYPE_MAX_PREFIX   32
#define TYPE_MAX_EXCLUDED 64
#define TYPE_MAX_WARNINGS 8

/* Classes of characters. */
#define CLASS_LOWER  0x01
#define CLASS_UPPER  0x02
#define CLASS_DIGIT  0x04
#define CLASS_SYMBOL 0x08 /* printable ASCII that is no letter, digit or space */
#define CLASS_OTHER  0x10 /* all other characters */

/* Requirements of a tenant for the values of a type; 0 and "" require nothing. */
typedef struct TypePolicy
{
	unsigned min_length; /* in bytes */
	unsigned max_length;
	unsigned classes;     /* classes that must occur */
	unsigned min_entropy; /* estimated, in bits */
	unsigned generated_length;
	unsigned history; /* number of versions whose values must not be used again */
	char prefix[TYPE_MAX_PREFIX + 1];
	char excluded[TYPE_MAX_EXCLUDED + 1]; /* characters that must not occur */
} TypePolicy;

/* Periods in days; 0: none. */
typedef struct TypeLifecycle
{
	int rotation;     /* age at which a new version is due */
	int max_lifetime; /* age at which a version expires, at the latest */
	int recovery;     /* period in which a deleted secret can be restored; 0: that of the tenant */
	/* Days before expiry, falling, with 0 at the end; none: as in vault.expiry_warnings. */
	int warnings[TYPE_MAX_WARNINGS];
} TypeLifecycle;

/* Data for the check of a value. */
typedef struct TypeContext
{
	const TypePolicy *policy; /* never NULL */
	int64_t now;              /* current time, in seconds since 1970 */
} TypeContext;

/* Facts about a valid value. All zeros at first, and also if nothing is known. */
typedef struct TypeFacts
{
	char *normal; /* text to store instead; NULL: the value as it was given */
	size_t normal_size;
	char *metadata;     /* JSON object of what is not secret, with NUL; NULL: none */
	int64_t expires_at; /* in seconds since 1970; 0: the value has no expiry */
} TypeFacts;

typedef enum TypeField
{
	FIELD_FOUND,
	FIELD_ABSENT, /* a field of the type that the value does not have */
	FIELD_UNKNOWN,
	FIELD_UNREADABLE /* the value is not of this type's form, or there is no memory */
} TypeField;

typedef struct ValueType
{
	const char *name;
	const char *description;
	const char *hint; /* hint for a value that is refused */

	/* Return the hint for one rule, or NULL. Without hint_of, hint is the only one. */
	const char *(*hint_of)(const char *rule);
	const char *fields; /* names of the fields, as shown to users; NULL: none */
	bool takes_bytes;   /* true if a value given as bytea is checked, too */
	TypePolicy policy;  /* requirements if the tenant has set none */
	TypeLifecycle lifecycle;

	/*
	 * Return NULL for a valid value, and otherwise the rule that it breaks, such as "it is shorter
	 * than the policy asks"; the facts are all zeros then. A type without check accepts every
	 * value.
	 */
	const char *(*check)(const void *value, size_t size, const TypeContext *context,
						 TypeFacts *facts);

	/*
	 * Return a part of a stored value, as text that does not end with NUL. NULL: the type has no
	 * fields.
	 */
	TypeField (*field)(const void *value, size_t size, const char *name, char **out,
					   size_t *out_size);

	/*
	 * Generate a value; return NULL, or the rule that prevents it. Without generate, the type
	 * cannot generate values.
	 */
	const char *(*generate)(const TypeContext *context, char **out, size_t *out_size);

	/* Facts for rotators that change passwords (rotation_credential.c). */
	bool has_no_password; /* a value is neither a password nor a login */
	bool is_login;        /* a value is an object with the members user and password */

	/*
	 * Return the value with another login, in the form that it has, for value_free(); NULL if it
	 * is not of this type's form, or if there is no memory. A type that has it has the field
	 * "user". Without with_login, the two members of the object are replaced.
	 */
	char *(*with_login)(const void *value, size_t size, const char *user, const char *password,
						size_t *out_size);

	const char *url_field; /* the field that is the value as a URL; NULL: none */
} ValueType;

/*
 * Register a type, at start, in the order in which types are shown. The type is borrowed and must
 * stay valid.
 */
extern void type_register(const ValueType *type);

/* Return the built-in type of this name; NULL if there is none. */
extern const ValueType *type_find(const char *name);
extern const ValueType *type_at(int number); /* from 0; NULL behind the last */

/* Copy and free results; memory is wiped when it is freed. NULL is allowed. */
extern char *value_copy(const void *value, size_t size); /* with NUL; NULL: no memory */
extern void value_free(char *value);
extern void type_facts_free(TypeFacts *facts); /* sets all to zeros */

#endif
