/*
 * protected_objects.h
 *		Recognizes utility statements on the vault's roles and objects.
 */
#ifndef VAULT_GUARD_PROTECTED_OBJECTS_H
#define VAULT_GUARD_PROTECTED_OBJECTS_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"
#include "utils/snapshot.h"

/* This is for every database of the server, because roles are shared. */
extern bool concerns_vault_roles(Node *statement);

/* These hold only where the extension is: elsewhere the names are free for any schema. */
extern bool is_vault_schema(Oid schema);
extern bool is_vault_relation(Oid relation);
extern bool range_var_is_ours(RangeVar *relation);
extern bool concerns_vault_objects(Node *statement);

/*
 * Return the schema that an object is in, or the object itself if it is a schema.  SnapshotSelf
 * shows it as the running statement has left it, NULL as it was before.
 */
extern Oid schema_of_object(Oid class, Oid object, Snapshot snapshot);

#endif
