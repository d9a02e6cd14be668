/*
 * registry.c
 *		The cache of types by tenant, and the checks of values when secrets are written.
 *
 * The cache of this backend forgets a type when vault_data.secret_type or vault_data.type_policy
 * change. The rows of both tables carry a MAC.
 */
#include "type/registry.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "audit/audit.h"
#include "context/call.h"
#include "integrity/integrity.h"
#include "platform/cache.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/tables.h"
#include "tenant/tenant.h"
#include "type/builtin.h"
#include "type/type_function.h"
#include "type/password.h"

/* Columns of vault_data.secret_type. */
enum
{
	TYPE_NAME = 2,
	TYPE_VALIDATOR,
	TYPE_GENERATOR,
	TYPE_SETTINGS,
	TYPE_RULES = 17
};

/* Number of the first column of vault_data.type_policy that both tables have. */
#define POLICY_SETTINGS 4

/* Numbers of the type columns of a secret and of a policy. */
#define TYPE_OF_SECRET 5
#define TYPE_OF_POLICY 3

/* The columns that both tables have, relative to the first. */
enum
{
	SET_MIN_LENGTH,
	SET_MAX_LENGTH,
	SET_CLASSES,
	SET_EXCLUDED,
	SET_PREFIX,
	SET_MIN_ENTROPY,
	SET_GENERATED_LENGTH,
	SET_HISTORY,
	SET_ROTATION_INTERVAL,
	SET_MAX_LIFETIME
};

typedef struct RegistryCacheKey
{
	pg_uuid_t tenant;
	char name[NAMEDATALEN];
} RegistryCacheKey;

typedef struct RegistryCacheEntry
{
	RegistryCacheKey key;
	TenantType *type;
} RegistryCacheEntry;

static BackendCache cache = {.name = "types",
							 .key_size = sizeof(RegistryCacheKey),
							 .entry_size = sizeof(RegistryCacheEntry)};

static const struct
{
	const char *name;
	unsigned class;
} class_names[] = {{"lower", CLASS_LOWER},
				   {"upper", CLASS_UPPER},
				   {"digit", CLASS_DIGIT},
				   {"symbol", CLASS_SYMBOL}};

static void
registry_take_number(TableScan *scan, int column, unsigned *number)
{
	bool isnull;
	Datum value = scan_get(scan, column, &isnull);

	if (!isnull)
		*number = DatumGetInt32(value);
}

static void
registry_take_string(TableScan *scan, int column, char *string, size_t room)
{
	bool isnull;
	Datum value = scan_get(scan, column, &isnull);

	if (!isnull)
		text_to_cstring_buffer(DatumGetTextPP(value), string, room);
}

static void
take_classes(TableScan *scan, int column, unsigned *classes)
{
	bool isnull;
	Datum value = scan_get(scan, column, &isnull);
	Datum *elements;
	int count;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &count);
	*classes = 0;
	for (int i = 0; i < count; i++)
		for (int j = 0; j < lengthof(class_names); j++)
			if (strcmp(TextDatumGetCString(elements[i]), class_names[j].name) == 0)
				*classes |= class_names[j].class;
}

/* Copy the fields that the row sets; the rest stays as it is. */
static void
take_settings(TableScan *scan, int first, TenantType *type)
{
	TypePolicy *policy = &type->policy;
	bool isnull;
	Datum lifetime = scan_get(scan, first + SET_MAX_LIFETIME, &isnull);

	registry_take_number(scan, first + SET_MIN_LENGTH, &policy->min_length);
	registry_take_number(scan, first + SET_MAX_LENGTH, &policy->max_length);
	take_classes(scan, first + SET_CLASSES, &policy->classes);
	registry_take_string(scan, first + SET_EXCLUDED, policy->excluded, sizeof(policy->excluded));
	registry_take_string(scan, first + SET_PREFIX, policy->prefix, sizeof(policy->prefix));
	registry_take_number(scan, first + SET_MIN_ENTROPY, &policy->min_entropy);
	registry_take_number(scan, first + SET_GENERATED_LENGTH, &policy->generated_length);
	registry_take_number(scan, first + SET_HISTORY, &policy->history);
	if (!isnull)
		type->max_lifetime = *DatumGetIntervalP(lifetime);
}

static text *
copy_text(TableScan *scan, int column)
{
	bool isnull;
	Datum value = scan_get(scan, column, &isnull);

	return isnull ? NULL : DatumGetTextPCopy(value);
}

static ArrayType *
copy_array(TableScan *scan, int column)
{
	bool isnull;
	Datum value = scan_get(scan, column, &isnull);

	return isnull ? NULL : DatumGetArrayTypePCopy(value);
}

