/*
 * postgres_remote.c
 *		Rotates the password of a role of another PostgreSQL server.
 *
 * The role logs in with the password it has and changes it; a SCRAM verifier that is computed here
 * is sent. An operator decides where the vault connects to (vault.rotation_hosts). Connections
 * always use TLS, with verification, and channel binding, so that a server cannot learn a password
 * by asking for it. A step first tries the new password: after a crash between setting and
 * promoting, the server has it already.
 *
 * With two users, each logs in with the newest version that it has. The other user is not changed.
 */
#include "platform/compat.h"

#include <libpq-fe.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "origin/origin.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/settings.h"
#include "platform/sql.h"
#include "rotation/rotator.h"

/* The answer to a change of a password has a few dozen bytes. */
#define MAX_READS 1000

typedef struct PostgresRemoteTarget
{
	char *host;
	char *port;
	char *database;
	char *users[2];
	int count;
} PostgresRemoteTarget;

/* Return true if exactly this host:port is in the operator's list. */
static bool
is_allowed(const char *wanted)
{
	const char *list = setting_rotation_hosts;
	size_t size = strlen(wanted);

	while (*list)
	{
		size_t length = strcspn(list, ", ");

		if (length == size && pg_strncasecmp(list, wanted, size) == 0)
			return true;
		list += length;
		list += strspn(list, ", ");
	}
	return false;
}

static void
postgres_remote_target_of(const Rotation *rotation, PostgresRemoteTarget *target)
{
	static const char *const members[] = {"user", "users", "host", "port", "dbname", NULL};
	char *address;

	config_require_only(rotation, members);
	target->count = config_users(rotation, target->users);
	target->host = config_text(rotation, "host");
	target->port = config_text(rotation, "port");
	target->database = config_text(rotation, "dbname");
	if (target->host == NULL || target->database == NULL)
		error_bad_argument(
			"config", "must name \"host\" and \"dbname\"",
			"Give {\"host\": \"db.example\", \"port\": \"5432\", \"dbname\": \"app\", \"user\": "
			"\"app\"}.");
	if (target->port == NULL)
		target->port = "5432";
	address = psprintf("%s:%s", target->host, target->port);
	if (!is_allowed(address))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("rotation on this server is not allowed"),
				 errhint("An operator adds its host:port to vault.rotation_hosts.")));
}

/* ---- a connection that does not block, and ends with the step ---- */

static void
refuse_time(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE), errmsg("the server did not answer in time"),
			 errhint("See vault.rotation_timeout.")));
}

static void
wait_for(PGconn *connection, int events, TimestampTz deadline)
{
	long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
	int happened;

	if (left <= 0)
		refuse_time();
	happened = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | events,
								 PQsocket(connection), left, PG_WAIT_EXTENSION);
	if (happened & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static TimestampTz
deadline_from_now(void)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), setting_rotation_timeout);
}

/* Drop the other server's notices: their text is foreign, and must not reach this log. */
static void
drop_notice(void *argument, const PGresult *notice)
{
}

/*
 * Return true if the login itself is refused (class 28). Other errors are temporary: a server that
 * has too many connections or shuts down may report that after the password was sent. libpq has the
 * SQLSTATE of a connection that failed only in its message.
 */
static bool
is_login_refused(const PGconn *connection)
{
	const char *message = PQerrorMessage(connection);
	size_t size = strlen(message);

	while (size > 0 && isspace((unsigned char) message[size - 1]))
		size--;
	return PQconnectionNeedsPassword(connection) ||
		(size > 7 && strncmp(message + size - 7, "  28", 4) == 0);
}

/*
 * Return true once logged in, and false if the login is refused. Raises if the server cannot be
 * reached.
 */
static bool
await_login(PGconn *connection)
{
	TimestampTz deadline = deadline_from_now();
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED)
	{
		wait_for(connection,
				 state == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE,
				 deadline);
		state = PQconnectPoll(connection);
	}
	if (state == PGRES_POLLING_OK)
		return true;
	if (is_login_refused(connection))
		return false;
	ereport(ERROR,
			(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
			 errmsg("could not connect to the server"),
			 errhint("It must use TLS with a certificate for its name, "
					 "see vault.rotation_root_certificates, and SCRAM.")));
}

