/*
 * token_setting.h
 *		The setting vault.token.
 *
 * A token counts only in the transaction that set it, with SET, SET LOCAL or
 * set_config(): its local transaction id is kept beside it.  One that stays behind in a
 * session, or that came with a connection, is there and is no longer valid.  It is
 * never shown, and accepted from nowhere but a session.
 */
#ifndef VAULT_TOKEN_TOKEN_SETTING_H
#define VAULT_TOKEN_TOKEN_SETTING_H

#include "platform/compat.h"

typedef struct ShownToken
{
	const char *text;
	size_t size;
	uint64 serial;   /* another for every time that a token is set */
	bool is_current; /* the present transaction set it */
} ShownToken;

/* False if there is none. */
extern bool setting_shown_token(ShownToken *token);

/* As SET LOCAL does; the text has the form. */
extern void setting_show_token(const char *text);

extern void token_setting_init(void);

#endif
