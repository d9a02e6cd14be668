/*
 * rotator_external.c
 *		Rotate secrets whose target a program outside changes: it is told by a notification, and
 *		gives the new value to vault.complete_rotation().
 */
#include "platform/compat.h"

#include "rotation/rotator.h"

const Rotator external_rotator = {.name = "external", .waits_for_value = true};
