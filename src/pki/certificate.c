/*
 * certificate.c
 *		Reads the facts of a certificate; certificate.h has the contract.
 *
 * Facts are ASCII for every certificate: names are escaped by RFC 2253, so they cannot end a line,
 * a JSON string or an encoding.
 */
#include "pki/certificate.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "pki/bundle.h"
#include "pki/chain.h"
#include "pki/private_key.h"

#define EARLIEST INT64_C(-631152000) /* 1950, the first year of a UTCTime */

struct Certificate
{
	Bundle bundle; /* the leaf first, then its issuers in order */
	int64_t valid_until;
	char *metadata;
};

/* Return the contents of a memory BIO, for value_free(), and free it; both wipe. */
static char *
certificate_finish(BIO *bio, size_t *size)
{
	char *data;
	long length = BIO_get_mem_data(bio, &data);
	char *copy = length >= 0 ? value_copy(length > 0 ? data : "", length) : NULL;

	if (size)
		*size = length;
	BIO_free(bio);
	return copy;
}

static X509 *
leaf_of(const Certificate *certificate)
{
	return certificate->bundle.certificates[0];
}

/* ---- times ---- */

static bool
certificate_seconds_of(const ASN1_TIME *time, int64_t *seconds)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days;
	int rest;
	bool valid = epoch && ASN1_TIME_diff(&days, &rest, epoch, time) == 1;

	if (valid)
		*seconds = days * INT64_C(86400) + rest;
	ASN1_TIME_free(epoch);
	return valid;
}

static const char *
read_validity(Certificate *certificate)
{
	certificate->valid_until = INT64_MAX;
	for (int i = 0; i < certificate->bundle.count; i++)
	{
		const X509 *one = certificate->bundle.certificates[i];
		int64_t from;
		int64_t until;

		if (!certificate_seconds_of(X509_get0_notBefore(one), &from) ||
			!certificate_seconds_of(X509_get0_notAfter(one), &until) || from < EARLIEST)
			return "the validity of a certificate cannot be read";
		if (until < from)
			return "the validity of a certificate ends before it begins";
		if (until < certificate->valid_until)
			certificate->valid_until = until;
	}
	return NULL;
}

static bool
write_time(BIO *bio, const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 &&
		BIO_printf(bio, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
				   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec) > 0;
}

/* ---- facts: each writes its text ---- */

static bool
write_subject(BIO *bio, const Certificate *certificate)
{
	return X509_NAME_print_ex(bio, X509_get_subject_name(leaf_of(certificate)), 0,
							  XN_FLAG_RFC2253) >= 0;
}

static bool
write_issuer(BIO *bio, const Certificate *certificate)
{
	return X509_NAME_print_ex(bio, X509_get_issuer_name(leaf_of(certificate)), 0,
							  XN_FLAG_RFC2253) >= 0;
}

static bool
write_serial(BIO *bio, const Certificate *certificate)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf_of(certificate));

	return i2a_ASN1_INTEGER(bio, serial) > 0;
}

static bool
write_not_before(BIO *bio, const Certificate *certificate)
{
	return write_time(bio, X509_get0_notBefore(leaf_of(certificate)));
}

static bool
write_not_after(BIO *bio, const Certificate *certificate)
{
	return write_time(bio, X509_get0_notAfter(leaf_of(certificate)));
}

static bool
write_valid_until(BIO *bio, const Certificate *certificate)
{
	ASN1_TIME *time = ASN1_TIME_set(NULL, certificate->valid_until);
	bool written = time && write_time(bio, time);

	ASN1_TIME_free(time);
	return written;
}

static bool
write_key_type(BIO *bio, const Certificate *certificate)
{
	return BIO_puts(bio, private_key_kind(X509_get0_pubkey(leaf_of(certificate)))) > 0;
}

static bool
write_key_bits(BIO *bio, const Certificate *certificate)
{
	return BIO_printf(bio, "%d", EVP_PKEY_get_bits(X509_get0_pubkey(leaf_of(certificate)))) > 0;
}

