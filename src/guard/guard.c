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
 *	  them, ALTER ROLE … SET on them, CREATE ROLE … IN ROLE vault_*, comments
 *	  and default privileges of and for them;
 *	- GRANT and REVOKE on objects of the schemas vault and vault_data, by default too;
 *	- creating, altering and dropping anything in these schemas, and taking
 *	  objects into the extension or out of it;
 *	- LOCK TABLE on their relations, but as a query locks them, and maintenance of them
 *	  that keeps others out;
 *	- INSERT, UPDATE, DELETE, MERGE and row locks on their relations, through
 *	  views too, when the statement is analysed and when it runs.
 *
 * Utility statements are seen before they run; what they create, alter or drop
 * is seen through object_access_hook, whatever the statement looked like.  So is the end of
 * the vault: DROP EXTENSION in its database, and DROP DATABASE of it.
 *
 * What is exempt: what runs inside a call, and what retention.c does as the extension's own
 * work; the script of this extension and no other's, which is refused whoever runs
 * it; index builds of a superuser's statement, for which the server becomes vault_owner; and
 * the queries of foreign keys.  Superusers' INSERT, UPDATE and DELETE are told by triggers, those
 * of system catalogs from here, and so are changes of settings that weaken, whoever makes them.
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

/* See above.  Outside of a transaction only roles are asked about, and nothing is the script's. */
static bool
is_exempt(void)
{
	return call_current() != NULL || own_work || IsBootstrapProcessingMode() || IsBinaryUpgrade ||
		(IsTransactionState() && runs_own_script());
}

/* To build an index, the server becomes the table's owner within the statement. */
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

/* Refuses, or for a superuser notes that there is something to report. */
static void
guard_watch(const char *what)
{
	if (is_exempt())
		return;
	if (creating_extension || !(superuser() || is_index_build()))
		guard_refuse(what);
	touched = true;
}

/* Writing and locking, by statements that leave no other trace. */
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

/* Tells the listeners what a finished statement did. */
static void
guard_report(Node *statement)
{
	bool alert = touched && !extension_dropped;

	touched = extension_dropped = false;
	if (alert && listener.alert)
		listener.alert(CreateCommandTag(statement));
}

/* Whoever may do it, in functions that the entry calls, too. */
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

/* Before the statement runs. */
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
	/* A statement within this one, as of a script, reports itself and leaves this one's mark. */
	before = touched;
	touched = false;
	/* Before anything is asked: within a superuser's REINDEX, others' functions run statements. */
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
		/* Somebody may catch it, and the statement around it goes on. */
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

/* Triggers, policies and members can be changed there, too, with no statement that says so. */
static void
guard_check_catalog(Oid relation)
{
	if (superuser() && IsCatalogRelationOid(relation) && listener.catalog)
		listener.catalog(get_rel_name(relation));
}

/* Of whatever the statement came to, rules and views resolved. */
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
