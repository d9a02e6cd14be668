/*
 * metrics.c
 *		Metrics for monitoring: numbers without a name, of all tenants together.
 *
 * Members of pg_monitor, operators and auditors see them; other roles get no rows. They can be read
 * while the vault is sealed, and on a standby.
 */
#include "platform/as_role.h"
#include "platform/compat.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "audit/ring.h"
#include "context/operators.h"
#include "entry/entry.h"
#include "origin/origin.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "platform/job_runs.h"
#include "platform/sql.h"

typedef struct Sheet
{
	Tuplestorestate *store;
	TupleDesc layout;
} Sheet;

static void
metrics_put(const Sheet *sheet, const char *metric, const char *label, float8 value, bool known)
{
	Datum values[3];
	bool nulls[3] = {false, label == NULL, !known};

	values[0] = CStringGetTextDatum(metric);
	values[1] = label ? CStringGetTextDatum(label) : (Datum) 0;
	values[2] = Float8GetDatum(value);
	tuplestore_putvalues(sheet->store, sheet->layout, values, nulls);
}

static void
put_state(const Sheet *sheet)
{
	RootRecord record;
	bool initialised = root_record_read(&record);

	metrics_put(sheet, "initialised", NULL, initialised, true);
	metrics_put(sheet, "sealed", NULL, !(initialised && root_is_open()), true);
	metrics_put(sheet, "held", NULL, origin_held() != NULL, true);
	metrics_put(sheet, "standby", NULL, RecoveryInProgress(), true);
}

static void
put_ring(const Sheet *sheet)
{
	RingFigures figures;

	ring_figures(&figures);
	metrics_put(sheet, "audit_ring_size", NULL, figures.size, true);
	metrics_put(sheet, "audit_ring_waiting", NULL, figures.waiting, true);
	metrics_put(sheet, "audit_ring_fullest_lane", NULL, figures.fullest, true);
	metrics_put(sheet, "audit_ring_oldest_seconds", NULL,
				figures.waiting ? (GetCurrentTimestamp() - figures.oldest) / 1e6 : 0, true);
}

/* Columns: metric, label, value. */
static void
put_counts(const Sheet *sheet)
{
	static Sql sql = {"SELECT c.metric, c.label, c.value FROM vault_data.count_metrics() c", 0};
	uint64 rows = sql_run(&sql, NULL, NULL);

	for (uint64 i = 0; i < rows; i++)
	{
		bool no_label;
		bool unknown;
		char *metric = TextDatumGetCString(sql_value(i, 1, NULL));
		Datum label = sql_value(i, 2, &no_label);
		Datum value = sql_value(i, 3, &unknown);

		metrics_put(sheet, metric, no_label ? NULL : TextDatumGetCString(label),
					unknown ? 0 : DatumGetFloat8(value), !unknown);
	}
}

static bool
may_look(Oid role)
{
	return role_sees_all_tenants(role) || has_privs_of_role(role, ROLE_PG_MONITOR);
}

PG_FUNCTION_INFO_V1(vault_report_metrics);

/* report_metrics(): metric, label, value */
Datum
vault_report_metrics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Caller caller;
	Sheet sheet;
	AsRole before;

	entry_check(ENTRY_ANYONE, &caller);
	InitMaterializedSRF(fcinfo, 0);
	if (!may_look(caller.role))
		return (Datum) 0;
	sheet = (Sheet){result->setResult, result->setDesc};
	put_state(&sheet);
	put_ring(&sheet);
	as_role_begin(&before, BOOTSTRAP_SUPERUSERID, 0);
	as_role_set("enable_seqscan", "off");
	sql_begin();
	put_counts(&sheet);
	sql_end();
	as_role_end(&before);
	return (Datum) 0;
}
