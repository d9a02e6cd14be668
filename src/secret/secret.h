/*
 * secret.h
 *		Secrets and their versions: layout, lookup, sealing and opening a value.
 */
#ifndef VAULT_SECRET_SECRET_H
#define VAULT_SECRET_SECRET_H

#include "platform/compat.h"

#include "fmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "crypto/envelope.h"
#include "platform/tables.h"
#include "policy/policy.h"

/* Form in which the value was given; kept inside the envelope. */
typedef enum ValueFormat
{
	FORMAT_TEXT = 1,
	FORMAT_BYTES = 2,
	FORMAT_JSON = 3
} ValueFormat;

/* Envelopes up to this size (as varlena) are copied into the head. */
#define SECRET_INLINE_BYTES 1024

/* Columns of vault_data.secret. */
enum
{
	SECRET_TENANT = 1,
	SECRET_ID,
	SECRET_ENVIRONMENT,
	SECRET_NAME,
	SECRET_TYPE,
	SECRET_CURRENT,
	SECRET_PREVIOUS,
	SECRET_PENDING,
	SECRET_LAST,
	SECRET_EXPIRES_AT,
	SECRET_PURGE_AT,
	SECRET_DEACTIVATED_AT,
	SECRET_GRACE_UNTIL = 15,
	SECRET_ENVELOPE = 19 /* copy of the envelope of the current version, if it is small */
};

/* Columns of vault_data.secret_version. */
enum
{
	VERSION_TENANT = 1,
	VERSION_SECRET,
	VERSION_NUMBER,
	VERSION_KEY_GENERATION,
	VERSION_RETIRED_AT = 8,
	VERSION_EXPIRES_AT,
	VERSION_FINGERPRINT,
	VERSION_TYPE,
	VERSION_ENVELOPE = 15
};

/* Column of vault_data.rotation. */
#define ROTATION_RETIRE_AT 7

typedef enum SecretState
{
	STATE_ACTIVE,
	STATE_GRACE, /* expired, and still readable until the end of its grace */
	STATE_EXPIRED,
	STATE_DEACTIVATED,
	STATE_DELETED
} SecretState;

typedef struct SecretHead
{
	pg_uuid_t tenant;
	pg_uuid_t id;
	char type[ENVELOPE_MAX_TYPE + 1]; /* type of the current version */
	SecretState state;                /* state when the head was read */
	int current;
	int last;
	TimestampTz expires_at;  /* end of the validity; DT_NOEND: never */
	TimestampTz grace_until; /* end of the grace, if the state is STATE_GRACE */
	TimestampTz purge_at;    /* time of the purge, if the secret is deleted */
	TransactionId writer;    /* writer of the row; see scan_writer() */
	bool in_head;            /* true if the value that was read is the copy in the head */
} SecretHead;

/* Fill in the head from the row of vault_data.secret that the scan stands on. */
extern void secret_head_from(TableScan *scan, SecretHead *head);

/*
 * Mark by which the head of a value that was read is recognized, as long as the head is unchanged.
 */
typedef struct HeadMark
{
	pg_uuid_t tenant;
	pg_uuid_t id;
	TransactionId writer;
	int version;       /* current version when the head was read */
	TimestampTz until; /* end of being active without a change; DT_NOBEGIN: check it again */
} HeadMark;

/* Return the mark of a head that was read. */
extern HeadMark secret_mark(const SecretHead *head);

/*
 * Return true if the scan stands on the head of the mark, the head is unchanged, and it is still
 * active. The scan may stand on the head of any secret. If true, neither the MAC of the row nor
 * anything else of it has to be checked again.
 */
extern bool secret_head_stands(TableScan *scan, const HeadMark *mark);

/* Begin a scan on the head of the secret. Returns false if it does not exist; see secret_find(). */
extern bool
secret_scan(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name, Snapshot snapshot);

/* Do the same for a secret that was at this place a moment ago. */
extern bool secret_scan_from(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name,
							 Snapshot snapshot, const ItemPointerData *place);

/*
 * Find a secret by an index that is given in C, without a planner. The planner would take any of
 * several indexes that start with the tenant while the table is small, and would keep the plan.
 */
extern bool secret_find(const pg_uuid_t *tenant, const SecretName *name, SecretHead *head);

/* Raise VT006, VT007 or VT008 unless the secret is active or in its grace. */
extern void secret_require_readable(const SecretHead *head);
/* Return true if the secret is active or in its grace. */
extern bool secret_is_readable(const SecretHead *head);

/*
 * Open an envelope into a new varlena. It lives in a buffer that is overwritten when the present
 * memory context ends: do not free it, and copy data that must outlive the context. The caller
 * must have decided that the value may be read.
 */
extern bytea *secret_open(const SecretHead *head, int version, uint32 generation, bytea *envelope,
						  uint8_t *format);

/* Seal a value under the tenant's active key. Sets *generation to the generation of that key. */
extern bytea *
secret_seal(const pg_uuid_t *tenant, const pg_uuid_t *secret, const char *type, int version,
			const void *value, size_t size, uint8_t format, uint32 *generation);

/*
 * Return the value of any version except a destroyed one, for the vault's own code. This function
 * checks no permission, and opens a retired version too.
 */
extern bytea *secret_open_version(const SecretHead *head, int version, uint8_t *format);

/*
 * Return true if the current version is this value in this form, as it is stored; false if it was
 * destroyed.
 */
extern bool
secret_is_current_value(const SecretHead *head, const void *value, size_t size, uint8_t format);

/*
 * Return stored text or JSON, which is UTF-8, in the encoding of the database: the argument itself
 * or a new buffer. Returns NULL if the encoding does not have one of its characters, or if it is
 * not text.
 */
extern bytea *secret_as_text(bytea *stored);

/* Do the same, and raise VT013 instead of returning NULL. */
extern bytea *secret_require_text(bytea *stored);

/* Convert text to the stored form; raises VT013 as well. Sets *size to the size of the result. */
extern const char *secret_to_store(const char *text, size_t *size);

/*
 * Return the text of a value as jsonb. Raises VT013 without any part of the text if it is not
 * JSON.
 */
extern Datum secret_parse_json(text *value);

/*
 * Store a pending version and return its number. The caller must have decided that this is
 * allowed. If value is NULL, the type generates one. If is_stored is true, the value is in UTF-8,
 * like stored values, and not in the encoding of the database.
 */
extern int secret_store_pending(const SecretName *name, const void *value, size_t size,
								uint8_t format, bool is_stored);

/*
 * Rotator for secrets whose rotation is more than storing a value. rotate() calls it once the
 * permission is checked. A value of NULL is to be generated. retire_now is true if the value in
 * use leaked. Returns false if it did nothing. *version is 0 if the version does not exist yet.
 */
typedef bool (*SecretRotator)(const SecretName *name, const void *value, size_t size,
							  uint8_t format, bool retire_now, int *version);
/* Register the rotator. Call it at start. */
extern void secret_set_rotator(SecretRotator rotator);

/* Refuse to run in a cursor WITH HOLD. Every function that returns a value calls it. */
extern void secret_refuse_holdable_cursor(void);

/*
 * Run the body of vault.put(name, text, …), for features that make values from their arguments.
 */
extern Datum secret_put_text(FunctionCallInfo fcinfo);

/* Raise the error for a secret that does not exist, or for a version that was destroyed. */
VAULT_NORETURN extern void secret_refuse_absent(const SecretName *name);
VAULT_NORETURN extern void secret_refuse_destroyed(int version);

#endif
