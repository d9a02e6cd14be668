/*
 * ssh_key.c
 *		SSH keys; ssh_key.h has the contract.
 *
 * It guards that the public key that is shown belongs to the private key: it is computed from it,
 * and a file whose parts disagree is refused.
 */
#include "pki/ssh_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/primitives.h"
#include "pki/key_ec.h"
#include "pki/key_rsa.h"
#include "pki/pem.h"
#include "pki/private_key.h"
#include "pki/rules.h"
#include "pki/ssh_wire.h"
#include "type/text.h"

#define MAGIC "openssh-key-v1" /* with its NUL */
#define LABEL "OPENSSH PRIVATE KEY"

#define OPENSSH_LINE 70
#define PEM_LINE     64
#define BLOCK        8 /* block size of the cipher "none" */
#define SEED_BYTES   32
#define POINT_BYTES  133 /* bytes of an uncompressed point on P-521 */
#define BLOB_BYTES   (KEY_MAX_RSA_BITS / 8 + 64)

#define DISAGREES "its public and private parts do not fit"
#define NOT_ONE   "it is not a private key of OpenSSH or in PEM"
#define NOT_WHOLE "it is cut short, or its lengths are wrong"

struct SshKey
{
	const char *type;
	int bits;
	unsigned char blob[BLOB_BYTES]; /* public key in wire format */
	size_t blob_size;
	char comment[4 * SSH_KEY_MAX_COMMENT + 1]; /* as it is shown */
	PkiText text;
};

typedef struct Curve
{
	const char *type;
	const char *name;  /* name in the wire format */
	const char *group; /* name for OpenSSL */
	size_t coordinate;
} Curve;

static const Curve curves[] = {
	{"ecdsa-sha2-nistp256", "nistp256", "prime256v1", 32},
	{"ecdsa-sha2-nistp384", "nistp384", "secp384r1", 48},
	{"ecdsa-sha2-nistp521", "nistp521", "secp521r1", 66},
};

#define CURVES (sizeof(curves) / sizeof(curves[0]))

/* ---- public keys on the wire ---- */

static bool
put_mpint(WireWriter *writer, const EVP_PKEY *key, const char *name)
{
	BIGNUM *number = NULL;
	unsigned char bytes[KEY_MAX_RSA_BITS / 8 + 1] = {0};
	size_t size;
	bool fits;

	fits =
		EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bits(number) <= KEY_MAX_RSA_BITS;
	if (fits)
	{
		size = BN_bn2bin(number, bytes + 1);
		if (size > 0 && (bytes[1] & 0x80)) /* a zero keeps it positive */
			wire_put_string(writer, bytes, size + 1);
		else
			wire_put_string(writer, bytes + 1, size);
	}
	BN_free(number);
	return fits;
}

static bool
put_rsa(WireWriter *writer, const EVP_PKEY *pkey, SshKey *key)
{
	key->type = "ssh-rsa";
	wire_put_string(writer, key->type, strlen(key->type));
	return put_mpint(writer, pkey, OSSL_PKEY_PARAM_RSA_E) &&
		put_mpint(writer, pkey, OSSL_PKEY_PARAM_RSA_N);
}

static bool
put_ed25519(WireWriter *writer, const EVP_PKEY *pkey, SshKey *key)
{
	unsigned char point[SEED_BYTES];
	size_t size = sizeof(point);

	key->type = "ssh-ed25519";
	if (EVP_PKEY_get_raw_public_key(pkey, point, &size) != 1)
		return false;
	wire_put_string(writer, key->type, strlen(key->type));
	wire_put_string(writer, point, size);
	return true;
}

static const Curve *
curve_of(const EVP_PKEY *pkey)
{
	char group[64];
	size_t size;

	if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &size) != 1)
		return NULL;
	for (size_t i = 0; i < CURVES; i++)
		if (strcmp(group, curves[i].group) == 0)
			return &curves[i];
	return NULL;
}

static bool
put_ecdsa(WireWriter *writer, EVP_PKEY *pkey, SshKey *key)
{
	const Curve *curve = curve_of(pkey);
	unsigned char point[POINT_BYTES];
	size_t size;

	if (curve == NULL ||
		EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
									   "uncompressed") != 1 ||
		EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
										&size) != 1 ||
		size != 1 + 2 * curve->coordinate)
		return false;
	key->type = curve->type;
	wire_put_string(writer, curve->type, strlen(curve->type));
	wire_put_string(writer, curve->name, strlen(curve->name));
	wire_put_string(writer, point, size);
	return true;
}

