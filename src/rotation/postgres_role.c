/*
 * postgres_role.c
 *		Rotates the password of a role of this server, in the transaction that promotes the version.
 *		So both changes commit, or neither.
 *
 * The password becomes a SCRAM verifier here, and the server's own AlterRole() gets that in a parse
 * node, so no statement contains a password. vault_data.require_rotatable checks every time whether
 * the tenant may have the role changed. For that one change the current user is the bootstrap
 * superuser.
 *
 * With two users, the one that is not in use is changed. The other user stays valid until it is
 * retired, and then has no password.
 */
#include "platform/as_role.h"
#include "platform/compat.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/user.h"
#include "libpq/crypt.h"
#include "libpq/scram.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "platform/errors.h"
#include "platform/sql.h"
#include "rotation/rotator.h"

/*
 * Raise 42501 unless an operator allowed it, the role still fulfils the conditions, and can log in
 * if it must.
 */
static void
require_rotatable(const char *role, bool logs_in)
{
	static Sql check = {"SELECT vault_data.require_rotatable($1, $2)", 2, {TEXTOID, BOOLOID}};
	Datum values[2] = {CStringGetTextDatum(role), BoolGetDatum(logs_in)};

	sql_begin();
	(void) sql_run(&check, values, NULL);
	sql_end();
}

static void
refuse_test(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PASSWORD),
			 errmsg("the role cannot log in with its new password"),
			 errhint("Look at VALID UNTIL of the role.")));
}

/*
 * Replace the error of a concurrent change. Roles are not locked, so the catalog raises it in the
 * second session.
 */
static void
refuse_concurrent(void)
{
	MemoryContext old;
	ErrorData *error;

	if (geterrcode() != ERRCODE_INTERNAL_ERROR)
		return;
	old = MemoryContextSwitchTo(CurTransactionContext);
	error = CopyErrorData();
	MemoryContextSwitchTo(old);
	if (strncmp(error->message, "tuple concurrently ", 19) != 0)
		return;
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the role was changed concurrently"), errhint("Try again.")));
}

/* Set the password; verifier NULL removes it. */
static void
alter_password(char *role, char *verifier)
{
	AlterRoleStmt *statement = makeNode(AlterRoleStmt);
	RoleSpec *spec = makeNode(RoleSpec);
	Node *password = verifier ? (Node *) makeString(verifier) : NULL;
	AsRole before;

	spec->roletype = ROLESPEC_CSTRING;
	spec->rolename = role;
	spec->location = -1;
	statement->role = spec;
	statement->action = +1;
	statement->options = list_make1(makeDefElem("password", password, -1));
	as_role_begin(&before, BOOTSTRAP_SUPERUSERID, 0);
	PG_TRY();
	{
		(void) AlterRole(NULL, statement);
	}
	PG_CATCH();
	{
		refuse_concurrent();
		PG_RE_THROW();
	}
	PG_END_TRY();
	as_role_end(&before);
	CommandCounterIncrement();
}

/* Check a password as the server does at a login. */
static void
test_password(const char *role, const char *password)
{
	const char *detail = NULL;
	char *stored = get_role_password(role, &detail);

	if (stored == NULL || plain_crypt_verify(role, stored, password, &detail) != STATUS_OK)
		refuse_test();
}

static void
set_password(char *role, const char *password)
{
	require_rotatable(role, true);
	alter_password(role, pg_be_scram_build_secret(password));
	test_password(role, password);
}

static void
postgres_role_check(const Rotation *rotation)
{
	static const char *const members[] = {"user", "users", NULL};
	char *users[2];
	int count;

	config_require_only(rotation, members);
	count = config_users(rotation, users);
	for (int i = 0; i < count; i++)
		require_rotatable(users[i], true);
	credential_check(rotation);
}

static void
postgres_role_set(const Rotation *rotation)
{
	char *users[2];
	int count = config_users(rotation, users);
	Credential credential;

	credential_of(rotation, rotation->version, count == 2, &credential);
	set_password(credential_user(&credential, users, count), credential.password);
}

/* Return the user, of two, whose login the version is. */
static char *
postgres_role_user_of(const Rotation *rotation, int version, char *users[2])
{
	Credential credential;
	char *user;

	credential_of(rotation, version, true, &credential);
	user = credential_user(&credential, users, 2);
	return user;
}

/*
 * Retire the user that is not in use any more. If its version was destroyed, it is the user that
 * the current version does not have.
 */
static void
postgres_role_retire(const Rotation *rotation)
{
	char *users[2];
	char *present;
	char *before;

	if (config_users(rotation, users) != 2)
		return;
	present = postgres_role_user_of(rotation, rotation->version, users);
	before = rotation->previous ? postgres_role_user_of(rotation, rotation->previous, users)
								: users[present == users[0] ? 1 : 0];
	if (before != present)
	{
		require_rotatable(before, false);
		alter_password(before, NULL);
	}
}

const Rotator postgres_role_rotator = {.name = "postgres_role",
									   .has_target = true,
									   .has_users = true,
									   .check = postgres_role_check,
									   .create = credential_create,
									   .set = postgres_role_set,
									   .retire = postgres_role_retire};
