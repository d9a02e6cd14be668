/*
 * credential.c
 *		Values that are JSON, and access tokens.
 */
#include "type/credential.h"

#include <string.h>

#include "crypto/primitives.h"
#include "identity/strict_json.h"

#define MAX_MEMBER 1024			/* bytes of what becomes metadata */
#define MAX_SCOPES 100
#define MAX_JWT 16384
#define MAX_TIME INT64_C(253402300799)	/* the last second of the year 9999 */

const char *
credential_parse(const void *value, size_t size, json_t **object)
{
	switch (strict_json_parse(value, size, object))
	{
		case STRICT_JSON_OK:
			return NULL;
		case STRICT_JSON_NESTING:
			return "it is JSON nested deeper than 8";
		case STRICT_JSON_DUPLICATE:
			return "it is JSON with two members of one name";
		case STRICT_JSON_SYNTAX:
			break;
	}
	return "it is not a JSON object";
}

const char *
json_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	json_t	   *object;
	const char *rule = credential_parse(value, size, &object);

	json_decref(object);
	return rule;
}

void
text_add_value(Text *text, const json_t *value)
{
	char	   *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (json == NULL)
		text->failed = true;
	else
		text_add_string(text, json);
	value_free(json);
}

TypeField
member_text(const json_t *object, const char *name, char **out, size_t *out_size)
{
	const json_t *member = json_object_get(object, name);
	Text		text = {0};

	if (member == NULL || json_is_null(member))
		return FIELD_ABSENT;
	if (json_is_string(member))
		text_add(&text, json_string_value(member), json_string_length(member));
	else
		text_add_value(&text, member);
	*out = text_take(&text, out_size);
	return *out ? FIELD_FOUND : FIELD_UNREADABLE;
}

/* The member, or that there is none: what type knows it by this name says the caller. */
static TypeField
object_field(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	json_t	   *object;
	TypeField	found = FIELD_UNREADABLE;

	if (credential_parse(value, size, &object) == NULL)
		found = member_text(object, name, out, out_size);
	json_decref(object);
	return found;
}

static bool
is_among(const char *name, const char *const *names)
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

/* The rule for a member that is a string of moderate length, without control characters. */
static const char *
string_fault(const json_t *object, const char *name, bool required, const char *missing,
			 const char *fault)
{
	const json_t *member = json_object_get(object, name);
	const char *string = json_string_value(member);

	if (member == NULL)
		return required ? missing : NULL;
	if (string == NULL || *string == '\0' || strlen(string) > MAX_MEMBER)
		return fault;
	for (; *string; string++)
		if ((unsigned char) *string < ' ' || *string == 0x7f)
			return fault;
	return NULL;
}

/* https, a host, and nothing that is no URL or names a user. */
static const char *
token_url_fault(const json_t *object)
{
	const char *fault = string_fault(object, "token_url", false, NULL,
									 "its token_url is not a string of 1 to 1024 characters");
	const char *url = strict_json_string(object, "token_url");
	size_t		host;

	if (fault || url == NULL)
		return fault;
	if (strncmp(url, "https://", 8) != 0)
		return "its token_url does not begin with https://";
	host = strcspn(url + 8, "/?#");
	if (host == 0 || memchr(url + 8, '@', host) || strpbrk(url, " \"<>\\^`{|}#"))
		return "its token_url is not a URL, or has a user or a fragment in it";
	return NULL;
}

/* An array of strings, or words with spaces between them. */
static const char *
scopes_fault(const json_t *object, const char *name)
{
	static const char *const fault = "its scopes are not a string or an array of strings";
	const json_t *scopes = json_object_get(object, name);
	size_t		total = 0;

	if (scopes == NULL || json_is_null(scopes))
		return NULL;
	if (json_is_string(scopes))
		return json_string_length(scopes) > MAX_MEMBER ? fault : NULL;
	if (!json_is_array(scopes) || json_array_size(scopes) > MAX_SCOPES)
		return fault;
	for (size_t i = 0; i < json_array_size(scopes); i++)
	{
		const json_t *scope = json_array_get(scopes, i);

		total += json_string_length(scope);
		if (!json_is_string(scope) || total > 4 * MAX_MEMBER)
			return fault;
	}
	return NULL;
}

static const char *
credentials_fault(const json_t *object)
{
	const char *fault = string_fault(object, "client_id", true, "it has no client_id",
									 "its client_id is not a string of 1 to 1024 characters");

	if (fault == NULL)
		fault = string_fault(object, "client_secret", true, "it has no client_secret",
							 "its client_secret is not a string of 1 to 1024 characters");
	if (fault == NULL)
		fault = token_url_fault(object);
	if (fault == NULL)
		fault = scopes_fault(object, "scopes");
	if (fault == NULL && strict_json_has(object, "refresh_token") &&
		!json_is_null(json_object_get(object, "refresh_token")) &&
		json_string_length(json_object_get(object, "refresh_token")) == 0)
		fault = "its refresh_token is not a string, or is empty";
	return fault;
}

