/*
 * bundle.c
 *		Reading certificates and a key; bundle.h has the contract.
 *
 * Guards that everything in the file is accounted for: each block is a certificate or
 * the one private key, and nothing else is passed over in silence.
 */
#include "pki/bundle.h"

#include <string.h>

#include "pki/pem.h"
#include "pki/private_key.h"

void
bundle_free(Bundle *bundle)
{
	for (int i = 0; i < bundle->count; i++)
		X509_free(bundle->certificates[i]);
	EVP_PKEY_free(bundle->key);
	memset(bundle, 0, sizeof(*bundle));
}

static const char *
refuse_certificate(const Bundle *bundle, X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);

	if (bundle->count == BUNDLE_MAX_CERTIFICATES)
		return "it has more than 16 certificates";
	for (int i = 0; i < bundle->count; i++)
		if (X509_cmp(bundle->certificates[i], certificate) == 0)
			return "a certificate is in it twice";
	if (key == NULL)
		return "the public key of a certificate cannot be decoded";
	return private_key_check_kind(key);
}

const char *
bundle_add_certificate(Bundle *bundle, X509 *certificate)
{
	const char *fault = refuse_certificate(bundle, certificate);

	if (fault == NULL)
		bundle->certificates[bundle->count++] = certificate;
	else
		X509_free(certificate);
	return fault;
}

const char *
bundle_add_key(Bundle *bundle, EVP_PKEY *key)
{
	if (bundle->key)
	{
		EVP_PKEY_free(key);
		return "it has more than one private key";
	}
	bundle->key = key;
	return private_key_check_kind(key);
}

/* NULL unless the bytes are a certificate and nothing else. */
static X509 *
decode_certificate(const unsigned char *der, size_t size)
{
	const unsigned char *at = der;
	X509 *certificate = d2i_X509(NULL, &at, (long) size);

	if (certificate && at == der + size)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static const char *
take_certificate(const PemBlock *block, Bundle *bundle)
{
	X509 *certificate = NULL;

	if (!block->has_headers)
		certificate = decode_certificate((const unsigned char *) block->body.data,
										 block->body.size);
	return certificate ? bundle_add_certificate(bundle, certificate)
					   : "a certificate in it cannot be decoded";
}

static const char *
take_key(const PemBlock *block, const char *passphrase, Bundle *bundle)
{
	EVP_PKEY *key = NULL;
	const char *fault;

	if (bundle->key)
		return "it has more than one private key";
	fault = private_key_from(block, passphrase, &key);
	return fault ? fault : bundle_add_key(bundle, key);
}

static const char *
take_block(const PemBlock *block, const char *passphrase, Bundle *bundle)
{
	if (strcmp(block->label, "CERTIFICATE") == 0)
		return take_certificate(block, bundle);
	if (private_key_is(block))
		return take_key(block, passphrase, bundle);
	if (strcmp(block->label, "EC PARAMETERS") == 0)
		return NULL; /* "openssl ecparam -genkey" writes them before the key, which has them too */
	return "it has a PEM block that is neither a certificate nor a private key";
}

static const char *
read_pem(const char *text, size_t size, const char *passphrase, Bundle *bundle)
{
	PemReader reader = {text, text + size};
	PemBlock block;
	const char *fault;

	do
	{
		fault = pem_next(&reader, &block);
		if (fault == NULL && block.label[0] == '\0')
			break;
		if (fault == NULL)
			fault = take_block(&block, passphrase, bundle);
		pem_block_free(&block);
	} while (fault == NULL);
	return fault;
}

static const char *
read_der(const unsigned char *der, size_t size, const char *passphrase, Bundle *bundle)
{
	X509 *certificate = decode_certificate(der, size);
	int is_pkcs12;
	const char *fault;

	if (certificate)
		return bundle_add_certificate(bundle, certificate);
	fault = bundle_read_pkcs12(der, size, passphrase, bundle, &is_pkcs12);
	return is_pkcs12 ? fault : "it is neither PEM nor a certificate in DER nor PKCS#12";
}

const char *
bundle_read(const void *data, size_t size, const char *passphrase, Bundle *bundle)
{
	const char *fault;

	if (size > BUNDLE_MAX_BYTES)
		return "it is longer than 256 KiB";
	fault = pem_looks_like(data, size) ? read_pem(data, size, passphrase, bundle)
									   : read_der(data, size, passphrase, bundle);
	if (fault == NULL && bundle->count == 0)
		return "it has no certificate";
	return fault;
}
