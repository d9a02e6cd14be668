/*
 * private_key.c
 *		Private keys; private_key.h has the contract.
 *
 * Guards what a file can make the server do: a key is decoded only if its block is
 * nothing but the key, a passphrase is tried only if that costs a bounded time, and
 * sizes are checked before anything is computed with a key.
 */
#include "pki/private_key.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#define NOT_A_KEY	  "a private key in it cannot be decoded"
#define NO_PASSPHRASE "its private key is encrypted and no passphrase is given"
#define WRONG		  "its private key does not open with this passphrase"

#define SCRYPT_MAX_WORK (1 << 20)	/* cost, block size and parallelism multiplied */

static bool
label_is(const PemBlock *block, const char *label)
{
	return strcmp(block->label, label) == 0;
}

bool
private_key_is(const PemBlock *block)
{
	return label_is(block, "PRIVATE KEY") || label_is(block, "ENCRYPTED PRIVATE KEY") ||
		label_is(block, "RSA PRIVATE KEY") || label_is(block, "EC PRIVATE KEY");
}

bool
private_key_is_encrypted(const PemBlock *block)
{
	return label_is(block, "ENCRYPTED PRIVATE KEY") || block->has_headers;
}

const char *
private_key_from_pkcs8(const PKCS8_PRIV_KEY_INFO *info, EVP_PKEY **key)
{
	*key = EVP_PKCS82PKEY(info);
	return *key ? NULL : NOT_A_KEY;
}

/* Between 1 and the limit; else 0. */
static int64_t
bounded(const ASN1_INTEGER *number, int64_t limit)
{
	int64_t value;

	if (ASN1_INTEGER_get_int64(&value, number) != 1 || value < 1 || value > limit)
		return 0;
	return value;
}

static bool
pbkdf2_is_bounded(const ASN1_TYPE *given)
{
	PBKDF2PARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), given);
	bool fits = parameters && bounded(parameters->iter, PASSPHRASE_MAX_ROUNDS) > 0;

	PBKDF2PARAM_free(parameters);
	return fits;
}

static bool
scrypt_is_bounded(const ASN1_TYPE *given)
{
	SCRYPT_PARAMS *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), given);
	int64_t work = 0;

	if (parameters)
		work = bounded(parameters->costParameter, SCRYPT_MAX_WORK) *
			bounded(parameters->blockSize, 64) * bounded(parameters->parallelizationParameter, 64);
	SCRYPT_PARAMS_free(parameters);
	return work > 0 && work <= SCRYPT_MAX_WORK;
}

static bool
derivation_is_bounded(const X509_ALGOR *derivation)
{
	if (derivation->parameter == NULL || derivation->parameter->type != V_ASN1_SEQUENCE)
		return false;
	switch (OBJ_obj2nid(derivation->algorithm))
	{
		case NID_id_pbkdf2:
			return pbkdf2_is_bounded(derivation->parameter);
		case NID_id_scrypt:
			return scrypt_is_bounded(derivation->parameter);
	}
	return false;
}

bool
private_key_rounds_are_bounded(const X509_ALGOR *algorithm)
{
	bool fits;

	if (algorithm->parameter == NULL || algorithm->parameter->type != V_ASN1_SEQUENCE)
		return false;
	if (OBJ_obj2nid(algorithm->algorithm) == NID_pbes2)
	{
		PBE2PARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM),
														  algorithm->parameter);

		fits = parameters && derivation_is_bounded(parameters->keyfunc);
		PBE2PARAM_free(parameters);
	}
	else
	{
		PBEPARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM),
														 algorithm->parameter);

		fits = parameters && bounded(parameters->iter, PASSPHRASE_MAX_ROUNDS) > 0;
		PBEPARAM_free(parameters);
	}
	return fits;
}

const char *
private_key_unshroud(const X509_SIG *shrouded, const char *passphrase, EVP_PKEY **key)
{
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *ignored;
	PKCS8_PRIV_KEY_INFO *info;
	const char *fault;

	if (passphrase == NULL)
		return NO_PASSPHRASE;
	X509_SIG_get0(shrouded, &algorithm, &ignored);
	if (!private_key_rounds_are_bounded(algorithm))
		return "the derivation from its passphrase is unknown or asks for too many rounds";
	info = PKCS8_decrypt(shrouded, passphrase, (int) strlen(passphrase));
	if (info == NULL)
		return WRONG;
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
	const unsigned char *at = der;
	int type = strcmp(label, "RSA PRIVATE KEY") == 0 ? EVP_PKEY_RSA : EVP_PKEY_EC;

	*key = d2i_PrivateKey(type, NULL, &at, (long) size);
	if (*key && at == der + size)
		return NULL;
	EVP_PKEY_free(*key);
	*key = NULL;
	return NOT_A_KEY;
}

static int
give_passphrase(char *out, int size, int writing, void *passphrase)
{
	size_t length = passphrase ? strlen(passphrase) : 0;

	(void) writing;
	if (passphrase == NULL || length > (size_t) size)
		return -1;
	memcpy(out, passphrase, length);
	return (int) length;
}

