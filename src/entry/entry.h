/*
 * entry.h
 *		The one entry: every public function passes through it.
 *
 * Going in: the module is preloaded and this is its database; no parallel
 * worker, no security-restricted operation (REINDEX and the like run a table
 * owner's code under another's name), no standby; the vault is unsealed unless
 * the kind says otherwise; the caller is who the kind asks for.  Then the
 * current user becomes vault_exec, search_path is pinned, and the call's tenant
 * is what row security sees.  Going out, on every way, all of that is undone.
 *
 * The caller is GetUserId() at the entry of a SECURITY INVOKER function: the
 * outer user and session_user can be a victim whose statement runs somebody
 * else's code.
 */
#ifndef VAULT_ENTRY_ENTRY_H
#define VAULT_ENTRY_ENTRY_H

#include "platform/compat.h"

#include "fmgr.h"
#include "utils/uuid.h"

typedef enum EntryKind
{
	ENTRY_ANYONE,            /* also while sealed; identity if there is one */
	ENTRY_VIEW,              /* anybody, but not while sealed */
	ENTRY_KEY_HOLDER,        /* operators, also while sealed */
	ENTRY_OPERATOR,          /* members of vault_admin, superusers */
	ENTRY_CLIENT,            /* an identified principal of an active tenant */
	ENTRY_CLIENT_OR_OPERATOR /* identified, or else operator */
} EntryKind;

#define CALLER_TOKEN_ROLES 32

typedef struct Caller
{
	Oid role;
	bool is_operator;
	bool is_identified;
	bool is_suspended; /* the tenant is; identified all the same */
	int candidates;    /* tenants that the role is bound in */
	pg_uuid_t tenant;
	pg_uuid_t principal;
	char tenant_name[64];
	char principal_name[64];

	/*
	 * From a verified token; empty without one.  Roles are those that groups of its issuer
	 * give, for as long as the token counts; their names are for the trail.
	 */
	char subject[513];
	char issuer[64];
	int token_role_count;
	pg_uuid_t token_roles[CALLER_TOKEN_ROLES];
	char token_role_names[256];
	char claimed_address[64];
	const char *token_fault; /* why it was refused, for the trail only; a literal */
} Caller;

#define CALL_NAME_BYTES 256

typedef struct VaultCall
{
	EntryKind kind;
	char operation[NAMEDATALEN]; /* name of the public function */
	Caller caller;

	bool has_tenant; /* the caller's, or the one an operator entered */
	pg_uuid_t tenant;
	char tenant_name[64];

	/* For the audit trail: what was asked, what decided, what was done. */
	char requested_name[CALL_NAME_BYTES];
	char requested_environment[64];
	bool has_grant;
	pg_uuid_t grant;
	char reason[256];
	int version;           /* if it is not the current one; 0: it is */
	int records;           /* that this call has made so far */
	bool policy_announced; /* this call has announced that policy changed */

	FunctionCallInfo fcinfo; /* NULL: a view */
	bool by_value;           /* what it returns is */
	uint32 text_arguments;   /* of the call, by number */
	uint32 array_arguments;  /* of texts */
	bool hides;              /* the error was not to be passed on as it was */
	void *work;              /* of put and rotate; see secret/write.c */

	Oid saved_user;
	int saved_security;
	int settings_level;
	struct VaultCall *outer;
} VaultCall;

/* The innermost open entry, or NULL. */
extern VaultCall *call_current(void);

/* The same, or an error: for helpers that must not be called from outside. */
extern VaultCall *call_required(void);

/* Checks as for going in, for views: nothing is opened, and only an error in who it is recorded. */
extern void entry_check(EntryKind kind, Caller *caller);

/*
 * While code of others runs, called from inside: it finds no open entry, so that neither functions
 * nor views take it for the caller.  Whoever hides it shows it again on every way out.
 */
extern VaultCall *call_hide(void);
extern void call_show(VaultCall *hidden);

/* Opens the entry, runs body, closes the entry on every way out. */
typedef Datum (*EntryBody)(FunctionCallInfo fcinfo);
extern Datum entry_run(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body);

/*
 * The same for a body that gets or makes values, passwords, keys or tokens: its memory is one that
 * is overwritten at the end, after an error too (see platform/secret_memory.h).  It returns a
 * varlena, which is copied out of it, or by value.
 */
extern Datum entry_run_with_values(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body);

/*
 * The same for a read of values that executes no SQL and therefore needs neither another user
 * nor a search_path.
 */
extern Datum entry_read(FunctionCallInfo fcinfo, EntryBody body);

/*
 * After a wait: what was checked on the way in is checked again, and the caller is who it was.
 * Not where the entry has become another user.
 */
extern void entry_check_again(void);

/* Makes the entry look into another tenant (operators). */
extern void call_enter_tenant(const pg_uuid_t *tenant, const char *name);

extern bool role_is_operator(Oid role);
extern bool role_sees_all_tenants(Oid role); /* operators and auditors */

/*
 * What later features tell the entry: whether the vault may be used (raises if
 * not), and who a role is (fills the caller; never raises for "nobody").
 */
extern void entry_set_seal_check(void (*require_unsealed)(void));
extern void entry_set_identify(void (*identify)(Oid role, Caller *caller));

/*
 * How often somebody may be refused: admit() raises if the caller is to be refused
 * whatever it asks for, denied() is told of each refusal of an identified caller and what
 * it had asked for.
 */
extern void
entry_set_limits(void (*admit)(const Caller *caller), void (*denied)(const VaultCall *call));

/*
 * Who keeps the trail.  begins() comes before anything is checked, passed() after the
 * entry was closed, failed() with the error that is about to be raised: inside an aborted
 * transaction, so without a look at any table.  passed() may raise; true: it has waited.
 */
typedef struct EntryRecorder
{
	void (*begins)(void);
	bool (*passed)(const VaultCall *call);
	void (*failed)(const VaultCall *call, const ErrorData *error);
} EntryRecorder;

/*
 * The grammars of names, patterns and identifiers, for what a call was given: NULL if a text is
 * one.  What is none may be a value in the wrong place, and is neither recorded nor repeated.
 */
typedef const char *(*RequestGrammar)(const char *text, size_t size);
extern void
request_set_grammars(RequestGrammar name, RequestGrammar pattern, RequestGrammar identifier);

extern void entry_set_recorder(const EntryRecorder *recorder);

#endif
