/*
 * keyring.h
 *		The life of the root key: init, unseal, seal, rotation.
 *
 * The key itself is in the secret page (root_page.h), which has its own lock.  Functions that later
 * features register here are called inside a transaction.
 */
#ifndef VAULT_KEYRING_KEYRING_H
#define VAULT_KEYRING_KEYRING_H

#include "platform/compat.h"

#include "nodes/execnodes.h"
#include "utils/uuid.h"

/*
 * Ask the source for the root key, compare it with the check value in the database, and unseal.
 * Returns NULL, or a phrase that says why not.  Inside a transaction.
 */
extern const char *keyring_try_unseal(void);

/*
 * Seal at once; a rollback does not undo it.  keyring_unseal() takes a share of the root key, or
 * NULL to ask the source.  It returns the state as a phrase for the operator, raises if it cannot
 * unseal, and may wait for the end of a restore.  Both run inside a call.
 */
extern void keyring_seal(void);
extern const char *keyring_unseal(const text *share);

/*
 * Make the first root key, or the next one and wrap every key anew with it.  NULL for a count means
 * its default, or the count so far.  With force, standby servers that do not have the new key are a
 * warning and no error.  Shares of the key, if people are the source, are put into the result set.
 * Both run inside a call, with current memory that is overwritten at its end.
 */
extern void keyring_init_vault(const int *shares, const int *threshold, ReturnSetInfo *result);
extern void
keyring_rotate(const int *shares, const int *threshold, bool force, ReturnSetInfo *result);

/* The state of the vault, for vault.status(). */
typedef struct KeyringStatus
{
	bool is_initialized;
	bool is_open;     /* for the vault of this database */
	char reason[128]; /* the reason why it is not open */
	pg_uuid_t instance;
	uint32 generation;
	int threshold;
	int shares_given; /* shares that were collected so far */
	char *held;       /* reason why it is held as a copy, or NULL */
	char *problems;   /* for operators and auditors, or NULL */
} KeyringStatus;

/* Fill the status.  Works sealed and on a standby; inside a call. */
extern void keyring_status(KeyringStatus *status);

/*
 * The functions of src/tenant; all work in the current transaction.  lock() keeps others from
 * changing the keys of tenants, rewrap() wraps all of them under a root key, and
 * make_instance_key() makes the instance key in vault.init().
 */
typedef struct KeyringWrapping
{
	void (*lock)(void);
	void (*rewrap)(uint32 generation);
	void (*make_instance_key)(void);
} KeyringWrapping;

/* Register them.  The struct is kept.  Preload. */
extern void keyring_set_wrapping(const KeyringWrapping *functions);

/*
 * The functions of src/origin.  held() returns the reason why this vault is a copy, or NULL;
 * require() raises if it is one; settle() records in vault.init() where the vault is at home.
 */
typedef struct OriginCalls
{
	char *(*held)(void);
	void (*require)(void);
	void (*settle)(void);
} OriginCalls;

extern void keyring_set_origin(const OriginCalls *calls);
extern const OriginCalls *keyring_origin(void);

/* Register the function that describes what vault.repair() would find, or NULL.  Preload. */
extern void keyring_set_problems(char *(*problems)(void) );

/*
 * The functions of src/evidence.  prepare() prepares the trail of a new vault, and begin() begins
 * it once there is a key.  await_settled() waits until a vault that came from elsewhere has
 * recorded that.  Preload.
 */
typedef struct KeyringTrail
{
	void (*prepare)(void);
	void (*begin)(void);
	void (*await_settled)(void);
} KeyringTrail;

extern void keyring_set_trail(const KeyringTrail *trail);
extern void keyring_prepare_trail(void);
extern void keyring_begin_trail(void);

/* Raise VT001 or VT002 while the vault cannot be used, VT003 if its key is another vault's. */
extern void keyring_require_unsealed(void);

/* Raise VT001 or VT002. */
VAULT_NORETURN extern void keyring_refuse_sealed(void);

extern void keyring_init(void);

#endif
