/*
 * test_types.c
 *		Rules, facts and fields of values by type; and generated values are as
 *		random as they should be.
 */
#include "type/credential.h"
#include "type/database.h"
#include "type/known_format.h"
#include "type/password.h"

#include "harness.h"

#define NOW INT64_C(1800000000)

static TypePolicy policy;
static const TypeContext context = {.policy = &policy, .now = NOW};

typedef const char *(*Check)(const void *, size_t, const TypeContext *, TypeFacts *);
typedef TypeField (*Field)(const void *, size_t, const char *, char **, size_t *);

static bool
takes(Check check, const char *value, TypeFacts *facts)
{
	memset(facts, 0, sizeof(*facts));
	return check(value, strlen(value), &context, facts) == NULL;
}

static void
good(Check check, const char *value)
{
	TypeFacts facts;

	CHECK(takes(check, value, &facts), "refused: %s", value);
	type_facts_free(&facts);
}

static void
bad(Check check, const char *value, const char *rule)
{
	TypeFacts facts = {0};
	const char *found = check(value, strlen(value), &context, &facts);

	CHECK(found != NULL && strstr(found, rule) != NULL, "%s: %s", value, found ? found : "taken");
	type_facts_free(&facts);
}

static void
part(Field field, const char *value, const char *name, const char *expected)
{
	char *out = NULL;
	size_t size = 0;
	TypeField found = field(value, strlen(value), name, &out, &size);

	if (expected == NULL)
		CHECK(found != FIELD_FOUND && out == NULL, "%s has %s", value, name);
	else
		CHECK(found == FIELD_FOUND && size == strlen(expected) && memcmp(out, expected, size) == 0,
			  "%s of %s: %.*s", name, value, (int) size, out ? out : "");
	value_free(out);
}

/* A stored value reads as it was given. */
static void
normal(const char *value, const char *expected)
{
	TypeFacts facts;

	CHECK(takes(database_check, value, &facts) && strcmp(facts.normal, expected) == 0, "%s: %s",
		  value, facts.normal ? facts.normal : "refused");
	CHECK(facts.metadata == NULL || strstr(facts.metadata, "hidden") == NULL, "metadata of %s",
		  value);
	type_facts_free(&facts);
}

static void
test_policies(void)
{
	memset(&policy, 0, sizeof(policy));
	good(password_check, "x");
	policy.min_length = 8;
	policy.max_length = 12;
	bad(password_check, "1234567", "shorter");
	good(password_check, "12345678");
	good(password_check, "123456789012");
	bad(password_check, "1234567890123", "longer");
	policy.classes = CLASS_LOWER | CLASS_UPPER | CLASS_DIGIT | CLASS_SYMBOL;
	bad(password_check, "ABCDEF1!", "lower");
	bad(password_check, "abcdef1!", "upper");
	bad(password_check, "abcdefG!", "digit");
	bad(password_check, "abcdefG1", "symbol");
	good(password_check, "abcdeG1!");
	strcpy(policy.excluded, "0Ol");
	bad(password_check, "abcdOG1!", "excludes");
	strcpy(policy.prefix, "O-");
	good(password_check, "O-abG1!x");
	bad(password_check, "abG1!xO-", "prefix");
	bad(password_check, "O-ABG1!X", "lower");
	policy.min_entropy = 200;
	bad(password_check, "O-abG1!x", "guess");
	memset(&policy, 0, sizeof(policy));
	bad(password_check, " x", "white space");
	bad(password_check, "x\n", "white space");
	bad(password_check, "a\tb", "control");
}

static void
test_strength(void)
{
	static const char *const weak[] = {"password",
									   "Password1!",
									   "P4$$w0rd",
									   "aaaaaaaaaaaaaaaa",
									   "1234567890",
									   "qwertyuiop",
									   "abcabcabcabcabc",
									   "letmeinletmein",
									   "zyxwvutsrqponm",
									   "secret-secret",
									   ""};
	static const char *const strong[] = {"correct horse battery staple", "g7#Kq2!xWz",
										 "9f86d081884c7d65", "kx7-Qv2m-Rt9p"};

	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		CHECK(password_entropy(weak[i], strlen(weak[i])) < 40, "%s: %u", weak[i],
			  password_entropy(weak[i], strlen(weak[i])));
	for (size_t i = 0; i < sizeof(strong) / sizeof(strong[0]); i++)
		CHECK(password_entropy(strong[i], strlen(strong[i])) >= 40, "%s: %u", strong[i],
			  password_entropy(strong[i], strlen(strong[i])));
	/* More of the same kind never makes it easier by much, and never counts more than it can. */
	for (int i = 0; i < 2000; i++)
	{
		char value[64];
		size_t size = 1 + pick(60);

		for (size_t j = 0; j < size; j++)
			value[j] = (char) (33 + pick(94));
		CHECK(password_entropy(value, size) <= size * 7, "%.*s", (int) size, value);
	}
}

