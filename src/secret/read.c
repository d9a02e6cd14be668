/*
 * read.c
 *		What get and get_many have in common: the record of a read, and the wait for it.
 *
 * A read executes no SQL: identity, policy and the two index walks are done
 * here, so it needs no other user and leaves nothing to undo.  The values leave
 * only after the audit record is safe; what was decided before that wait is then decided once
 * more: who calls, what it may, whether the secret and its version can be read.
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
 * A holdable cursor would keep plaintext, on disk too, for whoever comes next.  A loop of PL/pgSQL
 * becomes one when it commits: what is left of its rows is made at once, and stored.
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

/* Sealing between the check and now must win. */
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
 * While the record was on its way to the disk, a seal may have come, or whatever else takes the
 * value away.  True if there was such a while.
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

/* The field of the value, if one is asked for. */
bytea *
read_part_of(bytea *value, const SecretHead *head, const char *field)
{
	if (field == NULL)
		return value;
	return secret_require_text(
		type_field(head->type, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), field));
}

/* Some drivers send text as bytes: such a value is text, too, if it is valid and prints. */
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
