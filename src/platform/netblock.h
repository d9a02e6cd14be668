/*
 * netblock.h
 *		Network addresses and blocks (CIDR).
 *
 * Plain C without server headers. An IPv4-mapped IPv6 address is an IPv4 address, and a block of at
 * least 96 bits inside ::ffff:0:0/96 is an IPv4 block. A wider IPv6 block contains no IPv4 address.
 * Bits after the mask must be zero. A single address is a block of one.
 */
#ifndef VAULT_PLATFORM_NETBLOCK_H
#define VAULT_PLATFORM_NETBLOCK_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the longest text of a block and its NUL. */
#define NET_TEXT_BYTES 64

typedef struct NetAddress
{
	int family; /* 4 or 6; 0 means none */
	unsigned char bytes[16];
} NetAddress;

typedef struct NetBlock
{
	NetAddress address;
	int bits;
} NetBlock;

/* Returns false, and sets family 0, if the text is not an address. */
extern bool net_address_parse(const char *text, size_t size, NetAddress *address);

/* Set an address from 4 or 16 bytes in network order. */
extern void net_address_set(NetAddress *address, int family, const void *bytes);

/* Both return NULL if the text is valid, else a static phrase with the reason. */
extern const char *net_block_parse(const char *text, size_t size, NetBlock *block);

/* Parse blocks with commas or spaces between them; at most max. */
extern const char *net_list_parse(const char *text, NetBlock *blocks, int max, int *count);

/* Write the block in its canonical form. */
extern void net_block_format(const NetBlock *block, char text[NET_TEXT_BYTES]);

extern bool net_block_holds(const NetBlock *block, const NetAddress *address);
extern bool net_block_covers(const NetBlock *outer, const NetBlock *inner);

#endif
