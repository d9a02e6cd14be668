/*
 * secret.c
 *		The common part of reading and writing secrets.
 */
#include "secret/secret.h"

#include "utils/builtins.h"

#include "crypto/raise.h"
#include "integrity/integrity.h"
#include "keyring/root_page.h"
#include "platform/bytes.h"
#include "platform/encoding.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "secret/head_cache.h"
#include "tenant/tenant_key.h"

/* Return the state by the expiry, which depends on the clock and not on a job. */
static SecretState
state_by_expiry(TableScan *scan, SecretHead *head)
{
	TimestampTz now;
	bool isnull;
	Datum value = scan_get(scan, SECRET_EXPIRES_AT, &isnull);

	if (isnull)
		return STATE_ACTIVE;
	now = GetCurrentTimestamp();
	if (now < DatumGetTimestampTz(value))
		return STATE_ACTIVE;
	value = scan_get(scan, SECRET_GRACE_UNTIL, &isnull);
	if (isnull || now >= DatumGetTimestampTz(value))
		return STATE_EXPIRED;
	head->grace_until = DatumGetTimestampTz(value);
	return STATE_GRACE;
}

void
secret_head_from(TableScan *scan, SecretHead *head)
{
	bool isnull;
	Datum value;

	row_require_authentic(scan, TABLE_SECRET);
	head->tenant = *DatumGetUUIDP(scan_get(scan, SECRET_TENANT, NULL));
	head->id = *DatumGetUUIDP(scan_get(scan, SECRET_ID, NULL));
	text_to_cstring_buffer(DatumGetTextPP(scan_get(scan, SECRET_TYPE, NULL)), head->type,
						   sizeof(head->type));
	head->current = DatumGetInt32(scan_get(scan, SECRET_CURRENT, NULL));
	head->last = DatumGetInt32(scan_get(scan, SECRET_LAST, NULL));
	value = scan_get(scan, SECRET_EXPIRES_AT, &isnull);
	head->expires_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	(void) scan_get(scan, SECRET_DEACTIVATED_AT, &isnull);
	head->state = isnull ? state_by_expiry(scan, head) : STATE_DEACTIVATED;
	value = scan_get(scan, SECRET_PURGE_AT, &isnull);
	head->purge_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	if (!isnull)
		head->state = STATE_DELETED;
	head->writer = scan_writer(scan);
	head->in_head = false;
}

/*
 * Make the mark of a head. A value that is not in the head, or that is in its grace, requires a
 * new check of more than the head.
 */
HeadMark
secret_mark(const SecretHead *head)
{
	HeadMark mark = {.tenant = head->tenant,
					 .id = head->id,
					 .writer = head->writer,
					 .version = head->current,
					 .until = head->in_head && head->state == STATE_ACTIVE ? head->expires_at
																		   : DT_NOBEGIN};

	return mark;
}

bool
secret_head_stands(TableScan *scan, const HeadMark *mark)
{
	return scan_writer(scan) == mark->writer &&
		uuid_equal(DatumGetUUIDP(scan_get(scan, SECRET_ID, NULL)), &mark->id) &&
		uuid_equal(DatumGetUUIDP(scan_get(scan, SECRET_TENANT, NULL)), &mark->tenant) &&
		(mark->until == DT_NOEND || GetCurrentTimestamp() < mark->until);
}

static bool
text_is(Datum value, const char *wanted, size_t size)
{
	text *found = DatumGetTextPP(value);

	return VARSIZE_ANY_EXHDR(found) == size && memcmp(VARDATA_ANY(found), wanted, size) == 0;
}

static bool
stands_on(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name)
{
	return uuid_equal(DatumGetUUIDP(scan_get(scan, SECRET_TENANT, NULL)), tenant) &&
		text_is(scan_get(scan, SECRET_NAME, NULL), name->name, name->name_size) &&
		text_is(scan_get(scan, SECRET_ENVIRONMENT, NULL), name->environment,
				name->environment_size);
}

static bool
find_by_index(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name, Snapshot snapshot)
{
	Datum keys[3] = {UUIDPGetDatum(tenant),
					 PointerGetDatum(
						 cstring_to_text_with_len(name->environment, name->environment_size)),
					 PointerGetDatum(cstring_to_text_with_len(name->name, name->name_size))};

	scan_begin(scan, TABLE_SECRET, INDEX_SECRET_NAME, snapshot, keys, 3);
	return scan_next(scan);
}

/*
 * Begin a scan on the secret, first at this place. A snapshot sees at most one row with the key,
 * so any way that leads to it is right.
 */
bool
secret_scan_from(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name,
				 Snapshot snapshot, const ItemPointerData *place)
{
	if (scan_begin_at(scan, TABLE_SECRET, snapshot, place) && stands_on(scan, tenant, name))
		return true;
	scan_end(scan);
	return find_by_index(scan, tenant, name, snapshot);
}

bool
secret_scan(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name, Snapshot snapshot)
{
	uint64 hash = head_cache_hash(tenant, name);
	ItemPointerData place;
	bool found;

	if (head_cache_get(hash, &place))
	{
		if (scan_begin_at(scan, TABLE_SECRET, snapshot, &place) && stands_on(scan, tenant, name))
			return true;
		scan_end(scan);
	}
	found = find_by_index(scan, tenant, name, snapshot);
	if (found)
		head_cache_put(hash, &scan->place);
	return found;
}

