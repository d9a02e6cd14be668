/*
 * token.h
 *		Identification of callers that show a token; see token.c.
 */
#ifndef VAULT_TOKEN_TOKEN_H
#define VAULT_TOKEN_TOKEN_H

#include "platform/compat.h"

#include "context/call.h"

/*
 * Fill the caller's identity by the token that its session shows.  Returns false, and changes
 * nothing, if there is none: the role decides then.  VT014 if the token is refused; the caller has
 * the reason, for the audit trail, and the subject and tenant as far as they are verified.
 */
extern bool token_identify(Caller *caller);

/*
 * Take the token of vault.login() as SET LOCAL vault.token does; NULL and malformed text are
 * refused when the entry identifies the caller.  token_login_end() follows on every way out.
 */
extern void token_login_begin(const char *token);
extern void token_login_end(void);

/* Describe the caller's token in the reason of a call of vault.login(); VT014 without a token. */
extern void token_describe_login(VaultCall *call);

/*
 * Let a role show tokens for the call's tenant, if the caller may say so.  A row of which only oid
 * or name still fits is removed.
 */
extern void token_bind_role(const VaultCall *call, const char *name);

extern void token_init(void);

#endif
