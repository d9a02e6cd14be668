/*
 * ceremony.c
 *		The key ceremonies: a new root key for vault.init() and vault.rotate_root_key().
 *
 * The order of the steps is:
 *
 *		1. The source has the new generation, durably.
 *		2. The page has it staged.
 *		3. Rows are written, and every tenant key is wrapped anew.
 *		4. The transaction commits.
 *
 * If the process is killed at any point, the database names a generation that the source has.
 */
#include "keyring/keyring.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "audit/audit.h"
#include "crypto/raise.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "keyring/source.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/sql.h"

#define DEFAULT_SHARES    5
#define DEFAULT_THRESHOLD 3

static const KeyringWrapping *wrapping = NULL;

void
keyring_set_wrapping(const KeyringWrapping *functions)
{
	wrapping = functions;
}

/* Make a random key; put shares of it into the result if people are the source. */
static void
make_key(SecretKey *key, const RootRecord *record, ReturnSetInfo *result)
{
	Share *shares = secret_alloc(SHARE_MAX_COUNT * sizeof(Share));
	char *encoded = secret_alloc(SHARE_TEXT_BYTES);

	crypto_require(crypto_random(key->bytes, KEY_BYTES));
	if (source_kind() != SOURCE_MANUAL)
		return;
	if (shares_split(key, record->threshold, record->shares, shares) != CRYPTO_OK)
		error_bad_argument("number of shares", "must be 2 <= threshold <= shares <= 32", NULL);
	for (int i = 0; i < record->shares; i++)
	{
		bool isnull = false;
		Datum value;

		crypto_require(share_encode(&shares[i], encoded));
		value = PointerGetDatum(secret_text(encoded, strlen(encoded)));
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
}

/*
 * Get the key of the generation that follows `above`, which is 0 for the first, and return that
 * generation.  The key comes from a command, or is made here.  With a file as the source, it is
 * written there before anything uses it.
 */
static uint32
next_key(uint32 above, const RootRecord *record, SecretKey *key, ReturnSetInfo *result)
{
	Keyring *keyring = secret_alloc(sizeof(Keyring));
	const char *fault = source_kind() == SOURCE_MANUAL ? NULL : source_load(keyring);
	uint32 newest;
	uint32 generation;

	if (fault)
		source_refuse(fault);
	if (source_kind() == SOURCE_FILE && above > 0)
		keyring_drop_uncommitted(keyring, above);
	newest = keyring_newest(keyring);
	generation = Max(above, newest) + 1;
	if (above > 0 && newest == 0 && keyring->count == 1)
		keyring->generations[0] = above;
	if (source_kind() == SOURCE_COMMAND || (above == 0 && keyring->count > 0))
	{
		generation = newest == 0 && above == 0 ? 1 : newest;
		if (keyring->count == 0 || generation <= above)
			source_refuse("the command does not offer a newer generation");
		*key = *keyring_find(keyring, generation);
	}
	else
	{
		make_key(key, record, result);
		if (source_kind() == SOURCE_FILE)
			source_file_add(keyring, generation, key);
	}
	return generation;
}

static void
stage_next(uint32 above, RootRecord *record, ReturnSetInfo *result)
{
	SecretKey *key = secret_alloc(sizeof(SecretKey));

	root_require_top_level();
	record->generation = next_key(above, record, key, result);
	root_record_note(record, key);
	root_stage(record->generation, key, &record->instance);
	secret_free(key);
}

/* Put the given counts into the record; NULL keeps what is there. */
static void
take_share_counts(const int *shares, const int *threshold, RootRecord *record)
{
	if (shares)
		record->shares = *shares;
	if (threshold)
		record->threshold = *threshold;
	if (source_kind() == SOURCE_MANUAL &&
		(record->threshold < 2 || record->threshold > record->shares ||
		 record->shares > SHARE_MAX_COUNT))
		error_bad_argument("number of shares", "must be 2 <= threshold <= shares <= 32", NULL);
}

/*
 * True if servers follow this one, or will: WAL senders that are not logical (a base backup too),
 * and physical slots of standbys that are away.  Followers of archived WAL cannot be counted.
 */
static bool
has_standby(void)
{
	static Sql find = {
		"SELECT FROM pg_stat_get_wal_senders() w WHERE NOT"
		" EXISTS (SELECT FROM pg_get_replication_slots() l"
		" WHERE l.active_pid = w.pid AND l.slot_type = 'logical')"
		" UNION ALL SELECT FROM pg_get_replication_slots() s WHERE s.slot_type = 'physical'",
		0};

	return sql_run(&find, NULL, NULL) > 0;
}

/*
 * True if there is a standby that would not have the new key.  People give their shares to any
 * server; a file or a command belongs to one server.
 */
static bool
outruns_standby(void)
{
	return source_kind() != SOURCE_MANUAL && has_standby();
}

#define STANDBY_HINT                                       \
	"A standby that is promoted without it stays sealed, " \
	"and with this server lost so is every secret: "

static void
require_no_standby(bool force)
{
	if (!outruns_standby())
		return;
	if (!force)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("standby servers follow this one, and would not hold the new root key"),
			 errhint(
				 STANDBY_HINT
				 "call vault.rotate_root_key(force => true) when the root key file can be copied "
				 "to each of them at once, or the new generation given to its key command.")));
	ereport(WARNING,
			(errmsg("standby servers follow this one, and do not hold the new root key yet"),
			 errhint(STANDBY_HINT
					 "now copy the root key file, or give the new generation to the key command, "
					 "to each of them.")));
}

void
keyring_init_vault(const int *shares, const int *threshold, ReturnSetInfo *result)
{
	static Sql insert = {"INSERT INTO vault_data.instance (id) VALUES ($1)", 1, {UUIDOID}};
	RootRecord record = {.shares = DEFAULT_SHARES, .threshold = DEFAULT_THRESHOLD};
	RootRecord existing;
	Datum value;

	root_wait_started();
	if (root_record_read(&existing))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the vault is already initialised"),
				 errhint("vault.status() shows its state.")));
	take_share_counts(shares, threshold, &record);
	record.instance = id_new();

	sql_begin();
	if (outruns_standby())
		ereport(WARNING,
				(errmsg("standby servers follow this one, and may not hold the root key yet"),
				 errhint(STANDBY_HINT
						 "see to it that each of them has the root key file or the key command.")));
	keyring_prepare_trail();
	value = UUIDPGetDatum(&record.instance);
	sql_run(&insert, &value, NULL);
	stage_next(0, &record, result);
	root_record_insert(&record);
	wrapping->make_instance_key();
	keyring_origin()->settle();
	keyring_begin_trail();
	audit_event("init", NULL);
	sql_end();
}

void
keyring_rotate(const int *shares, const int *threshold, bool force, ReturnSetInfo *result)
{
	static Sql retire = {"UPDATE vault_data.root_key SET state = 'retired' WHERE state = 'active'",
						 0};
	RootRecord record;

	/* A copy that shares the source with its original must not change the source. */
	keyring_origin()->require();
	sql_begin();
	require_no_standby(force);
	wrapping->lock();
	if (!root_record_read(&record))
		keyring_refuse_sealed();
	take_share_counts(shares, threshold, &record);
	stage_next(record.generation, &record, result);
	sql_run(&retire, NULL, NULL);
	root_record_insert(&record);
	wrapping->rewrap(record.generation);
	audit_event("rotate_root_key", NULL);
	sql_end();
}
