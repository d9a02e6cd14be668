/*
 * verify_audit.c
 *		vault.verify_audit(): compares the trail with its seals, the seals with each other, and
 *		their chain with checkpoints.
 *
 * For each tenant it reads first the chain in the order of numbers, then the rows in the order of
 * time. All reads use one snapshot. A row may be missing if its month was retired. A row may have
 * no seal if the last step had not seen it.
 */
#include "audit/ledger_view.h"
#include "platform/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "access/xact.h"
#include "audit/ledger.h"
#include "context/operators.h"
#include "crypto/raise.h"
#include "entry/entry.h"
#include "evidence/checkpoint.h"
#include "evidence/log_consumer.h"
#include "evidence/audit_access.h"
#include "evidence/retired_rows.h"
#include "evidence/seal.h"
#include "evidence/log_walk.h"
#include "platform/settings.h"
#include "platform/sql.h"
#include "platform/tables.h"

#define MAX_FAULTS 100 /* number of faults that are shown, for each tenant */
#define NAMED_IDS  3
#define LOOKS      20 /* attempts to find a moment in which the ledger does not change */

/* Columns of the result. */
enum
{
	OUT_TENANT,
	OUT_OK,
	OUT_FAULT,
	OUT_SEAL,
	OUT_ID,
	OUT_AT,
	OUT_ROWS,
	OUT_DETAIL,
	OUT_COLUMNS
};

typedef struct VerifyAuditFault
{
	const char *kind; /* string literal */
	int64 seal;       /* 0 if none */
	int64 id;         /* 0 if none */
	TimestampTz at;   /* DT_NOBEGIN if none */
	int64 rows;
	char *detail;
} VerifyAuditFault;

/* State of the verification of one tenant. */
typedef struct VerifyAuditCheck
{
	pg_uuid_t tenant;
	const ConsumerState *state;
	LedgerView *ledger; /* NULL if rows are not compared with it */
	const Checkpoint *given;
	const Checkpoint *stored;
	const SignedNote *anchor; /* head in the checkpoint given */
	const SignedNote *memory; /* head in the checkpoint stored */
	bool anchor_met;
	bool memory_met;
	bool named; /* the caller asked for this tenant */
	int64 rows;
	int64 unsealed;
	int64 without_mac;
	int64 seals;
	Seal head; /* the last seal; seq is 0 if there is none */
	DateADT *retired;
	int retired_count;
	List *faults;
	int64 fault_count;
	MemoryContext context;
} VerifyAuditCheck;

static void
add_fault(VerifyAuditCheck *check, const char *kind, int64 seal, int64 id, TimestampTz at,
		  int64 rows, const char *detail)
{
	MemoryContext old;
	VerifyAuditFault *fault;

	if (++check->fault_count > MAX_FAULTS)
		return;
	old = MemoryContextSwitchTo(check->context);
	fault = palloc(sizeof(VerifyAuditFault));
	*fault = (VerifyAuditFault){kind, seal, id, at, rows, pstrdup(detail)};
	check->faults = lappend(check->faults, fault);
	MemoryContextSwitchTo(old);
}

/* ---- the chain ---- */

static void
compare_with_note(VerifyAuditCheck *check, const Seal *seal, const unsigned char *hash,
				  const SignedNote *note, const char *whose, bool *met)
{
	if (note == NULL || note->seal != seal->seq)
		return;
	*met = true;
	if (memcmp(note->hash, hash, SHA256_BYTES) != 0 || note->rows != seal->total_rows)
		add_fault(check, "chain replaced", seal->seq, 0, seal->sealed_at, 0, whose);
}

static void
check_seal(VerifyAuditCheck *check, const Seal *seal)
{
	int64 expected = check->head.seq + 1;
	unsigned char hash[SHA256_BYTES];

	seal_hash(seal, hash);
	if (seal->seq > expected)
		add_fault(check, expected == 1 ? "head cut" : "seal missing", expected, 0, DT_NOBEGIN, 0,
				  psprintf(INT64_FORMAT " seals are missing before seal " INT64_FORMAT,
						   seal->seq - expected, seal->seq));
	if (!seal_is_genuine(seal) || seal_id_count(seal) != seal->rows)
		add_fault(check, "seal changed", seal->seq, 0, seal->sealed_at, seal->rows,
				  "the seal does not fit its own hash and MAC");
	else if (seal->seq < expected)
		add_fault(check, "seal inserted", seal->seq, 0, seal->sealed_at, seal->rows,
				  "there is more than one seal of this number");
	else if (seal->seq == expected &&
			 (memcmp(seal->previous, check->head.hash, SHA256_BYTES) != 0 ||
			  seal->total_rows != check->head.total_rows + seal->rows))
		add_fault(check, "chain broken", seal->seq, 0, seal->sealed_at, seal->rows,
				  "the seal does not continue the one before it");
	if (seal->missing > 0)
		add_fault(check, "row deleted", seal->seq, 0, seal->sealed_at, seal->missing,
				  "they were deleted or exchanged before they were sealed");
	compare_with_note(check, seal, hash, check->anchor,
					  "the seal is not the one that the checkpoint names", &check->anchor_met);
	compare_with_note(check, seal, hash, check->memory,
					  "the seal is not the one that the newest checkpoint stored here names",
					  &check->memory_met);
	check->seals++;
	check->head = *seal;
	check->head.ranges = NULL;
	memcpy(check->head.hash, hash, SHA256_BYTES);
}