/*
 * Ignore the server's environment. An empty option counts only in a connection string, which is the
 * first dbname.
 */
#define NO_ENVIRONMENT "hostaddr='' options='' requirepeer=''"

/* Ignore its home directory too: no file can have this name. */
#define NO_FILE "/dev/null/none"

static PGconn *
postgres_remote_start(const PostgresRemoteTarget *target, const char *user, const char *password)
{
	const char *const names[] = {"dbname",
								 "host",
								 "port",
								 "dbname",
								 "user",
								 "password",
								 "sslmode",
								 "sslrootcert",
								 "sslcert",
								 "sslkey",
								 "ssl_min_protocol_version",
								 "gssencmode",
								 "target_session_attrs",
								 "channel_binding",
								 "passfile",
								 "application_name",
								 "client_encoding",
								 NULL};
	const char *const values[] = {NO_ENVIRONMENT,
								  target->host,
								  target->port,
								  target->database,
								  user,
								  password,
								  "verify-full",
								  setting_rotation_root_certificates,
								  NO_FILE,
								  NO_FILE,
								  "TLSv1.2",
								  "disable",
								  "any",
								  "require",
								  "/dev/null",
								  "vault",
								  GetDatabaseEncodingName(),
								  NULL};
	PGconn *connection = PQconnectStartParams(names, values, 1);

	if (connection)
	{
		(void) PQsetNoticeReceiver(connection, drop_notice, NULL);
		(void) PQsetErrorVerbosity(connection, PQERRORS_SQLSTATE);
	}
	return connection;
}

/* Execute a statement without a result. */
static void
postgres_remote_execute(PGconn *connection, const char *statement)
{
	TimestampTz deadline = deadline_from_now();
	bool done = PQsendQuery(connection, statement) == 1;
	int reads = 0;
	PGresult *result;

	/* Rows would arrive one by one, and the first is one too many. */
	done = done && PQsetSingleRowMode(connection) == 1;
	while (done && PQisBusy(connection))
	{
		wait_for(connection, WL_SOCKET_READABLE, deadline);
		done = PQconsumeInput(connection) == 1 && ++reads < MAX_READS;
	}
	result = done ? PQgetResult(connection) : NULL;
	done = PQresultStatus(result) == PGRES_COMMAND_OK;
	PQclear(result);
	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("the server refused the change of the password"),
				 errhint("The role changes its own password: see the server's log.")));
}

static void
change_password(PGconn *connection, const char *user, const char *password)
{
	char *verifier = PQencryptPasswordConn(connection, password, user, "scram-sha-256");
	char *statement;

	if (verifier == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not compute a verifier")));
	/* The verifier has only base64 and "$:". */
	statement = psprintf("ALTER ROLE CURRENT_USER PASSWORD '%s'", verifier);
	PQfreemem(verifier);
	postgres_remote_execute(connection, statement);
}

/* Log in, and change the password if a new one is given. Returns false if the login was refused. */
static bool
log_in(const PostgresRemoteTarget *target, const char *user, const char *password,
	   const char *new_password)
{
	PGconn *volatile connection = NULL;
	volatile bool accepted = false;

	origin_require();
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("too many files are open"),
				 errhint("Raise max_files_per_process.")));
	secret_frees_begin(); /* libpq keeps copies of passwords */
	PG_TRY();
	{
		connection = postgres_remote_start(target, user, password);
		if (connection == NULL || PQstatus(connection) == CONNECTION_BAD)
			ereport(ERROR,
					(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
					 errmsg("could not connect to the server")));
		accepted = await_login(connection);
		if (accepted && new_password)
			change_password(connection, user, new_password);
	}
	PG_FINALLY();
	{
		PQfinish(connection);
		secret_frees_end();
		ReleaseExternalFD();
	}
	PG_END_TRY();
	return accepted;
}