/*
 * Each character of the alphabet as often: chi-square over 62 characters, which is above 170 in
 * fewer than one of 10^11 runs of an honest generator; a plain modulo of bytes gives thousands.
 */
static void
test_uniform(void)
{
	unsigned long seen[256] = {0};
	unsigned long total = 0;
	double chi = 0;

	memset(&policy, 0, sizeof(policy));
	policy.generated_length = 1000;
	for (int i = 0; i < 400; i++)
	{
		char *value = NULL;
		size_t size = 0;

		CHECK(password_generate(&context, &value, &size) == NULL && size == 1000, "generated");
		for (size_t j = 0; value && j < size; j++)
			seen[(unsigned char) value[j]]++;
		total += size;
		value_free(value);
	}
	for (int c = 0; c < 256; c++)
	{
		bool expected = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		double mean = (double) total / 62;

		CHECK(expected || seen[c] == 0, "character %d", c);
		if (expected)
			chi += ((double) seen[c] - mean) * ((double) seen[c] - mean) / mean;
	}
	CHECK(chi < 170, "chi-square %f", chi);
}

static void
has_bits(unsigned expected, const char *what)
{
	CHECK(password_random_bits(&policy) == expected, "%s: %u", what, password_random_bits(&policy));
	CHECK((password_policy_fault(&policy) == NULL) ==
			  (expected >= PASSWORD_MIN_BITS && expected >= policy.min_entropy),
		  "%s", what);
}

/* Characters drawn after the prefix, and the places drawn from one class only. */
static void
test_random_bits(void)
{
	memset(&policy, 0, sizeof(policy));
	has_bits(142, "24 letters and digits");
	policy.generated_length = 11;
	has_bits(65, "11");
	policy.classes = CLASS_DIGIT;
	has_bits(62, "one a digit");
	policy.classes = 0;
	policy.generated_length = 10;
	has_bits(59, "10");
	policy.classes = CLASS_LOWER | CLASS_UPPER | CLASS_DIGIT | CLASS_SYMBOL;
	has_bits(57, "10 with symbols");
	policy.generated_length = 32;
	policy.min_entropy = 202;
	has_bits(201, "less than is asked");
	policy.min_entropy = 201;
	has_bits(201, "as much as is asked");
	memset(&policy, 0, sizeof(policy));
	strcpy(policy.prefix, "abcdefgha");
	strcpy(policy.excluded, "012345678");
	policy.classes = CLASS_DIGIT;
	policy.generated_length = 10;
	has_bits(0, "a constant");
	strcpy(policy.prefix, "longer than what is made");
	has_bits(0, "only the prefix");
	memset(&policy, 0, sizeof(policy));
}

/* Generated values fulfil every policy. */
static void
test_generated(void)
{
	for (int i = 0; i < 500; i++)
	{
		char *value = NULL;
		size_t size = 0;
		TypeFacts facts = {0};

		memset(&policy, 0, sizeof(policy));
		policy.min_length = pick(40);
		policy.max_length = pick(2) ? policy.min_length + pick(20) + 8 : 0;
		policy.classes = pick(16);
		policy.generated_length = 12 + pick(40);
		policy.min_entropy = pick(20);
		if (pick(2))
			strcpy(policy.prefix, "ab_");
		if (pick(2))
			strcpy(policy.excluded, "aA0!");
		if (password_generate(&context, &value, &size) == NULL)
			CHECK(password_check(value, size, &context, &facts) == NULL, "policy %d", i);
		else
			CHECK(value == NULL, "policy %d gives nothing", i);
		value_free(value);
	}
	memset(&policy, 0, sizeof(policy));
	strcpy(policy.prefix, "a-prefix-of-24-characters");
	policy.max_length = 20;
	CHECK(password_generate(&context, &(char *){NULL}, &(size_t){0}) != NULL, "only a prefix");
	memset(&policy, 0, sizeof(policy));
}

