/*
 * read.c
 *		The common part of get and get_many: the record of a read, and the wait for it.
 *
 * A read executes no SQL: identity, policy and the two index walks are done here. It therefore
 * needs no other user and leaves nothing to undo. The values leave only after the audit record is
 * safe. The decisions that were made before that wait are then made again: the identity of the
 * caller, its permissions, and whether the secret and its version can be read.
 */
#include "secret/read.h"

#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/inval.h"
#include "utils/portal.h"

#include "audit/recorder.h"
#include "entry/entry.h"
#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/encoding.h"
#include "type/registry.h"

/*
 * Refuse a holdable cursor, which would keep plaintext, on disk too, for later readers. The cursor
 * of a PL/pgSQL loop becomes holdable when the loop commits: its remaining rows are then computed
 * and stored at once.
 */
void
secret_refuse_holdable_cursor(void)
{
	Portal portal = ActivePortal;

	if (portal == NULL)
		return;
	if (portal->cursorOptions & CURSOR_OPT_HOLD)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("secrets cannot be read through a cursor WITH HOLD"),
				 errhint("Declare the cursor WITHOUT HOLD.")));
	if (portal->strategy == PORTAL_ONE_SELECT && portal->holdStore)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("secrets cannot be read by the query of a loop that commits"),
				 errhint("Read the secret inside the loop, or end the transaction after it.")));
}

/* Raise an error if the vault was sealed since the check. */
static void
require_same_epoch(uint64 epoch)
{
	if (root_epoch() != epoch)
		keyring_require_unsealed();
}

void
read_record(const SecretName *name, const SecretHead *head, int version, const pg_uuid_t *grant,
			const char *field)
{
	const char *grace = head->state == STATE_GRACE ? "expired, read within its grace" : NULL;
	AuditRead release = {.secret = name->name,
						 .secret_size = name->name_size,
						 .environment = name->environment,
						 .environment_size = name->environment_size,
						 .id = &head->id,
						 .version = version,
						 .grant = grant,
						 .reason = field ? psprintf("field %s%s%s", field, grace ? ", " : "",
													grace ? grace : "")
										 : grace};

	audit_read(&release);
}

/*
 * Wait for the records. Returns true if there was a wait: a seal, or another change that takes the
 * value away, may have come while the record was on its way to disk.
 */
bool
read_await_records(uint64 epoch)
{
	bool waited = audit_await_reads();

	if (waited)
		entry_check_again();
	else
		AcceptInvalidationMessages();
	require_same_epoch(epoch);
	return waited;
}

/* Return the field of the value, or the value itself if no field is requested. */
bytea *
read_part_of(bytea *value, const SecretHead *head, const char *field)
{
	if (field == NULL)
		return value;
	return secret_require_text(
		type_field(head->type, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), field));
}

/*
 * Return true if the value is text. Some drivers send text as bytes: such a value is text, too, if
 * it is valid and prints.
 */
bool
read_is_text(const bytea *value, uint8_t format)
{
	const char *at = VARDATA_ANY(value);
	int size = VARSIZE_ANY_EXHDR(value);

	if (format != FORMAT_BYTES)
		return true;
	for (int i = 0; i < size; i++)
		if (((unsigned char) at[i] < ' ' && !strchr("\t\r\n", at[i])) || at[i] == 0 ||
			at[i] == 0x7f)
			return false;
	return encoding_is_stored_text(at, size);
}
