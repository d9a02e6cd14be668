/*
 * rotator.h
 *		A rotator: its facts, its six actions, and their arguments.
 *
 * The state machine (rotation.run.functions.sql) performs one step a transaction. It asks for
 * facts with vault_data.rotator_flag(), and calls one action with vault_data.rotator_act():
 *
 *	action	called by				when
 *	check	set_rotation()			the schedule is made or changed
 *	create	the step "create"		a run begins; or complete_rotation(), if it waits for a value
 *	set		the step "set"			the target is outside; the version is committed
 *			the step "promote"		the target is inside; the head changes in the same transaction
 *			rollback()				an earlier version becomes current again
 *	test	the step "test"			the target is outside; after "set"
 *	undo	a run that ends early	the target is outside and may have the new version
 *	retire	the step "retire"		the overlap is over
 *
 * An action is called inside a call, in the tenant of the secret. Its memory is overwritten
 * afterwards on every way out, so values and passwords may be in it. An error in an action ends the
 * step, and the job tries the step again. So every action may be called twice.
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
	int version;  /* version of this run; 0 if it is not made yet */
	int previous; /* version before it; 0 if it was destroyed (retire) */
	Jsonb *config;
} Rotation;

/*
 * Facts, which SQL asks for by these names.
 *
 * has_target: it changes more than the secret: the login of a role, another server, or what a
 * function reaches. An administrator sets it. A caller that gives a value needs "write".
 *
 * acts_outside: that target is not part of this transaction. The run has the steps "set" and
 * "test", the steps may be slow, and a copy of the vault that is held does not perform them.
 *
 * waits_for_value: complete_rotation() gives the value, which is never made here.
 *
 * gets_values: it is given the values, so set_rotation() asks for "read".
 *
 * has_users: config names a "user", or "users" that take turns; a value is a login or a password;
 * a tenant has a user of a server in one schedule only. create is credential_create().
 *
 * is_other_server: the target is another server, so rollback() refuses a transaction block.
 *
 * sets_own_password: a user changes its own password. So one of "users" whose password leaked is
 * changed in a run of its own, which follows at once.
 */
#define ROTATOR_FLAGS(FLAG) \
	FLAG(has_target)        \
	FLAG(acts_outside)      \
	FLAG(waits_for_value)   \
	FLAG(gets_values)       \
	FLAG(has_users)         \
	FLAG(is_other_server)   \
	FLAG(sets_own_password)

typedef struct Rotator
{
	const char *name;

#define ROTATOR_FLAG(name) bool name;
	ROTATOR_FLAGS(ROTATOR_FLAG)
#undef ROTATOR_FLAG

	/* An action may be NULL; then nothing is done, except as said. */

	/*
	 * Raise 22023 or 42501 if this configuration cannot be used for the secret. NULL: there is
	 * none, and 22023 is raised if one is given.
	 */
	void (*check)(const Rotation *rotation);

	/*
	 * Return the text of the next version, in the present memory: in the database's encoding, or
	 * as it is stored if has_users. NULL, also as the result: the type generates it. Not called if
	 * the caller gave a value.
	 */
	char *(*create)(const Rotation *rotation, size_t *size);

	/* Give the version to the target, which may have it already. */
	void (*set)(const Rotation *rotation);

	/* Raise an error unless the target accepts the version. */
	void (*test)(const Rotation *rotation);

	/* Give the previous version back to the target. An error is kept with the run. */
	void (*undo)(const Rotation *rotation);

	/* Take the previous version from the target. */
	void (*retire)(const Rotation *rotation);
} Rotator;

#define ROTATOR(name) extern const Rotator name##_rotator;
#include "rotation/rotatorlist.h"
#undef ROTATOR

/* Return the rotator of this name; NULL if there is none. */
extern const Rotator *rotator_find(const char *name);

/* The same; 22023 with a list of the rotators if there is none. */
extern const Rotator *rotator_require(const char *name);

/* ---- configurations ---- */

/* Raise 22023 if the configuration has a member other than these. The list ends with NULL. */
extern void config_require_only(const Rotation *rotation, const char *const *names);

/* Return a member, or NULL if there is none. 22023 unless it is a text of reasonable size. */
extern char *config_text(const Rotation *rotation, const char *name);

/*
 * Get "user", one, or "users", two, which take turns. Returns their number. 22023 unless the
 * configuration has exactly one of the two members and it is well formed.
 */
extern int config_users(const Rotation *rotation, char *users[2]);

/* ---- values ---- */

/* A login in a value: {"user": …, "password": …}, or a password alone. */
typedef struct Credential
{
	char *user;     /* NULL if the value is a password alone */
	char *password; /* in UTF-8 */
} Credential;

/* Raise 22023 if values of the secret's type are neither passwords nor logins. */
extern void credential_require_type(const Rotation *rotation);

/* Open a version. VT013 if the value has no password, or lacks a required user. */
extern void
credential_of(const Rotation *rotation, int version, bool needs_user, Credential *credential);

/* Return the user of a version: that of the value, or the only one of the configuration. */
extern char *credential_user(const Credential *credential, char *users[2], int count);

/* Return the previous value with a new password and, where two users take turns, the other user. */
extern char *credential_create(const Rotation *rotation, size_t *size);

/* Raise 22023 unless a given value names the one of two users that is not in use. */
extern void credential_require_turn(const Rotation *rotation, const void *value, size_t size);

/* Check the configuration and the value together. */
extern void credential_check(const Rotation *rotation);

#endif
