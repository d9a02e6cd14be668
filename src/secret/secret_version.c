/*
 * secret_version.c
 *		Versions of a secret: their values, and whether they can be read.
 *
 * A version is looked up under the snapshot of the caller. Its row is authenticated before any of
 * its data is used.
 */
#include "secret/secret_version.h"

#include "utils/builtins.h"

#include "crypto/raise.h"
#include "integrity/integrity.h"
#include "platform/errors.h"

/*
 * Open the version that the scan stands on; return NULL if it was destroyed. A version has the
 * type that the secret had when the version was made. That type is set in the head.
 */
bytea *
secret_version_open(TableScan *scan, SecretHead *head, int version, uint8_t *format)
{
	bool destroyed;
	bool no_type;
	Datum envelope = scan_get(scan, VERSION_ENVELOPE, &destroyed);
	Datum type = scan_get(scan, VERSION_TYPE, &no_type);

	if (destroyed)
		return NULL;
	if (no_type)
		crypto_require(CRYPTO_ERR_AUTH);
	text_to_cstring_buffer(DatumGetTextPP(type), head->type, sizeof(head->type));
	return secret_open(head, version, DatumGetInt32(scan_get(scan, VERSION_KEY_GENERATION, NULL)),
					   DatumGetByteaPP(envelope), format);
}

/* Return true if the overlap of a rotation is over that the job has not ended yet. */
static bool
overlap_is_over(const SecretHead *head, int version, Snapshot snapshot)
{
	Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
					 Int32GetDatum(version)};
	TimestampTz now = GetCurrentTimestamp();
	TableScan scan;
	bool over = false;

	scan_begin(&scan, TABLE_ROTATION, INDEX_ROTATION_RETIRE, snapshot, keys, 3);
	while (!over && scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_ROTATION);
		over = DatumGetTimestampTz(scan_get(&scan, ROTATION_RETIRE_AT, NULL)) <= now;
	}
	scan_end(&scan);
	return over;
}

/*
 * Return the reason for which an old version cannot be read, or NULL. For the current version the
 * head decides.
 */
static const char *
past_fault(TableScan *scan, const SecretHead *head, int version, Snapshot snapshot)
{
	bool lasts;
	bool in_use;
	Datum end;

	if (version == head->current)
		return NULL;
	end = scan_get(scan, VERSION_EXPIRES_AT, &lasts);
	if (!lasts && DatumGetTimestampTz(end) <= GetCurrentTimestamp())
		return "has expired";
	(void) scan_get(scan, VERSION_RETIRED_AT, &in_use);
	return !in_use || overlap_is_over(head, version, snapshot) ? "was retired" : NULL;
}

static void
refuse_past(TableScan *scan, const SecretHead *head, int version, Snapshot snapshot)
{
	const char *fault = past_fault(scan, head, version, snapshot);

	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_EXPIRED), errmsg("version %d %s", version, fault),
				 errhint("Read the current version; vault.rollback() puts an earlier one back.")));
}

static bool
is_destroyed(TableScan *scan)
{
	bool destroyed;

	(void) scan_get(scan, VERSION_ENVELOPE, &destroyed);
	return destroyed;
}

static void
secret_version_begin(TableScan *scan, const SecretHead *head, int version, Snapshot snapshot)
{
	Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
					 Int32GetDatum(version)};

	scan_begin(scan, TABLE_SECRET_VERSION, INDEX_SECRET_VERSION, snapshot, keys, 3);
}

VAULT_NORETURN static void
secret_version_refuse_none(int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_NO_SECRET),
			 errmsg("version %d of the secret does not exist", version),
			 errhint("The view vault.versions shows what there is.")));
}

bytea *
secret_version_read(SecretHead *head, int version, Snapshot snapshot, bool retired_too,
					uint8_t *format)
{
	TableScan scan;
	bytea *value;

	secret_version_begin(&scan, head, version, snapshot);
	if (!scan_next(&scan))
		secret_version_refuse_none(version);
	row_require_authentic(&scan, TABLE_SECRET_VERSION);
	if (!retired_too)
		refuse_past(&scan, head, version, snapshot);
	value = secret_version_open(&scan, head, version, format);
	scan_end(&scan);
	if (value == NULL)
		secret_refuse_destroyed(version);
	return value;
}

bytea *
secret_open_version(const SecretHead *head, int version, uint8_t *format)
{
	SecretHead of_version = *head;

	return secret_version_read(&of_version, version, NULL, true, format);
}

bool
secret_is_current_value(const SecretHead *head, const void *value, size_t size, uint8_t format)
{
	Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
					 Int32GetDatum(head->current)};
	SecretHead of_version = *head;
	TableScan scan;
	bytea *current = NULL;
	uint8_t current_format;

	scan_begin(&scan, TABLE_SECRET_VERSION, INDEX_SECRET_VERSION, NULL, keys, 3);
	if (scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_SECRET_VERSION);
		current = secret_version_open(&scan, &of_version, head->current, &current_format);
	}
	scan_end(&scan);
	if (current == NULL)
		return false;
	return (format == FORMAT_BYTES) == (current_format == FORMAT_BYTES) &&
		VARSIZE_ANY_EXHDR(current) == size && secret_equal(VARDATA_ANY(current), value, size);
}

/* Return the value of the current version from the copy in the head; NULL if there is no copy. */
bytea *
secret_version_open_copy(TableScan *scan, SecretHead *head, uint8_t *format)
{
	bool absent;
	Datum datum = scan_get(scan, SECRET_ENVELOPE, &absent);
	bytea *envelope;

	if (absent)
		return NULL;
	envelope = DatumGetByteaPP(datum);
	crypto_require(
		envelope_check((unsigned char *) VARDATA_ANY(envelope), VARSIZE_ANY_EXHDR(envelope)));
	head->in_head = true;
	return secret_open(head, head->current,
					   envelope_generation((unsigned char *) VARDATA_ANY(envelope)), envelope,
					   format);
}

/* Require a version whose value is not in the head, or that was replaced meanwhile. */
void
secret_version_require(const SecretHead *head, int version, Snapshot snapshot)
{
	TableScan scan;
	bool destroyed;

	secret_version_begin(&scan, head, version, snapshot);
	if (!scan_next(&scan))
		secret_version_refuse_none(version);
	row_require_authentic(&scan, TABLE_SECRET_VERSION);
	refuse_past(&scan, head, version, snapshot);
	destroyed = is_destroyed(&scan);
	scan_end(&scan);
	if (destroyed)
		secret_refuse_destroyed(version);
}

/* Check the same without an error, for a bulk read. */
bool
secret_version_may_leave(const SecretHead *head, int version, Snapshot snapshot)
{
	TableScan scan;
	bool may = false;

	secret_version_begin(&scan, head, version, snapshot);
	if (scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_SECRET_VERSION);
		may = !is_destroyed(&scan) && past_fault(&scan, head, version, snapshot) == NULL;
	}
	scan_end(&scan);
	return may;
}

/* Return true if the head that the scan stands on has a copy of the value. */
bool
secret_version_has_copy(TableScan *scan)
{
	bool absent;

	(void) scan_get(scan, SECRET_ENVELOPE, &absent);
	return !absent;
}
