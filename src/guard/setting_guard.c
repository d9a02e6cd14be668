/*
 * setting_guard.c
 *		The list of settings that can weaken the guarantees of the vault, and their changes.
 *
 * Settings decide whether a read waits for its record, what the server's log shows and whether
 * triggers run.  A change of one leaves a row in the audit trail, of every role.  Reported is every
 * change that is kept (of a role, a database, the system, a function), and of the right to make
 * one.  A change that strengthens is reported too: it shows that the weaker value was there.  Of a
 * session only SET is reported, and not for a setting that every role may set there.
 */
#include "guard/setting_guard.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "platform/settings.h"

/* The list is in docs/audit.md, too. */
const WeakSetting weak_settings[] = {
	{"vault.allow_core_dumps", .shown = true, .weak = "on"},
	{"vault.allow_swappable_keys", .shown = true, .weak = "on"},
	{"vault.audit_mode", .shown = true, .weak = "queued"},
	{"vault.audit_timeout", .shown = true},
	{"vault.database"},
	{"vault.failure_window", .shown = true},
	{"vault.max_denials", .shown = true, .usual = 1000, .zero_is_weak = true},
	{"vault.max_extension", .shown = true, .usual = 30 * 86400},
	{"vault.max_extensions", .shown = true, .usual = 3},
	{"vault.max_failures", .shown = true, .usual = 100, .zero_is_weak = true},
	{"vault.max_forgeries", .shown = true, .usual = 1000, .zero_is_weak = true},
	{"vault.max_seal_delay", .shown = true, .usual = 60},
	{"vault.proxies"},
	{"vault.redaction", .shown = true},
	{"vault.role_binding", .shown = true},
	{"vault.root_key_source"},
	{"vault.rotation_hosts"},
	{"vault.rotation_root_certificates"},
	{"vault.seal_on_crash", .shown = true},
	{"allow_system_table_mods"},
	{"debug_print_parse", .open = true},
	{"debug_print_plan", .open = true},
	{"debug_print_rewritten", .open = true},
	{"dynamic_library_path"},
	{"fsync"},
	{"full_page_writes"},
	{"ignore_checksum_failure"},
	{"local_preload_libraries", .open = true},
	{"log_duration"},
	{"log_min_duration_sample"},
	{"log_min_duration_statement"},
	{"log_min_error_statement"},
	{"log_parameter_max_length"},
	{"log_parameter_max_length_on_error", .open = true},
	{"log_statement"},
	{"log_statement_sample_rate"},
	{"log_transaction_sample_rate"},
	{"row_security", .open = true},
	{"session_preload_libraries"},
	{"session_replication_role"},
	{"shared_preload_libraries"},
	{"zero_damaged_pages"}};
const int weak_setting_count = lengthof(weak_settings);

static const WeakSetting *
find_setting(const char *name)
{
	for (int i = 0; name && i < weak_setting_count; i++)
		if (pg_strcasecmp(weak_settings[i].name, name) == 0)
			return &weak_settings[i];
	return NULL;
}

/* Return "name = value", "name set" or "name reset"; NULL for a setting that is not in the list. */
static const char *
setting_guard_describe(VariableSetStmt *set, bool with_open)
{
	const WeakSetting *setting = find_setting(set->name);
	char *value;

	if (set->kind == VAR_RESET_ALL)
		return with_open ? "all settings reset" : NULL;
	if (setting == NULL || (setting->open && !with_open))
		return NULL;
	if (set->kind == VAR_RESET || set->kind == VAR_SET_DEFAULT)
		return psprintf("%s reset", setting->name);
	value = setting->shown ? ExtractSetVariableArgs(set) : NULL;
	return value ? psprintf("%s = %s", setting->name, value) : psprintf("%s set", setting->name);
}

static bool
is_of_vault(const char *database)
{
	return database == NULL || strcmp(database, setting_database) == 0;
}

static const char *
of_role(AlterRoleSetStmt *statement)
{
	const char *role = statement->role ? get_rolespec_name(statement->role) : NULL;
	bool own = role && strcmp(role, GetUserNameFromId(GetUserId(), false)) == 0;
	const char *what;

	if (!is_of_vault(statement->database))
		return NULL;
	what = setting_guard_describe(statement->setstmt, !own || superuser());
	if (what == NULL)
		return NULL;
	what = role ? psprintf("%s for role \"%s\"", what, role) : psprintf("%s for all roles", what);
	if (statement->database)
		what = psprintf("%s in database \"%s\"", what, statement->database);
	return what;
}

static const char *
of_database(AlterDatabaseSetStmt *statement)
{
	const char *what =
		is_of_vault(statement->dbname) ? setting_guard_describe(statement->setstmt, true) : NULL;

	return what ? psprintf("%s for database \"%s\"", what, statement->dbname) : NULL;
}

static const char *
of_system(AlterSystemStmt *statement)
{
	const char *what = setting_guard_describe(statement->setstmt, true);

	return what ? psprintf("%s for the system", what) : NULL;
}

/* A return to the session's first values is not reported: poolers do it all the time. */
static const char *
of_session(VariableSetStmt *statement)
{
	const char *what;

	if (statement->kind != VAR_SET_VALUE && statement->kind != VAR_SET_CURRENT)
		return NULL;
	what = setting_guard_describe(statement, false);
	if (what == NULL)
		return NULL;
	return psprintf("%s in a %s", what, statement->is_local ? "transaction" : "session");
}

static const char *
of_function(List *options)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *option = lfirst(cell);
		const char *what = NULL;

		if (strcmp(option->defname, "set") == 0)
			what = setting_guard_describe((VariableSetStmt *) option->arg, false);
		if (what)
			return psprintf("%s for a function", what);
	}
	return NULL;
}

/* GRANT and REVOKE SET, ALTER SYSTEM ON PARAMETER. */
static const char *
of_right(GrantStmt *statement)
{
	ListCell *cell;

	if (statement->objtype != OBJECT_PARAMETER_ACL)
		return NULL;
	foreach(cell, statement->objects)
	{
		const WeakSetting *setting = find_setting(strVal(lfirst(cell)));

		if (setting)
			return psprintf("the right to set %s %s", setting->name,
							statement->is_grant ? "granted" : "revoked");
	}
	return NULL;
}

const char *
weakening_of(Node *statement, bool here)
{
	switch (nodeTag(statement))
	{
		case T_AlterRoleSetStmt:
			return of_role((AlterRoleSetStmt *) statement);
		case T_AlterDatabaseSetStmt:
			return of_database((AlterDatabaseSetStmt *) statement);
		case T_AlterSystemStmt:
			return of_system((AlterSystemStmt *) statement);
		case T_GrantStmt:
			return of_right((GrantStmt *) statement);
		case T_VariableSetStmt:
			return here ? of_session((VariableSetStmt *) statement) : NULL;
		case T_CreateFunctionStmt:
			return here ? of_function(((CreateFunctionStmt *) statement)->options) : NULL;
		case T_AlterFunctionStmt:
			return here ? of_function(((AlterFunctionStmt *) statement)->actions) : NULL;
		default:
			return NULL;
	}
}

bool
is_weaker(const WeakSetting *setting, const char *value)
{
	int number = atoi(value);

	if (setting->weak)
		return strcmp(value, setting->weak) == 0;
	if (setting->zero_is_weak && number == 0)
		return true;
	return setting->usual > 0 && number > setting->usual;
}