static void
test_json(void)
{
	good(json_check, "{}");
	good(json_check, " {\"a\": [1, {\"b\": null}]} ");
	bad(json_check, "[]", "not a JSON object");
	bad(json_check, "{\"a\": 1} x", "not a JSON object");
	bad(json_check, "{\"a\": \"\xff\"}", "not UTF-8");
	bad(json_check, "{\"a\": 1, \"a\": 2}", "two members");
	part(json_field, "{\"a\": \"x\", \"b\": 1}", "a", "x");
	part(json_field, "{\"a\": \"x\", \"b\": 1}", "b", "1");
	part(json_field, "{\"a\": null}", "a", NULL);
	part(json_field, "not json", "a", NULL);
}

static void
test_oauth(void)
{
	/* {"alg":"none"} . {"exp":4102444800} . and {"exp":1} */
	static const char *const later = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln";
	static const char *const past = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2ln";
	TypeFacts facts;

	CHECK(takes(oauth_token_check, later, &facts) && facts.expires_at == INT64_C(4102444800),
		  "exp");
	type_facts_free(&facts);
	bad(oauth_token_check, past, "expired");
	CHECK(takes(oauth_token_check, "{\"access_token\": \"abcdefgh\", \"expires_in\": 60}",
				&facts) &&
			  facts.expires_at == NOW + 60,
		  "expires_in");
	CHECK(facts.metadata && strstr(facts.metadata, "abcdefgh") == NULL, "metadata");
	type_facts_free(&facts);
	good(oauth_token_check, "abcdefgh");
	good(oauth_token_check, "not.a.jwt");
	bad(oauth_token_check, "eyJhbGciOiJub25lIn0.bm90IGpzb24.c2ln", "claims");
	bad(oauth_token_check, "abcdefg", "8 characters");
	bad(oauth_token_check, "{\"access_token\": \"abcdefgh\", \"expires_in\": 1e99}", "expires_in");
	bad(oauth_token_check, "{\"access_token\": \"abcdefgh\", \"expires_in\": 253402300799}",
		"expires_in");
	bad(oauth_token_check, "{\"access_token\": 1}", "access_token");
	part(oauth_token_field, "abcdefgh", "access_token", "abcdefgh");
	part(oauth_token_field, "abcdefgh", "refresh_token", NULL);
	good(oauth_credentials_check, "{\"client_id\": \"a\", \"client_secret\": \"b\"}");
	bad(oauth_credentials_check, "{\"client_id\": \"a\"}", "client_secret");
	bad(oauth_credentials_check,
		"{\"client_id\": \"a\", \"client_secret\": \"b\", \"token_url\": \"ftp://x\"}", "https");
	CHECK(takes(oauth_credentials_check,
				"{\"client_id\": \"a\\\"\\u0041\", \"client_secret\": \"hidden\", "
				"\"refresh_token\": \"hidden\", \"token_url\": \"https://x/?k=hidden\"}",
				&facts) &&
			  strstr(facts.metadata, "hidden") == NULL &&
			  strstr(facts.metadata, "a\\\"\\u0041") != NULL,
		  "masked");
	type_facts_free(&facts);
}

static void
test_databases(void)
{
	static const char *const stored =
		"{\"engine\": \"postgresql\", \"host\": \"h\", \"port\": 5432, "
		"\"user\": \"u\", \"password\": \"hidden's \\\\\", \"dbname\": \"d\"}";

	normal("{\"host\": \"h\", \"user\": \"u\", \"password\": \"hidden's \\\\\", \"dbname\": \"d\"}",
		   stored);
	normal("postgresql://u:hidden%27s%20%5C@h:5432/d", stored);
	normal("postgresql://u:hidden%27s%20%5C@h:05432/d",
		   "{\"engine\": \"postgresql\", \"host\": \"h\", \"port\": 5432, "
		   "\"user\": \"u\", \"password\": \"hidden's \\\\\", \"dbname\": \"d\", "
		   "\"url\": \"postgresql://u:hidden%27s%20%5C@h:05432/d\"}");
	normal("postgres://u:hidden%27s%20%5c@h/d",
		   "{\"engine\": \"postgresql\", \"host\": \"h\", \"port\": 5432, "
		   "\"user\": \"u\", \"password\": \"hidden's \\\\\", \"dbname\": \"d\", "
		   "\"url\": \"postgres://u:hidden%27s%20%5c@h/d\"}");
	normal("host=h user=u password='hidden\\'s \\\\' dbname=d", stored);
	normal(" host = h\tuser=u password=hidden\\'s\\ \\\\ dbname = 'd' ", stored);
	part(database_field, stored, "conninfo",
		 "host='h' port='5432' user='u' password='hidden\\'s \\\\' dbname='d'");
	part(database_field, stored, "url", "postgresql://u:hidden%27s%20%5C@h:5432/d");
	part(database_field, stored, "username", "u");
	part(database_field, stored, "sslmode", NULL);
	part(database_field, "mysql://u:p@h/d", "conninfo", NULL);
	part(database_field, "mysql://u:p@h/d?charset=utf8", "url", "mysql://u:p@h/d?charset=utf8");
	part(database_field, "postgres://u:p@[::1]:7/d", "url", "postgres://u:p@[::1]:7/d");
	bad(database_check, "postgres://u:p@h/d%", "percent");
	bad(database_check, "postgres://u:p@h/d%00", "percent");
	bad(database_check, "postgres://u:p@h/d?x", "parameter");
	bad(database_check, "postgres://u:p@[::1/d", "brackets");
	bad(database_check, "postgres://", "host");
	bad(database_check, "://", "conninfo");
	bad(database_check, "host='h", "open quote");
	bad(database_check, "host=h\\", "no user");
	bad(database_check, "", "host");
	bad(database_check, "host=h user=u password=p dbname=d note=1 note=2", "twice");
	bad(database_check, "postgres://u:\xfd@h/d", "UTF-8");
}

