/*
 * key_build.c
 *		Makes a key from its numbers; key_build.h has the contract.
 */
#include "pki/key_build.h"

BIGNUM *
key_build_number(const unsigned char *data, size_t size)
{
	BIGNUM *number;

	for (; size > 0 && *data == 0; size--)
		data++;
	if (size == 0 || size > KEY_MAX_RSA_BITS / 8)
		return NULL;
	number = BN_secure_new(); /* so that OpenSSL wipes its copies too */
	if (number && BN_bin2bn(data, (int) size, number) == NULL)
	{
		BN_clear_free(number);
		number = NULL;
	}
	return number;
}

EVP_PKEY *
key_build_pair(const char *type, OSSL_PARAM_BLD *build)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
	{
		EVP_PKEY_free(key);
		key = NULL;
	}
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return key;
}