static void
finish_metadata(Text *text, TypeFacts *facts)
{
	text_add(text, "}", 1);
	facts->metadata = text_take(text, NULL);
}

/* What a query string holds is nobody's business. */
static void
add_url(Text *text, const char *name, const char *url)
{
	size_t		public = strcspn(url, "?");
	char	   *shown = value_copy(url, public);

	if (shown)
		text_add_member(text, name, shown);
	text->failed = text->failed || shown == NULL;
	value_free(shown);
}

static const char *
describe_credentials(const json_t *object, TypeFacts *facts)
{
	const json_t *scopes = json_object_get(object, "scopes");
	const char *url = strict_json_string(object, "token_url");
	Text		text = {0};

	text_add_string(&text, "{");
	text_add_member(&text, "client_id", strict_json_string(object, "client_id"));
	if (url)
		add_url(&text, "token_url", url);
	if (scopes && !json_is_null(scopes))
	{
		text_add_name(&text, "scopes");
		text_add_value(&text, scopes);
	}
	text_add_name(&text, "has_refresh_token");
	text_add_string(&text, strict_json_string(object, "refresh_token") ? "true" : "false");
	finish_metadata(&text, facts);
	return facts->metadata ? NULL : TYPE_NO_MEMORY;
}

const char *
oauth_credentials_check(const void *value, size_t size, const TypeContext *context,
						TypeFacts *facts)
{
	json_t	   *object;
	const char *rule = credential_parse(value, size, &object);

	if (rule == NULL)
		rule = credentials_fault(object);
	if (rule == NULL)
		rule = describe_credentials(object, facts);
	json_decref(object);
	return rule;
}

TypeField
oauth_credentials_field(const void *value, size_t size, const char *name, char **out,
						size_t *out_size)
{
	static const char *const known[] = {
		"client_id", "client_secret", "token_url", "scopes", "refresh_token", NULL
	};
	TypeField	found = object_field(value, size, name, out, out_size);

	return found == FIELD_ABSENT && !is_among(name, known) ? FIELD_UNKNOWN : found;
}

/* Which JWT says of itself what it is; unverified. */
typedef struct JwtFacts
{
	bool		is_jwt;
	int64_t		expires_at;		/* 0: it does not say */
	char		algorithm[32];
	char		issuer[256];
} JwtFacts;

/* A segment of base64url that is a JSON object, or NULL. */
static json_t *
segment_object(const char *text, size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	size_t		decoded;
	json_t	   *object = NULL;

	if (bytes && base64_decode(BASE64_URL, text, size, bytes, size, &decoded) == CRYPTO_OK)
		(void) strict_json_parse(bytes, decoded, &object);
	value_free((char *) bytes);
	return object;
}

/* Copies what is short, and prints. */
static void
copy_claim(const json_t *object, const char *name, char *to, size_t room)
{
	const char *claim = strict_json_string(object, name);

	if (claim && strlen(claim) < room)
		memcpy(to, claim, strlen(claim) + 1);
}

static const char *
read_claims(const json_t *claims, JwtFacts *facts)
{
	const json_t *expiry = json_object_get(claims, "exp");
	int64_t		seconds = json_integer_value(expiry);

	if (json_is_real(expiry) && json_real_value(expiry) > 0 &&
		json_real_value(expiry) < (double) MAX_TIME)
		seconds = (int64_t) json_real_value(expiry);
	if (expiry && (seconds <= 0 || seconds > MAX_TIME))
		return "it is a JWT whose exp is not a time";
	facts->expires_at = seconds;
	copy_claim(claims, "iss", facts->issuer, sizeof(facts->issuer));
	return NULL;
}

/* What looks like a JWT from the beginning must be one to the end. */
static const char *
read_jwt(const char *token, size_t size, JwtFacts *facts)
{
	const char *first = memchr(token, '.', size);
	const char *second = first ? memchr(first + 1, '.', token + size - first - 1) : NULL;
	json_t	   *header;
	json_t	   *claims;
	const char *rule = NULL;

	if (second == NULL || size > MAX_JWT || memchr(second + 1, '.', token + size - second - 1))
		return NULL;
	header = segment_object(token, first - token);
	if (header == NULL || strict_json_string(header, "alg") == NULL)
	{
		json_decref(header);
		return NULL;
	}
	claims = segment_object(first + 1, second - first - 1);
	if (claims == NULL)
		rule = "it is a JWT whose claims are not a JSON object";
	else
		rule = read_claims(claims, facts);
	facts->is_jwt = true;
	copy_claim(header, "alg", facts->algorithm, sizeof(facts->algorithm));
	json_decref(header);
	json_decref(claims);
	return rule;
}

