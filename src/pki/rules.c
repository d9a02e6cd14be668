/*
 * rules.c
 *		The remedies of the rules that have one of their own.
 */
#include "pki/rules.h"

#include <stddef.h>
#include <string.h>

static const struct
{
	const char *rule;
	const char *hint;
} hints[] = {
	{NO_CHAIN,
	 "Give the leaf and its issuers and nothing else, with no one missing between them; "
	 "openssl x509 -noout -subject -issuer says who issued whom."},
	{NOT_ITS_KEY,
	 "Give the key with which the certificate was requested: "
	 "openssl pkey -pubout and openssl x509 -noout -pubkey print the same for the two."},
	{FORGED,
	 "Give the issuers that really signed: one has the same name and another key. "
	 "Fetch the chain anew from the authority."},
	{NOT_A_CA,
	 "Leave out the certificate that is not a CA, or have the leaf signed by an authority."},
	{MAY_NOT_SIGN, "Give an issuer whose key usage, if it has one, has keyCertSign."},
	{ANOTHER_ISSUER,
	 "Give the issuer that the authority key identifier of the certificate names; "
	 "an authority may have several of one name."},
	{WEAK_KEY,
	 "Use a stronger key, "
	 "or have an administrator set min_entropy with vault.set_type_policy('certificate')."},
	{WEAK_SIGNATURE,
	 "Have the certificate signed with SHA-256, "
	 "or have an administrator set min_entropy with vault.set_type_policy('certificate')."},
	{HAS_CRL, "Leave the revocation list out."},
	{TWO_KEYS, "Store each private key with its certificate as a secret of its own."},
	{OPENSSH_KEY, "Change a copy of the key with ssh-keygen -p -m PKCS8 -f FILE, and give that."},
	{NO_CIPHER,
	 "Encrypt the file anew: openssl pkcs12 -legacy or openssl pkey, where the legacy provider is, "
	 "reads it and writes AES."},
	{TOO_MANY_ROUNDS, "Encrypt the file anew with 1,000,000 rounds at most."},
	{NO_PASSPHRASE, "Use vault.import_certificate() with its passphrase."},
	{NO_P12_PASSPHRASE, "Use vault.import_certificate() with its passphrase."},
	{WRONG_PASSPHRASE, "Try openssl pkey -in FILE -noout with the same passphrase."},
	{WRONG_P12_PASSPHRASE,
	 "Try openssl pkcs12 -in FILE -noout with the same passphrase; -legacy if the file is old."},
	{DAMAGED_P12, "Export the file anew."},
	{DAMAGED_PART, "Export the file anew, with one passphrase for the file and its key."},
	{WEAK_SSH_KEY,
	 "Make a stronger key, such as ssh-keygen -t ed25519, "
	 "or have an administrator set min_entropy with vault.set_type_policy('ssh_key')."},
	{ENCRYPTED_SSH_KEY,
	 "ssh-keygen -p -N '' -f COPY asks for the passphrase and writes the copy without one; "
	 "delete it afterwards."},
	{PUBLIC_SSH_KEY,
	 "Give the private key; the public one is derived from it. A public key is no secret."},
	{PUTTY_KEY, "Change it with puttygen FILE.ppk -O private-openssh -o FILE, and give that."},
	{SSH2_KEY, "Change it with ssh-keygen -i -f FILE, and give a private key."},
};

const char *
pki_hint(const char *rule)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strcmp(hints[i].rule, rule) == 0)
			return hints[i].hint;
	return NULL;
}
