/*
 * token_setting.c
 *		The hooks of vault.token.
 *
 * They run where no catalogue can be read and, at the end of a transaction, where
 * nothing may fail: size and characters are all that is checked here.
 */
#include "token/token_setting.h"

#include "storage/proc.h"
#include "utils/guc.h"

#include "crypto/raise.h"
#include "identity/jwt.h"
#include "platform/errors.h"
#include "redaction/redaction.h"

typedef struct Mark
{
	LocalTransactionId transaction;
	uint64 serial;
} Mark;

static char *setting_token;
static const Mark *mark = NULL;

/*
 * A statement's error is raised here, because the server would make it a message of its
 * own, which redaction blanks.  Where a connection or a file gave the value, the server
 * decides what follows.
 */
static bool
token_setting_refuse(GucSource source, const char *message, const char *fault, const char *hint)
{
	if (source == PGC_S_SESSION || source == PGC_S_TEST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message),
				 fault ? errdetail("%c%s.", pg_toupper((unsigned char) *fault), fault + 1) : 0,
				 errhint("%s", hint)));
	GUC_check_errmsg("vault.token is set in a transaction and nowhere else");
	return false;
}

static bool
check_token(char **newval, void **extra, GucSource source)
{
	static uint64 serial = 0;
	const char *fault;
	Mark *made;

	if (**newval == 0)
		return true;
	redaction_session_holds_secrets();
	if (source != PGC_S_SESSION)
		return token_setting_refuse(source, "vault.token is set in a transaction and nowhere else",
									NULL, "Use SET LOCAL vault.token or vault.login().");
	fault = jwt_form_fault(*newval, strlen(*newval));
	if (fault)
		return token_setting_refuse(
			source, "what vault.token is set to is no token", fault,
			"A token is three base64url segments with dots between them, at most 16 KiB.");
	made = compat_guc_malloc(sizeof(Mark));
	if (made == NULL)
		return false;
	made->transaction = MyProc ? COMPAT_LOCAL_XID : InvalidLocalTransactionId;
	made->serial = ++serial;
	*extra = made;
	return true;
}

static void
assign_token(const char *newval, void *extra)
{
	mark = extra;
}

static const char *
show_token(void)
{
	return setting_token && *setting_token ? "********" : "";
}

bool
setting_shown_token(ShownToken *token)
{
	if (setting_token == NULL || *setting_token == 0)
		return false;
	token->text = setting_token;
	token->size = strlen(setting_token);
	token->serial = mark ? mark->serial : 0;
	token->is_current = mark && mark->transaction != InvalidLocalTransactionId &&
		mark->transaction == COMPAT_LOCAL_XID;
	return true;
}

void
setting_show_token(const char *text)
{
	(void) set_config_option("vault.token", text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
}

void
token_setting_init(void)
{
	DefineCustomStringVariable("vault.token",
							   "Token of the caller, for the transaction that sets it.", NULL,
							   &setting_token, "", PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   check_token, assign_token, show_token);
}
