/*
 * token.c
 *		The principal of a caller by the token that it shows.
 *
 * For pooled applications that share a database role.  There are three outcomes:
 *
 *		The role decides.  No token is set; or the call comes from inside a SECURITY DEFINER
 *		function, whose owner did not set it; or the vault is sealed.
 *
 *		The caller is the token's principal.  All of this holds:
 *		- this transaction has set the token;
 *		- an issuer of a tenant that lets this role show tokens has signed it, or the vault itself;
 *		- it fulfils the issuer's rules now;
 *		- its subject stands for one principal of that tenant: by an exact subject of the issuer,
 *		  else by patterns, and by the principal's name where names count;
 *		- it names this role and tenant, if the issuer maps claims for them;
 *		- it was not revoked and, if it is for one use, not used before.
 *		Groups that the issuer maps add roles, and never replace a principal.
 *
 *		The token is refused, in every other case: a token that is set never gives way to the role.
 *		All clients get the same error (VT014); the audit trail has the reason.
 *
 * The issuer is searched by its name among the tenants that the role may show tokens for, and its
 * tokens are verified with the keys of its tenant only: it cannot speak for another tenant.  If
 * several tenants accept the token, vault.tenant selects.  This backend keeps the last verified
 * token until anything that the answer rests on changes.  Expiry and revocation are checked in
 * every call.
 */
#include "token/token.h"

#include <arpa/inet.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "catalog/pg_type.h"
#include "crypto/raise.h"
#include "identity/identity.h"
#include "identity/jwt.h"
#include "integrity/integrity.h"
#include "keyring/root_page.h"
#include "platform/encoding.h"
#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "tenant/tenant.h"
#include "throttle/throttle.h"
#include "token/issued_token.h"
#include "token/issuer.h"
#include "token/single_use.h"
#include "token/token_setting.h"

/* Columns of vault_data.token_role and vault_data.principal. */
enum
{
	ROLE_TENANT = 1,
	ROLE_NAME,
	PRINCIPAL_ID = 2,
	PRINCIPAL_NAME
};

/* The state that the answer rests on, besides the clock. */
typedef struct TokenCacheKey
{
	uint64 serial;
	uint64 identities;
	uint64 issuers;
	uint64 token_roles;
	uint64 epoch;
	uint64 role; /* as wide as the others, because the struct is compared as bytes */
} TokenCacheKey;

static struct
{
	bool known;
	TokenCacheKey basis;
	Caller caller;
	int64 valid_until; /* seconds since 1970 */
	bool is_issued_here;
	pg_uuid_t id; /* of a token that is issued here */
} verified;

static uint64 token_role_generation = 0;
static const char *login_fault = NULL; /* fault in the form of vault.login()'s text; a literal */

/*
 * Copy the subject of a token, which is UTF-8, in the database's encoding.  Bytes of characters
 * that the encoding does not have become "?".
 */
static void
take_subject(Caller *caller, const char *subject)
{
	size_t size = strlen(subject);
	char *converted = palloc(encoding_room(size));

	strlcpy(caller->subject, subject, sizeof(caller->subject));
	if (encoding_is_stored(subject, size))
		return;
	if (encoding_from_stored(subject, size, converted, &size))
		strlcpy(caller->subject, converted,
				pg_mbcliplen(converted, size, sizeof(caller->subject) - 1) + 1);
	else
		for (char *p = caller->subject; *p; p++)
			*p = IS_HIGHBIT_SET(*p) ? '?' : *p;
}

static void
token_roles_changed(Datum arg)
{
	token_role_generation++;
}

/* Raise VT014.  The fault is a literal, because the caller keeps it beyond the error. */
VAULT_NORETURN static void
token_refuse(Caller *caller, const char *fault)
{
	caller->token_fault = fault;
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_TOKEN_REFUSED), errmsg("the token was refused"),
			 errhint("Get a new token and set it in the transaction that uses it; "
					 "the audit trail says what is wrong with this one.")));
}

/* The same for a token with a valid signature: count it for its subject. */
VAULT_NORETURN static void
refuse_signed(Caller *caller, const ShownToken *token, const char *fault)
{
	throttle_count(THROTTLE_SUBJECT, &caller->tenant, caller->subject, token->text, token->size);
	token_refuse(caller, fault);
}

