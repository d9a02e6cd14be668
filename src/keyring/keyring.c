/*
 * keyring.c
 *		Sealed or not: unseal, seal, status, and the entry's question.
 *
 * The database knows of a root key its generation and its check value, never
 * the key.  A wrong key is therefore found when it is offered.
 */
#include "keyring/keyring.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"

#include "audit/audit.h"
#include "audit/ledger.h"
#include "context/operators.h"
#include "entry/entry.h"
#include "guard/guard.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "keyring/source.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "platform/version.h"

/* How often, and for how long, unseal() waits for who loaded a dump to be gone. */
#define RESTORER_WAITS   200
#define RESTORER_WAIT_MS 10

static const char sealed_meanwhile[] = "sealed by an operator";
static const char being_restored[] = "a dump is being restored";
static const char restored[] = "a dump was restored, and nobody has called vault.unseal() since";
static const char other_vault[] = "the root key in memory is that of another vault";
static const char wrong_key[] = "the root key does not match its check value";

static const OriginCalls *origin = NULL;
static KeyringTrail trail;

static bool instance_checked = false;
static uint64 instance_checked_epoch = 0;

void
keyring_set_origin(const OriginCalls *calls)
{
	origin = calls;
}

const OriginCalls *
keyring_origin(void)
{
	return origin;
}

/* After the crash of a backend the page may still hold what people once gave. */
static const char *
try_page(const RootRecord *record, uint64 epoch)
{
	SecretKey keys[2];
	uint32 generations[2];
	int count = root_page_keys(keys, generations);
	const char *fault = NULL;
	bool found = false;

	for (int i = 0; i < count && !found; i++)
	{
		found = generations[i] == record->generation && root_record_fits(record, &keys[i]);
		if (found && !root_publish(record->generation, &keys[i], &record->instance, epoch))
			fault = sealed_meanwhile;
	}
	secret_wipe(keys, sizeof(keys));
	return found ? fault : "shares are awaited: vault.unseal(share)";
}

static const char *
try_source(const RootRecord *record, uint64 epoch)
{
	SecretArea *area = secret_area_new(CurrentMemoryContext);
	Keyring *keyring = MemoryContextAlloc(area->memory, sizeof(Keyring));
	const char *fault = source_load(keyring);
	const SecretKey *key;

	if (!fault && keyring->count == 0)
		fault = "the root key file is missing or empty";
	if (!fault)
	{
		key = keyring_find(keyring, record->generation);
		if (key == NULL)
			fault = "the root key source does not hold the active generation";
		else if (!root_record_fits(record, key))
			fault = wrong_key;
		else if (!root_publish(record->generation, key, &record->instance, epoch))
			fault = sealed_meanwhile;
	}
	secret_area_end(area);
	return fault;
}

const char *
keyring_try_unseal(void)
{
	RootRecord record;
	uint64 epoch = root_epoch();

	if (!root_record_read(&record))
		return NOT_INITIALISED;
	if (root_is_being_restored())
		return being_restored;
	return source_kind() == SOURCE_MANUAL ? try_page(&record, epoch) : try_source(&record, epoch);
}

void
keyring_set_trail(const KeyringTrail *given)
{
	trail = *given;
}

void
keyring_prepare_trail(void)
{
	trail.prepare();
}

void
keyring_begin_trail(void)
{
	trail.begin();
}

/* What the page says, unless the data came after it had said so. */
static void
tell_reason(bool initialised, char *reason, size_t size)
{
	root_get_sealed_reason(reason, size);
	if (!initialised)
		strlcpy(reason, NOT_INITIALISED, size);
	else if (root_is_being_restored())
		strlcpy(reason, being_restored, size);
	else if (strcmp(reason, NOT_INITIALISED) == 0)
		strlcpy(reason, restored, size);
}

void
keyring_refuse_sealed(void)
{
	char reason[128];
	RootRecord record;

	if (!root_record_read(&record))
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_NOT_INITIALISED), errmsg(NOT_INITIALISED),
				 errhint("An operator calls vault.init() once.")));
	tell_reason(true, reason, sizeof(reason));
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_SEALED), errmsg("vault is sealed"),
			 errhint("Reason: %s. An operator mends that and calls vault.unseal().", reason)));
}

/* The key in memory must be that of the data in this database. */
static void
check_instance(void)
{
	pg_uuid_t stored;
	pg_uuid_t held;

	if (instance_checked && instance_checked_epoch == root_epoch())
		return;
	held = root_instance();
	instance_checked = false;
	instance_checked_epoch = root_epoch();
	if (!OidIsValid(table_oid(TABLE_INSTANCE)) || !root_record_instance(&stored))
		keyring_refuse_sealed();
	if (!uuid_equal(&stored, &held))
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_WRONG_KEY), errmsg("%s", other_vault),
				 errhint("After a restore, an operator calls vault.unseal().")));
	instance_checked = true;
}

