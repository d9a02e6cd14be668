/*
 * secret_version.h
 *		Versions of a secret: whether one can be read, and its value.
 *
 * For this folder only; secret.h has secret_open_version() for other features.  A value is a
 * varlena of secret_open(), which is overwritten when its memory context ends.
 */
#ifndef VAULT_SECRET_SECRET_VERSION_H
#define VAULT_SECRET_SECRET_VERSION_H

#include "secret/secret.h"

/*
 * Opens the version that the scan stands on; NULL if it was destroyed.  The type of the version is
 * left in the head.
 */
extern bytea *secret_version_open(TableScan *scan, SecretHead *head, int version, uint8_t *format);

/* The value of the current version from the copy in the head; NULL if there is none. */
extern bytea *secret_version_open_copy(TableScan *scan, SecretHead *head, uint8_t *format);

/* Whether the head that the scan stands on has the value in it. */
extern bool secret_version_has_copy(TableScan *scan);

/*
 * Look a version up and open it.  Raises if it does not exist, is destroyed, or is retired; the
 * last only without retired_too.
 */
extern bytea *secret_version_read(SecretHead *head, int version, Snapshot snapshot,
								  bool retired_too, uint8_t *format);

/* The version can be read: raises if not. */
extern void secret_version_require(const SecretHead *head, int version, Snapshot snapshot);

/* The same without an error, for a bulk read. */
extern bool secret_version_may_leave(const SecretHead *head, int version, Snapshot snapshot);

#endif
