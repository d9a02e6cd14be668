/*
 * bundle.c
 *		Parses certificates and a key; bundle.h has the contract.
 *
 * It guards that the whole file is accounted for: each block is a certificate, a PKCS#7 with
 * several, or the one private key. It skips only parameters, public keys and requests, which add
 * nothing to the certificate.
 */
#include "pki/bundle.h"

#include <string.h>

#include <openssl/pkcs7.h>

#include "pki/der.h"
#include "pki/pem.h"
#include "pki/private_key.h"
#include "pki/rules.h"
#include "type/type.h"

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
	if (key == NULL)
		return "the public key of a certificate cannot be decoded";
	return private_key_check_kind(key);
}

/*
 * Return true if the bundle has the certificate. A file that was put together of a certificate and
 * its chain often has the same one twice.
 */
static bool
has_certificate(const Bundle *bundle, X509 *certificate)
{
	for (int i = 0; i < bundle->count; i++)
		if (X509_cmp(bundle->certificates[i], certificate) == 0)
			return true;
	return false;
}

const char *
bundle_add_certificate(Bundle *bundle, X509 *certificate)
{
	bool has = has_certificate(bundle, certificate);
	const char *fault = has ? NULL : refuse_certificate(bundle, certificate);

	if (fault == NULL && !has)
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
		return TWO_KEYS;
	}
	bundle->key = key;
	return private_key_check_kind(key);
}

/*
 * Return NULL unless the bytes are a certificate, optionally with OpenSSL's trust after it, and
 * nothing else.
 */
static X509 *
decode_certificate(const unsigned char *der, size_t size, bool trusted)
{
	const unsigned char *at = der;
	X509 *certificate =
		trusted ? d2i_X509_AUX(NULL, &at, (long) size) : d2i_X509(NULL, &at, (long) size);

	if (certificate && at == der + size)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static const char *
take_signed(const PKCS7 *file, Bundle *bundle)
{
	const char *fault = NULL;

	if (!PKCS7_type_is_signed(file) || file->d.sign == NULL)
		return "a PKCS#7 in it is not of the kind that holds certificates";
	if (sk_X509_CRL_num(file->d.sign->crl) > 0)
		return HAS_CRL;
	for (int i = 0; fault == NULL && i < sk_X509_num(file->d.sign->cert); i++)
	{
		X509 *certificate = sk_X509_value(file->d.sign->cert, i);

		X509_up_ref(certificate);
		fault = bundle_add_certificate(bundle, certificate);
	}
	return fault;
}

/* Read PKCS#7 as authorities provide it (.p7b). *is_one is false for another format. */
static const char *
take_pkcs7(const unsigned char *der, size_t size, Bundle *bundle, bool *is_one)
{
	const unsigned char *at = der;
	PKCS7 *file = d2i_PKCS7(NULL, &at, (long) size);
	const char *fault = NULL;

	*is_one = file != NULL && at == der + size;
	if (*is_one)
		fault = take_signed(file, bundle);
	PKCS7_free(file);
	return fault;
}

/* Take a block labeled as a certificate. Some authorities write PKCS#7 under that label. */
static const char *
bundle_take_certificate(PemBlock *block, Bundle *bundle)
{
	const char *fault = pem_decode(block);
	const unsigned char *der = (const unsigned char *) block->body.data;
	X509 *certificate;
	bool is_pkcs7;

	if (fault)
		return fault;
	certificate = decode_certificate(der, block->body.size, block->label[0] == 'T');
	if (certificate)
		return bundle_add_certificate(bundle, certificate);
	fault = take_pkcs7(der, block->body.size, bundle, &is_pkcs7);
	return is_pkcs7 ? fault : "a certificate in it cannot be decoded";
}

static const char *
bundle_take_key(PemBlock *block, const char *passphrase, Bundle *bundle)
{
	EVP_PKEY *key = NULL;
	const char *fault;

	if (bundle->key)
		return TWO_KEYS;
	fault = private_key_from(block, passphrase, &key);
	return fault ? fault : bundle_add_key(bundle, key);
}

static bool
label_is_one_of(const PemBlock *block, const char *const *labels)
{
	for (; *labels; labels++)
		if (strcmp(block->label, *labels) == 0)
			return true;
	return false;
}

static const char *
take_block(PemBlock *block, const char *passphrase, Bundle *bundle)
{
	static const char *const certificates[] = {
		"CERTIFICATE", "X509 CERTIFICATE",    "TRUSTED CERTIFICATE",
		"PKCS7",       "PKCS #7 SIGNED DATA", "CMS",
		NULL};
	static const char *const passed_over[] = {"EC PARAMETERS",
											  "DH PARAMETERS",
											  "X9.42 DH PARAMETERS",
											  "DSA PARAMETERS",
											  "PUBLIC KEY",
											  "RSA PUBLIC KEY",
											  "CERTIFICATE REQUEST",
											  "NEW CERTIFICATE REQUEST",
											  NULL};

	if (label_is_one_of(block, certificates))
		return bundle_take_certificate(block, bundle);
	if (private_key_is(block))
		return bundle_take_key(block, passphrase, bundle);
	if (label_is_one_of(block, passed_over))
		return NULL;
	if (strcmp(block->label, "OPENSSH PRIVATE KEY") == 0)
		return OPENSSH_KEY;
	if (strcmp(block->label, "X509 CRL") == 0)
		return HAS_CRL;
	return "it has a PEM block that is neither a certificate nor a private key";
}

static const char *
bundle_read_pem(PemReader *reader, const char *passphrase, Bundle *bundle)
{
	PemBlock block;
	const char *fault;

	do
	{
		fault = pem_next(reader, &block);
		if (fault == NULL && block.label[0] == '\0')
			break;
		if (fault == NULL)
			fault = take_block(&block, passphrase, bundle);
		pem_block_free(&block);
	} while (fault == NULL);
	return fault;
}

/* Return true if the first DER element is longer than the data. */
static bool
is_cut(const unsigned char *der, size_t size)
{
	DerReader reader = {der, size, false};

	if (!der_is(&reader, DER_SEQUENCE))
		return false;
	reader.at++;
	reader.left--;
	return der_length(&reader) > reader.left && !reader.broken;
}

static const char *
read_der(const unsigned char *der, size_t size, const char *passphrase, Bundle *bundle)
{
	X509 *certificate = decode_certificate(der, size, false);
	bool is_one;
	const char *fault;

	if (certificate)
		return bundle_add_certificate(bundle, certificate);
	fault = take_pkcs7(der, size, bundle, &is_one);
	if (!is_one)
		fault = bundle_read_pkcs12(der, size, passphrase, bundle, &is_one);
	if (is_one)
		return fault;
	return is_cut(der, size) ? "it is neither PEM nor whole DER: it is cut short"
							 : "it is neither PEM nor a certificate, PKCS#7 or PKCS#12 in DER";
}

const char *
bundle_read(const void *data, size_t size, const char *passphrase, Bundle *bundle)
{
	PemReader reader;
	bool has_request;
	const char *fault;

	if (size > BUNDLE_MAX_BYTES)
		return "it is longer than 256 KiB";
	if (!pem_open(&reader, data, size))
		return TYPE_NO_MEMORY;
	has_request = pem_has_word(&reader, "CERTIFICATE REQUEST");
	fault = pem_has_block(&reader) ? bundle_read_pem(&reader, passphrase, bundle)
								   : read_der(data, size, passphrase, bundle);
	if (fault == NULL && bundle->count == 0)
		fault = has_request ? "it has no certificate, but only a request for one"
							: "it has no certificate";
	pem_close(&reader);
	return fault;
}
