/*
 * root_page.h
 *		The root key in memory, and whether the vault is sealed.
 *
 * There is one page, allocated by the postmaster before it forks and shared by all of its children;
 * see root_page.c. A generation may be staged: a transaction that makes a new root key (init,
 * rotate_root_key) puts it in the page beside the present one. It becomes the present one when that
 * transaction commits.
 */
#ifndef VAULT_KEYRING_ROOT_PAGE_H
#define VAULT_KEYRING_ROOT_PAGE_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "crypto/primitives.h"
#include "keyring/shares.h"

/* Reasons for being sealed that may have become obsolete since the server started. */
#define NOT_INITIALISED "the vault is not initialised"
#define NO_WORKER       "the unseal worker could not do its work; see the server's log"

typedef enum RootState
{
	ROOT_STARTING, /* the source has not been tried yet */
	ROOT_SEALED,
	ROOT_UNSEALED
} RootState;

/*
 * Allocate the page, in the postmaster. It never fails; a fault is reported at unseal. Preload
 * only.
 */
extern void root_page_preload(void);

/* Raises unless a key may be put into the page, which requires locked memory. */
extern void root_page_require_locked(void);

/* Return the kind of memory for status(): "memfd_secret", "mlock", "swappable". */
extern const char *root_page_memory(void);

extern RootState root_state(void);
/* Seal for the given reason. The shares given so far are kept. */
#define NO_WORKER_SLOT "no background worker could be started; raise max_worker_processes"
extern void root_set_sealed_reason(const char *reason);
extern void root_get_sealed_reason(char *reason, size_t size);

/* Wait until the first attempt to unseal after a start has ended. */
extern void root_wait_started(void);
extern void root_set_starting(void);

/* Return a number that changes when backends must forget what they derived from the root key. */
extern uint64 root_epoch(void);

/* Return true if unsealed, or if this transaction staged the first key. */
extern bool root_is_open(void);

/* Return the instance that the key belongs to; only while open. */
extern pg_uuid_t root_instance(void);

/* Return the generation of the present key; in the transaction that staged a key, of that one. */
extern uint32 root_generation(void);

/* Copy the key of a generation. Returns false if the page does not hold it. */
extern bool root_key(uint32 generation, SecretKey *key);

/*
 * Put a checked key in and unseal. epoch is that of the time when the source was asked: if an
 * operator has sealed since, nothing is done and the result is false.
 */
extern bool
root_publish(uint32 generation, const SecretKey *key, const pg_uuid_t *instance, uint64 epoch);

/* Raise where root_stage() would. */
extern void root_require_top_level(void);

/* Stage a key until the end of this transaction. Not inside a subtransaction. */
extern void root_stage(uint32 generation, const SecretKey *key, const pg_uuid_t *instance);

/*
 * Note that the vault was dropped. For this transaction it is sealed from now on. If the
 * transaction commits, shared memory forgets everything about this vault (shmem_forget). A key that
 * is staged afterwards is of another vault and is kept.
 */
extern void root_forget_at_commit(void);

/*
 * Note that this session loads a dump. While the session lives, no other one can open the vault:
 * rows that are loaded after the opening would count as changed outside the vault.
 */
extern void root_note_restorer(void);
extern bool root_is_being_restored(void);

/*
 * Seal for good: neither a reload nor the restart after a crash asks the source again, until
 * root_publish() or a restart of the server.
 */
extern void root_seal_by_operator(void);
extern bool root_is_sealed_by_operator(void);

/* Return true if this transaction has staged a key, even if the key is gone. */
extern bool root_is_staging(void);

/* Copy every key that the page still holds (at most two) with its generation. */
extern int root_page_keys(SecretKey keys[2], uint32 generations[2]);

/*
 * Collect shares. Returns the number of shares of this set collected so far, including the new one.
 * A share of another set starts again.
 */
extern int root_add_share(const Share *share);
/* Return the number of shares collected.  Copies them unless shares is NULL. */
extern int root_collected_shares(Share *shares);
extern void root_forget_shares(void);

extern void root_page_init(void);

#endif
