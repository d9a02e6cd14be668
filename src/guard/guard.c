/*
 * guard.c
 *		The hooks that let only superusers change the vault's schemas and roles, and leave an alert
 *		in the audit trail.
 *
 * On PostgreSQL 15 a role with CREATEROLE may grant itself any role that is not superuser, the
 * owner of the tables included.  Ownership is therefore no boundary, and the guard is.  It refuses
 * to all other roles, in every database of the server:
 *
 *	- GRANT and REVOKE of the vault_* roles, CREATE/ALTER/DROP/RENAME of
 *	  them, ALTER ROLE … SET on them, CREATE ROLE … IN ROLE vault_*, comments
 *	  and default privileges of and for them;
 *	- GRANT and REVOKE on objects of the schemas vault and vault_data, by default too;
 *	- creating, altering and dropping anything in these schemas, and taking
 *	  objects into the extension or out of it;
 *	- LOCK TABLE on their relations, except in the mode of a query, and maintenance of them
 *	  that keeps other sessions out;
 *	- INSERT, UPDATE, DELETE, MERGE and row locks on their relations, through
 *	  views too, when the statement is analysed and when it runs.
 *
 * Utility statements are seen before they run.  The objects that they create, alter or drop are
 * seen through object_access_hook, in any form of statement.  So is the end of the vault: DROP
 * EXTENSION in its database, and DROP DATABASE of it.
 *
 * Exempt are statements inside a call, the extension's own work of retention.c, and the queries of
 * foreign keys.  Index builds of a superuser's statement are exempt, because the server becomes
 * vault_owner for them.  The script of this extension is exempt, and that of another extension is
 * refused to every role.  Triggers report a superuser's INSERT, UPDATE and DELETE.  The guard
 * reports those on system catalogs, and every change of a setting that weakens the vault, of any
 * role.
 */
#include "guard/guard.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "context/call.h"
#include "context/call.h"
#include "guard/protected_objects.h"
#include "guard/setting_guard.h"
#include "guard/table_guard.h"
#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/tables.h"
#include "platform/launcher.h"

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_access = NULL;
static post_parse_analyze_hook_type previous_analyze = NULL;
static ExecutorCheckPerms_hook_type previous_check = NULL;
static GuardListener listener;
static void (*on_dropped)(void) = NULL;

/* True while a superuser's statement touches the vault's objects. */
static bool touched = false;
static bool extension_dropped = false;
static bool own_work = false;

/* True while the innermost utility statement is a superuser's. */
static bool by_superuser = false;

void
guard_set_listener(const GuardListener *given)
{
	listener = *given;
}

void
guard_set_dropped(void (*dropped)(void))
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
runs_own_script(void)
{
	return creating_extension && CurrentExtensionObject == get_extension_oid("vault", true);
}

/*
 * Exempt as said above.  Outside of a transaction only statements on roles are checked, and none of
 * them is part of the script.
 */
static bool
is_exempt(void)
{
	return call_current() != NULL || own_work || IsBootstrapProcessingMode() || IsBinaryUpgrade ||
		(IsTransactionState() && runs_own_script());
}

/* True while the server, to build an index, is the table's owner within the statement. */
static bool
is_index_build(void)
{
	return by_superuser && InSecurityRestrictedOperation() &&
		GetUserId() == get_role_oid("vault_owner", true);
}

static void
guard_refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for %s of vault", what),
			 errhint(creating_extension
						 ? "No other extension's script changes the schemas and roles of vault."
						 : "Only a superuser changes the extension's schemas and roles.")));
}

/* Refuse the statement, or for a superuser record that there is something to report. */
static void
guard_watch(const char *what)
{
	if (is_exempt())
		return;
	if (creating_extension || !(superuser() || is_index_build()))
		guard_refuse(what);
	touched = true;
}

/* True if the current user may write and lock outside of a call. */
static bool
may_work_outside(void)
{
	return is_exempt() || superuser() || InNoForceRLSOperation();
}

static void
refuse_outside(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to write or lock relations of vault"),
			 errhint("They are changed by the functions of schema vault.")));
}

static bool
is_copy_into_vault(Node *statement)
{
	CopyStmt *copy = (CopyStmt *) statement;

	return IsA(statement, CopyStmt) && copy->is_from && copy->relation && superuser() &&
		range_var_is_ours(copy->relation);
}

static void
guard_run(PlannedStmt *statement, const char *text, bool read_only_tree,
		  ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
		  DestReceiver *receiver, QueryCompletion *completion)
{
	if (previous_utility)
		previous_utility(statement, text, read_only_tree, context, params, environment, receiver,
						 completion);
	else
		standard_ProcessUtility(statement, text, read_only_tree, context, params, environment,
								receiver, completion);
}

