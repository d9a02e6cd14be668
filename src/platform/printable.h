/*
 * printable.h
 *		Makes foreign text safe to show in a terminal, a log, or a row of the trail.
 */
#ifndef VAULT_PLATFORM_PRINTABLE_H
#define VAULT_PLATFORM_PRINTABLE_H

#include "platform/compat.h"

/*
 * Escape control characters, line ends, and characters that change the direction of writing or have
 * no width, as \x1b or \u202e. Returns the text itself if it has none of them, and NULL for NULL.
 */
extern const char *printable_text(const char *text);

#endif
