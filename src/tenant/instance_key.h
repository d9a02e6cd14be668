/*
 * instance_key.h
 *		MACs and keys of the vault as a whole: of the audit trail, and of the rows
 *		that decide access.
 *
 * All derive from the instance key, which is the key of the zero uuid in
 * vault_data.tenant_key.  It is made by vault.init(), wrapped anew with each root
 * key, and otherwise stays: what it authenticates outlives tenants and their keys.
 * Whoever uses it for something of a tenant has the tenant's id in the data.
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
 * HMAC-SHA-256 under the key for this use.  False while the vault is sealed; raises
 * VT003 or VT004 if the key is damaged or missing.  Inside a transaction.
 */
extern bool instance_mac(MacUse use, const void *data, size_t size, unsigned char mac[MAC_BYTES]);

/* A key for another use.  Raises VT001 while the vault is sealed. */
extern void instance_derive(const char *label, SecretKey *key);

extern void instance_key_init(void);

#endif