/* A URL comes back as it was given, from what is stored too, and gives this conninfo. */
static void
same_url(const char *url, const char *conninfo)
{
	TypeFacts facts;

	CHECK(takes(database_check, url, &facts), "refused: %s", url);
	if (facts.normal == NULL)
		return;
	part(database_field, facts.normal, "url", url);
	part(database_field, facts.normal, "conninfo", conninfo);
	normal(facts.normal, facts.normal);
	type_facts_free(&facts);
}

static void
other_login(const char *given, const char *url)
{
	size_t size;
	char *changed = database_with_login(given, strlen(given), "a:b", "n/w", &size);

	CHECK(changed != NULL, "%s", given);
	if (changed == NULL)
		return;
	part(database_field, changed, "url", url);
	part(database_field, changed, "user", "a:b");
	part(database_field, changed, "password", "n/w");
	value_free(changed);
}

static void
test_connections_as_given(void)
{
	same_url("postgresql://u:p@h/d?pgbouncer=true&connection_limit=1&schema=public",
			 "host='h' port='5432' user='u' password='p' dbname='d'");
	same_url("postgres://u:p@h/d?sslmode=require&conn_max_age=60&conn_max_age=61",
			 "host='h' port='5432' user='u' password='p' dbname='d' sslmode='require'");
	same_url("postgresql+psycopg2://u:p@h/d",
			 "host='h' port='5432' user='u' password='p' dbname='d'");
	same_url("jdbc:postgresql://h:5433/d?user=u&password=p%26&ssl=true",
			 "host='h' port='5433' user='u' password='p&' dbname='d'");
	same_url("postgresql://u:p@a:1,b:2,[::1]:3/d?target_session_attrs=read-write",
			 "host='a,b,::1' port='1,2,3' user='u' "
			 "password='p' dbname='d' target_session_attrs='read-write'");
	same_url("postgresql://u:p@a,b/d", "host='a,b' port='5432' user='u' password='p' dbname='d'");
	same_url("postgresql://u:p@a:1,b/d", "host='a,b' port='1,' user='u' password='p' dbname='d'");
	same_url("postgresql://u:p@h", "host='h' port='5432' user='u' password='p'");
	same_url("postgresql://u:p@/d?host=%2Fvar%2Frun",
			 "host='/var/run' port='5432' user='u' password='p' dbname='d'");
	same_url("postgresql://u%2B:p+%2b%25@h/d%2fe",
			 "host='h' port='5432' user='u+' password='p++%' dbname='d/e'");
	same_url("redis://:p@h/0", NULL);
	same_url("mysql+pymysql://u:p@h/d?charset=utf8mb4", NULL);
	bad(database_check, "postgresql://u:p@a:1,b:2,c/d?port=5", "twice");
	bad(database_check,
		"{\"host\": \"a,b\", \"port\": \"1,2,3\", \"user\": \"u\", \"password\": \"p\"}",
		"one port for each");
	bad(database_check, "postgresql://:p@h/d", "no user");
	bad(database_check, "{\"url\": \"postgres://u:p@h/d\", \"password\": \"q\"}", "does not say");
	bad(database_check, "{\"url\": \"no url\", \"password\": \"q\"}", "not a URL");
	other_login("postgres://u:p@h/d?x=%2f", "postgres://a%3Ab:n%2Fw@h/d?x=%2f");
	other_login("jdbc:postgresql://h/d?a=1&user=u&password=p&b=2",
				"jdbc:postgresql://h/d?a=1&user=a%3Ab&password=n%2Fw&b=2");
	other_login("host=h user=u password=p", "postgresql://a%3Ab:n%2Fw@h:5432");
}

