/*
 * recorder.c
 *		Records of calls for the ring, and of changes that were rolled back.
 *
 * A call that changed rows has their records in its own transaction.  It needs nothing here, unless
 * it fails or is rolled back.  Every refusal waits for its record in the same way, so the time of a
 * refusal does not reveal whether there was something to refuse.
 *
 * All state is of this backend: records of the running transaction (pending), which an abort sends;
 * records that found no room in the ring (unsent); and the wait of the running call.
 */
#include "audit/recorder.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "audit/audit_describe.h"
#include "audit/audit_state.h"
#include "audit/ring.h"
#include "audit/setting_alerts.h"
#include "context/call.h"
#include "platform/errors.h"
#include "platform/pending.h"
#include "platform/settings.h"

/* The most records that a session keeps, and the wait of an abort or a call for room. */
#define MAX_UNSENT     1024
#define UNSENT_WAIT_MS 1000

/* Changes of one transaction that are remembered in case it is rolled back. */
#define MAX_PENDING_RECORDS 64

typedef struct PendingRecord
{
	Pending pending;
	PackedRow row; /* as long as it is packed */
} PendingRecord;

/* Loaded later, the module refuses every call and has no ring to record that in. */
static bool is_preloaded = false;

static void send_rolled_back(Pending *pending);

static PendingList pending_records = {.undo = send_rolled_back};
static int pending_before_call = 0;

/* Changes beyond these: one row stands for all, and is sent if any of their levels is aborted. */
static struct
{
	int count;
	int level;
	PackedRow first;
} more_pending;

/* Tenants that this transaction makes; the array is in TopTransactionContext. */
static struct
{
	pg_uuid_t *ids;
	int count;
} new_tenants;

/* The records of this call that it may have to wait for. */
static RingWait awaited;

/* True if this call has slept, for room or for the disk. */
static bool waited = false;

/*
 * Records of this session that found no room.  They are sent at the next opportunity, at the latest
 * when the session ends.
 */
static struct
{
	PackedRow **rows;
	int count;
} unsent;

/* True if the session ends and has waited for room in vain. */
static bool gave_up = false;

static void
refuse_unrecorded(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_AUDIT_UNAVAILABLE),
			 errmsg("the audit record could not be written, and nothing is returned"),
			 errhint("The worker \"vault audit\" does not run or cannot write; "
					 "the server's log says why.")));
}

static bool
recorder_push(const AuditRow *row, bool may_wait)
{
	bool pushed = !RecoveryInProgress() && ring_push(row, may_wait, &awaited);

	waited |= awaited.slept;
	return pushed;
}

static void
report_lost(void)
{
	ring_note_lost(1);
	ereport(LOG,
			(errmsg("an audit record is lost: the ring was full"),
			 errhint("The worker \"vault audit\" does not run or cannot write.")));
}

static void at_session_end(int code, Datum arg);

/* Keep a record that found no room; in an abort there may be no memory for it. */
static void
keep_unsent(const PackedRow *packed)
{
	static bool listening = false;
	PackedRow *copy = NULL;

	if (!listening)
		before_shmem_exit(at_session_end, (Datum) 0);
	listening = true;
	if (unsent.rows == NULL)
		unsent.rows = MemoryContextAllocExtended(TopMemoryContext, MAX_UNSENT * sizeof(PackedRow *),
												 MCXT_ALLOC_NO_OOM);
	if (unsent.rows && unsent.count < MAX_UNSENT)
		copy = MemoryContextAllocExtended(TopMemoryContext, packed_row_size(packed),
										  MCXT_ALLOC_NO_OOM);
	if (copy == NULL)
	{
		report_lost();
		return;
	}
	memcpy(copy, packed, packed_row_size(packed));
	unsent.rows[unsent.count++] = copy;
}

/* Send the kept records in their order, and wait for ms at most, all together. */
static void
send_unsent(int ms)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	int sent = 0;

	while (sent < unsent.count)
	{
		long left = ms == 0 ? 0 : TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (!ring_push_packed(unsent.rows[sent], (int) left))
			break;
		pfree(unsent.rows[sent++]);
	}
	unsent.count -= sent;
	memmove(unsent.rows, unsent.rows + sent, unsent.count * sizeof(PackedRow *));
}