static bool
load_added(const char *name, TenantType *type)
{
	TableScan scan;
	Datum key = CStringGetTextDatum(name);
	bool found;

	scan_begin(&scan, TABLE_SECRET_TYPE, INDEX_SECRET_TYPE_NAME, NULL, &key, 1);
	found = scan_next(&scan);
	if (found)
	{
		row_require_authentic(&scan, TABLE_SECRET_TYPE);
		type->validator = copy_text(&scan, TYPE_VALIDATOR);
		type->generator = copy_text(&scan, TYPE_GENERATOR);
		type->rules = copy_array(&scan, TYPE_RULES);
		take_settings(&scan, TYPE_SETTINGS, type);
	}
	scan_end(&scan);
	return found;
}

static void
load_policy(const pg_uuid_t *tenant, TenantType *type)
{
	TableScan scan;
	Datum keys[2] = {UUIDPGetDatum(tenant), CStringGetTextDatum(type->name)};

	scan_begin(&scan, TABLE_TYPE_POLICY, INDEX_TYPE_POLICY, NULL, keys, 2);
	if (scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_TYPE_POLICY);
		take_settings(&scan, POLICY_SETTINGS, type);
	}
	scan_end(&scan);
}

/* Load a type into the memory of the cache; NULL if it does not exist. */
static TenantType *
load_type(const pg_uuid_t *tenant, const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(cache.memory);
	TenantType *type = palloc0(sizeof(TenantType));

	strlcpy(type->name, name, sizeof(type->name));
	type->builtin = type_find(name);
	if (type->builtin)
	{
		type->policy = type->builtin->policy;
		type->max_lifetime.day = type->builtin->lifecycle.max_lifetime;
	}
	else if (!load_added(name, type))
		type = NULL;
	if (type)
		load_policy(tenant, type);
	MemoryContextSwitchTo(old);
	return type;
}

static void
refuse_unknown(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; type_at(i) != NULL; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", type_at(i)->name);
	error_bad_argument(
		"type", "it does not exist",
		psprintf("Types are %s; the view vault.types has those that were added, too.", names.data));
}

const TenantType *
type_in_tenant(const pg_uuid_t *tenant, const char *name)
{
	RegistryCacheKey key = {.tenant = *tenant};
	RegistryCacheEntry *entry;
	TenantType *type;

	if (strlen(name) >= NAMEDATALEN)
		refuse_unknown();
	strlcpy(key.name, name, sizeof(key.name));
	entry = cache_find(&cache, &key);
	if (entry)
		return entry->type;
	type = load_type(tenant, name);
	if (type == NULL)
		refuse_unknown();
	entry = cache_keep(&cache, &key);
	if (entry)
		entry->type = type;
	return type;
}

/* Return the remedy for the rule, or the form that the type takes. */
static const char *
hint_of(const ValueType *type, const char *rule)
{
	const char *hint = type && type->hint_of ? type->hint_of(rule) : NULL;

	if (hint == NULL && type)
		hint = type->hint;
	return hint ? hint : "The view vault.types shows the requirements for values.";
}

void
type_refuse_value(const TenantType *type, const char *rule)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM),
			 errmsg("the value does not have the form of type \"%s\": %s", type->name, rule),
			 errhint("%s", hint_of(type->builtin, rule))));
}

/* Seconds from 1970 to 2000. */
#define EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

static int64
unix_time(TimestampTz at)
{
	return at / USECS_PER_SEC + EPOCH_SECONDS;
}

static TypeContext
context_of(const TypePolicy *policy)
{
	TypeContext context = {.policy = policy, .now = unix_time(GetCurrentTimestamp())};

	return context;
}

/* Return true if there are rules for the value itself. */
static bool
asks_anything(const TypePolicy *policy)
{
	return policy->min_length > 0 || policy->max_length > 0 || policy->classes ||
		policy->min_entropy > 0 || policy->prefix[0] || policy->excluded[0];
}

/* Return the rule that the value breaks, or NULL. "policy" is that of the type, or a part of it. */
static const char *
broken_rule(const TenantType *type, const TypePolicy *policy, const void *value, size_t size,
			bool is_bytes, TypeFacts *facts)
{
	TypeContext context = context_of(policy);
	const char *rule = NULL;

	if (is_bytes && !(type->builtin && type->builtin->takes_bytes))
		return "it is given as bytes";
	if (type->builtin)
		return type->builtin->check ? type->builtin->check(value, size, &context, facts) : NULL;
	if (asks_anything(&type->policy))
		rule = password_check(value, size, &context, facts);
	if (rule == NULL && type->validator)
		rule = function_check(type->name, type->validator, type->rules, value, size);
	return rule;
}