static void
instance_changed(void)
{
	instance_checked = false;
}

/* Just opened: if it was restored, the trail says so before anything else is done. */
static void
keyring_await_settled(void)
{
	if (root_state() == ROOT_UNSEALED && vault_presence() == VAULT_LOADED)
		trail.await_settled();
}

void
keyring_require_unsealed(void)
{
	char reason[128];

	root_wait_started();
	if (!root_is_open())
	{
		/* Data restored since the server started: the source may have their key. */
		root_get_sealed_reason(reason, sizeof(reason));
		if ((strcmp(reason, NOT_INITIALISED) != 0 && strcmp(reason, NO_WORKER) != 0 &&
			 strcmp(reason, NO_WORKER_SLOT) != 0) ||
			keyring_try_unseal() != NULL)
			keyring_refuse_sealed();
		keyring_await_settled();
	}
	check_instance();
}

/* Sealing does not wait for a commit, so neither does the line in the log. */
static void
keyring_report(const char *what)
{
	ereport(LOG,
			(errmsg("vault was %s by role \"%s\"", what,
					GetUserNameFromId(call_required()->caller.role, true)),
			 errhidestmt(true)));
}

static Datum
seal_body(FunctionCallInfo fcinfo)
{
	root_seal_by_operator();
	keyring_report("sealed");
	PG_RETURN_VOID();
}

/* Enough shares: restores the key and tries it.  The shares are spent either way. */
static void
combine_shares(const RootRecord *record)
{
	Share shares[SHARE_MAX_COUNT];
	SecretKey key;
	uint64 epoch = root_epoch();
	int count = root_collected_shares(shares);
	bool right;

	right = count > 0 &&
		shares_combine(shares, Min(count, shares[0].threshold), &key) == CRYPTO_OK &&
		root_record_fits(record, &key);
	root_forget_shares();
	if (right)
		(void) root_publish(record->generation, &key, &record->instance, epoch);
	secret_wipe(shares, sizeof(shares));
	secret_wipe(&key, sizeof(key));
	if (!right)
		ereport(
			ERROR,
			(errcode(ERRCODE_VAULT_WRONG_KEY), errmsg("the shares do not give the root key"),
			 errhint(
				 "All shares given so far are forgotten; start again with shares of one set.")));
}

static Datum
unseal_with_share(FunctionCallInfo fcinfo, const RootRecord *record)
{
	text *given = PG_GETARG_TEXT_PP(0);
	Share *share = secret_alloc(sizeof(Share));
	int count;
	int needed;

	if (share_decode(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), share) != CRYPTO_OK)
		error_bad_argument("share", "it is malformed or mistyped",
						   "A share starts with \"vault-share-1-\" and is given whole.");
	if (source_kind() != SOURCE_MANUAL)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the root key of this server does not come from shares"),
			 errhint(
				 "Call vault.unseal() without a share, or set vault.root_key_source to manual.")));
	root_page_require_locked();
	needed = share->threshold;
	count = root_add_share(share);
	if (count < needed)
		return CStringGetTextDatum(psprintf("sealed: %d of %d shares given", count, needed));
	combine_shares(record);
	return CStringGetTextDatum(root_state() == ROOT_UNSEALED ? "unsealed" : "sealed meanwhile");
}

/* Already: publishing anew would wipe a key that somebody is staging. */
static bool
is_unsealed_for(const RootRecord *record)
{
	pg_uuid_t held = root_instance();

	return root_state() == ROOT_UNSEALED && uuid_equal(&held, &record->instance) &&
		root_generation() == record->generation;
}

/* pg_restore does not wait for the end of its session, so it is given a moment. */
static void
await_restorer(void)
{
	for (int i = 0; i < RESTORER_WAITS && root_is_being_restored(); i++)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, RESTORER_WAIT_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	if (root_is_being_restored())
		source_refuse(being_restored);
}

static Datum
unseal_body(FunctionCallInfo fcinfo)
{
	RootRecord record;
	const char *fault;
	Datum result;

	root_wait_started();
	if (root_is_staging())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("this transaction is making a new root key"), errhint("End it first.")));
	if (!root_record_read(&record))
		keyring_refuse_sealed();
	if (is_unsealed_for(&record))
	{
		keyring_await_settled();
		return CStringGetTextDatum("unsealed");
	}
	await_restorer();
	if (!PG_ARGISNULL(0))
		result = unseal_with_share(fcinfo, &record);
	else
	{
		fault = keyring_try_unseal();
		if (fault == wrong_key)
			ereport(
				ERROR,
				(errcode(ERRCODE_VAULT_WRONG_KEY), errmsg("%s", fault),
				 errhint(
					 "Provide the root key that this vault was initialised or last rotated with.")));
		if (fault)
			source_refuse(fault);
		result = CStringGetTextDatum("unsealed");
	}
	keyring_await_settled();
	keyring_report(root_state() == ROOT_UNSEALED ? "unsealed" : "given a share");
	strlcpy(call_required()->reason, root_state() == ROOT_UNSEALED ? "unsealed" : "share given",
			sizeof(call_required()->reason));
	return result;
}