bool
secret_find(const pg_uuid_t *tenant, const SecretName *name, SecretHead *head)
{
	TableScan scan;
	bool found;

	found = secret_scan(&scan, tenant, name, NULL);
	if (found)
		secret_head_from(&scan, head);
	scan_end(&scan);
	return found;
}

bool
secret_is_readable(const SecretHead *head)
{
	return head->state == STATE_ACTIVE || head->state == STATE_GRACE;
}

void
secret_require_readable(const SecretHead *head)
{
	switch (head->state)
	{
		case STATE_ACTIVE:
		case STATE_GRACE:
			break;
		case STATE_EXPIRED:
			ereport(ERROR,
					(errcode(ERRCODE_VAULT_EXPIRED), errmsg("secret has expired"),
					 errhint("Put a new value with vault.put() or vault.rotate(), "
							 "or prolong it with vault.extend_expiry().")));
			break;
		case STATE_DELETED:
			ereport(ERROR,
					(errcode(ERRCODE_VAULT_DELETED),
					 errmsg("secret is deleted, recoverable until %s",
							timestamptz_to_str(head->purge_at)),
					 errhint("vault.undelete() brings it back.")));
			break;
		case STATE_DEACTIVATED:
			ereport(ERROR,
					(errcode(ERRCODE_VAULT_DEACTIVATED), errmsg("secret is deactivated"),
					 errhint("vault.reactivate() makes it readable again.")));
			break;
	}
}

void
secret_refuse_absent(const SecretName *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_NO_SECRET),
			 errmsg("no secret \"%.*s\" in environment \"%.*s\"", (int) name->name_size, name->name,
					(int) name->environment_size, name->environment),
			 errhint("vault.list() shows what there is.")));
}

void
secret_refuse_destroyed(int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_DESTROYED), errmsg("version %d was destroyed", version),
			 errhint("It cannot be recovered; read or roll back to another version.")));
}

static void
secret_fill_context(EnvelopeContext *context, const pg_uuid_t *tenant, const pg_uuid_t *secret,
					const char *type, uint32 version, uint32 generation)
{
	pg_uuid_t instance = root_instance();

	context->purpose = PURPOSE_SECRET_VALUE;
	memcpy(context->instance, instance.data, UUID_LEN);
	memcpy(context->tenant, tenant->data, UUID_LEN);
	memcpy(context->object, secret->data, UUID_LEN);
	context->version = version;
	context->generation = generation;
	context->type = type;
	context->type_size = strlen(type);
}

bytea *
secret_open(const SecretHead *head, int version, uint32 generation, bytea *envelope,
			uint8_t *format)
{
	size_t size = VARSIZE_ANY_EXHDR(envelope);
	size_t room = envelope_padded_size(size);
	size_t value_size = 0;
	EnvelopeContext context;
	bytea *value;

	if (room == 0)
		crypto_require(CRYPTO_ERR_FORMAT);
	secret_fill_context(&context, &head->tenant, &head->id, head->type, version, generation);
	value = secret_alloc(VARHDRSZ + room);
	crypto_require(envelope_open(tenant_key_open(&head->tenant, generation), &context,
								 (unsigned char *) VARDATA_ANY(envelope), size,
								 (unsigned char *) VARDATA(value), &value_size, format));
	SET_VARSIZE(value, VARHDRSZ + value_size);
	return value;
}

bytea *
secret_seal(const pg_uuid_t *tenant, const pg_uuid_t *secret, const char *type, int version,
			const void *value, size_t size, uint8_t format, uint32 *generation)
{
	size_t envelope_bytes = envelope_size(size);
	bytea *envelope = bytes_alloc(envelope_bytes);
	EnvelopeContext context;

	*generation = tenant_key_active(tenant);
	secret_fill_context(&context, tenant, secret, type, version, *generation);
	crypto_require(envelope_seal(tenant_key_open(tenant, *generation), &context, value, size,
								 format, bytes_data(envelope)));
	return envelope;
}

bytea *
secret_as_text(bytea *stored)
{
	const char *bytes = VARDATA_ANY(stored);
	size_t size = VARSIZE_ANY_EXHDR(stored);
	size_t converted;
	bytea *value;

	if (encoding_is_stored(bytes, size))
		return encoding_is_valid(bytes, size) ? stored : NULL;
	value = secret_alloc(VARHDRSZ + encoding_room(size));
	if (!encoding_from_stored(bytes, size, VARDATA(value), &converted))
		return NULL;
	SET_VARSIZE(value, VARHDRSZ + converted);
	return value;
}

static void
secret_refuse_characters(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM),
			 errmsg("the value has characters that the encoding of the database does not have"),
			 errhint("Read it with vault.get_bytes(), which gives it in UTF-8.")));
}

bytea *
secret_require_text(bytea *stored)
{
	bytea *value = secret_as_text(stored);

	if (value == NULL)
		secret_refuse_characters();
	return value;
}

const char *
secret_to_store(const char *text, size_t *size)
{
	char *stored;

	if (encoding_is_stored(text, *size))
		return text;
	stored = secret_alloc(encoding_room(*size));
	if (!encoding_to_stored(text, *size, stored, size))
		secret_refuse_characters();
	return stored;
}

PG_FUNCTION_INFO_V1(vault_small);

/* small(envelope): return the envelope if it may be copied into the head; NULL otherwise. */
Datum
vault_small(PG_FUNCTION_ARGS)
{
	bytea *envelope = PG_GETARG_BYTEA_PP(0);

	if (VARSIZE_ANY_EXHDR(envelope) + VARHDRSZ > SECRET_INLINE_BYTES)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(envelope);
}
