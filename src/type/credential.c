/*
 * credential.c
 *		Values that are JSON, and access tokens.
 */
#include "type/credential.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/primitives.h"
#include "type/text.h"

#define MAX_MEMBER 1024 /* bytes of a member that becomes metadata */
#define MAX_SCOPES 100
#define MAX_JWT    16384
#define MAX_TIME   INT64_C(253402300799) /* the last second of the year 9999 */
#define YEAR_ONE   INT64_C(-62135596800) /* the first second of the year 1 */

const char *
json_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	JsonPart object;

	return json_text_fault(value, size, &object);
}

/* Return a member as text: a string as it is, anything else as it was written. */
static TypeField
member_text(JsonPart object, const char *name, char **out, size_t *out_size)
{
	JsonPart member;

	if (!part_member(object, name, &member) || part_kind(member) == PART_NULL)
		return FIELD_ABSENT;
	if (part_kind(member) == PART_STRING)
		*out = part_string(member, out_size);
	else
	{
		*out = value_copy(member.at, member.size);
		*out_size = member.size;
	}
	return *out ? FIELD_FOUND : FIELD_UNREADABLE;
}

/* Get a member. FIELD_ABSENT if the value does not have it. */
static TypeField
object_field(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	JsonPart object;

	if (json_text_fault(value, size, &object) != NULL)
		return FIELD_UNREADABLE;
	return member_text(object, name, out, out_size);
}

static bool
credential_is_among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

TypeField
json_field(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	return object_field(value, size, name, out, out_size);
}

/* Return true if the object has the member and it is not null. */
static bool
has_member(JsonPart object, const char *name, JsonPart *member)
{
	return part_member(object, name, member) && part_kind(*member) != PART_NULL;
}

static bool
has_string(JsonPart object, const char *name)
{
	JsonPart member;

	return part_member(object, name, &member) && part_kind(member) == PART_STRING;
}

/* Return a copy for value_free(); NULL if the member is not a string, or has a zero byte. */
static char *
string_member(JsonPart object, const char *name)
{
	JsonPart member;
	size_t size;
	char *string;

	if (!part_member(object, name, &member) || part_kind(member) != PART_STRING)
		return NULL;
	string = part_string(member, &size);
	if (string && strlen(string) != size)
	{
		value_free(string);
		return NULL;
	}
	return string;
}

static bool
is_short_string(JsonPart part)
{
	return part_kind(part) == PART_STRING && part.size > 2 &&
		part_string_size(part) <= MAX_MEMBER && !part_has_controls(part);
}

/*
 * Return the rule that a member breaks, which must be a string of moderate length without control
 * characters.
 */
static const char *
string_fault(JsonPart object, const char *name, bool required, const char *missing,
			 const char *fault)
{
	JsonPart member;

	if (!part_member(object, name, &member))
		return required ? missing : NULL;
	return is_short_string(member) ? NULL : fault;
}

static const char *
url_fault(const char *url)
{
	size_t host;

	if (strncmp(url, "https://", 8) != 0)
		return "its token_url does not begin with https://";
	host = strcspn(url + 8, "/?#");
	if (host == 0 || memchr(url + 8, '@', host) || strpbrk(url, " \"<>\\^`{|}#"))
		return "its token_url is not a URL, or has a user or a fragment in it";
	return NULL;
}

/* Check the URL: https, a host, and no user. */
static const char *
token_url_fault(JsonPart object)
{
	const char *fault = string_fault(object, "token_url", false, NULL,
									 "its token_url is not a string of 1 to 1024 characters");
	char *url = fault ? NULL : string_member(object, "token_url");

	if (url)
		fault = url_fault(url);
	value_free(url);
	return fault;
}

/* Check the scopes: an array of strings, or words separated by spaces. They become metadata. */
static const char *
scopes_fault(JsonPart object, const char *name)
{
	static const char *const fault = "its scopes are not a string or an array of strings";
	JsonPart scopes;
	JsonPart scope;
	PartWalk walk;
	size_t total = 0;
	int count = 0;

	if (!has_member(object, name, &scopes))
		return NULL;
	if (part_kind(scopes) == PART_STRING)
		return scopes.size > MAX_MEMBER + 2 || part_has_controls(scopes) ? fault : NULL;
	if (part_kind(scopes) != PART_ARRAY)
		return fault;
	walk = part_walk(scopes);
	while (part_next(&walk, NULL, &scope))
	{
		total += scope.size;
		if (part_kind(scope) != PART_STRING || part_has_controls(scope) || ++count > MAX_SCOPES ||
			total > 4 * MAX_MEMBER)
			return fault;
	}
	return NULL;
}

