/*
 * import.c
 *		vault.import_certificate(): imports a certificate from a file with a passphrase, which put()
 *		cannot open.
 *
 * The file is converted to PEM and passed to vault.put(), where the type checks it. Opening takes a
 * time that the file determines, within limits, so permission is checked first.
 */
#include "platform/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "entry/entry.h"
#include "pki/certificate.h"
#include "pki/rules.h"
#include "pki/ssh_key.h"
#include "pki/pki_types.h"
#include "platform/arguments.h"
#include "platform/encoding.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "policy/environment.h"
#include "policy/policy.h"
#include "policy/policy_arguments.h"
#include "secret/secret.h"

/* Arguments, as in pki.api.sql; those of put are the same but for the two in the middle. */
enum
{
	ARG_NAME,
	ARG_BUNDLE,
	ARG_PASSPHRASE,
	ARG_ENVIRONMENT,
	ARG_TAGS = 5,
	ARGS = 9
};

static void
require_permission(FunctionCallInfo fcinfo)
{
	VaultCall *call = call_required();
	SecretName name;

	if (PG_ARGISNULL(ARG_NAME))
		error_bad_argument("name", "must not be null", NULL);
	secret_name_from(PG_GETARG_TEXT_PP(ARG_NAME),
					 PG_ARGISNULL(ARG_ENVIRONMENT) ? NULL : PG_GETARG_TEXT_PP(ARG_ENVIRONMENT),
					 &name);
	environment_require_declared(name.environment, name.environment_size);
	policy_require(&call->caller, &name, MAY_WRITE, &call->grant);
	call->has_grant = true;
}

static void
refuse_bundle(const char *rule)
{
	const char *hint = pki_hint(rule);

	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM),
			 errmsg("the bundle does not have the form of type \"certificate\": %s", rule),
			 errhint("%s",
					 hint
						 ? hint
						 : "Give PEM, DER, PKCS#7 or PKCS#12, and its passphrase if it has one.")));
}

/* Open the bundle with strength 0, because put() checks the strength. */
static text *
open_bundle(bytea *bundle, char *passphrase)
{
	Certificate *certificate;
	const char *rule;
	char *pem = NULL;
	size_t size = 0;

	rule = certificate_read(VARDATA_ANY(bundle), VARSIZE_ANY_EXHDR(bundle), passphrase, 0,
							&certificate);
	if (rule)
		refuse_bundle(rule);
	pem = secret_adopt(certificate_pem(certificate, &size));
	certificate_free(certificate);
	if (pem == NULL)
		refuse_bundle(TYPE_NO_MEMORY);
	return secret_text(pem, size);
}

/* Return the passphrase in UTF-8, which files mean, whatever the encoding of the database. */
static char *
passphrase_from(const text *given)
{
	const char *typed = VARDATA_ANY(given);
	size_t size = VARSIZE_ANY_EXHDR(given);
	char *passphrase = secret_alloc(encoding_room(size) + 1);

	if (encoding_is_stored(typed, size))
		memcpy(passphrase, typed, size);
	else if (!encoding_to_stored(typed, size, passphrase, &size))
		error_bad_argument("passphrase", "it has a character that UTF-8 does not have", NULL);
	passphrase[size] = '\0';
	return passphrase;
}

/* Return true if the database's encoding has this UTF-8 character. */
static bool
database_has(const char *character, size_t size)
{
	char converted[64];
	size_t converted_size;

	return encoding_is_stored(character, size) ||
		(encoding_room(size) <= sizeof(converted) &&
		 encoding_from_stored(character, size, converted, &converted_size));
}

void
pki_init(void)
{
	ssh_key_show_only(database_has);
}

static Datum
import_body(FunctionCallInfo fcinfo)
{
	LOCAL_FCINFO(put, ARGS);
	char *passphrase = NULL;
	text *value;

	require_permission(fcinfo);
	if (PG_ARGISNULL(ARG_BUNDLE))
		error_bad_argument("bundle", "must not be null", NULL);
	if (!PG_ARGISNULL(ARG_PASSPHRASE))
		passphrase = passphrase_from(PG_GETARG_TEXT_PP(ARG_PASSPHRASE));

	InitFunctionCallInfoData(*put, fcinfo->flinfo, ARGS, fcinfo->fncollation, NULL, NULL);
	memcpy(put->args, fcinfo->args, ARGS * sizeof(NullableDatum));
	argument_to_jsonb(put, ARG_TAGS, "tags");
	value = open_bundle(PG_GETARG_BYTEA_PP(ARG_BUNDLE), passphrase);
	put->args[ARG_BUNDLE].value = PointerGetDatum(value);
	put->args[ARG_PASSPHRASE].value = PointerGetDatum(cstring_to_text("certificate"));
	put->args[ARG_PASSPHRASE].isnull = false;
	return secret_put_text(put);
}

PG_FUNCTION_INFO_V1(vault_import_certificate);

Datum
vault_import_certificate(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, import_body);
}
