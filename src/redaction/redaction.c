/*
 * redaction.c
 *		The hooks that a command passes. Each hides its text as soon as it is known to be sensitive.
 *
 * There are many hooks because a text is reported to pg_stat_activity when a message arrives, and
 * again when a client binds to a statement and when it executes it.
 */
#include "redaction/redaction.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/portal.h"

#include "redaction/analysis.h"
#include "redaction/command.h"
#include "redaction/log.h"
#include "redaction/spill.h"

static post_parse_analyze_hook_type previous_analyze = NULL;
static planner_hook_type previous_planner = NULL;
static ExecutorStart_hook_type previous_start = NULL;
static ExecutorRun_hook_type previous_run = NULL;
static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_access = NULL;

void
redaction_session_holds_secrets(void)
{
	command_mark_session();
}

static bool
statement_is_sensitive(ParseState *pstate, Query *query)
{
	const char *text = pstate->p_sourcetext;

	if (command_hide())
		return true;
	if (creating_extension) /* scripts define functions, and hold no values */
		return false;
	if (!text || text == debug_query_string || !text_is_sensitive(text))
	{
		if (!query_uses_vault(query, text))
			return false;
		if (text)
			text_remember(text);
	}
	command_mark();
	return true;
}

/* Set no query id: pg_stat_statements records nothing without one. */
static void
redact_analyze(ParseState *pstate, Query *query, COMPAT_CONST_JUMBLE JumbleState *jumble)
{
	bool sensitive = statement_is_sensitive(pstate, query);

	if (sensitive)
	{
		query->queryId = 0;
		jumble = NULL;
	}
	if (previous_analyze)
		previous_analyze(pstate, query, jumble);
	if (sensitive)
		query->queryId = 0;
}

static PlannedStmt *
redact_planner(PLANNER_PARAMETERS)
{
	(void) command_hide();
	if (previous_planner)
		return previous_planner(PLANNER_ARGUMENTS);
	return standard_planner(PLANNER_ARGUMENTS);
}

static void
redact_start(QueryDesc *query, int flags)
{
	(void) command_hide();
	if (previous_start)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
redact_run(EXECUTOR_RUN_PARAMETERS)
{
	(void) command_hide();
	spill_prevent_rows(query);
	if (previous_run)
		previous_run(EXECUTOR_RUN_ARGUMENTS);
	else
		standard_ExecutorRun(EXECUTOR_RUN_ARGUMENTS);
}

/* Return true for a fetch from a sensitive cursor. Its statement came with an earlier command. */
static bool
fetches_from_sensitive(Node *statement)
{
	Portal portal =
		IsA(statement, FetchStmt) ? GetPortalByName(((FetchStmt *) statement)->portalname) : NULL;

	return portal && portal->sourceText && text_is_sensitive(portal->sourceText);
}

static void
redact_utility(PlannedStmt *statement, const char *text, bool read_only_tree,
			   ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
			   DestReceiver *receiver, QueryCompletion *completion)
{
	if (!command_hide() && fetches_from_sensitive(statement->utilityStmt))
		command_mark();
	spill_prevent_utility(receiver);
	if (previous_utility)
		previous_utility(statement, text, read_only_tree, context, params, environment, receiver,
						 completion);
	else
		standard_ProcessUtility(statement, text, read_only_tree, context, params, environment,
								receiver, completion);
}

/*
 * Hide the text when a schema is looked up, which comes first in the analysis of most calls: this
 * shortens the time in which the text can be seen. A fast-path call has no text, and its arguments
 * are read after this.
 */
static void
redact_access(ObjectAccessType access, Oid class, Oid object, int part, void *argument)
{
	if (previous_access)
		previous_access(access, class, object, part, argument);
	if (access == OAT_NAMESPACE_SEARCH)
		(void) command_hide();
	else if (access == OAT_FUNCTION_EXECUTE && debug_query_string == NULL &&
			 function_uses_vault(object))
		command_mark();
}

void
redaction_init(void)
{
	analysis_init();
	log_init();
	previous_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = redact_analyze;
	previous_planner = planner_hook;
	planner_hook = redact_planner;
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = redact_start;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = redact_run;
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = redact_utility;
	previous_access = object_access_hook;
	object_access_hook = redact_access;
}