/* Fill type, bits and blob. Returns NULL, or the rule. */
static const char *
derive_public(EVP_PKEY *pkey, int min_strength, SshKey *key)
{
	const char *fault = private_key_check_kind(pkey);
	const char *kind = private_key_kind(pkey);
	WireWriter writer = {key->blob};
	bool written = false;

	if (fault)
		return fault;
	key->bits = EVP_PKEY_get_bits(pkey);
	if (strcmp(kind, "RSA") == 0)
		written = put_rsa(&writer, pkey, key);
	else if (strcmp(kind, "EC") == 0)
		written = put_ecdsa(&writer, pkey, key);
	else if (strcmp(kind, "Ed25519") == 0)
	{
		written = put_ed25519(&writer, pkey, key);
		key->bits = 256; /* as SSH counts */
	}
	if (!written)
		return "its key is not RSA, Ed25519, or ECDSA on P-256, P-384 or P-521";
	key->blob_size = writer.at - key->blob;
	if (private_key_strength(pkey) < min_strength)
		return WEAK_SSH_KEY;
	return private_key_works(pkey) ? NULL : DISAGREES;
}

/* ---- private keys from the wire ---- */

/* Return a number, which must not be negative. */
static BIGNUM *
number_from(WireString string)
{
	if (string.size == 0 || (string.data[0] & 0x80))
		return NULL;
	return key_build_number(string.data, string.size);
}

static EVP_PKEY *
read_ed25519(WireReader *reader)
{
	WireString given = wire_string(reader);
	WireString both = wire_string(reader); /* the seed and, once more, the public key */

	if (reader->broken || given.size != SEED_BYTES || both.size != 2 * SEED_BYTES ||
		memcmp(both.data + SEED_BYTES, given.data, SEED_BYTES) != 0)
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, both.data, SEED_BYTES);
}

static EVP_PKEY *
read_ecdsa(WireReader *reader, const Curve *curve)
{
	WireString name = wire_string(reader);
	WireString point = wire_string(reader);
	BIGNUM *secret = number_from(wire_string(reader));
	EVP_PKEY *key = NULL;

	if (secret && !reader->broken && wire_is(name, curve->name) &&
		point.size == 1 + 2 * curve->coordinate)
		key = key_ec_from_secret(OBJ_sn2nid(curve->group), secret, point.data, point.size);
	BN_clear_free(secret);
	return key;
}