static void
test_connections_in_json(void)
{
	static const char *const aws =
		"{\"engine\": \"aurora-postgresql\", \"host\": \"h\", \"port\": 5432, "
		"\"user\": \"u\", \"password\": \"hidden\", \"masterarn\": \"arn:1\", "
		"\"big\": 12345678901234567890, "
		"\"ssl\": true, \"keepalives\": false, \"connect_timeout\": 5, "
		"\"more\": {\"a\": [1.50, null]}, \"none\": null}";

	normal(aws, aws);
	part(database_field, aws, "conninfo",
		 "host='h' port='5432' user='u' password='hidden' keepalives='0' connect_timeout='5'");
	part(database_field, aws, "url",
		 "postgresql://u:hidden@h:5432/?keepalives=0&connect_timeout=5");
	part(database_field, aws, "big", "12345678901234567890");
	part(database_field, aws, "ssl", "true");
	part(database_field, aws, "more", "{\"a\": [1.50, null]}");
	part(database_field, aws, "none", NULL);
	part(database_field, aws, "dbname", NULL);
	normal("{\"url\": \"postgresql://u:hidden@h:5432/d\"}",
		   "{\"engine\": \"postgresql\", \"host\": \"h\", "
		   "\"port\": 5432, \"user\": \"u\", \"password\": \"hidden\", \"dbname\": \"d\"}");
	bad(database_check, "{\"host\": [\"h\"], \"user\": \"u\", \"password\": \"p\"}",
		"not a string");
	bad(database_check, "{\"host\": \"h\", \"user\": \"u\", \"password\": \"a\\u0000b\"}",
		"zero byte");
	bad(database_check, "{\"host\": \"h\", \"user\": \"u\", \"password\": \"p\", \"port\": 5432.5}",
		"port");
}

/* Every text survives the way through a URL and through a conninfo. */
static void
test_encoding_both_ways(void)
{
	for (int c = ' '; c < 0x7f; c++)
	{
		char password[] = {'a', (char) c, 'b', (char) c, '\0'};
		size_t size;
		char *stored =
			database_with_login("host=h user=u password=p dbname=d", 33, "u", password, &size);
		static const char *const forms[] = {"url", "conninfo"};

		CHECK(stored != NULL, "%c", c);
		for (int i = 0; stored && i < 2; i++)
		{
			char *form = NULL;
			size_t form_size;

			CHECK(database_field(stored, size, forms[i], &form, &form_size) == FIELD_FOUND, "%c",
				  c);
			part(database_field, form, "password", password);
			value_free(form);
		}
		value_free(stored);
	}
}

static void
test_json_as_written(void)
{
	static const char *const taken[] = {"{}",
										" {\"a\": 12345678901234567890}\n",
										"{\"a\": 1e400, \"b\": -0.10e-5}",
										"{\"a\": \"\\u0000\"}",
										"{\"a\": \"\\ud83d\\ude00\"}",
										"{\"a\": [[], {}, [1, true, null, \"]}\"]]}",
										"{\"a\": 1, \"A\": 1}"};
	static const struct
	{
		const char *text;
		const char *rule;
	} refused[] = {{"", "object"},
				   {"[1]", "object"},
				   {"{\"a\": 01}", "object"},
				   {"{\"a\": 1.}", "object"},
				   {"{\"a\": +1}", "object"},
				   {"{\"a\": .5}", "object"},
				   {"{\"a\": 1e}", "object"},
				   {"{\"a\": NaN}", "object"},
				   {"{\"a\": 1,}", "object"},
				   {"{a: 1}", "object"},
				   {"{\"a\": 1} x", "object"},
				   {"{\"a\": \"\n\"}", "object"},
				   {"{\"a\": \"\\x\"}", "object"},
				   {"{\"a\": \"", "object"},
				   {"{\"a\": tru", "object"},
				   {"{\"a\": \"\\ud800\"}", "surrogate"},
				   {"{\"a\": \"\\udc00\\ud800\"}", "surrogate"},
				   {"{\"a\": \"\xff\"}", "UTF-8"},
				   {"{\"a\": \"\xc0\xaf\"}", "UTF-8"},
				   {"{\"a\": \"\xed\xa0\x80\"}", "UTF-8"},
				   {"\xef\xbb\xbf{}", "byte order mark"},
				   {"{\"a\": 1, \"\\u0061\": 2}", "one name"},
				   {"{\"b\": {\"\xc3\xa9\": 1, \"\\u00e9\": 2}}", "one name"},
				   {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}",
					"deeper"}};
	static const char *const stored =
		"{ \"n\" : 1.10 , \"big\":12345678901234567890, \"s\": \"\\u00e9\\n\", "
		"\"o\" :{ \"x\": [1 , 2] }, \"\\u006e2\": 0}";

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		good(json_check, taken[i]);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		bad(json_check, refused[i].text, refused[i].rule);
	part(json_field, stored, "n", "1.10");
	part(json_field, stored, "big", "12345678901234567890");
	part(json_field, stored, "s", "\xc3\xa9\n");
	part(json_field, stored, "o", "{ \"x\": [1 , 2] }");
	part(json_field, stored, "n2", "0");
}

