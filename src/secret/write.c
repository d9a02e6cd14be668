/*
 * write.c
 *		Store a new version of a value.
 *
 * The value is sealed in C before any statement sees it; SQL handles ciphertext and metadata only.
 * The update of the head row puts the writers of one secret in a queue. The counter of the head
 * gives the version number, which goes into the envelope. Therefore the update calls back into C
 * (seal_next) for the data that depends on the number, once more if it had to wait for another
 * writer. The envelope is stored with its version and, if small, once more in the head, so that a
 * read finds all it needs in one row.
 */
#include "secret/write.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "context/call.h"
#include "crypto/raise.h"
#include "platform/bytes.h"
#include "platform/errors.h"
#include "platform/lock.h"
#include "platform/sql.h"
#include "type/known_format.h"

static void
refuse_conflict(const Write *write, int found)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("secret is at version %d, not at version %d", found, write->expected),
			 errhint("Another session wrote meanwhile; read again and decide.")));
}

static void
refuse_existing(const Write *write)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_UNIQUE_VIOLATION),
		 errmsg("secret \"%.*s\" already exists", (int) write->name.name_size, write->name.name),
		 errhint("expected_version 0 asks that it does not; leave it out to put a new version.")));
}

static void
refuse_type(const char *stored)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid type: the secret is of type \"%s\"", stored),
			 errhint("Leave the argument out, or change the type with vault.change_type().")));
}

static void
require_same_type(const Write *write, const char *stored)
{
	if (strcmp(write->given_type, "generic") != 0 && strcmp(write->given_type, stored) != 0)
		refuse_type(stored);
}

static Datum
environment_of(const Write *write)
{
	return PointerGetDatum(
		cstring_to_text_with_len(write->name.environment, write->name.environment_size));
}

static Datum
name_of(const Write *write)
{
	return PointerGetDatum(cstring_to_text_with_len(write->name.name, write->name.name_size));
}

static void
begin_head(Write *write)
{
	if (write->must_exist || write->expected > 0)
		secret_refuse_absent(&write->name);
	if (write->pending)
		error_bad_argument("label", "a secret's first version cannot be pending",
						   "Put its first version as current.");
	write->type = write->given_type;
	write->secret = id_new_ordered();
	write->version = 1;
	write->value_check->type[0] = 0; /* the fingerprint depends on this id */
	value_check_make(write, write->type, NULL);
}

static void
write_seal(Write *write)
{
	call_required()->version = write->version;
	write->envelope =
		secret_seal(&call_required()->tenant, &write->secret, write->type, write->version,
					write->value, write->size, write->format, &write->generation);
}

/* Return the envelope if the head keeps a copy of it; NULL otherwise. */
static bytea *
small_copy(const Write *write)
{
	return VARSIZE(write->envelope) <= SECRET_INLINE_BYTES ? write->envelope : NULL;
}

/* Convert the metadata of a type, which is in UTF-8. */
static Datum
metadata_json(const char *metadata)
{
	text *json = secret_require_text(cstring_to_text(metadata));

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(json)));
}

static Datum
facts_value(const Write *write, char *null)
{
	const char *metadata = write->value_check->facts.metadata;

	*null = metadata ? ' ' : 'n';
	return metadata ? metadata_json(metadata) : (Datum) 0;
}

static Datum
expiry_value(TimestampTz expires_at, char *null)
{
	*null = expires_at == DT_NOEND ? 'n' : ' ';
	return TimestampTzGetDatum(expires_at);
}

/* Set the values $3 to $5, which the statements below share. */
static void
metadata_values(const Write *write, Datum *values, char *nulls)
{
	values[2] = expiry_value(Min(write->expires_at, write->value_check->expires_at), &nulls[2]);
	values[3] = write->description ? CStringGetTextDatum(write->description) : (Datum) 0;
	nulls[3] = write->description ? ' ' : 'n';
	values[4] = write->tags;
	nulls[4] = write->tags ? ' ' : 'n';
}

static void
require_expected(const Write *write, int current)
{
	if (write->expected == 0)
		refuse_existing(write);
	if (write->expected > 0 && write->expected != current)
		refuse_conflict(write, current);
}

/*
 * Keep the version, because the stored value is the same. Stores only the description and tags
 * that were given.
 */
static bool
keep_version(Write *write, const SecretHead *head)
{
	static Sql update = {
		"UPDATE vault_data.secret"
		" SET description = COALESCE($3, description), tags = COALESCE($4, tags),"
		" updated_at = pg_catalog.clock_timestamp() WHERE tenant_id = $1 AND id = $2"
		" AND (description IS DISTINCT FROM COALESCE($3, description)"
		"  OR tags <> COALESCE($4, tags))",
		4,
		{UUIDOID, UUIDOID, TEXTOID, JSONBOID}};
	Datum values[5];
	char nulls[] = "     ";

	metadata_values(write, values, nulls);
	values[0] = UUIDPGetDatum(&call_required()->tenant);
	values[1] = UUIDPGetDatum(&head->id);
	memmove(&values[2], &values[3], 2 * sizeof(Datum));
	memmove(&nulls[2], &nulls[3], 2);
	if (write->description || write->tags)
		sql_run(&update, values, nulls);
	write->secret = head->id;
	write->version = head->current;
	write->type = pstrdup(head->type);
	strlcpy(call_required()->reason, "unchanged", sizeof(call_required()->reason));
	return true;
}

