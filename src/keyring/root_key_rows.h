/*
 * root_key_rows.h
 *		The rows about the root key: instance, generation, check value.
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
 * A value that tells whether a key is the right one and nothing else about it:
 * HKDF-SHA-512(key, info = label ‖ id ‖ generation).
 */
extern void key_check_value(const char *label, const SecretKey *key, const pg_uuid_t *id,
							uint32 generation, unsigned char out[CHECK_VALUE_BYTES]);

typedef enum Presence
{
	VAULT_ABSENT, /* no extension here, or not initialised */
	VAULT_LOADED, /* its data were made elsewhere, and it was not opened here since */
	VAULT_SETTLED
} Presence;

/*
 * By what the database says, without a key: of two servers, databases and extensions made, the
 * names differ.  The sealer settles a vault once it is opened; see evidence/log_consumer.c.
 */
extern Presence vault_presence(void);
extern char *this_system(void);
extern char *this_host(void);

/* False if the vault is not initialised, or the extension not installed. */
extern bool root_record_read(RootRecord *record);
extern bool root_record_instance(pg_uuid_t *instance);

/* Return true if the record is about this key. */
extern bool root_record_fits(const RootRecord *record, const SecretKey *key);

/* Sets the check value to that of a key; instance and generation are set already. */
extern void root_record_note(RootRecord *record, const SecretKey *key);

/* Writes it as the active row, inside a call. */
extern void root_record_insert(const RootRecord *record);

#endif
