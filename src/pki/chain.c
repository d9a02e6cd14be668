/*
 * chain.c
 *		The order of a chain; chain.h has the rules.
 *
 * It guards that a stored certificate works where it is used. Otherwise a server with a broken
 * chain, or a key that does not fit, would fail only when clients connect.
 */
#include "pki/chain.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "pki/private_key.h"
#include "pki/rules.h"

#define NONE (-1)

static bool
names_fit(X509 *issuer, X509 *subject)
{
	return X509_check_issued(issuer, subject) == X509_V_OK;
}

static bool
signature_fits(X509 *issuer, X509 *subject)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	return key != NULL && X509_verify(subject, key) == 1;
}

bool
chain_is_self_signed(X509 *certificate)
{
	return names_fit(certificate, certificate) && signature_fits(certificate, certificate);
}

static const char *
leaf_by_key(const Bundle *bundle, int *leaf)
{
	*leaf = NONE;
	for (int i = 0; i < bundle->count; i++)
	{
		if (EVP_PKEY_eq(X509_get0_pubkey(bundle->certificates[i]), bundle->key) != 1)
			continue;
		if (*leaf != NONE)
			return "its private key is that of more than one certificate";
		*leaf = i;
	}
	if (*leaf == NONE)
		return NOT_ITS_KEY;
	return private_key_works(bundle->key) ? NULL : "its private key does not work";
}

/* Return NULL if the first certificate issued the second, else the reason. */
static const char *
check_issuer(X509 *issuer, X509 *subject)
{
	switch (X509_check_issued(issuer, subject))
	{
		case X509_V_OK:
			return signature_fits(issuer, subject) ? NULL : FORGED;
		case X509_V_ERR_AKID_SKID_MISMATCH:
		case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
			return ANOTHER_ISSUER;
		case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
		case X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE:
			return MAY_NOT_SIGN;
	}
	return NO_CHAIN;
}

/* Return the reason why two certificates have issued no other: why neither issued the other. */
static const char *
why_two_leaves(const Bundle *bundle)
{
	for (int i = 0; i < bundle->count; i++)
		for (int j = 0; j < bundle->count; j++)
		{
			const char *reason =
				i == j ? NULL : check_issuer(bundle->certificates[i], bundle->certificates[j]);

			if (reason && strcmp(reason, NO_CHAIN) != 0 && strcmp(reason, FORGED) != 0)
				return reason;
		}
	return NO_CHAIN;
}

static bool
has_issued_another(const Bundle *bundle, int which)
{
	for (int i = 0; i < bundle->count; i++)
		if (i != which && names_fit(bundle->certificates[which], bundle->certificates[i]))
			return true;
	return false;
}

/* Find the certificate that issued none of the others. */
static const char *
leaf_by_place(const Bundle *bundle, int *leaf)
{
	*leaf = NONE;
	for (int i = 0; i < bundle->count; i++)
	{
		if (has_issued_another(bundle, i))
			continue;
		if (*leaf != NONE)
			return why_two_leaves(bundle);
		*leaf = i;
	}
	return *leaf == NONE ? NO_CHAIN : NULL;
}

static void
chain_swap(Bundle *bundle, int a, int b)
{
	X509 *other = bundle->certificates[a];

	bundle->certificates[a] = bundle->certificates[b];
	bundle->certificates[b] = other;
}

/* Find the issuer of the certificate at this place, among those after it. */
static const char *
find_issuer(const Bundle *bundle, int place, int *issuer)
{
	const char *fault = NO_CHAIN;

	for (int i = place + 1; i < bundle->count; i++)
	{
		const char *reason = check_issuer(bundle->certificates[i], bundle->certificates[place]);

		*issuer = i;
		if (reason == NULL)
			return X509_check_ca(bundle->certificates[i]) == 0 ? NOT_A_CA : NULL;
		if (strcmp(reason, NO_CHAIN) != 0) /* it is more specific */
			fault = reason;
	}
	return fault;
}

static const char *
check_strength(X509 *certificate, int min_strength)
{
	int strength = 0;

	if (private_key_strength(X509_get0_pubkey(certificate)) < min_strength)
		return WEAK_KEY;
	if (chain_is_self_signed(certificate))
		return NULL; /* no trust depends on that signature */
	if (min_strength > 0 && X509_get_signature_info(certificate, NULL, NULL, &strength, NULL) != 1)
		return "a signature in it is of a kind that is not known";
	return strength < min_strength ? WEAK_SIGNATURE : NULL;
}

/*
 * Check a root for damage. A certificate that another authority signed has another issuer's key
 * identifier.
 */
static const char *
chain_check_end(X509 *last)
{
	if (names_fit(last, last) && !signature_fits(last, last))
		return "the certificate at its end names itself as its issuer and is not signed by itself";
	return NULL;
}

const char *
chain_order(Bundle *bundle, int min_strength)
{
	const char *fault = NULL;
	int next;

	for (int i = 0; i < bundle->count && fault == NULL; i++)
		fault = check_strength(bundle->certificates[i], min_strength);
	if (fault == NULL)
		fault = bundle->key ? leaf_by_key(bundle, &next) : leaf_by_place(bundle, &next);
	for (int place = 0; fault == NULL; place++)
	{
		chain_swap(bundle, place, next);
		if (place + 1 == bundle->count)
			return chain_check_end(bundle->certificates[place]);
		fault = find_issuer(bundle, place, &next);
	}
	return fault;
}
