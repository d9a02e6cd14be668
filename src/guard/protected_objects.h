/*
 * protected_objects.h
 *		Which utility statements are about the vault's roles and objects.
 */
#ifndef VAULT_GUARD_PROTECTED_OBJECTS_H
#define VAULT_GUARD_PROTECTED_OBJECTS_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"
#include "utils/snapshot.h"

/* In every database of the server: roles are of all. */
extern bool is_vault_role_name(const char *name);
extern bool concerns_vault_roles(Node *statement);

/* Only where the extension is: elsewhere the names are anybody's. */
extern bool is_vault_schema(Oid schema);
extern bool is_vault_relation(Oid relation);
extern bool range_var_is_ours(RangeVar *relation);
extern bool concerns_vault_objects(Node *statement);

/*
 * The schema that holds an object, or is it: with SnapshotSelf as the running statement left
 * it, with NULL as it was before.
 */
extern Oid schema_of_object(Oid class, Oid object, Snapshot snapshot);

#endif
