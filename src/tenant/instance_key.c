/*
 * instance_key.c
 *		Prepared MACs, one for each use, valid until the root key's page or the key changes.
 */
#include "tenant/instance_key.h"

#include "access/xact.h"

#include "audit/audit_row.h"
#include "crypto/raise.h"
#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/secret_memory.h"
#include "platform/tables.h"
#include "tenant/tenant_key.h"

#define INSTANCE_KEY_GENERATION 1

static const char *const labels[MAC_USES] = {
	[MAC_AUDIT_ROW] = "vault audit row v1",
	[MAC_AUDIT_SEAL] = "vault audit seal v1",
	[MAC_DECIDING_ROW] = "vault deciding row v1",
};

static Prf *prepared[MAC_USES];
static uint64 prepared_epoch = 0;

static EnvelopeKey *
instance_key(void)
{
	pg_uuid_t instance = UUID_ZERO;

	/* In the transaction of vault.init() the row is a moment old. */
	if (root_is_staging())
		CommandCounterIncrement();
	return tenant_key_open(&instance, INSTANCE_KEY_GENERATION);
}

static void
instance_key_forget(void)
{
	for (int use = 0; use < MAC_USES; use++)
	{
		prf_free(prepared[use]);
		prepared[use] = NULL;
	}
	prepared_epoch = root_epoch();
}

static Prf *
instance_key_prepare(MacUse use)
{
	SecretKey *key = secret_alloc(sizeof(SecretKey));

	crypto_require(envelope_key_derive(instance_key(), labels[use], key));
	crypto_require(prf_new(PRF_SHA256, key->bytes, KEY_BYTES, &prepared[use]));
	secret_free(key);
	return prepared[use];
}

bool
instance_mac(MacUse use, const void *data, size_t size, unsigned char mac[MAC_BYTES])
{
	if (prepared_epoch != root_epoch())
		instance_key_forget();
	if (!root_is_open())
		return false;
	crypto_require(
		prf_compute(prepared[use] ? prepared[use] : instance_key_prepare(use), data, size, mac));
	return true;
}

SecretKey *
instance_derive(const char *label)
{
	SecretKey *key = secret_alloc(sizeof(SecretKey));

	keyring_require_unsealed();
	crypto_require(envelope_key_derive(instance_key(), label, key));
	return key;
}

static bool
mac_of_audit_row(const void *data, size_t size, unsigned char mac[AUDIT_MAC_BYTES])
{
	return instance_mac(MAC_AUDIT_ROW, data, size, mac);
}

void
instance_key_init(void)
{
	audit_set_mac(mac_of_audit_row);
}
