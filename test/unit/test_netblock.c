/*
 * test_netblock.c
 *		Addresses and blocks: what is one, the one way to write it, IPv4 in IPv6, and
 *		membership bit by bit against a slow reference.
 */
#include "platform/netblock.h"

#include "harness.h"

/* Text, and how it is written canonically; NULL: it is none. */
static const char *const texts[][2] = {{"10.0.0.0/8", "10.0.0.0/8"},
									   {"192.0.2.1", "192.0.2.1/32"},
									   {"0.0.0.0/0", "0.0.0.0/0"},
									   {"::/0", "::/0"},
									   {"2001:DB8:0:0::/32", "2001:db8::/32"},
									   {"::1", "::1/128"},
									   {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
									   {"::FFFF:a00:1", "10.0.0.1/32"},
									   {"::ffff:0.0.0.0/96", "0.0.0.0/0"},
									   {"::ffff:0:0/97", "0.0.0.0/1"},
									   {"::/95", "::/95"},
									   {"", NULL},
									   {"/", NULL},
									   {"/8", NULL},
									   {"10.0.0.0/", NULL},
									   {"10.0.0.0/33", NULL},
									   {"10.0.0.0/08", NULL},
									   {"10.0.0.0/-1", NULL},
									   {"10.0.0.0/8 ", NULL},
									   {" 10.0.0.0/8", NULL},
									   {"10.0.0/8", NULL},
									   {"010.0.0.0/8", NULL},
									   {"10.0.0.1/8", NULL},
									   {"256.0.0.0/8", NULL},
									   {"1.2.3.4.5", NULL},
									   {"::/129", NULL},
									   {"2001:db8::1/64", NULL},
									   {"fe80::1%eth0", NULL},
									   {"::ffff:10.0.0.0/95", NULL},
									   {"10.0.0.0/8/8", NULL},
									   {"10.0.0.0/255.0.0.0", NULL},
									   {"localhost", NULL},
									   {"1::2::3", NULL},
									   {"0x0a000000/8", NULL}};

static void
test_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		size_t size = strlen(texts[i][0]);
		char *copy = room(size);
		char written[NET_TEXT_BYTES] = "";
		NetBlock block;

		memcpy(copy, texts[i][0], size);
		if (net_block_parse(copy, size, &block) == NULL)
			net_block_format(&block, written);
		CHECK(strcmp(written, texts[i][1] ? texts[i][1] : "") == 0, "%s is written %s", texts[i][0],
			  written);
		free(copy);
	}
}

static void
test_lists(void)
{
	NetBlock blocks[3];
	int count;

	CHECK(net_list_parse("", blocks, 3, &count) == NULL && count == 0, "nothing");
	CHECK(net_list_parse(" ,\t, ", blocks, 3, &count) == NULL && count == 0,
		  "only what stands between");
	CHECK(net_list_parse("10.0.0.1, ::1 192.0.2.0/24", blocks, 3, &count) == NULL && count == 3,
		  "three");
	CHECK(net_list_parse("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4", blocks, 3, &count) != NULL,
		  "four in three");
	CHECK(net_list_parse("10.0.0.1,x", blocks, 3, &count) != NULL, "one is none");
}

static NetAddress
any_address(int family)
{
	unsigned char bytes[16];
	NetAddress address;

	/* few values, so that many addresses lie in many blocks */
	for (int i = 0; i < 16; i++)
		bytes[i] = pick(4) == 0 ? pick(256) : pick(2) * 0x80;
	if (family == 6)
		bytes[0] = 0x20;
	net_address_set(&address, family, bytes);
	return address;
}

static bool
reference(const NetBlock *block, const NetAddress *address)
{
	if (block->address.family != address->family)
		return false;
	for (int bit = 0; bit < block->bits; bit++)
		if (((block->address.bytes[bit / 8] ^ address->bytes[bit / 8]) >> (7 - bit % 8)) & 1)
			return false;
	return true;
}

static NetBlock
any_block(int family)
{
	NetBlock block = {any_address(family), (int) pick(pick(2) ? 6 : family == 4 ? 33 : 129)};

	for (int bit = block.bits; bit < 128; bit++)
		block.address.bytes[bit / 8] &= ~(0x80 >> (bit % 8));
	return block;
}

static void
test_membership(void)
{
	int held = 0;

	for (int round = 0; round < 20000; round++)
	{
		NetBlock outer = any_block(pick(2) ? 4 : 6);
		NetBlock inner = any_block(pick(2) ? 4 : 6);
		NetAddress address = any_address(pick(2) ? 4 : 6);
		bool holds = net_block_holds(&outer, &address);
		char text[NET_TEXT_BYTES];
		NetBlock again;

		CHECK(holds == reference(&outer, &address), "round %d", round);
		CHECK(net_block_covers(&outer, &inner) ==
				  (outer.bits <= inner.bits && reference(&outer, &inner.address)),
			  "cover in round %d", round);
		if (net_block_covers(&outer, &inner) && net_block_holds(&inner, &address))
			CHECK(holds, "what is in the inner is in the outer, round %d", round);
		net_block_format(&outer, text);
		CHECK(net_block_parse(text, strlen(text), &again) == NULL && again.bits == outer.bits &&
				  memcmp(&again.address, &outer.address, sizeof(again.address)) == 0,
			  "%s", text);
		held += holds;
	}
	CHECK(held > 2000, "only %d of the addresses were in a block", held);
}

int
main(void)
{
	test_texts();
	test_lists();
	test_membership();
	return finish("netblock");
}