/* Send a record of what cannot be refused any more: now, later, or when the session ends. */
static void
recorder_send(const PackedRow *packed)
{
	if (unsent.count == 0 && ring_push_packed(packed, 0))
		return;
	if (!proc_exit_inprogress)
		keep_unsent(packed);
	else if (gave_up || !ring_push_packed(packed, setting_audit_timeout))
	{
		gave_up = true;
		report_lost();
	}
}

static void
send_row(const AuditRow *row)
{
	PackedRow packed;

	if (RecoveryInProgress())
		return;
	packed_row_pack(row, &packed);
	recorder_send(&packed);
}

static void
at_session_end(int code, Datum arg)
{
	send_unsent(setting_audit_timeout);
	gave_up = unsent.count > 0;
	for (; unsent.count > 0; unsent.count--)
		report_lost();
}

/* Wait until the records are as safe as vault.audit_mode asks; false if they are not in time. */
static bool
recorder_await(void)
{
	bool safe = true;

	if (setting_audit_mode != AUDIT_QUEUED)
	{
		waited = true;
		safe = ring_wait(&awaited);
	}
	memset(&awaited, 0, sizeof(awaited));
	return safe;
}

/*
 * Record an alert for a read by a background worker, once.  The one that chose its role is unknown,
 * and may not be a member of that role.
 */
static void
alert_without_client(const AuditRow *release)
{
	static bool told = false;
	AuditRow row = *release;

	if (told || !audit_is_without_client())
		return;
	row.decision = decision_name(DECISION_ALERT);
	row.reason = "a value is read by a background worker, without a client";
	if (!recorder_push(&row, true))
		refuse_unrecorded();
	told = true;
}

void
audit_read(const AuditRead *release)
{
	VaultCall *call = call_required();
	AuditRecord record = {
		.operation = call->operation,
		.decision = DECISION_ALLOW,
		.object_kind = "secret",
		.tenant = call->tenant,
		.object = release->id,
		.version = release->version,
		.reason = release->reason,
	};
	char name[CALL_NAME_BYTES];
	char environment[64];
	AuditRow row;

	memcpy(name, release->secret, release->secret_size);
	name[release->secret_size] = 0;
	memcpy(environment, release->environment, release->environment_size);
	environment[release->environment_size] = 0;
	record.secret = name;
	record.environment = environment;
	audit_describe(&record, call, &row);
	row.has_grant = release->grant != NULL;
	if (release->grant)
		row.grant_id = *release->grant;
	if (!recorder_push(&row, true))
		refuse_unrecorded();
	alert_without_client(&row);
}

bool
audit_await_reads(void)
{
	if (!recorder_await())
		refuse_unrecorded();
	return waited;
}

static bool
is_best_effort(const VaultCall *call)
{
	return call->kind == ENTRY_ANYONE || call->kind == ENTRY_KEY_HOLDER;
}

/* Fill the place of the secret that was asked for; other names go to the reason. */
static void
fill_asked(const VaultCall *call, AuditRecord *record)
{
	record->operation = call->operation;
	if (call->has_tenant)
		record->tenant = call->tenant;
	else if (call->caller.is_identified || call->caller.token_fault)
		record->tenant = call->caller.tenant;
	record->version = call->version;
	record->environment = call->requested_environment;
	if (call->requested_environment[0])
	{
		record->object_kind = "secret";
		record->secret = call->requested_name;
	}
}

/* Record a weak setting that this session has chosen; it concerns no tenant. */
static void
tell_of_choice(void)
{
	const char *reason = setting_alerts_seen();
	AuditRecord record = {
		.operation = "settings",
		.decision = DECISION_ALERT,
		.object_kind = "setting",
		.reason = reason,
	};
	AuditRow row;

	if (reason == NULL)
		return;
	audit_describe_own(&record, &row);
	send_row(&row);
}

