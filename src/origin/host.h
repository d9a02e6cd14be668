/*
 * host.h
 *		The identity of the place in which this server runs. A copy of the server would run in
 *		another one.
 */
#ifndef VAULT_ORIGIN_HOST_H
#define VAULT_ORIGIN_HOST_H

#include "platform/compat.h"

#include "access/xlogdefs.h"

#define MACHINE_BYTES 33

/*
 * A text is empty if the system does not provide it. An empty text is not compared. Device numbers
 * are left out, because they change with the order of mounts. So are addresses, ports and host
 * names.
 */
typedef struct Host
{
	char system[24];             /* identifier of the cluster */
	TimeLineID timeline;         /* 0 in recovery */
	char machine[MACHINE_BYTES]; /* a digest of the machine's id */
	char directory[MAXPGPATH];   /* the data directory, links resolved */
	char file[24];               /* inode number of its control file */
	char born[48];               /* time when that file was made */
	Oid database;
} Host;

/* Get the place.  Facts that do not change while the server runs are read once. */
extern const Host *host_here(void);

#endif
