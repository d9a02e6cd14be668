/*
 * checkpoint.h
 *		Checkpoints: how far every chain had come, signed.
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
	pg_uuid_t *tenants; /* of the heads */
} Checkpoint;

/* Raises 22023 unless this vault signed it. */
extern Checkpoint *checkpoint_open(const char *note, size_t size);

/* The newest that is stored here and is genuine, or else NULL.  Inside SPI. */
extern Checkpoint *checkpoint_stored(void);

/* Return the entry of a tenant, or NULL. */
extern const SignedNote *checkpoint_head(const Checkpoint *checkpoint, const pg_uuid_t *tenant);

#endif
