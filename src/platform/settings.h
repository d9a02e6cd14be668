/*
 * settings.h
 *		Every setting of the extension, in one place.
 *
 * The prefix "vault" is reserved, so a misspelt setting is an error. No setting that an ordinary
 * user can set decides access; vault.tenant only selects among the tenants that the caller's role
 * is bound to.
 */
#ifndef VAULT_PLATFORM_SETTINGS_H
#define VAULT_PLATFORM_SETTINGS_H

#include "platform/compat.h"

#include "platform/netblock.h"

typedef enum AuditMode
{
	AUDIT_DURABLE, /* a read waits until its record is on disk */
	AUDIT_QUEUED   /* a read waits until its record is in shared memory */
} AuditMode;

/* Set at server start. */
extern char *setting_database;
extern bool setting_allow_swappable_keys;
extern bool setting_allow_core_dumps;
extern int setting_audit_ring_size; /* records */

/* Set by the superuser in the configuration file. */
extern char *setting_root_key_source;
extern bool setting_seal_on_crash;
extern int setting_max_result_memory; /* kB */
extern int setting_audit_mode;        /* AuditMode */
/* set by session, transaction, function or connection */
extern bool setting_audit_mode_is_of_session;
extern int setting_audit_timeout;          /* ms */
extern int setting_max_seal_delay;         /* s */
extern int setting_max_failures;           /* 0 means no limit */
extern int setting_max_forgeries;          /* 0 means no limit */
extern int setting_max_denials;            /* 0 means no limit */
extern int setting_failure_window;         /* s */
extern int setting_notification_retention; /* s */
extern char *setting_expiry_warnings;      /* days, comma separated */
extern int setting_max_extension;          /* s */
extern int setting_max_extensions;

extern int setting_rotation_batch;   /* steps */
extern int setting_rotation_retry;   /* s */
extern int setting_rotation_timeout; /* ms */
extern char *setting_rotation_hosts;
extern char *setting_rotation_root_certificates;

/* Condition for an administrator's binding of a database role. Set by the superuser. */
enum
{
	BINDING_OPEN,   /* no other tenant has the role */
	BINDING_CONSENT /* an operator, or an administrator of the role, consents */
};
extern int setting_role_binding;

/* Proxies, behind which there can be any client. Set in the configuration file. */
typedef struct BlockList
{
	int count;
	NetBlock blocks[FLEXIBLE_ARRAY_MEMBER];
} BlockList;
extern const BlockList *setting_proxies;

/* Set by the superuser, also for a role or a database. */
enum
{
	REDACTION_STANDARD,
	REDACTION_STRICT
};
extern int setting_redaction;

/* Set by any role. */
extern char *setting_tenant;
extern char *setting_environment;
extern char *setting_request_id;

/* Return the environment of a call that names none: vault.environment, else "default". */
extern const char *default_environment(void);

/* Called with the message that refuses the value of a setting. Redaction registers it. */
extern void (*settings_refused)(const char *message);

extern void settings_init(void);

#endif
