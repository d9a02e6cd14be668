/*
 * tenant_key.c
 *		Make, wrap and unwrap tenant keys.
 *
 * Root key rotation holds SHARE ROW EXCLUSIVE on vault_data.tenant_key. A transaction that makes a
 * tenant key takes ROW EXCLUSIVE before it reads the current root generation, so that no key is
 * left under an old one.
 */
#include "tenant/tenant_key.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "context/call.h"
#include "crypto/raise.h"
#include "keyring/keyring.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "platform/bytes.h"
#include "platform/cache.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "tenant/tenant.h"

#define TENANT_CHECK_LABEL "vault tenant key check value v1"

/* Columns of vault_data.tenant_key. */
enum
{
	COL_TENANT = 1,
	COL_GENERATION,
	COL_WRAPPED,
	COL_ROOT_GENERATION,
	COL_CHECK_VALUE,
	COL_STATE
};

typedef struct TenantKeyCacheKey
{
	pg_uuid_t tenant;
	uint32 generation; /* generation; 0: the entry has the number of the active one */
} TenantKeyCacheKey;

typedef struct TenantKeyCacheEntry
{
	TenantKeyCacheKey key;
	uint32 active;
	EnvelopeKey *prepared;
} TenantKeyCacheEntry;

static void tenant_key_release(void *entry);

static BackendCache cache = {.name = "tenant keys",
							 .key_size = sizeof(TenantKeyCacheKey),
							 .entry_size = sizeof(TenantKeyCacheEntry),
							 .release = tenant_key_release};

static void
tenant_key_release(void *entry)
{
	envelope_key_free(((TenantKeyCacheEntry *) entry)->prepared);
}

/* Return the entry or NULL.  Keys of another epoch of the root page are forgotten first. */
static TenantKeyCacheEntry *
find_cached(const TenantKeyCacheKey *key)
{
	static uint64 epoch = 0;
	uint64 present = root_epoch();

	if (epoch != present)
	{
		epoch = present;
		cache_invalidate(&cache);
	}
	return cache_find(&cache, key);
}

/*
 * Give a prepared key to the cache.  What was read is kept although reading the table may have
 * made the cache stale: the key of a generation does not change, and the caller borrows it.
 */
static void
keep_prepared(const TenantKeyCacheKey *key, EnvelopeKey *prepared)
{
	TenantKeyCacheEntry *entry = find_cached(key);

	if (entry == NULL)
		entry = cache_keep(&cache, key);
	entry->active = 0;
	entry->prepared = prepared;
}

static void
tenant_key_fill_context(EnvelopeContext *context, const pg_uuid_t *tenant, uint32 generation,
						uint32 root_gen)
{
	pg_uuid_t instance = root_instance();

	memset(context, 0, sizeof(*context));
	context->purpose = PURPOSE_TENANT_KEY;
	memcpy(context->instance, instance.data, UUID_LEN);
	memcpy(context->tenant, tenant->data, UUID_LEN);
	memcpy(context->object, tenant->data, UUID_LEN);
	context->version = generation;
	context->generation = root_gen;
}

static void
raise_wrong_key(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_KEY),
			 errmsg("the tenant's key does not match its check value"),
			 errhint("The row in vault_data.tenant_key was changed outside vault, "
					 "or belongs to another root key; restore it from a backup.")));
}

/*
 * Return the prepared root key of a generation, which the caller frees; NULL if the page does not
 * hold it.
 */
static EnvelopeKey *
prepare_root(uint32 generation)
{
	SecretKey *root = secret_alloc(sizeof(SecretKey));
	EnvelopeKey *prepared = NULL;

	if (root_key(generation, root))
		crypto_require(envelope_key_new(root, &prepared));
	secret_free(root);
	return prepared;
}

/* Room for a tenant key and the padding of its envelope. */
#define PADDED_KEY_BYTES 256

/* Unwrap a tenant key into key; return false if the page does not hold the root generation. */
static bool
tenant_key_unwrap(const pg_uuid_t *tenant, uint32 generation, uint32 root_gen, bytea *wrapped,
				  SecretKey *key)
{
	unsigned char *padded = secret_alloc(PADDED_KEY_BYTES);
	size_t size = VARSIZE_ANY_EXHDR(wrapped);
	size_t value_size = 0;
	uint8_t format;
	EnvelopeContext context;
	EnvelopeKey *root = prepare_root(root_gen);
	CryptoStatus status = CRYPTO_ERR_FORMAT;

	if (root == NULL)
		return false;
	tenant_key_fill_context(&context, tenant, generation, root_gen);
	if (envelope_padded_size(size) > 0 && envelope_padded_size(size) <= PADDED_KEY_BYTES)
		status = envelope_open(root, &context, (unsigned char *) VARDATA_ANY(wrapped), size, padded,
							   &value_size, &format);
	envelope_key_free(root);
	if (status == CRYPTO_OK && value_size == KEY_BYTES)
		memcpy(key->bytes, padded, KEY_BYTES);
	secret_free(padded);
	if (status != CRYPTO_OK || value_size != KEY_BYTES)
		raise_wrong_key();
	return true;
}