static EVP_PKEY *
read_rsa(WireReader *reader)
{
	BIGNUM *numbers[RSA_NUMBERS] = {NULL};
	EVP_PKEY *key = NULL;
	bool complete = true;

	for (int i = 0; i < RSA_SSH_NUMBERS; i++)
	{
		numbers[i] = number_from(wire_string(reader));
		complete = complete && numbers[i];
	}
	if (complete && !reader->broken)
		key = key_rsa_from_numbers(numbers);
	for (int i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(numbers[i]);
	return key;
}

/* Return the key, or NULL with *fault set. */
static EVP_PKEY *
read_private(WireReader *reader, const char **fault)
{
	WireString type = wire_string(reader);
	EVP_PKEY *key = NULL;

	*fault = DISAGREES;
	if (wire_is(type, "ssh-ed25519"))
		return read_ed25519(reader);
	if (wire_is(type, "ssh-rsa"))
		return read_rsa(reader);
	for (size_t i = 0; i < CURVES; i++)
		if (wire_is(type, curves[i].type))
			return read_ecdsa(reader, &curves[i]);
	*fault = "its key is not RSA, Ed25519, or ECDSA on P-256, P-384 or P-521";
	return key;
}

/*
 * Return the size of the UTF-8 character here, if it can be shown: characters that control the
 * terminal or change the direction of the text cannot. Otherwise return 0.
 */
static size_t
shown_character(const unsigned char *at, size_t left)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = *at < 0x80 ? 1 : *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc0 ? 2 : 0;
	unsigned code = size < 2 ? *at : *at & (0xff >> (size + 1));

	if (size == 0 || size > left || *at >= 0xf8)
		return 0;
	for (size_t i = 1; i < size; i++)
	{
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[size] || code < ' ' || (code >= 0x7f && code < 0xa0) || code > 0x10ffff ||
		(code >= 0xd800 && code < 0xe000) || (code >= 0x200b && code <= 0x200f) ||
		(code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
		code == 0x061c || code == 0xfeff)
		return 0;
	return size;
}

static bool (*is_shown)(const char *character, size_t size);

void
ssh_key_show_only(bool (*filter)(const char *character, size_t size))
{
	is_shown = filter;
}

/* Show control characters and invalid UTF-8 in octal, as ssh-keygen does. */
static void
keep_comment(WireString comment, SshKey *key)
{
	char *out = key->comment;

	if (comment.size > SSH_KEY_MAX_COMMENT)
	{
		comment.size = SSH_KEY_MAX_COMMENT;
		for (int i = 0; i < 3 && (comment.data[comment.size] & 0xc0) == 0x80; i++)
			comment.size--; /* do not cut a character */
	}
	for (size_t i = 0; i < comment.size;)
	{
		size_t size = shown_character(comment.data + i, comment.size - i);

		if (size > 1 && is_shown && !is_shown((const char *) comment.data + i, size))
			size = 0;
		if (size > 0)
			memcpy(out, comment.data + i, size);
		else
			snprintf(out, 5, "\\%03o", comment.data[i]);
		out += size > 0 ? size : 4;
		i += size > 0 ? size : 1;
	}
	*out = '\0';
}

/*
 * Check padding: 1, 2, 3 and so on. OpenSSH fills its own blocks and accepts any length, PuTTY
 * writes up to 15 bytes.
 */
static bool
is_padding(WireString padding)
{
	for (size_t i = 0; i < padding.size; i++)
		if (padding.data[i] != ((i + 1) & 0xff))
			return false;
	return true;
}

/* Read the part that a passphrase would have encrypted. */
static const char *
read_section(WireString section, WireString blob, int min_strength, SshKey *key)
{
	WireReader reader = {section.data, section.size, false};
	uint32_t check = wire_number(&reader);
	WireString derived = {key->blob, 0};
	const char *fault = NULL;
	EVP_PKEY *pkey;

	if (reader.broken || section.size % BLOCK != 0)
		return NOT_WHOLE;
	if (wire_number(&reader) != check)
		return "its two check numbers differ";
	pkey = read_private(&reader, &fault);
	if (pkey == NULL)
		return fault;
	keep_comment(wire_string(&reader), key);
	if (reader.broken)
		fault = NOT_WHOLE;
	else if (!is_padding(wire_bytes(&reader, reader.left)))
		fault = "its padding is not 1, 2, 3 and so on";
	else
		fault = derive_public(pkey, min_strength, key);
	derived.size = key->blob_size;
	if (fault == NULL && !wire_same(derived, blob))
		fault = DISAGREES;
	EVP_PKEY_free(pkey);
	return fault;
}

static const char *
read_openssh(const PkiText *body, int min_strength, SshKey *key)
{
	WireReader reader = {(const unsigned char *) body->data, body->size, false};
	WireString magic = wire_bytes(&reader, sizeof(MAGIC));
	WireString cipher = wire_string(&reader);
	WireString derivation = wire_string(&reader);
	WireString options = wire_string(&reader);
	uint32_t count = wire_number(&reader);
	WireString blob = wire_string(&reader);
	WireString section = wire_string(&reader);

	(void) options; /* without a derivation there are no options */
	if (magic.size != sizeof(MAGIC) || memcmp(magic.data, MAGIC, sizeof(MAGIC)) != 0)
		return "its block is not of OpenSSH's format, openssh-key-v1";
	if (reader.broken)
		return NOT_WHOLE;
	if (!wire_is(cipher, "none") || !wire_is(derivation, "none"))
		return ENCRYPTED_SSH_KEY;
	if (count != 1)
		return "it does not hold exactly one key";
	if (reader.left != 0)
		return "something follows the key";
	return read_section(section, blob, min_strength, key);
}

/* ---- OpenSSH's format, written ---- */

/* Upper bound of the size: two public keys, the seed, names and padding. */
#define ED25519_FILE_BYTES 512

/* Write the text of a key. Returns false if OpenSSL refuses or out of memory. */
static bool
write_ed25519(const unsigned char seed[SEED_BYTES], const unsigned char point[SEED_BYTES],
			  PkiText *text)
{
	static const char type[] = "ssh-ed25519";
	unsigned char file[ED25519_FILE_BYTES];
	unsigned char section[ED25519_FILE_BYTES];
	unsigned char check[4];
	WireWriter inner = {section};
	WireWriter outer = {file};
	bool written;

	if (crypto_random(check, sizeof(check)) != CRYPTO_OK)
		return false;
	wire_put(&inner, check, sizeof(check));
	wire_put(&inner, check, sizeof(check));
	wire_put_string(&inner, type, strlen(type));
	wire_put_string(&inner, point, SEED_BYTES);
	wire_put_number(&inner, 2 * SEED_BYTES);
	wire_put(&inner, seed, SEED_BYTES);
	wire_put(&inner, point, SEED_BYTES);
	wire_put_string(&inner, "", 0);
	for (unsigned char i = 1; (inner.at - section) % BLOCK != 0; i++)
		wire_put(&inner, &i, 1);

	wire_put(&outer, MAGIC, sizeof(MAGIC));
	wire_put_string(&outer, "none", 4);
	wire_put_string(&outer, "none", 4);
	wire_put_string(&outer, "", 0);
	wire_put_number(&outer, 1);
	wire_put_number(&outer, (uint32_t) (4 + strlen(type) + 4 + SEED_BYTES));
	wire_put_string(&outer, type, strlen(type));
	wire_put_string(&outer, point, SEED_BYTES);
	wire_put_string(&outer, section, inner.at - section);
	written = pem_write(LABEL, file, outer.at - file, OPENSSH_LINE, text);
	secret_wipe(section, sizeof(section));
	secret_wipe(file, sizeof(file));
	return written;
}

/*
 * Write an Ed25519 key in OpenSSH's format. EVP_PKEY_get_raw_private_key() would leave a copy in
 * freed memory.
 */
static bool
write_as_openssh(const EVP_PKEY *pkey, PkiText *text)
{
	unsigned char seed[SEED_BYTES];
	unsigned char point[SEED_BYTES];
	size_t seed_size;
	size_t point_size = sizeof(point);
	bool written = EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, seed,
												   sizeof(seed), &seed_size) == 1 &&
		EVP_PKEY_get_raw_public_key(pkey, point, &point_size) == 1 &&
		write_ed25519(seed, point, text);

	secret_wipe(seed, sizeof(seed));
	return written;
}

