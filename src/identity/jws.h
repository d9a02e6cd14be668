/*
 * jws.h
 *		Form, header and signature of a token.
 *
 * Plain C without server headers.
 */
#ifndef VAULT_IDENTITY_JWS_H
#define VAULT_IDENTITY_JWS_H

#include "identity/jwks.h"
#include "identity/jwt_fault.h"

/*
 * The struct of Jansson. Its header cannot be included with the server's: both declare
 * json_object().
 */
struct json_t;

#define JWT_MAX_BYTES   (16 * 1024)
#define JWT_MAX_PAYLOAD (JWT_MAX_BYTES / 4 * 3)

/*
 * Check that a text has the form of a token.  Return NULL, or a static phrase that names the usual
 * wrapping of a token.  jwt_verify() refuses a text without that form.
 */
extern const char *jwt_form_fault(const char *text, size_t size);

/*
 * Verify the form, the header and the signature alone, for payloads that are not claims.  kid and
 * payload are set only with JWT_OK.
 */
extern JwtFault
jws_verify(const JwtKeySet *keys, const char *text, size_t size, char kid[JWKS_MAX_KID + 1],
		   unsigned char payload[JWT_MAX_PAYLOAD], size_t *payload_size);

/* Decode the payload of a text that has the form of a token, without verifying it. */
extern JwtFault jws_peek(const char *text, size_t size, unsigned char payload[JWT_MAX_PAYLOAD],
						 size_t *payload_size);

/*
 * Parse one object, without NUL and without a member twice.  syntax is the fault that stands for
 * the first of StrictJsonFault; the others follow in order.
 */
extern JwtFault
jws_parse_json(const unsigned char *text, size_t size, JwtFault syntax, struct json_t **object);

#endif
