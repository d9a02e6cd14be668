/*
 * settings.c
 *		Definitions and checks of the settings.
 */
#include "platform/settings.h"

#include <ctype.h>

#include <limits.h>

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/guc.h"

char *setting_database;
bool setting_allow_swappable_keys;
bool setting_allow_core_dumps;
int setting_audit_ring_size;
char *setting_root_key_source;
bool setting_seal_on_crash;
int setting_max_result_memory;
int setting_audit_mode;
bool setting_audit_mode_is_of_session;
int setting_audit_timeout;
int setting_max_seal_delay;
int setting_max_failures;
int setting_max_forgeries;
int setting_max_denials;
int setting_failure_window;
int setting_notification_retention;
int setting_rotation_batch;
int setting_rotation_retry;
int setting_rotation_timeout;
char *setting_rotation_hosts;
char *setting_rotation_root_certificates;
char *setting_expiry_warnings;
int setting_max_extension;
int setting_max_extensions;
int setting_redaction;
int setting_role_binding;
char *setting_tenant;
char *setting_environment;
char *setting_request_id;

static shmem_request_hook_type previous_request = NULL;

#define MAX_PROXIES 256

static const BlockList no_proxies;
const BlockList *setting_proxies = &no_proxies;
static char *proxies_text;

static const struct config_enum_entry redaction_levels[] = {{"standard", REDACTION_STANDARD, false},
															{"strict", REDACTION_STRICT, false},
															{NULL, 0, false}};

/* Return true for an identifier or request id: short, printable, without white space. */
static bool
is_plain_token(const char *text, size_t limit)
{
	if (strlen(text) > limit)
		return false;
	for (const char *c = text; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
			  strchr("._-:", *c)))
			return false;
	return true;
}

void (*settings_refused)(const char *message) = NULL;

/*
 * Refuse the value of a setting without repeating any of it, because a client that mixes up
 * arguments may set it to a secret. "wanted" is what the value should be, with its article.
 */
static bool
settings_refuse(const char *name, const char *value, const char *wanted, const char *rule,
				const char *hint)
{
	char message[256];

	snprintf(message, sizeof(message), "invalid value for parameter \"%s\": <not %s: %zu bytes>",
			 name, wanted, strlen(value));
	GUC_check_errmsg("%s", message);
	GUC_check_errdetail("%s", rule);
	GUC_check_errhint("%s", hint);
	if (settings_refused)
		settings_refused(message);
	return false;
}

static bool
check_identifier(const char *name, const char *value, const char *hint)
{
	return (is_plain_token(value, 63) && strchr(value, ':') == NULL) ||
		settings_refuse(name, value, "a name",
						"At most 63 letters, digits, dots, underscores and hyphens.", hint);
}

static bool
settings_check_tenant(char **newval, void **extra, GucSource source)
{
	return check_identifier("vault.tenant", *newval,
							"Set it to the name of a tenant, as vault.whoami() shows it.");
}

static bool
check_environment(char **newval, void **extra, GucSource source)
{
	return check_identifier("vault.environment", *newval,
							"Set it to the name of an environment, such as prod.");
}

static bool
check_request_id(char **newval, void **extra, GucSource source)
{
	return is_plain_token(*newval, 128) ||
		settings_refuse("vault.request_id", *newval, "an id",
						"At most 128 letters, digits and characters of \"._-:\".",
						"Set it to the id by which the application knows the request.");
}

static bool
check_root_key_source(char **newval, void **extra, GucSource source)
{
	if (strcmp(*newval, "") == 0 || strcmp(*newval, "manual") == 0 ||
		strncmp(*newval, "file:/", 6) == 0 || strncmp(*newval, "command:/", 9) == 0)
		return true;
	return settings_refuse("vault.root_key_source", *newval, "a source",
						   "It is file:/absolute/path, command:/absolute/path, or manual.",
						   "Set it to where the root key comes from, and never to the key itself.");
}

/* Accept up to 16 numbers of days, or none. */
static bool
check_days(char **newval, void **extra, GucSource source)
{
	const char *next = *newval + strspn(*newval, " ");
	int count = 0;

	while (*next && ++count <= 16)
	{
		char *end;
		long days = strtol(next, &end, 10);

		if (end == next || days < 1 || days > 3650)
			break;
		next = end + strspn(end, " ");
		if (*next == '\0')
			return true;
		if (*next++ != ',')
			break;
	}
	if (count == 0)
		return true;
	return settings_refuse("vault.expiry_warnings", *newval, "a list of days",
						   "At most 16 numbers of days, 1 to 3650, separated by commas.",
						   "Set it to days such as \"30, 14, 7, 1\".");
}