void
recorder_begin(void)
{
	if (!is_preloaded)
		return;
	audit_know_caller();
	memset(&awaited, 0, sizeof(awaited));
	waited = false;
	pending_before_call = pending_records.count;
	if (unsent.count > 0)
		send_unsent(UNSENT_WAIT_MS);
	tell_of_choice();
}

bool
recorder_passed(const VaultCall *call)
{
	AuditRecord record = {.decision = DECISION_ALLOW, .reason = call->reason};
	AuditRow row;
	bool recorded;

	if (call->records > 0 || RecoveryInProgress())
		return false;
	fill_asked(call, &record);
	audit_describe(&record, call, &row);
	recorded = recorder_push(&row, !is_best_effort(call));
	if (!recorded && is_best_effort(call))
		send_row(&row);
	if (recorded && call->kind != ENTRY_ANYONE)
		recorded = recorder_await();
	if (!recorded && !is_best_effort(call))
		refuse_unrecorded();
	return waited;
}

static AuditDecision
recorder_decision_of(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
		case ERRCODE_VAULT_NO_TENANT:
		case ERRCODE_VAULT_TOKEN_REFUSED:
			return DECISION_DENY;
		case ERRCODE_VAULT_WRONG_KEY:
		case ERRCODE_VAULT_TAMPERED:
			return DECISION_ALERT;
		default:
			return DECISION_ERROR;
	}
}

/* True for messages of vault.  Other messages could quote a value, and stay out of the trail. */
static bool
is_own_message(const ErrorData *error)
{
	if (error->message == NULL)
		return false;
	return strcmp(error->domain, TEXTDOMAIN) == 0 ||
		(error->funcname && strcmp(error->funcname, "exec_stmt_raise") == 0);
}

/*
 * Return the length of the part of a message that goes into the trail; 0 for foreign messages.  The
 * rule that a value broke, and the error that a function chose, are for the client that gave the
 * value, and not for readers of the trail.
 */
static int
told_length(const ErrorData *error)
{
	const char *rule = NULL;

	if (!is_own_message(error))
		return 0;
	if (error->sqlerrcode == ERRCODE_VAULT_WRONG_FORM)
		rule = strstr(error->message, ": ");
	if (rule == NULL)
		rule = strstr(error->message, " with SQLSTATE ");
	return rule ? rule - error->message : strlen(error->message);
}

static void
describe_failure(const VaultCall *call, const ErrorData *error, char *reason, size_t size)
{
	bool names_other = call->requested_name[0] && !call->requested_environment[0];
	int told = told_length(error);
	const char *fault =
		error->sqlerrcode == ERRCODE_VAULT_TOKEN_REFUSED ? call->caller.token_fault : NULL;

	snprintf(reason, size, "%s%s%.*s%s%s%s%s", unpack_sql_state(error->sqlerrcode),
			 told > 0 ? ": " : "", told, told > 0 ? error->message : "", fault ? ": " : "",
			 fault ? fault : "", names_other ? "; asked for " : "",
			 names_other ? call->requested_name : "");
}

/* False for a client that goes away, and for a refusal because nothing can be recorded. */
static bool
waits_for_record(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return error->sqlerrcode != ERRCODE_VAULT_AUDIT_UNAVAILABLE &&
		category != ERRCODE_TO_CATEGORY(ERRCODE_QUERY_CANCELED);
}

void
recorder_new_tenant(const pg_uuid_t *tenant)
{
	Size size = (new_tenants.count + 1) * sizeof(pg_uuid_t);

	new_tenants.ids = new_tenants.ids ? repalloc(new_tenants.ids, size)
									  : MemoryContextAlloc(TopTransactionContext, size);
	new_tenants.ids[new_tenants.count++] = *tenant;
}

/* Clear the id of a new tenant in a row that may outlive its transaction; the name stays. */
static void
leave_new_tenant(AuditRow *row)
{
	for (int i = 0; i < new_tenants.count; i++)
		if (memcmp(&new_tenants.ids[i], &row->tenant_id, sizeof(pg_uuid_t)) == 0)
		{
			memset(&row->tenant_id, 0, sizeof(pg_uuid_t));
			return;
		}
}

