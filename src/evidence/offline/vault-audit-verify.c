/*
 * vault-audit-verify.c
 *		The program for auditors: an exported trail and a checkpoint, without the database.
 *
 * Exit status 0: everything fits; 1: something does not; 2: it could not be checked.
 */
#define _POSIX_C_SOURCE 200809L

#include "evidence/offline/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"usage: vault-audit-verify [-q] [-c CHECKPOINT -k KEY] [TRAIL]\n"
	"\n"
	"Checks a trail that vault.export_audit() gave (standard input if no file is named).\n"
	"  -c CHECKPOINT  file with what vault.audit_checkpoint() returned\n"
	"  -k KEY         file with what vault.audit_public_key() returned\n"
	"  -q             only what is wrong\n"
	"Exit status: 0 all is well, 1 something is wrong, 2 it could not be checked.\n";

static bool quiet = false;

static void
print(void *state, bool fault, const char *tenant, const char *text)
{
	(void) state;
	if (fault || !quiet)
		printf("%s %s: %s\n", fault ? "FAULT" : "note ", *tenant ? tenant : "trail", text);
}

static _Noreturn void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "vault-audit-verify: %s: %s\n", what, why);
	exit(2);
}

static char *
read_whole(const char *path, size_t *size)
{
	FILE *in = fopen(path, "rb");
	size_t capacity = 1 << 16;
	char *text = malloc(capacity);

	*size = 0;
	if (in == NULL)
		give_up(path, strerror(errno));
	while (text != NULL && !feof(in) && !ferror(in))
	{
		if (*size == capacity && capacity < NOTE_MAX_BYTES)
			text = realloc(text, capacity *= 2);
		if (text == NULL || *size == capacity)
			give_up(path, "it is too large");
		*size += fread(text + *size, 1, capacity - *size, in);
	}
	if (text == NULL || ferror(in))
		give_up(path, "it cannot be read");
	fclose(in);
	return text;
}

/* The heads of a checkpoint whose signature is right. */
static NoteHead *
read_checkpoint(const char *path, const char *key_path, size_t *count)
{
	size_t size;
	size_t key_size;
	size_t text_size;
	size_t at = 0;
	char *note = read_whole(path, &size);
	char *key_text = read_whole(key_path, &key_size);
	char time[32];
	NoteHead *heads = NULL;
	NoteHead head;
	NoteKey key;
	CryptoStatus status;

	if (note_key_read(key_text, key_size, &key) != CRYPTO_OK)
		give_up(key_path, "it is not a public key of vault");
	status = note_open(note, size, &key, &text_size);
	if (status == CRYPTO_OK)
		status = note_time(note, text_size, time);
	*count = 0;
	while (status == CRYPTO_OK && note_next(note, text_size, &at, &head, &status))
	{
		if ((*count & (*count + 1)) == 0)
			heads = realloc(heads, (*count * 2 + 2) * sizeof(NoteHead));
		if (heads == NULL)
			give_up(path, "out of memory");
		heads[(*count)++] = head;
	}
	free(note);
	free(key_text);
	if (status == CRYPTO_OK)
	{
		if (!quiet)
			printf("note  checkpoint: of %s, signed by %s\n", time, key.name);
		return heads;
	}
	printf("FAULT checkpoint: %s\n",
		   status == CRYPTO_ERR_AUTH ? "its signature does not fit its text"
									 : "it is no checkpoint that this key signed");
	exit(1);
}

static int64_t
check_trail(FILE *in, const char *name, const NoteHead *heads, size_t count)
{
	Check *check = check_new(heads, count, print, NULL);
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	int64_t faults;

	if (check == NULL)
		give_up(name, "out of memory");
	while ((size = getline(&line, &capacity, in)) > 0)
		check_line(check, line, (size_t) size - (line[size - 1] == '\n'));
	if (ferror(in))
		give_up(name, "it cannot be read");
	faults = check_end(check);
	check_free(check);
	free(line);
	return faults;
}

int
main(int argc, char **argv)
{
	const char *checkpoint = NULL;
	const char *key = NULL;
	const char *name = "standard input";
	NoteHead *heads = NULL;
	size_t count = 0;
	FILE *in = stdin;
	int64_t faults;
	int option;

	while ((option = getopt(argc, argv, "c:k:qh")) != -1)
		switch (option)
		{
			case 'c': checkpoint = optarg; break;
			case 'k': key = optarg; break;
			case 'q': quiet = true; break;
			case 'h': fputs(usage, stdout); return 0;
			default: fputs(usage, stderr); return 2;
		}
	if ((checkpoint == NULL) != (key == NULL) || argc - optind > 1)
	{
		fputs(usage, stderr);
		return 2;
	}
	if (checkpoint)
		heads = read_checkpoint(checkpoint, key, &count);
	if (optind < argc && strcmp(argv[optind], "-") != 0)
	{
		name = argv[optind];
		if ((in = fopen(name, "rb")) == NULL)
			give_up(name, strerror(errno));
	}
	faults = check_trail(in, name, heads, count);
	free(heads);
	if (faults > 0)
		printf("%" PRId64 " faults\n", faults);
	else if (!quiet)
		printf("everything fits\n");
	return faults > 0 ? 1 : 0;
}
