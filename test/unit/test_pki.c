/*
 * test_pki.c
 *		Certificates and SSH keys are read in every form that they come in and come out in
 *		one.  One that breaks a rule is refused for that rule, beside one that differs in that
 *		thing only and is taken.  Facts are those that openssl prints.
 *
 * Everything is made here with OpenSSL itself, so that the tested code does not test itself.
 */
#define _GNU_SOURCE

#include "crypto/primitives.h"
#include "pki/certificate.h"
#include "pki/passphrase.h"
#include "pki/pkcs8.h"
#include "pki/key_build.h"
#include "pki/private_key.h"
#include "pki/rules.h"
#include "pki/ssh_key.h"
#include "pki/ssh_wire.h"
#include "pki/pki_types.h"

#include <glob.h>
#include <malloc.h>
#include <time.h>

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "harness.h"

#define ROOM 65536
#define DAY  86400L

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- memory that OpenSSL frees must not hold the seed of the watched key ---- */

/* valgrind objects to looking at all of it, and runs the build without sanitizers. */
#ifdef __SANITIZE_ADDRESS__
static const bool looks_at_freed_memory = true;
#else
static const bool looks_at_freed_memory = false;
#endif

static unsigned char watched[32];
static bool watching;
static unsigned long left_behind;

static void *
test_malloc(size_t size, const char *file, int line)
{
	(void) file;
	(void) line;
	return malloc(size);
}

static void
look_at(const void *memory)
{
	if (memory && watching && malloc_usable_size((void *) memory) >= 16 &&
		memmem(memory, malloc_usable_size((void *) memory), watched, 16) != NULL)
		left_behind++;
}

static void *
test_realloc(void *memory, size_t size, const char *file, int line)
{
	void *moved = malloc(size);

	(void) file;
	(void) line;
	if (memory)
	{
		size_t old = malloc_usable_size(memory);

		memcpy(moved, memory, old < size ? old : size);
		look_at(memory);
		free(memory);
	}
	return moved;
}

static void
test_free(void *memory, const char *file, int line)
{
	(void) file;
	(void) line;
	look_at(memory);
	free(memory);
}

/* ---- making keys and certificates ---- */

/* Objects of tests live as long as the program; a leak of the tested code shows. */
static void *
keep(void *made)
{
	static void *volatile kept[4096]; /* volatile: only tools that look for leaks read it */
	static size_t count;

	if (made == NULL || count == sizeof(kept) / sizeof(kept[0]))
		abort();
	return kept[count++] = made;
}

typedef struct Made
{
	EVP_PKEY *key;
	X509 *certificate;
} Made;

static EVP_PKEY *
ec_key(const char *group)
{
	return keep(EVP_PKEY_Q_keygen(NULL, NULL, "EC", group));
}

static EVP_PKEY *
rsa_key(size_t bits)
{
	return keep(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits));
}

static EVP_PKEY *
ed_key(void)
{
	return keep(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

static void
extend(X509 *certificate, X509 *issuer, int nid, const char *text)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, text);
	if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
		abort();
	X509_EXTENSION_free(extension);
}

/* Signed by itself if there is no issuer. */
static X509 *
certify(EVP_PKEY *key, const char *name, const Made *issuer, const char *constraints, long days,
		const char *digest, const char *names)
{
	X509 *certificate = keep(X509_new());
	X509_NAME *subject = X509_get_subject_name(certificate);
	static long serial = 0x1234;

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY);
	X509_gmtime_adj(X509_getm_notAfter(certificate), days * DAY);
	X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *) "Acme, \"Inc\"",
							   -1, -1, 0);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *) name, -1, -1,
							   0);
	X509_set_issuer_name(certificate,
						 issuer ? X509_get_subject_name(issuer->certificate) : subject);
	X509_set_pubkey(certificate, key);
	if (constraints)
		extend(certificate, issuer ? issuer->certificate : certificate, NID_basic_constraints,
			   constraints);
	if (names)
		extend(certificate, certificate, NID_subject_alt_name, names);
	if (X509_sign(certificate, issuer ? issuer->key : key,
				  digest ? EVP_get_digestbyname(digest) : NULL) == 0)
		abort();
	return certificate;
}

/* ---- text ---- */

static char *
text_of(BIO *bio)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);
	char *text = keep(room(size + 1));

	memcpy(text, data, size);
	text[size] = '\0';
	BIO_free(bio);
	return text;
}

static char *
certificate_text(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, certificate);
	return text_of(bio);
}

static char *
key_text(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	return text_of(bio);
}

static char *
encrypted_text(EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), passphrase, (int) strlen(passphrase),
								  NULL, NULL);
	return text_of(bio);
}

static char *
old_text(EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey_traditional(bio, key, passphrase ? EVP_aes_128_cbc() : NULL,
										 (const unsigned char *) passphrase,
										 passphrase ? (int) strlen(passphrase) : 0, NULL, NULL);
	return text_of(bio);
}

/* With a cipher that only the provider "legacy" has. */
static char *
legacy_text(EVP_PKEY *key)
{
	static OSSL_LIB_CTX *context;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	BIO *bio = BIO_new(BIO_s_mem());
	X509_SIG *shrouded;

	if (context == NULL)
	{
		context = keep(OSSL_LIB_CTX_new());
		OSSL_PROVIDER_load(context, "legacy");
		OSSL_PROVIDER_load(context, "default");
	}
	shrouded = PKCS8_encrypt_ex(NID_pbe_WithSHA1And40BitRC2_CBC, NULL, "x", 1, NULL, 0, 0, info,
								context, NULL);
	if (shrouded == NULL)
		abort();
	PEM_write_bio_PKCS8(bio, shrouded);
	X509_SIG_free(shrouded);
	PKCS8_PRIV_KEY_INFO_free(info);
	return text_of(bio);
}

/* Several texts after each other, in memory of exactly their size. */
static char *
join(size_t count, ...)
{
	va_list texts;
	char *all = keep(room(ROOM));

	all[0] = '\0';
	va_start(texts, count);
	while (count-- > 0)
		strcat(all, va_arg(texts, const char *));
	va_end(texts);
	return all;
}

/* ---- expectations ---- */

/* Reads from memory of exactly that size; rule NULL means that it is taken. */
static Certificate *
read_bytes(const void *data, size_t size, const char *passphrase, int strength, const char *rule,
		   const char *what)
{
	void *exact = room(size);
	Certificate *made;
	const char *fault;

	memcpy(exact, data, size);
	fault = certificate_read(exact, size, passphrase, strength, &made);
	free(exact);
	if (rule == NULL)
		CHECK(fault == NULL && made != NULL, "%s: refused: %s", what, fault ? fault : "");
	else
		CHECK(fault != NULL && made == NULL && strstr(fault, rule) != NULL, "%s: %s", what,
			  fault ? fault : "taken");
	CHECK(ERR_peek_error() == 0, "%s: an error of OpenSSL is left", what);
	return made;
}