void
recorder_failed(const VaultCall *call, const ErrorData *error)
{
	char reason[1024];
	AuditRecord record = {.decision = recorder_decision_of(error->sqlerrcode), .reason = reason};
	bool waits = waits_for_record(error);
	AuditRow row;

	if (!is_preloaded)
		return;
	/* The failure of the whole call is recorded instead. */
	pending_forget(&pending_records, pending_before_call);
	describe_failure(call, error, reason, sizeof(reason));
	fill_asked(call, &record);
	audit_describe(&record, call, &row);
	leave_new_tenant(&row);
	if (!recorder_push(&row, waits))
	{
		send_row(&row);
		waits = false;
	}
	if (record.decision == DECISION_DENY && audit_caller_is_superuser())
	{
		row.decision = decision_name(DECISION_ALERT);
		row.reason = "a superuser was refused";
		if (!recorder_push(&row, waits))
			send_row(&row);
	}
	if (waits)
		(void) recorder_await();
}

static void
pack_as_aborted(const AuditRow *row, PackedRow *packed)
{
	AuditRow aborted = *row;

	aborted.decision = decision_name(DECISION_ABORTED);
	leave_new_tenant(&aborted);
	packed_row_pack(&aborted, packed);
}

void
recorder_add(const AuditRow *row)
{
	PackedRow packed;

	if (pending_records.count < MAX_PENDING_RECORDS)
	{
		PendingRecord *record;

		pack_as_aborted(row, &packed);
		record =
			pending_add(&pending_records, offsetof(PendingRecord, row) + packed_row_size(&packed));
		memcpy(&record->row, &packed, packed_row_size(&packed));
		return;
	}
	if (more_pending.count == 0)
		pack_as_aborted(row, &more_pending.first);
	more_pending.count++;
	more_pending.level = Max(more_pending.level, GetCurrentTransactionNestLevel());
}

static void
tell_more_rolled_back(void)
{
	char reason[64];
	AuditRow row;
	PackedRow packed;

	packed_row_unpack(&more_pending.first, &row);
	snprintf(reason, sizeof(reason), "stands for up to %d changes", more_pending.count);
	row.reason = reason;
	packed_row_pack(&row, &packed);
	recorder_send(&packed);
	more_pending.count = more_pending.level = 0;
}

static void
send_rolled_back(Pending *pending)
{
	recorder_send(&((PendingRecord *) pending)->row);
}

/*
 * After the records of this level and deeper ones were sent: what remains to be sent.  An abort
 * waits for room for a moment only.
 */
static void
end_rolled_back(int level)
{
	if (more_pending.count > 0 && more_pending.level >= level)
		tell_more_rolled_back();
	if (unsent.count > 0)
		send_unsent(UNSENT_WAIT_MS);
}

/* Refuse PREPARE: another session could roll the transaction back later, without a record. */
static void
refuse_prepare(void)
{
	if (pending_records.count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a transaction that changed something in the vault cannot be prepared"),
				 errhint("End it with COMMIT. Settings that weaken the vault count, too.")));
}

static void
recorder_at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE)
		refuse_prepare();
	pending_end_transaction(&pending_records, event);
	if (event == XACT_EVENT_ABORT)
		end_rolled_back(0);
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
	{
		more_pending.count = more_pending.level = 0;
		memset(&new_tenants, 0, sizeof(new_tenants));
	}
}

static void
recorder_at_subtransaction_end(SubXactEvent event, SubTransactionId sub, SubTransactionId parent,
							   void *arg)
{
	int level = GetCurrentTransactionNestLevel();

	pending_end_subtransaction(&pending_records, event);
	if (event == SUBXACT_EVENT_ABORT_SUB)
		end_rolled_back(level);
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		more_pending.level = Min(more_pending.level, level - 1);
}

void
recorder_init(void)
{
	is_preloaded = true;
	RegisterXactCallback(recorder_at_transaction_end, NULL);
	RegisterSubXactCallback(recorder_at_subtransaction_end, NULL);
}
