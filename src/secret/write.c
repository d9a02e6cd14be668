/*
 * write.c
 *		put and rotate: a new version of a value.
 *
 * The value is sealed in C before any statement sees it; SQL handles ciphertext
 * and metadata only.  The update of the head row puts writers of one secret in a
 * queue; its counter gives the version number, which goes into the envelope, so
 * the update calls back into C (seal_next) for what depends on it, once more if it
 * had to wait for another writer.  The envelope is stored with its version and,
 * if small, once more in the head, so that a read finds all it needs in one row.
 *
 * Before that, the type judges the value (judge): it may refuse it, write it in another form,
 * and tell when it expires and what of it is no secret.
 */
#include "platform/compat.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "crypto/raise.h"
#include "door/door.h"
#include "notify/notify.h"
#include "platform/errors.h"
#include "platform/sql.h"
#include "policy/delegation.h"
#include "secret/secret.h"
#include "tenant/instance_key.h"
#include "type/format.h"
#include "type/registry.h"

#define MAX_TAGS 64
#define MAX_TAG_BYTES 8192
#define MAX_DESCRIPTION_BYTES 1024
#define FINGERPRINT_BYTES 16

/* Arguments of put, as in secret.sql. */
enum
{
	ARG_NAME,
	ARG_VALUE,
	ARG_TYPE,
	ARG_ENVIRONMENT,
	ARG_DESCRIPTION,
	ARG_TAGS,
	ARG_EXPIRES_AT,
	ARG_EXPECTED_VERSION,
	ARG_LABEL
};

/* What the type made of a value; in memory that is wiped and freed with its context. */
typedef struct Judgement
{
	char		type[NAMEDATALEN];	/* empty: not judged yet */
	char	   *generated;
	size_t		generated_size;
	TypeFacts	facts;
	TimestampTz expires_at;		/* DT_NOEND: never */
	bool		has_fingerprint;
	unsigned char fingerprint[FINGERPRINT_BYTES];
} Judgement;

typedef struct Write
{
	SecretName	name;
	const void *given;			/* NULL: the type makes one up */
	size_t		given_size;
	uint8_t		given_format;
	const void *value;			/* the same as it is stored */
	size_t		size;
	uint8_t		format;
	const char *given_type;
	const char *type;			/* given, or that of the secret */
	Judgement  *judgement;
	const char *description;	/* NULL: as it was */
	Datum		tags;			/* 0: as they were */
	TimestampTz expires_at;		/* DT_NOEND: never */
	int			expected;		/* -1: any */
	bool		pending;
	bool		must_exist;

	/* What the head row answered, and the envelope made for it. */
	pg_uuid_t	secret;
	int			version;
	bytea	   *envelope;
	uint32		generation;
	MemoryContext memory;		/* that type and envelope live in */
} Write;

static SecretRotator rotator = NULL;

/* An object of strings, small. */
static void
check_tags(Jsonb *tags)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(tags))
		error_bad_argument("tags", "they are not a JSON object", "Give {\"team\": \"payments\"}.");
	if (JB_ROOT_COUNT(tags) > MAX_TAGS || VARSIZE(tags) > MAX_TAG_BYTES)
		error_bad_argument("tags", "they are too many or too long",
						   "At most 64 tags and 8 kB together.");
	iterator = JsonbIteratorInit(&tags->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_VALUE && value.type != jbvString)
			error_bad_argument("tags", "a tag is not a string", "Give {\"team\": \"payments\"}.");
}

static void
check_value(const Write *write)
{
	if (write->size == 0)
		error_bad_argument("value", "it is empty", "To take a secret away, use vault.delete().");
	if (write->size > ENVELOPE_MAX_VALUE)
		error_bad_argument("value", "it is longer than 1 MiB",
						   "Keep the data elsewhere and its encryption key here.");
}

