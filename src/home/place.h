/*
 * place.h
 *		Where this server runs, as far as a copy of it would run elsewhere.
 */
#ifndef VAULT_HOME_PLACE_H
#define VAULT_HOME_PLACE_H

#include "platform/compat.h"

#include "access/xlogdefs.h"

#define MACHINE_BYTES 33

/*
 * Texts are empty where the system does not tell; what one of two places does not know is not
 * compared.  Neither device numbers, which change with the order of mounts, nor addresses, ports
 * and names of the host are in it.
 */
typedef struct Place
{
	char		system[24];		/* identifier of the cluster */
	TimeLineID	timeline;		/* 0: in recovery */
	char		machine[MACHINE_BYTES];	/* a digest of the machine's id */
	char		directory[MAXPGPATH];	/* of the data, links resolved */
	char		file[24];		/* number of its control file, */
	char		born[48];		/* and when that was made */
	Oid			database;
} Place;

/* What does not change while the server runs is looked at once. */
extern const Place *place_here(void);

#endif