static Certificate *
take(const char *text, const char *what)
{
	return read_bytes(text, strlen(text), NULL, CERTIFICATE_STRENGTH, NULL, what);
}

static void
taken(const char *text, const char *what)
{
	certificate_free(take(text, what));
}

static void
refused(const char *text, const char *rule)
{
	certificate_free(read_bytes(text, strlen(text), NULL, CERTIFICATE_STRENGTH, rule, rule));
}

/* The two differ in one thing. */
static void
normal_is(const char *given, const char *wanted, const char *what)
{
	Certificate *certificate = take(given, what);
	size_t size = 0;
	char *normal;

	if (certificate == NULL)
		return;
	normal = certificate_pem(certificate, &size);
	CHECK(normal && size == strlen(wanted) && strcmp(normal, wanted) == 0, "%s: another form",
		  what);
	value_free(normal);
	certificate_free(certificate);
}

static void
field_is(const Certificate *certificate, const char *name, const char *wanted)
{
	char *text = NULL;
	size_t size = 0;
	TypeField found = certificate_field(certificate, name, &text, &size);

	CHECK(found == FIELD_FOUND && text && size == strlen(wanted) && memcmp(text, wanted, size) == 0,
		  "%s is %.*s and not %s", name, (int) size, text ? text : "", wanted);
	value_free(text);
}

static Made root, middle, leaf, other_root, other_middle, lone;
static char *root_pem, *middle_pem, *leaf_pem, *leaf_key, *other_middle_pem, *lone_pem, *lone_key;
static char *normal;

#define NAMES                                                                                     \
	"DNS:www.acme.example,DNS:*.acme.example,IP:192.0.2.1,IP:2001:db8::1,email:ops@acme.example," \
	"URI:spiffe://acme/web,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:web@corp.example,RID:1.2.3.4,"   \
	"otherName:1.2.3.5;UTF8:x,otherName:1.2.3.6;INTEGER:5"

static void
make_all(void)
{
	root.key = ec_key("P-384");
	root.certificate = certify(root.key, "root", NULL, "critical,CA:TRUE", 3650, "SHA384", NULL);
	middle.key = rsa_key(2048);
	middle.certificate =
		certify(middle.key, "middle", &root, "critical,CA:TRUE", 30, "SHA256", NULL);
	leaf.key = ec_key("P-256");
	leaf.certificate =
		certify(leaf.key, "www.acme.example", &middle, "CA:FALSE", 90, "SHA256", NAMES);
	other_root.key = ec_key("P-256");
	other_root.certificate = certify(other_root.key, "root", NULL, "CA:TRUE", 3650, "SHA256", NULL);
	other_middle.key = rsa_key(2048);
	other_middle.certificate =
		certify(other_middle.key, "middle", &root, "CA:TRUE", 30, "SHA256", NULL);
	lone.key = ed_key();
	lone.certificate = certify(lone.key, "lone", NULL, NULL, 90, NULL, NULL);
	root_pem = certificate_text(root.certificate);
	middle_pem = certificate_text(middle.certificate);
	leaf_pem = certificate_text(leaf.certificate);
	leaf_key = key_text(leaf.key);
	other_middle_pem = certificate_text(other_middle.certificate);
	lone_pem = certificate_text(lone.certificate);
	lone_key = key_text(lone.key);
	normal = join(4, leaf_pem, middle_pem, root_pem, leaf_key);
}

/* ---- certificates ---- */

static void
test_order(void)
{
	const char *parts[4] = {leaf_pem, middle_pem, root_pem, leaf_key};

	for (int i = 0; i < 256; i++)
	{
		int places[4] = {i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6 & 3};
		int seen = 1 << places[0] | 1 << places[1] | 1 << places[2] | 1 << places[3];
		char *given;

		if (seen != 15)
			continue;
		given = join(4, parts[places[0]], parts[places[1]], parts[places[2]], parts[places[3]]);
		normal_is(given, normal, "an order of blocks");
	}
}

static void
test_chain(void)
{
	EVP_PKEY *key = ec_key("P-256");
	Made plain = {key, certify(key, "plain", &root, "CA:FALSE", 9, "SHA256", NULL)};
	X509 *below = certify(leaf.key, "below", &plain, NULL, 9, "SHA256", NULL);
	X509 *again = certify(leaf.key, "again", &root, NULL, 9, "SHA256", NULL);
	char *plain_pem = certificate_text(plain.certificate);
	char *below_pem = certificate_text(below);
	char *again_pem = certificate_text(again);

	taken(leaf_pem, "a leaf alone");
	taken(root_pem, "a root alone");
	taken(join(2, leaf_pem, leaf_key), "a leaf and its key");
	taken(join(2, leaf_pem, middle_pem), "a chain without key");
	refused(join(2, leaf_pem, lone_key), "its private key is not that of its certificate");
	refused(join(3, leaf_pem, middle_pem, lone_key),
			"its private key is not that of its certificate");
	refused(join(3, leaf_pem, leaf_key, lone_key), "more than one private key");
	refused(join(3, leaf_pem, leaf_key, leaf_key), "more than one private key");
	normal_is(join(2, leaf_pem, leaf_pem), leaf_pem, "a leaf twice");
	normal_is(join(7, leaf_pem, leaf_key, leaf_pem, middle_pem, middle_pem, root_pem, leaf_pem),
			  normal, "a chain with its certificates twice");
	refused(leaf_key, "no certificate");
	refused(join(2, leaf_pem, root_pem), "do not form one chain");
	refused(join(2, leaf_pem, lone_pem), "do not form one chain");
	refused(join(4, leaf_pem, middle_pem, lone_pem, leaf_key), "do not form one chain");
	refused(join(3, leaf_pem, other_middle_pem, leaf_key),
			"a signature in its chain does not verify");
	refused(join(3, leaf_pem, middle_pem, certificate_text(other_root.certificate)),
			"a signature in its chain does not verify");
	refused(join(2, below_pem, plain_pem), "not a CA");
	refused(join(3, leaf_pem, again_pem, leaf_key), "more than one certificate");
	taken(join(4, leaf_pem, other_middle_pem, middle_pem, root_pem) + strlen(leaf_pem) +
			  strlen(other_middle_pem),
		  "an intermediate and its root");
}

