/*
 * pkcs12.c
 *		The contents of a PKCS#12 (RFC 7292), with checks that OpenSSL's PKCS12_parse does not make:
 *		there is at most one key, no unknown part, and a passphrase is tried only within a cost
 *		limit.
 *
 * Without a passphrase, none and the empty one are tried, which differ in this format. A passphrase
 * that is not ASCII is tried as the UTF-16 of its characters, and of its bytes, as OpenSSL before
 * 1.1 wrote it. The MAC tells whether it is right; in a file without MAC, whether it decrypts a
 * part. If the right passphrase does not open a part, the part is damaged.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/pkcs12.h>

#include "pki/bundle.h"
#include "pki/passphrase.h"
#include "pki/pkcs8.h"
#include "pki/rules.h"
#include "type/type.h"

#define MAX_PARTS 8
#define MAX_DEPTH 4

#define MALFORMED "a part of the PKCS#12 cannot be decoded"

/* ---- encrypted parts ---- */

static int
length_of(const char *passphrase)
{
	return passphrase ? (int) strlen(passphrase) : 0;
}

static const X509_ALGOR *
algorithm_of_key(const PKCS12_SAFEBAG *bag)
{
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *ignored;

	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, &ignored);
	return algorithm;
}

/* Decrypt a key, which the caller frees. Returns NULL with the rule. */
static PKCS8_PRIV_KEY_INFO *
open_key(const PKCS12_SAFEBAG *bag, const char *passphrase, const char **fault)
{
	OSSL_LIB_CTX *context;
	PKCS8_PRIV_KEY_INFO *info = NULL;

	*fault = passphrase_algorithm(algorithm_of_key(bag), &context);
	if (*fault == NULL)
	{
		info = PKCS8_decrypt_ex(PKCS12_SAFEBAG_get0_pkcs8(bag), passphrase, length_of(passphrase),
								context, NULL);
		*fault = info ? NULL : DAMAGED_PART;
	}
	return info;
}

static bool
is_encrypted(PKCS7 *part)
{
	return PKCS7_type_is_encrypted(part) && part->d.encrypted && part->d.encrypted->enc_data &&
		part->d.encrypted->enc_data->algorithm;
}

/* Open a part; the caller frees the bags. Returns NULL with the rule. */
static STACK_OF(PKCS12_SAFEBAG) * open_part(PKCS7 *part, const char *passphrase, const char **fault)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	OSSL_LIB_CTX *context;

	*fault = MALFORMED;
	if (PKCS7_type_is_data(part) && part->d.data)
		bags = PKCS12_unpack_p7data(part);
	else if (is_encrypted(part))
	{
		const PKCS7_ENC_CONTENT *content = part->d.encrypted->enc_data;

		*fault = passphrase_algorithm(content->algorithm, &context);
		if (*fault)
			return NULL;
		*fault = DAMAGED_PART;
		if (content->enc_data)
			bags = PKCS12_item_decrypt_d2i_ex(content->algorithm, ASN1_ITEM_rptr(PKCS12_SAFEBAGS),
											  passphrase, length_of(passphrase), content->enc_data,
											  1, context, NULL);
	}
	if (bags)
		*fault = NULL;
	return bags;
}

/* ---- bags ---- */

static const char *
take_info(const PKCS8_PRIV_KEY_INFO *info, Bundle *bundle)
{
	EVP_PKEY *key = NULL;
	const char *fault = pkcs8_key(info, &key);

	return fault ? fault : bundle_add_key(bundle, key);
}

static const char *
take_shrouded(const PKCS12_SAFEBAG *bag, const char *passphrase, Bundle *bundle)
{
	const char *fault;
	PKCS8_PRIV_KEY_INFO *info = open_key(bag, passphrase, &fault);

	if (info)
		fault = take_info(info, bundle);
	PKCS8_PRIV_KEY_INFO_free(info);
	return fault;
}

static const char *
pkcs12_take_certificate(const PKCS12_SAFEBAG *bag, Bundle *bundle)
{
	X509 *certificate;

	if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
		return "the PKCS#12 has a certificate that is not of X.509";
	certificate = PKCS12_SAFEBAG_get1_cert(bag);
	return certificate ? bundle_add_certificate(bundle, certificate)
					   : "a certificate in it cannot be decoded";
}

