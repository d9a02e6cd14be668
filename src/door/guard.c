/*
 * guard.c
 *		Who may change the vault's schemas and roles: superusers, and they leave
 *		an alert in the trail.
 *
 * On PostgreSQL 15 a role with CREATEROLE may grant itself any role that is not
 * superuser, the owner of the tables included; ownership is therefore no boundary
 * and this is.  Refused to everybody else, in every database of the server:
 *
 *	- GRANT and REVOKE of the vault_* roles, CREATE/ALTER/DROP/RENAME of
 *	  them, ALTER ROLE … SET on them, CREATE ROLE … IN ROLE vault_*;
 *	- GRANT and REVOKE on objects of the schemas vault and vault_data;
 *	- creating, altering and dropping anything in these schemas.
 *
 * Utility statements are seen before they run; what they create, alter or drop
 * is seen through object_access_hook, whatever the statement looked like.  So is the end of
 * the vault: DROP EXTENSION in its database, and DROP DATABASE of it.
 */
#include "door/guard.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "door/door.h"
#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/tables.h"
#include "platform/workers.h"

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_access = NULL;
static GuardListener listener;
static void (*on_dropped) (void) = NULL;

/* Set while a superuser's statement touches the vault's objects. */
static bool touched = false;
static bool extension_dropped = false;
static bool own_work = false;

/* The utility statement that runs, the innermost, is a superuser's. */
static bool by_superuser = false;

void
guard_set_listener(const GuardListener *given)
{
	listener = *given;
}

void
guard_set_dropped(void (*dropped) (void))
{
	on_dropped = dropped;
}

bool
guard_is_own_work(void)
{
	return own_work;
}

void
guard_set_own_work(bool value)
{
	own_work = value;
}

