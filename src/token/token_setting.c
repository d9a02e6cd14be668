/*
 * token_setting.c
 *		The hooks of vault.token.
 *
 * They run where no catalogue can be read and, at the end of a transaction, where nothing may fail:
 * size and characters are all that is checked here.
 *
 * The server keeps the value of a setting in memory that is not wiped, and sends it to parallel
 * workers.  The token is therefore kept here, in a buffer that ends with the transaction, and the
 * value becomes asterisks.
 */
#include "token/token_setting.h"

#include "access/parallel.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "crypto/raise.h"
#include "identity/jwt.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "redaction/redaction.h"

/* The token of one SET; it and its text are in memory of the transaction. */
typedef struct SetToken
{
	uint64 serial;
	MemoryContextCallback at_end;
	size_t size;
	char text[FLEXIBLE_ARRAY_MEMBER];
} SetToken;

/* Link from the server's value to the token. */
typedef struct Mark
{
	uint64 serial;
	const SetToken *token; /* gone if the serial is not above that of the last token that ended */
} Mark;

static char *setting_token;
static const Mark *mark = NULL;
static uint64 last_ended = 0;

static void
end_token(void *token)
{
	last_ended = Max(last_ended, ((SetToken *) token)->serial);
}

/* Keep the token until the transaction ends. */
static SetToken *
keep_token(const char *text, size_t size, uint64 serial)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	SetToken *token = secret_alloc(offsetof(SetToken, text) + size + 1);

	token->serial = serial;
	token->size = size;
	memcpy(token->text, text, size);
	token->at_end.func = end_token;
	token->at_end.arg = token;
	MemoryContextRegisterResetCallback(TopTransactionContext, &token->at_end);
	MemoryContextSwitchTo(old);
	return token;
}

/*
 * Raise an error for a statement. The server would turn it into a message of its own, which
 * redaction blanks. If a connection or a file gave the value, the server decides what follows.
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
	size_t size = strlen(*newval);
	const SetToken *token = NULL;
	const char *fault;
	Mark *made;

	/* A parallel worker gets the asterisks of its leader.  It cannot use the vault. */
	if (size == 0 || InitializingParallelWorker)
		return true;
	redaction_session_holds_secrets();
	if (source != PGC_S_SESSION || TopTransactionContext == NULL)
		return token_setting_refuse(source, "vault.token is set in a transaction and nowhere else",
									NULL, "Use SET LOCAL vault.token or vault.login().");
	fault = jwt_form_fault(*newval, size);
	if (fault == NULL)
		token = keep_token(*newval, size, ++serial);
	memset(*newval, '*', size);
	if (fault)
		return token_setting_refuse(
			source, "what vault.token is set to is no token", fault,
			"A token is three base64url segments with dots between them, at most 16 KiB.");
	made = compat_guc_malloc(sizeof(Mark));
	if (made == NULL)
		return false;
	made->serial = serial;
	made->token = token;
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
	token->serial = mark ? mark->serial : 0;
	token->is_current = mark && mark->serial > last_ended;
	token->text = token->is_current ? mark->token->text : NULL;
	token->size = token->is_current ? mark->token->size : 0;
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