/* Printable characters without spaces. */
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
	JwtFacts	jwt = {0};
	const char *rule = token_fault(token, size);
	Text		text = {0};

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

/* A number of seconds, given as a number or, as some servers do, as a string of digits. */
static bool
read_seconds(const json_t *object, const char *name, int64_t *seconds)
{
	const json_t *member = json_object_get(object, name);
	const char *digits = json_string_value(member);

	*seconds = json_integer_value(member);
	if (digits && *digits && strspn(digits, "0123456789") == strlen(digits) && strlen(digits) < 13)
		*seconds = strtoll(digits, NULL, 10);
	else if (member && !json_is_null(member) && !json_is_integer(member))
		return false;
	return *seconds >= 0 && *seconds <= MAX_TIME;
}

/* When the answer of a token endpoint expires, that came now. */
static const char *
answer_expiry(const json_t *object, const JwtFacts *jwt, int64_t now, int64_t *expires_at)
{
	int64_t		lifetime;

	if (!read_seconds(object, "expires_at", expires_at))
		return "its expires_at is not a time in seconds";
	if (!read_seconds(object, "expires_in", &lifetime))
		return "its expires_in is not a number of seconds";
	if (*expires_at == 0 && lifetime > 0)
		*expires_at = now + lifetime;
	if (*expires_at == 0)
		*expires_at = jwt->expires_at;
	return *expires_at > MAX_TIME ? "its expires_in is not a number of seconds" : NULL;
}

static const char *
optional_token_fault(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);

	if (member == NULL || json_is_null(member))
		return NULL;
	if (!json_is_string(member))
		return "a token in it is not a string";
	return token_fault(json_string_value(member), json_string_length(member));
}

static const char *
answer_fault(const json_t *object)
{
	const char *rule = strict_json_string(object, "access_token") == NULL ?
		"it has no access_token that is a string" : optional_token_fault(object, "access_token");

	if (rule == NULL)
		rule = optional_token_fault(object, "refresh_token");
	if (rule == NULL)
		rule = optional_token_fault(object, "id_token");
	if (rule == NULL)
		rule = string_fault(object, "token_type", false, NULL, "its token_type is not a short string");
	return rule ? rule : scopes_fault(object, "scope");
}

static void
describe_answer(const json_t *object, const JwtFacts *jwt, TypeFacts *facts)
{
	const json_t *scope = json_object_get(object, "scope");
	const char *token_type = strict_json_string(object, "token_type");
	Text		text = {0};

	text_add_string(&text, "{");
	text_add_member(&text, "form", "json");
	describe_token(&text, jwt);
	if (token_type)
		text_add_member(&text, "token_type", token_type);
	if (scope && !json_is_null(scope))
	{
		text_add_name(&text, "scope");
		text_add_value(&text, scope);
	}
	text_add_name(&text, "has_refresh_token");
	text_add_string(&text, strict_json_string(object, "refresh_token") ? "true" : "false");
	finish_metadata(&text, facts);
}

static const char *
answer_check(const json_t *object, int64_t now, TypeFacts *facts)
{
	const char *token = strict_json_string(object, "access_token");
	JwtFacts	jwt = {0};
	int64_t		expires_at;
	const char *rule = answer_fault(object);

	if (rule == NULL)
		rule = read_jwt(token, strlen(token), &jwt);
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
	size_t		at = 0;

	while (at < size && memchr(" \t\r\n", value[at], 4))
		at++;
	return at < size && value[at] == '{';
}

const char *
oauth_token_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	json_t	   *object;
	const char *rule;

	if (!is_object(value, size))
		return bare_token_check(value, size, context->now, facts);
	rule = credential_parse(value, size, &object);
	if (rule == NULL)
		rule = answer_check(object, context->now, facts);
	json_decref(object);
	return rule;
}

TypeField
oauth_token_field(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	static const char *const known[] = {
		"access_token", "refresh_token", "id_token", "token_type", "scope", "expires_in", NULL
	};
	TypeField	found = FIELD_ABSENT;

	if (is_object(value, size))
		found = object_field(value, size, name, out, out_size);
	else if (strcmp(name, "access_token") == 0)
	{
		*out = value_copy(value, size);
		*out_size = size;
		return *out ? FIELD_FOUND : FIELD_UNREADABLE;
	}
	return found == FIELD_ABSENT && !is_among(name, known) ? FIELD_UNKNOWN : found;
}
