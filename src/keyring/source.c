/*
 * source.c
 *		Reads and writes keyrings.
 *
 * The file must be a regular file of the server's user that no other user can read or write,
 * outside the data directory, because a base backup must not contain it. The command is executed
 * directly, never by a shell. Only a superuser can set it.
 */
#include "keyring/source.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "crypto/raise.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/settings.h"

#define LINE_PREFIX        "vault-root-key:v1:"
#define MARK_PREFIX        "# not committed when written: "
#define MAX_TEXT           8192
#define COMMAND_MAX_WORDS  32
#define COMMAND_TIMEOUT_MS 30000

extern char **environ;

SourceKind
source_kind(void)
{
	if (strncmp(setting_root_key_source, "file:", 5) == 0)
		return SOURCE_FILE;
	if (strncmp(setting_root_key_source, "command:", 8) == 0)
		return SOURCE_COMMAND;
	if (strcmp(setting_root_key_source, "manual") == 0)
		return SOURCE_MANUAL;
	return SOURCE_NONE;
}

const char *
source_kind_name(void)
{
	static const char *const names[] = {"none", "file", "command", "manual"};

	return names[source_kind()];
}

const SecretKey *
keyring_find(const Keyring *keyring, uint32 generation)
{
	for (int i = 0; i < keyring->count; i++)
		if (keyring->generations[i] == generation || keyring->generations[i] == 0)
			return &keyring->keys[i];
	return NULL;
}

uint32
keyring_newest(const Keyring *keyring)
{
	uint32 newest = 0;

	for (int i = 0; i < keyring->count; i++)
		newest = Max(newest, keyring->generations[i]);
	return newest;
}

/* Parse a bare key: 44 characters of base64 or 64 hex digits. */
static bool
parse_bare_key(const char *text, size_t size, SecretKey *key)
{
	size_t decoded = 0;

	if (size == 2 * KEY_BYTES && strspn(text, "0123456789abcdefABCDEF") >= size)
	{
		hex_decode(text, size, (char *) key->bytes);
		return true;
	}
	return size == base64_size(KEY_BYTES) &&
		base64_decode(BASE64_STANDARD, text, size, key->bytes, KEY_BYTES, &decoded) == CRYPTO_OK &&
		decoded == KEY_BYTES;
}

static bool
parse_line(const char *line, size_t size, uint32 *generation, SecretKey *key)
{
	const char *rest = line + strlen(LINE_PREFIX);
	char *end;
	unsigned long number;

	if (size <= strlen(LINE_PREFIX) || strncmp(line, LINE_PREFIX, strlen(LINE_PREFIX)) != 0)
	{
		*generation = 0;
		return parse_bare_key(line, size, key);
	}
	number = strtoul(rest, &end, 10);
	if (end == rest || *end != ':' || number == 0 || number > PG_INT32_MAX)
		return false;
	*generation = (uint32) number;
	end++;
	return parse_bare_key(end, size - (end - line), key);
}

/* Parse the mark of an uncommitted generation. For other readers of the file it is a comment. */
static void
parse_mark(const char *line, Keyring *keyring)
{
	unsigned int generation;
	char writer[KEYRING_WRITER_BYTES + 1];

	if (strncmp(line, MARK_PREFIX, strlen(MARK_PREFIX)) != 0 ||
		sscanf(line + strlen(MARK_PREFIX), "%u by %32[0-9a-f]", &generation, writer) != 2)
		return;
	keyring->uncommitted = generation;
	strlcpy(keyring->writer, writer, sizeof(keyring->writer));
}

/* Parse a keyring. text ends with NUL. */
static const char *
parse_keyring(const char *text, Keyring *keyring)
{
	while (*text)
	{
		size_t size = strcspn(text, "\r\n");

		if (size > 0 && *text != '#')
		{
			if (keyring->count == KEYRING_MAX_KEYS)
				return "the root key source holds too many keys";
			if (!parse_line(text, size, &keyring->generations[keyring->count],
							&keyring->keys[keyring->count]))
				return "the root key source holds a malformed line";
			keyring->count++;
		}
		else if (*text == '#')
			parse_mark(text, keyring);
		text += size;
		text += strspn(text, "\r\n");
	}
	for (int i = 0; keyring->count > 1 && i < keyring->count; i++)
		if (keyring->generations[i] == 0)
			return "the root key source holds a key without a generation beside others";
	return NULL;
}

static const char *
file_path(void)
{
	return setting_root_key_source + strlen("file:");
}

/*
 * Check the location: neither the file, with links resolved, nor its directory may be in the data
 * directory.
 */