static void
test_pem(void)
{
	char *crlf = keep(room(2 * strlen(normal) + 1));
	char *one_line = keep(room(2 * strlen(normal)));
	char *at = crlf;
	char *middle_of = strstr(leaf_pem, "\n") + 1;

	for (const char *from = normal; *from; from++)
	{
		if (*from == '\n')
			*at++ = '\r';
		*at++ = *from;
	}
	*at = '\0';
	normal_is(crlf, normal, "lines that end with CR LF");

	strcpy(one_line, "-----BEGIN CERTIFICATE-----\n");
	at = one_line + strlen(one_line);
	for (const char *from = middle_of; strncmp(from, "-----", 5) != 0; from++)
		if (*from != '\n')
			*at++ = *from;
	strcpy(at, "\n-----END CERTIFICATE-----");
	normal_is(one_line, leaf_pem, "base64 in one line, no line feed at the end");
	normal_is(join(3, "Bag Attributes\n    friendlyName: x\n", leaf_pem, "\n \t\r\n"), leaf_pem,
			  "text before a block");
	normal_is(join(2, leaf_pem, "and more"), leaf_pem, "text behind the last block");
	normal_is(join(4, "--- \n", leaf_pem, " 0 s:CN = x\n-------\n", middle_pem),
			  join(2, leaf_pem, middle_pem), "text between blocks, as openssl s_client writes it");
	refused(join(2, leaf_pem, "----BEGIN PRIVATE KEY-----\nAAAA\n"), "malformed");
	refused(join(2, leaf_pem, "-----END PRIVATE KEY-----\n"), "no BEGIN line before it");
	refused(join(2, leaf_pem, "x -----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
			"line of its own");
	refused(join(2, leaf_pem, "-----BEGIN CERTIFICATE-----\nAAAA\n"), "no END line");
	refused(join(2, "x", leaf_pem), "does not begin with a BEGIN line");
	refused(join(2, leaf_pem, "-----BEGIN CERTIFICATE\nAAAA\n-----END CERTIFICATE-----\n"),
			"malformed");
	refused(join(2, leaf_pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n"),
			"not that of its beginning");
	refused(join(2, leaf_pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
			"cannot be decoded");
	refused(join(2, leaf_pem, "-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n"),
			"not whole base64");
	refused(join(2, leaf_pem,
				 "-----BEGIN CERTIFICATE-----\na: b\n\nAAAA\n-----END CERTIFICATE-----\n"),
			"cannot be decoded");
	refused(join(2, leaf_pem, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
			"neither a certificate nor a private key");
	refused(join(2, leaf_pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
			"private key in it cannot be decoded");
	refused("", "neither PEM");
	refused("hello", "neither PEM");
	normal_is(join(3, leaf_pem,
				   "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
				   old_text(leaf.key, NULL)),
			  join(2, leaf_pem, leaf_key), "a key as openssl ecparam writes it");
}

/* Two bytes for each character, with a mark if that is not 0. */
static void
utf16_is_taken(const char *text, unsigned mark, bool big)
{
	size_t size = strlen(text);
	unsigned char *wide = room(2 * size + 2);
	unsigned char *at = wide;
	Certificate *made;

	if (mark)
	{
		*at++ = big ? mark >> 8 : mark & 0xff;
		*at++ = big ? mark & 0xff : mark >> 8;
	}
	for (size_t i = 0; i < size; i++)
	{
		*at++ = big ? 0 : (unsigned char) text[i];
		*at++ = big ? (unsigned char) text[i] : 0;
	}
	made = read_bytes(wide, at - wide, NULL, 112, NULL, "UTF-16");
	certificate_free(made);
	certificate_free(
		read_bytes(wide, at - wide - 41, NULL, 112, "", "UTF-16 that is cut within a character"));
	free(wide);
}

/* A copy with each of these characters in place of that one. */
static char *
with(const char *text, char old, const char *new)
{
	char *out = keep(room(ROOM));
	char *at = out;

	for (; *text; text++)
	{
		if (*text == old)
			at = stpcpy(at, new);
		else
			*at++ = *text;
	}
	*at = '\0';
	return out;
}

static void
test_forms(void)
{
	const char *bom = "\xef\xbb\xbf";
	char *labelled = keep(strdup(leaf_pem));
	char *joined = keep(strdup(leaf_pem));

	utf16_is_taken(normal, 0xfeff, false);
	utf16_is_taken(normal, 0xfeff, true);
	utf16_is_taken(normal, 0, false);
	utf16_is_taken(normal, 0, true);
	normal_is(with(normal, '\n', "\r"), normal, "lines that end with CR");
	normal_is(with(normal, '\n', "\n \t"), normal, "white space before lines");
	normal_is(with(normal, '\n', " "), normal, "all in one line");
	normal_is(join(4, bom, leaf_pem, bom, leaf_key), join(2, leaf_pem, leaf_key),
			  "byte order marks");
	joined[strlen(joined) - 1] = '\0';
	normal_is(join(2, joined, leaf_key), join(2, leaf_pem, leaf_key), "END and BEGIN on one line");
	refused(with(normal, '\n', "\\n"), "a backslash and the letter n");
	refused(join(3, leaf_pem, "-", leaf_key), "line of its own");
	refused(join(2, leaf_pem,
				 "\xe2\x80\x94\xe2\x80\x93"
				 "BEGIN PRIVATE KEY\xe2\x80\x94\xe2\x80\x93\nAAAA\n"),
			"malformed");
	refused(join(2, leaf_pem, "BEGIN RSA PRIVATE KEY\nAAAA\n"), "malformed");
	taken(join(2, leaf_pem, "BEGIN something else\nand a PRIVATE KEY elsewhere\n"),
		  "words that are no block");
	for (char *at = labelled; (at = strstr(at, "CERTIFICATE")) != NULL; at++)
		memcpy(at, "CERTIFICAT3", 11);
	refused(labelled, "neither a certificate nor a private key");
	normal_is(join(3,
				   "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
				   "-----BEGIN X9.42 DH PARAMETERS-----\nA*A\n-----END X9.42 DH PARAMETERS-----\n",
				   leaf_pem),
			  leaf_pem, "blocks that are passed over, whatever they hold");
	refused("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
			"but only a request for one");
	refused(join(2, leaf_pem,
				 "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n"),
			"not RSA, EC");
	refused(join(2, leaf_pem,
				 "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
				 "DEK-Info: AES-128-CBC\n\nAAAA\n"
				 "-----END RSA PRIVATE KEY-----\n"),
			"DEK-Info of a PEM block is malformed");
	refused(join(2, leaf_pem,
				 "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
				 "DEK-Info: NO-SUCH,0011223344556677\n\nAAAA\n"
				 "-----END RSA PRIVATE KEY-----\n"),
			"its cipher is unknown");
}

static char *
block_of(const char *label, const void *der, int size)
{
	PkiText text;
	char *kept;

	pem_write(label, der, size, 64, &text);
	kept = keep(strdup(text.data));
	pki_text_free(&text);
	return kept;
}

static void
test_pkcs7(void)
{
	PKCS7 *file = PKCS7_new();
	unsigned char *der = NULL;
	unsigned char *longer;
	unsigned char *trusted = NULL;
	int size;

	PKCS7_set_type(file, NID_pkcs7_signed);
	PKCS7_content_new(file, NID_pkcs7_data);
	PKCS7_add_certificate(file, root.certificate);
	PKCS7_add_certificate(file, leaf.certificate);
	PKCS7_add_certificate(file, middle.certificate);
	size = i2d_PKCS7(file, &der);
	normal_is(join(2, block_of("PKCS7", der, size), leaf_key), normal, "PKCS#7");
	normal_is(join(2, block_of("CERTIFICATE", der, size), leaf_key), normal,
			  "PKCS#7 with the label of a certificate");
	certificate_free(read_bytes(der, size, NULL, 112, NULL, "PKCS#7 in DER"));
	longer = room(size + 1);
	memcpy(longer, der, size);
	longer[size] = 0;
	certificate_free(
		read_bytes(longer, size + 1, NULL, 112, "neither PEM", "PKCS#7 with a byte more"));
	certificate_free(read_bytes(der, size - 1, NULL, 112, "cut short", "PKCS#7 that is cut"));
	free(longer);
	OPENSSL_free(der);
	PKCS7_free(file);

	file = PKCS7_new();
	PKCS7_set_type(file, NID_pkcs7_data);
	ASN1_STRING_set(file->d.data, "x", 1);
	der = NULL;
	size = i2d_PKCS7(file, &der);
	certificate_free(read_bytes(der, size, NULL, 112, "not of the kind that holds certificates",
								"PKCS#7 of another kind"));
	OPENSSL_free(der);
	PKCS7_free(file);

	X509_alias_set1(lone.certificate, (const unsigned char *) "me", 2);
	size = i2d_X509_AUX(lone.certificate, &trusted);
	normal_is(block_of("TRUSTED CERTIFICATE", trusted, size), lone_pem, "a trusted certificate");
	refused(block_of("CERTIFICATE", trusted, size), "cannot be decoded");
	OPENSSL_free(trusted);
}

/* Every beginning of a good text is refused, but for those that end with a whole block. */
static void
test_truncation(void)
{
	size_t taken_of = 0;
	size_t total = strlen(normal);
	int der_size;
	unsigned char *der = NULL;

	for (size_t size = 0; size < total; size += size % 61 == 0 ? 1 : 4)
	{
		Certificate *made = NULL;
		char *exact = room(size);

		memcpy(exact, normal, size);
		if (certificate_read(exact, size, NULL, 0, &made) == NULL)
			taken_of++;
		certificate_free(made);
		free(exact);
	}
	CHECK(taken_of <= 12, "%zu beginnings are taken", taken_of);

	der_size = i2d_X509(lone.certificate, &der);
	certificate_free(read_bytes(der, der_size, NULL, 112, NULL, "DER"));
	for (int size = 0; size < der_size; size++)
		certificate_free(read_bytes(der, size, NULL, 112, "neither PEM", "a beginning of DER"));
	for (int i = 0; i < der_size; i++)
	{
		Certificate *made;

		der[i] ^= 0x01;
		if (certificate_read(der, der_size, NULL, 112, &made) == NULL)
			field_is(made, "self_signed", "false"); /* a name changed: it has another issuer */
		certificate_free(made);
		der[i] ^= 0x01;
	}
	der = OPENSSL_realloc(der, der_size + 1);
	der[der_size] = 0;
	certificate_free(
		read_bytes(der, der_size + 1, NULL, 112, "neither PEM", "DER with a byte more"));
	OPENSSL_free(der);
}

static void
test_passphrases(void)
{
	char *modern = join(2, leaf_pem, encrypted_text(leaf.key, "correct horse"));
	char *old = join(2, leaf_pem, old_text(leaf.key, "correct horse"));
	const char *const texts[2] = {modern, old};

	for (int i = 0; i < 2; i++)
	{
		const char *text = texts[i];
		size_t size = strlen(text);

		certificate_free(read_bytes(text, size, "correct horse", 112, NULL, "its passphrase"));
		certificate_free(
			read_bytes(text, size, "correct hors", 112, "does not open", "a wrong one"));
		certificate_free(read_bytes(text, size, "", 112, "does not open", "an empty one"));
		certificate_free(read_bytes(text, size, NULL, 112, "no passphrase is given", "none"));
	}
}

/* An encrypted key whose derivation takes so many rounds. */
static const char *
unshroud_with_rounds(int rounds)
{
	X509_SIG *shrouded = X509_SIG_new();
	X509_ALGOR *algorithm;
	X509_ALGOR *made =
		PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), rounds, NULL, 0, NULL, NID_hmacWithSHA256);
	ASN1_OCTET_STRING *body;
	EVP_PKEY *key = NULL;
	const char *fault;

	X509_SIG_getm(shrouded, &algorithm, &body);
	X509_ALGOR_copy(algorithm, made);
	ASN1_OCTET_STRING_set(body, (const unsigned char *) "0123456789abcdef", 16);
	fault = pkcs8_unshroud(shrouded, "x", &key);
	X509_ALGOR_free(made);
	X509_SIG_free(shrouded);
	ERR_clear_error();
	return fault;
}

static void
test_rounds(void)
{
	CHECK(strstr(unshroud_with_rounds(1000), "does not open") != NULL, "1000 rounds are tried");
	CHECK(strstr(unshroud_with_rounds(PASSPHRASE_MAX_ROUNDS + 1), "too many rounds") != NULL,
		  "too many rounds are refused");
	CHECK(strstr(unshroud_with_rounds(INT32_MAX), "too many rounds") != NULL,
		  "far too many rounds are refused");
}

static unsigned char *
pkcs12_of(const char *passphrase, X509 *with, int mac_rounds, int *size)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	unsigned char *der = NULL;
	PKCS12 *file;

	sk_X509_push(others, middle.certificate);
	if (with)
		sk_X509_push(others, with);
	file = PKCS12_create(passphrase, "web", leaf.key, leaf.certificate, others, NID_aes_256_cbc,
						 NID_aes_256_cbc, 0, mac_rounds, 0);
	*size = i2d_PKCS12(file, &der);
	PKCS12_free(file);
	sk_X509_free(others);
	return der;
}

static void
test_pkcs12(void)
{
	int size;
	unsigned char *der = pkcs12_of("correct horse", root.certificate, 0, &size);
	Certificate *made = read_bytes(der, size, "correct horse", 112, NULL, "PKCS#12");
	size_t written;
	char *pem = made ? certificate_pem(made, &written) : NULL;

	CHECK(pem && strcmp(pem, normal) == 0, "PKCS#12: another form");
	value_free(pem);
	certificate_free(made);
	certificate_free(
		read_bytes(der, size, "wrong", 112, "does not open with this passphrase", "wrong"));
	certificate_free(read_bytes(der, size, NULL, 112, "no passphrase is given", "no passphrase"));
	certificate_free(read_bytes(der, size - 1, "correct horse", 112, "neither PEM", "cut"));
	for (int i = 0; i < size; i += 7)
	{
		der[i] ^= 0x10;
		made = NULL;
		if (certificate_read(der, size, "correct horse", 112, &made) == NULL)
			CHECK(i > 0, "the first byte does not matter"); /* names of the file may change */
		certificate_free(made);
		der[i] ^= 0x10;
	}
	OPENSSL_free(der);

	der = pkcs12_of("", NULL, 0, &size);
	certificate_free(read_bytes(der, size, NULL, 112, NULL, "an empty passphrase, not given"));
	certificate_free(read_bytes(der, size, "", 112, NULL, "an empty passphrase, given"));
	OPENSSL_free(der);

	/* UTF-16 of the characters of the passphrase, and of its bytes, as OpenSSL 1.0 wrote it */
	der = pkcs12_of("p\xc3\xa4ss", NULL, 0, &size);
	certificate_free(read_bytes(der, size, "p\xc3\xa4ss", 112, NULL, "umlauts"));
	OPENSSL_free(der);
	der = pkcs12_of("p\xc3\x83\xc2\xa4ss", NULL, 0, &size);
	certificate_free(read_bytes(der, size, "p\xc3\xa4ss", 112, NULL, "umlauts of OpenSSL 1.0"));
	certificate_free(read_bytes(der, size, "p\xc3\xa5ss", 112, "does not open", "others"));
	OPENSSL_free(der);

	/* the last byte but nine is in the salt of the MAC */
	der = pkcs12_of("x", NULL, 0, &size);
	der[size - 10] ^= 1;
	certificate_free(
		read_bytes(der, size, "x", 112, "damaged: this passphrase opens it", "a damaged MAC"));
	certificate_free(read_bytes(der, size, "y", 112, "does not open with this passphrase",
								"and a wrong passphrase"));
	OPENSSL_free(der);

	der = pkcs12_of("x", lone.certificate, 0, &size);
	certificate_free(read_bytes(der, size, "x", 112, "do not form one chain", "a stranger in it"));
	OPENSSL_free(der);
}

/* A key under another passphrase than the file's: the MAC fits, and the key does not open. */
static void
test_two_passphrases(void)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	STACK_OF(PKCS7) *parts = NULL;
	PKCS12 *file;
	unsigned char *der = NULL;
	int size;

	PKCS12_add_cert(&bags, leaf.certificate);
	PKCS12_add_safe(&parts, bags, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 1, "x");
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	bags = NULL;
	PKCS12_add_key(&bags, leaf.key, 0, 1, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, "y");
	PKCS12_add_safe(&parts, bags, -1, 0, NULL);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	file = PKCS12_add_safes(parts, 0);
	sk_PKCS7_pop_free(parts, PKCS7_free);
	PKCS12_set_mac(file, "x", 1, NULL, 0, 1, EVP_sha256());
	size = i2d_PKCS12(file, &der);
	PKCS12_free(file);
	certificate_free(read_bytes(der, size, "x", 112, "damaged, or has another passphrase",
								"the file's passphrase"));
	certificate_free(
		read_bytes(der, size, "y", 112, "its MAC does not fit", "the key's passphrase"));
	OPENSSL_free(der);
}

/* For RSA the modulus counts, not OpenSSL's view of it. */
static void
test_modulus(void)
{
	static const int rows[][2] = {{1023, 0},   {1024, 80},  {2000, 80}, {2047, 80},
								  {2048, 112}, {3071, 112}, {3072, 128}};

	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK(private_key_strength(rsa_key(rows[i][0])) == rows[i][1], "RSA of %d bits",
			  rows[i][0]);
	CHECK(private_key_strength(leaf.key) == 128 && private_key_strength(root.key) == 192 &&
			  private_key_strength(lone.key) == 128,
		  "P-256, P-384, Ed25519");
}

static void
test_hints(void)
{
	static const char *const rules[] = {NO_CHAIN,
										NOT_ITS_KEY,
										FORGED,
										NOT_A_CA,
										MAY_NOT_SIGN,
										ANOTHER_ISSUER,
										WEAK_KEY,
										WEAK_SIGNATURE,
										HAS_CRL,
										TWO_KEYS,
										OPENSSH_KEY,
										NO_CIPHER,
										TOO_MANY_ROUNDS,
										NO_PASSPHRASE,
										WRONG_PASSPHRASE,
										NO_P12_PASSPHRASE,
										WRONG_P12_PASSPHRASE,
										DAMAGED_P12,
										DAMAGED_PART,
										WEAK_SSH_KEY,
										ENCRYPTED_SSH_KEY,
										PUBLIC_SSH_KEY,
										PUTTY_KEY,
										SSH2_KEY};

	for (size_t i = 0; i < COUNT(rules); i++)
	{
		CHECK(pki_hint(rules[i]) != NULL && strlen(rules[i]) < 120, "%s: no hint, or too long",
			  rules[i]);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(rules[i], rules[j]) != 0, "%s stands twice", rules[i]);
	}
	CHECK(pki_hint("it has no certificate") == NULL, "a rule without a hint of its own");
}

