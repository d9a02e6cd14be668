/*
 * keyring.c
 *		init, unseal, seal, status and rotate_root_key.
 *
 * The database knows of a root key its generation and its check value, never
 * the key.  A wrong key is therefore found when it is offered.
 */
#include "keyring/keyring.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "audit/audit.h"
#include "crypto/raise.h"
#include "door/door.h"
#include "door/guard.h"
#include "keyring/root_page.h"
#include "keyring/source.h"
#include "platform/errors.h"
#include "platform/sql.h"
#include "platform/tables.h"

#define NOT_INITIALISED "the vault is not initialised"
static const char wrong_key[] = "the root key does not match its check value";

#define ROOT_CHECK_LABEL "vault root key check value v1"
#define DEFAULT_SHARES 5
#define DEFAULT_THRESHOLD 3

/* The active row of vault_data.root_key, and vault_data.instance. */
typedef struct RootRecord
{
	pg_uuid_t	instance;
	uint32		generation;
	unsigned char check[CHECK_VALUE_BYTES];
	int			shares;
	int			threshold;
} RootRecord;

static void (*rewrap_all) (uint32 generation) = NULL;
static bool instance_checked = false;
static uint64 instance_checked_epoch = 0;

void
keyring_set_rewrap(void (*rewrap) (uint32 generation))
{
	rewrap_all = rewrap;
}

void
key_check_value(const char *label, const SecretKey *key, const pg_uuid_t *id,
				uint32 generation, unsigned char out[CHECK_VALUE_BYTES])
{
	unsigned char info[64 + UUID_LEN + 4];
	size_t		size = strlen(label);
	uint32		number = pg_hton32(generation);

	Assert(size <= 64);
	memcpy(info, label, size);
	memcpy(info + size, id->data, UUID_LEN);
	memcpy(info + size + UUID_LEN, &number, 4);
	crypto_require(crypto_hkdf_sha512(key->bytes, KEY_BYTES, NULL, 0, info, size + UUID_LEN + 4,
									  out, CHECK_VALUE_BYTES));
}

static bool
read_instance(pg_uuid_t *instance)
{
	Relation	table = table_open(table_oid(TABLE_INSTANCE), AccessShareLock);
	SysScanDesc scan = systable_beginscan(table, InvalidOid, false, GetLatestSnapshot(), 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	bool		isnull;

	if (tuple)
		*instance = *DatumGetUUIDP(heap_getattr(tuple, 2, RelationGetDescr(table), &isnull));
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return tuple != NULL;
}

/* Columns: generation, check_value, state, source, shares, threshold. */
static void
fill_record(HeapTuple tuple, TupleDesc layout, RootRecord *record)
{
	bool		isnull;
	bytea	   *check = DatumGetByteaPP(heap_getattr(tuple, 2, layout, &isnull));

	record->generation = DatumGetInt32(heap_getattr(tuple, 1, layout, &isnull));
	memset(record->check, 0, CHECK_VALUE_BYTES);
	memcpy(record->check, VARDATA_ANY(check), Min(VARSIZE_ANY_EXHDR(check), CHECK_VALUE_BYTES));
	record->shares = DatumGetInt32(heap_getattr(tuple, 5, layout, &isnull));
	record->threshold = DatumGetInt32(heap_getattr(tuple, 6, layout, &isnull));
}

/* False if the vault is not initialised, or the extension not installed. */
static bool
read_record(RootRecord *record)
{
	Relation	table;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	if (!OidIsValid(table_oid(TABLE_ROOT_KEY)) || !read_instance(&record->instance))
		return false;
	table = table_open(table_oid(TABLE_ROOT_KEY), AccessShareLock);
	scan = systable_beginscan(table, InvalidOid, false, GetLatestSnapshot(), 0, NULL);
	while (!found && (tuple = systable_getnext(scan)) != NULL)
	{
		bool		isnull;
		Datum		state = heap_getattr(tuple, 3, RelationGetDescr(table), &isnull);

		found = strcmp(TextDatumGetCString(state), "active") == 0;
		if (found)
			fill_record(tuple, RelationGetDescr(table), record);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return found;
}

static bool
key_is_right(const RootRecord *record, const SecretKey *key)
{
	unsigned char check[CHECK_VALUE_BYTES];

	key_check_value(ROOT_CHECK_LABEL, key, &record->instance, record->generation, check);
	return secret_equal(check, record->check, CHECK_VALUE_BYTES);
}

/* After the crash of a backend the page may still hold what people once gave. */
static const char *
try_page(const RootRecord *record)
{
	SecretKey	keys[2];
	uint32		generations[2];
	int			count = root_page_keys(keys, generations);
	bool		found = false;

	for (int i = 0; i < count && !found; i++)
	{
		found = generations[i] == record->generation && key_is_right(record, &keys[i]);
		if (found)
			root_publish(record->generation, &keys[i], &record->instance);
	}
	secret_wipe(keys, sizeof(keys));
	return found ? NULL : "shares are awaited: vault.unseal(share)";
}

static const char *
try_source(const RootRecord *record)
{
	Keyring    *keyring = palloc(sizeof(Keyring));
	const char *fault = source_load(keyring);
	const SecretKey *key;

	if (!fault && keyring->count == 0)
		fault = "the root key file is missing or empty";
	if (!fault)
	{
		key = keyring_find(keyring, record->generation);
		if (key == NULL)
			fault = "the root key source does not hold the active generation";
		else if (!key_is_right(record, key))
			fault = wrong_key;
		else
			root_publish(record->generation, key, &record->instance);
	}
	secret_wipe(keyring, sizeof(Keyring));
	pfree(keyring);
	return fault;
}

const char *
keyring_try_unseal(void)
{
	RootRecord	record;

	if (!read_record(&record))
		return NOT_INITIALISED;
	return source_kind() == SOURCE_MANUAL ? try_page(&record) : try_source(&record);
}

static void
raise_sealed(void)
{
	char		reason[128];
	RootRecord	record;

	if (!read_record(&record))
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_NOT_INITIALISED),
				 errmsg(NOT_INITIALISED),
				 errhint("An operator calls vault.init() once.")));
	root_get_sealed_reason(reason, sizeof(reason));
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_SEALED),
			 errmsg("vault is sealed"),
			 errhint("Reason: %s. An operator mends that and calls vault.unseal().", reason)));
}

