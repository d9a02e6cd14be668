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

/* How the value was given; kept inside the envelope. */
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
	SECRET_ENVELOPE = 19 /* copy of the current version's, if it is small */
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
	STATE_GRACE, /* expired, and still readable for a while */
	STATE_EXPIRED,
	STATE_DEACTIVATED,
	STATE_DELETED
} SecretState;

typedef struct SecretHead
{
	pg_uuid_t tenant;
	pg_uuid_t id;
	char type[ENVELOPE_MAX_TYPE + 1]; /* of the current version */
	SecretState state;                /* as of when the head was read */
	int current;
	int last;
	TimestampTz expires_at;  /* DT_NOEND: never */
	TimestampTz grace_until; /* of one in its grace */
	TimestampTz purge_at;    /* of a deleted one */
	TransactionId writer;    /* of the row; see scan_writer() */
	bool in_head;            /* the value that was read is the copy in the head */
} SecretHead;

/* Reads the head that a scan over vault_data.secret stands on. */
extern void secret_head_from(TableScan *scan, SecretHead *head);

/* By which a head that a value was read from is known again, as long as it is as it was. */
typedef struct HeadMark
{
	pg_uuid_t tenant;
	pg_uuid_t id;
	TransactionId writer;
	int version;       /* which was current */
	TimestampTz until; /* it is active by itself; DT_NOBEGIN: is to be judged anew */
} HeadMark;

extern HeadMark secret_mark(const SecretHead *head);

/*
 * Whether the scan, which may stand on the head of any secret, stands on this one as it was read,
 * and it is still active: then neither its MAC nor anything else of it has to be looked at again.
 */
extern bool secret_head_stands(TableScan *scan, const HeadMark *mark);

/* Begins a scan that stands on the head of the secret, or on none; see secret_find. */
extern bool
secret_scan(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name, Snapshot snapshot);

/* The same, and it was at this place a moment ago. */
extern bool secret_scan_from(TableScan *scan, const pg_uuid_t *tenant, const SecretName *name,
							 Snapshot snapshot, const ItemPointerData *place);

/*
 * Finds a secret by its place, without a planner: of several indexes that start
 * with the tenant it would take any while the table is small, and keep the plan.
 */
extern bool secret_find(const pg_uuid_t *tenant, const SecretName *name, SecretHead *head);

/* Of what a value may be read: raises VT006, VT007, VT008 unless active, or in its grace. */
extern void secret_require_readable(const SecretHead *head);
extern bool secret_is_readable(const SecretHead *head);

/*
 * Opens an envelope into a new varlena, a buffer that is overwritten when the present memory
 * context ends, so that it is not to be freed and what outlives that is copied.  The caller must
 * have decided that the value may be read.
 */
extern bytea *secret_open(const SecretHead *head, int version, uint32 generation, bytea *envelope,
						  uint8_t *format);

/* Seals a value under the tenant's active key; *generation is which. */
extern bytea *
secret_seal(const pg_uuid_t *tenant, const pg_uuid_t *secret, const char *type, int version,
			const void *value, size_t size, uint8_t format, uint32 *generation);

/*
 * The value of any version but a destroyed one, for code of the vault's own: nobody's permission is
 * asked, and a retired one is opened too.
 */
extern bytea *secret_open_version(const SecretHead *head, int version, uint8_t *format);

/* Whether the current version is this value in this form, as stored; false if it was destroyed. */
extern bool
secret_is_current_value(const SecretHead *head, const void *value, size_t size, uint8_t format);

/*
 * What is stored of text and JSON is UTF-8.  In the database's encoding: itself, or a new buffer,
 * or NULL if it has characters that there are not, or is no text.
 */
extern bytea *secret_as_text(bytea *stored);

/* The same, or VT013. */
extern bytea *secret_require_text(bytea *stored);

/* And the other way, VT013 too; *size is that of the result. */
extern const char *secret_to_store(const char *text, size_t *size);

/* The text of a value as jsonb; VT013 if it is none, without a word of it. */
extern Datum secret_parse_json(text *value);

/*
 * Stores a pending version, for code that has decided that it may; value NULL: the type makes one
 * up.  is_stored: it is in UTF-8, as what is stored is, and not in the database's encoding.
 * Returns its number.
 */
extern int secret_store_pending(const SecretName *name, const void *value, size_t size,
								uint8_t format, bool is_stored);

/*
 * Who rotates what does not rotate by storing a value alone.  Called by rotate() once the
 * permission is there; value NULL: to be made up; retire_now: what was in use leaked.  False: not
 * done.  version 0: it is not made yet.
 */
typedef bool (*SecretRotator)(const SecretName *name, const void *value, size_t size,
							  uint8_t format, bool retire_now, int *version);
extern void secret_set_rotator(SecretRotator rotator);

/*
 * What vault.put() does, for features that make the value themselves; inside a call.  type NULL:
 * that of the secret, or generic.  Returns the version's number.
 */
extern int secret_put(const SecretName *name, const char *type, const void *value, size_t size,
					  uint8_t format, bool pending);

/* What gives a value away refuses to be read through a cursor WITH HOLD. */
extern void secret_refuse_holdable_cursor(void);

/* The body of vault.put(name, text, …), for features that make values of what they are given. */
extern Datum secret_put_text(FunctionCallInfo fcinfo);

VAULT_NORETURN extern void secret_refuse_absent(const SecretName *name);
VAULT_NORETURN extern void secret_refuse_destroyed(int version);

#endif
