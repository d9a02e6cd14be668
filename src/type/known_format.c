/*
 * known_format.c
 *		A table of prefixes, and what may follow them.
 */
#include "type/known_format.h"

#include <stdbool.h>
#include <string.h>

typedef struct Pattern
{
	KnownFormat format;
	const char *prefix;
	const char *also; /* characters beside letters and digits; NULL allows all */
	size_t at_least;  /* bytes after the prefix */
} Pattern;

static const Pattern patterns[] = {
	{{"an AWS access key", "api_key"}, "AKIA", "", 16},
	{{"an AWS access key", "api_key"}, "ASIA", "", 16},
	{{"a GitHub token", "api_key"}, "ghp_", "", 30},
	{{"a GitHub token", "api_key"}, "gho_", "", 30},
	{{"a GitHub token", "api_key"}, "ghu_", "", 30},
	{{"a GitHub token", "api_key"}, "ghs_", "", 30},
	{{"a GitHub token", "api_key"}, "ghr_", "", 30},
	{{"a GitHub token", "api_key"}, "github_pat_", "_", 40},
	{{"a GitLab token", "api_key"}, "glpat-", "_-.", 20},
	{{"a Stripe key", "api_key"}, "sk_live_", "", 16},
	{{"a Stripe key", "api_key"}, "sk_test_", "", 16},
	{{"a Stripe key", "api_key"}, "rk_live_", "", 16},
	{{"a Stripe key", "api_key"}, "rk_test_", "", 16},
	{{"a Stripe webhook secret", "api_key"}, "whsec_", "", 16},
	{{"a Slack token", "api_key"}, "xoxa-", "-", 10},
	{{"a Slack token", "api_key"}, "xoxb-", "-", 10},
	{{"a Slack token", "api_key"}, "xoxp-", "-", 10},
	{{"a Slack token", "api_key"}, "xoxr-", "-", 10},
	{{"a Slack token", "api_key"}, "xoxs-", "-", 10},
	{{"a Google API key", "api_key"}, "AIza", "_-", 35},
	{{"a Google OAuth token", "oauth_token"}, "ya29.", "_-.", 20},
	{{"an npm token", "api_key"}, "npm_", "", 36},
	{{"a PyPI token", "api_key"}, "pypi-", "_-", 32},
	{{"a SendGrid key", "api_key"}, "SG.", "_-.", 32},
	{{"a DigitalOcean token", "api_key"}, "dop_v1_", "", 32},
	{{"a Shopify token", "api_key"}, "shpat_", "", 32},
	{{"an Anthropic key", "api_key"}, "sk-ant-", "_-", 32},
	{{"an OpenAI key", "api_key"}, "sk-proj-", "_-", 32},
	{{"a HashiCorp Vault token", "api_key"}, "hvs.", "_-", 20},
	{{"a HashiCorp Vault token", "api_key"}, "hvb.", "_-", 20},
	{{"a certificate", "certificate"}, "-----BEGIN CERTIFICATE-----", NULL, 1},
	{{"an SSH private key", "ssh_key"}, "-----BEGIN OPENSSH PRIVATE KEY-----", NULL, 1},
	{{"a private key", "ssh_key"}, "-----BEGIN PRIVATE KEY-----", NULL, 1},
	{{"a private key", "ssh_key"}, "-----BEGIN RSA PRIVATE KEY-----", NULL, 1},
	{{"a private key", "ssh_key"}, "-----BEGIN EC PRIVATE KEY-----", NULL, 1},
	{{"an encrypted private key", "ssh_key"}, "-----BEGIN ENCRYPTED PRIVATE KEY-----", NULL, 1},
	{{"a database URL", "database"}, "postgresql://", NULL, 1},
	{{"a database URL", "database"}, "postgres://", NULL, 1},
	{{"a database URL", "database"}, "mysql://", NULL, 1},
	{{"a database URL", "database"}, "mongodb://", NULL, 1},
};

static const KnownFormat jwt = {"a JWT", "oauth_token"};

static bool
known_format_is_one_of(char c, const char *also)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr(also, c) != NULL);
}

static bool
consists_of(const char *text, size_t size, const char *also)
{
	for (size_t i = 0; i < size; i++)
		if (!known_format_is_one_of(text[i], also))
			return false;
	return true;
}

static bool
known_format_fits(const Pattern *pattern, const char *value, size_t size)
{
	size_t prefix = strlen(pattern->prefix);

	if (size < prefix + pattern->at_least || memcmp(value, pattern->prefix, prefix) != 0)
		return false;
	return pattern->also == NULL || consists_of(value + prefix, size - prefix, pattern->also);
}

/* Return true for "{" in base64url, and two dots. */
static bool
looks_like_jwt(const char *value, size_t size)
{
	int dots = 0;

	if (size < 20 || memcmp(value, "eyJ", 3) != 0 || !consists_of(value, size, "_-."))
		return false;
	for (size_t i = 0; i < size; i++)
		dots += value[i] == '.';
	return dots == 2;
}

const KnownFormat *
known_format_find(const void *given, size_t size)
{
	const char *value = given;

	/* Ignore line breaks at the end, which files and shells add. */
	while (size > 0 && (value[size - 1] == '\n' || value[size - 1] == '\r'))
		size--;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (known_format_fits(&patterns[i], value, size))
			return &patterns[i].format;
	return looks_like_jwt(value, size) ? &jwt : NULL;
}
