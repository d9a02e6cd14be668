/*
 * host.h
 *		Where this server runs, as far as a copy of it would run elsewhere.
 */
#ifndef VAULT_ORIGIN_HOST_H
#define VAULT_ORIGIN_HOST_H

#include "platform/compat.h"

#include "access/xlogdefs.h"

#define MACHINE_BYTES 33

/*
 * Texts are empty where the system does not tell; what one of two places does not know is not
 * compared.  Neither device numbers, which change with the order of mounts, nor addresses, ports
 * and names of the host are in it.
 */
typedef struct Host
{
	char system[24];             /* identifier of the cluster */
	TimeLineID timeline;         /* 0: in recovery */
	char machine[MACHINE_BYTES]; /* a digest of the machine's id */
	char directory[MAXPGPATH];   /* of the data, links resolved */
	char file[24];               /* number of its control file, */
	char born[48];               /* and when that was made */
	Oid database;
} Host;

/* What does not change while the server runs is looked at once. */
extern const Host *host_here(void);

#endif
