/*
 * verify.c
 *		vault.verify(): which callers may ask about which tenants, and the two checks that SQL
 *		cannot do: opening envelopes and reading the installation script.
 *
 * For operators and auditors (any tenant, or all) and for a tenant's administrators
 * (their own).  The checks are queries (verify.functions.sql).  They run under one fresh
 * snapshot for each tenant, and under a lock that keeps rewrap from deleting a key
 * that this snapshot still needs.  A check that cannot be made, for a privilege that
 * was revoked by hand for one, is a finding, and the others are made by themselves.
 */
#include "platform/as_role.h"
#include "platform/compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "context/operators.h"
#include "crypto/raise.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/lock.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "platform/version.h"
#include "secret/secret.h"
#include "tenant/tenant.h"

#define RESULT_COLUMNS 4

static void
add_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum values[RESULT_COLUMNS];
		bool nulls[RESULT_COLUMNS];

		for (int i = 0; i < RESULT_COLUMNS; i++)
			values[i] = sql_value(row, i + 1, &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* A query, and the name of what it examines. */
typedef struct VerifyCheck
{
	const char *name;
	Sql sql;
} VerifyCheck;

static void
add_finding(FunctionCallInfo fcinfo, const char *name, const char *fault)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool nulls[RESULT_COLUMNS] = {false, true};
	Datum values[RESULT_COLUMNS] = {CStringGetTextDatum("catalog")};

	values[2] = CStringGetTextDatum(name);
	values[3] = CStringGetTextDatum(fault);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Return true for errors of a query whose objects were dropped, altered or revoked by hand. */
static bool
is_of_catalog(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_PRIVILEGE) ||
		code == ERRCODE_UNDEFINED_SCHEMA;
}

/*
 * Run a check. Returns NULL, or the reason why it could not be made; then it adds nothing to the
 * result.
 */
static char *
run_check(FunctionCallInfo fcinfo, VerifyCheck *check, Datum *tenant)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char *volatile fault = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		sql_read(&check->sql, tenant, NULL);
		add_rows(fcinfo);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		if (!is_of_catalog(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		fault = CopyErrorData()->message;
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return fault;
}

/* Run each check by itself, so that one that fails does not hinder the others. */
static void
run_checks(FunctionCallInfo fcinfo, VerifyCheck *checks, int count, Datum *tenant)
{
	for (int i = 0; i < count; i++)
	{
		char *fault = run_check(fcinfo, &checks[i], tenant);

		if (fault)
			add_finding(fcinfo, checks[i].name, psprintf("not compared: %s", fault));
	}
}

static void
verify_catalog(FunctionCallInfo fcinfo)
{
	static VerifyCheck checks[] = {{"objects", {"SELECT * FROM vault_data.verify_objects()", 0}},
								   {"types", {"SELECT * FROM vault_data.verify_types()", 0}},
								   {"jobs", {"SELECT * FROM vault_data.faults_of_jobs()", 0}}};

	run_checks(fcinfo, checks, lengthof(checks), NULL);
}

static void
verify_tenant(FunctionCallInfo fcinfo, const pg_uuid_t *tenant, const char *name)
{
	static VerifyCheck whole = {NULL, {"SELECT * FROM vault_data.verify_tenant($1)", 1, {UUIDOID}}};
	static VerifyCheck parts[] = {
		{"rows", {"SELECT * FROM vault_data.verify_rows($1)", 1, {UUIDOID}}},
		{"trail", {"SELECT * FROM vault_data.verify_history($1)", 1, {UUIDOID}}},
		{"schedules", {"SELECT * FROM vault_data.verify_schedules($1)", 1, {UUIDOID}}},
		{"bindings", {"SELECT * FROM vault_data.verify_bindings($1)", 1, {UUIDOID}}},
		{"versions", {"SELECT * FROM vault_data.verify_versions($1)", 1, {UUIDOID}}}};
	Datum value = UUIDPGetDatum(tenant);

	call_enter_tenant(tenant, name);
	if (run_check(fcinfo, &whole, &value) != NULL)
		run_checks(fcinfo, parts, lengthof(parts), &value);
}

typedef struct TenantRow
{
	pg_uuid_t id;
	char name[64];
} TenantRow;

static List *
add_tenant(List *tenants, const pg_uuid_t *id, const char *name)
{
	TenantRow *row = palloc(sizeof(TenantRow));

	row->id = *id;
	strlcpy(row->name, name, sizeof(row->name));
	return lappend(tenants, row);
}

/* Return the tenant of this name, or all. Unlike elsewhere, the rows need not be authentic. */
static List *
tenants_by_name(const char *name)
{
	List *tenants = NIL;
	Datum key = name ? CStringGetTextDatum(name) : (Datum) 0;
	TableScan scan;

	if (name)
		scan_begin(&scan, TABLE_TENANT, INDEX_TENANT_NAME, NULL, &key, 1);
	else
		scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, NULL, 0);
	while (scan_next(&scan))
		tenants = add_tenant(tenants, DatumGetUUIDP(scan_get(&scan, 1, NULL)),
							 TextDatumGetCString(scan_get(&scan, 2, NULL)));
	scan_end(&scan);
	if (name && tenants == NIL)
		tenant_refuse_unknown();
	return tenants;
}