/* ---- the whole ---- */

static const char *
ssh_key_read_pem(PemBlock *block, int min_strength, SshKey *key)
{
	EVP_PKEY *pkey = NULL;
	const char *fault;
	bool written;

	if (private_key_is_encrypted(block))
		return ENCRYPTED_SSH_KEY;
	fault = private_key_from(block, NULL, &pkey);
	if (fault == NULL)
		fault = derive_public(pkey, min_strength, key);
	if (fault == NULL)
	{
		written = strcmp(key->type, "ssh-ed25519") == 0
			? write_as_openssh(pkey, &key->text)
			: pem_write(block->label, block->body.data, block->body.size, PEM_LINE, &key->text);
		fault = written ? NULL : TYPE_NO_MEMORY;
	}
	EVP_PKEY_free(pkey);
	return fault;
}

static const char *
read_block(PemBlock *block, int min_strength, SshKey *key)
{
	const char *fault;

	if (private_key_is(block))
		return ssh_key_read_pem(block, min_strength, key);
	if (strcmp(block->label, "PUBLIC KEY") == 0 || strcmp(block->label, "RSA PUBLIC KEY") == 0)
		return PUBLIC_SSH_KEY;
	if (strcmp(block->label, LABEL) != 0)
		return NOT_ONE;
	fault = pem_decode(block);
	if (fault == NULL)
		fault = read_openssh(&block->body, min_strength, key);
	if (fault == NULL &&
		!pem_write(LABEL, block->body.data, block->body.size, OPENSSH_LINE, &key->text))
		fault = TYPE_NO_MEMORY;
	return fault;
}

/*
 * Read the first block, which must be the key, after the one that "openssl ecparam" may write
 * before it.
 */
static const char *
read_only_block(PemReader *reader, int min_strength, SshKey *key)
{
	PemBlock block;
	const char *fault = pem_next(reader, &block);

	if (fault == NULL && strcmp(block.label, "EC PARAMETERS") == 0)
		fault = pem_next(reader, &block);
	if (fault == NULL)
		fault = read_block(&block, min_strength, key);
	pem_block_free(&block);
	if (fault)
		return fault;
	fault = pem_next(reader, &block);
	if (fault == NULL && block.label[0] != '\0')
		fault = "it has more than one key";
	pem_block_free(&block);
	return fault;
}

/* Name the form of a text without a block: it is often a key in another form, or a public key. */
static const char *
name_other_form(const PemReader *reader)
{
	static const char *const public[] = {"ssh-ed25519 AAAA",     "ssh-rsa AAAA",
										 "ecdsa-sha2-nistp",     "ssh-dss AAAA",
										 "sk-ssh-ed25519@",      "sk-ecdsa-sha2-",
										 "BEGIN SSH2 PUBLIC KEY"};

	if (pem_has_word(reader, "PuTTY-User-Key-File-"))
		return PUTTY_KEY;
	if (pem_has_word(reader, "BEGIN SSH2 ENCRYPTED PRIVATE KEY"))
		return SSH2_KEY;
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
		if (pem_has_word(reader, public[i]))
			return PUBLIC_SSH_KEY;
	return NOT_ONE;
}