static const char *
location_fault(void)
{
	char directory[MAXPGPATH];
	char resolved[PATH_MAX];
	char data[PATH_MAX];

	strlcpy(directory, file_path(), sizeof(directory));
	get_parent_directory(directory);
	if (realpath(DataDir, data) == NULL)
		return "the data directory cannot be resolved";
	if (realpath(directory, resolved) == NULL)
		return "the directory of the root key file cannot be reached";
	if (path_is_prefix_of_path(data, resolved) ||
		(realpath(file_path(), resolved) != NULL && path_is_prefix_of_path(data, resolved)))
		return "the root key file lies in the data directory";
	return NULL;
}

static const char *
permission_fault(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return "the root key file is not a regular file";
	if (status->st_uid != geteuid())
		return "the root key file does not belong to the server's user";
	if (status->st_mode & (S_IRWXG | S_IRWXO))
		return "the root key file can be read or written by others: chmod 600 it";
	if (status->st_size >= MAX_TEXT)
		return "the root key file is too large";
	return NULL;
}

/* Read until the end, or capacity - 1 bytes, and end with NUL. Returns false on error. */
static bool
read_all(int fd, char *buffer, size_t capacity)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(fd, buffer + used, capacity - 1 - used)) > 0)
		used += got;
	buffer[used] = '\0';
	return got == 0;
}

static const char *
read_keyring_file(Keyring *keyring)
{
	const char *fault = location_fault();
	struct stat status;
	char *text;
	int fd;

	if (fault)
		return fault;
	fd = open(file_path(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? NULL : "the root key file cannot be opened";
	if (fstat(fd, &status) != 0)
		fault = "the root key file cannot be examined";
	else
		fault = permission_fault(&status);
	text = secret_alloc(MAX_TEXT);
	if (!fault && !read_all(fd, text, MAX_TEXT))
		fault = "the root key file cannot be read";
	close(fd);
	if (!fault)
		fault = parse_keyring(text, keyring);
	secret_free(text);
	return fault;
}

/* Split at blanks, in place. */
static void
split_words(char *text, char *words[COMMAND_MAX_WORDS])
{
	int count = 0;
	char *state = NULL;

	for (char *word = strtok_r(text, " \t", &state); word && count < COMMAND_MAX_WORDS - 1;
		 word = strtok_r(NULL, " \t", &state))
		words[count++] = word;
	words[count] = NULL;
}

/* Start the command with its stdout in a pipe and default signals. */
static bool
start_command(char *const words[], pid_t *child, int *output)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigset_t all;
	int ends[2];
	int result;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	result = posix_spawn(child, words[0], &actions, &attributes, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(ends[1]);
	*output = ends[0];
	if (result != 0)
		close(ends[0]);
	return result == 0;
}

/* Collect the output until the command closes it, or the time is over. */
static bool
collect_output(int fd, char *text, size_t capacity)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), COMMAND_TIMEOUT_MS);
	size_t used = 0;

	for (;;)
	{
		struct pollfd wait = {fd, POLLIN, 0};
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
		ssize_t got;

		if (left <= 0 || used == capacity - 1)
			return false;
		if (poll(&wait, 1, (int) Min(left, 200)) <= 0)
			continue;
		got = read(fd, text + used, capacity - 1 - used);
		if (got < 0 && errno != EINTR)
			return false;
		if (got == 0)
			break;
		if (got > 0)
			used += got;
	}
	text[used] = '\0';
	return true;
}

/* Reap a child that has closed its output. Returns false if it does not end. */
static bool
ends_soon(pid_t child, int *status)
{
	for (int i = 0; i < 50; i++)
	{
		if (waitpid(child, status, WNOHANG) == child)
			return true;
		pg_usleep(100 * 1000);
	}
	return false;
}

static const char *
read_keyring_command(Keyring *keyring)
{
	char command[MAXPGPATH];
	char *text = secret_alloc(MAX_TEXT);
	char *words[COMMAND_MAX_WORDS];
	const char *fault = NULL;
	pid_t child;
	int output;
	int status = 0;

	strlcpy(command, setting_root_key_source + strlen("command:"), sizeof(command));
	split_words(command, words);
	if (words[0] == NULL || !start_command(words, &child, &output))
		return "the root key command cannot be started";
	if (!collect_output(output, text, MAX_TEXT))
		fault = "the root key command did not answer in time or printed too much";
	close(output);
	if (!fault && !ends_soon(child, &status))
		fault = "the root key command did not end";
	if (fault)
	{
		kill(child, SIGKILL);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (!fault && status != 0)
		fault = "the root key command failed";
	if (!fault)
		fault = parse_keyring(text, keyring);
	secret_free(text);
	return fault;
}

const char *
source_load(Keyring *keyring)
{
	memset(keyring, 0, sizeof(Keyring));
	switch (source_kind())
	{
		case SOURCE_FILE:
			return read_keyring_file(keyring);
		case SOURCE_COMMAND:
			return read_keyring_command(keyring);
		case SOURCE_MANUAL:
			return "shares are awaited: vault.unseal(share)";
		case SOURCE_NONE:
			break;
	}
	return "vault.root_key_source is not set";
}

void
source_refuse(const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no root key: %s", fault),
			 errhint("See vault.root_key_source in the manual.")));
}