/* Report to the listener what a finished statement did. */
static void
guard_report(Node *statement)
{
	bool alert = touched && !extension_dropped;

	touched = extension_dropped = false;
	if (alert && listener.alert)
		listener.alert(CreateCommandTag(statement));
}

/* Report a change of a setting, of any role, inside of a call too. */
static void
report_setting(Node *statement)
{
	const char *what;

	if (listener.setting == NULL || !IsTransactionState() || IsBootstrapProcessingMode() ||
		IsBinaryUpgrade || runs_own_script())
		return;
	what = weakening_of(statement, in_vault_database());
	if (what)
		listener.setting(CreateCommandTag(statement), what);
}

/* Check a statement before it runs. */
static void
look_at(Node *statement, bool transactional)
{
	if (concerns_vault_roles(statement))
		guard_watch("roles");
	if (!transactional)
		return;
	if (concerns_vault_objects(statement) || locks_vault(statement))
		guard_watch("objects");
	if (!may_work_outside() && (blocks_vault(statement) || embeds_write_to_vault(statement)))
		refuse_outside();
}

static void
guard_utility(PlannedStmt *planned, const char *text, bool read_only_tree,
			  ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
			  DestReceiver *receiver, QueryCompletion *completion)
{
	Node *statement = planned->utilityStmt;
	bool transactional = IsTransactionState();
	bool copying = transactional && is_copy_into_vault(statement);
	bool outer = by_superuser;
	bool before;
	bool own = false;
	volatile bool failed = true;

	if (transactional && context == PROCESS_UTILITY_TOPLEVEL)
		touched = extension_dropped = false;
	/* A statement within this one, as of a script, reports itself and keeps this one's mark. */
	before = touched;
	touched = false;
	/* Set it first: within a superuser's REINDEX, functions of other roles run statements. */
	by_superuser = transactional && superuser();
	if (copying && listener.copying)
		listener.copying(true);
	PG_TRY();
	{
		look_at(statement, transactional);
		own = touched;
		touched = false;
		guard_run(planned, text, read_only_tree, context, params, environment, receiver,
				  completion);
		failed = false;
	}
	PG_FINALLY();
	{
		by_superuser = outer;
		/* A handler may catch the error, and the statement around it goes on. */
		if (failed)
			touched = before;
		if (copying && listener.copying)
			listener.copying(false);
	}
	PG_END_TRY();
	touched |= own;
	if ((touched || extension_dropped) && IsTransactionState())
		guard_report(statement);
	touched |= before;
	report_setting(statement);
}

/* In another database, the extension may be left from a time when the vault was there. */
static void
note_extension_dropped(void)
{
	extension_dropped = true;
	if (on_dropped && in_vault_database())
		on_dropped();
}

/* The server has checked the ownership, and holds the database locked. */
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
	if (access == OAT_POST_ALTER && argument && ((ObjectAccessPostAlter *) argument)->is_internal)
		return;
	if (access == OAT_DROP && argument &&
		(((ObjectAccessDrop *) argument)->dropflags & PERFORM_DELETION_INTERNAL))
		return;
	if (is_vault_schema(schema_of_object(class, object, SnapshotSelf)) ||
		is_vault_schema(schema_of_object(class, object, NULL)))
		guard_watch("schemas");
}

static void
guard_analyze(ParseState *pstate, Query *query, COMPAT_CONST_JUMBLE JumbleState *jumble)
{
	if (previous_analyze)
		previous_analyze(pstate, query, jumble);
	if (query->commandType != CMD_UTILITY && IsTransactionState() && !may_work_outside() &&
		query_writes_vault(query))
		refuse_outside();
}

/* Report a direct write: it can change triggers, policies and members without their statements. */
static void
guard_check_catalog(Oid relation)
{
	if (superuser() && IsCatalogRelationOid(relation) && listener.catalog)
		listener.catalog(get_rel_name(relation));
}

/* Check the relations of a statement after rules and views were resolved. */
static bool
guard_check(CHECK_PERMS_PARAMETERS)
{
	ListCell *cell;

	if (previous_check && !previous_check(CHECK_PERMS_ARGUMENTS))
		return false;
	foreach(cell, CHECK_PERMS_LIST)
	{
		CheckPermsEntry *entry = lfirst(cell);

		if (!(entry->requiredPerms & ~ACL_SELECT) || is_exempt())
			continue;
		guard_check_catalog(entry->relid);
		if (!may_work_outside() && is_vault_relation(entry->relid))
			refuse_outside();
	}
	return true;
}

void
guard_init(void)
{
	previous_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = guard_analyze;
	previous_check = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = guard_check;
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = guard_utility;
	previous_access = object_access_hook;
	object_access_hook = guard_access;
}
