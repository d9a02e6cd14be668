/*
 * key_rsa.h
 *		RSA keys from their numbers and from PKCS#1.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 */
#ifndef VAULT_PKI_KEY_RSA_H
#define VAULT_PKI_KEY_RSA_H

#include <stdbool.h>

#include "pki/key_build.h"

/* The numbers of an RSA key, in the order in which SSH writes them, and two that it leaves out. */
enum
{
	RSA_N,
	RSA_E,
	RSA_D,
	RSA_IQMP,
	RSA_P,
	RSA_Q,
	RSA_SSH_NUMBERS,
	RSA_DP = RSA_SSH_NUMBERS,
	RSA_DQ,
	RSA_NUMBERS
};

/*
 * Return the key, which the caller frees; NULL if the numbers do not fit each other.  The last
 * two may be NULL.
 */
extern EVP_PKEY *key_rsa_from_numbers(BIGNUM *const numbers[RSA_NUMBERS]);

/* Return the key of an RSAPrivateKey of PKCS#1, which the caller frees; NULL if it is none. */
extern EVP_PKEY *key_rsa_from_der(const unsigned char *der, size_t size);

/* Return true if the public exponent is odd and has 2 to 64 bits. */
extern bool key_rsa_exponent_is_sound(const EVP_PKEY *key);

#endif