static void
test_strength(void)
{
	EVP_PKEY *small = rsa_key(1024);
	Made weak = {small, certify(small, "weak", NULL, "CA:TRUE", 9, "SHA256", NULL)};
	X509 *sha1_root = certify(leaf.key, "sha1", NULL, "CA:TRUE", 9, "SHA1", NULL);
	X509 *sha1_leaf = certify(leaf.key, "sha1", &middle, NULL, 9, "SHA1", NULL);
	X509 *md5_leaf = certify(leaf.key, "md5", &middle, NULL, 9, "MD5", NULL);
	char *text = certificate_text(weak.certificate);

	refused(text, "a key in it is weaker");
	refused(certificate_text(certify(rsa_key(2047), "nearly", NULL, "CA:TRUE", 9, "SHA256", NULL)),
			"a key in it is weaker");
	certificate_free(read_bytes(text, strlen(text), NULL, 80, NULL, "a policy that allows it"));
	refused(certificate_text(sha1_leaf), "a signature in it is weaker");
	refused(certificate_text(md5_leaf), "a signature in it is weaker");
	taken(certificate_text(sha1_root), "SHA-1 of a certificate by itself");
	certificate_free(read_bytes(middle_pem, strlen(middle_pem), NULL, 128, "a key in it is weaker",
								"a policy that asks for more"));
	certificate_free(read_bytes(leaf_pem, strlen(leaf_pem), NULL, 128, NULL, "P-256 has 128 bits"));
}

