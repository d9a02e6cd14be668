/*
 * builtin.c
 *		The built-in types of this feature, in the order in which they are shown.
 */
#include "type/builtin.h"

#include <jansson.h>
#include <stdlib.h>

#include "type/credential.h"
#include "type/database.h"
#include "type/password.h"

static const ValueType types[] = {
	{.name = "generic",
	 .description = "any value, up to 1 MiB",
	 .takes_bytes = true,
	 .generate = password_generate,
	 .policy = {.generated_length = 43}},
	{.name = "api_key",
	 .description = "a key that an API gave: length, strength and prefix by policy",
	 .hint = "Give the key as it is, without white space around it; "
			 "vault.types shows the requirements.",
	 .check = password_check,
	 .generate = password_generate,
	 .policy = {.min_length = 16, .max_length = 4096, .min_entropy = 40, .generated_length = 40},
	 .lifecycle = {.rotation = 90}},
	{.name = "password",
	 .description = "a password: length, classes, strength and history by policy",
	 .hint =
		 "Give a password that fulfils the policy, "
		 "or let vault.rotate() or vault.generate() make one; vault.types shows the requirements.",
	 .check = password_check,
	 .generate = password_generate,
	 .policy = {.min_length = 8,
				.max_length = 1024,
				.min_entropy = 40,
				.generated_length = 32,
				.history = 5},
	 .lifecycle = {.rotation = 90}},
	{.name = "oauth_token",
	 .description = "an access token: opaque, a JWT, or the JSON answer of a token endpoint",
	 .hint = "Give the token, or a JSON object with access_token, expires_in and refresh_token.",
	 .fields = "access_token, refresh_token, id_token, token_type, scope, expires_in",
	 .check = oauth_token_check,
	 .field = oauth_token_field,
	 .has_no_password = true,
	 .lifecycle = {.warnings = {1}}},
	{.name = "oauth_credentials",
	 .description =
		 "what an OAuth client has: client_id, client_secret, token_url, scopes, refresh_token",
	 .hint =
		 "Give a JSON object with client_id and client_secret, and if need be token_url (https), "
		 "scopes and refresh_token.",
	 .fields = "client_id, client_secret, token_url, scopes, refresh_token",
	 .check = oauth_credentials_check,
	 .field = oauth_credentials_field,
	 .has_no_password = true,
	 .lifecycle = {.rotation = 180}},
	{.name = "database",
	 .description = "how to connect to a database: engine, host, port, user, password, dbname",
	 .hint = "Give a JSON object with host, user, password and dbname, or a URL, or a conninfo.",
	 .fields = "engine, host, port, user, password, dbname, url, conninfo, "
			   "and parameters such as sslmode",
	 .check = database_check,
	 .field = database_field,
	 .is_login = true,
	 .with_login = database_with_login,
	 .url_field = "url",
	 .lifecycle = {.rotation = 90}},
	{.name = "json",
	 .description = "a JSON object",
	 .hint = "Give one JSON object, nested at most 8 deep, "
			 "in which no object has two members of one name.",
	 .fields = "the members of the object",
	 .check = json_check,
	 .field = json_field,
	 .is_login = true},
};

static void
wiping_free(void *memory)
{
	value_free(memory);
}

void
types_register(void)
{
	/* Parsed values are on the heap of libjansson. */
	json_set_alloc_funcs(malloc, wiping_free);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		type_register(&types[i]);
}
