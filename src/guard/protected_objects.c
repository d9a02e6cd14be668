/*
 * protected_objects.c
 *		Recognizes utility statements on the vault's roles and objects.
 *
 * Statements are checked before they run, so names are resolved here as the statement will resolve
 * them.  The object access hook (guard.c) sees the objects that any statement creates, alters or
 * drops.  This file has the statements that the hook does not see, or sees too late.
 */
#include "guard/protected_objects.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_namespace.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "platform/tables.h"

static bool
is_vault_role_name(const char *name)
{
	static const char *const names[] = {"vault_owner",   "vault_exec",   "vault_admin",
										"vault_auditor", "vault_client", "vault_jobs"};

	for (int i = 0; name && i < (int) lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* True if a specification means a role of vault; CURRENT_USER and the like are resolved. */
static bool
spec_is_vault_role(RoleSpec *spec)
{
	if (spec == NULL || spec->roletype == ROLESPEC_PUBLIC)
		return false;
	if (spec->roletype == ROLESPEC_CSTRING)
		return is_vault_role_name(spec->rolename);
	return is_vault_role_name(GetUserNameFromId(
		spec->roletype == ROLESPEC_SESSION_USER ? GetSessionUserId() : GetUserId(), true));
}

static bool
names_vault_role(List *specs)
{
	ListCell *cell;

	foreach(cell, specs)
	{
		Node *node = lfirst(cell);

		if (IsA(node, RoleSpec) && spec_is_vault_role((RoleSpec *) node))
			return true;
		if (IsA(node, AccessPriv) && is_vault_role_name(((AccessPriv *) node)->priv_name))
			return true;
	}
	return false;
}

static bool
options_name_vault_role(List *options)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *option = lfirst(cell);

		if (option->arg && IsA(option->arg, List) && names_vault_role((List *) option->arg))
			return true;
	}
	return false;
}

/* ALTER DEFAULT PRIVILEGES FOR ROLE vault_…, or with such a role as grantee. */
static bool
default_privileges_name_vault_role(AlterDefaultPrivilegesStmt *statement)
{
	return options_name_vault_role(statement->options) ||
		names_vault_role(statement->action->grantees);
}

/* True if the object of COMMENT or SECURITY LABEL is a role of vault. */
static bool
is_vault_role_object(ObjectType type, Node *object)
{
	return type == OBJECT_ROLE && IsA(object, String) && is_vault_role_name(strVal(object));
}

bool
concerns_vault_roles(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterDefaultPrivilegesStmt:
			return default_privileges_name_vault_role((AlterDefaultPrivilegesStmt *) statement);
		case T_CommentStmt:
			return is_vault_role_object(((CommentStmt *) statement)->objtype,
										((CommentStmt *) statement)->object);
		case T_SecLabelStmt:
			return is_vault_role_object(((SecLabelStmt *) statement)->objtype,
										((SecLabelStmt *) statement)->object);
		case T_GrantRoleStmt:
			return names_vault_role(((GrantRoleStmt *) statement)->granted_roles) ||
				names_vault_role(((GrantRoleStmt *) statement)->grantee_roles);
		case T_CreateRoleStmt:
			return is_vault_role_name(((CreateRoleStmt *) statement)->role) ||
				options_name_vault_role(((CreateRoleStmt *) statement)->options);
		case T_AlterRoleStmt:
			return spec_is_vault_role(((AlterRoleStmt *) statement)->role) ||
				options_name_vault_role(((AlterRoleStmt *) statement)->options);
		case T_AlterRoleSetStmt:
			return spec_is_vault_role(((AlterRoleSetStmt *) statement)->role);
		case T_DropRoleStmt:
			return names_vault_role(((DropRoleStmt *) statement)->roles);
		case T_RenameStmt:
			return ((RenameStmt *) statement)->renameType == OBJECT_ROLE &&
				(is_vault_role_name(((RenameStmt *) statement)->subname) ||
				 is_vault_role_name(((RenameStmt *) statement)->newname));
		case T_DropOwnedStmt:
			return names_vault_role(((DropOwnedStmt *) statement)->roles);
		case T_ReassignOwnedStmt:
			return names_vault_role(((ReassignOwnedStmt *) statement)->roles) ||
				spec_is_vault_role(((ReassignOwnedStmt *) statement)->newrole);
		default:
			return false;
	}
}