static bool
has_tenant(List *tenants, const pg_uuid_t *id)
{
	ListCell *cell;

	foreach(cell, tenants)
		if (uuid_equal(&((TenantRow *) lfirst(cell))->id, id))
			return true;
	return false;
}

/* Add tenants whose row was deleted: they still have keys. */
static List *
add_tenants_of_keys(List *tenants)
{
	pg_uuid_t instance = UUID_ZERO;
	TableScan scan;

	scan_begin(&scan, TABLE_TENANT_KEY, INDEX_TENANT_KEY, NULL, NULL, 0);
	while (scan_next(&scan))
	{
		pg_uuid_t *id = DatumGetUUIDP(scan_get(&scan, 1, NULL));

		if (!uuid_equal(id, &instance) && !has_tenant(tenants, id))
			tenants = add_tenant(tenants, id, "");
	}
	scan_end(&scan);
	return tenants;
}

/* Return the tenants that the caller asks about and may see. */
static List *
chosen_tenants(const VaultCall *call, const char *name)
{
	const Caller *caller = &call->caller;

	if (role_sees_all_tenants(caller->role))
		return name ? tenants_by_name(name) : add_tenants_of_keys(tenants_by_name(NULL));
	if (!caller->is_identified || caller->is_suspended || !policy_is_administrator(caller))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to verify"),
				 errhint("Operators, auditors and administrators of the tenant can.")));
	if (name && strcmp(name, caller->tenant_name) != 0)
		tenant_refuse_unknown();
	return add_tenant(NIL, &caller->tenant, caller->tenant_name);
}