/* True if this peer has shown too many forgeries; a token that was good before is exempt. */
static bool
is_kept_waiting(const ShownToken *token, const pg_uuid_t *tenant, const char *issuer)
{
	return throttle_is_reached(THROTTLE_FORGERY, tenant, issuer) &&
		!throttle_remembers(token->text, token->size);
}

static const char kept_waiting[] = "too many tokens without a right signature came from this peer";

static int64
unix_now(void)
{
	return unix_seconds(GetCurrentTimestamp());
}

static TokenCacheKey
present_cache_key(Oid role, const ShownToken *token)
{
	TokenCacheKey basis;

	memset(&basis, 0, sizeof(basis));
	basis.serial = token->serial;
	basis.identities = identity_generation();
	basis.issuers = issuer_generation();
	basis.token_roles = token_role_generation;
	basis.epoch = root_epoch();
	basis.role = role;
	return basis;
}

/* Get the tenants that this role may show tokens for. */
static int
tenants_of_role(Oid role, pg_uuid_t **tenants)
{
	char *name = GetUserNameFromId(role, true);
	Datum key = ObjectIdGetDatum(role);
	int count = 0;
	int capacity = 8;
	TableScan scan;

	*tenants = palloc(capacity * sizeof(pg_uuid_t));
	scan_begin(&scan, TABLE_TOKEN_ROLE, INDEX_TOKEN_ROLE, NULL, &key, 1);
	while (name && scan_next(&scan))
	{
		if (strcmp(TextDatumGetCString(scan_get(&scan, ROLE_NAME, NULL)), name) != 0)
			continue;
		row_require_authentic(&scan, TABLE_TOKEN_ROLE);
		if (count == capacity)
			*tenants = repalloc(*tenants, (capacity *= 2) * sizeof(pg_uuid_t));
		(*tenants)[count++] = *DatumGetUUIDP(scan_get(&scan, ROLE_TENANT, NULL));
	}
	scan_end(&scan);
	return count;
}

/* Fill the caller's tenant; false if it does not exist, or vault.tenant names another. */
static bool
token_take_tenant(Caller *caller, const pg_uuid_t *tenant)
{
	char name[64];
	TenantState state;
	char *changed_row;

	if (!tenant_describe(tenant, name, &state) || state == TENANT_DESTROYED)
		return false;
	if (setting_tenant && *setting_tenant && strcmp(setting_tenant, name) != 0)
		return false;
	changed_row = tenant_row_fault(tenant);
	if (changed_row)
		row_refuse(changed_row);
	caller->tenant = *tenant;
	strlcpy(caller->tenant_name, name, sizeof(caller->tenant_name));
	caller->is_suspended = state != TENANT_ACTIVE;
	return true;
}

/* Fill the principal by (tenant, name) or (tenant, id), as the index says; false if none. */
static bool
take_principal(Caller *caller, TableId index, Datum key)
{
	Datum keys[2] = {UUIDPGetDatum(&caller->tenant), key};
	TableScan scan;
	bool found;

	scan_begin(&scan, TABLE_PRINCIPAL, index, NULL, keys, 2);
	while ((found = scan_next(&scan)) && !identity_is_caller(&scan))
		;
	if (found)
	{
		row_require_authentic(&scan, TABLE_PRINCIPAL);
		caller->principal = *DatumGetUUIDP(scan_get(&scan, PRINCIPAL_ID, NULL));
		text_to_cstring_buffer(DatumGetTextPP(scan_get(&scan, PRINCIPAL_NAME, NULL)),
							   caller->principal_name, sizeof(caller->principal_name));
	}
	scan_end(&scan);
	return found;
}

static bool
is_address(const char *text)
{
	struct in6_addr address;

	return strlen(text) < sizeof(((Caller *) 0)->claimed_address) &&
		(inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1);
}

/*
 * Fill the principal that the subject of an issuer's token stands for.  An exact subject decides
 * alone; a pattern that matches and a name that counts must mean the same principal.
 */
