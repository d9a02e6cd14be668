/*
 * test_lexical.c
 *		Texts that hold a secret by their words, in any spelling, are found;
 *		cutting a text anywhere reads nothing behind its end; names that are called
 *		and executed.
 */
#include "redaction/lexical.h"

#include "harness.h"

static const char *const sensitive[] = {
	"select vault.put('a', 'b')",
	"SELECT VAULT.PUT",
	"select \"vault\".\"put\"('a'",
	"vault . x",
	"vault/* a /* nested */ b */.x",
	"vault -- why\n .put",
	"do $$ begin perform vault.put(1); end $$",
	"select 'vault.put'",
	"set local vault.token = 'x'",
	"select set_config('vault.token', 'x', true)",
	"select vault.tenant('x')",
	"select vault.",
	"select put('a','b')",
	"select PUT /* x */ (",
	"call \"put\" (",
	"rotate('a')",
	"Complete_Rotation ('a', 'b')",
	"import_certificate('a'",
	"unseal\t(",
	"login(",
	"vault.environments",
	"1vault.put",
	"$1vault.put",
	"set vault.tenant = 'a value!'",
	"set vault.tenant to 'postgres://u:p@h/d'",
	"set \"vault\".\"tenant\" = 'a b'",
	"select set_config('vault.tenant', $1, true)",
	"select set_config('vault.tenant', 'a b', true)",
	"select set_config('vault.tenant', 'a' || 'b c', true)",
	"set vault.tenant = 'a''b'",
	"set vault.tenant = 'a'\n'b c'",
	"set vault.tenant = a, 'b c'",
	"set vault.tenant = e'a'",
	"set vault.tenant = u&'a'",
	"set vault.tenant = $$a b$$",
	"set vault.tenant = 'a",
	"set vault.tenant =",
	"x vault.tenant := 'a b'",
	"set vault.tenant = /* x */ 'a b'",
	"set vault.request_id = correct horse",
	"grant set on parameter vault.audit_mode, work_mem to boss",
	"set vault.request_id = '0123456789012345678901234567890123456789012345678901234567890123'"};

static const char *const plain[] = {"",
									"select 1",
									"select vault",
									"create extension vault cascade",
									"select vault_data.x",
									"select myvault.put",
									"select vaults.put",
									"select input('a')",
									"select put",
									"select put_it('a')",
									"set vault.environment = 'prod'",
									"set local vault.environment to prod",
									"show vault.tenant",
									"reset vault.tenant;",
									"select set_config('vault.tenant', 'acme', true)",
									"select current_setting('vault.tenant', true)",
									"set vault.tenant = ''",
									"alter function f() set vault.tenant from current",
									"set vault.tenant = default",
									"set vault.request_id = 'req-1:2/3'; select 1",
									"set vault.rotation_hosts = 'a:1', 'b:2'",
									"grant set on parameter vault.audit_mode to boss",
									"alter system set vault.root_key_source to 'file:/x'",
									"select vaul.t",
									"/* vault */ select 1",
									"vault /",
									"put -- (",
									"put /* (",
									"select output('x')"};

static const char *
called(const char *text, size_t *position)
{
	static LexicalName name;

	return lexical_next_call(text, strlen(text), position, &name) ? name.folded : "";
}

static const char *
executed(const char *text)
{
	static LexicalName name;
	size_t position = 0;

	return lexical_next_execute(text, strlen(text), &position, &name) ? name.exact : "";
}

/* The text ends exactly where its memory does. */
static void
test_cut(const char *text)
{
	for (size_t length = 0; length <= strlen(text); length++)
	{
		char *copy = room(length);
		size_t position = 0;
		LexicalName name;

		memcpy(copy, text, length);
		(void) lexical_mentions_vault(copy, length, NULL);
		while (lexical_next_call(copy, length, &position, &name))
			CHECK(position <= length, "behind the end of: %s", text);
		position = 0;
		while (lexical_next_execute(copy, length, &position, &name))
			CHECK(position <= length, "behind the end of: %s", text);
		free(copy);
	}
}

int
main(void)
{
	char long_name[200];
	size_t position = 0;
	bool executes;

	for (size_t i = 0; i < sizeof(sensitive) / sizeof(sensitive[0]); i++)
	{
		CHECK(lexical_mentions_vault(sensitive[i], strlen(sensitive[i]), NULL), "plain: %s",
			  sensitive[i]);
		test_cut(sensitive[i]);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
	{
		CHECK(!lexical_mentions_vault(plain[i], strlen(plain[i]), NULL), "sensitive: %s", plain[i]);
		test_cut(plain[i]);
	}

	CHECK(strcmp(called("select F(g /* */ (1)), \"H\" (2)", &position), "f") == 0, "f");
	CHECK(strcmp(called("select F(g /* */ (1)), \"H\" (2)", &position), "g") == 0, "g");
	CHECK(strcmp(called("select F(g /* */ (1)), \"H\" (2)", &position), "h") == 0, "h");
	CHECK(strcmp(called("select F(g /* */ (1)), \"H\" (2)", &position), "") == 0, "no more");
	CHECK(!lexical_mentions_vault("explain Execute p", 17, &executes) && executes,
		  "there is EXECUTE");
	CHECK(!lexical_mentions_vault("executed execut e", 17, &executes) && !executes,
		  "there is none");
	CHECK(strcmp(executed("explain Execute /* */ p('x')"), "p") == 0, "p");
	CHECK(strcmp(executed("execute \"My p\"('x')"), "My p") == 0, "quoted");
	CHECK(strcmp(executed("execute"), "") == 0, "nothing");
	CHECK(strcmp(executed("executed p"), "") == 0, "another word");

	memset(long_name, 'a', sizeof(long_name));
	memcpy(long_name + sizeof(long_name) - 2, "(", 2);
	position = 0;
	CHECK(strlen(called(long_name, &position)) == LEXICAL_NAME_SIZE - 1, "names are cut");
	return finish("lexical");
}
