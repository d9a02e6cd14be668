/*
 * rotation_credential.c
 *		Configurations of rotators, and logins inside of values.
 *
 * A value given as JSON, or of a type that is a login, is an object with user and password, whose
 * other members are kept. Any other value is the password.
 */
#include "platform/compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "context/call.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "rotation/rotator.h"
#include "type/json_text.h"
#include "type/registry.h"
#include "type/text.h"

#define MAX_CONFIG_TEXT 1024
#define MAX_DEPTH       256

/* The facts about a type that an operator added: none, so a value is a password. */
static const ValueType *
rotation_credential_type(const Rotation *rotation)
{
	static const ValueType plain = {0};
	const ValueType *type = type_find(rotation->head.type);

	return type ? type : &plain;
}

void
credential_require_type(const Rotation *rotation)
{
	if (rotation_credential_type(rotation)->has_no_password)
		error_bad_argument("rotator", "a value of this type is not a password",
						   "Use the types database, password or generic.");
}

static JsonbValue *
rotation_credential_member(Jsonb *object, const char *name)
{
	return getKeyJsonValueFromContainer(&object->root, name, strlen(name), NULL);
}

static char *
string_of(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static bool
rotation_credential_is_one_of(const JsonbValue *key, const char *const *names)
{
	for (; *names; names++)
		if (strlen(*names) == key->val.string.len &&
			memcmp(*names, key->val.string.val, key->val.string.len) == 0)
			return true;
	return false;
}

void
config_require_only(const Rotation *rotation, const char *const *names)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(rotation->config))
		error_bad_argument("config", "must be a JSON object", "Give {\"user\": \"app\"}.");
	iterator = JsonbIteratorInit(&rotation->config->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_KEY && !rotation_credential_is_one_of(&value, names))
			error_bad_argument("config", "it has a member that this rotator does not know",
							   "The reference lists the members for each rotator.");
}

char *
config_text(const Rotation *rotation, const char *name)
{
	JsonbValue *value = rotation_credential_member(rotation->config, name);

	if (value == NULL)
		return NULL;
	if (value->type != jbvString || value->val.string.len == 0 ||
		value->val.string.len > MAX_CONFIG_TEXT)
		error_bad_argument("config", psprintf("\"%s\" is not a text", name), "Give a JSON string.");
	return string_of(value);
}

static void
refuse_users(void)
{
	error_bad_argument(
		"config", "must name one user, or two different users",
		"Give {\"user\": \"app\"}, or {\"users\": [\"app_a\", \"app_b\"]} that take turns.");
}

static char *
user_at(JsonbValue *users, int number)
{
	JsonbValue *user = getIthJsonbValueFromContainer(users->val.binary.data, number);

	if (user == NULL || user->type != jbvString || user->val.string.len == 0 ||
		user->val.string.len >= NAMEDATALEN)
		refuse_users();
	return string_of(user);
}

int
config_users(const Rotation *rotation, char *users[2])
{
	JsonbValue *pair = rotation_credential_member(rotation->config, "users");

	users[0] = config_text(rotation, "user");
	users[1] = NULL;
	if ((users[0] != NULL) == (pair != NULL) || (users[0] && strlen(users[0]) >= NAMEDATALEN))
		refuse_users();
	if (pair == NULL)
		return 1;
	if (pair->type != jbvBinary || !JsonContainerIsArray(pair->val.binary.data) ||
		JsonContainerSize(pair->val.binary.data) != 2)
		refuse_users();
	users[0] = user_at(pair, 0);
	users[1] = user_at(pair, 1);
	if (strcmp(users[0], users[1]) == 0)
		refuse_users();
	return 2;
}

static void
refuse_value(const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM), errmsg("the value cannot be rotated: %s", fault),
			 errhint("Put {\"user\": \"...\", \"password\": \"...\"}, "
					 "or for one user the password alone.")));
}

/*
 * Return true if the stored value is an object, and set *object; false if it is a password alone.
 * The depth limit is that of values that were given as JSON.
 */
static bool
object_in(const Rotation *rotation, const bytea *value, uint8_t format, JsonPart *object)
{
	if (format == FORMAT_BYTES)
		refuse_value("it is binary");
	if (format != FORMAT_JSON && !rotation_credential_type(rotation)->is_login)
		return false;
	if (json_text_fault_within(MAX_DEPTH, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), object))
		refuse_value("it is no JSON object");
	return true;
}