static void
check_cut_tail(VerifyAuditCheck *check, const SignedNote *note, bool met, const char *of)
{
	if (note == NULL || met || note->seal <= 0 || note->seal <= check->head.seq)
		return;
	add_fault(check, "tail cut", check->head.seq + 1, 0, DT_NOBEGIN, 0,
			  psprintf("%s has " INT64_FORMAT " seals with " INT64_FORMAT
					   " rows, and there are " INT64_FORMAT,
					   of, note->seal, note->rows, check->head.seq));
}

static void
verify_audit_check_chain(VerifyAuditCheck *check)
{
	static Sql sql = {"SELECT " SEAL_COLUMNS " FROM vault_data.audit_seal s WHERE s.tenant_id = $1"
					  " ORDER BY s.seq",
					  1,
					  {UUIDOID}};
	Datum key = UUIDPGetDatum(&check->tenant);
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "vault chain", ALLOCSET_DEFAULT_SIZES);
	Portal portal = sql_open(&sql, &key, NULL);
	uint64 count;

	while ((count = sql_fetch(portal, 20)) > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(memory);
		SPITupleTable *table = SPI_tuptable;

		for (uint64 i = 0; i < count; i++)
		{
			Seal seal;

			CHECK_FOR_INTERRUPTS();
			seal_load(i, &seal);
			check_seal(check, &seal);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(memory);
		SPI_freetuptable(table);
	}
	sql_close(portal);
	MemoryContextDelete(memory);
	if (check->given && check->named && check->anchor == NULL && check->head.seq > 0)
		add_fault(check, "not anchored", 0, 0, DT_NOBEGIN, 0,
				  "the checkpoint does not name this tenant: "
				  "it is of another, or was made before its first seal");
	check_cut_tail(check, check->anchor, check->anchor_met, "the checkpoint");
	if (check->anchor == NULL)
		check_cut_tail(check, check->memory, check->memory_met,
					   "the newest checkpoint stored here");
}

/* ---- retired rows ---- */

static void
load_retired(VerifyAuditCheck *check)
{
	static Sql sql = {"SELECT r.month, r.rows, r.retired_at, r.mac FROM vault_data.audit_retired r"
					  " WHERE r.tenant_id = $1 ORDER BY r.month",
					  1,
					  {UUIDOID}};
	Datum key = UUIDPGetDatum(&check->tenant);
	Portal portal = sql_open(&sql, &key, NULL);
	uint64 count = sql_fetch(portal, 100000);

	check->retired = MemoryContextAlloc(check->context, Max(1, count) * sizeof(DateADT));
	for (uint64 i = 0; i < count; i++)
	{
		DateADT month = DatumGetDateADT(sql_value(i, 1, NULL));
		bytea *stored = DatumGetByteaPP(sql_value(i, 4, NULL));
		TimestampTz at = DatumGetTimestampTz(sql_value(i, 3, NULL));
		int64 rows = DatumGetInt64(sql_value(i, 2, NULL));
		unsigned char mac[MAC_BYTES];

		retired_mac(&check->tenant, month, rows, at, mac);
		if (VARSIZE_ANY_EXHDR(stored) == MAC_BYTES &&
			secret_equal(VARDATA_ANY(stored), mac, MAC_BYTES))
			check->retired[check->retired_count++] = month;
		else
			add_fault(check, "retirement forged", 0, 0, at, rows,
					  "a month is said to be retired, and vault did not do it");
	}
	sql_close(portal);
}

static bool
verify_audit_is_retired(const VerifyAuditCheck *check, DateADT month)
{
	for (int i = 0; i < check->retired_count; i++)
		if (check->retired[i] == month)
			return true;
	return false;
}