const char *
type_check_value(const TenantType *type, const void *value, size_t size, bool is_bytes, bool weak,
				 TypeFacts *facts)
{
	TypePolicy form = {.max_length = type->policy.max_length};
	const char *rule = broken_rule(type, &type->policy, value, size, is_bytes, facts);
	const char *fault = rule;

	if (rule == NULL)
		return NULL;
	type_facts_free(facts);
	if (weak)
		fault = broken_rule(type, &form, value, size, is_bytes, facts);
	if (fault == NULL)
		return rule;
	type_facts_free(facts);
	type_refuse_value(type, fault);
}

void
type_require_value(const TenantType *type, const void *value, size_t size, bool is_bytes,
				   TypeFacts *facts)
{
	(void) type_check_value(type, value, size, is_bytes, false, facts);
}

bool
type_can_generate(const TenantType *type)
{
	return type->generator || type->builtin == NULL || type->builtin->generate;
}

char *
type_generate(const TenantType *type, unsigned length, size_t *size)
{
	TypePolicy policy = type->policy;
	TypeContext context = context_of(&policy);
	char *value = NULL;
	const char *rule;

	if (length > 0)
		policy.generated_length = length;
	if (type->generator)
		return function_generate(type->name, type->generator, size);
	if (!type_can_generate(type))
		error_bad_argument("new value", "a value of this type cannot be generated",
						   "Give the new value.");
	rule = type->builtin ? type->builtin->generate(&context, &value, size)
						 : password_generate(&context, &value, size);
	if (rule)
		ereport(
			ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM),
			 errmsg("no value of type \"%s\" can be made: %s", type->name, rule),
			 errhint(
				 "Ask for more characters, or change the policy with vault.set_type_policy().")));
	return value;
}

TimestampTz
type_expiry(const TenantType *type, const TypeFacts *facts)
{
	const Interval *lifetime = &type->max_lifetime;
	TimestampTz expires_at = DT_NOEND;

	if (facts->expires_at > 0)
		expires_at = (facts->expires_at - EPOCH_SECONDS) * USECS_PER_SEC;
	if (lifetime->time > 0 || lifetime->day > 0 || lifetime->month > 0)
	{
		TimestampTz latest = DatumGetTimestampTz(
			DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
								IntervalPGetDatum(lifetime)));

		expires_at = Min(expires_at, latest);
	}
	return expires_at;
}

static void
refuse_field(const ValueType *type)
{
	if (type && type->fields)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid field: type \"%s\" has none of this name", type->name),
				 errhint("Its fields are %s.", type->fields)));
	error_bad_argument("field", "values of this type have no fields", "Read it with vault.get().");
}

text *
type_field(const char *name, const void *value, size_t size, const char *field)
{
	const ValueType *type = type_find(name);
	char *part = NULL;
	size_t part_size = 0;

	if (type == NULL || type->field == NULL)
		refuse_field(type);
	switch (type->field(value, size, field, &part, &part_size))
	{
		case FIELD_FOUND:
			return secret_text(secret_adopt(part), part_size);
		case FIELD_ABSENT:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("the value does not have this field"),
					 errhint("Fields of the type are %s.", type->fields)));
			break;
		case FIELD_UNKNOWN:
			refuse_field(type);
			break;
		case FIELD_UNREADABLE:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM),
			 errmsg("the value does not have the form of type \"%s\"", name),
			 errhint("Read it with vault.get().")));
}

/*
 * Return true if the vault's own generator makes the values, and neither an SQL function nor the
 * type.
 */
static bool
draws_values(const TenantType *type)
{
	if (type->generator)
		return false;
	return type->builtin == NULL || type->builtin->generate == password_generate;
}

PG_FUNCTION_INFO_V1(vault_builtin_types);
PG_FUNCTION_INFO_V1(vault_require_strong_type);
PG_FUNCTION_INFO_V1(vault_type_is_used);
PG_FUNCTION_INFO_V1(vault_tell_users_of_type);

static Datum
number_or_null(unsigned number, bool *isnull)
{
	*isnull = number == 0;
	return Int32GetDatum(number);
}

