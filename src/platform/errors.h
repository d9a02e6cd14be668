/*
 * errors.h
 *		SQLSTATEs of class VT, and the errors that several features raise.
 *
 * A message is in lower case without a full stop, and a hint names the remedy. Neither contains a
 * value, a key, a token or text of a statement.
 */
#ifndef VAULT_PLATFORM_ERRORS_H
#define VAULT_PLATFORM_ERRORS_H

#include "platform/compat.h"

#define ERRCODE_VAULT_SEALED            MAKE_SQLSTATE('V', 'T', '0', '0', '1')
#define ERRCODE_VAULT_NOT_INITIALISED   MAKE_SQLSTATE('V', 'T', '0', '0', '2')
#define ERRCODE_VAULT_WRONG_KEY         MAKE_SQLSTATE('V', 'T', '0', '0', '3')
#define ERRCODE_VAULT_TAMPERED          MAKE_SQLSTATE('V', 'T', '0', '0', '4')
#define ERRCODE_VAULT_NO_SECRET         MAKE_SQLSTATE('V', 'T', '0', '0', '5')
#define ERRCODE_VAULT_EXPIRED           MAKE_SQLSTATE('V', 'T', '0', '0', '6')
#define ERRCODE_VAULT_DEACTIVATED       MAKE_SQLSTATE('V', 'T', '0', '0', '7')
#define ERRCODE_VAULT_DELETED           MAKE_SQLSTATE('V', 'T', '0', '0', '8')
#define ERRCODE_VAULT_DESTROYED         MAKE_SQLSTATE('V', 'T', '0', '0', '9')
#define ERRCODE_VAULT_NO_TENANT         MAKE_SQLSTATE('V', 'T', '0', '1', '0')
#define ERRCODE_VAULT_AUDIT_UNAVAILABLE MAKE_SQLSTATE('V', 'T', '0', '1', '1')
#define ERRCODE_VAULT_WRONG_FORM        MAKE_SQLSTATE('V', 'T', '0', '1', '3')
#define ERRCODE_VAULT_TOKEN_REFUSED     MAKE_SQLSTATE('V', 'T', '0', '1', '4')
#define ERRCODE_VAULT_HELD              MAKE_SQLSTATE('V', 'T', '0', '1', '5')

/* Raise 22023 for a malformed argument, with the argument and its fault. */
VAULT_NORETURN extern void
error_bad_argument(const char *argument, const char *fault, const char *hint);

/*
 * Raise 25001 in an isolation level with an old snapshot, under which checks would pass although
 * they no longer hold.  The message begins with what cannot be done.
 */
extern void error_if_old_snapshot(const char *what);

/*
 * Return true if the vault raised the error that is being caught, in C or in SQL, so that it has no
 * text of the server's. Called inside a call. Copies the error into the current memory context.
 */
extern bool error_is_ours(void);

/* Raise unless the module is in shared_preload_libraries, and this is the vault's database. */
extern void require_running_vault(void);

/*
 * Return true while a dump is restored: only the scripts of pg_dump, and pg_restore, begin with
 * this pair of settings.
 */
extern bool is_restoring_dump(void);

/* Return true if this session is connected to vault.database. Inside a transaction. */
extern bool in_vault_database(void);

#endif
