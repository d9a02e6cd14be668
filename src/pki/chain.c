/*
 * chain.c
 *		The order of a chain; chain.h has the rules.
 *
 * Guards that a stored certificate works where it is used: a server that presents a
 * broken chain, or a key that does not fit, finds out from its clients.
 */
#include "pki/chain.h"

#include <openssl/x509v3.h>

#include "pki/private_key.h"

#define NO_CHAIN "its certificates do not form one chain from leaf to root"

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
		return "its private key is not that of its certificate";
	return private_key_works(bundle->key) ? NULL : "its private key does not work";
}

static bool
has_issued_another(const Bundle *bundle, int which)
{
	for (int i = 0; i < bundle->count; i++)
		if (i != which && names_fit(bundle->certificates[which], bundle->certificates[i]))
			return true;
	return false;
}

/* The one that issued none of the others. */
static const char *
leaf_by_place(const Bundle *bundle, int *leaf)
{
	*leaf = NONE;
	for (int i = 0; i < bundle->count; i++)
	{
		if (has_issued_another(bundle, i))
			continue;
		if (*leaf != NONE)
			return NO_CHAIN;
		*leaf = i;
	}
	return *leaf == NONE ? NO_CHAIN : NULL;
}

static void
swap(Bundle *bundle, int a, int b)
{
	X509 *other = bundle->certificates[a];

	bundle->certificates[a] = bundle->certificates[b];
	bundle->certificates[b] = other;
}

/* The issuer of the certificate at this place, among those behind it. */
static const char *
find_issuer(const Bundle *bundle, int place, int *issuer)
{
	X509 *subject = bundle->certificates[place];
	bool forged = false;

	*issuer = NONE;
	for (int i = place + 1; i < bundle->count && *issuer == NONE; i++)
	{
		if (!names_fit(bundle->certificates[i], subject))
			continue;
		if (signature_fits(bundle->certificates[i], subject))
			*issuer = i;
		else
			forged = true;
	}
	if (*issuer == NONE)
		return forged ? "a signature in its chain does not verify" : NO_CHAIN;
	if (X509_check_ca(bundle->certificates[*issuer]) == 0)
		return "an issuer in its chain is not a CA";
	return NULL;
}

static const char *
check_strength(X509 *certificate, int min_strength)
{
	int strength = 0;

	if (EVP_PKEY_get_security_bits(X509_get0_pubkey(certificate)) < min_strength)
		return "a key in it is weaker than the policy asks: RSA of 2048 bits counts as 112, P-256 as 128";
	if (chain_is_self_signed(certificate))
		return NULL; /* nobody's trust rests on that signature */
	if (X509_get_signature_info(certificate, NULL, NULL, &strength, NULL) != 1 ||
		strength < min_strength)
		return "a signature in it is weaker than the policy asks: SHA-1 counts as 63 bits, SHA-256 as 128";
	return NULL;
}

/* A root that is damaged; what another authority signed has another issuer's key identifier. */
static const char *
check_end(X509 *last)
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
		swap(bundle, place, next);
		if (place + 1 == bundle->count)
			return check_end(bundle->certificates[place]);
		fault = find_issuer(bundle, place, &next);
	}
	return fault;
}