static void
require_check_value(const pg_uuid_t *tenant, uint32 generation, const SecretKey *key,
					bytea *expected)
{
	unsigned char check[CHECK_VALUE_BYTES];

	key_check_value(TENANT_CHECK_LABEL, key, tenant, generation, check);
	if (VARSIZE_ANY_EXHDR(expected) == CHECK_VALUE_BYTES &&
		secret_equal(check, VARDATA_ANY(expected), CHECK_VALUE_BYTES))
		return;
	raise_wrong_key();
}

/*
 * Read the row and unwrap its key; raise VT004 if the row does not exist. Returns false if the
 * page does not hold the root generation of the row, or no longer does: a rotation may just have
 * committed.
 */
static bool
load_key(const pg_uuid_t *tenant, uint32 generation, SecretKey *key)
{
	TableScan scan;
	Datum keys[2] = {UUIDPGetDatum(tenant), Int32GetDatum(generation)};
	bool loaded;

	scan_begin(&scan, TABLE_TENANT_KEY, INDEX_TENANT_KEY, NULL, keys, 2);
	if (!scan_next(&scan))
		crypto_require(CRYPTO_ERR_AUTH); /* names a key that does not exist */
	loaded = tenant_key_unwrap(tenant, generation,
							   DatumGetInt32(scan_get(&scan, COL_ROOT_GENERATION, NULL)),
							   DatumGetByteaPP(scan_get(&scan, COL_WRAPPED, NULL)), key);
	if (loaded)
		require_check_value(tenant, generation, key,
							DatumGetByteaPP(scan_get(&scan, COL_CHECK_VALUE, NULL)));
	scan_end(&scan);
	return loaded;
}

EnvelopeKey *
tenant_key_open(const pg_uuid_t *tenant, uint32 generation)
{
	TenantKeyCacheKey cache_key = {*tenant, generation};
	TenantKeyCacheEntry *entry = find_cached(&cache_key);
	EnvelopeKey *prepared = NULL;
	SecretKey *key;

	if (entry)
		return entry->prepared;
	key = secret_alloc(sizeof(SecretKey));
	if (!load_key(tenant, generation, key) && !load_key(tenant, generation, key))
	{
		keyring_require_unsealed();
		raise_wrong_key();
	}
	crypto_require(envelope_key_new(key, &prepared));
	secret_free(key);

	keep_prepared(&cache_key, prepared);
	return prepared;
}

uint32
tenant_key_active(const pg_uuid_t *tenant)
{
	TenantKeyCacheKey cache_key = {*tenant, 0};
	TenantKeyCacheEntry *entry = find_cached(&cache_key);
	TableScan scan;
	Datum key = UUIDPGetDatum(tenant);
	uint32 active = 0;

	if (entry)
		return entry->active;
	scan_begin(&scan, TABLE_TENANT_KEY, INDEX_TENANT_KEY, NULL, &key, 1);
	while (active == 0 && scan_next(&scan))
		if (strcmp(TextDatumGetCString(scan_get(&scan, COL_STATE, NULL)), "active") == 0)
			active = DatumGetInt32(scan_get(&scan, COL_GENERATION, NULL));
	scan_end(&scan);
	if (active == 0)
		raise_wrong_key();
	entry = cache_keep(&cache, &cache_key);
	if (entry)
	{
		entry->active = active;
		entry->prepared = NULL;
	}
	return active;
}

/* Wrap a tenant key under a root generation that the page holds. */
static bytea *
tenant_key_wrap(const pg_uuid_t *tenant, uint32 generation, const SecretKey *key, uint32 root_gen)
{
	bytea *wrapped = bytes_alloc(envelope_size(KEY_BYTES));
	EnvelopeKey *root = prepare_root(root_gen);
	EnvelopeContext context;
	CryptoStatus status;

	if (root == NULL)
	{
		keyring_require_unsealed();
		raise_wrong_key();
	}
	tenant_key_fill_context(&context, tenant, generation, root_gen);
	status = envelope_seal(root, &context, key->bytes, KEY_BYTES, 0, bytes_data(wrapped));
	envelope_key_free(root);
	crypto_require(status);
	return wrapped;
}