bool
is_vault_schema(Oid schema)
{
	return OidIsValid(schema) && (schema == data_schema_oid() || schema == api_schema_oid()) &&
		OidIsValid(get_extension_oid("vault", true));
}

bool
is_vault_relation(Oid relation)
{
	return OidIsValid(relation) && is_vault_schema(get_rel_namespace(relation));
}

bool
range_var_is_ours(RangeVar *relation)
{
	return is_vault_relation(RangeVarGetRelid(relation, NoLock, true));
}

static bool
schema_name_is_ours(const char *name)
{
	return is_vault_schema(get_namespace_oid(name, true));
}

static bool
first_name_is_ours(List *names)
{
	return list_length(names) > 1 && schema_name_is_ours(strVal(linitial(names)));
}

Oid
schema_of_object(Oid class, Oid object, Snapshot snapshot)
{
	Oid schema = InvalidOid;
	Relation catalogue;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple row;
	bool isnull;

	if (class == NamespaceRelationId)
		return object;
	if (!is_objectclass_supported(class) || get_object_attnum_namespace(class) == InvalidAttrNumber)
		return InvalidOid;
	catalogue = table_open(class, AccessShareLock);
	ScanKeyInit(&key, get_object_attnum_oid(class), BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object));
	scan = systable_beginscan(catalogue, get_object_oid_index(class), true, snapshot, 1, &key);
	row = systable_getnext(scan);
	if (row)
		schema = DatumGetObjectId(heap_getattr(row, get_object_attnum_namespace(class),
											   RelationGetDescr(catalogue), &isnull));
	systable_endscan(scan);
	table_close(catalogue, AccessShareLock);
	return schema;
}

/* GRANT and REVOKE on objects: the object access hook does not see them. */
static bool
grant_concerns_vault(GrantStmt *statement)
{
	ListCell *cell;

	foreach(cell, statement->objects)
	{
		Node *object = lfirst(cell);

		if (IsA(object, RangeVar) && range_var_is_ours((RangeVar *) object))
			return true;
		if (IsA(object, ObjectWithArgs) && first_name_is_ours(((ObjectWithArgs *) object)->objname))
			return true;
		if (IsA(object, List) && first_name_is_ours((List *) object))
			return true;
		if (IsA(object, String) &&
			(statement->objtype == OBJECT_SCHEMA ||
			 statement->targtype == ACL_TARGET_ALL_IN_SCHEMA) &&
			schema_name_is_ours(strVal(object)))
			return true;
	}
	return false;
}

/* Return the table of a statement about one, or NULL. */
static RangeVar *
table_of(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreateTrigStmt:
			return ((CreateTrigStmt *) statement)->relation;
		case T_CreatePolicyStmt:
			return ((CreatePolicyStmt *) statement)->table;
		case T_AlterPolicyStmt:
			return ((AlterPolicyStmt *) statement)->table;
		case T_RuleStmt:
			return ((RuleStmt *) statement)->relation;
		case T_IndexStmt:
			return ((IndexStmt *) statement)->relation;
		case T_RenameStmt:
			return ((RenameStmt *) statement)->relation;
		default:
			return NULL;
	}
}

/* DROP TRIGGER, POLICY, RULE: the name of the table comes first. */
static bool
drop_concerns_vault(DropStmt *statement)
{
	ListCell *cell;

	if (statement->removeType != OBJECT_TRIGGER && statement->removeType != OBJECT_POLICY &&
		statement->removeType != OBJECT_RULE)
		return false;
	foreach(cell, statement->objects)
	{
		List *names = lfirst(cell);
		List *table = list_copy_head(names, list_length(names) - 1);

		if (table != NIL && range_var_is_ours(makeRangeVarFromNameList(table)))
			return true;
	}
	return false;
}

static bool
any_range_var_is_ours(List *relations)
{
	ListCell *cell;

	foreach(cell, relations)
		if (range_var_is_ours(lfirst(cell)))
			return true;
	return false;
}