/*
 * Identify this server at this place. A copy that writes to the same file has another id: it may
 * have committed a generation that this server has not.
 */
static void
this_writer(char writer[KEYRING_WRITER_BYTES + 1])
{
	unsigned char digest[SHA256_BYTES];
	struct stat control;
	char text[MAXPGPATH + 64];

	if (stat("global/pg_control", &control) != 0)
		memset(&control, 0, sizeof(control));
	snprintf(text, sizeof(text), UINT64_FORMAT " %llu %s", GetSystemIdentifier(),
			 (unsigned long long) control.st_ino, DataDir);
	crypto_require(crypto_sha256(text, strlen(text), digest));
	for (int i = 0; i < KEYRING_WRITER_BYTES / 2; i++)
		snprintf(writer + 2 * i, 3, "%02x", digest[i]);
}

void
keyring_drop_uncommitted(Keyring *keyring, uint32 committed)
{
	char writer[KEYRING_WRITER_BYTES + 1];
	int kept = 0;

	this_writer(writer);
	if (keyring->uncommitted <= committed || strcmp(keyring->writer, writer) != 0)
		return;
	for (int i = 0; i < keyring->count; i++)
	{
		if (keyring->generations[i] == keyring->uncommitted)
			continue;
		keyring->generations[kept] = keyring->generations[i];
		keyring->keys[kept++] = keyring->keys[i];
	}
	keyring->count = kept;
}

/* Write the text of the keyring, and return its size. */
static size_t
format_keyring(const Keyring *keyring, char *text, size_t capacity)
{
	size_t used =
		snprintf(text, capacity,
				 "# Root keys of a vault, one generation a line.  Keep a copy elsewhere:\n"
				 "# without them the secrets cannot be read, and older backups need older ones.\n");

	used += snprintf(text + used, capacity - used, MARK_PREFIX "%u by %s\n", keyring->uncommitted,
					 keyring->writer);
	for (int i = 0; i < keyring->count; i++)
	{
		used +=
			snprintf(text + used, capacity - used, "%s%u:", LINE_PREFIX, keyring->generations[i]);
		used += base64_encode(BASE64_STANDARD, keyring->keys[i].bytes, KEY_BYTES, text + used);
		text[used++] = '\n';
	}
	text[used] = '\0';
	return used;
}

static void
refuse_write(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_IO_ERROR), errmsg("could not %s the root key file: %m", what),
			 errhint("The server's user must be able to write to the directory of the file.")));
}

/* Replace the file, durably before it returns. On an error the old file is unchanged. */
static void
replace_file(const char *text, size_t size)
{
	char temporary[MAXPGPATH];
	int fd;
	bool written;

	snprintf(temporary, sizeof(temporary), "%s.new", file_path());
	(void) unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		refuse_write("create");
	written = write(fd, text, size) == (ssize_t) size && fsync(fd) == 0;
	close(fd);
	if (!written)
	{
		(void) unlink(temporary);
		refuse_write("write");
	}
	if (durable_rename(temporary, file_path(), LOG) != 0)
		refuse_write("rename");
}

void
source_file_add(Keyring *keyring, uint32 generation, const SecretKey *key)
{
	char *text;
	size_t size;

	if (keyring->count == KEYRING_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the root key file already holds %d generations", KEYRING_MAX_KEYS),
				 errhint("Remove the lines of generations that no backup needs any more: "
						 "of those in the view vault.root_keys all but the active one, "
						 "of others all that no other server uses.")));
	keyring->uncommitted = generation;
	this_writer(keyring->writer);
	keyring->generations[keyring->count] = generation;
	keyring->keys[keyring->count++] = *key;
	text = secret_alloc(MAX_TEXT);
	size = format_keyring(keyring, text, MAX_TEXT);
	replace_file(text, size);
	secret_free(text);
}
