/*
 * vault-audit-verify.c
 *		The program for auditors: checks an exported trail against a checkpoint, without the
 *		database.
 *
 * Exit status 0: everything fits; 1: something does not fit; 2: something could not be checked.
 * What was not checked is always reported on standard error.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "evidence/offline/check.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: vault-audit-verify [-q] [-c CHECKPOINT -k KEY] [--partial] [--all-tenants] [TRAIL]\n"
	"\n"
	"Checks a trail that vault.export_audit() gave (standard input if no file is named).\n"
	"  -c, --checkpoint=FILE  what vault.audit_checkpoint() returned\n"
	"  -k, --key=FILE         what vault.audit_public_key() returned\n"
	"      --partial          the export is known to be a part, made with since or until\n"
	"      --all-tenants      each tenant of the checkpoint must be in the export\n"
	"  -q, --quiet            only what is wrong or could not be checked\n"
	"  -h, --help             this text\n"
	"      --version          which version this is\n"
	"Exit status: 0 all is well, 1 something is wrong, 2 it could not be checked.\n";

static bool quiet = false;

static void
offline_verify_print(void *state, CheckLevel level, const char *tenant, const char *text)
{
	const char *of = *tenant ? tenant : "trail";

	(void) state;
	if (level == CHECK_DOUBT)
	{
		(void) fflush(stdout);
		fprintf(stderr, "doubt %s: %s\n", of, text);
	}
	else if (level == CHECK_FAULT || !quiet)
		printf("%s %s: %s\n", level == CHECK_FAULT ? "FAULT" : "note ", of, text);
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
		if (*size == capacity && capacity < SIGNED_NOTE_MAX_BYTES)
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

/* Read the heads of a checkpoint and verify its signature. */
static SignedNote *
read_checkpoint(const char *path, const char *key_path, size_t *count)
{
	size_t size;
	size_t key_size;
	size_t text_size;
	size_t at = 0;
	char *note = read_whole(path, &size);
	char *key_text = read_whole(key_path, &key_size);
	char time[32];
	SignedNote *heads = NULL;
	SignedNote head;
	SignedNoteKey key;
	CryptoStatus status;

	if (signed_note_key_read(key_text, key_size, &key) != CRYPTO_OK)
		give_up(key_path, "it is not a public key of vault");
	status = signed_note_open(note, size, &key, &text_size);
	if (status == CRYPTO_OK)
		status = signed_note_time(note, text_size, time);
	*count = 0;
	while (status == CRYPTO_OK && signed_note_next(note, text_size, &at, &head, &status))
	{
		if ((*count & (*count + 1)) == 0)
			heads = realloc(heads, (*count * 2 + 2) * sizeof(SignedNote));
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

/* Returns the exit status. */
static int
check_trail(FILE *in, const char *name, const CheckAgainst *against)
{
	Check *check = check_new(against, offline_verify_print, NULL);
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	int64_t faults;
	int64_t doubts;

	if (check == NULL)
		give_up(name, "out of memory");
	while ((size = getline(&line, &capacity, in)) > 0)
		check_line(check, line, (size_t) size - (line[size - 1] == '\n'));
	if (ferror(in) || !feof(in))
		give_up(name, "it cannot be read");
	faults = check_end(check);
	doubts = check_doubts(check);
	check_free(check);
	free(line);
	if (faults > 0)
		printf("%" PRId64 " faults\n", faults);
	else if (!quiet && doubts > 0)
		printf("what is there fits, and not everything %s\n",
			   against->is_partial ? "is" : "could be checked");
	else if (!quiet)
		printf("everything fits\n");
	return faults > 0 ? 1 : doubts > 0 && !against->is_partial ? 2 : 0;
}

typedef struct Arguments
{
	const char *checkpoint;
	const char *key;
	const char *trail; /* NULL means standard input */
	bool is_partial;
	bool all_tenants;
} Arguments;

static _Noreturn void
tell_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static void
read_arguments(int argc, char **argv, Arguments *arguments)
{
	static const struct option options[] = {{"checkpoint", required_argument, NULL, 'c'},
											{"key", required_argument, NULL, 'k'},
											{"partial", no_argument, NULL, 'p'},
											{"all-tenants", no_argument, NULL, 'a'},
											{"quiet", no_argument, NULL, 'q'},
											{"help", no_argument, NULL, 'h'},
											{"version", no_argument, NULL, 'v'},
											{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "c:k:qh", options, NULL)) != -1)
		switch (option)
		{
			case 'c':
				arguments->checkpoint = optarg;
				break;
			case 'k':
				arguments->key = optarg;
				break;
			case 'p':
				arguments->is_partial = true;
				break;
			case 'a':
				arguments->all_tenants = true;
				break;
			case 'q':
				quiet = true;
				break;
			case 'h':
				fputs(usage, stdout);
				exit(0);
			case 'v':
				puts("vault-audit-verify " VAULT_VERSION);
				exit(0);
			default:
				tell_usage();
		}
	if ((arguments->checkpoint == NULL) != (arguments->key == NULL) || argc - optind > 1 ||
		(arguments->all_tenants && arguments->checkpoint == NULL))
		tell_usage();
	if (optind < argc && strcmp(argv[optind], "-") != 0)
		arguments->trail = argv[optind];
}

int
main(int argc, char **argv)
{
	Arguments arguments = {0};
	CheckAgainst against = {0};
	SignedNote *heads = NULL;
	FILE *in = stdin;
	int status;

	read_arguments(argc, argv, &arguments);
	if (arguments.checkpoint)
		heads = read_checkpoint(arguments.checkpoint, arguments.key, &against.head_count);
	against.heads = heads;
	against.has_checkpoint = arguments.checkpoint != NULL;
	against.is_partial = arguments.is_partial;
	against.all_tenants = arguments.all_tenants;
	if (arguments.trail && (in = fopen(arguments.trail, "rb")) == NULL)
		give_up(arguments.trail, strerror(errno));
	status = check_trail(in, arguments.trail ? arguments.trail : "standard input", &against);
	free(heads);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0)
		give_up("standard output", "it cannot be written");
	return status;
}