static bool
is_vault_role_name(const char *name)
{
	static const char *const names[] = {
		"vault_owner", "vault_exec", "vault_admin", "vault_auditor", "vault_client",
		"vault_jobs"
	};

	for (int i = 0; name && i < (int) lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* The door's own work, and the extension's script, are not watched. */
static bool
is_exempt(void)
{
	return door_current() != NULL || own_work || creating_extension || IsBootstrapProcessingMode();
}

/* Refuses, or for a superuser notes that there is something to report. */
static void
watch(const char *what)
{
	if (is_exempt())
		return;
	/* To build an index, the server becomes the table's owner within the statement. */
	if (!superuser() && !(by_superuser && InSecurityRestrictedOperation()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for %s of vault", what),
				 errhint("Only a superuser changes the extension's schemas and roles.")));
	touched = true;
}

/* The role that a specification means; CURRENT_USER and the like are resolved. */
static bool
spec_is_vault_role(RoleSpec *spec)
{
	if (spec == NULL || spec->roletype == ROLESPEC_PUBLIC)
		return false;
	if (spec->roletype == ROLESPEC_CSTRING)
		return is_vault_role_name(spec->rolename);
	return is_vault_role_name(GetUserNameFromId(spec->roletype == ROLESPEC_SESSION_USER ?
												GetSessionUserId() : GetUserId(), true));
}

static bool
names_vault_role(List *specs)
{
	ListCell   *cell;

	foreach(cell, specs)
	{
		Node	   *node = lfirst(cell);

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
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst(cell);

		if (option->arg && IsA(option->arg, List) && names_vault_role((List *) option->arg))
			return true;
	}
	return false;
}

/* Statements about roles. */
static bool
concerns_vault_roles(Node *statement)
{
	switch (nodeTag(statement))
	{
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

/* Only where the extension is: elsewhere the names are anybody's. */
static bool
is_vault_schema(Oid schema)
{
	return OidIsValid(schema) && (schema == data_schema_oid() || schema == api_schema_oid()) &&
		OidIsValid(get_extension_oid("vault", true));
}

/* The schema that a possibly qualified relation name resolves to. */
static bool
range_var_is_ours(RangeVar *relation)
{
	Oid			oid = RangeVarGetRelid(relation, NoLock, true);

	return OidIsValid(oid) && is_vault_schema(get_rel_namespace(oid));
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

/* GRANT and REVOKE on objects, of which the object access hook learns nothing. */
static bool
grant_concerns_vault(GrantStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->objects)
	{
		Node	   *object = lfirst(cell);

		if (IsA(object, RangeVar) && range_var_is_ours((RangeVar *) object))
			return true;
		if (IsA(object, ObjectWithArgs) &&
			first_name_is_ours(((ObjectWithArgs *) object)->objname))
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

/* The table that a statement about one is about. */
static RangeVar *
table_of(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return ((AlterTableStmt *) statement)->relation;
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

/* DROP TRIGGER, POLICY, RULE: the name follows that of its table. */
static bool
drop_concerns_vault(DropStmt *statement)
{
	ListCell   *cell;

	if (statement->removeType != OBJECT_TRIGGER && statement->removeType != OBJECT_POLICY &&
		statement->removeType != OBJECT_RULE)
		return false;
	foreach(cell, statement->objects)
	{
		List	   *names = lfirst(cell);
		List	   *table = list_copy_head(names, list_length(names) - 1);

		if (table != NIL && range_var_is_ours(makeRangeVarFromNameList(table)))
			return true;
	}
	return false;
}

/* What the object access hook does not see, or sees too late. */
static bool
concerns_vault_objects(Node *statement)
{
	RangeVar   *table = table_of(statement);

	if (IsA(statement, GrantStmt))
		return grant_concerns_vault((GrantStmt *) statement);
	if (IsA(statement, DropStmt))
		return drop_concerns_vault((DropStmt *) statement);
	return table && range_var_is_ours(table);
}

static bool
is_copy_into_vault(Node *statement)
{
	CopyStmt   *copy = (CopyStmt *) statement;

	return IsA(statement, CopyStmt) && copy->is_from && copy->relation && superuser() &&
		range_var_is_ours(copy->relation);
}

static void
run(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context,
	ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver,
	QueryCompletion *completion)
{
	if (previous_utility)
		previous_utility(statement, text, read_only_tree, context, params, environment, receiver,
						 completion);
	else
		standard_ProcessUtility(statement, text, read_only_tree, context, params, environment,
								receiver, completion);
}

/* Tells the listeners what a finished statement did. */
static void
report(Node *statement)
{
	bool		alert = touched && !extension_dropped;

	touched = extension_dropped = false;
	if (alert && listener.alert && OidIsValid(table_oid(TABLE_INSTANCE)))
		listener.alert(CreateCommandTag(statement));
}

static void
guard_utility(PlannedStmt *planned, const char *text, bool read_only_tree,
			  ProcessUtilityContext context, ParamListInfo params,
			  QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	Node	   *statement = planned->utilityStmt;
	bool		transactional = IsTransactionState();
	bool		copying = transactional && is_copy_into_vault(statement);
	bool		outer = by_superuser;

	if (transactional && context == PROCESS_UTILITY_TOPLEVEL)
		touched = extension_dropped = false;
	/* Before anything is asked: within a superuser's REINDEX, others' functions run statements. */
	by_superuser = transactional && superuser();
	if (copying && listener.copying)
		listener.copying(true);
	PG_TRY();
	{
		if (concerns_vault_roles(statement))
			watch("roles");
		if (transactional && concerns_vault_objects(statement))
			watch("objects");
		run(planned, text, read_only_tree, context, params, environment, receiver, completion);
	}
	PG_FINALLY();
	{
		by_superuser = outer;
		if (copying && listener.copying)
			listener.copying(false);
	}
	PG_END_TRY();
	if ((touched || extension_dropped) && IsTransactionState())
		report(statement);
}

/*
 * The schema that holds an object: with SnapshotSelf as the running statement left
 * it, with NULL as it was before.
 */
static Oid
schema_of(Oid class, Oid object, Snapshot snapshot)
{
	Oid			schema = InvalidOid;
	Relation	catalogue;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	row;
	bool		isnull;

	if (class == NamespaceRelationId)
		return object;
	if (!is_objectclass_supported(class) ||
		get_object_attnum_namespace(class) == InvalidAttrNumber)
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

/* In another database it may be there from a time when that was the vault's. */
static void
note_extension_dropped(void)
{
	extension_dropped = true;
	if (on_dropped && in_vault_database())
		on_dropped();
}

/* Whoever drops it has been found to own it, and holds it locked. */
static void
note_database_dropped(Oid database)
{
	if (database != get_database_oid(setting_database, true))
		return;
	workers_leave();
	if (on_dropped)
		on_dropped();
}

static void
guard_access(ObjectAccessType access, Oid class, Oid object, int part, void *argument)
{
	if (previous_access)
		previous_access(access, class, object, part, argument);
	if (!IsTransactionState() || IsBootstrapProcessingMode())
		return;
	if (access != OAT_POST_CREATE && access != OAT_POST_ALTER && access != OAT_DROP &&
		access != OAT_TRUNCATE)
		return;
	if (access == OAT_DROP && class == ExtensionRelationId &&
		object == get_extension_oid("vault", true))
	{
		note_extension_dropped();
		return;
	}
	if (access == OAT_DROP && class == DatabaseRelationId)
	{
		note_database_dropped(object);
		return;
	}
	if (access == OAT_POST_ALTER && argument &&
		((ObjectAccessPostAlter *) argument)->is_internal)
		return;
	if (access == OAT_DROP && argument &&
		(((ObjectAccessDrop *) argument)->dropflags & PERFORM_DELETION_INTERNAL))
		return;
	if (is_vault_schema(schema_of(class, object, SnapshotSelf)) ||
		is_vault_schema(schema_of(class, object, NULL)))
		watch("schemas");
}

void
guard_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = guard_utility;
	previous_access = object_access_hook;
	object_access_hook = guard_access;
}