/* ---- rows ---- */

static void
check_covered(VerifyAuditCheck *check, const AuditRow *row, AuditRowState state, OpenSeal *open)
{
	bool bare = state == AUDIT_ROW_WITHOUT_MAC;

	open->without_mac += bare;
	check->without_mac += bare;
	if (state == AUDIT_ROW_ALTERED || (bare && open->seal.without_mac == 0))
	{
		open->altered++;
		add_fault(check, "row changed", open->seal.seq, row->id, row->at, 1,
				  bare ? "its MAC was taken away" : "the row does not fit its MAC");
	}
}

/* Tell the ledger about a row that no step has seen yet, as the next step will. */
static void
verify_audit_tell_ledger(VerifyAuditCheck *check, const AuditRow *row, StringInfo line, bool good)
{
	unsigned char digest[AUDIT_MAC_BYTES];

	if (check->ledger == NULL)
		return;
	audit_row_digest(row, line, digest);
	ledger_found(check->ledger, &row->tenant_id, row->id, row->xid, digest, good);
}

static void
verify_audit_check_uncovered(VerifyAuditCheck *check, const AuditRow *row, StringInfo line,
							 AuditRowState state)
{
	bool is_new = consumer_is_new(check->state, row) && !TIMESTAMP_NOT_FINITE(row->at);

	if (is_new)
		verify_audit_tell_ledger(check, row, line, state != AUDIT_ROW_ALTERED);

	if (is_new && state != AUDIT_ROW_ALTERED)
		check->unsealed++;
	else if (is_new)
		add_fault(check, "row changed", 0, row->id, row->at, 1,
				  "the row does not fit its MAC, and is not sealed yet");
	else if (state == AUDIT_ROW_GENUINE)
		add_fault(check, "row not covered", 0, row->id, row->at, 1,
				  "vault wrote the row, and no seal covers it: "
				  "the seal is gone, or the row was put back");
	else
		add_fault(check, "row inserted", 0, row->id, row->at, 1,
				  "no seal covers the row, and vault did not write it so");
}

static void
verify_audit_visit_row(void *state, const AuditRow *row, StringInfo line, OpenSeal *open,
					   bool again)
{
	VerifyAuditCheck *check = state;
	AuditRowState authentic = audit_line_check(row, line);

	check->rows++;
	if (again)
		add_fault(check, "row inserted", open->seal.seq, row->id, row->at, 1,
				  "there is more than one row of this id");
	else if (open)
		check_covered(check, row, authentic, open);
	else
		verify_audit_check_uncovered(check, row, line, authentic);
}

static void
verify_audit_report_missing(VerifyAuditCheck *check, OpenSeal *open)
{
	Seal *seal = &open->seal;
	int missing = seal->rows - open->seen_count;
	int named = 0;
	StringInfoData detail;
	int64 first = 0;

	initStringInfo(&detail);
	appendStringInfo(&detail, "missing ids:");
	for (int rank = 0; rank < seal->rows && named < NAMED_IDS; rank++)
	{
		if (open->seen[rank])
			continue;
		if (named++ == 0)
			first = seal_id(seal, rank);
		appendStringInfo(&detail, " " INT64_FORMAT, seal_id(seal, rank));
	}
	if (missing > named)
		appendStringInfo(&detail, " and %d more", missing - named);
	add_fault(check, "row deleted", seal->seq, first, seal->first_at, missing, detail.data);
}

static void
visit_closed(void *state, OpenSeal *open)
{
	VerifyAuditCheck *check = state;
	Seal *seal = &open->seal;
	unsigned char hash[SHA256_BYTES];

	/* A seal that is not genuine was reported with the chain. */
	if (!open->is_usable || !seal_is_genuine(seal))
		return;
	if (open->seen_count < seal->rows)
	{
		if (!verify_audit_is_retired(check, seal->month))
			verify_audit_report_missing(check, open);
		return;
	}
	crypto_require(crypto_sha256(open->hashes, (size_t) seal->rows * SHA256_BYTES, hash));
	if (open->altered == 0 &&
		(memcmp(hash, seal->rows_hash, SHA256_BYTES) != 0 ||
		 open->without_mac != seal->without_mac))
		add_fault(check, "row changed", seal->seq, 0, seal->first_at, 0,
				  "the rows do not give the hash that was sealed; one without a MAC was changed");
}

/* ---- the result ---- */

