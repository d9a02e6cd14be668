/*
 * printable.h
 *		Text of others as it can be shown anywhere: in a terminal, a log, a row of the trail.
 */
#ifndef VAULT_PLATFORM_PRINTABLE_H
#define VAULT_PLATFORM_PRINTABLE_H

#include "platform/compat.h"

/*
 * Control characters, line ends, and what turns the direction of writing or has no width, as
 * \x1b or \u202e; the text itself if it has none, NULL for NULL.
 */
extern const char *printable_text(const char *text);

#endif