static void
test_explicit_curve(void)
{
	EVP_PKEY *key = ec_key("P-256");
	X509 *certificate;

	EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit");
	certificate = certify(key, "explicit", NULL, NULL, 9, "SHA256", NULL);
	refused(certificate_text(certificate), "not on a named curve");
}

static void
test_facts(void)
{
	Certificate *certificate = take(normal, "a whole chain");
	json_error_t error;
	json_t *json;
	char *text;
	size_t size;

	if (certificate == NULL)
		return;
	field_is(certificate, "certificate", leaf_pem);
	field_is(certificate, "chain", join(2, middle_pem, root_pem));
	field_is(certificate, "fullchain", join(3, leaf_pem, middle_pem, root_pem));
	field_is(certificate, "private_key", leaf_key);
	field_is(certificate, "subject", "CN=www.acme.example,O=Acme\\, \\\"Inc\\\"");
	field_is(certificate, "issuer", "CN=middle,O=Acme\\, \\\"Inc\\\"");
	field_is(certificate, "sans",
			 "[\"dns:www.acme.example\", \"dns:*.acme.example\", \"ip:192.0.2.1\", "
			 "\"ip:2001:db8::1\", \"email:ops@acme.example\", \"uri:spiffe://acme/web\", "
			 "\"upn:web@corp.example\", \"rid:1.2.3.4\", "
			 "\"othername:1.2.3.5;x\", \"othername:1.2.3.6\"]");
	field_is(certificate, "key_type", "EC");
	field_is(certificate, "key_bits", "256");
	field_is(certificate, "self_signed", "false");
	field_is(certificate, "chain_length", "3");
	CHECK(certificate_field(certificate, "nothing", &text, &size) == FIELD_UNKNOWN && text == NULL,
		  "there is no field nothing");
	CHECK(llabs(certificate_valid_until(certificate) - (time(NULL) + 30 * DAY)) < 3600,
		  "the intermediate ends first");
	json = json_loads(certificate_metadata(certificate), JSON_REJECT_DUPLICATES, &error);
	CHECK(json != NULL && json_object_size(json) == 14, "metadata: %s", error.text);
	CHECK(json &&
			  strcmp(json_string_value(json_object_get(json, "subject")),
					 "CN=www.acme.example,O=Acme\\, \\\"Inc\\\"") == 0,
		  "metadata has the subject");
	CHECK(json && json_is_true(json_object_get(json, "has_private_key")),
		  "metadata tells of the key");
	CHECK(strstr(certificate_metadata(certificate), "PRIVATE") == NULL, "metadata has no key");
	json_decref(json);
	certificate_free(certificate);

	certificate = take(leaf_pem, "a leaf");
	CHECK(certificate_field(certificate, "private_key", &text, &size) == FIELD_ABSENT &&
			  text == NULL,
		  "there is no private key");
	CHECK(certificate_field(certificate, "chain", &text, &size) == FIELD_ABSENT,
		  "there is no chain");
	certificate_free(certificate);
}