static void
verify_audit_put(ReturnSetInfo *result, Datum *values, bool *nulls)
{
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
verify_audit_text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_fault(ReturnSetInfo *result, const char *tenant, const VerifyAuditFault *fault)
{
	Datum values[OUT_COLUMNS];
	bool nulls[OUT_COLUMNS] = {false};

	values[OUT_TENANT] = verify_audit_text_or_null(tenant, &nulls[OUT_TENANT]);
	values[OUT_OK] = BoolGetDatum(false);
	values[OUT_FAULT] = CStringGetTextDatum(fault->kind);
	values[OUT_SEAL] = Int64GetDatum(fault->seal);
	nulls[OUT_SEAL] = fault->seal == 0;
	values[OUT_ID] = Int64GetDatum(fault->id);
	nulls[OUT_ID] = fault->id == 0;
	values[OUT_AT] = TimestampTzGetDatum(fault->at);
	nulls[OUT_AT] = TIMESTAMP_IS_NOBEGIN(fault->at);
	values[OUT_ROWS] = Int64GetDatum(fault->rows);
	values[OUT_DETAIL] = CStringGetTextDatum(fault->detail);
	verify_audit_put(result, values, nulls);
}

static char *
summary_text(const VerifyAuditCheck *check)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text,
					 INT64_FORMAT " rows, " INT64_FORMAT " not sealed yet, " INT64_FORMAT
								  " seals; ",
					 check->rows, check->unsealed, check->seals);
	if (check->anchor && check->anchor_met)
		appendStringInfo(&text, "anchored until seal " INT64_FORMAT " by the checkpoint of %s",
						 check->anchor->seal, check->given->time);
	else if (check->given)
		appendStringInfoString(&text, "the checkpoint does not anchor this trail");
	else
		appendStringInfo(&text, "unanchored since seal 1: no checkpoint was given%s",
						 check->memory ? ", and the one stored here proves little" : "");
	if (check->without_mac > 0)
		appendStringInfo(&text, "; " INT64_FORMAT " rows were written while the vault was sealed",
						 check->without_mac);
	if (check->fault_count > MAX_FAULTS)
		appendStringInfo(&text, "; the first %d of " INT64_FORMAT " faults follow", MAX_FAULTS,
						 check->fault_count);
	return text.data;
}

static void
put_check(ReturnSetInfo *result, const VerifyAuditCheck *check)
{
	char *tenant = audit_access_name(&check->tenant);
	Datum values[OUT_COLUMNS];
	bool nulls[OUT_COLUMNS] = {false};
	ListCell *cell;

	values[OUT_TENANT] = verify_audit_text_or_null(tenant, &nulls[OUT_TENANT]);
	values[OUT_OK] = BoolGetDatum(check->fault_count == 0);
	nulls[OUT_FAULT] = nulls[OUT_ID] = true;
	values[OUT_SEAL] = Int64GetDatum(check->head.seq);
	values[OUT_AT] = TimestampTzGetDatum(check->head.sealed_at);
	nulls[OUT_AT] = check->head.seq == 0;
	values[OUT_ROWS] = Int64GetDatum(check->rows);
	values[OUT_DETAIL] = CStringGetTextDatum(summary_text(check));
	verify_audit_put(result, values, nulls);
	foreach(cell, check->faults)
		put_fault(result, tenant, lfirst(cell));
}

/* ---- all of it ---- */

#define GONE_UNSEALED "they were deleted or exchanged, and were not sealed yet"

static void
verify_audit_note_missing(void *state, const pg_uuid_t *tenant, int64 rows)
{
	add_fault(state, "row deleted", 0, 0, DT_NOBEGIN, rows, GONE_UNSEALED);
}

