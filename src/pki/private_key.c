/*
 * private_key.c
 *		Private keys; private_key.h has the contract.
 *
 * Guards what a file can make the server do: a key is decoded only if its block is
 * nothing but the key, and sizes are checked before anything is computed with a key.
 */
#include "pki/private_key.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "pki/der.h"
#include "pki/passphrase.h"
#include "pki/rules.h"

#define NOT_A_KEY   "a private key in it cannot be decoded"
#define NOT_HANDLED "a key is not RSA, EC, Ed25519 or Ed448"

static bool
label_is(const PemBlock *block, const char *label)
{
	return strcmp(block->label, label) == 0;
}

bool
private_key_is(const PemBlock *block)
{
	return label_is(block, "PRIVATE KEY") || label_is(block, "ENCRYPTED PRIVATE KEY") ||
		label_is(block, "RSA PRIVATE KEY") || label_is(block, "EC PRIVATE KEY") ||
		label_is(block, "DSA PRIVATE KEY");
}

bool
private_key_is_encrypted(const PemBlock *block)
{
	return label_is(block, "ENCRYPTED PRIVATE KEY") || block->is_encrypted;
}

BIGNUM *
private_key_number(const unsigned char *data, size_t size)
{
	BIGNUM *number;

	for (; size > 0 && *data == 0; size--)
		data++;
	if (size == 0 || size > KEY_MAX_RSA_BITS / 8)
		return NULL;
	number = BN_secure_new(); /* so that OpenSSL wipes its copies, too */
	if (number && BN_bin2bn(data, (int) size, number) == NULL)
	{
		BN_clear_free(number);
		number = NULL;
	}
	return number;
}

static EVP_PKEY *
private_key_key_from(const char *type, OSSL_PARAM_BLD *build)
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

/* ---- RSA ---- */

/*
 * n = p q, e d = 1 modulo p - 1 and q - 1, iqmp q = 1 modulo p, and what may be missing
 * is d modulo p - 1 and q - 1.
 */
static bool
private_key_rsa_numbers_fit(BIGNUM *const numbers[RSA_NUMBERS], BN_CTX *context)
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
private_key_from_rsa(BIGNUM *const numbers[RSA_NUMBERS])
{
	BN_CTX *context = BN_CTX_secure_new();
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (context && build && private_key_rsa_numbers_fit(numbers, context) &&
		push_rsa(build, numbers))
		key = private_key_key_from("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_CTX_free(context);
	return key;
}

/* RSAPrivateKey of PKCS#1; NULL if it is none. */
static EVP_PKEY *
rsa_from_der(const unsigned char *der, size_t size)
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

		numbers[order[i]] = private_key_number(number.at, number.left);
		complete = numbers[order[i]] != NULL;
	}
	if (complete && der_ended(&key) && der_ended(&outer))
		made = private_key_from_rsa(numbers);
	for (int i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(numbers[i]);
	return made;
}

/* ---- EC ---- */

#define MAX_POINT_BYTES 256

/* The point of a secret, uncompressed; 0 if the secret is none of this curve. */
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

/* Both name the same point, whatever their forms. */
static bool
same_point(const EC_GROUP *group, const unsigned char *given, size_t given_size,
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
private_key_from_ec(int curve, const BIGNUM *secret, const unsigned char *point, size_t size)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	unsigned char derived[MAX_POINT_BYTES];
	size_t derived_size = group ? public_point(group, secret, derived) : 0;
	const char *name = OBJ_nid2sn(curve);
	EVP_PKEY *key = NULL;

	if (build && derived_size > 0 &&
		(size == 0 || same_point(group, point, size, derived, derived_size)) &&
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, name, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, derived, derived_size) ==
			1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1)
		key = private_key_key_from("EC", build);
	OSSL_PARAM_BLD_free(build);
	EC_GROUP_free(group);
	return key;
}

/* The curve that an object identifier names; NID_undef for parameters in full. */
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

/* ECPrivateKey of SEC1, of this curve or, if that is NID_undef, of the one that it names. */
static const char *
ec_from_der(int curve, const unsigned char *der, size_t size, EVP_PKEY **made)
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
			return "an EC key is not on a named curve";
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
		*made = private_key_from_ec(curve, secret, point.at, point.left);
	BN_clear_free(secret);
	return *made ? NULL : "a private key in it does not fit its public part";
}

/* Each writes before at, and returns the new beginning. */
static unsigned char *
private_key_prepend(unsigned char *at, const void *data, size_t size)
{
	return memcpy(at - size, data, size);
}

static unsigned char *
prepend_header(unsigned char *at, unsigned char tag, const unsigned char *end)
{
	size_t length = end - at;

	*--at = length & 0xff;
	if (length > 0xff)
		*--at = length >> 8;
	if (length > 0x7f)
		*--at = length > 0xff ? 0x82 : 0x81;
	*--at = tag;
	return at;
}

