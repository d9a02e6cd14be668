/*
 * setting_guard.h
 *		Settings that weaken what the vault promises, and the statements that change them.
 */
#ifndef VAULT_GUARD_SETTING_GUARD_H
#define VAULT_GUARD_SETTING_GUARD_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"

typedef struct WeakSetting
{
	const char *name;
	bool shown;        /* the value can be no secret: a word or a number of the vault's */
	bool open;         /* anybody may set it in a session */
	const char *weak;  /* this value is weaker than the default */
	int usual;         /* more than this is weaker; 0: not compared */
	bool zero_is_weak; /* no limit at all */
} WeakSetting;

extern const WeakSetting weak_settings[];
extern const int weak_setting_count;

/*
 * What a statement that has run changed of these, for the trail; NULL if nothing.  In another
 * database than the vault's (here: false) only what reaches the vault from there.
 */
extern const char *weakening_of(Node *statement, bool here);

/* Whether the value, as GetConfigOption() gives it, is weaker than the default. */
extern bool is_weaker(const WeakSetting *setting, const char *value);

#endif
