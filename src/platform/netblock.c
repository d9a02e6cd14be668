/*
 * netblock.c
 *		Parses, prints and compares addresses and blocks.
 */
#include "platform/netblock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void
net_address_set(NetAddress *address, int family, const void *bytes)
{
	memset(address, 0, sizeof(*address));
	address->family = family;
	memcpy(address->bytes, bytes, family == 4 ? 4 : 16);
	if (family == 6 && memcmp(address->bytes, mapped, sizeof(mapped)) == 0)
	{
		address->family = 4;
		memmove(address->bytes, address->bytes + 12, 4);
		memset(address->bytes + 4, 0, 12);
	}
}

/* Parse an address without mapping it to IPv4. */
static bool
parse_raw(const char *text, size_t size, NetAddress *address)
{
	char copy[NET_TEXT_BYTES];

	memset(address, 0, sizeof(*address));
	if (size == 0 || size >= sizeof(copy) || memchr(text, 0, size) != NULL)
		return false;
	memcpy(copy, text, size);
	copy[size] = 0;
	if (inet_pton(AF_INET, copy, address->bytes) == 1)
		address->family = 4;
	else if (inet_pton(AF_INET6, copy, address->bytes) == 1)
		address->family = 6;
	return address->family != 0;
}

bool
net_address_parse(const char *text, size_t size, NetAddress *address)
{
	NetAddress raw;

	memset(address, 0, sizeof(*address));
	if (!parse_raw(text, size, &raw))
		return false;
	net_address_set(address, raw.family, raw.bytes);
	return true;
}

static int
netblock_width(const NetAddress *address)
{
	return address->family == 4 ? 32 : 128;
}

/* Parse one to three digits without a leading zero. Returns -1 if they are malformed. */
static int
parse_bits(const char *text, size_t size)
{
	int bits = 0;

	if (size < 1 || size > 3 || (text[0] == '0' && size > 1))
		return -1;
	for (size_t i = 0; i < size; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		bits = bits * 10 + (text[i] - '0');
	}
	return bits;
}

static bool
same_bits(const unsigned char *a, const unsigned char *b, int bits)
{
	int whole = bits / 8;
	int rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

static bool
has_host_bits(const NetBlock *block)
{
	for (int bit = block->bits; bit < netblock_width(&block->address); bit++)
		if (block->address.bytes[bit / 8] & (0x80 >> (bit % 8)))
			return true;
	return false;
}

const char *
net_block_parse(const char *text, size_t size, NetBlock *block)
{
	const char *slash = size > 0 ? memchr(text, '/', size) : NULL;
	size_t address_size = slash ? (size_t) (slash - text) : size;
	NetAddress raw;
	int bits;

	if (!parse_raw(text, address_size, &raw))
		return "it is not an address or a block in CIDR form";
	bits = slash ? parse_bits(slash + 1, size - address_size - 1) : netblock_width(&raw);
	if (bits < 0 || bits > netblock_width(&raw))
		return "the length of the mask is not valid";
	block->address = raw;
	block->bits = bits;
	if (has_host_bits(block))
		return "it has bits set to the right of the mask";
	if (bits >= 96)
		net_address_set(&block->address, raw.family, raw.bytes);
	if (block->address.family != raw.family)
		block->bits = bits - 96;
	return NULL;
}

const char *
net_list_parse(const char *text, NetBlock *blocks, int max, int *count)
{
	static const char between[] = ", \t\r\n";

	*count = 0;
	for (text += strspn(text, between); *text; text += strspn(text, between))
	{
		size_t size = strcspn(text, between);
		const char *fault;

		if (*count == max)
			return "the list is too long";
		fault = net_block_parse(text, size, &blocks[*count]);
		if (fault)
			return fault;
		(*count)++;
		text += size;
	}
	return NULL;
}

void
net_block_format(const NetBlock *block, char text[NET_TEXT_BYTES])
{
	int family = block->address.family == 4 ? AF_INET : AF_INET6;
	char address[INET6_ADDRSTRLEN] = "";

	(void) inet_ntop(family, block->address.bytes, address, sizeof(address));
	snprintf(text, NET_TEXT_BYTES, "%s/%d", address, block->bits);
}

bool
net_block_holds(const NetBlock *block, const NetAddress *address)
{
	return block->address.family == address->family &&
		same_bits(block->address.bytes, address->bytes, block->bits);
}

bool
net_block_covers(const NetBlock *outer, const NetBlock *inner)
{
	return outer->bits <= inner->bits && net_block_holds(outer, &inner->address);
}
