/*
 * setting_alerts.c
 *		Alerts of weakened settings in force, from any source.
 *
 * setting_guard.c records statements that change settings when they run.  Configuration files,
 * command lines, connection options, set_config() and SET clauses of functions are not such
 * statements.
 */
#include "audit/setting_alerts.h"

#include "utils/guc.h"
#include "utils/memutils.h"

#include "guard/setting_guard.h"
#include "platform/settings.h"

/* Values that the worker has last seen.  A value is stored after its alert was written. */
static char **values = NULL;

static void
setting_alerts_remember(int i, const char *value)
{
	char *old = values[i];

	values[i] = MemoryContextStrdup(TopMemoryContext, value);
	if (old)
		pfree(old);
}

static const char *
told_of(const WeakSetting *setting, bool begins)
{
	if (!setting->shown)
		return psprintf("%s was changed", setting->name);
	return psprintf("%s is %s %s", setting->name, begins ? "weaker than usual:" : "now",
					GetConfigOptionByName(setting->name, NULL, true));
}

void
setting_alerts_compare(void (*tell)(const char *operation, const char *kind, const char *reason))
{
	MemoryContext memory = CurrentMemoryContext;

	if (values == NULL)
		values = MemoryContextAllocZero(TopMemoryContext, weak_setting_count * sizeof(char *));
	for (int i = 0; i < weak_setting_count; i++)
	{
		const char *value = GetConfigOption(weak_settings[i].name, true, false);
		bool begins = values[i] == NULL;

		value = pstrdup(value ? value : "");
		if (begins ? is_weaker(&weak_settings[i], value) : strcmp(values[i], value) != 0)
			tell("settings", "setting", told_of(&weak_settings[i], begins));
		if (begins || strcmp(values[i], value) != 0)
			setting_alerts_remember(i, value);
		/* tell() runs a transaction, which leaves another memory context. */
		MemoryContextSwitchTo(memory);
	}
}

/* Only vault.audit_mode is checked: it decides which evidence this session leaves. */
const char *
setting_alerts_seen(void)
{
	static bool told = false;
	bool queued = setting_audit_mode == AUDIT_QUEUED && setting_audit_mode_is_of_session;
	bool tell = queued && !told;

	told = queued;
	return tell ? "vault.audit_mode is queued in this session" : NULL;
}