/* A block with the headers Proc-Type and DEK-Info, as openssl wrote them before PKCS#8. */
static const char *
from_old_encryption(const PemBlock *block, const char *passphrase, EVP_PKEY **key)
{
	BIO *bio = BIO_new_mem_buf(block->body.data, (int) block->body.size);
	EVP_CIPHER_INFO cipher;
	char *name = NULL;
	char *header = NULL;
	unsigned char *der = NULL;
	long size = 0;
	long room;
	const char *fault = NOT_A_KEY;

	if (bio && PEM_read_bio_ex(bio, &name, &header, &der, &size, PEM_FLAG_SECURE) == 1 &&
		PEM_get_EVP_CIPHER_INFO(header, &cipher) == 1 && cipher.cipher != NULL)
	{
		room = size;
		if (passphrase == NULL)
			fault = NO_PASSPHRASE;
		else if (PEM_do_header(&cipher, der, &size, give_passphrase, (void *) passphrase) != 1)
			fault = WRONG;
		else if (from_traditional(block->label, der, size, key) != NULL)
			fault = WRONG; /* one in 256 wrong ones has the right padding */
		else
			fault = NULL;
		OPENSSL_cleanse(der, room);
	}
	OPENSSL_secure_free(name);
	OPENSSL_secure_free(header);
	OPENSSL_secure_free(der);
	BIO_free(bio);
	return fault;
}

const char *
private_key_from(const PemBlock *block, const char *passphrase, EVP_PKEY **key)
{
	const unsigned char *der = (const unsigned char *) block->body.data;
	bool traditional = label_is(block, "RSA PRIVATE KEY") || label_is(block, "EC PRIVATE KEY");

	*key = NULL;
	if (block->has_headers)
		return traditional ? from_old_encryption(block, passphrase, key)
						   : "a PEM block has headers that it should not have";
	if (traditional)
		return from_traditional(block->label, der, block->body.size, key);
	if (label_is(block, "ENCRYPTED PRIVATE KEY"))
		return from_shrouded(der, block->body.size, passphrase, key);
	return from_plain(der, block->body.size, key);
}

const char *
private_key_kind(const EVP_PKEY *key)
{
	static const struct
	{
		const char *type;
		const char *name;
	} kinds[] = {
		{"RSA", "RSA"}, {"RSA-PSS", "RSA-PSS"}, {"EC", "EC"},
		{"ED25519", "Ed25519"}, {"ED448", "Ed448"}
	};

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
		return "a key is not RSA, EC, Ed25519 or Ed448";
	if (strncmp(kind, "RSA", 3) == 0 &&
		(EVP_PKEY_get_bits(key) > KEY_MAX_RSA_BITS || !exponent_is_sound(key)))
		return "an RSA key has more than 8192 bits or an exponent that is not odd and of 2 to 64 bits";
	if (strcmp(kind, "EC") == 0 && !curve_has_name(key))
		return "an EC key is not on a named curve";
	return NULL;
}

bool
private_key_numbers_fit(BIGNUM *const numbers[RSA_NUMBERS])
{
	BN_CTX *context = BN_CTX_secure_new();
	BIGNUM *product;
	BIGNUM *less;
	bool fit;

	if (context == NULL)
		return false;
	BN_CTX_start(context);
	product = BN_CTX_get(context);
	less = BN_CTX_get(context);
	fit = less && BN_mul(product, numbers[RSA_P], numbers[RSA_Q], context) == 1 &&
		BN_cmp(product, numbers[RSA_N]) == 0 &&
		BN_mod_mul(product, numbers[RSA_IQMP], numbers[RSA_Q], numbers[RSA_P], context) == 1 &&
		BN_is_one(product);
	for (int i = RSA_P; fit && i <= RSA_Q; i++)
		fit = BN_sub(less, numbers[i], BN_value_one()) == 1 && !BN_is_zero(less) &&
			BN_mod_mul(product, numbers[RSA_E], numbers[RSA_D], less, context) == 1 &&
			BN_is_one(product);
	BN_CTX_end(context);
	BN_CTX_free(context);
	return fit;
}

/* Those of a key that came with its primes; one that came without has none to compare. */
static bool
own_numbers_fit(const EVP_PKEY *key)
{
	static const char *const names[RSA_NUMBERS] = {
		[RSA_N] = OSSL_PKEY_PARAM_RSA_N, [RSA_E] = OSSL_PKEY_PARAM_RSA_E,
		[RSA_D] = OSSL_PKEY_PARAM_RSA_D, [RSA_IQMP] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
		[RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1, [RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2
	};
	BIGNUM *numbers[RSA_NUMBERS] = {NULL};
	int found = 0;
	bool fit;

	for (int i = 0; i < RSA_NUMBERS; i++)
		found += EVP_PKEY_get_bn_param(key, names[i], &numbers[i]) == 1;
	fit = found == RSA_NUMBERS ? private_key_numbers_fit(numbers) : numbers[RSA_P] == NULL;
	for (int i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(numbers[i]);
	return fit;
}

static bool
signs(EVP_PKEY *key)
{
	static const unsigned char message[] = "a key signs what its public part verifies";
	unsigned char signature[KEY_MAX_RSA_BITS / 8];
	size_t size = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new(); /* without a digest: the key's own */
	bool fits;

	fits = context &&
		EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestSign(context, signature, &size, message, sizeof(message)) == 1 &&
		EVP_MD_CTX_reset(context) == 1 &&
		EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestVerify(context, signature, size, message, sizeof(message)) == 1;
	EVP_MD_CTX_free(context);
	return fits;
}

bool
private_key_works(EVP_PKEY *key)
{
	return (strncmp(private_key_kind(key), "RSA", 3) != 0 || own_numbers_fit(key)) && signs(key);
}
