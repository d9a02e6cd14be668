/*
 * issued_token.c
 *		The vault as an issuer of tokens.
 */
#include "token/issued_token.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "crypto/raise.h"
#include "integrity/integrity.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/tables.h"
#include "tenant/instance_key.h"
#include "token/issuer.h"

#define OWN_KID          "vault-1"
#define OWN_KEY_LABEL    "vault token v1"
#define OWN_MAX_LIFETIME (SECS_PER_DAY + TOKEN_SKEW)

/* Columns of vault_data.issued_token. */
enum
{
	COL_PRINCIPAL = 3,
	COL_EXPIRES_AT,
	COL_SINGLE_USE,
	COL_CREATED_AT,
	COL_LIFE
};

static char *
uuid_text(const pg_uuid_t *uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid)));
}

/*
 * Return the rules of this vault's tokens. The vault is the audience too. Its clock is the same, so
 * there is no skew.
 */
static const JwtRules *
own_rules(void)
{
	static char name[sizeof(OWN_ISSUER_PREFIX) + 36];
	static const JwtRules rules = {
		.issuer = name,
		.audience = name,
		.max_lifetime = OWN_MAX_LIFETIME,
		.tenant_claim = "tenant",
		.role_claim = "role",
	};
	pg_uuid_t instance;

	if (!root_record_instance(&instance))
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_NOT_INITIALISED), errmsg("vault is not initialised"),
				 errhint("An operator calls vault.init().")));
	snprintf(name, sizeof(name), OWN_ISSUER_PREFIX "%s", uuid_text(&instance));
	return &rules;
}

bool
issued_token_here(const char *issuer)
{
	return strncmp(issuer, OWN_ISSUER_PREFIX, strlen(OWN_ISSUER_PREFIX)) == 0;
}

/*
 * Return the key set, which is kept until the root key's page changes: a restored vault has another
 * key.
 */
static const JwtKeySet *
own_keys(void)
{
	static JwtKeySet *keys = NULL;
	static uint64 epoch = 0;
	unsigned char public_key[ED25519_PUBLIC_BYTES];
	SecretKey *seed;

	if (keys && epoch == root_epoch())
		return keys;
	seed = instance_derive(OWN_KEY_LABEL);
	crypto_require(ed25519_public_key(seed, public_key));
	secret_free(seed);
	jwks_free(keys);
	keys = NULL;
	crypto_require(jwks_of_ed25519(OWN_KID, public_key, &keys));
	epoch = root_epoch();
	return keys;
}

JwtFault
issued_token_verify(const char *text, size_t size, int64 now, JwtClaims *claims)
{
	return jwt_verify(own_keys(), own_rules(), text, size, now, claims);
}

bool
issued_token_signed_for(const char *text, size_t size, pg_uuid_t *tenant,
						char subject[JWT_MAX_CLAIM + 1])
{
	char claim[JWT_MAX_CLAIM + 1];

	if (!jwt_signed_claim(own_keys(), text, size, "sub", subject) ||
		!jwt_signed_claim(own_keys(), text, size, "tenant", claim))
		return false;
	*tenant = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(claim)));
	return true;
}

bool
issued_token_find(const pg_uuid_t *tenant, const pg_uuid_t *token, IssuedToken *found)
{
	Datum keys[2] = {UUIDPGetDatum(tenant), UUIDPGetDatum(token)};
	TableScan scan;
	bool exists;

	scan_begin(&scan, TABLE_ISSUED_TOKEN, INDEX_ISSUED_TOKEN, NULL, keys, 2);
	exists = scan_next(&scan);
	if (exists)
	{
		row_require_authentic(&scan, TABLE_ISSUED_TOKEN);
		found->principal = *DatumGetUUIDP(scan_get(&scan, COL_PRINCIPAL, NULL));
		found->expires_at = DatumGetTimestampTz(scan_get(&scan, COL_EXPIRES_AT, NULL));
		found->single_use = DatumGetBool(scan_get(&scan, COL_SINGLE_USE, NULL));
		found->created_at = DatumGetTimestampTz(scan_get(&scan, COL_CREATED_AT, NULL));
		found->life = *DatumGetUUIDP(scan_get(&scan, COL_LIFE, NULL));
	}
	scan_end(&scan);
	return exists;
}

char *
issued_token_sign(const pg_uuid_t *tenant, const pg_uuid_t *id, const char *name,
				  TimestampTz expires_at, const char *role)
{
	char *token = secret_alloc(JWT_MAX_BYTES + 1);
	JwtClaims claims = {0};
	SecretKey *seed;
	size_t size;

	strlcpy(claims.subject, name, sizeof(claims.subject));
	strlcpy(claims.principal, name, sizeof(claims.principal));
	strlcpy(claims.tenant, uuid_text(tenant), sizeof(claims.tenant));
	strlcpy(claims.token_id, uuid_text(id), sizeof(claims.token_id));
	if (role)
		strlcpy(claims.role, role, sizeof(claims.role));
	claims.issued_at = unix_seconds(GetCurrentTimestamp());
	claims.expires_at = unix_seconds(expires_at);
	seed = instance_derive(OWN_KEY_LABEL);
	crypto_require(jwt_make(seed, OWN_KID, own_rules(), &claims, token, &size));
	secret_free(seed);
	token[size] = 0;
	return token;
}
