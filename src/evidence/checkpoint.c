/*
 * checkpoint.c
 *		Makes and reads checkpoints.
 */
#include "evidence/checkpoint.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "crypto/raise.h"
#include "entry/entry.h"
#include "evidence/log_consumer.h"
#include "evidence/audit_access.h"
#include "evidence/seal.h"
#include "evidence/log_walk.h"
#include "keyring/root_page.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "tenant/instance_key.h"

#define CHECKPOINT_LABEL "vault audit checkpoint v1"

/* Fill the key, and return its seed for secret_free(). */
static SecretKey *
own_key(SignedNoteKey *key)
{
	unsigned char public_key[ED25519_PUBLIC_BYTES];
	char name[SIGNED_NOTE_NAME_BYTES];
	pg_uuid_t instance = root_instance();
	SecretKey *seed;

	snprintf(name, sizeof(name), "vault-audit-%s",
			 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&instance))));
	seed = instance_derive(CHECKPOINT_LABEL);
	crypto_require(ed25519_public_key(seed, public_key));
	crypto_require(signed_note_key_make(name, public_key, key));
	return seed;
}

static void
public_key(SignedNoteKey *key)
{
	secret_free(own_key(key));
}

/* ---- reading ---- */

static CryptoStatus
read_heads(const char *text, size_t size, Checkpoint *checkpoint)
{
	CryptoStatus status = signed_note_time(text, size, checkpoint->time);
	int capacity = 16;
	size_t at = 0;
	SignedNote head;

	checkpoint->heads = palloc(capacity * sizeof(SignedNote));
	while (status == CRYPTO_OK && signed_note_next(text, size, &at, &head, &status))
	{
		if (checkpoint->count == capacity)
			checkpoint->heads =
				repalloc_huge(checkpoint->heads, (capacity *= 2) * sizeof(SignedNote));
		checkpoint->heads[checkpoint->count++] = head;
	}
	checkpoint->tenants = palloc(Max(1, checkpoint->count) * sizeof(pg_uuid_t));
	for (int i = 0; status == CRYPTO_OK && i < checkpoint->count; i++)
	{
		Datum id = CStringGetDatum(checkpoint->heads[i].tenant);

		checkpoint->tenants[i] = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, id));
	}
	return status;
}

static CryptoStatus
try_open(const char *note, size_t size, Checkpoint **checkpoint)
{
	SignedNoteKey key;
	size_t text_size;
	CryptoStatus status;

	public_key(&key);
	*checkpoint = palloc0(sizeof(Checkpoint));
	status = signed_note_open(note, size, &key, &text_size);
	return status == CRYPTO_OK ? read_heads(note, text_size, *checkpoint) : status;
}

Checkpoint *
checkpoint_open(const char *note, size_t size)
{
	Checkpoint *checkpoint;
	CryptoStatus status = try_open(note, size, &checkpoint);

	if (status == CRYPTO_ERR_FORMAT)
		error_bad_argument("checkpoint", "it is not a note that this vault signed",
						   "Give the whole text that vault.audit_checkpoint() returned.");
	if (status == CRYPTO_ERR_AUTH)
		error_bad_argument(
			"checkpoint", "its signature does not fit its text",
			"It was changed since vault.audit_checkpoint() returned it; take another copy.");
	crypto_require(status);
	return checkpoint;
}

Checkpoint *
checkpoint_stored(void)
{
	static Sql sql = {
		"SELECT c.note FROM vault_data.audit_checkpoint c ORDER BY c.made_at DESC LIMIT 1", 0};
	Portal portal = sql_open(&sql, NULL, NULL);
	Checkpoint *checkpoint = NULL;

	if (sql_fetch(portal, 1) > 0)
	{
		text *note = DatumGetTextPP(sql_value(0, 1, NULL));

		if (try_open(VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note), &checkpoint) != CRYPTO_OK)
			checkpoint = NULL;
	}
	sql_close(portal);
	return checkpoint;
}