/* The key in memory is that of the data in this database. */
static bool
is_open_for(const RootRecord *record)
{
	pg_uuid_t held = root_instance();

	return root_is_open() && uuid_equal(&held, &record->instance);
}

/* How long the oldest row of the trail has been waiting at most; for monitoring. */
static Datum
seal_delay(void)
{
	Interval *delay = palloc0(sizeof(Interval));

	delay->time = ledger_delay() * 1000;
	return IntervalPGetDatum(delay);
}

static char *(*find_problems)(void) = NULL;

void
keyring_set_problems(char *(*problems)(void) )
{
	find_problems = problems;
}

/* Where the vault is weak is for those to know who can see to it. */
static Datum
problems_for_caller(bool *isnull)
{
	char *problems = role_sees_all_tenants(call_required()->caller.role) ? find_problems() : NULL;

	*isnull = problems == NULL;
	return problems ? CStringGetTextDatum(problems) : (Datum) 0;
}

/* Columns as in keyring.sql. */
static Datum
status_body(FunctionCallInfo fcinfo)
{
	Datum values[13];
	bool nulls[13] = {0};
	Share shares[SHARE_MAX_COUNT];
	RootRecord record = {0};
	TupleDesc layout;
	char reason[128];
	bool initialised;
	char *held;
	bool open;

	if (!RecoveryInProgress())
		root_wait_started();
	if (get_call_result_type(fcinfo, NULL, &layout) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "status must return a row");
	initialised = root_record_read(&record);
	open = initialised && is_open_for(&record);
	tell_reason(initialised, reason, sizeof(reason));
	if (RecoveryInProgress())
		strlcpy(reason, "this is a standby server", sizeof(reason));
	else if (initialised && root_is_open() && !open)
		strlcpy(reason, other_vault, sizeof(reason));
	values[0] = BoolGetDatum(initialised);
	values[1] = BoolGetDatum(!open);
	values[2] = CStringGetTextDatum(reason);
	nulls[2] = open;
	values[3] = CStringGetTextDatum(source_kind_name());
	values[4] = Int32GetDatum(record.generation);
	values[5] = UUIDPGetDatum(&record.instance);
	nulls[4] = nulls[5] = !initialised;
	values[6] = Int32GetDatum(root_collected_shares(shares));
	values[7] = Int32GetDatum(record.threshold);
	nulls[6] = nulls[7] = !initialised || source_kind() != SOURCE_MANUAL;
	values[8] = CStringGetTextDatum(root_page_memory());
	values[9] = CStringGetTextDatum(version_of_library());
	held = origin->held();
	nulls[10] = held == NULL;
	values[10] = held ? CStringGetTextDatum(held) : (Datum) 0;
	values[11] = seal_delay();
	values[12] = problems_for_caller(&nulls[12]);
	secret_wipe(shares, sizeof(shares));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(layout), values, nulls));
}

PG_FUNCTION_INFO_V1(vault_seal);
PG_FUNCTION_INFO_V1(vault_unseal);
PG_FUNCTION_INFO_V1(vault_status);

Datum
vault_seal(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_KEY_HOLDER, fcinfo, seal_body);
}

Datum
vault_unseal(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_KEY_HOLDER, fcinfo, unseal_body);
}

Datum
vault_status(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_ANYONE, fcinfo, status_body);
}

/* A key without its check value is of no use, and a new vault may follow. */
static void
vault_dropped(void)
{
	root_forget_at_commit();
}

/* Before the root page is opened, the database has to be asked. */
static TrailState
trail_state(void)
{
	if (root_is_open())
		return TRAIL_KEPT;
	switch (in_vault_database() ? vault_presence() : VAULT_ABSENT)
	{
		case VAULT_ABSENT:
			return TRAIL_NONE;
		case VAULT_LOADED:
			return TRAIL_RESTORING;
		case VAULT_SETTLED:
			break;
	}
	return TRAIL_KEPT;
}

void
keyring_init(void)
{
	root_page_preload();
	root_page_init();
	guard_set_dropped(vault_dropped);
	audit_set_state(trail_state, root_note_restorer);
	entry_set_seal_check(keyring_require_unsealed);
	tables_on_change(TABLE_INSTANCE, instance_changed);
}
