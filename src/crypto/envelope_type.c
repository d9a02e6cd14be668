/*
 * envelope_type.c
 *		The base type vault.envelope: the only form in which a table holds a value.
 *
 * A varlena whose bytes are an envelope (envelope.h). Its text form is "vault:v1:" and base64.
 * Input and receive functions check only the structure. That the content is genuine shows only when
 * it is opened with the key.
 */
#include "platform/bytes.h"
#include "platform/compat.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "crypto/envelope.h"
#include "crypto/raise.h"

#define TEXT_PREFIX       "vault:v1:"
#define TEXT_PREFIX_BYTES (sizeof(TEXT_PREFIX) - 1)

static void
envelope_type_refuse_malformed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("malformed vault envelope"),
			 errhint("An envelope is copied whole and unchanged, or not at all.")));
}

PG_FUNCTION_INFO_V1(vault_envelope_in);
PG_FUNCTION_INFO_V1(vault_envelope_out);
PG_FUNCTION_INFO_V1(vault_envelope_recv);
PG_FUNCTION_INFO_V1(vault_envelope_send);

Datum
vault_envelope_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);
	size_t size = 0;
	bytea *result;

	if (length <= TEXT_PREFIX_BYTES || strncmp(text, TEXT_PREFIX, TEXT_PREFIX_BYTES) != 0)
		envelope_type_refuse_malformed();
	result = palloc(VARHDRSZ + length);
	if (base64_decode(BASE64_STANDARD, text + TEXT_PREFIX_BYTES, length - TEXT_PREFIX_BYTES,
					  VARDATA(result), length, &size) != CRYPTO_OK ||
		envelope_check((unsigned char *) VARDATA(result), size) != CRYPTO_OK)
		envelope_type_refuse_malformed();
	SET_VARSIZE(result, VARHDRSZ + size);
	PG_RETURN_BYTEA_P(result);
}

Datum
vault_envelope_out(PG_FUNCTION_ARGS)
{
	bytea *envelope = PG_GETARG_BYTEA_PP(0);
	size_t size = VARSIZE_ANY_EXHDR(envelope);
	char *text = palloc(TEXT_PREFIX_BYTES + base64_size(size) + 1);

	memcpy(text, TEXT_PREFIX, TEXT_PREFIX_BYTES);
	base64_encode(BASE64_STANDARD, VARDATA_ANY(envelope), size, text + TEXT_PREFIX_BYTES);
	PG_RETURN_CSTRING(text);
}

Datum
vault_envelope_recv(PG_FUNCTION_ARGS)
{
	StringInfo buffer = (StringInfo) PG_GETARG_POINTER(0);
	int size = buffer->len - buffer->cursor;
	bytea *result = bytes_alloc(size);

	pq_copymsgbytes(buffer, VARDATA(result), size);
	if (envelope_check(bytes_data(result), size) != CRYPTO_OK)
		envelope_type_refuse_malformed();
	PG_RETURN_BYTEA_P(result);
}

Datum
vault_envelope_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}