static const char *
credentials_fault(JsonPart object)
{
	JsonPart token;
	const char *fault = string_fault(object, "client_id", true, "it has no client_id",
									 "its client_id is not a string of 1 to 1024 characters");

	if (fault == NULL)
		fault = string_fault(object, "client_secret", true, "it has no client_secret",
							 "its client_secret is not a string of 1 to 1024 characters");
	if (fault == NULL)
		fault = token_url_fault(object);
	if (fault == NULL)
		fault = scopes_fault(object, "scopes");
	if (fault == NULL && has_member(object, "refresh_token", &token) &&
		(part_kind(token) != PART_STRING || token.size == 2))
		fault = "its refresh_token is not a string, or is empty";
	return fault;
}

static void
finish_metadata(Text *text, TypeFacts *facts)
{
	text_add(text, "}", 1);
	facts->metadata = text_take(text, NULL);
}

/* Add a URL without its query string, which may hold a credential. */
static void
credential_add_url(Text *text, const char *name, const char *url)
{
	size_t public = strcspn(url, "?");
	char *shown = value_copy(url, public);

	if (shown)
		text_add_member(text, name, shown);
	text->failed = text->failed || shown == NULL;
	value_free(shown);
}

/* Add a part as it is written in the value. */
static void
add_part(Text *text, const char *name, JsonPart part)
{
	text_add_name(text, name);
	text_add(text, part.at, part.size);
}

static void
add_refresh_token(Text *text, JsonPart object)
{
	text_add_name(text, "has_refresh_token");
	text_add_string(text, has_string(object, "refresh_token") ? "true" : "false");
}

static const char *
describe_credentials(JsonPart object, TypeFacts *facts)
{
	char *url = string_member(object, "token_url");
	JsonPart member;
	Text text = {0};

	text_add_string(&text, "{");
	if (part_member(object, "client_id", &member))
		add_part(&text, "client_id", member);
	if (url)
		credential_add_url(&text, "token_url", url);
	value_free(url);
	if (has_member(object, "scopes", &member))
		add_part(&text, "scopes", member);
	add_refresh_token(&text, object);
	finish_metadata(&text, facts);
	return facts->metadata ? NULL : TYPE_NO_MEMORY;
}

const char *
oauth_credentials_check(const void *value, size_t size, const TypeContext *context,
						TypeFacts *facts)
{
	JsonPart object;
	const char *rule = json_text_fault(value, size, &object);

	if (rule == NULL)
		rule = credentials_fault(object);
	return rule ? rule : describe_credentials(object, facts);
}

TypeField
oauth_credentials_field(const void *value, size_t size, const char *name, char **out,
						size_t *out_size)
{
	static const char *const known[] = {"client_id", "client_secret", "token_url",
										"scopes",    "refresh_token", NULL};
	TypeField found = object_field(value, size, name, out, out_size);

	return found == FIELD_ABSENT && !credential_is_among(name, known) ? FIELD_UNKNOWN : found;
}

/* Unverified facts of a JWT. */
typedef struct JwtFacts
{
	bool is_jwt;
	int64_t expires_at; /* 0 if the token has no exp */
	char algorithm[32];
	char issuer[256];
} JwtFacts;

/*
 * Decode a segment of base64url that is a JSON object. Returns its text for value_free(), or NULL.
 */
static char *
segment_object(const char *text, size_t size, JsonPart *object)
{
	char *bytes = malloc(size + 1);
	size_t decoded;

	if (bytes &&
		base64_decode(BASE64_URL, text, size, (unsigned char *) bytes, size, &decoded) ==
			CRYPTO_OK &&
		json_text_fault(bytes, decoded, object) == NULL)
		return bytes;
	value_free(bytes);
	return NULL;
}