/* ---- the rotator ---- */

/* Return the versions before this one, newest first. */
static int
versions_before(const Rotation *rotation, int **versions)
{
	static Sql list = {"SELECT v.version FROM vault_data.secret_version v WHERE v.tenant_id = $1"
					   " AND v.secret_id = $2"
					   " AND v.version <> $3 AND v.destroyed_at IS NULL"
					   " ORDER BY v.version = $4 DESC, v.version DESC LIMIT 100",
					   4,
					   {UUIDOID, UUIDOID, INT4OID, INT4OID}};
	Datum values[4] = {UUIDPGetDatum(&rotation->head.tenant), UUIDPGetDatum(&rotation->head.id),
					   Int32GetDatum(rotation->version), Int32GetDatum(rotation->previous)};
	MemoryContext memory = CurrentMemoryContext;
	int count;

	sql_begin();
	count = (int) sql_run(&list, values, NULL);
	*versions = MemoryContextAlloc(memory, Max(count, 1) * sizeof(int));
	for (int i = 0; i < count; i++)
		(*versions)[i] = DatumGetInt32(sql_value(i, 1, NULL));
	sql_end();
	return count;
}

/*
 * Change the password with the newest one with which the user can log in. Returns false if there is
 * none.
 */
static bool
set_with_older(const Rotation *rotation, const PostgresRemoteTarget *target, char *user,
			   const char *password)
{
	int *versions;
	int count = versions_before(rotation, &versions);
	int tried = 0;

	for (int i = 0; i < count && tried < 3; i++)
	{
		Credential older;
		bool done;

		credential_of(rotation, versions[i], target->count == 2, &older);
		if (older.user && strcmp(older.user, user) != 0)
			continue;
		tried++;
		done = log_in(target, user, older.password, password);
		if (done)
			return true;
	}
	return false;
}

static void
set_version(const Rotation *rotation)
{
	PostgresRemoteTarget target;
	Credential credential;
	char *user;

	postgres_remote_target_of(rotation, &target);
	credential_of(rotation, rotation->version, target.count == 2, &credential);
	user = credential_user(&credential, target.users, target.count);
	if (!log_in(&target, user, credential.password, NULL) &&
		!set_with_older(rotation, &target, user, credential.password))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PASSWORD),
				 errmsg("the server accepts no password that the vault has for the user"),
				 errhint("Put a version with the user's password, then rotate again.")));
}

static void
postgres_remote_test(const Rotation *rotation)
{
	PostgresRemoteTarget target;
	Credential credential;

	postgres_remote_target_of(rotation, &target);
	credential_of(rotation, rotation->version, target.count == 2, &credential);
	if (!log_in(&target, credential_user(&credential, target.users, target.count),
				credential.password, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PASSWORD),
				 errmsg("the server does not accept the new password"),
				 errhint("See the server's log.")));
}

/* Give a single user its password back. With two users, the one in use was not changed. */
static void
postgres_remote_undo(const Rotation *rotation)
{
	PostgresRemoteTarget target;
	Credential before;
	Credential failed;

	postgres_remote_target_of(rotation, &target);
	if (target.count == 2)
		return;
	credential_of(rotation, rotation->previous, false, &before);
	credential_of(rotation, rotation->version, false, &failed);
	if (!log_in(&target, target.users[0], before.password, NULL))
		(void) log_in(&target, target.users[0], failed.password, before.password);
}

static void
postgres_remote_check(const Rotation *rotation)
{
	PostgresRemoteTarget target;

	postgres_remote_target_of(rotation, &target);
	credential_check(rotation);
}

const Rotator postgres_remote_rotator = {.name = "postgres_remote",
										 .has_target = true,
										 .acts_outside = true,
										 .has_users = true,
										 .is_other_server = true,
										 .sets_own_password = true,
										 .check = postgres_remote_check,
										 .create = credential_create,
										 .set = set_version,
										 .test = postgres_remote_test,
										 .undo = postgres_remote_undo};
