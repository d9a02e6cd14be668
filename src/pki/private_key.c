/*
 * private_key.c
 *		Decodes private keys; private_key.h has the contract.
 *
 * It guards the server against malformed files: a key is decoded only if its block contains nothing
 * else, and sizes are checked before anything is computed with a key.
 */
#include "pki/private_key.h"

#include <string.h>

#include <openssl/pem.h>

#include "pki/key_build.h"
#include "pki/key_ec.h"
#include "pki/key_rsa.h"
#include "pki/passphrase.h"
#include "pki/pkcs8.h"
#include "pki/rules.h"

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

static const char *
from_traditional(const char *label, const unsigned char *der, size_t size, EVP_PKEY **key)
{
	if (strcmp(label, "EC PRIVATE KEY") == 0)
		return key_ec_from_der(NID_undef, der, size, key);
	*key = key_rsa_from_der(der, size);
	return *key ? NULL : NOT_A_KEY;
}

/* Decode a block with the headers Proc-Type and DEK-Info, as openssl wrote them before PKCS#8. */
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
	else if (!passphrase_open_old(block, cipher, passphrase, der, &size) ||
			 from_traditional(block->label, der, size, key) != NULL)
		fault = WRONG_PASSPHRASE; /* one in 256 wrong ones has valid padding */
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
		return pkcs8_from_shrouded_der(der, block->body.size, passphrase, key);
	if (label_is(block, "PRIVATE KEY"))
		return pkcs8_from_der(der, block->body.size, key);
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

const char *
private_key_check_kind(const EVP_PKEY *key)
{
	const char *kind = private_key_kind(key);

	if (kind == NULL)
		return NOT_HANDLED;
	if (strncmp(kind, "RSA", 3) == 0 && EVP_PKEY_get_bits(key) > KEY_MAX_RSA_BITS)
		return "an RSA key has more than 8192 bits";
	if (strncmp(kind, "RSA", 3) == 0 && !key_rsa_exponent_is_sound(key))
		return "the exponent of an RSA key is not odd and of 2 to 64 bits";
	if (strcmp(kind, "EC") == 0 && !key_ec_has_curve_name(key))
		return NO_NAMED_CURVE;
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
	EVP_MD_CTX *context = EVP_MD_CTX_new(); /* NULL below stands for the key's own digest */
	bool fits;

	fits = context && EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestSign(context, signature, &size, message, sizeof(message)) == 1 &&
		EVP_MD_CTX_reset(context) == 1 &&
		EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestVerify(context, signature, size, message, sizeof(message)) == 1;
	EVP_MD_CTX_free(context);
	return fits;
}

bool
private_key_write(BIO *bio, const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC")
		? key_ec_write(bio, key)
		: PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}