/* ---- every authority of Debian, against the program openssl ---- */

static const char *const printed[][2] = {{"subject=", "subject"},
										 {"issuer=", "issuer"},
										 {"serial=", "serial"},
										 {"notBefore=", "not_before"},
										 {"notAfter=", "not_after"},
										 {"sha256 Fingerprint=", "fingerprint"}};

static void
compare(const char *path, const Certificate *certificate)
{
	char command[512];
	char line[4096];
	size_t lines = 0;
	FILE *pipe;

	snprintf(command, sizeof(command),
			 "openssl x509 -in '%s' -noout -nameopt RFC2253 -subject -issuer "
			 "-serial -dates -dateopt iso_8601 -fingerprint -sha256",
			 path);
	pipe = popen(command, "r");
	while (pipe && lines < COUNT(printed) && fgets(line, sizeof(line), pipe))
	{
		size_t prefix = strlen(printed[lines][0]);

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "not", 3) == 0 && strchr(line, ' '))
			*strchr(line, ' ') = 'T'; /* openssl leaves a blank between date and time */
		CHECK(strncmp(line, printed[lines][0], prefix) == 0, "%s: openssl says %s", path, line);
		field_is(certificate, printed[lines][1], line + prefix);
		lines++;
	}
	CHECK(lines == COUNT(printed), "%s: openssl says %zu things", path, lines);
	if (pipe)
		pclose(pipe);
}

static char *
read_file(const char *path, size_t *size)
{
	char *text = room(ROOM);
	FILE *in = fopen(path, "rb");

	*size = in ? fread(text, 1, ROOM, in) : 0;
	if (in)
		fclose(in);
	return text;
}