static bool
write_signature_algorithm(BIO *bio, const Certificate *certificate)
{
	return BIO_puts(bio, OBJ_nid2ln(X509_get_signature_nid(leaf_of(certificate)))) > 0;
}

static bool
write_fingerprint(BIO *bio, const Certificate *certificate)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size;

	if (X509_digest(leaf_of(certificate), EVP_sha256(), digest, &size) != 1)
		return false;
	for (unsigned i = 0; i < size; i++)
		if (BIO_printf(bio, i == 0 ? "%02X" : ":%02X", digest[i]) <= 0)
			return false;
	return true;
}

static bool
write_self_signed(BIO *bio, const Certificate *certificate)
{
	return BIO_puts(bio, chain_is_self_signed(leaf_of(certificate)) ? "true" : "false") > 0;
}

static bool
write_chain_length(BIO *bio, const Certificate *certificate)
{
	return BIO_printf(bio, "%d", certificate->bundle.count) > 0;
}

static bool
write_has_private_key(BIO *bio, const Certificate *certificate)
{
	return BIO_puts(bio, certificate->bundle.key ? "true" : "false") > 0;
}

/* ---- subject alternative names: a JSON array of "kind:name" ---- */

#define UNREADABLE "unreadable:" /* such a name is no reason to refuse a certificate */

static bool
write_escaped(BIO *bio, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		unsigned char c = text[i];
		bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';

		if ((plain ? BIO_write(bio, &c, 1) : BIO_printf(bio, "\\u%04x", c)) <= 0)
			return false;
	}
	return true;
}

static bool
certificate_is_text(const ASN1_TYPE *value)
{
	switch (ASN1_TYPE_get(value))
	{
		case V_ASN1_UTF8STRING:
		case V_ASN1_IA5STRING:
		case V_ASN1_PRINTABLESTRING:
		case V_ASN1_T61STRING:
		case V_ASN1_BMPSTRING:
		case V_ASN1_VISIBLESTRING:
			return true;
	}
	return false;
}

static bool
write_string(BIO *bio, const char *kind, const ASN1_STRING *value)
{
	return BIO_puts(bio, kind) > 0 &&
		ASN1_STRING_print_ex(bio, value,
							 ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_ESC_MSB |
								 ASN1_STRFLGS_UTF8_CONVERT) >= 0;
}

/* Write an address. If its length is not that of an address, write it in hexadecimal. */
static bool
write_address(BIO *bio, const ASN1_STRING *value)
{
	const unsigned char *bytes = ASN1_STRING_get0_data(value);
	int size = ASN1_STRING_length(value);
	char address[INET6_ADDRSTRLEN];

	if (size == 4 || size == 16)
		return inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, address, sizeof(address)) &&
			BIO_printf(bio, "ip:%s", address) > 0;
	if (BIO_puts(bio, "ip:#") <= 0)
		return false;
	for (int i = 0; i < size; i++)
		if (BIO_printf(bio, "%02X", bytes[i]) <= 0)
			return false;
	return true;
}

/* Write the name of a user in a Windows domain, or else the kind, with its text if it has one. */
static bool
write_other(BIO *bio, const OTHERNAME *name)
{
	char kind[64];
	bool has_text = certificate_is_text(name->value);

	if (OBJ_obj2nid(name->type_id) == NID_ms_upn && has_text)
		return write_string(bio, "upn:", name->value->value.asn1_string);
	return OBJ_obj2txt(kind, sizeof(kind), name->type_id, 1) > 0 &&
		BIO_printf(bio, "othername:%s", kind) > 0 &&
		(!has_text || write_string(bio, ";", name->value->value.asn1_string));
}