const char *
ssh_key_read(const void *text, size_t size, int min_strength, SshKey **made)
{
	SshKey *key;
	PemReader reader;
	const char *fault;

	*made = NULL;
	if (size > SSH_KEY_MAX_BYTES)
		return "it is longer than 64 KiB";
	key = calloc(1, sizeof(SshKey));
	if (key == NULL || !pem_open(&reader, text, size))
	{
		free(key);
		return TYPE_NO_MEMORY;
	}
	fault = pem_has_block(&reader) ? read_only_block(&reader, min_strength, key)
								   : name_other_form(&reader);
	pem_close(&reader);
	if (fault == NULL)
		*made = key;
	else
		ssh_key_free(key);
	ERR_clear_error();
	return fault;
}

void
ssh_key_free(SshKey *key)
{
	if (key)
		pki_text_free(&key->text);
	free(key);
}

const char *
ssh_key_text(const SshKey *key, size_t *size)
{
	*size = key->text.size;
	return key->text.data;
}

char *
ssh_key_generate(size_t *size)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	PkiText text = {NULL, 0};
	char *made = NULL;

	if (pkey && write_as_openssh(pkey, &text))
		made = value_copy(text.data, text.size);
	*size = text.size;
	pki_text_free(&text);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return made;
}

/* ---- parts ---- */

#define FINGERPRINT_ROOM 64

/* Write the fingerprint as ssh-keygen -l prints it. */
static bool
fingerprint_of(const SshKey *key, char out[FINGERPRINT_ROOM])
{
	unsigned char digest[SHA256_BYTES];
	size_t size;

	if (crypto_sha256(key->blob, key->blob_size, digest) != CRYPTO_OK)
		return false;
	strcpy(out, "SHA256:");
	size = strlen(out);
	size += base64_encode(BASE64_STANDARD, digest, sizeof(digest), out + size);
	while (out[size - 1] == '=')
		out[--size] = '\0';
	return true;
}

/* Return the public key as a line of authorized_keys. */
static char *
public_line(const SshKey *key, size_t *size)
{
	size_t capacity = strlen(key->type) + base64_size(key->blob_size) + strlen(key->comment) + 4;
	char *line = malloc(capacity);
	char *at = line;

	if (line == NULL)
		return NULL;
	at += sprintf(at, "%s ", key->type);
	at += base64_encode(BASE64_STANDARD, key->blob, key->blob_size, at);
	if (key->comment[0] != '\0')
		at += sprintf(at, " %s", key->comment);
	*size = at - line;
	return line;
}

char *
ssh_key_metadata(const SshKey *key)
{
	char fingerprint[FINGERPRINT_ROOM];
	Text json = {0};
	size_t size;
	char *line = public_line(key, &size);

	if (line == NULL || !fingerprint_of(key, fingerprint))
	{
		free(line);
		return NULL;
	}
	/* without its comment, which is a member */
	line[strlen(key->type) + 1 + base64_size(key->blob_size)] = '\0';
	text_add_string(&json, "{");
	text_add_member(&json, "key_type", key->type);
	text_add_name(&json, "key_bits");
	text_add_number(&json, key->bits);
	text_add_member(&json, "fingerprint", fingerprint);
	text_add_member(&json, "public_key", line);
	text_add_member(&json, "comment", key->comment);
	text_add_string(&json, "}");
	free(line);
	return text_take(&json, NULL);
}

TypeField
ssh_key_field(const SshKey *key, const char *name, char **out, size_t *out_size)
{
	char text[FINGERPRINT_ROOM];
	const char *found = text;

	*out = NULL;
	if (strcmp(name, "public_key") == 0)
	{
		*out = public_line(key, out_size);
		return *out ? FIELD_FOUND : FIELD_UNREADABLE;
	}
	if (strcmp(name, "private_key") == 0)
		found = key->text.data;
	else if (strcmp(name, "key_type") == 0)
		found = key->type;
	else if (strcmp(name, "comment") == 0)
		found = key->comment;
	else if (strcmp(name, "key_bits") == 0)
		snprintf(text, sizeof(text), "%d", key->bits);
	else if (strcmp(name, "fingerprint") != 0)
		return FIELD_UNKNOWN;
	else if (!fingerprint_of(key, text))
		return FIELD_UNREADABLE;

	if (*found == '\0')
		return FIELD_ABSENT;
	*out_size = strlen(found);
	*out = value_copy(found, *out_size);
	return *out ? FIELD_FOUND : FIELD_UNREADABLE;
}