static char *
string_in(JsonPart object, const char *name)
{
	JsonPart member;
	char *string;

	if (!part_member(object, name, &member) || part_kind(member) != PART_STRING || member.size == 2)
		refuse_value(psprintf("it has no \"%s\"", name));
	if (part_has_controls(member))
		refuse_value(psprintf("its \"%s\" has control characters", name));
	string = secret_adopt(part_string(member, NULL));
	if (string == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return string;
}

/* Return the user in the database's encoding, as in configurations. */
static char *
rotation_credential_user_of(JsonPart object)
{
	return text_to_cstring(secret_require_text(cstring_to_text(string_in(object, "user"))));
}

void
credential_of(const Rotation *rotation, int version, bool needs_user, Credential *credential)
{
	uint8_t format;
	bytea *value = secret_open_version(&rotation->head, version, &format);
	JsonPart object;
	JsonPart member;
	bool is_object = object_in(rotation, value, format, &object);

	if (needs_user && !is_object)
		refuse_value("it names no user");
	credential->user = is_object && (needs_user || part_member(object, "user", &member))
		? rotation_credential_user_of(object)
		: NULL;
	credential->password = is_object ? string_in(object, "password") : text_to_cstring(value);
}

char *
credential_user(const Credential *credential, char *users[2], int count)
{
	for (int i = 0; credential->user && i < count; i++)
		if (strcmp(credential->user, users[i]) == 0)
			return users[i];
	if (count > 1 || credential->user)
		refuse_value("its user is not in the configuration");
	return users[0];
}

/* Replace two members of the object. The others are kept byte for byte. */
static char *
rotation_credential_replace(JsonPart object, const char *user, const char *password, size_t *size)
{
	PartWalk walk = part_walk(object);
	JsonPart name;
	JsonPart value;
	Text text = {0};

	text_add_string(&text, "{");
	text_add_member(&text, "user", user);
	text_add_member(&text, "password", password);
	while (part_next(&walk, &name, &value))
	{
		if (part_says(name, "user") || part_says(name, "password"))
			continue;
		text_add_string(&text, ", ");
		text_add(&text, name.at, name.size);
		text_add_string(&text, ": ");
		text_add(&text, value.at, value.size);
	}
	text_add_string(&text, "}");
	return text_take(&text, size);
}

/* Replace the login. A connection keeps its form, including its URL. */
static char *
replace_login(const Rotation *rotation, JsonPart object, const char *user, const char *password,
			  size_t *size)
{
	const ValueType *type = rotation_credential_type(rotation);
	char *made = type->with_login ? type->with_login(object.at, object.size, user, password, size)
								  : rotation_credential_replace(object, user, password, size);

	if (made == NULL)
		refuse_value("it is not what its type says");
	return secret_adopt(made);
}

/* Generate a password by the tenant's policy for passwords, or by that of the secret's own type. */
static char *
make_password(const char *type_name, size_t *size)
{
	const TenantType *type = type_in_tenant(&call_required()->tenant, type_name);

	return secret_adopt(type_generate(type, 0, size));
}

/* Convert a string to its stored form. */
static char *
stored_string(const char *string)
{
	size_t size = strlen(string);

	return pnstrdup(secret_to_store(string, &size), size);
}

char *
credential_create(const Rotation *rotation, size_t *size)
{
	uint8_t format;
	bytea *value = secret_open_version(&rotation->head, rotation->previous, &format);
	JsonPart object;
	bool is_object = object_in(rotation, value, format, &object);
	char *password = make_password(is_object ? "password" : rotation->head.type, size);
	char *users[2];
	int count = config_users(rotation, users);
	char *user = users[0];

	if (is_object && count == 2 && strcmp(rotation_credential_user_of(object), users[0]) == 0)
		user = users[1];
	if (is_object)
		password = replace_login(rotation, object, stored_string(user), password, size);
	return password;
}

/* Return the user that a new value names. A connection may have any of its forms. */
static char *
user_in(const Rotation *rotation, const char *value, size_t size)
{
	JsonPart object;
	text *stored;

	value = secret_to_store(value, &size);
	stored = cstring_to_text_with_len(value, size);
	if (rotation_credential_type(rotation)->with_login)
		return text_to_cstring(
			secret_require_text(type_field(rotation->head.type, value, size, "user")));
	(void) object_in(rotation, stored, FORMAT_JSON, &object);
	return rotation_credential_user_of(object);
}

void
credential_require_turn(const Rotation *rotation, const void *value, size_t size)
{
	char *users[2];
	Credential present;
	char *user;
	bool in_use;

	if (config_users(rotation, users) != 2)
		return;
	credential_of(rotation, rotation->previous, true, &present);
	in_use = credential_user(&present, users, 2) == users[1];
	user = user_in(rotation, value, size);
	if (strcmp(user, users[in_use ? 0 : 1]) != 0)
		error_bad_argument("value", "it does not name the user that is not in use",
						   "Two users take turns: "
						   "the value is for the one that the current version does not have.");
}

void
credential_check(const Rotation *rotation)
{
	char *users[2];
	int count = config_users(rotation, users);
	Credential credential;

	credential_of(rotation, rotation->previous, count == 2, &credential);
	(void) credential_user(&credential, users, count);
}
