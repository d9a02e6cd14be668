/*
 * call.h
 *		The call of a public function that is running: its data, and access to it.
 *
 * The entry (entry/entry.h) fills a VaultCall, makes it the current one before the body runs, and
 * removes it on every way out.  The struct is the entry's local variable: a pointer to it is valid
 * until the body returns.  Calls nest; each backend has its own stack of them.  There is no lock:
 * only the backend that runs a call sees it.
 */
#ifndef VAULT_CONTEXT_CALL_H
#define VAULT_CONTEXT_CALL_H

#include "platform/as_role.h"
#include "platform/compat.h"

#include "fmgr.h"
#include "utils/uuid.h"

/*
 * Requirements of a public function, which the entry checks. ENTRY_ANYONE and ENTRY_VIEW need no
 * identity.
 */
typedef enum EntryKind
{
	ENTRY_ANYONE,            /* any role, also while sealed and on a standby */
	ENTRY_VIEW,              /* any role, while unsealed and on the primary */
	ENTRY_KEY_HOLDER,        /* operators, also while sealed */
	ENTRY_OPERATOR,          /* members of vault_admin, superusers */
	ENTRY_CLIENT,            /* an identified principal of an active tenant */
	ENTRY_CLIENT_OR_OPERATOR /* an identified principal, or else an operator */
} EntryKind;

#define CALLER_TOKEN_ROLES 32

/* The role that called, and the principal that it stands for. */
typedef struct Caller
{
	Oid role;
	bool is_operator;
	bool is_identified;
	bool is_suspended; /* the tenant is suspended; the caller is identified all the same */
	int candidates;    /* number of tenants that the role is bound in */
	pg_uuid_t tenant;
	pg_uuid_t principal;
	char tenant_name[64];
	char principal_name[64];

	/*
	 * From a verified token; empty without one.  Groups of the token's issuer give the roles, for
	 * as long as the token counts.  The names of the roles are for the audit trail.
	 */
	char subject[513];
	char issuer[64];
	int token_role_count;
	pg_uuid_t token_roles[CALLER_TOKEN_ROLES];
	char token_role_names[256];
	char claimed_address[64];
	const char *token_fault; /* reason of a refusal, for the audit trail only; a literal */
} Caller;

#define CALL_NAME_BYTES 256

typedef struct VaultCall
{
	EntryKind kind;
	char operation[NAMEDATALEN]; /* name of the public function */
	Caller caller;

	bool has_tenant; /* the tenant of the caller, or the one that an operator entered */
	pg_uuid_t tenant;
	char tenant_name[64];

	/* For the audit trail: the requested secret, the deciding grant, the outcome. */
	char requested_name[CALL_NAME_BYTES];
	char requested_environment[64];
	bool has_grant;
	pg_uuid_t grant;
	char reason[256];
	int version;           /* 0 means the current version */
	int records;           /* number of audit records that this call has made so far */
	bool policy_announced; /* this call has announced a change of policy */

	FunctionCallInfo fcinfo; /* NULL for a view */
	bool by_value;           /* the result type is passed by value */
	uint32 text_arguments;   /* bit i is set if argument i is a text */
	uint32 array_arguments;  /* bit i is set if argument i is an array of texts */
	/* the error repeated an argument, which was replaced in its copy */
	bool hides;
	void *work; /* data of put and rotate; see secret/write.c */

	AsRole outside; /* not begun if the entry changed neither role nor settings */
	struct VaultCall *outer;
} VaultCall;

/* Return the innermost call, or NULL outside of one. */
extern VaultCall *call_current(void);

/* Return the innermost call; raise 42501 outside of one.  For helpers that only vault may call. */
extern VaultCall *call_required(void);

/*
 * Make a call the innermost one, and remove it again.  call_pop() returns false, and changes
 * nothing, if the call is not the innermost one.  For the entry only.
 */
extern void call_push(VaultCall *call);
extern bool call_pop(VaultCall *call);

/*
 * Hide the innermost call while foreign code runs inside of it. Neither functions nor views of
 * vault then take that code for the caller. call_hide() returns the hidden call, and the same
 * function passes it to call_show() on every way out.
 */
extern VaultCall *call_hide(void);
extern void call_show(VaultCall *hidden);

/*
 * Make the innermost call look into another tenant, and return to that of a copy of the call.  The
 * caller has checked that it may.
 */
extern void call_enter_tenant(const pg_uuid_t *tenant, const char *name);
extern void call_return_tenant(const VaultCall *before);

#endif