/* Insert a new key of the call's tenant, which becomes the active one. */
static uint32
insert_key(const pg_uuid_t *tenant, uint32 generation, const SecretKey *key)
{
	static Sql retire = {"UPDATE vault_data.tenant_key SET state = 'retired'"
						 " WHERE tenant_id = $1 AND state = 'active'",
						 1,
						 {UUIDOID}};
	static Sql insert = {"INSERT INTO vault_data.tenant_key"
						 " (tenant_id, generation, wrapped, root_generation, check_value, state)"
						 " VALUES ($1, $2, $3::vault.envelope, $4, $5, 'active')",
						 5,
						 {UUIDOID, INT4OID, BYTEAOID, INT4OID, BYTEAOID}};
	uint32 root_gen = root_generation();
	bytea *check = bytes_alloc(CHECK_VALUE_BYTES);
	Datum values[5];

	key_check_value(TENANT_CHECK_LABEL, key, tenant, generation, bytes_data(check));
	values[0] = UUIDPGetDatum(tenant);
	values[1] = Int32GetDatum(generation);
	values[2] = PointerGetDatum(tenant_key_wrap(tenant, generation, key, root_gen));
	values[3] = Int32GetDatum(root_gen);
	values[4] = PointerGetDatum(check);
	sql_run(&retire, values, NULL);
	sql_run(&insert, values, NULL);
	return generation;
}

uint32
tenant_key_make(void)
{
	static Sql newest = {"SELECT COALESCE(pg_catalog.max(generation), 0)"
						 " FROM vault_data.tenant_key WHERE tenant_id = $1",
						 1,
						 {UUIDOID}};
	static Sql queue = {"SELECT FROM vault_data.tenant WHERE tenant_id = $1 FOR NO KEY UPDATE",
						1,
						{UUIDOID}};
	VaultCall *call = call_required();
	Relation table = table_open(table_oid(TABLE_TENANT_KEY), RowExclusiveLock);
	Datum tenant = UUIDPGetDatum(&call->tenant);
	SecretKey *key = secret_alloc(sizeof(SecretKey));
	uint32 generation;

	sql_begin();
	sql_run(&queue, &tenant, NULL);
	sql_run(&newest, &tenant, NULL);
	generation = DatumGetInt32(sql_value(0, 1, NULL)) + 1;
	crypto_require(crypto_random(key->bytes, KEY_BYTES));
	insert_key(&call->tenant, generation, key);
	sql_end();
	secret_free(key);
	table_close(table, NoLock);
	return generation;
}

static void
make_instance_key(void)
{
	(void) tenant_key_make();
}

/* Row of vault_data.tenant_key. */
typedef struct KeyRow
{
	pg_uuid_t tenant;
	uint32 generation;
} KeyRow;

static List *
all_keys(void)
{
	TableScan scan;
	List *rows = NIL;

	scan_begin(&scan, TABLE_TENANT_KEY, INDEX_TENANT_KEY, NULL, NULL, 0);
	while (scan_next(&scan))
	{
		KeyRow *row = palloc(sizeof(KeyRow));

		row->tenant = *DatumGetUUIDP(scan_get(&scan, COL_TENANT, NULL));
		row->generation = DatumGetInt32(scan_get(&scan, COL_GENERATION, NULL));
		rows = lappend(rows, row);
	}
	scan_end(&scan);
	return rows;
}

static void
rewrap_one(const KeyRow *row, uint32 root_gen)
{
	static Sql update = {
		"UPDATE vault_data.tenant_key SET wrapped = $3::vault.envelope, root_generation = $4"
		" WHERE tenant_id = $1 AND generation = $2",
		4,
		{UUIDOID, INT4OID, BYTEAOID, INT4OID}};
	SecretKey *key = secret_alloc(sizeof(SecretKey));
	Datum values[4];

	if (!load_key(&row->tenant, row->generation, key))
		raise_wrong_key();
	values[0] = UUIDPGetDatum(&row->tenant);
	values[1] = Int32GetDatum(row->generation);
	values[2] = PointerGetDatum(tenant_key_wrap(&row->tenant, row->generation, key, root_gen));
	values[3] = Int32GetDatum(root_gen);
	if (sql_run(&update, values, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a tenant's keys changed meanwhile"), errhint("Call the function again.")));
	secret_free(key);
}

/* Keep others from adding and changing keys; inside of sql_begin() and sql_end(). */
static void
lock_keys(void)
{
	static Sql lock = {"LOCK TABLE vault_data.tenant_key IN SHARE ROW EXCLUSIVE MODE", 0};

	sql_run(&lock, NULL, NULL);
}

/* Rewrap every tenant key under another root key, in this transaction. */
static void
rewrap_all(uint32 root_gen)
{
	ListCell *cell;

	foreach(cell, all_keys())
	{
		KeyRow *row = lfirst(cell);
		char name[64] = "";

		(void) tenant_describe(&row->tenant, name, NULL);
		call_enter_tenant(&row->tenant, name);
		rewrap_one(row, root_gen);
	}
	call_required()->has_tenant = false;
	call_required()->tenant = UUID_ZERO;
}

void
tenant_key_init(void)
{
	static const KeyringWrapping functions = {.lock = lock_keys,
											  .rewrap = rewrap_all,
											  .make_instance_key = make_instance_key};

	keyring_set_wrapping(&functions);
	cache_follow_table(&cache, TABLE_TENANT_KEY);
}