/* Copy a claim that fits into the room. */
static void
copy_claim(JsonPart object, const char *name, char *to, size_t room)
{
	char *claim = string_member(object, name);

	if (claim && strlen(claim) < room)
		memcpy(to, claim, strlen(claim) + 1);
	value_free(claim);
}

static const char *
read_claims(JsonPart claims, JwtFacts *facts)
{
	JsonPart expiry;

	if (part_member(claims, "exp", &expiry) &&
		(part_kind(expiry) != PART_NUMBER || !part_seconds(expiry, &facts->expires_at) ||
		 facts->expires_at <= 0 || facts->expires_at > MAX_TIME))
		return "it is a JWT whose exp is not a time";
	copy_claim(claims, "iss", facts->issuer, sizeof(facts->issuer));
	return NULL;
}

/* Read a JWT. A text that begins like a JWT must be one as a whole. */
static const char *
read_jwt(const char *token, size_t size, JwtFacts *facts)
{
	const char *first = memchr(token, '.', size);
	const char *second = first ? memchr(first + 1, '.', token + size - first - 1) : NULL;
	JsonPart object;
	char *header;
	char *claims;
	const char *rule = "it is a JWT whose claims are not a JSON object";

	if (second == NULL || size > MAX_JWT || memchr(second + 1, '.', token + size - second - 1))
		return NULL;
	header = segment_object(token, first - token, &object);
	if (header == NULL || !has_string(object, "alg"))
	{
		value_free(header);
		return NULL;
	}
	copy_claim(object, "alg", facts->algorithm, sizeof(facts->algorithm));
	value_free(header);
	facts->is_jwt = true;
	claims = segment_object(first + 1, second - first - 1, &object);
	if (claims)
		rule = read_claims(object, facts);
	value_free(claims);
	return rule;
}

/* Check for printable ASCII characters without spaces. */
static const char *
token_fault(const char *token, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (token[i] <= ' ' || token[i] >= 0x7f)
			return "a token in it has white space or is not ASCII";
	return size < 8 ? "a token in it is shorter than 8 characters" : NULL;
}

static void
describe_token(Text *text, const JwtFacts *jwt)
{
	if (!jwt->is_jwt)
		return;
	text_add_member(text, "algorithm", jwt->algorithm);
	if (jwt->issuer[0])
		text_add_member(text, "issuer", jwt->issuer);
}

static const char *
set_expiry(TypeFacts *facts, int64_t expires_at, int64_t now)
{
	if (expires_at > 0 && expires_at <= now)
		return "it has expired already";
	facts->expires_at = expires_at;
	return facts->metadata ? NULL : TYPE_NO_MEMORY;
}

static const char *
bare_token_check(const char *token, size_t size, int64_t now, TypeFacts *facts)
{
	JwtFacts jwt = {0};
	const char *rule = token_fault(token, size);
	Text text = {0};

	if (rule == NULL)
		rule = read_jwt(token, size, &jwt);
	if (rule)
		return rule;
	text_add_string(&text, "{");
	text_add_member(&text, "form", jwt.is_jwt ? "jwt" : "opaque");
	describe_token(&text, &jwt);
	finish_metadata(&text, facts);
	return set_expiry(facts, jwt.expires_at, now);
}

/*
 * Compute the expiry of a token endpoint's answer that arrived now. A time is a number of seconds,
 * a string of one, or RFC 3339. Its members are those of the client libraries: expires_at (Python,
 * Ruby), expires_on (Azure), expiry (Go) and, in milliseconds, expiry_date (Google). The earliest
 * of them counts; expires_in counts only without them.
 */
static const char *
answer_time(JsonPart object, const char *name, int64_t unit, int64_t *expires_at)
{
	JsonPart member;
	int64_t at;

	if (!has_member(object, name, &member))
		return NULL;
	if (!part_seconds(member, &at) && !(unit == 1 && part_instant(member, &at)))
		return "a time in it is neither a number of seconds nor RFC 3339";
	at /= unit;
	if (at > MAX_TIME)
		return "a time in it is later than the year 9999";
	/* Zero, and Go's zero time, mean that it does not expire. */
	if (at == 0 || at == YEAR_ONE)
		return NULL;
	if (at < 0)
		at = 1;
	if (*expires_at == 0 || at < *expires_at)
		*expires_at = at;
	return NULL;
}

