/*
 * key_rsa.c
 *		RSA keys; key_rsa.h has the contract.
 */
#include "pki/key_rsa.h"

#include <openssl/core_names.h>

#include "pki/der.h"

/*
 * Check the numbers: n = p q, e d = 1 modulo p - 1 and q - 1, iqmp q = 1 modulo p. If d modulo p -
 * 1 and q - 1 are given, they are checked too.
 */
static bool
numbers_fit(BIGNUM *const numbers[RSA_NUMBERS], BN_CTX *context)
{
	BIGNUM *product;
	BIGNUM *less;
	bool fit;

	BN_CTX_start(context);
	product = BN_CTX_get(context);
	less = BN_CTX_get(context);
	fit = less && BN_mul(product, numbers[RSA_P], numbers[RSA_Q], context) == 1 &&
		BN_cmp(product, numbers[RSA_N]) == 0 &&
		BN_mod_mul(product, numbers[RSA_IQMP], numbers[RSA_Q], numbers[RSA_P], context) == 1 &&
		BN_is_one(product);
	for (int i = 0; fit && i < 2; i++)
	{
		fit = BN_sub(less, numbers[RSA_P + i], BN_value_one()) == 1 && !BN_is_zero(less) &&
			BN_mod_mul(product, numbers[RSA_E], numbers[RSA_D], less, context) == 1 &&
			BN_is_one(product);
		if (fit && numbers[RSA_DP + i])
			fit = BN_mod(product, numbers[RSA_D], less, context) == 1 &&
				BN_cmp(product, numbers[RSA_DP + i]) == 0;
	}
	BN_CTX_end(context);
	return fit;
}

static bool
push_rsa(OSSL_PARAM_BLD *build, BIGNUM *const numbers[RSA_NUMBERS])
{
	static const char *const names[RSA_NUMBERS] = {
		[RSA_N] = OSSL_PKEY_PARAM_RSA_N,          [RSA_E] = OSSL_PKEY_PARAM_RSA_E,
		[RSA_D] = OSSL_PKEY_PARAM_RSA_D,          [RSA_IQMP] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
		[RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,    [RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
		[RSA_DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1, [RSA_DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2};
	bool whole = numbers[RSA_DP] && numbers[RSA_DQ];

	for (int i = 0; i < RSA_NUMBERS; i++)
		if ((whole || i <= RSA_D) && OSSL_PARAM_BLD_push_BN(build, names[i], numbers[i]) != 1)
			return false;
	return true;
}

EVP_PKEY *
key_rsa_from_numbers(BIGNUM *const numbers[RSA_NUMBERS])
{
	BN_CTX *context = BN_CTX_secure_new();
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (context && build && numbers_fit(numbers, context) && push_rsa(build, numbers))
		key = key_build_pair("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_CTX_free(context);
	return key;
}

EVP_PKEY *
key_rsa_from_der(const unsigned char *der, size_t size)
{
	static const int order[] = {RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_IQMP};
	DerReader outer = {der, size, false};
	DerReader key = der_next(&outer, DER_SEQUENCE);
	DerReader version = der_next(&key, DER_INTEGER);
	BIGNUM *numbers[RSA_NUMBERS] = {NULL};
	bool complete = version.left == 1 && *version.at == 0;
	EVP_PKEY *made = NULL;

	for (int i = 0; i < RSA_NUMBERS && complete; i++)
	{
		DerReader number = der_next(&key, DER_INTEGER);

		numbers[order[i]] = key_build_number(number.at, number.left);
		complete = numbers[order[i]] != NULL;
	}
	if (complete && der_ended(&key) && der_ended(&outer))
		made = key_rsa_from_numbers(numbers);
	for (int i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(numbers[i]);
	return made;
}

bool
key_rsa_exponent_is_sound(const EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool sound = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
		!BN_is_one(e) && BN_num_bits(e) <= 64;

	BN_free(e);
	return sound;
}
