/*
 * keyring.h
 *		The root key's life: init, unseal, seal, rotation, check values.
 */
#ifndef VAULT_KEYRING_KEYRING_H
#define VAULT_KEYRING_KEYRING_H

#include "platform/compat.h"

/*
 * Asks the source, compares with the check value in the database and unseals.
 * NULL, or a phrase that says why not.  Inside a transaction.
 */
extern const char *keyring_try_unseal(void);

/*
 * What re-wraps everything under a root key, and what makes the instance key, both in
 * the present transaction.
 */
extern void keyring_set_wrapping(void (*rewrap)(uint32 generation), void (*make_key)(void));

/*
 * Whether this vault is a copy (the reason, or NULL), what refuses to go on if it is, and what
 * writes down, in vault.init(), where it is at home.
 */
typedef struct OriginCalls
{
	char *(*held)(void);
	void (*require)(void);
	void (*settle)(void);
} OriginCalls;

extern void keyring_set_origin(const OriginCalls *calls);
extern const OriginCalls *keyring_origin(void);

/* What vault.repair() would find, in words, or NULL; for status(). */
extern void keyring_set_problems(char *(*problems)(void) );

/*
 * What prepares the trail of a new vault, and begins it once there is a key; what waits until one
 * that came from elsewhere has said so there.  Preload.
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

/* Raises VT001 or VT002 while the vault cannot be used. */
extern void keyring_require_unsealed(void);

/* Raises the one of them that fits. */
VAULT_NORETURN extern void keyring_refuse_sealed(void);

extern void keyring_init(void);

#endif
