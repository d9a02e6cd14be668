/*
 * pkcs8.c
 *		Decodes PKCS#8; pkcs8.h has the contract.
 *
 * It guards the server against malformed files: a key is decoded only if nothing follows it.
 */
#include "pki/pkcs8.h"

#include <string.h>

#include <openssl/pkcs12.h>

#include "pki/der.h"
#include "pki/key_ec.h"
#include "pki/key_rsa.h"
#include "pki/passphrase.h"
#include "pki/rules.h"

static EVP_PKEY *
edwards_from_der(int type, const unsigned char *der, size_t size)
{
	DerReader outer = {der, size, false};
	DerReader seed = der_next(&outer, DER_OCTET_STRING);

	return der_ended(&outer) ? EVP_PKEY_new_raw_private_key(type, NULL, seed.at, seed.left) : NULL;
}

static int
curve_of_algorithm(const X509_ALGOR *algorithm)
{
	const void *value;
	int type;

	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	return type == V_ASN1_OBJECT ? OBJ_obj2nid(value) : NID_undef;
}

const char *
pkcs8_key(const PKCS8_PRIV_KEY_INFO *info, EVP_PKEY **key)
{
	const ASN1_OBJECT *type;
	const X509_ALGOR *algorithm;
	const unsigned char *der;
	int size;
	int curve;

	*key = NULL;
	if (PKCS8_pkey_get0(&type, &der, &size, &algorithm, info) != 1 || size < 0)
		return NOT_A_KEY;
	switch (OBJ_obj2nid(type))
	{
		case NID_rsaEncryption:
			*key = key_rsa_from_der(der, size);
			break;
		case NID_X9_62_id_ecPublicKey:
			curve = curve_of_algorithm(algorithm);
			return curve == NID_undef ? NO_NAMED_CURVE : key_ec_from_der(curve, der, size, key);
		case NID_ED25519:
			*key = edwards_from_der(EVP_PKEY_ED25519, der, size);
			break;
		case NID_ED448:
			*key = edwards_from_der(EVP_PKEY_ED448, der, size);
			break;
		case NID_rsassaPss:
			*key = EVP_PKCS82PKEY(info); /* OpenSSL parses its parameters */
			break;
		default:
			return NOT_HANDLED;
	}
	return *key ? NULL : NOT_A_KEY;
}

const char *
pkcs8_unshroud(const X509_SIG *shrouded, const char *passphrase, EVP_PKEY **key)
{
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *ignored;
	OSSL_LIB_CTX *context;
	PKCS8_PRIV_KEY_INFO *info;
	const char *fault;

	X509_SIG_get0(shrouded, &algorithm, &ignored);
	fault = passphrase_algorithm(algorithm, &context);
	if (fault || passphrase == NULL)
		return fault ? fault : NO_PASSPHRASE;
	info = PKCS8_decrypt_ex(shrouded, passphrase, (int) strlen(passphrase), context, NULL);
	if (info == NULL)
		return WRONG_PASSPHRASE;
	fault = pkcs8_key(info, key);
	PKCS8_PRIV_KEY_INFO_free(info);
	return fault;
}

const char *
pkcs8_from_shrouded_der(const unsigned char *der, size_t size, const char *passphrase,
						EVP_PKEY **key)
{
	const unsigned char *at = der;
	X509_SIG *shrouded = d2i_X509_SIG(NULL, &at, (long) size);
	const char *fault = NOT_A_KEY;

	if (shrouded && at == der + size)
		fault = pkcs8_unshroud(shrouded, passphrase, key);
	X509_SIG_free(shrouded);
	return fault;
}

const char *
pkcs8_from_der(const unsigned char *der, size_t size, EVP_PKEY **key)
{
	const unsigned char *at = der;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long) size);
	const char *fault = NOT_A_KEY;

	if (info && at == der + size)
		fault = pkcs8_key(info, key);
	PKCS8_PRIV_KEY_INFO_free(info);
	return fault;
}