static void
read_name(FunctionCallInfo fcinfo, int environment_argument, Write *write)
{
	if (PG_ARGISNULL(ARG_NAME))
		error_bad_argument("name", "it is null", NULL);
	secret_name_from(PG_GETARG_TEXT_PP(ARG_NAME),
					 PG_ARGISNULL(environment_argument) ? NULL :
					 PG_GETARG_TEXT_PP(environment_argument), &write->name);
}

static void
read_label(FunctionCallInfo fcinfo, Write *write)
{
	char	   *label = PG_ARGISNULL(ARG_LABEL) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(ARG_LABEL));

	write->pending = strcmp(label, "pending") == 0;
	if (!write->pending && strcmp(label, "current") != 0)
		error_bad_argument("label", "there is no such label",
						   "A new version is \"current\" or \"pending\".");
}

static void
read_metadata(FunctionCallInfo fcinfo, Write *write)
{
	write->given_type = PG_ARGISNULL(ARG_TYPE) ? "generic" :
		text_to_cstring(PG_GETARG_TEXT_PP(ARG_TYPE));
	(void) type_in_tenant(&door_required()->tenant, write->given_type);
	if (!PG_ARGISNULL(ARG_DESCRIPTION))
		write->description = text_to_cstring(PG_GETARG_TEXT_PP(ARG_DESCRIPTION));
	if (write->description && strlen(write->description) > MAX_DESCRIPTION_BYTES)
		error_bad_argument("description", "it is longer than 1024 bytes", NULL);
	if (!PG_ARGISNULL(ARG_TAGS))
	{
		check_tags(PG_GETARG_JSONB_P(ARG_TAGS));
		write->tags = PG_GETARG_DATUM(ARG_TAGS);
	}
	write->expires_at = PG_ARGISNULL(ARG_EXPIRES_AT) ? DT_NOEND :
		PG_GETARG_TIMESTAMPTZ(ARG_EXPIRES_AT);
	if (write->pending && !PG_ARGISNULL(ARG_EXPIRES_AT))
		error_bad_argument("expires_at", "a pending version has none",
						   "Give it when the version becomes current.");
	if (write->expires_at <= GetCurrentTimestamp())
		error_bad_argument("expires_at", "it is in the past", "Give a time to come, or NULL.");
}

static void
refuse_conflict(const Write *write, int found)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("secret is at version %d, not at version %d", found, write->expected),
			 errhint("Somebody else wrote meanwhile; read again and decide.")));
}

static void
refuse_existing(const Write *write)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("secret \"%.*s\" exists already", (int) write->name.name_size, write->name.name),
			 errhint("expected_version 0 asks that it does not; leave it out to put a new version.")));
}

static void
refuse_type(const char *stored)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid type: the secret is of type \"%s\"", stored),
			 errhint("A secret keeps its type; leave the argument out, or use another name.")));
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
	return PointerGetDatum(cstring_to_text_with_len(write->name.environment,
													write->name.environment_size));
}

static Datum
name_of(const Write *write)
{
	return PointerGetDatum(cstring_to_text_with_len(write->name.name, write->name.name_size));
}

static void
forget_judgement(void *judgement)
{
	Judgement  *gone = judgement;

	value_free(gone->generated);
	type_facts_free(&gone->facts);
	secret_wipe(gone, sizeof(*gone));
}

static void
begin_judgement(Write *write)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	write->judgement = palloc0(sizeof(Judgement));
	callback->func = forget_judgement;
	callback->arg = write->judgement;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

/*
 * A value of this secret is known again by this, with the key, and by nobody without.  The key
 * is not one of the tenant's: those rotate, and then the history would be forgotten.
 */
static void
compute_fingerprint(Write *write, const pg_uuid_t *secret)
{
	size_t		size = 2 * UUID_LEN + write->size;
	unsigned char *data = palloc_extended(size, MCXT_ALLOC_HUGE);
	unsigned char mac[SHA256_BYTES];
	SecretKey	key;
	CryptoStatus status;

	instance_derive("vault value fingerprint v1", &key);
	memcpy(data, door_required()->tenant.data, UUID_LEN);
	memcpy(data + UUID_LEN, secret->data, UUID_LEN);
	memcpy(data + 2 * UUID_LEN, write->value, write->size);
	status = crypto_hmac_sha256(key.bytes, sizeof(key.bytes), data, size, mac);
	secret_wipe(&key, sizeof(key));
	secret_wipe(data, size);
	pfree(data);
	crypto_require(status);
	memcpy(write->judgement->fingerprint, mac, FINGERPRINT_BYTES);
	write->judgement->has_fingerprint = true;
}

