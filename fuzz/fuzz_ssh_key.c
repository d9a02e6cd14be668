/*
 * fuzz_ssh_key.c
 *		No text brings the reader of SSH keys down; what is taken is kept in a form that is
 *		taken again and stays as it is, and its facts are a JSON object.
 *
 * The input is a text as it is, or the content of a block, or a good key with some of its
 * bytes replaced.
 */
#include "pki/ssh_key.h"

#include <jansson.h>

#include <openssl/err.h>

#include "crypto/primitives.h"
#include "pki/pem.h"

#include "fuzz.h"

#define LABEL "OPENSSH PRIVATE KEY"

static void
parse(const void *data, size_t size)
{
	void *copy = exact_copy(data, size);
	SshKey *key;
	SshKey *again;
	const char *fault = ssh_key_read(copy, size, 0, &key);
	size_t first = 0;
	size_t second = 0;
	char *json;

	free(copy);
	MUST(ERR_peek_error() == 0);
	MUST((fault == NULL) == (key != NULL));
	if (fault)
	{
		MUST(*fault != '\0' && strlen(fault) < 120);
		return;
	}
	MUST(ssh_key_read(ssh_key_text(key, &first), first, 0, &again) == NULL);
	MUST(strcmp(ssh_key_text(key, &first), ssh_key_text(again, &second)) == 0 && first == second);
	json = ssh_key_metadata(key);
	MUST(json != NULL);
	{
		json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, NULL);

		MUST(json_is_object(object));
		json_decref(object);
	}
	value_free(json);
	ssh_key_free(again);
	ssh_key_free(key);
}

static void
parse_body(const char *label, const void *body, size_t size)
{
	PkiText text;

	MUST(pem_write(label, body, size, 70, &text));
	parse(text.data, text.size);
	pki_text_free(&text);
}

/* Triples of input bytes say where and what. */
static void
parse_damaged(Input *input)
{
	static unsigned char file[1024];
	static size_t file_size;
	unsigned char body[1024];

	if (file_size == 0)
	{
		size_t size;
		char *text = ssh_key_generate(&size);
		PemReader reader;
		PemBlock block;

		MUST(text != NULL);
		MUST(pem_open(&reader, text, size) && pem_next(&reader, &block) == NULL);
		MUST(pem_decode(&block) == NULL && block.body.size < sizeof(file));
		memcpy(file, block.body.data, block.body.size);
		file_size = block.body.size;
		pem_block_free(&block);
		pem_close(&reader);
		value_free(text);
	}
	memcpy(body, file, file_size);
	for (int i = 0; i < 4 && input->size >= 3; i++)
	{
		size_t at = take_byte(input) << 8;

		at += take_byte(input);
		body[at % file_size] = take_byte(input);
	}
	parse_body(LABEL, body, file_size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input input = {data, size};

	switch (take_byte(&input) % 4)
	{
		case 0:
			parse(input.data, input.size);
			break;
		case 1:
			parse_body(LABEL, input.data, input.size);
			break;
		case 2:
			parse_body(take_byte(&input) & 1 ? "RSA PRIVATE KEY" : "PRIVATE KEY", input.data,
					   input.size);
			break;
		default:
			parse_damaged(&input);
	}
	return 0;
}
