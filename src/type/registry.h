/*
 * registry.h
 *		The types of a tenant: built-in types and those that operators added, with the tenant's
 *		requirements for their values.
 *
 * A type that was added may be checked by an SQL function, which gets the value. Operators have no
 * right to values, so a superuser names the function, and the rules that it may report. The
 * function runs as its owner, a superuser, in a security-restricted operation, with the log closed.
 * The caller that gave the value learns which rule it broke; the trail does not have it.
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
	const ValueType *builtin; /* NULL for a type that operators added */
	char name[NAMEDATALEN];
	TypePolicy policy;
	Interval max_lifetime; /* zero if none */
	text *validator;       /* qualified name; NULL if none */
	text *generator;
	ArrayType *rules; /* rules that the validator may report; NULL if none */
} TenantType;

/* Return a type. The result lives until the next call. 22023 if the type does not exist. */
extern const TenantType *type_in_tenant(const pg_uuid_t *tenant, const char *name);

/* Raise VT013 with the rule that the value breaks; otherwise fill the facts. */
extern void type_require_value(const TenantType *type, const void *value, size_t size,
							   bool is_bytes, TypeFacts *facts);

/*
 * The same. If weak, the value may break the policy's rules on strength and form: then the rule
 * that it breaks is returned, and NULL if it breaks none.
 */
extern const char *type_check_value(const TenantType *type, const void *value, size_t size,
									bool is_bytes, bool weak, TypeFacts *facts);

/* Return true if values of the type can be generated. */
extern bool type_can_generate(const TenantType *type);

/*
 * Generate a value, which the caller frees with value_free(). 22023 if values of the type cannot be
 * generated.
 */
extern char *type_generate(const TenantType *type, unsigned length, size_t *size);

VAULT_NORETURN extern void type_refuse_value(const TenantType *type, const char *rule);

/*
 * Return the earlier of the value's own expiry and the one that the type sets; DT_NOEND if neither.
 */
extern TimestampTz type_expiry(const TenantType *type, const TypeFacts *facts);

/*
 * Return a part of a value, as text. 22023 if the type has no such field, 42704 if the value does
 * not have it.
 */
extern text *type_field(const char *type, const void *value, size_t size, const char *field);

extern void type_init(void);

#endif
