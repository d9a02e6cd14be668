/*
 * chain.h
 *		Checks that certificates belong together: the key, the issuers, and their strength.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 */
#ifndef VAULT_PKI_CHAIN_H
#define VAULT_PKI_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "pki/bundle.h"

/*
 * Order the certificates, leaf first and each issuer after the certificate that it issued.
 * Otherwise return the rule that is broken:
 *
 *	- the private key, if there is one, is that of exactly one certificate and works;
 *	- all others are issuers of it, in one line, by name and by signature, and are CAs;
 *	- no key, and no signature but that of a certificate by itself, is weaker than
 *	  min_strength bits.
 */
extern const char *chain_order(Bundle *bundle, int min_strength);

/* Return true if the certificate is signed by its own key. */
extern bool chain_is_self_signed(X509 *certificate);

#endif
