/*
 * shares.h
 *		Shamir's secret sharing of the root key over GF(256).
 *
 * Plain C without server headers. Multiplication and inversion (a^254) have no branch and no table
 * that depends on secrets. Coefficients are uniform, including the leading one; x is 1 to count. A
 * share carries the id of its set and a checksum, so a typing error is found at once. Only the
 * key's check value can tell whether a complete set is the right one.
 *
 * Binary form: version 1, set id (8), x, threshold, data (32), checksum (4: the start of SHA-256
 * over the bytes before). Text form: "vault-share-1-" and base64url of it.
 */
#ifndef VAULT_KEYRING_SHARES_H
#define VAULT_KEYRING_SHARES_H

#include "crypto/primitives.h"

#define SHARE_SET_BYTES  8
#define SHARE_MAX_COUNT  32
#define SHARE_TEXT_BYTES 96 /* room for the text form and its NUL */

typedef struct Share
{
	unsigned char set[SHARE_SET_BYTES];
	uint8_t x;
	uint8_t threshold;
	unsigned char data[KEY_BYTES];
} Share;

/*
 * Split the key into count shares, of which threshold restore it. FORMAT unless 2 <= threshold <=
 * count <= SHARE_MAX_COUNT.
 */
extern CryptoStatus shares_split(const SecretKey *key, int threshold, int count, Share *shares);

/*
 * Restore the key from exactly threshold shares. FORMAT if they are not of one set, are too few, or
 * an x is zero or repeated.
 */
extern CryptoStatus shares_combine(const Share *shares, int count, SecretKey *key);

extern CryptoStatus share_encode(const Share *share, char text[SHARE_TEXT_BYTES]);

/* Decode a share. White space around the text is allowed; FORMAT for any other deviation. */
extern CryptoStatus share_decode(const char *text, size_t size, Share *share);

#endif
