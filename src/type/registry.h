/*
 * registry.h
 *		Types as they hold in a tenant: built-in ones and those that operators added, with
 *		what the tenant asks of their values.
 *
 * A type that was added may be checked by a function in SQL, which gets the value.  Operators
 * have no right to values, so a superuser names the function, and the rules that it may tell;
 * it runs as its owner, a superuser, in a security-restricted operation, with the log closed.
 * Which rule a value broke is told to who gave the value, and is not in the trail.
 */
#ifndef VAULT_TYPE_REGISTRY_H
#define VAULT_TYPE_REGISTRY_H

#include "platform/compat.h"

#include "utils/array.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "type/type.h"

typedef struct TenantType
{
	const ValueType *builtin; /* NULL: an operator's */
	char name[NAMEDATALEN];
	TypePolicy policy;
	Interval max_lifetime; /* zero: none */
	text *validator;       /* qualified names; NULL: none */
	text *generator;
	ArrayType *rules; /* that the validator may name; NULL: none */
} TenantType;

/* Lives until the next call.  22023 if there is no such type. */
extern const TenantType *type_in_tenant(const pg_uuid_t *tenant, const char *name);

/* VT013 with the rule that the value breaks; else the facts are filled. */
extern void type_require_value(const TenantType *type, const void *value, size_t size,
							   bool is_bytes, TypeFacts *facts);

/*
 * The same; if weak, what the policy asks of the strength of a value, or of how it looks, may be
 * missing: then the rule that it breaks is returned, and NULL if it breaks none.
 */
extern const char *type_check_value(const TenantType *type, const void *value, size_t size,
									bool is_bytes, bool weak, TypeFacts *facts);

/* Return true if values of the type can be generated. */
extern bool type_can_generate(const TenantType *type);

/* A value for value_free(); 22023 if values of the type cannot be made up. */
extern char *type_generate(const TenantType *type, unsigned length, size_t *size);

VAULT_NORETURN extern void type_refuse_value(const TenantType *type, const char *rule);

/* The earlier of what the value says and what the type allows; DT_NOEND: never. */
extern TimestampTz type_expiry(const TenantType *type, const TypeFacts *facts);

/* A part of a value, as text; 22023 if the type has no such field, 42704 if the value has not. */
extern text *type_field(const char *type, const void *value, size_t size, const char *field);

extern void type_init(void);

#endif
