/*
 * raise.c
 *		Turns statuses into errors.
 */
#include "crypto/raise.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "platform/errors.h"

void
crypto_require(CryptoStatus status)
{
	switch (status)
	{
		case CRYPTO_OK:
			return;
		case CRYPTO_ERR_FORMAT:
		case CRYPTO_ERR_AUTH:
			ereport(ERROR,
					(errcode(ERRCODE_VAULT_TAMPERED),
					 errmsg("stored ciphertext failed authentication"),
					 errhint("The stored row was changed or moved outside vault; "
							 "restore it from a backup.")));
		case CRYPTO_ERR_INTERNAL:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("the cryptographic library refused an operation"),
			 errhint("Check OpenSSL's configuration and providers.")));
}

pg_uuid_t
id_new(void)
{
	pg_uuid_t id;

	crypto_require(crypto_random(id.data, UUID_LEN));
	id.data[6] = (id.data[6] & 0x0f) | 0x40;
	id.data[8] = (id.data[8] & 0x3f) | 0x80;
	return id;
}

pg_uuid_t
id_new_ordered(void)
{
	pg_uuid_t id;
	uint64 milliseconds = (GetCurrentTimestamp() / 1000) +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * UINT64CONST(86400000);

	crypto_require(crypto_random(id.data, UUID_LEN));
	for (int i = 0; i < 6; i++)
		id.data[i] = (unsigned char) (milliseconds >> (40 - 8 * i));
	id.data[6] = (id.data[6] & 0x0f) | 0x70;
	id.data[8] = (id.data[8] & 0x3f) | 0x80;
	return id;
}
