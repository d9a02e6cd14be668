/*
 * builtin.c
 *		The types of this feature, in the order in which they are shown.
 */
#include "type/builtin.h"

static const ValueType types[] = {
	{.name = "generic",.description = "any value",.takes_bytes = true},
	{.name = "api_key",.description = "a key that an API gave"},
	{.name = "password",.description = "a password"},
	{.name = "oauth_token",.description = "an access token, opaque or a JWT"},
	{.name = "oauth_credentials",.description = "what a client of an OAuth server has"},
	{.name = "certificate",.description = "an X.509 certificate",.takes_bytes = true},
	{.name = "ssh_key",.description = "an SSH private key",.takes_bytes = true},
	{.name = "database",.description = "how to connect to a database"},
	{.name = "json",.description = "a JSON object"},
};

void
types_register(void)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		type_register(&types[i]);
}
