/*
 * pki_types.c
 *		The types certificate and ssh_key.
 *
 * min_entropy of a policy is the required strength of a key.
 */
#include "pki/pki_types.h"

#include <string.h>

#include "pki/certificate.h"
#include "pki/rules.h"
#include "pki/ssh_key.h"

/* ---- certificate ---- */

static const char *
keep_facts(Certificate *certificate, TypeFacts *facts)
{
	const char *metadata = certificate_metadata(certificate);

	facts->normal = certificate_pem(certificate, &facts->normal_size);
	facts->metadata = value_copy(metadata, strlen(metadata));
	facts->expires_at = certificate_valid_until(certificate); /* may be in the past */
	if (facts->expires_at <= 0)
		facts->expires_at = 1;
	if (facts->normal && facts->metadata)
		return NULL;
	type_facts_free(facts);
	return TYPE_NO_MEMORY;
}

static const char *
check_certificate(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	Certificate *certificate;
	const char *fault =
		certificate_read(value, size, NULL, (int) context->policy->min_entropy, &certificate);

	if (fault == NULL)
		fault = keep_facts(certificate, facts);
	certificate_free(certificate);
	return fault;
}

/* Read a part without a policy: the value may be older than the current one. */
static TypeField
certificate_part(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	Certificate *certificate;
	TypeField found;

	*out = NULL;
	if (certificate_read(value, size, NULL, 0, &certificate) != NULL)
		return FIELD_UNREADABLE;
	found = certificate_field(certificate, name, out, out_size);
	certificate_free(certificate);
	return found;
}

static const ValueType certificate_type = {
	.name = "certificate",
	.description = "an X.509 certificate with the chain of its issuers, and its private key",
	.hint = "Give the certificate, its issuers and its private key in PEM, "
			"or use vault.import_certificate().",
	.hint_of = pki_hint,
	.fields = CERTIFICATE_FIELDS,
	.takes_bytes = true,
	.policy = {.min_entropy = CERTIFICATE_STRENGTH},
	.check = check_certificate,
	.field = certificate_part,
	.has_no_password = true,
};

/* ---- ssh_key ---- */

static const char *
check_ssh_key(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	SshKey *key;
	const char *fault = ssh_key_read(value, size, (int) context->policy->min_entropy, &key);
	const char *text;

	if (fault)
		return fault;
	text = ssh_key_text(key, &facts->normal_size);
	facts->normal = value_copy(text, facts->normal_size);
	facts->metadata = ssh_key_metadata(key);
	ssh_key_free(key);
	if (facts->normal && facts->metadata)
		return NULL;
	type_facts_free(facts);
	return TYPE_NO_MEMORY;
}

static TypeField
ssh_key_part(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	SshKey *key;
	TypeField found;

	*out = NULL;
	if (ssh_key_read(value, size, 0, &key) != NULL)
		return FIELD_UNREADABLE;
	found = ssh_key_field(key, name, out, out_size);
	ssh_key_free(key);
	return found;
}

static const char *
generate_ssh_key(const TypeContext *context, char **out, size_t *out_size)
{
	(void) context;
	*out = ssh_key_generate(out_size);
	return *out ? NULL : "no key could be made";
}

static const ValueType ssh_key_type = {
	.name = "ssh_key",
	.description = "a private key for SSH",
	.hint = "Give a private key as ssh-keygen writes it, without a passphrase.",
	.hint_of = pki_hint,
	.fields = SSH_KEY_FIELDS,
	.takes_bytes = true,
	.policy = {.min_entropy = SSH_KEY_STRENGTH},
	.lifecycle = {.rotation = 365},
	.check = check_ssh_key,
	.field = ssh_key_part,
	.generate = generate_ssh_key,
	.has_no_password = true,
};

void
pki_register(void)
{
	type_register(&certificate_type);
	type_register(&ssh_key_type);
}