static bool
version_has_fingerprint(TableScan *scan, const unsigned char *fingerprint)
{
	bool		isnull;
	Datum		stored = scan_get(scan, VERSION_FINGERPRINT, &isnull);

	return !isnull && VARSIZE_ANY_EXHDR(DatumGetByteaPP(stored)) == FINGERPRINT_BYTES &&
		secret_equal(VARDATA_ANY(DatumGetByteaPP(stored)), fingerprint, FINGERPRINT_BYTES);
}

/* Versions that were destroyed count, too. */
static void
refuse_old_value(Write *write, const TenantType *type, const SecretHead *head)
{
	TableScan	scan;
	bool		again = false;

	for (int back = 0; back < type->policy.history && back < head->last && !again; back++)
	{
		Datum		keys[3] = {
			UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id), Int32GetDatum(head->last - back)
		};

		scan_begin(&scan, TABLE_SECRET_VERSION, INDEX_SECRET_VERSION, NULL, keys, 3);
		again = scan_next(&scan) &&
			version_has_fingerprint(&scan, write->judgement->fingerprint);
		scan_end(&scan);
	}
	if (again)
		type_refuse_value(type, psprintf("it was one of the last %u values", type->policy.history));
}

static void
take_value(Write *write, const TenantType *type)
{
	Judgement  *judgement = write->judgement;

	if (write->given == NULL && judgement->generated == NULL)
		judgement->generated = type_generate(type, 0, &judgement->generated_size);
	write->value = write->given ? write->given : judgement->generated;
	write->size = write->given ? write->given_size : judgement->generated_size;
	write->format = write->given_format;
	check_value(write);
	type_require_value(type, write->value, write->size, write->format == FORMAT_BYTES,
					   &judgement->facts);
	if (judgement->facts.normal == NULL)
		return;
	write->value = judgement->facts.normal;
	write->size = judgement->facts.normal_size;
	if (write->format == FORMAT_BYTES)
		write->format = FORMAT_TEXT;
}

/*
 * Has the type judge the value, and raises VT013 if it will not do.  Before any statement, once
 * for each type that the secret is found to have; head is NULL for a new secret.
 */
static void
judge(Write *write, const char *type_name, const SecretHead *head)
{
	const TenantType *type = type_in_tenant(&door_required()->tenant, type_name);
	Judgement  *judgement = write->judgement;

	if (strcmp(judgement->type, type_name) == 0)
		return;
	type_facts_free(&judgement->facts);
	take_value(write, type);
	judgement->expires_at = type_expiry(type, &judgement->facts);
	judgement->has_fingerprint = false;
	if (type->policy.history > 0)
		compute_fingerprint(write, head ? &head->id : &write->secret);
	if (type->policy.history > 0 && head)
		refuse_old_value(write, type, head);
	strlcpy(judgement->type, type_name, sizeof(judgement->type));
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
	write->judgement->type[0] = 0;	/* the fingerprint is of this id */
	judge(write, write->type, NULL);
}

static void
seal(Write *write)
{
	door_required()->version = write->version;
	write->envelope = secret_seal(&door_required()->tenant, &write->secret, write->type,
								  write->version, write->value, write->size, write->format,
								  &write->generation);
}

/* What the head keeps a copy of. */
static bytea *
small_copy(const Write *write)
{
	return VARSIZE(write->envelope) <= SECRET_INLINE_BYTES ? write->envelope : NULL;
}