/* The key in memory must be that of the data in this database. */
static void
check_instance(void)
{
	pg_uuid_t	stored;
	pg_uuid_t	held = root_instance();

	if (instance_checked && instance_checked_epoch == root_epoch())
		return;
	instance_checked_epoch = root_epoch();
	if (!OidIsValid(table_oid(TABLE_INSTANCE)) || !read_instance(&stored))
		raise_sealed();
	if (!uuid_equal(&stored, &held))
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_WRONG_KEY),
				 errmsg("the root key in memory is that of another vault"),
				 errhint("After a restore, an operator calls vault.unseal().")));
	instance_checked = true;
}

static void
instance_changed(void)
{
	instance_checked = false;
}

void
keyring_require_unsealed(void)
{
	char		reason[128];

	root_wait_started();
	if (!root_is_open())
	{
		/* Data restored since the server started: the source may have their key. */
		root_get_sealed_reason(reason, sizeof(reason));
		if (strcmp(reason, NOT_INITIALISED) != 0 || keyring_try_unseal() != NULL)
			raise_sealed();
	}
	check_instance();
}

static void
insert_root_key(uint32 generation, const RootRecord *record)
{
	static Sql	insert = {
		"INSERT INTO vault_data.root_key (generation, check_value, state, source, shares, threshold)"
		" VALUES ($1, $2, 'active', $3, $4, $5)",
		5, {INT4OID, BYTEAOID, TEXTOID, INT4OID, INT4OID}
	};
	bytea	   *check = palloc(VARHDRSZ + CHECK_VALUE_BYTES);
	Datum		values[5];

	SET_VARSIZE(check, VARHDRSZ + CHECK_VALUE_BYTES);
	memcpy(VARDATA(check), record->check, CHECK_VALUE_BYTES);
	values[0] = Int32GetDatum(generation);
	values[1] = PointerGetDatum(check);
	values[2] = CStringGetTextDatum(source_kind_name());
	values[3] = Int32GetDatum(record->shares);
	values[4] = Int32GetDatum(record->threshold);
	sql_run(&insert, values, NULL);
}

/* A fresh key; shares of it go to the result if people are the source. */
static void
make_key(SecretKey *key, const RootRecord *record, ReturnSetInfo *result)
{
	Share		shares[SHARE_MAX_COUNT];
	char		text[SHARE_TEXT_BYTES];

	crypto_require(crypto_random(key->bytes, KEY_BYTES));
	if (source_kind() != SOURCE_MANUAL)
		return;
	if (shares_split(key, record->threshold, record->shares, shares) != CRYPTO_OK)
		error_bad_argument("number of shares", "it takes 2 <= threshold <= shares <= 32", NULL);
	for (int i = 0; i < record->shares; i++)
	{
		Datum		value;
		bool		isnull = false;

		crypto_require(share_encode(&shares[i], text));
		value = CStringGetTextDatum(text);
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	secret_wipe(shares, sizeof(shares));
	secret_wipe(text, sizeof(text));
}

static void
raise_source_fault(const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no root key: %s", fault),
			 errhint("See vault.root_key_source in the manual.")));
}

/*
 * The key of the generation that is to follow `above` (0: the first): from a
 * command, or made here and, for a file, written there before anything uses it.
 */
