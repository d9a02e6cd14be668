/*
 * policy_arguments.c
 *		Check the arguments of functions; policy_arguments.h has the contract.
 */
#include "policy/policy_arguments.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "platform/errors.h"
#include "platform/settings.h"
#include "policy/environment.h"
#include "policy/grants.h"
#include "policy/name.h"

void
secret_name_from(const text *name, const text *environment, SecretName *secret)
{
	const char *fault;

	secret->name = VARDATA_ANY(name);
	secret->name_size = VARSIZE_ANY_EXHDR(name);
	secret->environment = environment ? VARDATA_ANY(environment) : default_environment();
	secret->environment_size =
		environment ? VARSIZE_ANY_EXHDR(environment) : strlen(default_environment());
	if ((fault = name_fault(secret->name, secret->name_size)) != NULL)
		error_bad_argument(
			"name", fault,
			"A name is segments of letters, digits and \"._-\" with \"/\" between them, "
			"at most 255 bytes.");
	environment_require_form("environment", secret->environment, secret->environment_size);
}

void
policy_check_identifier(const char *what, const text *given)
{
	const char *fault;

	if (given == NULL)
		error_bad_argument(what, "must not be null", NULL);
	if (strncmp(what, "environment", 11) == 0)
		environment_require_form(what, VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	fault = identifier_fault(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	if (fault)
		error_bad_argument(what, fault, "Use letters, digits and \"._-\", at most 63 bytes.");
}

void
policy_check_name(const text *given)
{
	SecretName secret;

	if (given == NULL)
		error_bad_argument("name", "must not be null", NULL);
	secret_name_from(given, NULL, &secret);
}

void
policy_check_pattern(const text *given)
{
	const char *fault;

	if (given == NULL)
		error_bad_argument("name pattern", "must not be null", NULL);
	fault = pattern_fault(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	if (fault)
		error_bad_argument(
			"name pattern", fault,
			"A pattern is a name with \"*\" within segments and \"**\" for whole ones.");
}

#define PERMISSION_IN_LIST(name, text) text ", "

void
policy_check_permissions(ArrayType *given)
{
	int count;
	char **names;

	if (given == NULL)
		error_bad_argument("permissions", "must not be null", NULL);
	names = text_array(PointerGetDatum(given), &count);
	if (count == 0 || count > 16)
		error_bad_argument("permissions", "must be 1 to 16 permissions", NULL);
	for (int i = 0; i < count; i++)
		if (permission_by_name(names[i]) == 0)
			error_bad_argument("permissions", "a permission does not exist",
							   "Permissions are " EACH_PERMISSION(
								   PERMISSION_IN_LIST) "and no others.");
}

/* Get a list of texts that is not empty, not too long, and has no null element. */
static char **
policy_check_list(ArrayType *given, const char *what, int max, int *count)
{
	char **texts;

	if (ARR_NDIM(given) != 1 || array_contains_nulls(given))
		error_bad_argument(what, "must not be empty or have null elements",
						   "Give NULL for no condition.");
	texts = text_array(PointerGetDatum(given), count);
	if (*count > max)
		error_bad_argument(what, "the list is too long", NULL);
	return texts;
}

/* Add the number of the element to the fault if there are several elements. */
static const char *
of_element(int number, int count, const char *fault)
{
	return count == 1 ? fault : psprintf("element %d: %s", number + 1, fault);
}

static Datum
text_list(const Datum *texts, int count)
{
	return PointerGetDatum(
		construct_array((Datum *) texts, count, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
policy_check_addresses(ArrayType *given)
{
	int count;
	char **texts = policy_check_list(given, "addresses", MAX_ADDRESSES, &count);
	Datum checked[MAX_ADDRESSES];

	for (int i = 0; i < count; i++)
	{
		NetBlock block;
		char text[NET_TEXT_BYTES];
		const char *fault = net_block_parse(texts[i], strlen(texts[i]), &block);

		if (fault)
			error_bad_argument("addresses", of_element(i, count, fault),
							   "Give blocks such as 10.1.0.0/16 or 2001:db8::/32.");
		net_block_format(&block, text);
		checked[i] = CStringGetTextDatum(text);
	}
	return text_list(checked, count);
}

Datum
policy_check_windows(ArrayType *given)
{
	int count;
	char **texts = policy_check_list(given, "windows", MAX_WINDOWS, &count);
	Datum checked[MAX_WINDOWS];

	for (int i = 0; i < count; i++)
	{
		Window window;
		char text[WINDOW_TEXT_BYTES];
		const char *fault = window_parse(texts[i], strlen(texts[i]), &window);
		pg_tz *zone = fault ? NULL : zone_named(window.zone);

		if (zone)
			strlcpy(window.zone, pg_get_timezone_name(zone), WINDOW_ZONE_BYTES);
		else if (fault == NULL)
			fault = psprintf("its time zone \"%s\" is not known", window.zone);
		if (fault)
			error_bad_argument("windows", of_element(i, count, fault),
							   "Give windows such as 'mon-fri 09:00-17:00 Europe/Berlin'; "
							   "pg_timezone_names has the zones.");
		window_format(&window, text);
		checked[i] = CStringGetTextDatum(text);
	}
	return text_list(checked, count);
}

void
policy_check_services(ArrayType *given)
{
	int count;
	char **texts = policy_check_list(given, "services", MAX_SERVICES, &count);

	for (int i = 0; i < count; i++)
	{
		const char *fault = service_fault(texts[i]);

		if (fault)
			error_bad_argument(
				"services", of_element(i, count, fault),
				"Give names such as 'token:billing', 'cn:billing' or 'dns:billing.internal'; "
				"other kinds are dn, uri and email.");
	}
}
