/*
 * harden.c
 *		Sets attributes of the process once, in the postmaster.
 */
#include "platform/compat.h"

#include <sys/prctl.h>

#include "platform/harden.h"
#include "platform/settings.h"

void
harden_process(void)
{
	if (setting_allow_core_dumps)
		return;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		ereport(WARNING, (errmsg("could not protect the server's memory from being dumped: %m")));
}