/* Write a name. Every name yields at least its kind. */
static bool
write_name(BIO *bio, const GENERAL_NAME *name)
{
	char kind[64];

	switch (name->type)
	{
		case GEN_DNS:
			return write_string(bio, "dns:", name->d.dNSName);
		case GEN_EMAIL:
			return write_string(bio, "email:", name->d.rfc822Name);
		case GEN_URI:
			return write_string(bio, "uri:", name->d.uniformResourceIdentifier);
		case GEN_IPADD:
			return write_address(bio, name->d.iPAddress);
		case GEN_DIRNAME:
			return BIO_puts(bio, "dirname:") > 0 &&
				X509_NAME_print_ex(bio, name->d.directoryName, 0, XN_FLAG_RFC2253) >= 0;
		case GEN_RID:
			return OBJ_obj2txt(kind, sizeof(kind), name->d.registeredID, 1) > 0 &&
				BIO_printf(bio, "rid:%s", kind) > 0;
		case GEN_OTHERNAME:
			return write_other(bio, name->d.otherName);
		case GEN_X400:
			return BIO_puts(bio, "x400:") > 0;
	}
	return BIO_puts(bio, "ediparty:") > 0;
}

static bool
write_element(BIO *bio, const GENERAL_NAME *name, bool *first)
{
	BIO *plain = BIO_new(BIO_s_mem());
	char *text;
	long size;
	bool written = plain &&
		(write_name(plain, name) || (BIO_reset(plain) == 1 && BIO_puts(plain, UNREADABLE) > 0));

	size = written ? BIO_get_mem_data(plain, &text) : 0;
	written = written && BIO_puts(bio, *first ? "\"" : ", \"") > 0 &&
		write_escaped(bio, text, size) && BIO_puts(bio, "\"") > 0;
	*first = false;
	BIO_free(plain);
	return written;
}

static bool
write_sans(BIO *bio, const Certificate *certificate)
{
	int critical;
	GENERAL_NAMES *names =
		X509_get_ext_d2i(leaf_of(certificate), NID_subject_alt_name, &critical, NULL);
	bool readable = names || critical == -1; /* -1 if there are none */
	bool written = BIO_puts(bio, readable ? "[" : "[\"" UNREADABLE "\"") > 0;
	bool first = true;

	for (int i = 0; written && i < sk_GENERAL_NAME_num(names); i++)
		written = write_element(bio, sk_GENERAL_NAME_value(names, i), &first);
	GENERAL_NAMES_free(names);
	return written && BIO_puts(bio, "]") > 0;
}

/* ---- all facts ---- */

typedef struct Fact
{
	const char *name;
	bool is_text; /* false for JSON, which is written as it is */
	bool (*write)(BIO *bio, const Certificate *certificate);
	const char *fault; /* rule that a certificate may break, or NULL */
} Fact;

static const Fact facts[] = {
	{"subject", true, write_subject, "its subject cannot be read"},
	{"issuer", true, write_issuer, "its issuer cannot be read"},
	{"serial", true, write_serial, NULL},
	{"not_before", true, write_not_before, NULL},
	{"not_after", true, write_not_after, NULL},
	{"valid_until", true, write_valid_until, NULL},
	{"sans", false, write_sans, NULL},
	{"key_type", true, write_key_type, NULL},
	{"key_bits", false, write_key_bits, NULL},
	{"signature_algorithm", true, write_signature_algorithm, NULL},
	{"fingerprint", true, write_fingerprint, NULL},
	{"self_signed", false, write_self_signed, NULL},
	{"chain_length", false, write_chain_length, NULL},
	{"has_private_key", false, write_has_private_key, NULL},
};

#define FACTS (sizeof(facts) / sizeof(facts[0]))

static bool
write_member(BIO *bio, const Certificate *certificate, const Fact *fact)
{
	BIO *plain = BIO_new(BIO_s_mem());
	char *text;
	long size;
	bool written =
		plain && fact->write(plain, certificate) && BIO_printf(bio, "\"%s\": ", fact->name) > 0;

	size = written ? BIO_get_mem_data(plain, &text) : 0;
	if (written && fact->is_text)
		written =
			BIO_puts(bio, "\"") > 0 && write_escaped(bio, text, size) && BIO_puts(bio, "\"") > 0;
	else if (written)
		written = BIO_write(bio, text, (int) size) == size;
	BIO_free(plain);
	return written;
}