static unsigned char *
prepend_object(unsigned char *at, int nid)
{
	const ASN1_OBJECT *object = OBJ_nid2obj(nid);
	unsigned char *end = at;

	at = private_key_prepend(at, OBJ_get0_data(object), OBJ_length(object));
	return prepend_header(at, DER_OBJECT, end);
}

#define MAX_EC_BYTES 1024

/* PKCS#8 of an EC key that ends at end; OpenSSL's own encoder leaves the secret in freed memory. */
static unsigned char *
ec_pkcs8(int curve, const unsigned char *secret, size_t size, const unsigned char *point,
		 size_t point_size, unsigned char *end)
{
	static const unsigned char zero[] = {DER_INTEGER, 1, 0};
	static const unsigned char one[] = {DER_INTEGER, 1, 1};
	unsigned char *at = private_key_prepend(end, point, point_size);
	unsigned char *inner;

	*--at = 0;
	at = prepend_header(at, DER_BIT_STRING, end);
	at = prepend_header(at, DER_EXPLICIT(1), end);
	inner = at;
	at = private_key_prepend(at, secret, size);
	at = prepend_header(at, DER_OCTET_STRING, inner);
	at = private_key_prepend(at, one, sizeof(one));
	at = prepend_header(at, DER_SEQUENCE, end);
	at = prepend_header(at, DER_OCTET_STRING, end);
	inner = at;
	at = prepend_object(at, curve);
	at = prepend_object(at, NID_X9_62_id_ecPublicKey);
	at = prepend_header(at, DER_SEQUENCE, inner);
	at = private_key_prepend(at, zero, sizeof(zero));
	return prepend_header(at, DER_SEQUENCE, end);
}

static bool
write_ec(BIO *bio, const EVP_PKEY *key)
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
private_key_write(BIO *bio, const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC")
		? write_ec(bio, key)
		: PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}

/* ---- PKCS#8 ---- */

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
private_key_from_pkcs8(const PKCS8_PRIV_KEY_INFO *info, EVP_PKEY **key)
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
			*key = rsa_from_der(der, size);
			break;
		case NID_X9_62_id_ecPublicKey:
			curve = curve_of_algorithm(algorithm);
			return curve == NID_undef ? "an EC key is not on a named curve"
									  : ec_from_der(curve, der, size, key);
		case NID_ED25519:
			*key = edwards_from_der(EVP_PKEY_ED25519, der, size);
			break;
		case NID_ED448:
			*key = edwards_from_der(EVP_PKEY_ED448, der, size);
			break;
		case NID_rsassaPss:
			*key = EVP_PKCS82PKEY(info); /* its parameters are OpenSSL's to read */
			break;
		default:
			return NOT_HANDLED;
	}
	return *key ? NULL : NOT_A_KEY;
}

/* ---- passphrases ---- */

const char *
private_key_unshroud(const X509_SIG *shrouded, const char *passphrase, EVP_PKEY **key)
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
	fault = private_key_from_pkcs8(info, key);
	PKCS8_PRIV_KEY_INFO_free(info);
	return fault;
}

static const char *
from_shrouded(const unsigned char *der, size_t size, const char *passphrase, EVP_PKEY **key)
{
	const unsigned char *at = der;
	X509_SIG *shrouded = d2i_X509_SIG(NULL, &at, (long) size);
	const char *fault = NOT_A_KEY;

	if (shrouded && at == der + size)
		fault = private_key_unshroud(shrouded, passphrase, key);
	X509_SIG_free(shrouded);
	return fault;
}

static const char *
from_plain(const unsigned char *der, size_t size, EVP_PKEY **key)
{
	const unsigned char *at = der;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long) size);
	const char *fault = NOT_A_KEY;

	if (info && at == der + size)
		fault = private_key_from_pkcs8(info, key);
	PKCS8_PRIV_KEY_INFO_free(info);
	return fault;
}

static const char *
from_traditional(const char *label, const unsigned char *der, size_t size, EVP_PKEY **key)
{
	if (strcmp(label, "EC PRIVATE KEY") == 0)
		return ec_from_der(NID_undef, der, size, key);
	*key = rsa_from_der(der, size);
	return *key ? NULL : NOT_A_KEY;
}

/* The key that openssl derived before PKCS#8: MD5 once, with the beginning of the IV as salt. */
static bool
open_old(const PemBlock *block, const EVP_CIPHER *cipher, const char *passphrase,
		 unsigned char *der, size_t *size)
{
	unsigned char key[EVP_MAX_KEY_LENGTH];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0;
	int rest = 0;
	bool opened = context &&
		EVP_BytesToKey(cipher, EVP_md5(), block->iv, (const unsigned char *) passphrase,
					   (int) strlen(passphrase), 1, key, NULL) > 0 &&
		EVP_DecryptInit_ex(context, cipher, NULL, key, block->iv) == 1 &&
		EVP_DecryptUpdate(context, der, &done, (const unsigned char *) block->body.data,
						  (int) block->body.size) == 1 &&
		EVP_DecryptFinal_ex(context, der + done, &rest) == 1;

	OPENSSL_cleanse(key, sizeof(key));
	EVP_CIPHER_CTX_free(context);
	*size = done + rest;
	return opened;
}