static const char *
take_bags(const STACK_OF(PKCS12_SAFEBAG) * bags, const char *passphrase, Bundle *bundle, int depth);

static const char *
take_bag(const PKCS12_SAFEBAG *bag, const char *passphrase, Bundle *bundle, int depth)
{
	int kind = PKCS12_SAFEBAG_get_nid(bag);

	if (bundle->key && (kind == NID_keyBag || kind == NID_pkcs8ShroudedKeyBag))
		return TWO_KEYS;
	switch (kind)
	{
		case NID_keyBag:
			return take_info(PKCS12_SAFEBAG_get0_p8inf(bag), bundle);
		case NID_pkcs8ShroudedKeyBag:
			return take_shrouded(bag, passphrase, bundle);
		case NID_certBag:
			return pkcs12_take_certificate(bag, bundle);
		case NID_crlBag:
			return HAS_CRL;
		case NID_safeContentsBag:
			return depth == MAX_DEPTH
				? MALFORMED
				: take_bags(PKCS12_SAFEBAG_get0_safes(bag), passphrase, bundle, depth + 1);
	}
	return "the PKCS#12 holds something that is neither a certificate nor a private key";
}

static const char *
take_bags(const STACK_OF(PKCS12_SAFEBAG) * bags, const char *passphrase, Bundle *bundle, int depth)
{
	const char *fault = NULL;

	for (int i = 0; fault == NULL && i < sk_PKCS12_SAFEBAG_num(bags); i++)
		fault = take_bag(sk_PKCS12_SAFEBAG_value(bags, i), passphrase, bundle, depth);
	return fault;
}

static const char *
take_parts(STACK_OF(PKCS7) * parts, const char *passphrase, Bundle *bundle)
{
	const char *fault = NULL;

	for (int i = 0; fault == NULL && i < sk_PKCS7_num(parts); i++)
	{
		STACK_OF(PKCS12_SAFEBAG) *bags = open_part(sk_PKCS7_value(parts, i), passphrase, &fault);

		if (bags)
			fault = take_bags(bags, passphrase, bundle, 0);
		sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	}
	return fault;
}

/* ---- passphrases ---- */

/* Return true if a key opens. *tried is unchanged if no key is encrypted. */
static bool
opens_key(const STACK_OF(PKCS12_SAFEBAG) * bags, const char *passphrase, bool *tried)
{
	bool opened = false;

	for (int i = 0; !opened && i < sk_PKCS12_SAFEBAG_num(bags); i++)
	{
		const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
		const char *fault;
		PKCS8_PRIV_KEY_INFO *info;

		if (PKCS12_SAFEBAG_get_nid(bag) != NID_pkcs8ShroudedKeyBag)
			continue;
		*tried = true;
		info = open_key(bag, passphrase, &fault);
		opened = info != NULL;
		PKCS8_PRIV_KEY_INFO_free(info);
	}
	return opened;
}

/* Return true if the passphrase opens any part. *tried tells whether any part is encrypted. */
static bool
opens_something(STACK_OF(PKCS7) * parts, const char *passphrase, bool *tried)
{
	bool opened = false;

	*tried = false;
	for (int i = 0; !opened && i < sk_PKCS7_num(parts); i++)
	{
		PKCS7 *part = sk_PKCS7_value(parts, i);
		const char *fault;
		STACK_OF(PKCS12_SAFEBAG) *bags = open_part(part, passphrase, &fault);

		*tried = *tried || is_encrypted(part);
		opened = bags && (is_encrypted(part) || opens_key(bags, passphrase, tried));
		sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	}
	return opened;
}

/* Check that a passphrase can open the encrypted parts at all. */
static const char *
check_ciphers(STACK_OF(PKCS7) * parts)
{
	const char *fault = NULL;

	for (int i = 0; fault == NULL && i < sk_PKCS7_num(parts); i++)
	{
		PKCS7 *part = sk_PKCS7_value(parts, i);
		STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
		OSSL_LIB_CTX *context;

		if (is_encrypted(part))
			fault = passphrase_algorithm(part->d.encrypted->enc_data->algorithm, &context);
		else
			bags = open_part(part, NULL, &fault);
		for (int j = 0; fault == NULL && j < sk_PKCS12_SAFEBAG_num(bags); j++)
			if (PKCS12_SAFEBAG_get_nid(sk_PKCS12_SAFEBAG_value(bags, j)) == NID_pkcs8ShroudedKeyBag)
				fault = passphrase_algorithm(algorithm_of_key(sk_PKCS12_SAFEBAG_value(bags, j)),
											 &context);
		sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	}
	return fault;
}