const SignedNote *
checkpoint_head(const Checkpoint *checkpoint, const pg_uuid_t *tenant)
{
	for (int i = 0; checkpoint && i < checkpoint->count; i++)
		if (uuid_equal(&checkpoint->tenants[i], tenant))
			return &checkpoint->heads[i];
	return NULL;
}

/* ---- making ---- */

static void
add_head(StringInfo text, const Seal *head)
{
	char hash[SHA256_BYTES * 2];

	base64_encode(BASE64_STANDARD, head->hash, SHA256_BYTES, hash);
	appendStringInfo(text, "%s " INT64_FORMAT " " INT64_FORMAT " %s\n",
					 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&head->tenant))),
					 head->seq, head->total_rows, hash);
}

static void
checkpoint_add_heads(StringInfo text)
{
	VaultCall before = *call_required();
	int count;
	pg_uuid_t *tenants = log_tenants(&count);

	for (int i = 0; i < count; i++)
	{
		Seal head;

		audit_access_enter(&tenants[i]);
		seal_head(&tenants[i], &head);
		if (head.seq == 0)
			continue;
		if (!seal_is_genuine(&head))
			ereport(ERROR,
					(errcode(ERRCODE_VAULT_TAMPERED),
					 errmsg("the newest seal of a tenant's audit trail was changed"),
					 errhint("vault.verify_audit() says which; a checkpoint would vouch for it.")));
		add_head(text, &head);
	}
	call_return_tenant(&before);
}

static void
checkpoint_remember(TimestampTz now, const char *note)
{
	static Sql sql = {"INSERT INTO vault_data.audit_checkpoint (made_at, note) VALUES ($1, $2)",
					  2,
					  {TIMESTAMPTZOID, TEXTOID}};
	Datum values[] = {TimestampTzGetDatum(now), CStringGetTextDatum(note)};

	audit_maintain(&sql, values);
}

static void
add_time_line(StringInfo text, TimestampTz now)
{
	StringInfoData member;

	/* The line is {"":"time", of which only the time is appended. */
	initStringInfo(&member);
	appendStringInfoChar(&member, '{');
	line_time(&member, "", now);
	appendBinaryStringInfo(text, member.data + 5, member.len - 6);
	appendStringInfoChar(text, '\n');
}

static void
checkpoint_sign(StringInfo note)
{
	char line[SIGNED_NOTE_SIGNATURE_LINE_BYTES];
	SignedNoteKey key;
	SecretKey *seed = own_key(&key);

	crypto_require(signed_note_sign(note->data, note->len, &key, seed, line));
	secret_free(seed);
	appendStringInfoString(note, line);
}

static Datum
checkpoint_body(FunctionCallInfo fcinfo)
{
	TimestampTz now;
	StringInfoData note;
	SignedNoteKey key;
	text *result;
	MemoryContext caller = CurrentMemoryContext;

	audit_access_require();
	(void) consumer_request();
	sql_begin();
	now = GetCurrentTimestamp();
	public_key(&key);
	initStringInfo(&note);
	appendStringInfo(&note, "%s\n", key.name);
	add_time_line(&note, now);
	checkpoint_add_heads(&note);
	checkpoint_sign(&note);
	checkpoint_remember(now, note.data);
	audit_event("audit_checkpoint", NULL);
	MemoryContextSwitchTo(caller);
	result = cstring_to_text_with_len(note.data, note.len);
	sql_end();
	PG_RETURN_TEXT_P(result);
}

static Datum
public_key_body(FunctionCallInfo fcinfo)
{
	char text[SIGNED_NOTE_KEY_TEXT_BYTES];
	SignedNoteKey key;

	public_key(&key);
	signed_note_key_write(&key, text);
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

PG_FUNCTION_INFO_V1(vault_audit_checkpoint);
PG_FUNCTION_INFO_V1(vault_audit_public_key);

Datum
vault_audit_checkpoint(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_VIEW, fcinfo, checkpoint_body);
}

Datum
vault_audit_public_key(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_VIEW, fcinfo, public_key_body);
}