static Datum
verify_body(FunctionCallInfo fcinfo)
{
	List *tenants = chosen_tenants(call_required(),
								   PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	ListCell *cell;

	InitMaterializedSRF(fcinfo, 0);
	/* Compiling these queries takes many times as long as they do; the entry takes it back. */
	as_role_set("jit", "off");
	sql_begin();
	verify_catalog(fcinfo);
	foreach(cell, tenants)
	{
		TenantRow *row = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		/* Keep the keys that its rows still need. */
		lock_named(LOCK_KEYS, &row->id, UUID_LEN, ShareLock);
		verify_tenant(fcinfo, &row->id, row->name);
	}
	sql_end();
	return (Datum) 0;
}

/* Open the envelope and forget the value. Raises if it does not open. */
static void
try_to_open(FunctionCallInfo fcinfo)
{
	SecretHead head = {.tenant = *PG_GETARG_UUID_P(0), .id = *PG_GETARG_UUID_P(1)};
	bytea *envelope = PG_GETARG_BYTEA_PP(5);
	uint32 generation;
	uint8_t format;

	text_to_cstring_buffer(PG_GETARG_TEXT_PP(2), head.type, sizeof(head.type));
	crypto_require(
		envelope_check((unsigned char *) VARDATA_ANY(envelope), VARSIZE_ANY_EXHDR(envelope)));
	generation = envelope_generation((unsigned char *) VARDATA_ANY(envelope));
	if (!PG_ARGISNULL(4) && PG_GETARG_INT32(4) != (int32) generation)
		crypto_require(CRYPTO_ERR_AUTH);
	(void) secret_open(&head, PG_GETARG_INT32(3), generation, envelope, &format);
}

/* Return false if that raised an error of a damaged envelope or key. */
static bool
verify_opens(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool opened = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		try_to_open(fcinfo);
		ReleaseCurrentSubTransaction();
		opened = true;
	}
	PG_CATCH();
	{
		int code = geterrcode();

		MemoryContextSwitchTo(context);
		if (code != ERRCODE_VAULT_TAMPERED && code != ERRCODE_VAULT_WRONG_KEY)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return opened;
}

/* Return the script of this version of the extension; NULL if it cannot be read. */
static char *
read_install_script(void)
{
	char share[MAXPGPATH];
	char path[MAXPGPATH];
	const char *version = version_of_sql();
	StringInfoData text;
	FILE *file;
	int size;

	get_share_path(my_exec_path, share);
	snprintf(path, sizeof(path), "%s/extension/vault--%s.sql", share,
			 version ? version : version_of_library());
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL)
		return NULL;
	initStringInfo(&text);
	do
	{
		enlargeStringInfo(&text, 65536);
		size = fread(text.data + text.len, 1, 65536, file);
		text.len += size;
	} while (size > 0);
	text.data[text.len] = '\0';
	FreeFile(file);
	return text.data;
}

/* Return the position after a quoted text, a comment, or one character. */
static const char *
past_token(const char *at)
{
	const char *end = NULL;

	if (strncmp(at, "$$", 2) == 0)
		end = strstr(at + 2, "$$");
	else if (strncmp(at, "/*", 2) == 0)
		end = strstr(at + 2, "*/");
	else if (*at == '\'' || *at == '"')
		return (end = strchr(at + 1, *at)) ? end + 1 : at + 1;
	else if (strncmp(at, "--", 2) == 0 || (*at == '\\' && at[1] == 'e'))
		return at + strcspn(at, "\n");
	return end ? end + 2 : at + 1;
}

static const char *
past_space_and_comments(const char *at)
{
	for (;;)
	{
		at += strspn(at, " \t\r\n");
		if (strncmp(at, "/*", 2) != 0 && strncmp(at, "--", 2) != 0 && *at != '\\')
			return at;
		at = past_token(at);
	}
}

PG_FUNCTION_INFO_V1(vault_verify);
PG_FUNCTION_INFO_V1(vault_opens);
PG_FUNCTION_INFO_V1(vault_install_statements);

Datum
vault_verify(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_VIEW, fcinfo, verify_body);
}

/* opens(tenant, secret, type, version, generation, envelope) */
Datum
vault_opens(PG_FUNCTION_ARGS)
{
	(void) call_required();
	CHECK_FOR_INTERRUPTS();
	PG_RETURN_BOOL(verify_opens(fcinfo));
}

/* install_statements(): the statements, without the semicolons */
Datum
vault_install_statements(PG_FUNCTION_ARGS)
{
	ArrayBuildState *statements = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	const char *at;

	(void) call_required();
	at = read_install_script();
	if (at == NULL)
		PG_RETURN_NULL();
	while (*(at = past_space_and_comments(at)) != '\0')
	{
		const char *end = at;

		while (*end != '\0' && *end != ';')
			end = past_token(end);
		statements =
			accumArrayResult(statements, PointerGetDatum(cstring_to_text_with_len(at, end - at)),
							 false, TEXTOID, CurrentMemoryContext);
		at = *end == ';' ? end + 1 : end;
	}
	PG_RETURN_DATUM(makeArrayResult(statements, CurrentMemoryContext));
}