/* Parse the list, and keep it in the setting's extra. */
static bool
check_proxies(char **newval, void **extra, GucSource source)
{
	NetBlock blocks[MAX_PROXIES];
	BlockList *list;
	int count;
	const char *fault = net_list_parse(*newval, blocks, MAX_PROXIES, &count);

	if (fault)
	{
		char rule[256];

		snprintf(rule, sizeof(rule), "Of the addresses and blocks, one is not valid: %s.", fault);
		return settings_refuse("vault.proxies", *newval, "a list of addresses", rule,
							   "Set it to addresses and blocks such as \"192.0.2.1, 10.0.0.0/8\".");
	}
	list = compat_guc_malloc(offsetof(BlockList, blocks) + count * sizeof(NetBlock));
	if (list == NULL)
		return false;
	list->count = count;
	memcpy(list->blocks, blocks, count * sizeof(NetBlock));
	*extra = list;
	return true;
}

static void
assign_proxies(const char *newval, void *extra)
{
	setting_proxies = extra ? extra : &no_proxies;
}

static void
define_server_settings(void)
{
	DefineCustomStringVariable("vault.database", "Database that holds the vault.", NULL,
							   &setting_database, "postgres", PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vault.allow_swappable_keys",
							 "Unseals even if the root key's memory cannot be locked.", NULL,
							 &setting_allow_swappable_keys, false, PGC_POSTMASTER, 0, NULL, NULL,
							 NULL);
	DefineCustomBoolVariable("vault.allow_core_dumps",
							 "Lets backends be dumped and traced, for debugging only.", NULL,
							 &setting_allow_core_dumps, false, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"vault.root_key_source",
		"Where the root key comes from: file:/path, command:/path or manual.", NULL,
		&setting_root_key_source, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_root_key_source, NULL,
		NULL);
	DefineCustomBoolVariable(
		"vault.seal_on_crash",
		"Wipes the root key when the server restarts after a crash of a backend.", NULL,
		&setting_seal_on_crash, false, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"vault.proxies", "Addresses of poolers and proxies, whose address is not the client's.",
		"A list of addresses and blocks; conditions on addresses are not met through them.",
		&proxies_text, "", PGC_SIGHUP, 0, check_proxies, assign_proxies, NULL);
	DefineCustomIntVariable("vault.max_result_memory",
							"Memory that the values of one vault.get_many() call may take.",
							"Values are never spilled to a temporary file.",
							&setting_max_result_memory, 256 * 1024, 64, MAX_KILOBYTES, PGC_SUSET,
							GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		"vault.redaction",
		"Whose statements the server's log, activity and statistics do not show.",
		"standard: those that use the vault; strict: all of a session that has used it.",
		&setting_redaction, REDACTION_STANDARD, redaction_levels, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* Keep the source of the value in the setting's extra, which comes back with the value. */
static bool
check_audit_mode(int *newval, void **extra, GucSource source)
{
	bool *is_of_session = compat_guc_malloc(sizeof(bool));

	if (is_of_session == NULL)
		return false;
	*is_of_session = source >= PGC_S_CLIENT && source != PGC_S_TEST;
	*extra = is_of_session;
	return true;
}

static void
assign_audit_mode(int newval, void *extra)
{
	setting_audit_mode_is_of_session = extra && *(bool *) extra;
}

static void
define_audit_settings(void)
{
	static const struct config_enum_entry modes[] = {{"durable", AUDIT_DURABLE, false},
													 {"queued", AUDIT_QUEUED, false},
													 {NULL, 0, false}};

	DefineCustomEnumVariable(
		"vault.audit_mode",
		"Whether a read waits until its audit record is on disk (durable) or in shared memory "
		"(queued).",
		NULL, &setting_audit_mode, AUDIT_DURABLE, modes, PGC_SUSET, 0, check_audit_mode,
		assign_audit_mode, NULL);
	DefineCustomIntVariable("vault.audit_timeout",
							"How long a call waits for its audit record before it is refused.",
							NULL, &setting_audit_timeout, 5000, 100, 60000, PGC_SUSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable(
		"vault.max_seal_delay",
		"How long rows of the trail may wait for their seal before that is an alert.", NULL,
		&setting_max_seal_delay, 60, 10, SECS_PER_DAY, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("vault.audit_ring_size",
							"Audit records that shared memory has room for, 1.8 kB each.", NULL,
							&setting_audit_ring_size, 10240, 64, 1024 * 1024, PGC_POSTMASTER, 0,
							NULL, NULL, NULL);
}

static void
define_limit_settings(void)
{
	DefineCustomIntVariable(
		"vault.max_failures",
		"Refused tokens of one subject from one peer before all of them are refused for a while; "
		"0: no limit.",
		NULL, &setting_max_failures, 100, 0, 1000000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"vault.max_forgeries",
		"Tokens without a right signature from one peer before it has to wait; 0: no limit.", NULL,
		&setting_max_forgeries, 1000, 0, 1000000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"vault.max_denials",
		"Denials of one principal from one peer before all its calls are refused for a while; "
		"0: no limit.",
		NULL, &setting_max_denials, 1000, 0, 1000000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"vault.failure_window",
		"Time in which failures are counted, and for which the first back-off lasts.", NULL,
		&setting_failure_window, 60, 1, 3600, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_identity_settings(void)
{
	static const struct config_enum_entry kinds[] = {{"open", BINDING_OPEN, false},
													 {"consent", BINDING_CONSENT, false},
													 {NULL, 0, false}};

	DefineCustomEnumVariable("vault.role_binding",
							 "Which database roles a tenant's administrator may bind.",
							 "open: those that no other tenant has; "
							 "consent: those reserved for the tenant, "
							 "and those that the administrator administers in the server.",
							 &setting_role_binding, BINDING_OPEN, kinds, PGC_SUSET, 0, NULL, NULL,
							 NULL);
}

static void
define_lifecycle_settings(void)
{
	DefineCustomIntVariable(
		"vault.notification_retention",
		"How long notifications stay after every subscriber has acknowledged them.", NULL,
		&setting_notification_retention, 30 * SECS_PER_DAY, SECS_PER_DAY, 3650 * SECS_PER_DAY,
		PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"vault.expiry_warnings",
		"Days before a secret expires on which that is announced, unless it has its own.", NULL,
		&setting_expiry_warnings, "30, 14, 7, 1", PGC_SIGHUP, 0, check_days, NULL, NULL);
	DefineCustomIntVariable("vault.max_extension",
							"How far from now vault.extend_expiry() may put the end.", NULL,
							&setting_max_extension, 30 * SECS_PER_DAY, 0, 365 * SECS_PER_DAY,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("vault.max_extensions",
							"How often vault.extend_expiry() may prolong one version.", NULL,
							&setting_max_extensions, 3, 0, 1000, PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/* Accept host:port, with commas between them. */
static bool
check_hosts(char **newval, void **extra, GucSource source)
{
	for (const char *c = *newval; *c; c++)
		if (!isalnum((unsigned char) *c) && strchr(".-:, ", *c) == NULL)
			return settings_refuse(
				"vault.rotation_hosts", *newval, "a list of hosts",
				"It is host:port, with commas between them.",
				"Set it to servers such as \"db1.example.com:5432\", without user and password.");
	return true;
}

static void
define_rotation_settings(void)
{
	DefineCustomIntVariable("vault.rotation_batch",
							"Steps of rotations that a run of the job does at most.", NULL,
							&setting_rotation_batch, 1000, 1, 1000000, PGC_SIGHUP, 0, NULL, NULL,
							NULL);
	DefineCustomIntVariable(
		"vault.rotation_retry",
		"Time before a step of a rotation is tried again; it doubles with each failure.", NULL,
		&setting_rotation_retry, 30, 1, 3600, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("vault.rotation_timeout",
							"How long a step of a rotation may take at its target.", NULL,
							&setting_rotation_timeout, 30000, 100, 600000, PGC_SUSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomStringVariable("vault.rotation_hosts",
							   "Servers, as host:port, on which passwords may be rotated.", NULL,
							   &setting_rotation_hosts, "", PGC_SIGHUP, 0, check_hosts, NULL, NULL);
	DefineCustomStringVariable("vault.rotation_root_certificates",
							   "File with the certificates that these servers are verified by.",
							   NULL, &setting_rotation_root_certificates, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

static void
define_session_settings(void)
{
	DefineCustomStringVariable("vault.tenant",
							   "Selects among the tenants that the caller's role is bound to.",
							   NULL, &setting_tenant, "", PGC_USERSET, 0, settings_check_tenant,
							   NULL, NULL);
	DefineCustomStringVariable("vault.environment", "Environment of calls that name none.", NULL,
							   &setting_environment, "default", PGC_USERSET, 0, check_environment,
							   NULL, NULL);
	DefineCustomStringVariable("vault.request_id",
							   "The application's id of the request, for the audit trail.", NULL,
							   &setting_request_id, "", PGC_USERSET, 0, check_request_id, NULL,
							   NULL);
}

const char *
default_environment(void)
{
	return setting_environment && *setting_environment ? setting_environment : "default";
}

/*
 * Refuse unknown settings with the prefix, which are misspelt. It runs when all libraries have been
 * loaded, because supabase_vault has a setting with that prefix and may be loaded later.
 */
static void
reserve_prefix(void)
{
	if (previous_request)
		previous_request();
	MarkGUCPrefixReserved("vault");
}

void
settings_init(void)
{
	define_server_settings();
	define_audit_settings();
	define_limit_settings();
	define_identity_settings();
	define_rotation_settings();
	define_lifecycle_settings();
	define_session_settings();
	previous_request = shmem_request_hook;
	shmem_request_hook = reserve_prefix;
}