#define SEAL_NEXT                                                              \
	"vault_data.seal_next(id, last_version + 1, type, deactivated_at IS NULL," \
	" purge_at, current_version, envelope)"

/* Add a new version to an existing secret. Returns false if it does not exist. */
static bool
advance_head(Write *write)
{
	static Sql current = {"UPDATE vault_data.secret"
						  " SET expires_at = $3, grace_until = NULL, extensions = NULL,"
						  " description = COALESCE($4, description),"
						  " tags = COALESCE($5, tags), metadata = $8, envelope = " SEAL_NEXT ","
						  " last_version = last_version + 1, current_version = last_version + 1,"
						  " previous_version = current_version, type = COALESCE($9, type),"
						  " updated_at = pg_catalog.clock_timestamp()"
						  " WHERE tenant_id = $1 AND id = $2 AND environment = $6 AND name = $7",
						  9,
						  {UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID,
						   JSONBOID, TEXTOID}};
	static Sql pending = {"UPDATE vault_data.secret SET description = COALESCE($4, description),"
						  " tags = COALESCE($5, tags), envelope = " SEAL_NEXT ","
						  " last_version = last_version + 1, pending_version = last_version + 1,"
						  " updated_at = pg_catalog.clock_timestamp()"
						  " WHERE tenant_id = $1 AND id = $2 AND environment = $6 AND name = $7",
						  7,
						  {UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID}};
	VaultCall *call = call_required();
	SecretHead head;
	Datum values[9];
	char nulls[] = "         ";

	if (!secret_find(&call->tenant, &write->name, &head))
		return false;
	require_same_type(write, head.type);
	if (write->expected >= 0 && write->if_changed)
		require_expected(write, head.current);
	value_check_make(write, write->new_type ? write->new_type : head.type, &head);
	if (write->unchanged)
		return keep_version(write, &head);
	values[0] = UUIDPGetDatum(&call->tenant);
	values[1] = UUIDPGetDatum(&head.id);
	metadata_values(write, values, nulls);
	values[5] = environment_of(write);
	values[6] = name_of(write);
	values[7] = facts_value(write, &nulls[7]);
	values[8] = write->new_type ? CStringGetTextDatum(write->new_type) : (Datum) 0;
	nulls[8] = write->new_type ? ' ' : 'n';
	call->work = write;
	return sql_run(write->pending ? &pending : &current, values, nulls) == 1;
}

/* Create the head of a new secret. Returns false if another session has created it. */
static bool
create_head(Write *write)
{
	static Sql insert = {
		"INSERT INTO vault_data.secret (tenant_id, id, expires_at, description, tags,"
		" environment, name, type, envelope, metadata)"
		" VALUES ($1, $2, $3, $4, COALESCE($5, '{}'), $6, $7, $8, $9::vault.envelope, $10)"
		" ON CONFLICT (tenant_id, environment, name) DO NOTHING",
		10,
		{UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID,
		 JSONBOID}};
	Datum values[10];
	char nulls[] = "          ";

	begin_head(write);
	write_seal(write);
	values[0] = UUIDPGetDatum(&call_required()->tenant);
	values[1] = UUIDPGetDatum(&write->secret);
	metadata_values(write, values, nulls);
	values[5] = environment_of(write);
	values[6] = name_of(write);
	values[7] = CStringGetTextDatum(write->type);
	values[8] = PointerGetDatum(small_copy(write));
	nulls[8] = small_copy(write) ? ' ' : 'n';
	values[9] = facts_value(write, &nulls[9]);
	return sql_run(&insert, values, nulls) == 1;
}

static Datum
fingerprint_value(const Write *write, char *null)
{
	*null = write->value_check->has_fingerprint ? ' ' : 'n';
	return PointerGetDatum(bytes_from(write->value_check->fingerprint, FINGERPRINT_BYTES));
}

static void
insert_version(const Write *write)
{
	static Sql insert = {
		"INSERT INTO vault_data.secret_version"
		" (tenant_id, secret_id, version, key_generation, envelope, created_by, metadata,"
		" expires_at,"
		" fingerprint, type, weak)"
		" VALUES ($1, $2, $3, $4, $5::vault.envelope, $6, $7, $8, $9, $10, $11)",
		11,
		{UUIDOID, UUIDOID, INT4OID, INT4OID, BYTEAOID, UUIDOID, JSONBOID, TIMESTAMPTZOID, BYTEAOID,
		 TEXTOID, BOOLOID}};
	VaultCall *call = call_required();
	Datum values[11];
	char nulls[] = "           ";

	values[0] = UUIDPGetDatum(&call->tenant);
	values[1] = UUIDPGetDatum(&write->secret);
	values[2] = Int32GetDatum(write->version);
	values[3] = Int32GetDatum(write->generation);
	values[4] = PointerGetDatum(write->envelope);
	values[5] = UUIDPGetDatum(&call->caller.principal);
	values[6] = facts_value(write, &nulls[6]);
	values[7] = expiry_value(write->value_check->expires_at, &nulls[7]);
	values[8] = fingerprint_value(write, &nulls[8]);
	values[9] = CStringGetTextDatum(write->type);
	values[10] = BoolGetDatum(write->value_check->is_weak);
	sql_run(&insert, values, nulls);
}

