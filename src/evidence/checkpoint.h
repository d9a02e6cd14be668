/*
 * checkpoint.h
 *		Checkpoints: the newest seal of every chain at one time, signed.
 */
#ifndef VAULT_EVIDENCE_CHECKPOINT_H
#define VAULT_EVIDENCE_CHECKPOINT_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "evidence/signed_note.h"

typedef struct Checkpoint
{
	char time[32];
	int count;
	SignedNote *heads;
	pg_uuid_t *tenants; /* tenant of each head */
} Checkpoint;

/* Parse a checkpoint. Raises 22023 if this vault did not sign it. */
extern Checkpoint *checkpoint_open(const char *note, size_t size);

/*
 * Return the newest checkpoint that is stored here, or NULL if there is none or it is not genuine.
 * Inside SPI.
 */
extern Checkpoint *checkpoint_stored(void);

/* Return the head of a tenant, or NULL. */
extern const SignedNote *checkpoint_head(const Checkpoint *checkpoint, const pg_uuid_t *tenant);

#endif