static Datum
warnings_of(const ValueType *type)
{
	Datum days[TYPE_MAX_WARNINGS];
	int count = 0;

	while (count < TYPE_MAX_WARNINGS && type->lifecycle.warnings[count] > 0)
	{
		days[count] = Int32GetDatum(type->lifecycle.warnings[count]);
		count++;
	}
	return PointerGetDatum(
		construct_array(days, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* builtin_types(), columns as in type.functions.sql */
Datum
vault_builtin_types(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const ValueType *type;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; (type = type_at(i)) != NULL; i++)
	{
		Datum values[14];
		bool nulls[14] = {0};

		values[0] = CStringGetTextDatum(type->name);
		values[1] = CStringGetTextDatum(type->description);
		values[2] = CStringGetTextDatum(type->fields ? type->fields : "");
		nulls[2] = type->fields == NULL;
		values[3] = BoolGetDatum(type->check == password_check);
		values[4] = BoolGetDatum(type->generate != NULL);
		values[5] = number_or_null(type->policy.min_length, &nulls[5]);
		values[6] = number_or_null(type->policy.max_length, &nulls[6]);
		values[7] = number_or_null(type->policy.min_entropy, &nulls[7]);
		values[8] = number_or_null(type->policy.generated_length, &nulls[8]);
		values[9] = Int32GetDatum(type->policy.history);
		values[10] = number_or_null(type->lifecycle.rotation, &nulls[10]);
		values[11] = number_or_null(type->lifecycle.max_lifetime, &nulls[11]);
		values[12] = number_or_null(type->lifecycle.recovery, &nulls[12]);
		values[13] = warnings_of(type);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* require_strong_type(tenant, name): raises 22023 if generated values could be guessed */
Datum
vault_require_strong_type(PG_FUNCTION_ARGS)
{
	const TenantType *type;
	const char *fault;

	(void) call_required();
	type = type_in_tenant(PG_GETARG_UUID_P(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	fault = draws_values(type) ? password_policy_fault(&type->policy) : NULL;
	if (fault)
		error_bad_argument("policy", fault,
						   "Let more characters be drawn: "
						   "raise generated_length, shorten prefix, or exclude fewer; "
						   "or a superuser gives the type a generator.");
	PG_RETURN_VOID();
}

static bool
is_of_type(TableScan *scan, int column, const text *name)
{
	text *type = DatumGetTextPP(scan_get(scan, column, NULL));

	CHECK_FOR_INTERRUPTS();
	return VARSIZE_ANY_EXHDR(type) == VARSIZE_ANY_EXHDR(name) &&
		memcmp(VARDATA_ANY(type), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0;
}

/* type_is_used(name): true if a secret of any tenant has this type */
Datum
vault_type_is_used(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	TableScan scan;
	bool used = false;

	(void) call_required();
	scan_begin(&scan, TABLE_SECRET, INDEX_SECRET_NAME, NULL, NULL, 0);
	while (!used && scan_next(&scan))
		used = is_of_type(&scan, TYPE_OF_SECRET, name);
	scan_end(&scan);
	PG_RETURN_BOOL(used);
}

static bool
holds_tenant(List *tenants, const pg_uuid_t *tenant)
{
	ListCell *cell;

	foreach(cell, tenants)
		if (uuid_equal(lfirst(cell), tenant))
			return true;
	return false;
}

/* Add the tenants with a row of this type, each once. The index begins with the tenant. */
static List *
add_users(List *tenants, TableId table, TableId index, int column, const text *name)
{
	TableScan scan;

	scan_begin(&scan, table, index, NULL, NULL, 0);
	while (scan_next(&scan))
	{
		pg_uuid_t *tenant = DatumGetUUIDP(scan_get(&scan, 1, NULL));

		if (is_of_type(&scan, column, name) && !holds_tenant(tenants, tenant))
			tenants = lcons(memcpy(palloc(sizeof(pg_uuid_t)), tenant, sizeof(pg_uuid_t)), tenants);
	}
	scan_end(&scan);
	return tenants;
}

/*
 * tell_users_of_type(id, name, detail): writes a row to the trail of each tenant whose values are,
 * or will be, checked by the type. Afterwards the call has its own tenant again.
 */
Datum
vault_tell_users_of_type(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	VaultCall before = *call;
	text *name = PG_GETARG_TEXT_PP(1);
	List *tenants = add_users(NIL, TABLE_SECRET, INDEX_SECRET_NAME, TYPE_OF_SECRET, name);
	ListCell *cell;

	tenants = add_users(tenants, TABLE_TYPE_POLICY, INDEX_TYPE_POLICY, TYPE_OF_POLICY, name);
	foreach(cell, tenants)
	{
		char tenant_name[64] = "";
		AuditRecord record = {.operation = call->operation,
							  .decision = DECISION_ALLOW,
							  .object_kind = "type",
							  .object = PG_GETARG_UUID_P(0),
							  .tenant = *(pg_uuid_t *) lfirst(cell),
							  .reason = call->reason,
							  .detail = PG_GETARG_DATUM(2)};

		(void) tenant_describe(lfirst(cell), tenant_name, NULL);
		call_enter_tenant(lfirst(cell), tenant_name);
		audit_write(&record);
	}
	call_return_tenant(&before);
	PG_RETURN_VOID();
}

void
type_init(void)
{
	types_register();
	cache_follow_table(&cache, TABLE_SECRET_TYPE);
	cache_follow_table(&cache, TABLE_TYPE_POLICY);
}
