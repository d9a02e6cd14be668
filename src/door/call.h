/*
 * call.h
 *		What is known of a call before anything is checked.
 */
#ifndef VAULT_DOOR_CALL_H
#define VAULT_DOOR_CALL_H

#include "door/door.h"

/* Notes the function's name and, where it has such arguments, the secret's place. */
extern void call_note(Door *door, FunctionCallInfo fcinfo);

#endif
