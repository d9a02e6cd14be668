/*
 * outbox.h
 *		Telling others what happened: a row of the outbox and its ids by NOTIFY, both
 *		with the present transaction.
 */
#ifndef VAULT_OUTBOX_OUTBOX_H
#define VAULT_OUTBOX_OUTBOX_H

#include "platform/compat.h"

/*
 * Announce something about the call's tenant.  payload: a JSON object without values, or NULL.  For
 * what is rare: NOTIFY takes a lock of the whole server at commit.
 */
extern void outbox_announce(const char *kind, const char *severity, const char *payload);

#endif