/* A block with the headers Proc-Type and DEK-Info, as openssl wrote them before PKCS#8. */
static const char *
from_old_encryption(const PemBlock *block, const char *passphrase, EVP_PKEY **key)
{
	EVP_CIPHER *cipher;
	const char *fault = passphrase_old_cipher(block->cipher, &cipher);
	size_t room = block->body.size + EVP_MAX_BLOCK_LENGTH;
	unsigned char *der;
	size_t size;

	if (fault)
		return fault;
	der = OPENSSL_malloc(room);
	if (der == NULL || (size_t) EVP_CIPHER_get_iv_length(cipher) != block->iv_size ||
		block->iv_size < PKCS5_SALT_LEN)
		fault = NOT_A_KEY;
	else if (passphrase == NULL)
		fault = NO_PASSPHRASE;
	else if (!open_old(block, cipher, passphrase, der, &size) ||
			 from_traditional(block->label, der, size, key) != NULL)
		fault = WRONG_PASSPHRASE; /* one in 256 wrong ones has the right padding */
	OPENSSL_clear_free(der, room);
	EVP_CIPHER_free(cipher);
	return fault;
}

const char *
private_key_from(PemBlock *block, const char *passphrase, EVP_PKEY **key)
{
	const char *fault;
	const unsigned char *der;

	*key = NULL;
	if (label_is(block, "DSA PRIVATE KEY"))
		return NOT_HANDLED;
	fault = pem_decode(block);
	if (fault)
		return fault;
	der = (const unsigned char *) block->body.data;
	if (label_is(block, "ENCRYPTED PRIVATE KEY"))
		return from_shrouded(der, block->body.size, passphrase, key);
	if (label_is(block, "PRIVATE KEY"))
		return from_plain(der, block->body.size, key);
	return block->is_encrypted ? from_old_encryption(block, passphrase, key)
							   : from_traditional(block->label, der, block->body.size, key);
}

const char *
private_key_kind(const EVP_PKEY *key)
{
	static const struct
	{
		const char *type;
		const char *name;
	} kinds[] = {{"RSA", "RSA"},
				 {"RSA-PSS", "RSA-PSS"},
				 {"EC", "EC"},
				 {"ED25519", "Ed25519"},
				 {"ED448", "Ed448"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (EVP_PKEY_is_a(key, kinds[i].type))
			return kinds[i].name;
	return NULL;
}

/* A curve given by its parameters may be any curve at all. */
static bool
curve_has_name(const EVP_PKEY *key)
{
	char name[64];
	size_t size;
	int is_explicit = 0;

	return EVP_PKEY_get_group_name(key, name, sizeof(name), &size) == 1 &&
		EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
							   &is_explicit) == 1 &&
		is_explicit == 0;
}

static bool
exponent_is_sound(const EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool sound = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
		!BN_is_one(e) && BN_num_bits(e) <= 64;

	BN_free(e);
	return sound;
}

const char *
private_key_check_kind(const EVP_PKEY *key)
{
	const char *kind = private_key_kind(key);

	if (kind == NULL)
		return NOT_HANDLED;
	if (strncmp(kind, "RSA", 3) == 0 && EVP_PKEY_get_bits(key) > KEY_MAX_RSA_BITS)
		return "an RSA key has more than 8192 bits";
	if (strncmp(kind, "RSA", 3) == 0 && !exponent_is_sound(key))
		return "the exponent of an RSA key is not odd and of 2 to 64 bits";
	if (strcmp(kind, "EC") == 0 && !curve_has_name(key))
		return "an EC key is not on a named curve";
	return NULL;
}

int
private_key_strength(const EVP_PKEY *key)
{
	static const int rsa[][2] = {{15360, 256}, {7680, 192}, {3072, 128}, {2048, 112}, {1024, 80}};
	int bits = EVP_PKEY_get_bits(key);

	if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "RSA-PSS"))
		return EVP_PKEY_get_security_bits(key);
	for (size_t i = 0; i < sizeof(rsa) / sizeof(rsa[0]); i++)
		if (bits >= rsa[i][0])
			return rsa[i][1];
	return 0;
}

bool
private_key_works(EVP_PKEY *key)
{
	static const unsigned char message[] = "a key signs what its public part verifies";
	unsigned char signature[KEY_MAX_RSA_BITS / 8];
	size_t size = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new(); /* without a digest: the key's own */
	bool fits;

	fits = context && EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestSign(context, signature, &size, message, sizeof(message)) == 1 &&
		EVP_MD_CTX_reset(context) == 1 &&
		EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestVerify(context, signature, size, message, sizeof(message)) == 1;
	EVP_MD_CTX_free(context);
	return fits;
}