static const char *
answer_expiry(JsonPart object, const JwtFacts *jwt, int64_t now, int64_t *expires_at)
{
	static const char *const names[] = {"expires_at", "expires_on", "expiry"};
	static const char *const no_lifetime = "its expires_in is not a number of seconds";
	const char *rule = NULL;
	JsonPart member;
	int64_t lifetime = 0;

	*expires_at = 0;
	for (int i = 0; i < 3 && rule == NULL; i++)
		rule = answer_time(object, names[i], 1, expires_at);
	if (rule == NULL)
		rule = answer_time(object, "expiry_date", 1000, expires_at);
	if (rule)
		return rule;
	if (has_member(object, "expires_in", &member) &&
		(!part_seconds(member, &lifetime) || lifetime > MAX_TIME - now))
		return no_lifetime;
	if (*expires_at == 0 && lifetime > 0)
		*expires_at = now + lifetime;
	if (*expires_at == 0)
		*expires_at = jwt->expires_at;
	return NULL;
}

static const char *
optional_token_fault(JsonPart object, const char *name)
{
	JsonPart member;
	char *token;
	size_t size;
	const char *fault = TYPE_NO_MEMORY;

	if (!has_member(object, name, &member))
		return NULL;
	if (part_kind(member) != PART_STRING)
		return "a token in it is not a string";
	token = part_string(member, &size);
	if (token)
		fault = token_fault(token, size);
	value_free(token);
	return fault;
}

static const char *
answer_fault(JsonPart object)
{
	const char *rule = !has_string(object, "access_token")
		? "it has no access_token that is a string"
		: optional_token_fault(object, "access_token");

	if (rule == NULL)
		rule = optional_token_fault(object, "refresh_token");
	if (rule == NULL)
		rule = optional_token_fault(object, "id_token");
	if (rule == NULL)
		rule =
			string_fault(object, "token_type", false, NULL, "its token_type is not a short string");
	return rule ? rule : scopes_fault(object, "scope");
}

static void
describe_answer(JsonPart object, const JwtFacts *jwt, TypeFacts *facts)
{
	JsonPart member;
	Text text = {0};

	text_add_string(&text, "{");
	text_add_member(&text, "form", "json");
	describe_token(&text, jwt);
	if (has_string(object, "token_type") && part_member(object, "token_type", &member))
		add_part(&text, "token_type", member);
	if (has_member(object, "scope", &member))
		add_part(&text, "scope", member);
	add_refresh_token(&text, object);
	finish_metadata(&text, facts);
}

static const char *
answer_check(JsonPart object, int64_t now, TypeFacts *facts)
{
	JwtFacts jwt = {0};
	int64_t expires_at = 0;
	const char *rule = answer_fault(object);
	char *token = rule ? NULL : string_member(object, "access_token");

	if (rule == NULL)
		rule = token ? read_jwt(token, strlen(token), &jwt) : TYPE_NO_MEMORY;
	value_free(token);
	if (rule == NULL)
		rule = answer_expiry(object, &jwt, now, &expires_at);
	if (rule)
		return rule;
	describe_answer(object, &jwt, facts);
	return set_expiry(facts, expires_at, now);
}

static bool
is_object(const char *value, size_t size)
{
	size_t at = 0;

	while (at < size && memchr(" \t\r\n", value[at], 4))
		at++;
	return at < size && value[at] == '{';
}

const char *
oauth_token_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	JsonPart object;
	const char *rule;

	if (!is_object(value, size))
		return bare_token_check(value, size, context->now, facts);
	rule = json_text_fault(value, size, &object);
	return rule ? rule : answer_check(object, context->now, facts);
}

TypeField
oauth_token_field(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	static const char *const known[] = {"access_token", "refresh_token", "id_token",   "token_type",
										"scope",        "expires_in",    "expires_at", "expires_on",
										"expiry",       "expiry_date",   NULL};
	TypeField found = FIELD_ABSENT;

	if (is_object(value, size))
		found = object_field(value, size, name, out, out_size);
	else if (strcmp(name, "access_token") == 0)
	{
		*out = value_copy(value, size);
		*out_size = size;
		return *out ? FIELD_FOUND : FIELD_UNREADABLE;
	}
	return found == FIELD_ABSENT && !credential_is_among(name, known) ? FIELD_UNKNOWN : found;
}