static Datum
facts_value(const Write *write, char *null)
{
	const char *metadata = write->judgement->facts.metadata;

	*null = metadata ? ' ' : 'n';
	return metadata ? DirectFunctionCall1(jsonb_in, CStringGetDatum(metadata)) : (Datum) 0;
}

static Datum
expiry_value(TimestampTz expires_at, char *null)
{
	*null = expires_at == DT_NOEND ? 'n' : ' ';
	return TimestampTzGetDatum(expires_at);
}

/* The values that the statements below share, $3 to $5. */
static void
metadata_values(const Write *write, Datum *values, char *nulls)
{
	values[2] = expiry_value(Min(write->expires_at, write->judgement->expires_at), &nulls[2]);
	values[3] = write->description ? CStringGetTextDatum(write->description) : (Datum) 0;
	nulls[3] = write->description ? ' ' : 'n';
	values[4] = write->tags;
	nulls[4] = write->tags ? ' ' : 'n';
}

#define SEAL_NEXT "vault_data.seal_next(id, last_version + 1, type, deactivated_at IS NULL," \
	" purge_at, current_version, envelope)"

/* A new version of a secret that exists; false if there is none. */
static bool
advance_head(Write *write)
{
	static Sql	current = {
		"UPDATE vault_data.secret SET expires_at = $3, grace_until = NULL, extensions = NULL, description = COALESCE($4, description),"
		" tags = COALESCE($5, tags), metadata = $8, envelope = " SEAL_NEXT ","
		" last_version = last_version + 1, current_version = last_version + 1,"
		" previous_version = current_version, updated_at = pg_catalog.clock_timestamp()"
		" WHERE tenant_id = $1 AND id = $2 AND environment = $6 AND name = $7",
		8, {UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, JSONBOID}
	};
	static Sql	pending = {
		"UPDATE vault_data.secret SET description = COALESCE($4, description),"
		" tags = COALESCE($5, tags), envelope = " SEAL_NEXT ","
		" last_version = last_version + 1, pending_version = last_version + 1,"
		" updated_at = pg_catalog.clock_timestamp()"
		" WHERE tenant_id = $1 AND id = $2 AND environment = $6 AND name = $7",
		7, {UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID}
	};
	Door	   *door = door_required();
	SecretHead	head;
	Datum		values[8];
	char		nulls[] = "        ";

	if (!secret_find(&door->tenant, &write->name, &head))
		return false;
	require_same_type(write, head.type);
	judge(write, head.type, &head);
	values[0] = UUIDPGetDatum(&door->tenant);
	values[1] = UUIDPGetDatum(&head.id);
	metadata_values(write, values, nulls);
	values[5] = environment_of(write);
	values[6] = name_of(write);
	values[7] = facts_value(write, &nulls[7]);
	door->work = write;
	return sql_run(write->pending ? &pending : &current, values, nulls) == 1;
}

/* The head of a secret that did not exist; false if it does now. */
static bool
create_head(Write *write)
{
	static Sql	insert = {
		"INSERT INTO vault_data.secret (tenant_id, id, expires_at, description, tags,"
		" environment, name, type, envelope, metadata)"
		" VALUES ($1, $2, $3, $4, COALESCE($5, '{}'), $6, $7, $8, $9::vault.envelope, $10)"
		" ON CONFLICT (tenant_id, environment, name) DO NOTHING",
		10, {
			UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TEXTOID,
			BYTEAOID, JSONBOID
		}
	};
	Datum		values[10];
	char		nulls[] = "          ";

	begin_head(write);
	seal(write);
	values[0] = UUIDPGetDatum(&door_required()->tenant);
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
	bytea	   *fingerprint = palloc(VARHDRSZ + FINGERPRINT_BYTES);

	*null = write->judgement->has_fingerprint ? ' ' : 'n';
	SET_VARSIZE(fingerprint, VARHDRSZ + FINGERPRINT_BYTES);
	memcpy(VARDATA(fingerprint), write->judgement->fingerprint, FINGERPRINT_BYTES);
	return PointerGetDatum(fingerprint);
}

