/*
 * root_page.h
 *		The root key in memory, and whether the vault is sealed.
 *
 * One page, made by the postmaster before it forks and shared by all of its
 * children; see root_page.c.  A generation may be staged: a transaction that
 * makes a new root key (init, rotate_root_key) puts it in the page beside the
 * present one, and it becomes the present one when that transaction commits.
 */
#ifndef VAULT_KEYRING_ROOT_PAGE_H
#define VAULT_KEYRING_ROOT_PAGE_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/primitives.h"
#include "keyring/shares.h"

/* Reasons for being sealed that may have gone since the server started. */
#define NOT_INITIALISED "the vault is not initialised"
#define NO_WORKER       "the unseal worker could not do its work; see the server's log"

typedef enum RootState
{
	ROOT_STARTING, /* the source has not been tried yet */
	ROOT_SEALED,
	ROOT_UNSEALED
} RootState;

/* Preload, in the postmaster.  Never fails: what is wrong is said at unseal. */
extern void root_page_preload(void);

/* Raises unless a key may be put into the page (its memory is locked). */
extern void root_page_require_locked(void);

/* Name of the kind of memory, for status(): "memfd_secret", "mlock", "swappable". */
extern const char *root_page_memory(void);

extern RootState root_state(void);
/* Seals for the reason given; shares that people gave so far are kept. */
#define NO_WORKER_SLOT "no background worker could be started; raise max_worker_processes"
extern void root_set_sealed_reason(const char *reason);
extern void root_get_sealed_reason(char *reason, size_t size);

/* Waits until the first attempt to unseal after a start has ended. */
extern void root_wait_started(void);
extern void root_set_starting(void);

/* Changes whenever what backends derived from the root key must be forgotten. */
extern uint64 root_epoch(void);

/* Unsealed, or this transaction staged the first key. */
extern bool root_is_open(void);

/* The instance that the key belongs to; only while open. */
extern pg_uuid_t root_instance(void);

/* Generation of the present key (the staged one, in its transaction). */
extern uint32 root_generation(void);

/* Copies the key of a generation; false if the page does not hold it. */
extern bool root_key(uint32 generation, SecretKey *key);

/*
 * Puts a checked key in and unseals.  epoch is that of when the key was asked for:
 * false, and nothing done, if an operator sealed since.
 */
extern bool
root_publish(uint32 generation, const SecretKey *key, const pg_uuid_t *instance, uint64 epoch);

/* Raises where root_stage() would. */
extern void root_require_top_level(void);

/* Stages a key until the end of this transaction.  Not inside a subtransaction. */
extern void root_stage(uint32 generation, const SecretKey *key, const pg_uuid_t *instance);

/*
 * The vault was dropped: for this transaction it is sealed from now on, and if it commits,
 * everything in shared memory that was of this vault is forgotten (shmem_forget).  A key that
 * is staged afterwards is of another vault and stays.
 */
extern void root_forget_at_commit(void);

/*
 * This session loads a dump.  While it lives nobody else opens the vault: what is loaded
 * afterwards would count as changed outside vault.
 */
extern void root_note_restorer(void);
extern bool root_is_being_restored(void);

/*
 * Seals for good: neither a reload nor the restart after a crash asks the source
 * again, until root_publish() or a restart of the server.
 */
extern void root_seal_by_operator(void);
extern bool root_is_sealed_by_operator(void);

/* This transaction has staged a key, whatever became of it. */
extern bool root_is_staging(void);

/* Copies every key that the page still holds (at most two) with its generation. */
extern int root_page_keys(SecretKey keys[2], uint32 generations[2]);

/*
 * Unseal progress.  Returns the number of shares of this set collected so far,
 * the new one included; a share of another set starts anew.
 */
extern int root_add_share(const Share *share);
/* Return the number of shares collected.  Copies them unless shares is NULL. */
extern int root_collected_shares(Share *shares);
extern void root_forget_shares(void);

extern void root_page_init(void);

#endif
