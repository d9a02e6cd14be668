/*
 * jws.c
 *		Form, header and signature of a token.
 *
 * Guards the identity of callers: jws_verify() decides if a key of the set has signed the text.  No
 * payload is read before its signature holds, except by jws_peek(), whose callers decide nothing by
 * it.
 */
#include "identity/jws.h"

#include <string.h>
#include <strings.h>

#include "identity/strict_json.h"

_Static_assert(JWT_FAULT_HEADER_DUPLICATE - JWT_FAULT_HEADER_SYNTAX ==
					   STRICT_JSON_DUPLICATE - STRICT_JSON_SYNTAX &&
				   JWT_FAULT_CLAIMS_DUPLICATE - JWT_FAULT_CLAIMS_SYNTAX ==
					   STRICT_JSON_DUPLICATE - STRICT_JSON_SYNTAX,
			   "faults of JSON have one order");

typedef struct JwsSegment
{
	const char *text;
	size_t size;
} JwsSegment;

typedef struct JwsSegments
{
	JwsSegment header;
	JwsSegment payload;
	JwsSegment signature;
	JwsSegment signed_part; /* header and payload, with the dot between them */
} JwsSegments;

/* Cut off the text up to the next dot, or to its end. The text after the dot is left in rest. */
static bool
jws_cut(JwsSegment *rest, JwsSegment *segment)
{
	const char *dot = rest->size > 0 ? memchr(rest->text, '.', rest->size) : NULL;

	*segment = *rest;
	if (dot == NULL)
		return false;
	segment->size = (size_t) (dot - rest->text);
	rest->text = dot + 1;
	rest->size -= segment->size + 1;
	return true;
}

/* Return true if two more segments follow: then it is the compact form of JWE. */
static bool
has_two_more(JwsSegment rest)
{
	JwsSegment segment;

	return jws_cut(&rest, &segment) && !jws_cut(&rest, &segment);
}

static JwtFault
jws_split(const char *text, size_t size, JwsSegments *s)
{
	JwsSegment rest = {text, size};

	if (size > JWT_MAX_BYTES)
		return JWT_FAULT_SIZE;
	if (!jws_cut(&rest, &s->header) || !jws_cut(&rest, &s->payload))
		return JWT_FAULT_SEGMENTS;
	if (jws_cut(&rest, &s->signature))
		return has_two_more(rest) ? JWT_FAULT_ENCRYPTED : JWT_FAULT_SEGMENTS;
	if (s->header.size == 0 || s->signature.size == 0)
		return JWT_FAULT_SEGMENTS;
	s->signed_part.text = text;
	s->signed_part.size = s->header.size + 1 + s->payload.size;
	return JWT_OK;
}

static bool
jws_decode(const JwsSegment *segment, unsigned char out[JWT_MAX_PAYLOAD], size_t *size)
{
	return base64_decode(BASE64_URL, segment->text, segment->size, out, JWT_MAX_PAYLOAD, size) ==
		CRYPTO_OK;
}

static bool
is_of_token(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		c == '_' || c == '.';
}

const char *
jwt_form_fault(const char *text, size_t size)
{
	if (size == 0)
		return "it is empty";
	if (size >= 7 && strncasecmp(text, "Bearer ", 7) == 0)
		return "it begins with \"Bearer \", which is the header's and not the token's";
	if (text[0] == '"' || text[0] == '\'')
		return "it is in quotes";
	if (strchr(" \t\r\n", text[0]) != NULL)
		return "there is white space before it";
	if (strchr(" \t\r\n", text[size - 1]) != NULL)
		return "there is white space or a line feed behind it";
	if (size > JWT_MAX_BYTES)
		return jwt_fault_text(JWT_FAULT_SIZE);
	for (size_t i = 0; i < size; i++)
	{
		if (!is_of_token(text[i]))
			return "it is no token: it has characters that none has";
	}
	return NULL;
}

/* "syntax" is the fault that stands for the first of StrictJsonFault. */
JwtFault
jws_parse_json(const unsigned char *text, size_t size, JwtFault syntax, json_t **object)
{
	StrictJsonFault fault = strict_json_parse_numbers(text, size, object);

	return fault == STRICT_JSON_OK ? JWT_OK : syntax + (fault - STRICT_JSON_SYNTAX);
}

