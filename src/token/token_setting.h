/*
 * token_setting.h
 *		The setting vault.token.
 *
 * A token counts only in the transaction that set it, with SET, SET LOCAL or set_config(): it is
 * kept in memory of that transaction, which is overwritten at its end.  The value of the setting is
 * asterisks.  What stays behind in a session, or came with a connection, is set and no longer
 * valid.  Only a session can set it.
 */
#ifndef VAULT_TOKEN_TOKEN_SETTING_H
#define VAULT_TOKEN_TOKEN_SETTING_H

#include "platform/compat.h"

typedef struct ShownToken
{
	const char *text; /* NULL unless is_current */
	size_t size;
	uint64 serial;   /* a new number each time that a token is set */
	bool is_current; /* this transaction has set it */
} ShownToken;

/* Get the token; false if none is set. */
extern bool setting_shown_token(ShownToken *token);

/* Set the token as SET LOCAL does; the text has the form of a token. */
extern void setting_show_token(const char *text);

extern void token_setting_init(void);

#endif
