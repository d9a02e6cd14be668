/*
 * environment.c
 *		Environments that a tenant has declared: a column of its row, kept for the session.
 *
 * The row is read anew when identity_generation() has grown. It grows with every change of a
 * tenant. A backend mostly serves one tenant, so only the tenant of the last call is kept.
 */
#include "policy/environment.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "context/call.h"
#include "identity/identity.h"
#include "integrity/integrity.h"
#include "platform/errors.h"
#include "platform/tables.h"
#include "policy/name.h"

/* Column of vault_data.tenant. */
#define TENANT_ENVIRONMENTS 6

typedef struct Declared
{
	bool is_loaded;
	uint64 generation; /* identity_generation() before the row was read */
	pg_uuid_t tenant;
	char *names; /* names, separated by ", "; NULL if none are declared */
} Declared;

static Declared declared;

/* Return the names in the current memory context, or NULL if none are declared. */
static char *
names_of(TableScan *scan)
{
	bool none;
	Datum value = scan_get(scan, TENANT_ENVIRONMENTS, &none);
	StringInfoData names;
	Datum *elements;
	int count;

	if (none)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &count);
	initStringInfo(&names);
	for (int i = 0; i < count; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", TextDatumGetCString(elements[i]));
	return names.data;
}

static void
environment_load(const pg_uuid_t *tenant)
{
	Datum key = UUIDPGetDatum(tenant);
	TableScan scan;
	char *names = NULL;

	if (declared.names)
		pfree(declared.names);
	memset(&declared, 0, sizeof(declared));
	declared.generation = identity_generation();
	declared.tenant = *tenant;
	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, &key, 1);
	if (scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_TENANT);
		names = names_of(&scan);
	}
	scan_end(&scan);
	if (names)
		declared.names = MemoryContextStrdup(TopMemoryContext, names);
	declared.is_loaded = true;
}

static bool
environment_is_among(const char *names, const char *name, size_t size)
{
	for (;;)
	{
		size_t length = strcspn(names, ",");

		if (length == size && memcmp(names, name, size) == 0)
			return true;
		if (names[length] == '\0')
			return false;
		names += length + 2;
	}
}

void
environment_require_form(const char *argument, const char *environment, size_t size)
{
	const char *fault = identifier_fault(environment, size);

	if (fault == NULL)
		return;
	if (size == 1 && *environment == '*')
		error_bad_argument(
			argument, "\"*\" is no environment",
			"Name one. \"*\" is for vault.list(); a grant without environments is for all.");
	error_bad_argument(argument, fault,
					   "An environment is letters, digits and \"._-\", at most 63 bytes.");
}

void
environment_require_declared(const char *environment, size_t size)
{
	const VaultCall *call = call_required();

	if (!call->has_tenant)
		return;
	if (!declared.is_loaded || declared.generation != identity_generation() ||
		!uuid_equal(&declared.tenant, &call->tenant))
		environment_load(&call->tenant);
	if (declared.names && !environment_is_among(declared.names, environment, size))
		error_bad_argument(
			"environment", "the tenant has declared none of this name",
			psprintf("Its environments are %s. A call that names none means vault.environment.",
					 declared.names));
}