static const char *
check_mac(const PKCS12 *file)
{
	const ASN1_INTEGER *rounds;
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *kind;
	int64_t count = 1; /* a missing count means one */
	EVP_MD *digest;

	PKCS12_get0_mac(NULL, &algorithm, NULL, &rounds, file);
	if (rounds &&
		(ASN1_INTEGER_get_int64(&count, rounds) != 1 || count < 1 || count > PASSPHRASE_MAX_ROUNDS))
		return TOO_MANY_ROUNDS;
	X509_ALGOR_get0(&kind, NULL, NULL, algorithm);
	digest = EVP_MD_fetch(NULL, OBJ_nid2sn(OBJ_obj2nid(kind)), NULL);
	EVP_MD_free(digest);
	return digest ? NULL : "the MAC of the PKCS#12 is of a kind that is not known";
}

static bool
passphrase_fits(PKCS12 *file, STACK_OF(PKCS7) * parts, const char *passphrase)
{
	bool tried;

	if (PKCS12_mac_present(file) == 1)
		return PKCS12_verify_mac(file, passphrase, length_of(passphrase)) == 1;
	return opens_something(parts, passphrase, &tried) || !tried;
}

/* Return the UTF-16 of the bytes, as UTF-8, for OPENSSL_clear_free(); NULL if it is the same. */
static char *
passphrase_of_bytes(const char *passphrase)
{
	unsigned char *wide;
	char *bytes = NULL;
	int size;

	for (const char *at = passphrase; *at; at++)
	{
		if ((*at & 0x80) == 0)
			continue;
		wide = OPENSSL_asc2uni(passphrase, -1, NULL, &size);
		bytes = wide ? OPENSSL_uni2utf8(wide, size) : NULL;
		OPENSSL_clear_free(wide, wide ? size : 0);
		break;
	}
	return bytes;
}

/* Tell after a failure if the passphrase is wrong, or the file. */
static const char *
pkcs12_why_not(PKCS12 *file, STACK_OF(PKCS7) * parts, const char *passphrase)
{
	bool tried;

	if (passphrase == NULL || *passphrase == '\0')
		return NO_P12_PASSPHRASE;
	if (PKCS12_mac_present(file) == 1 && opens_something(parts, passphrase, &tried))
		return DAMAGED_P12;
	return WRONG_P12_PASSPHRASE;
}

static const char *
open_parts(PKCS12 *file, STACK_OF(PKCS7) * parts, const char *passphrase, Bundle *bundle)
{
	bool given = passphrase && *passphrase;
	char *bytes = given ? passphrase_of_bytes(passphrase) : NULL;
	const char *first = given ? passphrase : NULL;
	const char *second = given ? bytes : "";
	const char *fault = check_ciphers(parts);

	if (fault == NULL && PKCS12_mac_present(file) == 1)
		fault = check_mac(file);
	if (fault == NULL && passphrase_fits(file, parts, first))
		fault = take_parts(parts, first, bundle);
	else if (fault == NULL && second && passphrase_fits(file, parts, second))
		fault = take_parts(parts, second, bundle);
	else if (fault == NULL)
		fault = pkcs12_why_not(file, parts, passphrase);
	OPENSSL_clear_free(bytes, bytes ? strlen(bytes) : 0);
	return fault;
}

const char *
bundle_read_pkcs12(const unsigned char *der, size_t size, const char *passphrase, Bundle *bundle,
				   bool *is_one)
{
	const unsigned char *at = der;
	PKCS12 *file = d2i_PKCS12(NULL, &at, (long) size);
	STACK_OF(PKCS7) *parts = NULL;
	const char *fault = NULL;

	*is_one = file != NULL && at == der + size;
	if (*is_one)
	{
		parts = PKCS12_unpack_authsafes(file);
		fault = parts == NULL || sk_PKCS7_num(parts) > MAX_PARTS
			? MALFORMED
			: open_parts(file, parts, passphrase, bundle);
	}
	sk_PKCS7_pop_free(parts, PKCS7_free);
	PKCS12_free(file);
	return fault;
}
