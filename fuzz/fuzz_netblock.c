/*
 * fuzz_netblock.c
 *		An accepted block can be written, is accepted again as the same, and holds
 *		its own address; a list holds what its parts are.  The input is the text.
 */
#include "platform/netblock.h"

#include "fuzz.h"

static void
check_block(const NetBlock *block)
{
	char written[NET_TEXT_BYTES];
	NetBlock copy;

	net_block_format(block, written);
	MUST(strlen(written) < NET_TEXT_BYTES - 1);
	MUST(net_block_parse(written, strlen(written), &copy) == NULL);
	MUST(copy.bits == block->bits &&
		 memcmp(&copy.address, &block->address, sizeof(copy.address)) == 0);
	MUST(net_block_holds(block, &block->address) && net_block_covers(block, &copy));
	MUST(block->address.family == 4 ? block->bits <= 32 : block->bits <= 128);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	char *list = malloc(size + 1);
	NetBlock blocks[16];
	NetAddress address;
	int count;

	MUST(list != NULL);
	memcpy(list, data, size);
	list[size] = 0;
	if (net_block_parse(text, size, &blocks[0]) == NULL)
		check_block(&blocks[0]);
	if (net_address_parse(text, size, &address))
		MUST(net_block_parse(text, size, &blocks[0]) == NULL &&
			 net_block_holds(&blocks[0], &address));
	if (net_list_parse(list, blocks, 16, &count) == NULL)
		for (int i = 0; i < count; i++)
			check_block(&blocks[i]);
	free(list);
	free(text);
	return 0;
}
