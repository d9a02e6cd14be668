/*
 * root_key_rows.h
 *		The rows of the root key: instance, generation, check value.
 */
#ifndef VAULT_KEYRING_ROOT_KEY_ROWS_H
#define VAULT_KEYRING_ROOT_KEY_ROWS_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/primitives.h"

#define CHECK_VALUE_BYTES 32

/* The active row of vault_data.root_key, and vault_data.instance. */
typedef struct RootRecord
{
	pg_uuid_t instance;
	uint32 generation;
	unsigned char check[CHECK_VALUE_BYTES];
	int shares;
	int threshold;
} RootRecord;

/*
 * Compute a value that tells only whether a key is the right one:
 * HKDF-SHA-512(key, info = label ‖ id ‖ generation).
 */
extern void key_check_value(const char *label, const SecretKey *key, const pg_uuid_t *id,
							uint32 generation, unsigned char out[CHECK_VALUE_BYTES]);

typedef enum Presence
{
	VAULT_ABSENT, /* no extension here, or not initialized */
	VAULT_LOADED, /* written elsewhere, and not opened here since */
	VAULT_SETTLED
} Presence;

/*
 * Find the state of the data from the tables alone, without a key. Different servers, databases and
 * extensions have different names. The sealer settles a vault once it is opened; see
 * evidence/log_consumer.c.
 */
extern Presence vault_presence(void);
extern char *this_system(void);
extern char *this_host(void);

/* Return false if the vault is not initialized, or the extension not installed. */
extern bool root_record_read(RootRecord *record);
extern bool root_record_instance(pg_uuid_t *instance);

/* Return true if the record is about this key. */
extern bool root_record_fits(const RootRecord *record, const SecretKey *key);

/* Set the check value to that of a key. instance and generation are set already. */
extern void root_record_note(RootRecord *record, const SecretKey *key);

/* Write the record as the active row, inside a call. */
extern void root_record_insert(const RootRecord *record);

#endif