static void
resolve_subject(Caller *caller, const ShownToken *token, const Issuer *issuer, const char *subject)
{
	pg_uuid_t id;
	bool is_exact;
	SubjectAnswer answer = issuer_find_subject(issuer, subject, &id, &is_exact);
	bool named = !is_exact && issuer->counts_names &&
		take_principal(caller, INDEX_PRINCIPAL_NAME, CStringGetTextDatum(subject));

	if (answer == SUBJECT_AMBIGUOUS ||
		(answer == SUBJECT_FOUND && named && !uuid_equal(&caller->principal, &id)))
		refuse_signed(caller, token, "its subject stands for several principals");
	if (answer == SUBJECT_FOUND)
		named = take_principal(caller, INDEX_PRINCIPAL, UUIDPGetDatum(&id));
	if (!named)
		refuse_signed(caller, token,
					  issuer->counts_names ? "the principal does not exist"
										   : "its subject stands for no principal");
}

typedef struct TokenRole
{
	pg_uuid_t id;
	char name[64];
} TokenRole;

static int
compare_token_roles(const void *a, const void *b)
{
	return strcmp(((const TokenRole *) a)->name, ((const TokenRole *) b)->name);
}

static bool
is_taken(const TokenRole *roles, int count, const pg_uuid_t *id)
{
	for (int i = 0; i < count; i++)
		if (uuid_equal(&roles[i].id, id))
			return true;
	return false;
}

static void
describe_token_role(const Caller *caller, TokenRole *role)
{
	Datum keys[2] = {UUIDPGetDatum(&caller->tenant), UUIDPGetDatum(&role->id)};
	TableScan scan;

	scan_begin(&scan, TABLE_PRINCIPAL, INDEX_PRINCIPAL, NULL, keys, 2);
	if (scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_PRINCIPAL);
		text_to_cstring_buffer(DatumGetTextPP(scan_get(&scan, PRINCIPAL_NAME, NULL)), role->name,
							   sizeof(role->name));
	}
	scan_end(&scan);
}

/* Keep the roles in the order of their names.  The text for the trail may be cut off. */
static void
note_token_roles(Caller *caller, TokenRole *roles, int count)
{
	qsort(roles, count, sizeof(TokenRole), compare_token_roles);
	caller->token_role_count = count;
	for (int i = 0; i < count; i++)
	{
		size_t size = strlen(caller->token_role_names);

		caller->token_roles[i] = roles[i].id;
		snprintf(caller->token_role_names + size, sizeof(caller->token_role_names) - size, "%s%s",
				 size > 0 ? ", " : "", roles[i].name);
	}
}

/* Keep the roles of the token's groups, each once. */
static void
take_groups(Caller *caller, const ShownToken *token, const Issuer *issuer, const JwtClaims *claims)
{
	TokenRole roles[CALLER_TOKEN_ROLES] = {0};
	int count = 0;

	for (int i = 0; i < issuer->group_role_count; i++)
	{
		const GroupRole *g = &issuer->group_roles[i];

		if (!claims->has_group[g->group] || is_taken(roles, count, &g->role))
			continue;
		if (count == CALLER_TOKEN_ROLES)
			refuse_signed(caller, token, "its groups give more than 32 roles");
		roles[count].id = g->role;
		describe_token_role(caller, &roles[count++]);
	}
	note_token_roles(caller, roles, count);
}

/* Check the claims about role, tenant and address, and keep the address. */
static void
take_claims(Caller *caller, const ShownToken *token, const JwtRules *rules, const JwtClaims *claims)
{
	char *role = GetUserNameFromId(caller->role, false);

	if (rules && rules->tenant_claim && strcmp(claims->tenant, caller->tenant_name) != 0)
		refuse_signed(caller, token, "it is for another tenant, or does not say for which");
	if (rules && rules->role_claim && strcmp(claims->role, role) != 0)
		refuse_signed(caller, token, "it is for another role, or does not say for which");
	if (claims->role[0] && strcmp(claims->role, role) != 0)
		refuse_signed(caller, token, "it is for another role");
	if (claims->address[0] && !is_address(claims->address))
		refuse_signed(caller, token, "the claim for the address is no address");
	strlcpy(caller->claimed_address, claims->address, sizeof(caller->claimed_address));
}

static void
require_below_limit(Caller *caller)
{
	if (throttle_is_reached(THROTTLE_SUBJECT, &caller->tenant, caller->subject))
		token_refuse(caller, "too many tokens of this subject from this peer were refused");
}