/* Attempt to write once. Returns false if another session created the secret meanwhile. */
static bool
write_once(Write *write)
{
	if (!advance_head(write) && !create_head(write))
		return false;
	if (!write->unchanged)
		insert_version(write);
	return true;
}

void
write_require(const Write *write, Permission permission)
{
	VaultCall *call = call_required();

	policy_require(&call->caller, &write->name, permission, &call->grant);
	call->has_grant = true;
}

/*
 * Warn if a generic value has a known format. The vault knows nothing of generic values, and a
 * type would check this one.
 */
static void
notice_known_format(const Write *write)
{
	const KnownFormat *known = strcmp(write->type, "generic") == 0 && !write->unchanged
		? known_format_find(write->value, write->size)
		: NULL;

	if (known)
		ereport(
			NOTICE,
			(errmsg("the value of \"%.*s\" looks like %s and is stored as generic",
					(int) write->name.name_size, write->name.name, known->label),
			 errhint("Type \"%s\" checks such values; vault.change_type() gives it to the secret.",
					 known->type)));
}

/*
 * Store the version. The lock on the table of versions comes before the choice of the key: the
 * deletion of a retired key holds a lock against it (rewrap.c). The entry may outlive an error in
 * here, so it keeps no pointer to the write.
 */
static int
store_permitted(Write *write)
{
	Relation versions;

	value_check_begin(write);
	lock_named(LOCK_KEYS, &call_required()->tenant, UUID_LEN, ShareLock);
	versions = table_open(table_oid(TABLE_SECRET_VERSION), RowExclusiveLock);
	write->memory = CurrentMemoryContext; /* outlives the memory of SPI */
	PG_TRY();
	{
		sql_begin();
		if (!write_once(write) && !write_once(write))
			refuse_conflict(write, 0);
		sql_end();
	}
	PG_FINALLY();
	{
		call_required()->work = NULL;
	}
	PG_END_TRY();
	table_close(versions, NoLock);
	notice_known_format(write);
	return write->version;
}

int
write_store(Write *write, Permission permission)
{
	write_require(write, permission);
	return store_permitted(write);
}

int
secret_store_pending(const SecretName *name, const void *value, size_t size, uint8_t format,
					 bool is_stored)
{
	Write write = {.name = *name,
				   .given = value,
				   .given_size = size,
				   .given_format = format,
				   .given_is_stored = is_stored,
				   .given_type = "generic",
				   .expires_at = DT_NOEND,
				   .expected = -1,
				   .pending = true,
				   .must_exist = true};

	return store_permitted(&write);
}

int
write_change_type(Write *write)
{
	return store_permitted(write);
}

/* Check the head from the arguments of seal_next; see secret.functions.sql. */
static void
write_check_head(FunctionCallInfo fcinfo, Write *write)
{
	SecretHead head = {.state = STATE_ACTIVE};
	int current = PG_GETARG_INT32(5);

	text_to_cstring_buffer(PG_GETARG_TEXT_PP(2), head.type, sizeof(head.type));
	head.state = PG_GETARG_BOOL(3) ? STATE_ACTIVE : STATE_DEACTIVATED;
	if (!PG_ARGISNULL(4))
	{
		head.state = STATE_DELETED;
		head.purge_at = PG_GETARG_TIMESTAMPTZ(4);
	}
	secret_require_readable(&head);
	require_expected(write, current);
	require_same_type(write, head.type);
	/* Another secret has taken the place of the one that the value was checked for. */
	if (!write->new_type && strcmp(write->value_check->type, head.type) != 0)
		refuse_conflict(write, current);
	write->type = write->new_type ? write->new_type : pstrdup(head.type);
}

PG_FUNCTION_INFO_V1(vault_seal_next);

/*
 * seal_next(id, version, type, active, purge_at, current, copy): inside the update of a head by
 * put or rotate, check the head, seal the value as that version, and return the copy for the head
 * to keep.
 */
Datum
vault_seal_next(PG_FUNCTION_ARGS)
{
	Write *write = call_required()->work;
	MemoryContext old;

	if (write == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("internal function of vault called from outside")));
	old = MemoryContextSwitchTo(write->memory);
	write_check_head(fcinfo, write);
	write->secret = *PG_GETARG_UUID_P(0);
	write->version = PG_GETARG_INT32(1);
	write_seal(write);
	MemoryContextSwitchTo(old);
	if (write->pending)
	{
		if (PG_ARGISNULL(6))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(6));
	}
	if (small_copy(write) == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(small_copy(write));
}