static JwtFault
check_algorithm(const char *algorithm)
{
	if (algorithm == NULL)
		return JWT_FAULT_ALGORITHM;
	if (strcasecmp(algorithm, "none") == 0)
		return JWT_FAULT_ALGORITHM_NONE;
	if (strncasecmp(algorithm, "HS", 2) == 0)
		return JWT_FAULT_ALGORITHM_SYMMETRIC;
	return JWT_OK;
}

/* Check typ. Media types ignore case (RFC 2045 section 5.1), and "application/" may be left out. */
static bool
type_fits(const json_t *header)
{
	static const char *const types[] = {"JWT", "at+jwt", "JOSE"};
	const char *type = strict_json_string(header, "typ");

	if (!strict_json_has(header, "typ"))
		return true;
	if (type == NULL)
		return false;
	if (strncasecmp(type, "application/", 12) == 0)
		type += 12;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		if (strcasecmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

/* Find the key, and copy its kid. */
static JwtFault
check_header(const json_t *header, const JwtKeySet *keys, const PublicKey **key,
			 char kid[JWKS_MAX_KID + 1])
{
	const char *algorithm = strict_json_string(header, "alg");
	const char *name = strict_json_string(header, "kid");
	JwtFault fault = check_algorithm(algorithm);

	if (fault != JWT_OK)
		return fault;
	if (strict_json_has(header, "jwk"))
		return JWT_FAULT_HEADER_KEY;
	if (strict_json_has(header, "crit") || strict_json_has(header, "b64"))
		return JWT_FAULT_HEADER_MEMBER;
	if (!type_fits(header))
		return JWT_FAULT_TYPE;
	if (name == NULL || !jwks_kid_is_valid(name))
		return JWT_FAULT_KID;
	*key = jwks_find(keys, name);
	if (*key == NULL)
		return JWT_FAULT_KEY_UNKNOWN;
	if (strcmp(algorithm, jwks_algorithm_name(public_key_algorithm(*key))) != 0)
		return JWT_FAULT_ALGORITHM;
	strcpy(kid, name);
	return JWT_OK;
}

static JwtFault
jws_read_header(const JwsSegment *segment, const JwtKeySet *keys, const PublicKey **key,
				char kid[JWKS_MAX_KID + 1])
{
	unsigned char text[JWT_MAX_PAYLOAD];
	size_t size;
	json_t *header;
	JwtFault fault;

	if (!jws_decode(segment, text, &size))
		return JWT_FAULT_BASE64;
	fault = jws_parse_json(text, size, JWT_FAULT_HEADER_SYNTAX, &header);
	if (fault == JWT_OK)
		fault = check_header(header, keys, key, kid);
	json_decref(header);
	return fault;
}

static JwtFault
check_signature(const JwsSegments *s, const PublicKey *key)
{
	unsigned char signature[JWT_MAX_PAYLOAD];
	size_t size;
	CryptoStatus status;

	if (!jws_decode(&s->signature, signature, &size))
		return JWT_FAULT_BASE64;
	status = signature_verify(key, s->signed_part.text, s->signed_part.size, signature, size);
	secret_wipe(signature, size);
	switch (status)
	{
		case CRYPTO_OK:
			return JWT_OK;
		case CRYPTO_ERR_INTERNAL:
			return JWT_FAULT_INTERNAL;
		default:
			return JWT_FAULT_SIGNATURE;
	}
}

JwtFault
jws_verify(const JwtKeySet *keys, const char *text, size_t size, char kid[JWKS_MAX_KID + 1],
		   unsigned char payload[JWT_MAX_PAYLOAD], size_t *payload_size)
{
	char found[JWKS_MAX_KID + 1];
	JwsSegments segments;
	const PublicKey *key = NULL;
	JwtFault fault;

	*kid = '\0';
	*payload_size = 0;
	fault = jws_split(text, size, &segments);
	if (fault == JWT_OK)
		fault = jws_read_header(&segments.header, keys, &key, found);
	if (fault == JWT_OK)
		fault = check_signature(&segments, key);
	if (fault == JWT_OK && !jws_decode(&segments.payload, payload, payload_size))
		fault = JWT_FAULT_BASE64;
	if (fault == JWT_OK)
		strcpy(kid, found);
	return fault;
}

JwtFault
jws_peek(const char *text, size_t size, unsigned char payload[JWT_MAX_PAYLOAD],
		 size_t *payload_size)
{
	JwsSegments segments;
	JwtFault fault = jws_split(text, size, &segments);

	if (fault == JWT_OK && !jws_decode(&segments.payload, payload, payload_size))
		fault = JWT_FAULT_BASE64;
	return fault;
}