/* ---- tokens of the vault ---- */

static bool
token_is_among(const pg_uuid_t *tenant, const pg_uuid_t *tenants, int count)
{
	for (int i = 0; i < count; i++)
		if (uuid_equal(tenant, &tenants[i]))
			return true;
	return false;
}

static pg_uuid_t
uuid_of(const char *text)
{
	return *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(text)));
}

/* Refuse a token of the vault.  The key is one for all tenants: a forgery counts for none. */
VAULT_NORETURN static void
refuse_issued(Caller *caller, const ShownToken *token, const pg_uuid_t *tenants, int count,
			  JwtFault fault)
{
	pg_uuid_t tenant;
	char subject[JWT_MAX_CLAIM + 1];

	if (fault < JWT_FAULT_CLAIMS_SYNTAX)
	{
		throttle_count(THROTTLE_FORGERY, &UUID_ZERO, OWN_ISSUER_PREFIX, token->text, token->size);
		token_refuse(caller, jwt_fault_text(fault));
	}
	if (fault == JWT_FAULT_INTERNAL ||
		!issued_token_signed_for(token->text, token->size, &tenant, subject) ||
		!token_is_among(&tenant, tenants, count) || !token_take_tenant(caller, &tenant))
		token_refuse(caller, jwt_fault_text(fault));
	take_subject(caller, subject);
	refuse_signed(caller, token, jwt_fault_text(fault));
}

static void
use_once(Caller *caller, const ShownToken *token, const IssuedToken *issued)
{
	SingleUseToken once = {.tenant = caller->tenant,
						   .principal = issued->principal,
						   .id = verified.id,
						   .life = issued->life,
						   .issued = issued->created_at,
						   .expires = issued->expires_at};
	const char *fault = single_use_take(&once, token->serial);

	if (fault)
		refuse_signed(caller, token, fault);
}

static void
verify_issued(Caller *caller, const ShownToken *token, const pg_uuid_t *tenants, int count)
{
	JwtClaims claims;
	JwtFault fault;
	IssuedToken issued;
	pg_uuid_t tenant;

	if (is_kept_waiting(token, &UUID_ZERO, OWN_ISSUER_PREFIX))
		token_refuse(caller, kept_waiting);
	fault = issued_token_verify(token->text, token->size, unix_now(), &claims);
	if (fault != JWT_OK)
		refuse_issued(caller, token, tenants, count, fault);
	tenant = uuid_of(claims.tenant);
	verified.id = uuid_of(claims.token_id);
	verified.is_issued_here = true;
	verified.valid_until = claims.valid_until;
	take_subject(caller, claims.subject);
	if (!token_is_among(&tenant, tenants, count) || !token_take_tenant(caller, &tenant))
		token_refuse(caller, "the role does not show tokens of this tenant");
	require_below_limit(caller);
	take_claims(caller, token, NULL, &claims);
	if (!issued_token_find(&tenant, &verified.id, &issued))
		refuse_signed(caller, token, "it was revoked");
	if (!take_principal(caller, INDEX_PRINCIPAL, UUIDPGetDatum(&issued.principal)))
		refuse_signed(caller, token, "the principal does not exist");
	if (issued.single_use)
		use_once(caller, token, &issued);
	if (!issued.single_use)
		throttle_remember(&tenant, token->text, token->size);
}

/* ---- tokens of a tenant's issuers ---- */

typedef struct IssuerMatch
{
	int accepted;         /* number of issuers that accept the token */
	const Issuer *issuer; /* the last of them, with its tenant and claims */
	pg_uuid_t tenant;
	JwtClaims claims;
	bool waits;                      /* an issuer was skipped, for forgeries of this peer */
	JwtFault fault;                  /* the greatest fault: of the issuer that came closest */
	pg_uuid_t refused_by;            /* the tenant of that issuer */
	char subject[JWT_MAX_CLAIM + 1]; /* empty if the signature is invalid */
} IssuerMatch;

