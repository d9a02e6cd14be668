/*
 * setting_guard.h
 *		Settings that can weaken the guarantees of the vault, and the statements that change them.
 */
#ifndef VAULT_GUARD_SETTING_GUARD_H
#define VAULT_GUARD_SETTING_GUARD_H

#include "platform/compat.h"

#include "nodes/parsenodes.h"

typedef struct WeakSetting
{
	const char *name;
	bool shown;        /* the value is a word or a number of the vault's, and never a secret */
	bool open;         /* every role may set it in a session */
	const char *weak;  /* this value is weaker than the default */
	int usual;         /* a higher value is weaker; 0 means that values are not compared */
	bool zero_is_weak; /* 0 means no limit */
} WeakSetting;

extern const WeakSetting weak_settings[];
extern const int weak_setting_count;

/*
 * Describe for the audit trail the changes of these settings by a statement that has run; NULL if
 * there is none.  "here" is false in another database than the vault's.  Then only changes count
 * that reach the vault from there.
 */
extern const char *weakening_of(Node *statement, bool here);

/* True if the value, as GetConfigOption() gives it, is weaker than the default. */
extern bool is_weaker(const WeakSetting *setting, const char *value);

#endif
