/*
 * der.c
 *		Writes DER; der.h has the contract.
 */
#include "pki/der.h"

#include <string.h>

#include <openssl/objects.h>

unsigned char *
der_prepend(unsigned char *at, const void *data, size_t size)
{
	return memcpy(at - size, data, size);
}

unsigned char *
der_prepend_header(unsigned char *at, unsigned char tag, const unsigned char *end)
{
	size_t length = end - at;

	*--at = length & 0xff;
	if (length > 0xff)
		*--at = length >> 8;
	if (length > 0x7f)
		*--at = length > 0xff ? 0x82 : 0x81;
	*--at = tag;
	return at;
}

unsigned char *
der_prepend_object(unsigned char *at, int nid)
{
	const ASN1_OBJECT *object = OBJ_nid2obj(nid);
	unsigned char *end = at;

	at = der_prepend(at, OBJ_get0_data(object), OBJ_length(object));
	return der_prepend_header(at, DER_OBJECT, end);
}