static void
note_fault(const Caller *caller, const ShownToken *token, const Issuer *issuer, JwtFault fault,
		   IssuerMatch *finding)
{
	if (fault <= finding->fault)
		return;
	finding->fault = fault;
	finding->refused_by = caller->tenant;
	finding->subject[0] = 0;
	if (fault < JWT_FAULT_CLAIMS_SYNTAX || fault == JWT_FAULT_INTERNAL)
		return;
	/* As in a token that is accepted, the principal's claim replaces a missing "sub". */
	if (!jwt_signed_claim(issuer->keys, token->text, token->size, "sub", finding->subject) &&
		issuer->rules.principal_claim)
		(void) jwt_signed_claim(issuer->keys, token->text, token->size,
								issuer->rules.principal_claim, finding->subject);
}

static void
try_issuers(const Caller *caller, const ShownToken *token, const char *name, IssuerMatch *finding)
{
	for (const Issuer *issuer = issuers_of(&caller->tenant); issuer; issuer = issuer->next)
	{
		JwtClaims claims;
		JwtFault fault;

		if (strcmp(issuer->rules.issuer, name) != 0)
			continue;
		if (is_kept_waiting(token, &caller->tenant, name))
		{
			finding->waits = true;
			continue;
		}
		fault =
			jwt_verify(issuer->keys, &issuer->rules, token->text, token->size, unix_now(), &claims);
		if (fault != JWT_OK)
		{
			note_fault(caller, token, issuer, fault, finding);
			continue;
		}
		finding->accepted++;
		finding->issuer = issuer;
		finding->tenant = caller->tenant;
		finding->claims = claims;
	}
}

/* Refuse in the trail of the tenant whose issuer signed the token, or in that of no tenant. */
VAULT_NORETURN static void
refuse_foreign(Caller *caller, const IssuerMatch *finding, const char *fault)
{
	caller->tenant = UUID_ZERO;
	caller->tenant_name[0] = 0;
	if (finding->subject[0])
		(void) token_take_tenant(caller, &finding->refused_by);
	take_subject(caller, finding->subject);
	token_refuse(caller, fault);
}

/*
 * Refuse a token of no issuer that counts here, or of one that does not accept it.  Failures are
 * counted only here: with keys that tenants share, a token that another one accepts is no failure.
 */
VAULT_NORETURN static void
refuse_unaccepted(Caller *caller, const ShownToken *token, const char *name,
				  const IssuerMatch *finding)
{
	if (finding->fault == JWT_OK)
		refuse_foreign(caller, finding, "it is of no issuer that counts here");
	if (finding->subject[0])
		throttle_count(THROTTLE_SUBJECT, &finding->refused_by, finding->subject, token->text,
					   token->size);
	else if (finding->fault < JWT_FAULT_CLAIMS_SYNTAX)
		throttle_count(THROTTLE_FORGERY, &finding->refused_by, name, token->text, token->size);
	refuse_foreign(caller, finding, jwt_fault_text(finding->fault));
}

static void
verify_foreign(Caller *caller, const ShownToken *token, const char *name, const pg_uuid_t *tenants,
			   int count)
{
	IssuerMatch finding = {0};

	for (int i = 0; i < count; i++)
		if (token_take_tenant(caller, &tenants[i]))
			try_issuers(caller, token, name, &finding);
	/* The tenant of a token must not depend on the issuers that were skipped. */
	if (finding.waits)
		refuse_foreign(caller, &(IssuerMatch){0}, kept_waiting);
	if (finding.accepted == 0)
		refuse_unaccepted(caller, token, name, &finding);
	if (finding.accepted > 1)
		refuse_foreign(caller, &(IssuerMatch){0},
					   "several issuers accept it, and vault.tenant does not select one");
	(void) token_take_tenant(caller, &finding.tenant);
	take_subject(caller, finding.claims.subject);
	require_below_limit(caller);
	take_claims(caller, token, &finding.issuer->rules, &finding.claims);
	resolve_subject(caller, token, finding.issuer, finding.claims.principal);
	take_groups(caller, token, finding.issuer, &finding.claims);
	strlcpy(caller->issuer, finding.issuer->name, sizeof(caller->issuer));
	verified.is_issued_here = false;
	verified.valid_until = finding.claims.valid_until;
	throttle_remember(&finding.tenant, token->text, token->size);
}

/* ---- tokens of both kinds ---- */

