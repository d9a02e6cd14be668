/*
 * host.c
 *		Asks the server and the system where this server runs.
 *
 * The server never replaces the control file, and every way to copy or restore a data directory
 * creates it anew. So its inode number and time of birth distinguish the original from a copy that
 * has the same path on the same machine.
 */
#include "origin/host.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"

#include "crypto/raise.h"

#define CONTROL_FILE  "global/pg_control"
#define MACHINE_LABEL "vault machine v1 "

/* Read the machine's id. Returns false if the file is missing or empty, as in most containers. */
static bool
read_machine_id(const char *path, char *id, size_t capacity)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, id, capacity - 1);
	close(fd);
	id[Max(got, 0)] = '\0';
	id[strcspn(id, " \r\n")] = '\0';
	return *id != '\0';
}

/* Keep a digest only: not everybody may see the id itself. */
static void
inspect_machine(char machine[MACHINE_BYTES])
{
	char text[128] = MACHINE_LABEL;
	size_t label = strlen(text);
	unsigned char digest[SHA256_BYTES];

	machine[0] = '\0';
	if (!read_machine_id("/etc/machine-id", text + label, sizeof(text) - label) &&
		!read_machine_id("/var/lib/dbus/machine-id", text + label, sizeof(text) - label))
		return;
	crypto_require(crypto_sha256(text, strlen(text), digest));
	for (int i = 0; i < MACHINE_BYTES / 2; i++)
		snprintf(machine + 2 * i, 3, "%02x", digest[i]);
}

/* The working directory of every process of the server is the data directory. */
static void
inspect_file(Host *place)
{
#ifdef STATX_BTIME
	struct statx status;

	if (statx(AT_FDCWD, CONTROL_FILE, 0, STATX_INO | STATX_BTIME, &status) != 0)
		return;
	snprintf(place->file, sizeof(place->file), "%llu", (unsigned long long) status.stx_ino);
	if (status.stx_mask & STATX_BTIME)
		snprintf(place->born, sizeof(place->born), "%lld.%09u", (long long) status.stx_btime.tv_sec,
				 status.stx_btime.tv_nsec);
#else
	struct stat status;

	if (stat(CONTROL_FILE, &status) == 0)
		snprintf(place->file, sizeof(place->file), "%llu", (unsigned long long) status.st_ino);
#endif
}

static void
host_inspect(Host *place)
{
	char resolved[PATH_MAX];

	memset(place, 0, sizeof(*place));
	snprintf(place->system, sizeof(place->system), UINT64_FORMAT, GetSystemIdentifier());
	inspect_machine(place->machine);
	strlcpy(place->directory, realpath(DataDir, resolved) ? resolved : DataDir,
			sizeof(place->directory));
	inspect_file(place);
	place->database = MyDatabaseId;
}

const Host *
host_here(void)
{
	static Host here;
	static bool known = false;

	if (!known)
		host_inspect(&here);
	known = true;
	if (here.timeline == 0 && !RecoveryInProgress())
		here.timeline = GetWALInsertionTimeLine();
	return &here;
}