static uint32
next_key(uint32 above, const RootRecord *record, SecretKey *key, ReturnSetInfo *result)
{
	Keyring    *keyring = palloc0(sizeof(Keyring));
	const char *fault = source_kind() == SOURCE_MANUAL ? NULL : source_load(keyring);
	uint32		newest = keyring_newest(keyring);
	uint32		generation = Max(above, newest) + 1;

	if (fault)
		raise_source_fault(fault);
	if (above > 0 && newest == 0 && keyring->count == 1)
		keyring->generations[0] = above;
	if (source_kind() == SOURCE_COMMAND || (above == 0 && keyring->count > 0))
	{
		generation = newest == 0 && above == 0 ? 1 : newest;
		if (keyring->count == 0 || generation <= above)
			raise_source_fault("the command does not offer a newer generation");
		*key = *keyring_find(keyring, generation);
	}
	else
	{
		make_key(key, record, result);
		if (source_kind() == SOURCE_FILE)
			source_file_add(keyring, generation, key);
	}
	secret_wipe(keyring, sizeof(Keyring));
	pfree(keyring);
	return generation;
}

static void
stage_next(uint32 above, RootRecord *record, ReturnSetInfo *result)
{
	SecretKey	key;

	root_page_require_locked();
	record->generation = next_key(above, record, &key, result);
	key_check_value(ROOT_CHECK_LABEL, &key, &record->instance, record->generation, record->check);
	root_stage(record->generation, &key, &record->instance);
	secret_wipe(&key, sizeof(key));
}

/* Arguments shares and threshold; kept as they are where NULL. */
static void
read_share_arguments(FunctionCallInfo fcinfo, RootRecord *record)
{
	if (!PG_ARGISNULL(0))
		record->shares = PG_GETARG_INT32(0);
	if (!PG_ARGISNULL(1))
		record->threshold = PG_GETARG_INT32(1);
	if (source_kind() == SOURCE_MANUAL &&
		(record->threshold < 2 || record->threshold > record->shares ||
		 record->shares > SHARE_MAX_COUNT))
		error_bad_argument("number of shares", "it takes 2 <= threshold <= shares <= 32", NULL);
}

static Datum
init_body(FunctionCallInfo fcinfo)
{
	static Sql	insert = {"INSERT INTO vault_data.instance (id) VALUES ($1)", 1, {UUIDOID}};
	RootRecord	record = {.shares = DEFAULT_SHARES,.threshold = DEFAULT_THRESHOLD};
	RootRecord	existing;
	Datum		value;

	root_wait_started();
	if (read_record(&existing))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the vault is initialised already"),
				 errhint("vault.status() shows its state.")));
	read_share_arguments(fcinfo, &record);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	record.instance = id_new();

	sql_begin();
	value = UUIDPGetDatum(&record.instance);
	sql_run(&insert, &value, NULL);
	stage_next(0, &record, (ReturnSetInfo *) fcinfo->resultinfo);
	insert_root_key(record.generation, &record);
	audit_event("init", NULL);
	sql_end();
	return (Datum) 0;
}

static Datum
rotate_body(FunctionCallInfo fcinfo)
{
	static Sql	lock = {"LOCK TABLE vault_data.tenant_key IN SHARE ROW EXCLUSIVE MODE", 0};
	static Sql	retire = {"UPDATE vault_data.root_key SET state = 'retired' WHERE state = 'active'", 0};
	RootRecord	record;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	sql_begin();
	sql_run(&lock, NULL, NULL);
	if (!read_record(&record))
		raise_sealed();
	read_share_arguments(fcinfo, &record);
	stage_next(record.generation, &record, (ReturnSetInfo *) fcinfo->resultinfo);
	sql_run(&retire, NULL, NULL);
	insert_root_key(record.generation, &record);
	rewrap_all(record.generation);
	audit_event("rotate_root_key", NULL);
	sql_end();
	return (Datum) 0;
}

static Datum
seal_body(FunctionCallInfo fcinfo)
{
	root_seal("sealed by an operator");
	sql_begin();
	audit_event("seal", NULL);
	sql_end();
	PG_RETURN_VOID();
}

/* Enough shares: restores the key and tries it.  The shares are spent either way. */
static void
combine_shares(const RootRecord *record)
{
	Share		shares[SHARE_MAX_COUNT];
	SecretKey	key;
	int			count = root_collected_shares(shares);
	bool		right;

	right = shares_combine(shares, Min(count, shares[0].threshold), &key) == CRYPTO_OK &&
		key_is_right(record, &key);
	root_forget_shares();
	if (right)
		root_publish(record->generation, &key, &record->instance);
	secret_wipe(shares, sizeof(shares));
	secret_wipe(&key, sizeof(key));
	if (!right)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_WRONG_KEY),
				 errmsg("the shares do not give the root key"),
				 errhint("All shares given so far are forgotten; start again with shares of one set.")));
}

