/*
 * rotator.h
 *		The actions of a rotator, and its arguments.
 *
 * Called inside a call, in the tenant of the secret, by vault_data.rotator_act(); an error
 * ends the step, which is tried again.  Every action may come twice.  The present memory is
 * overwritten afterwards on every way out: values and passwords may lie in it as they come.
 */
#ifndef VAULT_ROTATION_ROTATOR_H
#define VAULT_ROTATION_ROTATOR_H

#include "platform/compat.h"

#include "utils/jsonb.h"

#include "secret/secret.h"

typedef struct Rotation
{
	SecretName name;
	SecretHead head;
	int version;  /* that is to come, or came; 0: not made yet */
	int previous; /* the one before it; 0: it was destroyed (retire) */
	Jsonb *config;
} Rotation;

typedef struct Rotator
{
	const char *name;

	/* 22023 or 42501 if this configuration cannot be used for the secret. */
	void (*check)(const Rotation *rotation);

	/*
	 * The text of the next version, that of credential_create() as it is stored and others in the
	 * database's encoding; NULL: made up as that of a secret without target.
	 */
	char *(*create)(const Rotation *rotation, size_t *size);

	/* The target takes the version; it may have it already. */
	void (*set)(const Rotation *rotation);

	/* Raises unless the target accepts it. */
	void (*test)(const Rotation *rotation);

	/* After the last attempt: the target has the previous version again. */
	void (*undo)(const Rotation *rotation);

	/* The previous version is needed no longer. */
	void (*retire)(const Rotation *rotation);
} Rotator;

extern const Rotator generate_rotator;
extern const Rotator external_rotator;
extern const Rotator postgres_role_rotator;
extern const Rotator postgres_remote_rotator;
extern const Rotator function_rotator;

/* ---- configurations ---- */

/* 22023 if there is a member that is none of these; the list ends with NULL. */
extern void config_require_only(const Rotation *rotation, const char *const *names);

/* NULL if there is none; 22023 unless it is a text of reasonable size. */
extern char *config_text(const Rotation *rotation, const char *name);

/*
 * "user": one, or "users": two, which take turns.  Returns how many; 22023 unless there is one of the
 * two members and it is well formed.
 */
extern int config_users(const Rotation *rotation, char *users[2]);

/* ---- values ---- */

/* A login that a value holds: {"user": …, "password": …}, or a password alone. */
typedef struct Credential
{
	char *user;     /* NULL: the value is a password alone */
	char *password; /* in UTF-8 */
} Credential;

/* VT013 if the value has no password, or no user where it has to. */
extern void
credential_of(const Rotation *rotation, int version, bool needs_user, Credential *credential);

/* The user of a version: that of the value, or the only one there is. */
extern char *credential_user(const Credential *credential, char *users[2], int count);

/* The value before with another password, and the other user where two take turns. */
extern char *credential_create(const Rotation *rotation, size_t *size);

/* 22023 unless a value that is given names, of two users, the one that is not in use. */
extern void credential_require_turn(const Rotation *rotation, const void *value, size_t size);

/* Check the configuration and the value together. */
extern void credential_check(const Rotation *rotation);

#endif
