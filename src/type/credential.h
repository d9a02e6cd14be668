/*
 * credential.h
 *		Values that are JSON, and access tokens.
 *
 *		json				one object, parsed strictly and kept byte for byte
 *		oauth_token			opaque, a JWT, or the JSON answer of a token endpoint. Its expiry is
 *							that of the answer, or else exp. Its signature is not verified, because
 *							the token is for others
 *		oauth_credentials	client_id and client_secret; token_url, scopes, refresh_token
 *
 * Plain C without server headers.
 */
#ifndef VAULT_TYPE_CREDENTIAL_H
#define VAULT_TYPE_CREDENTIAL_H

#include "type/json_text.h"
#include "type/type.h"

extern const char *
json_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts);
extern const char *
oauth_token_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts);
extern const char *oauth_credentials_check(const void *value, size_t size,
										   const TypeContext *context, TypeFacts *facts);

extern TypeField
json_field(const void *value, size_t size, const char *name, char **out, size_t *out_size);
extern TypeField
oauth_token_field(const void *value, size_t size, const char *name, char **out, size_t *out_size);
extern TypeField oauth_credentials_field(const void *value, size_t size, const char *name,
										 char **out, size_t *out_size);

#endif
