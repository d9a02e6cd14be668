/*
 * notify.h
 *		Telling others what happened: a row of the outbox and its ids by NOTIFY, both
 *		with the present transaction.
 */
#ifndef VAULT_NOTIFY_NOTIFY_H
#define VAULT_NOTIFY_NOTIFY_H

#include "platform/compat.h"

#include "utils/uuid.h"

/*
 * Of the call's tenant.  secret: NULL if it is about none.  payload: a JSON object
 * without values, or NULL.  For what is rare: NOTIFY takes a lock of the whole
 * server at commit.
 */
extern void notify_announce(const char *kind, const char *severity, const pg_uuid_t *secret,
							const char *payload);

#endif