static Datum
unseal_with_share(FunctionCallInfo fcinfo, const RootRecord *record)
{
	text	   *given = PG_GETARG_TEXT_PP(0);
	Share		share;
	int			count;
	int			needed;

	if (share_decode(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), &share) != CRYPTO_OK)
		error_bad_argument("share", "it is malformed or mistyped",
						   "A share starts with \"vault-share-1-\" and is given whole.");
	if (source_kind() != SOURCE_MANUAL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the root key of this server does not come from shares"),
				 errhint("Call vault.unseal() without a share, or set vault.root_key_source to manual.")));
	root_page_require_locked();
	needed = share.threshold;
	count = root_add_share(&share);
	secret_wipe(&share, sizeof(share));
	if (count < needed)
		return CStringGetTextDatum(psprintf("sealed: %d of %d shares given", count, needed));
	combine_shares(record);
	return CStringGetTextDatum("unsealed");
}

static Datum
unseal_body(FunctionCallInfo fcinfo)
{
	RootRecord	record;
	const char *fault;
	Datum		result;

	root_wait_started();
	if (!read_record(&record))
		raise_sealed();
	if (!PG_ARGISNULL(0))
	{
		if (root_state() == ROOT_UNSEALED)
			return CStringGetTextDatum("unsealed");
		result = unseal_with_share(fcinfo, &record);
	}
	else
	{
		fault = keyring_try_unseal();
		if (fault == wrong_key)
			ereport(ERROR,
					(errcode(ERRCODE_VAULT_WRONG_KEY),
					 errmsg("%s", fault),
					 errhint("Provide the root key that this vault was initialised or last rotated with.")));
		if (fault)
			raise_source_fault(fault);
		result = CStringGetTextDatum("unsealed");
	}
	sql_begin();
	audit_event("unseal", root_state() == ROOT_UNSEALED ? "unsealed" : "share given");
	sql_end();
	return result;
}

/* Columns as in keyring.sql. */
static Datum
status_body(FunctionCallInfo fcinfo)
{
	Datum		values[10];
	bool		nulls[10] = {0};
	Share		shares[SHARE_MAX_COUNT];
	RootRecord	record = {0};
	TupleDesc	layout;
	char		reason[128];
	bool		initialised;

	if (!RecoveryInProgress())
		root_wait_started();
	if (get_call_result_type(fcinfo, NULL, &layout) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "status must return a row");
	initialised = read_record(&record);
	root_get_sealed_reason(reason, sizeof(reason));
	if (RecoveryInProgress())
		strlcpy(reason, "this is a standby server", sizeof(reason));
	values[0] = BoolGetDatum(initialised);
	values[1] = BoolGetDatum(!root_is_open());
	values[2] = CStringGetTextDatum(reason);
	nulls[2] = root_is_open();
	values[3] = CStringGetTextDatum(source_kind_name());
	values[4] = Int32GetDatum(record.generation);
	values[5] = UUIDPGetDatum(&record.instance);
	nulls[4] = nulls[5] = !initialised;
	values[6] = Int32GetDatum(root_collected_shares(shares));
	values[7] = Int32GetDatum(record.threshold);
	nulls[6] = nulls[7] = !initialised || source_kind() != SOURCE_MANUAL;
	values[8] = CStringGetTextDatum(root_page_memory());
	values[9] = CStringGetTextDatum("1.0");
	secret_wipe(shares, sizeof(shares));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(layout), values, nulls));
}

PG_FUNCTION_INFO_V1(vault_init);
PG_FUNCTION_INFO_V1(vault_rotate_root_key);
PG_FUNCTION_INFO_V1(vault_seal);
PG_FUNCTION_INFO_V1(vault_unseal);
PG_FUNCTION_INFO_V1(vault_status);

Datum
vault_init(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_KEY_HOLDER, fcinfo, init_body);
}

Datum
vault_rotate_root_key(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_OPERATOR, fcinfo, rotate_body);
}

Datum
vault_seal(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_KEY_HOLDER, fcinfo, seal_body);
}

Datum
vault_unseal(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_KEY_HOLDER, fcinfo, unseal_body);
}

Datum
vault_status(PG_FUNCTION_ARGS)
{
	return door_run(DOOR_ANYONE, fcinfo, status_body);
}

/* A key without its check value is of no use, and a new vault may follow. */
static void
extension_dropped(void)
{
	root_seal(NOT_INITIALISED);
}

void
keyring_init(void)
{
	root_page_preload();
	root_page_init();
	guard_set_dropped(extension_dropped);
	door_set_seal_check(keyring_require_unsealed);
	tables_on_change(TABLE_INSTANCE, instance_changed);
	keyring_workers_init();
}