static void
insert_version(const Write *write)
{
	static Sql	insert = {
		"INSERT INTO vault_data.secret_version"
		" (tenant_id, secret_id, version, key_generation, envelope, created_by, metadata, expires_at,"
		" fingerprint)"
		" VALUES ($1, $2, $3, $4, $5::vault.envelope, $6, $7, $8, $9)",
		9, {
			UUIDOID, UUIDOID, INT4OID, INT4OID, BYTEAOID, UUIDOID, JSONBOID, TIMESTAMPTZOID,
			BYTEAOID
		}
	};
	Door	   *door = door_required();
	Datum		values[9];
	char		nulls[] = "         ";

	values[0] = UUIDPGetDatum(&door->tenant);
	values[1] = UUIDPGetDatum(&write->secret);
	values[2] = Int32GetDatum(write->version);
	values[3] = Int32GetDatum(write->generation);
	values[4] = PointerGetDatum(write->envelope);
	values[5] = UUIDPGetDatum(&door->caller.principal);
	values[6] = facts_value(write, &nulls[6]);
	values[7] = expiry_value(write->judgement->expires_at, &nulls[7]);
	values[8] = fingerprint_value(write, &nulls[8]);
	sql_run(&insert, values, nulls);
}

/* One attempt; false if somebody else made the secret meanwhile. */
static bool
write_once(Write *write)
{
	if (!advance_head(write) && !create_head(write))
		return false;
	insert_version(write);
	return true;
}

static void
require(const Write *write, Permission permission)
{
	Door	   *door = door_required();

	policy_require(&door->caller, &write->name, permission, &door->grant);
	door->has_grant = true;
}

/* Nothing is known of generic values, and their look tells that something could be. */
static void
notice_known_format(const Write *write)
{
	const KnownFormat *known = strcmp(write->type, "generic") == 0 ?
		format_recognise(write->value, write->size) : NULL;

	if (known)
		ereport(NOTICE,
				(errmsg("the value of \"%.*s\" looks like %s and is stored as generic",
						(int) write->name.name_size, write->name.name, known->label),
				 errhint("Type \"%s\" checks such values; a secret gets its type when it is made.",
						 known->type)));
}

/*
 * The lock on the table of versions comes before the choice of the key: whoever
 * takes a retired key away holds a lock against it (rewrap.c).
 */
static int
store_permitted(Write *write)
{
	Relation	versions;

	begin_judgement(write);
	versions = table_open(table_oid(TABLE_SECRET_VERSION), RowExclusiveLock);
	write->memory = CurrentMemoryContext;	/* outlives SPI's */
	sql_begin();
	if (!write_once(write) && !write_once(write))
		refuse_conflict(write, 0);
	sql_end();
	table_close(versions, NoLock);
	notice_known_format(write);
	return write->version;
}

static int
store(Write *write, Permission permission)
{
	require(write, permission);
	return store_permitted(write);
}

int
secret_store_pending(const SecretName *name, const void *value, size_t size, uint8_t format)
{
	Write		write = {
		.name = *name,.given = value,.given_size = size,.given_format = format,.given_type = "generic",
		.expires_at = DT_NOEND,.expected = -1,.pending = true,.must_exist = true
	};
	volatile int version = 0;

	PG_TRY();
	{
		version = store_permitted(&write);
	}
	PG_FINALLY();
	{
		door_required()->work = NULL;
	}
	PG_END_TRY();
	return version;
}

static Datum
put(FunctionCallInfo fcinfo, Write *write)
{
	if (write->given == NULL)
		error_bad_argument("value", "it is null", "To take a secret away, use vault.delete().");
	read_name(fcinfo, ARG_ENVIRONMENT, write);
	read_label(fcinfo, write);
	read_metadata(fcinfo, write);
	write->expected = PG_ARGISNULL(ARG_EXPECTED_VERSION) ? -1 :
		PG_GETARG_INT32(ARG_EXPECTED_VERSION);
	if (write->expected < 0 && !PG_ARGISNULL(ARG_EXPECTED_VERSION))
		error_bad_argument("expected_version", "it is negative",
						   "0 asks that the secret does not exist, NULL asks nothing.");
	PG_RETURN_INT32(store(write, MAY_WRITE));
}

