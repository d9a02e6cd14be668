/*
 * call.h
 *		What is known of a call before anything is checked.
 */
#ifndef VAULT_DOOR_CALL_H
#define VAULT_DOOR_CALL_H

#include "door/door.h"

/* Notes the function's name and, where it has such arguments, the secret's place. */
extern void call_note(Door *door, FunctionCallInfo fcinfo);

/*
 * Replaces arguments that are no names where the error repeats them, and characters that are not
 * shown as they are.  True if there were any.
 */
extern bool call_hide_arguments(const Door *door, ErrorData *error);

#endif
