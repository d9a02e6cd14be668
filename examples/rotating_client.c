/*
 * rotating_client.c
 *		A client that loses no query while its password is rotated.
 *
 * It has two connections.  By one, as a principal of the vault, it reads the secret and LISTENs; the
 * other one works, with the login that the secret holds.  When a rotation of the secret is
 * announced, or a login is refused, it reads the secret again and logs in anew; the old
 * connection is closed when the new one is there.
 *
 *		cc -I$(pg_config --includedir) -o rotating_client rotating_client.c -lpq
 *		rotating_client "host=/run/postgresql dbname=app user=billing" db/orders 60
 *
 * The secret is {"user": ..., "password": ...}.  At the end it prints what it has done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

static const char *conninfo;
static const char *secret;		/* its name */
static char secret_id[64];
static PGconn *control;
static PGconn *work;
static int	logins;
static int	refused;

static void
fail(const char *what, PGconn *connection)
{
	fprintf(stderr, "%s: %s", what, PQerrorMessage(connection));
	exit(1);
}

/* One row, or the end. */
static PGresult *
ask(PGconn *connection, const char *statement, int count, const char *const *arguments)
{
	PGresult   *result = PQexecParams(connection, statement, count, NULL, arguments, NULL, NULL, 0);

	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
		fail("a query failed", connection);
	return result;
}

static void
open_control(void)
{
	PGresult   *result;

	control = PQconnectdb(conninfo);
	if (PQstatus(control) != CONNECTION_OK)
		fail("could not connect", control);
	PQclear(PQexec(control, "LISTEN vault"));
	result = ask(control, "SELECT id FROM vault.secrets WHERE name = $1", 1, &secret);
	snprintf(secret_id, sizeof(secret_id), "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
}

static PGconn *
log_in(void)
{
	PGresult   *login = ask(control, "SELECT v ->> 'user', v ->> 'password' FROM vault.get_json($1) AS v", 1,
							&secret);
	const char *names[] = {"dbname", "user", "password", NULL};
	const char *values[] = {conninfo, PQgetvalue(login, 0, 0), PQgetvalue(login, 0, 1), NULL};
	PGconn	   *connection = PQconnectdbParams(names, values, 1);

	PQclear(login);
	return connection;
}

/* The new login first, then the old connection goes: there is always one that works. */
static void
take_over(void)
{
	PGconn	   *fresh = log_in();

	for (int i = 0; PQstatus(fresh) != CONNECTION_OK && i < 5; i++)
	{
		refused++;
		PQfinish(fresh);
		fresh = log_in();
	}
	if (PQstatus(fresh) != CONNECTION_OK)
		fail("could not log in", fresh);
	PQfinish(work);
	work = fresh;
	logins++;
}

/* NOTIFY has ids only; what it is about is read. */
static int
was_rotated(void)
{
	PGnotify   *event;
	int			rotated = 0;

	PQconsumeInput(control);
	while ((event = PQnotifies(control)) != NULL)
	{
		rotated |= strstr(event->extra, "\"rotated\"") && strstr(event->extra, secret_id);
		PQfreemem(event);
	}
	return rotated;
}

int
main(int argc, char **argv)
{
	time_t		end;
	int			queries = 0;

	if (argc != 4)
	{
		fprintf(stderr, "usage: rotating_client CONNINFO SECRET SECONDS\n");
		return 2;
	}
	conninfo = argv[1];
	secret = argv[2];
	end = time(NULL) + atoi(argv[3]);
	open_control();
	take_over();
	while (time(NULL) < end)
	{
		if (was_rotated())
			take_over();
		PQclear(ask(work, "SELECT pg_sleep(0.02)", 0, NULL));
		queries++;
	}
	printf("%d queries, %d logins, %d refused\n", queries, logins, refused);
	PQfinish(work);
	PQfinish(control);
	return 0;
}