/* INHERIT, ATTACH PARTITION and their ends name the other table in the command. */
static bool
alteration_concerns_vault(AlterTableStmt *statement)
{
	ListCell *cell;

	foreach(cell, statement->cmds)
	{
		Node *given = ((AlterTableCmd *) lfirst(cell))->def;

		if (given && IsA(given, PartitionCmd))
			given = (Node *) ((PartitionCmd *) given)->name;
		if (given && IsA(given, RangeVar) && range_var_is_ours((RangeVar *) given))
			return true;
	}
	return statement->relation && range_var_is_ours(statement->relation);
}

/* True if the object of COMMENT, SECURITY LABEL or ALTER EXTENSION ADD or DROP is ours. */
static bool
object_is_ours(ObjectType type, Node *object)
{
	ObjectAddress address;
	Relation relation = NULL;
	bool ours;

	/* The schemas contain none of these, and some of them have no address. */
	if (type == OBJECT_ROLE || type == OBJECT_DATABASE || type == OBJECT_TABLESPACE)
		return false;
	address = get_object_address(type, object, &relation, AccessShareLock, true);
	ours = OidIsValid(address.objectId) &&
		is_vault_schema(schema_of_object(address.classId, address.objectId, NULL));
	if (relation)
	{
		ours |= is_vault_relation(RelationGetRelid(relation));
		relation_close(relation, AccessShareLock);
	}
	return ours;
}

static bool
extension_contents_concern_vault(AlterExtensionContentsStmt *statement)
{
	return strcmp(statement->extname, "vault") == 0 ||
		object_is_ours(statement->objtype, statement->object);
}

/* CREATE and ALTER PUBLICATION: a superuser can send the tables elsewhere by them. */
static bool
publication_concerns_vault(List *objects)
{
	ListCell *cell;

	foreach(cell, objects)
	{
		PublicationObjSpec *object = lfirst(cell);

		if (object->pubtable ? range_var_is_ours(object->pubtable->relation)
							 : object->name && schema_name_is_ours(object->name))
			return true;
	}
	return false;
}

/* ALTER DEFAULT PRIVILEGES IN SCHEMA. */
static bool
default_privileges_concern_vault(AlterDefaultPrivilegesStmt *statement)
{
	ListCell *cell;
	ListCell *name;

	foreach(cell, statement->options)
	{
		DefElem *option = lfirst(cell);

		if (strcmp(option->defname, "schemas") != 0)
			continue;
		foreach(name, (List *) option->arg)
			if (schema_name_is_ours(strVal(lfirst(name))))
				return true;
	}
	return false;
}

bool
concerns_vault_objects(Node *statement)
{
	RangeVar *table = table_of(statement);

	switch (nodeTag(statement))
	{
		case T_CreateStmt:
			return any_range_var_is_ours(((CreateStmt *) statement)->inhRelations);
		case T_AlterTableStmt:
			return alteration_concerns_vault((AlterTableStmt *) statement);
		case T_GrantStmt:
			return grant_concerns_vault((GrantStmt *) statement);
		case T_DropStmt:
			return drop_concerns_vault((DropStmt *) statement);
		case T_CommentStmt:
			return object_is_ours(((CommentStmt *) statement)->objtype,
								  ((CommentStmt *) statement)->object);
		case T_SecLabelStmt:
			return object_is_ours(((SecLabelStmt *) statement)->objtype,
								  ((SecLabelStmt *) statement)->object);
		case T_AlterExtensionStmt:
			return strcmp(((AlterExtensionStmt *) statement)->extname, "vault") == 0;
		case T_AlterExtensionContentsStmt:
			return extension_contents_concern_vault((AlterExtensionContentsStmt *) statement);
		case T_CreatePublicationStmt:
			return (((CreatePublicationStmt *) statement)->for_all_tables &&
					is_vault_schema(api_schema_oid())) ||
				publication_concerns_vault(((CreatePublicationStmt *) statement)->pubobjects);
		case T_AlterPublicationStmt:
			return publication_concerns_vault(((AlterPublicationStmt *) statement)->pubobjects);
		case T_AlterDefaultPrivilegesStmt:
			return default_privileges_concern_vault((AlterDefaultPrivilegesStmt *) statement);
		default:
			return table && range_var_is_ours(table);
	}
}
