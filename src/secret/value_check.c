/*
 * value_check.c
 *		Check of a value by the type of its secret, before the value is sealed.
 *
 * The type may refuse the value, or write it in another form. It finds its expiry and those facts
 * of it that are not secret. A keyed fingerprint recognizes a value that must not be used again.
 */
#include "secret/write.h"

#include "context/call.h"
#include "crypto/raise.h"
#include "integrity/integrity.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "secret/reuse_probe.h"
#include "tenant/instance_key.h"

static void
check_value(const Write *write)
{
	if (write->size == 0)
		error_bad_argument("value", "must not be empty",
						   "To take a secret away, use vault.delete().");
	if (write->size > ENVELOPE_MAX_VALUE)
		error_bad_argument("value", "must be at most 1 MiB long",
						   "Keep the data elsewhere and its encryption key here.");
}

static void
forget_value_check(void *value_check)
{
	ValueCheck *gone = value_check;

	value_free(gone->generated);
	type_facts_free(&gone->facts);
	secret_wipe(gone, sizeof(*gone));
}

void
value_check_begin(Write *write)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	write->value_check = palloc0(sizeof(ValueCheck));
	callback->func = forget_value_check;
	callback->arg = write->value_check;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

/*
 * Compute the fingerprint that recognizes a value of this secret. It is worthless without the key.
 * The key is not one of the tenant's, because a rotation of those would lose the history.
 */
static void
compute_fingerprint(Write *write, const pg_uuid_t *secret)
{
	size_t size = 2 * UUID_LEN + write->size;
	unsigned char *data = secret_alloc(size);
	unsigned char mac[SHA256_BYTES];
	SecretKey *key = instance_derive("vault value fingerprint v1");

	memcpy(data, call_required()->tenant.data, UUID_LEN);
	memcpy(data + UUID_LEN, secret->data, UUID_LEN);
	memcpy(data + 2 * UUID_LEN, write->value, write->size);
	crypto_require(crypto_hmac_sha256(key->bytes, KEY_BYTES, data, size, mac));
	secret_free(key);
	secret_free(data);
	memcpy(write->value_check->fingerprint, mac, FINGERPRINT_BYTES);
	write->value_check->has_fingerprint = true;
}

static bool
version_has_fingerprint(TableScan *scan, const unsigned char *fingerprint)
{
	bool isnull;
	Datum stored = scan_get(scan, VERSION_FINGERPRINT, &isnull);

	return !isnull && VARSIZE_ANY_EXHDR(DatumGetByteaPP(stored)) == FINGERPRINT_BYTES &&
		secret_equal(VARDATA_ANY(DatumGetByteaPP(stored)), fingerprint, FINGERPRINT_BYTES);
}

/* Return true if the value is in the history. Destroyed versions count, too. */
static bool
is_old_value(Write *write, const TenantType *type, const SecretHead *head)
{
	TableScan scan;
	bool again = false;

	for (int back = 0; back < type->policy.history && back < head->last && !again; back++)
	{
		Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
						 Int32GetDatum(head->last - back)};

		scan_begin(&scan, TABLE_SECRET_VERSION, INDEX_SECRET_VERSION, NULL, keys, 3);
		if (scan_next(&scan))
		{
			row_require_authentic(&scan, TABLE_SECRET_VERSION);
			again = version_has_fingerprint(&scan, write->value_check->fingerprint);
		}
		scan_end(&scan);
	}
	return again;
}

/*
 * Refuse a value of the history, or mark it as weak. A change of type is not compared: it keeps
 * the value, which is in the history.
 */
static void
compare_with_history(Write *write, const TenantType *type, const SecretHead *head)
{
	if (head == NULL || write->new_type)
		return;
	reuse_probe_record(write);
	if (!is_old_value(write, type, head))
		return;
	if (!write->accept_weak)
		type_refuse_value(type, psprintf("it was one of the last %u values", type->policy.history));
	write->value_check->is_weak = true;
}

/*
 * Take the value as the type normalizes it. Returns the rule on strength that it breaks, or NULL.
 */
static const char *
value_check_take_value(Write *write, const TenantType *type)
{
	ValueCheck *value_check = write->value_check;
	const char *weakness;

	if (write->given == NULL && value_check->generated == NULL)
		value_check->generated = type_generate(type, 0, &value_check->generated_size);
	write->value = write->given ? write->given : value_check->generated;
	write->size = write->given ? write->given_size : value_check->generated_size;
	write->format = write->given ? write->given_format : FORMAT_TEXT;
	if (write->given && !write->given_is_stored && write->format != FORMAT_BYTES)
		write->value = secret_to_store(write->given, &write->size);
	check_value(write);
	weakness = type_check_value(type, write->value, write->size, write->format == FORMAT_BYTES,
								write->accept_weak || write->if_changed, &value_check->facts);
	if (value_check->facts.normal == NULL)
		return weakness;
	write->value = value_check->facts.normal;
	write->size = value_check->facts.normal_size;
	if (write->format == FORMAT_BYTES)
		write->format = FORMAT_TEXT;
	return weakness;
}

/*
 * Return true if the value needs no new version. An expired secret, one in its grace, and one that
 * gets another expiry need a new version.
 */
static bool
is_unchanged(const Write *write, const SecretHead *head)
{
	return write->if_changed && head && head->state == STATE_ACTIVE &&
		(write->expires_at == DT_NOEND || write->expires_at == head->expires_at) &&
		secret_is_current_value(head, write->value, write->size, write->format);
}

static void
value_check_compute(Write *write, const char *type_name, const SecretHead *head)
{
	const TenantType *type = type_in_tenant(&call_required()->tenant, type_name);
	ValueCheck *value_check = write->value_check;
	const char *weakness;

	if (strcmp(value_check->type, type_name) == 0)
		return;
	type_facts_free(&value_check->facts);
	weakness = value_check_take_value(write, type);
	write->unchanged = is_unchanged(write, head);
	if (write->unchanged)
		return;
	if (weakness && !write->accept_weak)
		type_refuse_value(type, weakness);
	value_check->is_weak = weakness != NULL;
	value_check->expires_at = type_expiry(type, &value_check->facts);
	if (value_check->expires_at <= GetCurrentTimestamp())
		ereport(NOTICE,
				(errmsg("the value has expired already: it is kept, and cannot be read"),
				 errhint("Put one that is valid with vault.rotate().")));
	value_check->has_fingerprint = false;
	if (type->policy.history > 0)
	{
		compute_fingerprint(write, head ? &head->id : &write->secret);
		compare_with_history(write, type, head);
	}
	if (value_check->is_weak)
		strlcpy(call_required()->reason, "weak, accepted on purpose",
				sizeof(call_required()->reason));
	strlcpy(value_check->type, type_name, sizeof(value_check->type));
}

/* Check in the memory of the call: that of SPI ends before the write, and is not overwritten. */
void
value_check_make(Write *write, const char *type_name, const SecretHead *head)
{
	MemoryContext old = MemoryContextSwitchTo(write->memory);

	value_check_compute(write, type_name, head);
	MemoryContextSwitchTo(old);
}