static const char *
make_metadata(Certificate *certificate)
{
	const char *fault = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	bool written = bio && BIO_puts(bio, "{") > 0;
	size_t size = 0;

	for (size_t i = 0; i < FACTS && written; i++)
	{
		written = (i == 0 || BIO_puts(bio, ", ") > 0) && write_member(bio, certificate, &facts[i]);
		if (!written)
			fault = facts[i].fault;
	}
	if (!written || BIO_puts(bio, "}") <= 0)
	{
		BIO_free(bio);
		return fault ? fault : TYPE_NO_MEMORY;
	}
	certificate->metadata = certificate_finish(bio, &size);
	if (certificate->metadata == NULL)
		return TYPE_NO_MEMORY;
	return size <= CERTIFICATE_MAX_METADATA ? NULL : "its names are longer than 32 KiB together";
}

/* ---- the whole ---- */

const char *
certificate_read(const void *data, size_t size, const char *passphrase, int min_strength,
				 Certificate **made)
{
	Certificate *certificate = calloc(1, sizeof(Certificate));
	const char *fault;

	*made = NULL;
	if (certificate == NULL)
		return TYPE_NO_MEMORY;
	fault = bundle_read(data, size, passphrase, &certificate->bundle);
	if (fault == NULL)
		fault = chain_order(&certificate->bundle, min_strength);
	if (fault == NULL)
		fault = read_validity(certificate);
	if (fault == NULL)
		fault = make_metadata(certificate);
	if (fault == NULL)
		*made = certificate;
	else
		certificate_free(certificate);
	ERR_clear_error();
	return fault;
}

void
certificate_free(Certificate *certificate)
{
	if (certificate == NULL)
		return;
	bundle_free(&certificate->bundle);
	value_free(certificate->metadata);
	free(certificate);
}

int64_t
certificate_valid_until(const Certificate *certificate)
{
	return certificate->valid_until;
}

const char *
certificate_metadata(const Certificate *certificate)
{
	return certificate->metadata;
}

static bool
write_certificates(BIO *bio, const Certificate *certificate, int from, int to)
{
	for (int i = from; i < to; i++)
		if (PEM_write_bio_X509(bio, certificate->bundle.certificates[i]) != 1)
			return false;
	return true;
}

char *
certificate_pem(const Certificate *certificate, size_t *size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;

	if (bio && write_certificates(bio, certificate, 0, certificate->bundle.count) &&
		(certificate->bundle.key == NULL || private_key_write(bio, certificate->bundle.key)))
		pem = certificate_finish(bio, size);
	else
		BIO_free(bio);
	ERR_clear_error();
	return pem;
}

/* Write a part in PEM. *known is false if there is none of this name. */
static bool
write_part(BIO *bio, const Certificate *certificate, const char *name, bool *known)
{
	*known = true;
	if (strcmp(name, "certificate") == 0)
		return write_certificates(bio, certificate, 0, 1);
	if (strcmp(name, "chain") == 0)
		return write_certificates(bio, certificate, 1, certificate->bundle.count);
	if (strcmp(name, "fullchain") == 0)
		return write_certificates(bio, certificate, 0, certificate->bundle.count);
	if (strcmp(name, "private_key") == 0)
		return certificate->bundle.key == NULL || private_key_write(bio, certificate->bundle.key);
	for (size_t i = 0; i < FACTS; i++)
		if (strcmp(name, facts[i].name) == 0)
			return facts[i].write(bio, certificate);
	*known = false;
	return false;
}

TypeField
certificate_field(const Certificate *certificate, const char *name, char **out, size_t *out_size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool known = true;
	bool written = bio && write_part(bio, certificate, name, &known);

	*out = NULL;
	if (written)
		*out = certificate_finish(bio, out_size);
	else
		BIO_free(bio);
	ERR_clear_error();
	if (!known)
		return FIELD_UNKNOWN;
	if (*out == NULL)
		return FIELD_UNREADABLE;
	if (*out_size > 0)
		return FIELD_FOUND;
	value_free(*out);
	*out = NULL;
	return FIELD_ABSENT;
}
