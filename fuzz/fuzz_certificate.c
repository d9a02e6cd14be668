/*
 * fuzz_certificate.c
 *		No file brings the reader of certificates down; what is taken is written in a form that
 *		is taken again and stays as it is, and its facts are a JSON object.
 *
 * The input is a file as it is, or PEM blocks whose content it is, or a good bundle with
 * some of its bytes replaced.
 */
#include "pki/certificate.h"

#include <jansson.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "crypto/primitives.h"
#include "pki/pem.h"

#include "compose.h"

#define ROOM 16384

static const char *const labels[] = {
	"CERTIFICATE",     "PRIVATE KEY",         "ENCRYPTED PRIVATE KEY",
	"RSA PRIVATE KEY", "EC PRIVATE KEY",      "EC PARAMETERS",
	"X509 CRL",        "TRUSTED CERTIFICATE", "X509 CERTIFICATE",
	"PKCS7",           "X9.42 DH PARAMETERS", "CERTIFICATE REQUEST",
	"PUBLIC KEY",      "DSA PRIVATE KEY",     "OPENSSH PRIVATE KEY"};

#define LABELS (sizeof(labels) / sizeof(labels[0]))

/*
 * A self-signed certificate and its key, in DER each, both in a PKCS#12, and the first in a
 * PKCS#7.
 */
static unsigned char *good[4];
static int good_size[4];

static void
make_good(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x509 = X509_new();
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	PKCS12 *file;
	PKCS7 *bag = PKCS7_new();

	X509_set_version(x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
							   (const unsigned char *) "fuzz", -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_set_pubkey(x509, key);
	MUST(X509_sign(x509, key, EVP_sha256()) > 0);
	file = PKCS12_create("x", NULL, key, x509, NULL, NID_aes_128_cbc, NID_aes_128_cbc, 1, 1, 0);
	good_size[0] = i2d_X509(x509, &good[0]);
	good_size[1] = i2d_PKCS8_PRIV_KEY_INFO(info, &good[1]);
	good_size[2] = i2d_PKCS12(file, &good[2]);
	PKCS7_set_type(bag, NID_pkcs7_signed);
	PKCS7_content_new(bag, NID_pkcs7_data);
	MUST(PKCS7_add_certificate(bag, x509) == 1);
	good_size[3] = i2d_PKCS7(bag, &good[3]);
	PKCS7_free(bag);
	PKCS12_free(file);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_free(x509);
	EVP_PKEY_free(key);
}

static void
look_at_facts(const Certificate *certificate)
{
	json_t *object = json_loads(certificate_metadata(certificate), JSON_REJECT_DUPLICATES, NULL);
	char *text;
	size_t size;

	MUST(json_is_object(object));
	json_decref(object);
	MUST(certificate_field(certificate, "no such", &text, &size) == FIELD_UNKNOWN);
	MUST(certificate_field(certificate, "fingerprint", &text, &size) == FIELD_FOUND && size == 95);
	value_free(text);
}

static void
parse(const void *data, size_t size, const char *passphrase)
{
	void *copy = exact_copy(data, size);
	Certificate *certificate;
	Certificate *again;
	const char *fault = certificate_read(copy, size, passphrase, 0, &certificate);
	size_t first_size = 0;
	size_t second_size = 0;
	char *first;
	char *second;

	free(copy);
	MUST(ERR_peek_error() == 0);
	MUST((fault == NULL) == (certificate != NULL));
	if (fault)
	{
		MUST(*fault != '\0' && strlen(fault) < 120);
		return;
	}
	look_at_facts(certificate);
	first = certificate_pem(certificate, &first_size);
	MUST(first && certificate_read(first, first_size, NULL, 0, &again) == NULL);
	second = certificate_pem(again, &second_size);
	MUST(second && first_size == second_size && memcmp(first, second, first_size) == 0);
	value_free(first);
	value_free(second);
	certificate_free(again);
	certificate_free(certificate);
}

/* Pairs of input bytes say where and what. */
static size_t
damage(Input *input, int which, unsigned char *out)
{
	size_t size = good_size[which];

	memcpy(out, good[which], size);
	for (int i = 0; i < 4 && input->size >= 3; i++)
	{
		size_t at = take_byte(input) << 8;

		at += take_byte(input);
		out[at % size] = take_byte(input);
	}
	return size;
}

static void
append_block(char *text, const char *label, const void *body, size_t size)
{
	PkiText block;

	if (base64_size(size) + strlen(text) > ROOM - 512)
		return;
	MUST(pem_write(label, body, size, 64, &block));
	strncat(text, block.data, block.size);
	pki_text_free(&block);
}

static void
put_text(Input *input, char *text)
{
	static const char *const fragments[] = {"-----BEGIN CERTIFICATE-----",
											"-----END CERTIFICATE-----",
											"-----BEGIN RSA PRIVATE KEY-----",
											"-----END RSA PRIVATE KEY-----",
											"Proc-Type: 4,ENCRYPTED",
											"DEK-Info: DES-CBC,0123456789ABCDEF",
											"\n",
											"\r",
											" ",
											"\xef\xbb\xbf",
											"-----",
											"AAAA",
											"subject=x",
											"\\n"};
	char rest[2048];
	size_t size =
		compose(input, fragments, sizeof(fragments) / sizeof(fragments[0]), rest, sizeof(rest) - 1);

	rest[size] = '\0';
	append_block(text, "CERTIFICATE", good[0], good_size[0]);
	strcat(text, rest); /* ends at the first NUL */
	append_block(text, "PRIVATE KEY", good[1], good_size[1]);
}

/* UTF-16, little end first, without a mark. */
static size_t
widen(const char *text, unsigned char *out)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++)
	{
		out[2 * i] = (unsigned char) text[i];
		out[2 * i + 1] = 0;
	}
	return 2 * size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[ROOM + 512];
	static unsigned char der[ROOM];
	Input input = {data, size};

	if (good[0] == NULL)
		make_good();
	text[0] = '\0';
	switch (take_byte(&input) % 8)
	{
		case 0:
			parse(input.data, input.size, "x");
			break;
		case 1:
			append_block(text, labels[take_byte(&input) % LABELS], input.data, input.size);
			parse(text, strlen(text), "x");
			break;
		case 2:
			append_block(text, "CERTIFICATE", good[0], good_size[0]);
			append_block(text, labels[take_byte(&input) % LABELS], der, damage(&input, 1, der));
			parse(text, strlen(text), NULL);
			break;
		case 3:
			append_block(text, "CERTIFICATE", der, damage(&input, 0, der));
			append_block(text, "PRIVATE KEY", good[1], good_size[1]);
			parse(text, strlen(text), NULL);
			break;
		case 4:
			parse(der, damage(&input, 2, der), "x");
			break;
		case 5:
			parse(der, damage(&input, 3, der), "x");
			break;
		default:
			/* text with blocks in it, and the same in UTF-16 */
			put_text(&input, text);
			parse(text, strlen(text), "x");
			parse(der, widen(text, der), "x");
	}
	return 0;
}
