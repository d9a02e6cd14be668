/*
 * rules.h
 *		Rules of certificates and SSH keys that have a remedy of their own.
 *
 * Plain C without server headers. A rule is a static phrase, and one phrase has one cause.
 */
#ifndef VAULT_PKI_RULES_H
#define VAULT_PKI_RULES_H

/* ---- chains ---- */

#define NO_CHAIN       "its certificates do not form one chain from leaf to root"
#define NOT_ITS_KEY    "its private key is not that of its certificate"
#define FORGED         "a signature in its chain does not verify"
#define NOT_A_CA       "an issuer in its chain is not a CA"
#define MAY_NOT_SIGN   NO_CHAIN ": by its key usage an issuer may not sign certificates"
#define ANOTHER_ISSUER NO_CHAIN ": one has the name of an issuer, and another key"
#define WEAK_KEY \
	"a key in it is weaker than the policy asks: RSA of 2048 bits counts as 112, P-256 as 128"
#define WEAK_SIGNATURE \
	"a signature in it is weaker than the policy asks: SHA-1 counts as 63 bits, SHA-256 as 128"

/* ---- files ---- */

#define HAS_CRL "it has a revocation list, which is neither a certificate nor a private key"

#define NOT_A_KEY      "a private key in it cannot be decoded"
#define NOT_HANDLED    "a key is not RSA, EC, Ed25519 or Ed448"
#define NO_NAMED_CURVE "an EC key is not on a named curve"
#define TWO_KEYS       "it has more than one private key"
#define OPENSSH_KEY    "its private key is of OpenSSH's own form"

#define NO_CIPHER "its cipher is unknown, or obsolete and OpenSSL's legacy provider is not there"

#define TOO_MANY_ROUNDS      "its passphrase asks for too many rounds of derivation"
#define NO_PASSPHRASE        "its private key is encrypted and no passphrase is given"
#define WRONG_PASSPHRASE     "its private key does not open with this passphrase, or is damaged"
#define NO_P12_PASSPHRASE    "the PKCS#12 is encrypted and no passphrase is given, or an empty one"
#define WRONG_P12_PASSPHRASE "the PKCS#12 does not open with this passphrase"

#define DAMAGED_P12  "the PKCS#12 is damaged: this passphrase opens it, and its MAC does not fit"
#define DAMAGED_PART "a part of the PKCS#12 does not open: it is damaged, or has another passphrase"

/* ---- SSH ---- */

#define WEAK_SSH_KEY \
	"its key is weaker than the policy asks: RSA of 2048 bits counts as 112, Ed25519 as 128"
#define ENCRYPTED_SSH_KEY \
	"it is encrypted: take its passphrase away first, with ssh-keygen -p -N '', and store that"
#define PUBLIC_SSH_KEY "it is a public key and not a private key"
#define PUTTY_KEY      "it is a key of PuTTY's own form and not a private key of OpenSSH or in PEM"
#define SSH2_KEY       "it is a key of SSH.com's form and not a private key of OpenSSH or in PEM"

/* Return the remedy for a broken rule; NULL if the type's hint suffices. */
extern const char *pki_hint(const char *rule);

#endif
