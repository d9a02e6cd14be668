/*
 * packed_row.h
 *		Rows of the trail without pointers, as they wait in the ring or for the end of a
 *		transaction.
 */
#ifndef VAULT_AUDIT_PACKED_ROW_H
#define VAULT_AUDIT_PACKED_ROW_H

#include "platform/compat.h"

#include "audit/audit_row.h"

/* A slot of the ring: a packed row, and what the ring adds to it. */
#define RING_SLOT_BYTES 1792

typedef struct PackedRow
{
	uint16 size; /* size of the used part of bytes */
	char bytes[RING_SLOT_BYTES - sizeof(uint64) - 2 * sizeof(int) - sizeof(uint16)];
} PackedRow;

/* Return the size of the used part, which a copy has to have. */
static inline Size
packed_row_size(const PackedRow *packed)
{
	return offsetof(PackedRow, bytes) + packed->size;
}

/*
 * Pack and unpack a row.  detail, id, xid and MAC are not kept.  Texts that do not fit are cut, the
 * reason first.  The texts of an unpacked row point into the packed one.
 */
extern void packed_row_pack(const AuditRow *row, PackedRow *packed);
extern void packed_row_unpack(const PackedRow *packed, AuditRow *row);

/* Return the time of the row. */
extern TimestampTz packed_row_time(const PackedRow *packed);

/* Check at load that columns.h numbers the texts without a gap. */
extern void packed_row_init(void);

#endif
