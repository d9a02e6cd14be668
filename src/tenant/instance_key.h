/*
 * instance_key.h
 *		MACs and keys of the vault as a whole: for the audit trail, and for the rows that decide
 *		access.
 *
 * All derive from the instance key, which is the key of the zero uuid in vault_data.tenant_key.
 * vault.init() makes it, and each new root key wraps it anew. Otherwise it stays, because the data
 * that it authenticates outlives tenants and their keys. A caller that uses it for data of a
 * tenant must include the tenant's id in the data.
 */
#ifndef VAULT_TENANT_INSTANCE_KEY_H
#define VAULT_TENANT_INSTANCE_KEY_H

#include "platform/compat.h"

#include "crypto/primitives.h"

typedef enum MacUse
{
	MAC_AUDIT_ROW,
	MAC_AUDIT_SEAL,
	MAC_DECIDING_ROW,
	MAC_USES
} MacUse;

#define MAC_BYTES SHA256_BYTES

/*
 * Compute HMAC-SHA-256 under the key for this use. Returns false while the vault is sealed; raises
 * VT003 or VT004 if the key is damaged or missing. Must run inside a transaction.
 */
extern bool instance_mac(MacUse use, const void *data, size_t size, unsigned char mac[MAC_BYTES]);

/*
 * Derive a key for another use. Returns it in a buffer for secret_free(). Raises VT001 while the
 * vault is sealed.
 */
extern SecretKey *instance_derive(const char *label);

extern void instance_key_init(void);

#endif