static Datum
put_varlena(FunctionCallInfo fcinfo, uint8_t format)
{
	Write		write = {.given_format = format};
	struct varlena *value;

	if (!PG_ARGISNULL(ARG_VALUE))
	{
		value = PG_GETARG_VARLENA_PP(ARG_VALUE);
		write.given = VARDATA_ANY(value);
		write.given_size = VARSIZE_ANY_EXHDR(value);
	}
	return put(fcinfo, &write);
}

Datum
secret_put_text(FunctionCallInfo fcinfo)
{
	return put_varlena(fcinfo, FORMAT_TEXT);
}

static Datum
put_bytes_body(FunctionCallInfo fcinfo)
{
	return put_varlena(fcinfo, FORMAT_BYTES);
}

static Datum
put_json_body(FunctionCallInfo fcinfo)
{
	Write		write = {.given_format = FORMAT_JSON};
	char	   *text;

	if (!PG_ARGISNULL(ARG_VALUE))
	{
		Jsonb	   *json = PG_GETARG_JSONB_P(ARG_VALUE);

		text = JsonbToCString(NULL, &json->root, VARSIZE(json));
		write.given = text;
		write.given_size = strlen(text);
	}
	return put(fcinfo, &write);
}

void
secret_set_rotator(SecretRotator function)
{
	rotator = function;
}

/* As rotate() without another rotator. */
static int
rotate_here(Write *write)
{
	store(write, MAY_ROTATE);
	notify_announce("rotated", "info", &write->secret,
					psprintf("{\"version\": %d, \"operation\": \"rotate\"}", write->version));
	return write->version;
}

/* rotate(name, new_value, environment) */
static Datum
rotate_body(FunctionCallInfo fcinfo)
{
	Write		write = {
		.given_format = FORMAT_TEXT,.given_type = "generic",.expires_at = DT_NOEND,
		.expected = -1,.must_exist = true
	};
	int			version;

	read_name(fcinfo, 2, &write);
	if (!PG_ARGISNULL(1))
	{
		text	   *value = PG_GETARG_TEXT_PP(1);

		write.given = VARDATA_ANY(value);
		write.given_size = VARSIZE_ANY_EXHDR(value);
	}
	require(&write, MAY_ROTATE);
	if (!rotator(&write.name, write.given, write.given_size, &version))
		version = rotate_here(&write);
	if (version == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(version);
}

int
secret_put(const SecretName *name, const char *type, const void *value, size_t size,
		   uint8_t format, bool pending)
{
	Write		write = {
		.name = *name,.given = value,.given_size = size,.given_format = format,
		.given_type = type ? type : "generic",.expires_at = DT_NOEND,.expected = -1,
		.pending = pending
	};

	return store(&write, MAY_WRITE);
}

/* generate(type, length) */
static Datum
generate_body(FunctionCallInfo fcinfo)
{
	const char *name = PG_ARGISNULL(0) ? "password" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			length = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	const TenantType *type = type_in_tenant(&door_required()->tenant, name);
	Write		write = {0};
	text	   *result;

	if (length < 0 || length > 1024 || (length == 0 && !PG_ARGISNULL(1)))
		error_bad_argument("length", "it is not between 1 and 1024", "Give a number of bytes.");
	begin_judgement(&write);
	write.judgement->generated = type_generate(type, length, &write.judgement->generated_size);
	type_require_value(type, write.judgement->generated, write.judgement->generated_size, false,
					   &write.judgement->facts);
	result = cstring_to_text_with_len(write.judgement->generated, write.judgement->generated_size);
	PG_RETURN_TEXT_P(result);
}

PG_FUNCTION_INFO_V1(vault_put_text);
PG_FUNCTION_INFO_V1(vault_put_bytes);
PG_FUNCTION_INFO_V1(vault_put_json);
PG_FUNCTION_INFO_V1(vault_rotate);
PG_FUNCTION_INFO_V1(vault_rotate_plain);
PG_FUNCTION_INFO_V1(vault_generate);
PG_FUNCTION_INFO_V1(vault_check_tags);
PG_FUNCTION_INFO_V1(vault_secret_id);
PG_FUNCTION_INFO_V1(vault_seal_next);

Datum
vault_put_text(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_CLIENT, fcinfo, secret_put_text);
}

