/*
 * alternative_names.c
 *		Subject alternative names of a certificate that the server's TLS layer verified.
 */
#include "crypto/alternative_names.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static const char *
kind_of(int type)
{
	switch (type)
	{
		case GEN_DNS:
			return "dns";
		case GEN_URI:
			return "uri";
		case GEN_EMAIL:
			return "email";
		default:
			return NULL;
	}
}

static bool
is_printable(const unsigned char *text, int size)
{
	for (int i = 0; i < size; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	return size > 0;
}

void
certificate_alternative_names(const void *x509,
							  void (*visit)(const char *kind, const char *name, size_t size,
											void *argument),
							  void *argument)
{
	GENERAL_NAMES *names = X509_get_ext_d2i((X509 *) x509, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++)
	{
		int type;
		ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		const char *kind = kind_of(type);

		if (kind && is_printable(ASN1_STRING_get0_data(value), ASN1_STRING_length(value)))
			visit(kind, (const char *) ASN1_STRING_get0_data(value), ASN1_STRING_length(value),
				  argument);
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
}
