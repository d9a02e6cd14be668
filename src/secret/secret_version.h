/*
 * secret_version.h
 *		Versions of a secret: their values, and whether they can be read.
 *
 * For this folder only; secret.h has secret_open_version() for other features. A value is a
 * varlena of secret_open(), which is overwritten when its memory context ends.
 */
#ifndef VAULT_SECRET_SECRET_VERSION_H
#define VAULT_SECRET_SECRET_VERSION_H

#include "secret/secret.h"

/*
 * Open the version that the scan stands on; return NULL if it was destroyed. Sets the type of the
 * head to that of the version.
 */
extern bytea *secret_version_open(TableScan *scan, SecretHead *head, int version, uint8_t *format);

/* Return the value of the current version from the copy in the head; NULL if there is no copy. */
extern bytea *secret_version_open_copy(TableScan *scan, SecretHead *head, uint8_t *format);

/* Return true if the head that the scan stands on has a copy of the value. */
extern bool secret_version_has_copy(TableScan *scan);

/*
 * Look up a version and open it. Raises an error if it does not exist or is destroyed. Raises an
 * error for a retired version, too, unless retired_too is true.
 */
extern bytea *secret_version_read(SecretHead *head, int version, Snapshot snapshot,
								  bool retired_too, uint8_t *format);

/* Raise an error unless the version can be read. */
extern void secret_version_require(const SecretHead *head, int version, Snapshot snapshot);

/* Check the same without an error, for a bulk read. */
extern bool secret_version_may_leave(const SecretHead *head, int version, Snapshot snapshot);

#endif