Datum
vault_put_bytes(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_CLIENT, fcinfo, put_bytes_body);
}

Datum
vault_put_json(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_CLIENT, fcinfo, put_json_body);
}

Datum
vault_rotate(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_CLIENT, fcinfo, rotate_body);
}

/* rotate_plain(name, environment): inside the door, without another rotator. */
Datum
vault_rotate_plain(PG_FUNCTION_ARGS)
{
	Write		write = {
		.given_format = FORMAT_TEXT,.given_type = "generic",.expires_at = DT_NOEND,
		.expected = -1,.must_exist = true
	};
	volatile int version = 0;

	(void) door_required();
	read_name(fcinfo, 1, &write);
	PG_TRY();
	{
		version = rotate_here(&write);
	}
	PG_FINALLY();
	{
		door_required()->work = NULL;
	}
	PG_END_TRY();
	PG_RETURN_INT32(version);
}

Datum
vault_generate(PG_FUNCTION_ARGS)
{
	secret_refuse_holdable_cursor();
	return door_run(DOOR_CLIENT, fcinfo, generate_body);
}

/* check_tags(tags): 22023 unless they may be stored. */
Datum
vault_check_tags(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		error_bad_argument("tags", "they are null", NULL);
	check_tags(PG_GETARG_JSONB_P(0));
	PG_RETURN_VOID();
}

/* secret_id(name, environment) in the door's tenant, NULL if there is none. */
Datum
vault_secret_id(PG_FUNCTION_ARGS)
{
	SecretName	name;
	SecretHead	head;
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	secret_name_from(PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), &name);
	if (!secret_find(&door_required()->tenant, &name, &head))
		PG_RETURN_NULL();
	*id = head.id;
	PG_RETURN_UUID_P(id);
}

/* The arguments of seal_next, in secret.sql. */
static void
check_head(FunctionCallInfo fcinfo, Write *write)
{
	SecretHead	head = {.state = STATE_ACTIVE};
	int			current = PG_GETARG_INT32(5);

	text_to_cstring_buffer(PG_GETARG_TEXT_PP(2), head.type, sizeof(head.type));
	head.state = PG_GETARG_BOOL(3) ? STATE_ACTIVE : STATE_DEACTIVATED;
	if (!PG_ARGISNULL(4))
	{
		head.state = STATE_DELETED;
		head.purge_at = PG_GETARG_TIMESTAMPTZ(4);
	}
	secret_require_readable(&head);
	if (write->expected == 0)
		refuse_existing(write);
	if (write->expected > 0 && write->expected != current)
		refuse_conflict(write, current);
	require_same_type(write, head.type);
	/* Another secret has come in the place of the one that the value was judged for. */
	if (strcmp(write->judgement->type, head.type) != 0)
		refuse_conflict(write, current);
	write->type = pstrdup(head.type);
}

/*
 * seal_next(id, version, type, active, purge_at, current, copy): inside the update
 * of a head by put or rotate, checks the head, seals the value as that version
 * and returns the copy for the head to keep.
 */
Datum
vault_seal_next(PG_FUNCTION_ARGS)
{
	Write	   *write = door_required()->work;
	MemoryContext old;

	if (write == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("internal function of vault called from outside")));
	old = MemoryContextSwitchTo(write->memory);
	check_head(fcinfo, write);
	write->secret = *PG_GETARG_UUID_P(0);
	write->version = PG_GETARG_INT32(1);
	seal(write);
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