/* An answer of a token endpoint, and when it expires; -1: the time is refused. */
static void
expires(const char *members, int64_t expected)
{
	char answer[512];
	TypeFacts facts;

	snprintf(answer, sizeof(answer), "{\"access_token\": \"12345678\", %s}", members);
	if (expected < 0)
	{
		CHECK(!takes(oauth_token_check, answer, &facts), "taken: %s", members);
		type_facts_free(&facts);
		return;
	}
	CHECK(takes(oauth_token_check, answer, &facts) && facts.expires_at == expected, "%s: %lld",
		  members, (long long) facts.expires_at);
	type_facts_free(&facts);
}

static void
test_token_times(void)
{
	expires("\"expires_in\": 3600.5", NOW + 3600);
	expires("\"expires_in\": \"3600\"", NOW + 3600);
	expires("\"expires_in\": 3.6e3", NOW + 3600);
	expires("\"expires_in\": 0", 0);
	expires("\"expires_in\": -1", -1);
	expires("\"expires_in\": \"soon\"", -1);
	expires("\"expires_in\": 1e400", -1);
	expires("\"expires_at\": 1900000000.123", 1900000000);
	expires("\"expires_at\": \"2030-03-17T17:46:40Z\"", 1900000000);
	expires("\"expires_at\": \"2030-03-17 18:46:40.999+01:00\"", 1900000000);
	expires("\"expires_at\": \"2030-03-17T17:46:40\"", -1);
	expires("\"expires_at\": \"2030-13-17T17:46:40Z\"", -1);
	expires("\"expires_at\": 1900000000000", -1);
	expires("\"expires_at\": true", -1);
	expires("\"expires_at\": 1700000000", -1);
	expires("\"expiry\": \"2030-03-17T12:46:40.123456789-05:00\"", 1900000000);
	expires("\"expiry\": \"0001-01-01T00:00:00Z\"", 0);
	expires("\"expires_on\": \"1900000000\", \"expires_in\": \"86399\", \"not_before\": \"1\"",
			1900000000);
	expires("\"expiry_date\": 1900000000123", 1900000000);
	expires("\"expires_at\": 1900000001, \"expires_on\": 1900000000", 1900000000);
	expires("\"id\": 12345678901234567890, \"x\": 1e400", 0);
}

static void
test_formats(void)
{
	static const char *const unknown[] = {
		"", "A", "AKIA", "eyJ", "eyJ.a", "a text", "AKIAIOSFODNN7EXAMPL!"};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		CHECK(known_format_find(unknown[i], strlen(unknown[i])) == NULL, "%s", unknown[i]);
	CHECK(known_format_find("AKIAIOSFODNN7EXAMPLE", 20) != NULL, "AWS");
	CHECK(known_format_find("hvs.CAESIJ0-0_example0example", 29) != NULL, "Vault");
	CHECK(known_format_find("hvs.is it one", 13) == NULL, "not of Vault");
	CHECK(known_format_find("AKIAIOSFODNN7EXAMPLE\n", 21) != NULL, "a line's end");
	CHECK(known_format_find("eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2ln", 37) != NULL, "JWT");
}

int
main(void)
{
	test_policies();
	test_strength();
	test_uniform();
	test_random_bits();
	test_generated();
	test_json();
	test_oauth();
	test_databases();
	test_connections_as_given();
	test_connections_in_json();
	test_encoding_both_ways();
	test_json_as_written();
	test_token_times();
	test_formats();
	return finish("test_types");
}
