/*
 * fuzz_types.c
 *		No value brings a type down; what one takes in another form it takes again and leaves
 *		as it is, and what it gives out as URL or conninfo means the same.
 *
 * The first byte chooses the type, the rest is the value.
 */
#include <jansson.h>

#include "type/credential.h"
#include "type/database.h"
#include "type/known_format.h"
#include "type/password.h"

#include "fuzz.h"

static const TypePolicy policy = {.min_length = 4,
								  .min_entropy = 20,
								  .prefix = "a",
								  .excluded = "0"};
static const TypeContext context = {.policy = &policy, .now = INT64_C(1800000000)};

typedef const char *(*Check)(const void *, size_t, const TypeContext *, TypeFacts *);

/* Members and where they end are this side's business: NUL behind, or nothing at all. */
static const char *
check_exact(Check check, const void *value, size_t size, TypeFacts *facts)
{
	void *copy = exact_copy(value, size);
	const char *rule;

	memset(facts, 0, sizeof(*facts));
	rule = check(copy, size, &context, facts);
	MUST(rule == NULL ||
		 (facts->normal == NULL && facts->metadata == NULL && facts->expires_at == 0));
	if (facts->metadata)
	{
		json_t *object = json_loads(facts->metadata, JSON_REJECT_DUPLICATES, NULL);

		MUST(json_is_object(object));
		json_decref(object);
	}
	free(copy);
	return rule;
}

static void
same_from(const char *name, const char *stored, size_t size)
{
	TypeFacts facts;
	char *text = NULL;
	size_t text_size;
	char *password = NULL;
	char *again = NULL;
	size_t password_size;
	size_t again_size;

	if (database_field(stored, size, name, &text, &text_size) != FIELD_FOUND)
		return;
	MUST(check_exact(database_check, text, text_size, &facts) == NULL);
	MUST(database_field(stored, size, "password", &password, &password_size) == FIELD_FOUND);
	MUST(database_field(facts.normal, facts.normal_size, "password", &again, &again_size) ==
		 FIELD_FOUND);
	MUST(password_size == again_size && memcmp(password, again, again_size) == 0);
	value_free(text);
	value_free(password);
	value_free(again);
	type_facts_free(&facts);
}

/* Another login is a connection, too, that says so everywhere. */
static void
other_login(const char *stored, size_t size)
{
	size_t changed_size;
	char *changed = database_with_login(stored, size, "u/s:er", "p@ss?&%", &changed_size);
	char *part = NULL;
	size_t part_size;
	TypeFacts facts;

	MUST(changed != NULL);
	MUST(check_exact(database_check, changed, changed_size, &facts) == NULL);
	type_facts_free(&facts);
	MUST(database_field(changed, changed_size, "password", &part, &part_size) == FIELD_FOUND);
	MUST(part_size == 7 && memcmp(part, "p@ss?&%", 7) == 0);
	value_free(part);
	MUST(database_field(changed, changed_size, "url", &part, &part_size) == FIELD_FOUND);
	MUST(check_exact(database_check, part, part_size, &facts) == NULL);
	type_facts_free(&facts);
	value_free(part);
	value_free(changed);
}

static void
database(const Input *input)
{
	TypeFacts facts;
	TypeFacts second;

	if (check_exact(database_check, input->data, input->size, &facts) != NULL)
		return;
	MUST(check_exact(database_check, facts.normal, facts.normal_size, &second) == NULL);
	MUST(facts.normal_size == second.normal_size &&
		 memcmp(facts.normal, second.normal, second.normal_size) == 0);
	same_from("url", facts.normal, facts.normal_size);
	other_login(facts.normal, facts.normal_size);
	same_from("conninfo", facts.normal, facts.normal_size);
	type_facts_free(&facts);
	type_facts_free(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const Check checks[] = {json_check, oauth_token_check, oauth_credentials_check,
								   password_check};
	Input input = {data, size};
	uint8_t choice = take_byte(&input) % 6;
	TypeFacts facts = {0};
	char *out = NULL;
	size_t out_size;

	if (choice < 4)
		(void) check_exact(checks[choice], input.data, input.size, &facts);
	else if (choice == 4)
		database(&input);
	else
		(void) known_format_find(input.data, input.size);
	(void) oauth_token_field(input.data, input.size, "access_token", &out, &out_size);
	value_free(out);
	type_facts_free(&facts);
	return 0;
}
