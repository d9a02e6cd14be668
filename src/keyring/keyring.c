/*
 * keyring.c
 *		The seal of the vault: unseal, seal, status, and the check that the entry makes.
 *
 * The database has the generation and the check value of a root key, never the key.  A wrong key is
 * therefore found when it is offered.
 */
#include "keyring/keyring.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"

#include "audit/audit.h"
#include "context/call.h"
#include "context/operators.h"
#include "guard/guard.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "keyring/source.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/sql.h"
#include "platform/tables.h"

/* Number and length of the waits of unseal() for the end of a session that loaded a dump. */
#define RESTORER_WAITS   200
#define RESTORER_WAIT_MS 10

static const char sealed_meanwhile[] = "sealed by an operator";
static const char being_restored[] = "a dump is being restored";
static const char restored[] = "a dump was restored, and vault.unseal() has not been called since";
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

/* Try the keys of the page: after the crash of a backend it may still hold those of the shares. */
static const char *
try_page(const RootRecord *record, uint64 epoch)
{
	SecretKey *keys = secret_alloc(2 * sizeof(SecretKey));
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
	secret_free(keys);
	return found ? fault : "shares are awaited: vault.unseal(share)";
}

static const char *
try_source(const RootRecord *record, uint64 epoch)
{
	Keyring *keyring = secret_alloc(sizeof(Keyring));
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
	secret_free(keyring);
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

/* Get the reason in the page, unless the data came after that was written. */
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

/* Raise unless the key in memory is that of the data in this database. */
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
instance_changed(Datum arg)
{
	instance_checked = false;
}

/* After the vault was opened: a restored one says so in the trail before anything else is done. */
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
		/* If the data was restored since the server started, the source may have its key. */
		root_get_sealed_reason(reason, sizeof(reason));
		if ((strcmp(reason, NOT_INITIALISED) != 0 && strcmp(reason, NO_WORKER) != 0 &&
			 strcmp(reason, NO_WORKER_SLOT) != 0) ||
			keyring_try_unseal() != NULL)
			keyring_refuse_sealed();
		keyring_await_settled();
	}
	check_instance();
}

/* Write to the server's log at once: sealing does not wait for a commit either. */
static void
keyring_report(const char *what)
{
	ereport(LOG,
			(errmsg("vault was %s by role \"%s\"", what,
					GetUserNameFromId(call_required()->caller.role, true)),
			 errhidestmt(true)));
}

void
keyring_seal(void)
{
	root_seal_by_operator();
	keyring_report("sealed");
}

/* Restore the key from enough shares, and try it.  The shares are forgotten in any case. */
static void
combine_shares(const RootRecord *record)
{
	Share *shares = secret_alloc(SHARE_MAX_COUNT * sizeof(Share));
	SecretKey *key = secret_alloc(sizeof(SecretKey));
	uint64 epoch = root_epoch();
	int count = root_collected_shares(shares);
	bool right;

	right = count > 0 &&
		shares_combine(shares, Min(count, shares[0].threshold), key) == CRYPTO_OK &&
		root_record_fits(record, key);
	root_forget_shares();
	if (right)
		(void) root_publish(record->generation, key, &record->instance, epoch);
	secret_free(shares);
	secret_free(key);
	if (!right)
		ereport(
			ERROR,
			(errcode(ERRCODE_VAULT_WRONG_KEY), errmsg("the shares do not give the root key"),
			 errhint(
				 "All shares given so far are forgotten; start again with shares of one set.")));
}

static const char *
unseal_with_share(const text *given, const RootRecord *record)
{
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
		return psprintf("sealed: %d of %d shares given", count, needed);
	combine_shares(record);
	return root_state() == ROOT_UNSEALED ? "unsealed" : "sealed meanwhile";
}

/* True if the vault is open already: to publish again would wipe a key that is being staged. */
static bool
is_unsealed_for(const RootRecord *record)
{
	pg_uuid_t held = root_instance();

	return root_state() == ROOT_UNSEALED && uuid_equal(&held, &record->instance) &&
		root_generation() == record->generation;
}

/* Wait a moment for the end of a restore: pg_restore ends before its session does. */
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

const char *
keyring_unseal(const text *share)
{
	RootRecord record;
	const char *fault;
	const char *result;

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
		return "unsealed";
	}
	await_restorer();
	if (share)
		result = unseal_with_share(share, &record);
	else
	{
		fault = keyring_try_unseal();
		if (fault == wrong_key)
			ereport(ERROR,
					(errcode(ERRCODE_VAULT_WRONG_KEY), errmsg("%s", fault),
					 errhint("Provide the root key that this vault was initialised or last "
							 "rotated with.")));
		if (fault)
			source_refuse(fault);
		result = "unsealed";
	}
	keyring_await_settled();
	keyring_report(root_state() == ROOT_UNSEALED ? "unsealed" : "given a share");
	strlcpy(call_required()->reason, root_state() == ROOT_UNSEALED ? "unsealed" : "share given",
			sizeof(call_required()->reason));
	return result;
}

/* True if the key in memory is that of the data in this database. */
static bool
is_open_for(const RootRecord *record)
{
	pg_uuid_t held = root_instance();

	return root_is_open() && uuid_equal(&held, &record->instance);
}

static char *(*find_problems)(void) = NULL;

void
keyring_set_problems(char *(*problems)(void) )
{
	find_problems = problems;
}

/* Weak spots of the vault are shown to those that can mend them. */
static char *
problems_for_caller(void)
{
	return role_sees_all_tenants(call_required()->caller.role) ? find_problems() : NULL;
}

void
keyring_status(KeyringStatus *status)
{
	RootRecord record = {0};

	if (!RecoveryInProgress())
		root_wait_started();
	status->is_initialized = root_record_read(&record);
	status->is_open = status->is_initialized && is_open_for(&record);
	tell_reason(status->is_initialized, status->reason, sizeof(status->reason));
	if (RecoveryInProgress())
		strlcpy(status->reason, "this is a standby server", sizeof(status->reason));
	else if (status->is_initialized && root_is_open() && !status->is_open)
		strlcpy(status->reason, other_vault, sizeof(status->reason));
	status->instance = record.instance;
	status->generation = record.generation;
	status->threshold = record.threshold;
	status->shares_given = root_collected_shares(NULL);
	status->held = origin->held();
	status->problems = problems_for_caller();
}

/* Forget the key when the vault is dropped: it is of no use, and a new vault may follow. */
static void
vault_dropped(void)
{
	root_forget_at_commit();
}

/* Tell the state of the trail.  Before the root page is opened, only the database knows it. */
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
	tables_on_change(TABLE_INSTANCE, instance_changed, (Datum) 0);
}
