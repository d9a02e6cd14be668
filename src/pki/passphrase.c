/*
 * passphrase.c
 *		Checks encryption by a passphrase; passphrase.h has the contract.
 *
 * It guards the server against costly files: a passphrase is tried only if that takes a bounded
 * time. All parameters are checked before, so a later failure is due to the passphrase.
 */
#include "pki/passphrase.h"

#include <stdbool.h>

#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include "pki/rules.h"

#define SCRYPT_MAX_WORK (1 << 20) /* cost, block size and parallelism multiplied */

#define UNKNOWN_DERIVATION "its encryption is of a kind that is not known"
#define MALFORMED          "the parameters of its encryption cannot be decoded"

/* ---- ciphers ---- */

/* Make the context once in a process. NULL if there is none, or if FIPS is required. */
static OSSL_LIB_CTX *
legacy_context(void)
{
	static OSSL_LIB_CTX *context;
	static bool tried;
	OSSL_PROVIDER *legacy;

	if (tried || EVP_default_properties_is_fips_enabled(NULL) ||
		!OSSL_PROVIDER_available(NULL, "default"))
		return context;
	tried = true;
	context = OSSL_LIB_CTX_new();
	legacy = context ? OSSL_PROVIDER_load(context, "legacy") : NULL;
	if (legacy == NULL || OSSL_PROVIDER_load(context, "default") == NULL)
	{
		if (legacy)
			OSSL_PROVIDER_unload(legacy);
		OSSL_LIB_CTX_free(context);
		context = NULL;
	}
	return context;
}

const char *
passphrase_old_cipher(const char *name, EVP_CIPHER **cipher)
{
	OSSL_LIB_CTX *legacy;
	EVP_MD *md5 = EVP_MD_fetch(NULL, "MD5", NULL);

	*cipher = md5 ? EVP_CIPHER_fetch(NULL, name, NULL) : NULL;
	EVP_MD_free(md5);
	if (*cipher == NULL && (legacy = legacy_context()) != NULL)
		*cipher = EVP_CIPHER_fetch(legacy, name, NULL);
	return *cipher ? NULL : NO_CIPHER;
}

/* Return true if the context has the cipher. */
static bool
has_cipher(OSSL_LIB_CTX *context, const char *name)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(context, name, NULL);

	EVP_CIPHER_free(cipher);
	return cipher != NULL;
}

static const char *
find_context(int cipher, OSSL_LIB_CTX **context)
{
	const char *name = OBJ_nid2sn(cipher);

	*context = NULL;
	if (name && has_cipher(NULL, name))
		return NULL;
	*context = legacy_context();
	return name && *context && has_cipher(*context, name) ? NULL : NO_CIPHER;
}

/* ---- derivations ---- */

/* Return the number if it is between 1 and the limit, else 0. */
static int64_t
passphrase_bounded(const ASN1_INTEGER *number, int64_t limit)
{
	int64_t value;

	if (ASN1_INTEGER_get_int64(&value, number) != 1 || value < 1 || value > limit)
		return 0;
	return value;
}

static const char *
check_pbkdf2(const ASN1_TYPE *given)
{
	PBKDF2PARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), given);
	const char *fault = NULL;

	if (parameters == NULL)
		return MALFORMED;
	if (passphrase_bounded(parameters->iter, PASSPHRASE_MAX_ROUNDS) == 0)
		fault = TOO_MANY_ROUNDS;
	PBKDF2PARAM_free(parameters);
	return fault;
}

static const char *
check_scrypt(const ASN1_TYPE *given)
{
	SCRYPT_PARAMS *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), given);
	int64_t work;

	if (parameters == NULL)
		return MALFORMED;
	work = passphrase_bounded(parameters->costParameter, SCRYPT_MAX_WORK) *
		passphrase_bounded(parameters->blockSize, 64) *
		passphrase_bounded(parameters->parallelizationParameter, 64);
	SCRYPT_PARAMS_free(parameters);
	return work > 0 && work <= SCRYPT_MAX_WORK ? NULL : TOO_MANY_ROUNDS;
}

static const char *
check_derivation(const X509_ALGOR *derivation)
{
	if (derivation->parameter == NULL || derivation->parameter->type != V_ASN1_SEQUENCE)
		return MALFORMED;
	switch (OBJ_obj2nid(derivation->algorithm))
	{
		case NID_id_pbkdf2:
			return check_pbkdf2(derivation->parameter);
		case NID_id_scrypt:
			return check_scrypt(derivation->parameter);
	}
	return UNKNOWN_DERIVATION;
}

static const char *
check_pbes2(const ASN1_TYPE *given, int *cipher)
{
	PBE2PARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), given);
	const char *fault;

	if (parameters == NULL)
		return MALFORMED;
	fault = check_derivation(parameters->keyfunc);
	*cipher = OBJ_obj2nid(parameters->encryption->algorithm);
	PBE2PARAM_free(parameters);
	return fault;
}

/* Check the algorithms of PKCS#5 1.5 and PKCS#12, which name derivation and cipher together. */
static const char *
check_pbe(int kind, const ASN1_TYPE *given, int *cipher)
{
	PBEPARAM *parameters = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), given);
	const char *fault = NULL;

	if (parameters == NULL)
		return MALFORMED;
	if (EVP_PBE_find(EVP_PBE_TYPE_OUTER, kind, cipher, NULL, NULL) != 1)
		fault = UNKNOWN_DERIVATION;
	else if (passphrase_bounded(parameters->iter, PASSPHRASE_MAX_ROUNDS) == 0)
		fault = TOO_MANY_ROUNDS;
	PBEPARAM_free(parameters);
	return fault;
}

const char *
passphrase_algorithm(const X509_ALGOR *algorithm, OSSL_LIB_CTX **context)
{
	int kind = OBJ_obj2nid(algorithm->algorithm);
	int cipher = NID_undef;
	const char *fault;

	*context = NULL;
	if (algorithm->parameter == NULL || algorithm->parameter->type != V_ASN1_SEQUENCE)
		return kind == NID_undef ? UNKNOWN_DERIVATION : MALFORMED;
	fault = kind == NID_pbes2 ? check_pbes2(algorithm->parameter, &cipher)
							  : check_pbe(kind, algorithm->parameter, &cipher);
	return fault ? fault : find_context(cipher, context);
}

bool
passphrase_open_old(const PemBlock *block, const EVP_CIPHER *cipher, const char *passphrase,
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