static void
test_authorities(void)
{
	glob_t found;
	int count = 0;

	if (glob("/usr/share/ca-certificates/*/*.crt", 0, NULL, &found) != 0)
	{
		CHECK(false, "there are no certificates of Debian's ca-certificates");
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
	{
		const char *path = found.gl_pathv[i];
		size_t size;
		char *text = read_file(path, &size);
		Certificate *certificate = read_bytes(text, size, NULL, CERTIFICATE_STRENGTH, NULL, path);

		free(text);
		if (certificate == NULL)
			continue;
		count++;
		compare(path, certificate);
		certificate_free(certificate);
	}
	CHECK(count >= 100, "only %d certificates", count);
	globfree(&found);
}

/* ---- SSH ---- */

static SshKey *
read_ssh(const char *text, const char *rule, const char *what)
{
	size_t size = strlen(text);
	char *exact = room(size);
	SshKey *made;
	const char *fault;

	memcpy(exact, text, size);
	fault = ssh_key_read(exact, size, SSH_KEY_STRENGTH, &made);
	free(exact);
	if (rule == NULL)
		CHECK(fault == NULL && made != NULL, "%s: refused: %s", what, fault ? fault : "");
	else
		CHECK(fault != NULL && made == NULL && strstr(fault, rule) != NULL, "%s: %s", what,
			  fault ? fault : "taken");
	CHECK(ERR_peek_error() == 0, "%s: an error of OpenSSL is left", what);
	return made;
}

/* A stored value is read again as the same. */
static void
ssh_taken(const char *text, const char *type, const char *bits, const char *what)
{
	SshKey *key = read_ssh(text, NULL, what);
	SshKey *again;
	char *line = NULL;
	char *field = NULL;
	size_t size;

	if (key == NULL)
		return;
	again = read_ssh(ssh_key_text(key, &size), NULL, what);
	CHECK(again && strcmp(ssh_key_text(again, &size), ssh_key_text(key, &size)) == 0,
		  "%s: the normal form is not stable", what);
	ssh_key_free(again);
	CHECK(ssh_key_field(key, "public_key", &line, &size) == FIELD_FOUND &&
			  strncmp(line, type, strlen(type)) == 0 && line[strlen(type)] == ' ',
		  "%s: %s", what, line ? line : "no public key");
	CHECK(ssh_key_field(key, "key_bits", &field, &size) == FIELD_FOUND && strcmp(field, bits) == 0,
		  "%s: bits", what);
	value_free(line);
	value_free(field);
	ssh_key_free(key);
}

/* The text of a generated key with one byte of its file changed. */
static char *
changed(const char *text, size_t place, unsigned char with)
{
	unsigned char file[ROOM];
	char packed[ROOM];
	size_t count = 0;
	size_t size = 0;
	char *out = room(2 * ROOM);

	for (const char *at = strchr(text, '\n'); *at != '-'; at++)
		if (*at != '\n')
			packed[count++] = *at;
	if (base64_decode(BASE64_STANDARD, packed, count, file, sizeof(file), &size) != CRYPTO_OK)
		abort();
	if (place >= size)
	{
		free(out);
		return NULL;
	}
	file[place] ^= with;
	base64_encode(BASE64_STANDARD, file, size, packed);
	snprintf(out, 2 * ROOM,
			 "-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----\n",
			 packed);
	return out;
}

static void
test_ssh(void)
{
	size_t size;
	char *text = ssh_key_generate(&size);
	char *other = ssh_key_generate(&size);
	char *broken;
	size_t place;

	ssh_taken(text, "ssh-ed25519", "256", "a generated key");
	CHECK(strcmp(text, other) != 0, "two generated keys differ");
	ssh_taken(key_text(lone.key), "ssh-ed25519", "256", "Ed25519 in PKCS#8");
	ssh_taken(key_text(leaf.key), "ecdsa-sha2-nistp256", "256", "P-256 in PKCS#8");
	ssh_taken(old_text(leaf.key, NULL), "ecdsa-sha2-nistp256", "256", "P-256 in SEC1");
	ssh_taken(key_text(root.key), "ecdsa-sha2-nistp384", "384", "P-384 in PKCS#8");
	ssh_taken(key_text(ec_key("P-521")), "ecdsa-sha2-nistp521", "521", "P-521 in PKCS#8");
	ssh_taken(key_text(middle.key), "ssh-rsa", "2048", "RSA in PKCS#8");
	ssh_taken(old_text(middle.key, NULL), "ssh-rsa", "2048", "RSA in PKCS#1");
	read_ssh(key_text(ec_key("secp256k1")), "not RSA, Ed25519", "another curve");
	read_ssh(key_text(rsa_key(1024)), "weaker than the policy asks", "RSA of 1024 bits");
	read_ssh(encrypted_text(leaf.key, "x"), "it is encrypted", "an encrypted key");
	read_ssh(old_text(leaf.key, "x"), "it is encrypted", "an encrypted key");
	read_ssh(join(2, text, other), "more than one key", "two keys");
	ssh_key_free(read_ssh(join(2, text, "x"), NULL, "a text behind it"));
	read_ssh(leaf_pem, "not a private key", "a certificate");
	read_ssh("", "not a private key", "nothing");
	read_ssh("ssh-ed25519 AAAA", "not a private key", "a public key");
	read_ssh("---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\nAAAA\n",
			 "a public key and not a private key", "RFC 4716");
	read_ssh("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "a public key and not",
			 "a public key in PEM");
	read_ssh("PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY's own form", "PuTTY");
	read_ssh("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", "SSH.com's form", "SSH.com");

	for (place = 0; (broken = changed(text, place, 0x01)) != NULL; place++)
	{
		read_ssh(broken, "", "a key with one bit changed");
		free(broken);
	}
	CHECK(place > 200, "only %zu bytes were changed", place);
	for (place = 1; place < strlen(text) - 1; place++)
	{
		char kept = text[place];

		text[place] = '\0';
		read_ssh(text, "", "the beginning of a key");
		text[place] = kept;
	}
	value_free(text);
	value_free(other);
}

/*
 * A file of OpenSSH's format with this comment and so many bytes of padding, the last of which is
 * changed by this.
 */
static char *
ssh_file(const char *comment, size_t comment_size, size_t padding, unsigned char wrong)
{
	static unsigned char section[8192];
	static unsigned char file[16384];
	WireWriter inner = {section};
	WireWriter outer = {file};
	unsigned char seed[32];
	unsigned char point[32];
	size_t size = sizeof(seed);

	EVP_PKEY_get_raw_private_key(lone.key, seed, &size);
	EVP_PKEY_get_raw_public_key(lone.key, point, &size);
	wire_put_number(&inner, 7);
	wire_put_number(&inner, 7);
	wire_put_string(&inner, "ssh-ed25519", 11);
	wire_put_string(&inner, point, 32);
	wire_put_number(&inner, 64);
	wire_put(&inner, seed, 32);
	wire_put(&inner, point, 32);
	wire_put_string(&inner, comment, comment_size);
	for (size_t i = 1; i <= padding; i++)
	{
		unsigned char byte = (unsigned char) (i == padding ? i ^ wrong : i);

		wire_put(&inner, &byte, 1);
	}
	wire_put(&outer, "openssh-key-v1", 15);
	wire_put_string(&outer, "none", 4);
	wire_put_string(&outer, "none", 4);
	wire_put_string(&outer, "", 0);
	wire_put_number(&outer, 1);
	wire_put_number(&outer, 4 + 11 + 4 + 32);
	wire_put_string(&outer, "ssh-ed25519", 11);
	wire_put_string(&outer, point, 32);
	wire_put_string(&outer, section, inner.at - section);
	return block_of("OPENSSH PRIVATE KEY", file, (int) (outer.at - file));
}

static bool
is_even(const char *character, size_t size)
{
	return character[size - 1] % 2 == 0;
}

static void
comment_is(const char *comment, size_t size, const char *wanted)
{
	/* 132 bytes stand before the comment's end, whatever it is */
	SshKey *key = read_ssh(ssh_file(comment, size, 8 - (131 + size) % 8, 0), NULL, wanted);
	char *text = NULL;
	size_t shown = 0;

	if (key == NULL)
		return;
	(void) ssh_key_field(key, "comment", &text, &shown);
	CHECK(text && strcmp(text, wanted) == 0, "%s is shown as %s", wanted, text ? text : "nothing");
	value_free(text);
	ssh_key_free(key);
}

static void
test_ssh_padding(void)
{
	size_t taken_of = 0;

	for (size_t padding = 0; padding <= 520; padding++)
	{
		char *text = ssh_file("", 0, padding, 0);
		SshKey *key = NULL;

		if (ssh_key_read(text, strlen(text), 112, &key) == NULL)
			taken_of++;
		ssh_key_free(key);
	}
	CHECK(taken_of == 65, "%zu of the 65 paddings to whole blocks are taken", taken_of);
	for (size_t padding = 5; padding <= 300; padding += 8)
		read_ssh(ssh_file("", 0, padding, 1), "its padding is not", "a wrong byte of padding");
}

#define COMMENT_IS(text, wanted) comment_is(text, sizeof(text) - 1, wanted)

static void
test_ssh_comments(void)
{
	char longest[2000];

	COMMENT_IS("me@here", "me@here");
	COMMENT_IS("J\xc3\xb6rg \xe6\x97\xa5 \xf0\x9f\x94\x91",
			   "J\xc3\xb6rg \xe6\x97\xa5 \xf0\x9f\x94\x91");
	COMMENT_IS("J\xf6rg", "J\\366rg");
	COMMENT_IS("\x1b[31m\x7f\n\0x", "\\033[31m\\177\\012\\000x");
	COMMENT_IS("\xe2\x80\xae \xc2\x85 \xef\xbb\xbf", "\\342\\200\\256 \\302\\205 \\357\\273\\277");
	COMMENT_IS("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe6\x97",
			   "\\300\\257\\355\\240\\200\\364\\220\\200\\200\\346\\227");
	COMMENT_IS("\"\\", "\"\\");
	ssh_key_show_only(is_even);
	COMMENT_IS("a\xc3\xb6\xc3\xa5", "a\xc3\xb6\\303\\245");
	ssh_key_show_only(NULL);
	for (size_t i = 0; i < sizeof(longest); i += 2)
		memcpy(longest + i, "\xc3\xb6", 2);
	longest[0] = longest[1] = 'x';
	longest[2] = 'x';
	memmove(longest + 3, longest + 4, 1996);
	ssh_key_free(
		read_ssh(ssh_file(longest, 1999, 8 - (131 + 1999) % 8, 0), NULL, "a long comment"));
	longest[1023] = '\0';
	comment_is(longest, 1023, longest);
	memcpy(longest + 1023, "\xc3\xb6", 2);
	{
		char cut[1024];

		memcpy(cut, longest, 1023);
		cut[1023] = '\0';
		comment_is(longest, 1025, cut);
	}
}

static void
test_ssh_metadata(void)
{
	SshKey *key = read_ssh(key_text(middle.key), NULL, "a key");
	json_error_t error;
	char *text = ssh_key_metadata(key);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	CHECK(json != NULL && json_object_size(json) == 5, "metadata: %s", error.text);
	CHECK(strstr(text, "PRIVATE") == NULL, "metadata has no private key");
	json_decref(json);
	value_free(text);
	ssh_key_free(key);
}

/* ---- the types, and what is left in memory ---- */

static void
test_types(void)
{
	const ValueType *type = type_find("certificate");
	TypePolicy policy = {.min_entropy = 112};
	TypeContext context = {&policy, time(NULL)};
	TypeFacts facts = {0};
	const char *fault;

	CHECK(type && type_find("ssh_key"), "the types are registered");
	fault = type->check(normal, strlen(normal), &context, &facts);
	CHECK(fault == NULL && facts.expires_at > context.now && facts.metadata && facts.normal,
		  "a certificate passes: %s", fault ? fault : "");
	type_facts_free(&facts);
	context.now += 31 * DAY;
	fault = type->check(normal, strlen(normal), &context, &facts);
	CHECK(fault == NULL && facts.expires_at > 0 && facts.expires_at < context.now,
		  "one that has expired passes with its end");
	type_facts_free(&facts);
}

/* Reads and writes a key in every form while what OpenSSL frees is looked at. */
static void
watch(EVP_PKEY *key, X509 *certificate, const char *what)
{
	char *pem = certificate_text(certificate);
	char *plain = join(2, pem, key_text(key));
	char *encrypted = join(2, pem, encrypted_text(key, "x"));
	char *old = EVP_PKEY_is_a(key, "ED25519") ? plain : join(2, pem, old_text(key, "x"));
	char *legacy = join(2, pem, legacy_text(key));
	char *secret = key_text(key);
	size_t size;
	char *text;
	Certificate *made;
	SshKey *ssh;

	left_behind = 0;
	watching = true;
	made = take(plain, what);
	text = made ? certificate_pem(made, &size) : NULL;
	value_free(text);
	certificate_free(made);
	certificate_free(read_bytes(encrypted, strlen(encrypted), "x", 112, NULL, what));
	certificate_free(read_bytes(old, strlen(old), "x", 112, NULL, what));
	certificate_free(read_bytes(legacy, strlen(legacy), "x", 112, NULL, what));
	ssh = read_ssh(secret, NULL, what);
	if (ssh)
		ssh_key_free(read_ssh(ssh_key_text(ssh, &size), NULL, what));
	ssh_key_free(ssh);
	watching = false;
	CHECK(left_behind == 0, "%s: %lu pieces of freed memory hold the key", what, left_behind);
}

/* 16 bytes of a number, as it is written (big-endian) and as OpenSSL computes with it. */
static void
watch_number(EVP_PKEY *key, X509 *certificate, const char *name, const char *what)
{
	BIGNUM *number = NULL;
	unsigned char bytes[KEY_MAX_RSA_BITS / 8];

	EVP_PKEY_get_bn_param(key, name, &number);
	BN_bn2bin(number, bytes);
	memcpy(watched, bytes + 8, 16);
	watch(key, certificate, what);
	for (int i = 0; i < 16; i++)
		watched[i] = bytes[BN_num_bytes(number) - 1 - i];
	watch(key, certificate, what);
	BN_clear_free(number);
}

static void
test_memory(void)
{
	size_t size = sizeof(watched);
	void *text;

	EVP_PKEY_get_raw_private_key(lone.key, watched, &size);
	watch(lone.key, lone.certificate, "the seed of an Ed25519 key");
	watch_number(leaf.key, leaf.certificate, OSSL_PKEY_PARAM_PRIV_KEY, "the secret of an EC key");
	watch_number(middle.key, middle.certificate, OSSL_PKEY_PARAM_RSA_D, "d of an RSA key");
	watch_number(middle.key, middle.certificate, OSSL_PKEY_PARAM_RSA_FACTOR1, "p of an RSA key");

	/* the watch sees what it should */
	left_behind = 0;
	watching = true;
	text = OPENSSL_malloc(64);
	memcpy(text, watched, 32);
	OPENSSL_free(text);
	watching = false;
	CHECK(left_behind == 1, "the watch is blind");
}

int
main(void)
{
	CRYPTO_set_mem_functions(test_malloc, test_realloc, test_free);
	pki_register();
	make_all();
	test_order();
	test_chain();
	test_pem();
	test_forms();
	test_pkcs7();
	test_truncation();
	test_passphrases();
	test_rounds();
	test_pkcs12();
	test_two_passphrases();
	test_modulus();
	test_hints();
	test_strength();
	test_explicit_curve();
	test_facts();
	test_ssh();
	test_ssh_padding();
	test_ssh_comments();
	test_ssh_metadata();
	test_types();
	if (looks_at_freed_memory)
		test_memory();
	test_authorities();
	return finish("test_pki");
}
