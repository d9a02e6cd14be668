/*
 * credential.h
 *		Values that are JSON, and access tokens.
 *
 *		json				one object, read strictly
 *		oauth_token			opaque, a JWT, or the JSON answer of a token endpoint; it expires
 *							with exp or expires_in.  No signature is verified: it is for others
 *		oauth_credentials	client_id and client_secret; token_url, scopes, refresh_token
 *
 * Plain C without server headers.
 */
#ifndef VAULT_TYPE_CREDENTIAL_H
#define VAULT_TYPE_CREDENTIAL_H

#include <jansson.h>

#include "type/text.h"
#include "type/type.h"

extern const char *json_check(const void *value, size_t size, const TypeContext *context,
							  TypeFacts *facts);
extern const char *oauth_token_check(const void *value, size_t size, const TypeContext *context,
									 TypeFacts *facts);
extern const char *oauth_credentials_check(const void *value, size_t size,
										   const TypeContext *context, TypeFacts *facts);

extern TypeField json_field(const void *value, size_t size, const char *name, char **out,
							size_t *out_size);
extern TypeField oauth_token_field(const void *value, size_t size, const char *name, char **out,
								   size_t *out_size);
extern TypeField oauth_credentials_field(const void *value, size_t size, const char *name,
										 char **out, size_t *out_size);

/* What these types, and database, have in common. */

/* NULL, and *object is to be given back; or the rule that keeps the value from being one. */
extern const char *credential_parse(const void *value, size_t size, json_t **object);

/* A member as text: a string as it is, anything else as JSON. */
extern TypeField member_text(const json_t *object, const char *name, char **out, size_t *out_size);

/* Adds a JSON value, whatever it is. */
extern void text_add_value(Text *text, const json_t *value);

#endif
