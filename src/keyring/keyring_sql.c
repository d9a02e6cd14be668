/*
 * keyring_sql.c
 *		SQL functions about the root key and the seal.
 */
#include "keyring/keyring.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "audit/ledger.h"
#include "entry/entry.h"
#include "keyring/root_page.h"
#include "keyring/source.h"
#include "platform/bytes.h"
#include "platform/secret_memory.h"
#include "platform/version.h"

PG_FUNCTION_INFO_V1(vault_init);
PG_FUNCTION_INFO_V1(vault_rotate_root_key);
PG_FUNCTION_INFO_V1(vault_seal);
PG_FUNCTION_INFO_V1(vault_unseal);
PG_FUNCTION_INFO_V1(vault_status);

/* Get an integer argument into *value; NULL if it is null. */
static const int *
count_argument(FunctionCallInfo fcinfo, int number, int *value)
{
	if (PG_ARGISNULL(number))
		return NULL;
	*value = PG_GETARG_INT32(number);
	return value;
}

/* Begin the rows that init() and rotate_root_key() return, which are shares. */
static ReturnSetInfo *
begin_shares(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	tuplestore_end(result->setResult);
	secret_rows_begin(result, secret_rows_memory(result));
	return result;
}

static Datum
init_body(FunctionCallInfo fcinfo)
{
	int shares;
	int threshold;

	keyring_init_vault(count_argument(fcinfo, 0, &shares), count_argument(fcinfo, 1, &threshold),
					   begin_shares(fcinfo));
	return (Datum) 0;
}

/* init(shares, threshold): returns the shares of the root key, if people are the source. */
Datum
vault_init(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_KEY_HOLDER, fcinfo, init_body);
}

static Datum
rotate_body(FunctionCallInfo fcinfo)
{
	int shares;
	int threshold;

	keyring_rotate(count_argument(fcinfo, 0, &shares), count_argument(fcinfo, 1, &threshold),
				   !PG_ARGISNULL(2) && PG_GETARG_BOOL(2), begin_shares(fcinfo));
	return (Datum) 0;
}

/* rotate_root_key(shares, threshold, force): returns the shares, as init() does. */
Datum
vault_rotate_root_key(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_OPERATOR, fcinfo, rotate_body);
}

static Datum
seal_body(FunctionCallInfo fcinfo)
{
	keyring_seal();
	PG_RETURN_VOID();
}

/* seal() */
Datum
vault_seal(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_KEY_HOLDER, fcinfo, seal_body);
}

static Datum
unseal_body(FunctionCallInfo fcinfo)
{
	text *share = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);

	return CStringGetTextDatum(keyring_unseal(share));
}

/* unseal(share) */
Datum
vault_unseal(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_KEY_HOLDER, fcinfo, unseal_body);
}

/* Return the longest time that the oldest row of the audit trail can have been waiting. */
static Datum
seal_delay(void)
{
	Interval *delay = palloc0(sizeof(Interval));

	delay->time = ledger_delay() * 1000;
	return IntervalPGetDatum(delay);
}

/* Fill the columns as in keyring.api.sql. */
static Datum
status_body(FunctionCallInfo fcinfo)
{
	Datum values[13];
	bool nulls[13] = {0};
	KeyringStatus status;
	TupleDesc layout;

	if (get_call_result_type(fcinfo, NULL, &layout) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "status must return a row");
	keyring_status(&status);
	values[0] = BoolGetDatum(status.is_initialized);
	values[1] = BoolGetDatum(!status.is_open);
	values[2] = CStringGetTextDatum(status.reason);
	nulls[2] = status.is_open;
	values[3] = CStringGetTextDatum(source_kind_name());
	values[4] = Int32GetDatum(status.generation);
	values[5] = UUIDPGetDatum(&status.instance);
	nulls[4] = nulls[5] = !status.is_initialized;
	values[6] = Int32GetDatum(status.shares_given);
	values[7] = Int32GetDatum(status.threshold);
	nulls[6] = nulls[7] = !status.is_initialized || source_kind() != SOURCE_MANUAL;
	values[8] = CStringGetTextDatum(root_page_memory());
	values[9] = CStringGetTextDatum(version_of_library());
	values[10] = text_datum_or_null(status.held, &nulls[10]);
	values[11] = seal_delay();
	values[12] = text_datum_or_null(status.problems, &nulls[12]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(layout), values, nulls));
}

/* status() */
Datum
vault_status(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_ANYONE, fcinfo, status_body);
}