static void
token_verify(Caller *caller, const ShownToken *token)
{
	TokenCacheKey basis = present_cache_key(caller->role, token);
	char issuer[JWT_MAX_CLAIM + 1];
	pg_uuid_t *tenants;
	int count = tenants_of_role(caller->role, &tenants);
	JwtFault fault = jwt_peek_issuer(token->text, token->size, issuer);

	verified.known = false;
	if (count == 0)
		token_refuse(caller, "the role does not show tokens");
	if (fault != JWT_OK)
		token_refuse(caller, jwt_fault_text(fault));
	if (issued_token_here(issuer))
		verify_issued(caller, token, tenants, count);
	else
		verify_foreign(caller, token, issuer, tenants, count);
	caller->is_identified = true;
	caller->candidates = 1;
	verified.caller = *caller;
	verified.basis = basis;
	verified.known = true;
}

/* Check the expiry and the revocation, which can change while the cache key does not. */
static void
require_still_valid(Caller *caller)
{
	IssuedToken issued;

	if (unix_now() >= verified.valid_until)
		token_refuse(caller, jwt_fault_text(JWT_FAULT_EXPIRED));
	if (verified.is_issued_here && !issued_token_find(&caller->tenant, &verified.id, &issued))
		token_refuse(caller, "it was revoked");
	if (setting_tenant && *setting_tenant && strcmp(setting_tenant, caller->tenant_name) != 0)
		token_refuse(caller, "vault.tenant names another tenant");
}

static void
take_verified(Caller *caller)
{
	bool is_operator = caller->is_operator;

	*caller = verified.caller;
	caller->is_operator = is_operator;
}

bool
token_identify(Caller *caller)
{
	ShownToken token;
	TokenCacheKey basis;

	if (login_fault)
		token_refuse(caller, login_fault);
	if (!setting_shown_token(&token) || InLocalUserIdChange() || !root_is_open())
		return false;
	if (!token.is_current)
		token_refuse(caller, "it was set in another transaction");
	basis = present_cache_key(caller->role, &token);
	if (verified.known && memcmp(&verified.basis, &basis, sizeof(basis)) == 0)
		take_verified(caller);
	else
		token_verify(caller, &token);
	require_still_valid(caller);
	return true;
}

void
token_describe_login(VaultCall *call)
{
	if (call->caller.subject[0] == 0)
		token_refuse(&call->caller, "the call comes from a SECURITY DEFINER function");
	if (verified.is_issued_here)
	{
		Datum id = DirectFunctionCall1(uuid_out, UUIDPGetDatum(&verified.id));

		snprintf(call->reason, sizeof(call->reason), "token %s", DatumGetCString(id));
	}
	else
		snprintf(call->reason, sizeof(call->reason), "issuer %s%s%s", call->caller.issuer,
				 call->caller.token_role_count > 0 ? ", roles of its groups: " : "",
				 call->caller.token_role_names);
}

void
token_login_begin(const char *token)
{
	login_fault = token == NULL ? "it is null" : jwt_form_fault(token, strlen(token));
	if (login_fault == NULL)
		setting_show_token(token);
}

void
token_login_end(void)
{
	login_fault = NULL;
}

void
token_bind_role(const VaultCall *call, const char *name)
{
	static Sql forget = {"DELETE FROM vault_data.token_role WHERE tenant_id = $1"
						 " AND (db_role = $2) <> (role_name = $3)",
						 3,
						 {UUIDOID, REGROLEOID, TEXTOID}};
	static Sql insert = {"INSERT INTO vault_data.token_role (tenant_id, db_role, role_name)"
						 " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
						 3,
						 {UUIDOID, REGROLEOID, TEXTOID}};
	Datum values[3];

	sql_begin();
	values[0] = UUIDPGetDatum(&call->tenant);
	values[1] = ObjectIdGetDatum(identity_enrol_for_tokens(call, name));
	values[2] = CStringGetTextDatum(name);
	sql_run(&forget, values, NULL);
	sql_run(&insert, values, NULL);
	sql_end();
}

void
token_init(void)
{
	token_setting_init();
	single_use_init();
	issuer_init();
	tables_on_change(TABLE_TOKEN_ROLE, token_roles_changed, (Datum) 0);
}
