/*
 * pkcs12.c
 *		The contents of a PKCS#12 (RFC 7292), with what OpenSSL's PKCS12_parse leaves open:
 *		there is one key at most, nothing that is not understood, and no passphrase
 *		is tried at a cost that the file sets.
 *
 * A passphrase that is not given is tried as none and as the empty one, which are
 * two things in this format.
 */
#include <string.h>

#include <openssl/pkcs12.h>

#include "pki/bundle.h"
#include "pki/private_key.h"

#define MAX_PARTS 8

#define MALFORMED "a part of the PKCS#12 cannot be decoded"
#define TOO_MANY  "the PKCS#12 asks for too many rounds of derivation, or has none that is known"
#define CLOSED	  "a part of the PKCS#12 does not open: its cipher is unknown or obsolete"

static const char *
take_bag_key(const PKCS8_PRIV_KEY_INFO *info, Bundle *bundle)
{
	EVP_PKEY *key = NULL;
	const char *fault;

	if (info == NULL)
		return CLOSED;
	fault = private_key_from_pkcs8(info, &key);
	return fault ? fault : bundle_add_key(bundle, key);
}

static const char *
take_shrouded(const PKCS12_SAFEBAG *bag, const char *passphrase, Bundle *bundle)
{
	const X509_SIG *shrouded = PKCS12_SAFEBAG_get0_pkcs8(bag);
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *ignored;
	PKCS8_PRIV_KEY_INFO *info;
	const char *fault;

	if (bundle->key)
		return "it has more than one private key";
	X509_SIG_get0(shrouded, &algorithm, &ignored);
	if (!private_key_rounds_are_bounded(algorithm))
		return TOO_MANY;
	info = PKCS8_decrypt(shrouded, passphrase, passphrase ? (int) strlen(passphrase) : 0);
	fault = take_bag_key(info, bundle);
	PKCS8_PRIV_KEY_INFO_free(info);
	return fault;
}

static const char *
take_bag(const PKCS12_SAFEBAG *bag, const char *passphrase, Bundle *bundle)
{
	X509 *certificate;

	switch (PKCS12_SAFEBAG_get_nid(bag))
	{
		case NID_keyBag:
			return bundle->key ? "it has more than one private key"
							   : take_bag_key(PKCS12_SAFEBAG_get0_p8inf(bag), bundle);
		case NID_pkcs8ShroudedKeyBag:
			return take_shrouded(bag, passphrase, bundle);
		case NID_certBag:
			if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
				break;
			certificate = PKCS12_SAFEBAG_get1_cert(bag);
			return certificate ? bundle_add_certificate(bundle, certificate)
							   : "a certificate in it cannot be decoded";
	}
	return "the PKCS#12 holds something that is neither a certificate nor a private key";
}

/* NULL with a fault: rounds that are not bounded, a cipher that is not known, another form. */
static STACK_OF(PKCS12_SAFEBAG) *
open_part(PKCS7 *part, const char *passphrase, const char **fault)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	int length = passphrase ? (int) strlen(passphrase) : 0;

	*fault = MALFORMED;
	if (PKCS7_type_is_data(part) && part->d.data)
		bags = PKCS12_unpack_p7data(part);
	else if (PKCS7_type_is_encrypted(part) && part->d.encrypted && part->d.encrypted->enc_data)
	{
		const X509_ALGOR *algorithm = part->d.encrypted->enc_data->algorithm;

		*fault = TOO_MANY;
		if (algorithm && private_key_rounds_are_bounded(algorithm))
		{
			*fault = CLOSED;
			bags = PKCS12_unpack_p7encdata(part, passphrase, length);
		}
	}
	if (bags)
		*fault = NULL;
	return bags;
}

static const char *
take_part(PKCS7 *part, const char *passphrase, Bundle *bundle)
{
	const char *fault;
	STACK_OF(PKCS12_SAFEBAG) *bags = open_part(part, passphrase, &fault);

	for (int i = 0; fault == NULL && i < sk_PKCS12_SAFEBAG_num(bags); i++)
		fault = take_bag(sk_PKCS12_SAFEBAG_value(bags, i), passphrase, bundle);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return fault;
}

static const char *
take_parts(const PKCS12 *file, const char *passphrase, Bundle *bundle)
{
	STACK_OF(PKCS7) *parts = PKCS12_unpack_authsafes(file);
	const char *fault = NULL;

	if (parts == NULL || sk_PKCS7_num(parts) > MAX_PARTS)
		fault = MALFORMED;
	for (int i = 0; fault == NULL && i < sk_PKCS7_num(parts); i++)
		fault = take_part(sk_PKCS7_value(parts, i), passphrase, bundle);
	sk_PKCS7_pop_free(parts, PKCS7_free);
	return fault;
}

static bool
mac_is_bounded(const PKCS12 *file)
{
	const ASN1_INTEGER *rounds;
	int64_t count = 1; /* that is not written means once */

	PKCS12_get0_mac(NULL, NULL, NULL, &rounds, file);
	return rounds == NULL || (ASN1_INTEGER_get_int64(&count, rounds) == 1 && count > 0 &&
							  count <= PASSPHRASE_MAX_ROUNDS);
}

/* Finds the form of an absent passphrase that fits, too. */
static const char *
check_mac(PKCS12 *file, const char **passphrase)
{
	if (PKCS12_mac_present(file) != 1)
		return "the PKCS#12 has no MAC";
	if (!mac_is_bounded(file))
		return TOO_MANY;
	if (*passphrase && **passphrase != '\0')
		return PKCS12_verify_mac(file, *passphrase, -1) == 1
			? NULL
			: "the PKCS#12 does not open with this passphrase";
	*passphrase = NULL;
	if (PKCS12_verify_mac(file, NULL, 0) == 1)
		return NULL;
	*passphrase = "";
	return PKCS12_verify_mac(file, "", 0) == 1
		? NULL
		: "the PKCS#12 is encrypted and no passphrase is given, or an empty one";
}

const char *
bundle_read_pkcs12(const unsigned char *der, size_t size, const char *passphrase,
				   Bundle *bundle, int *is_one)
{
	const unsigned char *at = der;
	PKCS12 *file = d2i_PKCS12(NULL, &at, (long) size);
	const char *fault = NULL;

	*is_one = file != NULL && at == der + size;
	if (*is_one)
		fault = check_mac(file, &passphrase);
	if (*is_one && fault == NULL)
		fault = take_parts(file, passphrase, bundle);
	PKCS12_free(file);
	return fault;
}