static void
verify_audit_check_tenant(ReturnSetInfo *result, VerifyAuditCheck *check)
{
	static const LogVisitor visitor = {.row = verify_audit_visit_row, .closed = visit_closed};
	MemoryContext old;

	check->context =
		AllocSetContextCreate(CurrentMemoryContext, "vault check", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(check->context);
	check->anchor = checkpoint_head(check->given, &check->tenant);
	check->memory = checkpoint_head(check->stored, &check->tenant);
	audit_access_enter(&check->tenant);
	load_retired(check);
	verify_audit_check_chain(check);
	log_walk(&check->tenant, DT_NOBEGIN, DT_NOEND, &visitor, check);
	if (check->ledger)
		ledger_compare(check->ledger, &check->tenant, verify_audit_note_missing, check);
	put_check(result, check);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(check->context);
}

/* Verify that a step wrote the state, and that there are as many seals as it says. */
static void
check_state(ReturnSetInfo *result, const ConsumerState *state, int64 seals, bool all)
{
	VerifyAuditFault fault = {"state changed", 0, 0, DT_NOBEGIN, 0, NULL};

	if (state->exists && !state->is_genuine)
		fault.detail = "the state of sealing was changed outside vault";
	else if (!state->exists && seals > 0)
		fault.detail = "the state of sealing was removed";
	else if (all && state->exists && state->seals != seals)
		fault.detail = psprintf(INT64_FORMAT " seals were made, and there are " INT64_FORMAT,
								state->seals, seals);
	if (fault.detail)
		put_fault(result, NULL, &fault);
}

/* Report missing rows whose tenant cannot be told. */
static void
put_missing(void *state, const pg_uuid_t *tenant, int64 rows)
{
	VerifyAuditFault fault = {"row deleted", 0, 0, DT_NOBEGIN, rows, GONE_UNSEALED};

	if (tenant == NULL)
		put_fault(state, NULL, &fault);
}

/* Report rows that have waited for their seal for longer than allowed. */
static void
check_delay(ReturnSetInfo *result)
{
	int64 delay = ledger_delay();
	VerifyAuditFault fault = {"sealing delayed", 0, 0, DT_NOBEGIN, 0, NULL};

	if (delay <= (int64) setting_max_seal_delay * 1000)
		return;
	fault.detail = psprintf("rows wait for their seal for " INT64_FORMAT " s by now", delay / 1000);
	put_fault(result, NULL, &fault);
}

/* Add the tenants that the checkpoint names and that have no row left. */
static pg_uuid_t *
add_anchored(pg_uuid_t *tenants, int *count, const Checkpoint *given)
{
	pg_uuid_t *all = palloc((*count + (given ? given->count : 0) + 1) * sizeof(pg_uuid_t));
	int known = *count;

	memcpy(all, tenants, known * sizeof(pg_uuid_t));
	for (int i = 0; given && i < given->count; i++)
	{
		bool found = false;

		for (int j = 0; j < known && !found; j++)
			found = uuid_equal(&all[j], &given->tenants[i]);
		if (!found)
			all[(*count)++] = given->tenants[i];
	}
	return all;
}

static void
verify_audit_verify(ReturnSetInfo *result, const char *tenant, text *note, LedgerView *ledger)
{
	int count;
	bool all = tenant == NULL && role_sees_all_tenants(call_required()->caller.role);
	pg_uuid_t *tenants = audit_access_tenants(tenant, &count);
	Checkpoint *given = note ? checkpoint_open(VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)) : NULL;
	ConsumerState state;
	Checkpoint *stored = checkpoint_stored();
	int64 seals = 0;

	consumer_state(&state);
	if (state.exists && !state.is_genuine)
		state.is_local = false;
	if (all)
		tenants = add_anchored(tenants, &count, given);
	for (int i = 0; i < count; i++)
	{
		VerifyAuditCheck check = {.tenant = tenants[i],
								  .state = &state,
								  .ledger = ledger,
								  .given = given,
								  .stored = stored,
								  .named = !all};

		verify_audit_check_tenant(result, &check);
		seals += check.seals;
	}
	if (all && ledger)
		ledger_compare(ledger, NULL, put_missing, result);
	check_state(result, &state, seals, all);
	check_delay(result);
}

/*
 * Take a snapshot to which the ledger fits. Returns NULL if there was none in all attempts, as
 * while the commit of the sealer's step is delayed; a snapshot is active then too.
 */
static LedgerView *
take_snapshot(void)
{
	for (int i = 0; i < LOOKS; i++)
	{
		LedgerView *ledger = ledger_look();

		PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetLatestSnapshot()
													   : GetTransactionSnapshot());
		if (ledger_look_again(ledger, GetActiveSnapshot(), table_oid(TABLE_AUDIT_LOG)))
			return ledger;
		if (i < LOOKS - 1)
		{
			PopActiveSnapshot();
			pg_usleep(1000);
		}
	}
	return NULL;
}

static Datum
verify_audit_verify_body(FunctionCallInfo fcinfo)
{
	VaultCall before = *call_required();
	char *tenant = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	text *note = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	LedgerView *ledger;

	InitMaterializedSRF(fcinfo, 0);
	(void) consumer_request();
	sql_begin();
	ledger = take_snapshot();
	verify_audit_verify((ReturnSetInfo *) fcinfo->resultinfo, tenant, note, ledger);
	PopActiveSnapshot();
	sql_end();
	call_return_tenant(&before);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(vault_verify_audit);

Datum
vault_verify_audit(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_VIEW, fcinfo, verify_audit_verify_body);
}
