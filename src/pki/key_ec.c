/*
 * key_ec.c
 *		EC keys; key_ec.h has the contract.
 */
#include "pki/key_ec.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "pki/der.h"
#include "pki/key_build.h"
#include "pki/pem.h"
#include "pki/rules.h"

#define MAX_POINT_BYTES 256

/* Compute the point of a secret, uncompressed. Returns 0 if the secret is not of this curve. */
static size_t
public_point(const EC_GROUP *group, const BIGNUM *secret, unsigned char point[MAX_POINT_BYTES])
{
	BN_CTX *context = BN_CTX_secure_new();
	EC_POINT *product = EC_POINT_new(group);
	size_t size = 0;

	if (context && product && BN_cmp(secret, EC_GROUP_get0_order(group)) < 0 &&
		EC_POINT_mul(group, product, secret, NULL, NULL, context) == 1)
		size = EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, point,
								  MAX_POINT_BYTES, context);
	EC_POINT_free(product);
	BN_CTX_free(context);
	return size;
}

/* Return true if both encode the same point, in any form. */
static bool
is_same_point(const EC_GROUP *group, const unsigned char *given, size_t given_size,
			  const unsigned char *derived, size_t size)
{
	EC_POINT *a = EC_POINT_new(group);
	EC_POINT *b = EC_POINT_new(group);
	bool same = a && b && EC_POINT_oct2point(group, a, given, given_size, NULL) == 1 &&
		EC_POINT_oct2point(group, b, derived, size, NULL) == 1 &&
		EC_POINT_cmp(group, a, b, NULL) == 0;

	EC_POINT_free(a);
	EC_POINT_free(b);
	return same;
}

EVP_PKEY *
key_ec_from_secret(int curve, const BIGNUM *secret, const unsigned char *point, size_t size)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	unsigned char derived[MAX_POINT_BYTES];
	size_t derived_size = group ? public_point(group, secret, derived) : 0;
	const char *name = OBJ_nid2sn(curve);
	EVP_PKEY *key = NULL;

	if (build && derived_size > 0 &&
		(size == 0 || is_same_point(group, point, size, derived, derived_size)) &&
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, name, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, derived, derived_size) ==
			1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1)
		key = key_build_pair("EC", build);
	OSSL_PARAM_BLD_free(build);
	EC_GROUP_free(group);
	return key;
}

/* Return the curve that an object identifier names; NID_undef for explicit parameters. */
static int
curve_from_der(DerReader parameters)
{
	const unsigned char *at = parameters.at;
	ASN1_OBJECT *object = NULL;
	int curve = NID_undef;

	if (der_is(&parameters, DER_OBJECT))
		object = d2i_ASN1_OBJECT(NULL, &at, (long) parameters.left);
	if (object && at == parameters.at + parameters.left)
		curve = OBJ_obj2nid(object);
	ASN1_OBJECT_free(object);
	return curve;
}

const char *
key_ec_from_der(int curve, const unsigned char *der, size_t size, EVP_PKEY **made)
{
	DerReader outer = {der, size, false};
	DerReader key = der_next(&outer, DER_SEQUENCE);
	DerReader version = der_next(&key, DER_INTEGER);
	DerReader octets = der_next(&key, DER_OCTET_STRING);
	DerReader point = {NULL, 0, false};
	BIGNUM *secret;

	if (der_is(&key, DER_EXPLICIT(0)))
	{
		int named = curve_from_der(der_next(&key, DER_EXPLICIT(0)));

		if (named == NID_undef || (curve != NID_undef && curve != named))
			return NO_NAMED_CURVE;
		curve = named;
	}
	if (der_is(&key, DER_EXPLICIT(1)))
	{
		DerReader bits = der_next(&key, DER_EXPLICIT(1));

		point = der_next(&bits, DER_BIT_STRING);
		if (!der_ended(&bits) || point.left < 2 || *point.at != 0)
			return NOT_A_KEY;
		point.at++;
		point.left--;
	}
	if (!der_ended(&key) || !der_ended(&outer) || version.left != 1 || *version.at != 1 ||
		curve == NID_undef || octets.left > MAX_POINT_BYTES)
		return NOT_A_KEY;
	secret = BN_secure_new();
	if (secret && BN_bin2bn(octets.at, (int) octets.left, secret))
		*made = key_ec_from_secret(curve, secret, point.at, point.left);
	BN_clear_free(secret);
	return *made ? NULL : "a private key in it does not fit its public part";
}

#define MAX_EC_BYTES 1024

/*
 * Write PKCS#8 of an EC key that ends at `end`. OpenSSL's own encoder leaves the secret in freed
 * memory.
 */
static unsigned char *
ec_pkcs8(int curve, const unsigned char *secret, size_t size, const unsigned char *point,
		 size_t point_size, unsigned char *end)
{
	static const unsigned char zero[] = {DER_INTEGER, 1, 0};
	static const unsigned char one[] = {DER_INTEGER, 1, 1};
	unsigned char *at = der_prepend(end, point, point_size);
	unsigned char *inner;

	*--at = 0;
	at = der_prepend_header(at, DER_BIT_STRING, end);
	at = der_prepend_header(at, DER_EXPLICIT(1), end);
	inner = at;
	at = der_prepend(at, secret, size);
	at = der_prepend_header(at, DER_OCTET_STRING, inner);
	at = der_prepend(at, one, sizeof(one));
	at = der_prepend_header(at, DER_SEQUENCE, end);
	at = der_prepend_header(at, DER_OCTET_STRING, end);
	inner = at;
	at = der_prepend_object(at, curve);
	at = der_prepend_object(at, NID_X9_62_id_ecPublicKey);
	at = der_prepend_header(at, DER_SEQUENCE, inner);
	at = der_prepend(at, zero, sizeof(zero));
	return der_prepend_header(at, DER_SEQUENCE, end);
}

bool
key_ec_write(BIO *bio, const EVP_PKEY *key)
{
	unsigned char der[MAX_EC_BYTES];
	unsigned char secret[MAX_POINT_BYTES / 2];
	unsigned char point[MAX_POINT_BYTES];
	char name[64];
	BIGNUM *number = NULL;
	EC_GROUP *group = NULL;
	PkiText pem = {NULL, 0};
	unsigned char *at;
	size_t point_size;
	int size = 0;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1)
		group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(name));
	if (group && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
		EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
										&point_size) == 1)
		size = BN_bn2binpad(number, secret, (EC_GROUP_order_bits(group) + 7) / 8);
	if (size > 0)
	{
		at = ec_pkcs8(EC_GROUP_get_curve_name(group), secret, size, point, point_size,
					  der + sizeof(der));
		pem_write("PRIVATE KEY", at, der + sizeof(der) - at, 64, &pem);
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(der, sizeof(der));
	BN_clear_free(number);
	EC_GROUP_free(group);
	size = pem.data && BIO_write(bio, pem.data, (int) pem.size) == (int) pem.size;
	pki_text_free(&pem);
	return size;
}

bool
key_ec_has_curve_name(const EVP_PKEY *key)
{
	char name[64];
	size_t size;
	int is_explicit = 0;

	return EVP_PKEY_get_group_name(key, name, sizeof(name), &size) == 1 &&
		EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
							   &is_explicit) == 1 &&
		is_explicit == 0;
}
