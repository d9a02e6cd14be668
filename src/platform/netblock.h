/*
 * netblock.h
 *		Network addresses and blocks (CIDR).
 *
 * Plain C without server headers.  IPv4-mapped IPv6 addresses are IPv4 ones, and so are
 * blocks of at least 96 bits inside ::ffff:0:0/96; a wider IPv6 block holds no IPv4
 * address.  Bits behind the mask must be zero; an address alone is a block of one.
 */
#ifndef VAULT_PLATFORM_NETBLOCK_H
#define VAULT_PLATFORM_NETBLOCK_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the longest text of a block and its NUL. */
#define NET_TEXT_BYTES 64

typedef struct NetAddress
{
	int family; /* 4 or 6; 0: none */
	unsigned char bytes[16];
} NetAddress;

typedef struct NetBlock
{
	NetAddress address;
	int bits;
} NetBlock;

/* False, and family 0, if it is none. */
extern bool net_address_parse(const char *text, size_t size, NetAddress *address);

/* 4 or 16 bytes in network order. */
extern void net_address_set(NetAddress *address, int family, const void *bytes);

/* Each returns NULL if the text is valid, else a static phrase that says why not. */
extern const char *net_block_parse(const char *text, size_t size, NetBlock *block);

/* Blocks with commas or spaces between them; at most max. */
extern const char *net_list_parse(const char *text, NetBlock *blocks, int max, int *count);

/* The one way to write this block. */
extern void net_block_format(const NetBlock *block, char text[NET_TEXT_BYTES]);

extern bool net_block_holds(const NetBlock *block, const NetAddress *address);
extern bool net_block_covers(const NetBlock *outer, const NetBlock *inner);

#endif
