/*
 * permission.h
 *		The permissions, and the names that they are given on.
 */
#ifndef VAULT_POLICY_PERMISSION_H
#define VAULT_POLICY_PERMISSION_H

#include <stddef.h>

/*
 * List of all permissions. Masks, names, arrays and loops are made of it, so that all of them
 * cover every permission.
 */
#define EACH_PERMISSION(_) \
	_(READ, "read")        \
	_(WRITE, "write")      \
	_(ROTATE, "rotate")    \
	_(DELETE, "delete")    \
	_(GRANT, "grant")      \
	_(LIST, "list")        \
	_(OVERRIDE, "override")

#define PERMISSION_NUMBER(name, text) NUMBER_##name,
enum
{
	EACH_PERMISSION(PERMISSION_NUMBER) PERMISSION_COUNT
};

#define PERMISSION_BIT(name, text) MAY_##name = 1 << NUMBER_##name,
typedef enum Permission
{
	EACH_PERMISSION(PERMISSION_BIT) MAY_EVERYTHING = (1 << PERMISSION_COUNT) - 1
} Permission;

/* Environment and name of a secret. Neither text needs a NUL. */
typedef struct SecretName
{
	const char *environment;
	size_t environment_size;
	const char *name;
	size_t name_size;
} SecretName;

#endif
