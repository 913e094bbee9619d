/*
 * retrain_runs.c
 *		When models are trained again, and the record of it: echolon_retrain_when, echolon_retrain_due,
 *		echolon.training_runs.
 *
 * echolon_retrain_due commits after each model.  A model is looked at and trained in a subtransaction; what fails there is
 * rolled back, and the failure is recorded outside of it.  A cancel is never taken for a failure.  Models that
 * another session is about to change are skipped.  In a transaction block it does the same without commits.
 *
 * What makes a model due is found out as its owner, as all that reads its relation.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "data/words.h"
#include "function.h"
#include "model/store.h"
#include "operate/drift.h"
#include "operate/retrain.h"

PG_FUNCTION_INFO_V1(echolon_retrain_when);
PG_FUNCTION_INFO_V1(echolon_retrain_due);

/* Columns of retrain_store and run_store by number, as retrain.sql creates them. */
enum
{
	RETRAIN_STORE_MODEL_ID = 1, RETRAIN_STORE_EVERY_ROWS, RETRAIN_STORE_EVERY, RETRAIN_STORE_AT,
	RETRAIN_STORE_DRIFT_ABOVE, RETRAIN_STORE_ERROR_ABOVE, RETRAIN_STORE_TOLERANCE,
	RETRAIN_STORE_MAX_SECONDS, RETRAIN_STORE_MAX_MEMORY
};

enum
{
	RUN_STORE_ID = 1, RUN_STORE_MODEL_ID, RUN_STORE_STARTED_BY, RUN_STORE_STATE, RUN_STORE_CHAMPION,
	RUN_STORE_VERSION, RUN_STORE_ROWS_USED, RUN_STORE_FINISHED_AT = 18
};

/* ---- policies ------------------------------------------------------------------------- */

/* A column that may be null; fallback where it is. */
static Datum
optional_column(StoreScan *scan, HeapTuple tuple, int column, Datum fallback)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, column, RelationGetDescr(scan->table), &isnull);

	return isnull ? fallback : datum;
}

bool
retrain_policy(int64 model_id, Snapshot snapshot, RetrainPolicy *policy)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	Datum		none = Float8GetDatum(NAN);

	memset(policy, 0, sizeof(*policy));
	policy->at = DT_NOBEGIN;
	policy->drift_above = policy->error_above = NAN;
	ScanKeyInit(&key, RETRAIN_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(model_id));
	scan = store_scan("retrain_store", "retrain_store_pkey", snapshot, 1, &key);
	if (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		Datum		every = optional_column(&scan, tuple, RETRAIN_STORE_EVERY, (Datum) 0);

		if (every != (Datum) 0)
		{
			policy->every = palloc(sizeof(Interval));
			*policy->every = *DatumGetIntervalP(every);
		}
		policy->every_rows = DatumGetInt64(optional_column(&scan, tuple, RETRAIN_STORE_EVERY_ROWS, Int64GetDatum(0)));
		policy->at = DatumGetTimestampTz(optional_column(&scan, tuple, RETRAIN_STORE_AT, TimestampTzGetDatum(DT_NOBEGIN)));
		policy->drift_above = DatumGetFloat8(optional_column(&scan, tuple, RETRAIN_STORE_DRIFT_ABOVE, none));
		policy->error_above = DatumGetFloat8(optional_column(&scan, tuple, RETRAIN_STORE_ERROR_ABOVE, none));
		policy->tolerance = DatumGetFloat8(optional_column(&scan, tuple, RETRAIN_STORE_TOLERANCE, Float8GetDatum(0)));
		policy->max_seconds = DatumGetInt32(optional_column(&scan, tuple, RETRAIN_STORE_MAX_SECONDS, Int32GetDatum(0)));
		policy->max_memory = DatumGetInt32(optional_column(&scan, tuple, RETRAIN_STORE_MAX_MEMORY, Int32GetDatum(0)));
	}
	store_scan_end(&scan);
	return HeapTupleIsValid(tuple);
}

pg_noreturn static void
out_of_range(const char *parameter, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" is out of range", parameter),
			 errdetail("It is %s.", value),
			 errhint("%s", hint)));
}

/* Arguments of echolon_retrain_when by place. */
enum
{
	WHEN_MODEL, WHEN_EVERY_ROWS, WHEN_EVERY, WHEN_AT, WHEN_DRIFT_ABOVE, WHEN_ERROR_ABOVE, WHEN_TOLERANCE,
	WHEN_MAX_SECONDS, WHEN_MAX_MEMORY, WHEN_COUNT
};

static void
check_when(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int			argument;
		const char *name;
		bool		zero;		/* is allowed */
	}			numbers[] = {
		{WHEN_DRIFT_ABOVE, "drift_above", false}, {WHEN_ERROR_ABOVE, "error_above", false},
		{WHEN_TOLERANCE, "tolerance", true}
	};

	if (!PG_ARGISNULL(WHEN_EVERY_ROWS) && PG_GETARG_INT64(WHEN_EVERY_ROWS) < 1)
		out_of_range("every_rows", psprintf(INT64_FORMAT, PG_GETARG_INT64(WHEN_EVERY_ROWS)), "Give 1 or more rows.");
	if (!PG_ARGISNULL(WHEN_EVERY))
	{
		Interval	zero = {0};

		if (!DatumGetBool(DirectFunctionCall2(interval_gt, IntervalPGetDatum(PG_GETARG_INTERVAL_P(WHEN_EVERY)),
											  IntervalPGetDatum(&zero))))
			out_of_range("every", DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(PG_GETARG_INTERVAL_P(WHEN_EVERY)))),
						 "Give a time above 0, such as '7 days'.");
	}
	for (int i = 0; i < lengthof(numbers); i++)
		if (!PG_ARGISNULL(numbers[i].argument))
		{
			double		value = PG_GETARG_FLOAT8(numbers[i].argument);

			if (!(value > 0 || (numbers[i].zero && value == 0)) || isinf(value))
				out_of_range(numbers[i].name, psprintf("%g", value),
							 numbers[i].zero ? "Give a number of 0 or more." : "Give a number above 0.");
		}
	if (!PG_ARGISNULL(WHEN_MAX_SECONDS) && PG_GETARG_INT32(WHEN_MAX_SECONDS) < 1)
		out_of_range("max_seconds", psprintf("%d", PG_GETARG_INT32(WHEN_MAX_SECONDS)), "Give 1 or more seconds.");
}

/* max_memory in kB, as a setting of PostgreSQL is written. */
static int
memory_argument(FunctionCallInfo fcinfo)
{
	char	   *word = text_to_cstring(PG_GETARG_TEXT_PP(WHEN_MAX_MEMORY));
	const char *hint = NULL;
	int			kilobytes;

	if (!parse_int(word, &kilobytes, GUC_UNIT_KB, &hint) || kilobytes < 1024)
		out_of_range("max_memory", quote_literal_cstr(word),
					 hint != NULL ? hint : "Give at least '1MB', such as '512MB'.");
	return kilobytes;
}

/* echolon_retrain_when(model, every_rows, every, at, drift_above, error_above, tolerance, max_seconds, max_memory) */
Datum
echolon_retrain_when(PG_FUNCTION_ARGS)
{
	static const Oid types[WHEN_COUNT] = {INT8OID, INT8OID, INTERVALOID, TIMESTAMPTZOID, FLOAT8OID, FLOAT8OID,
	FLOAT8OID, INT4OID, INT4OID};
	StoreValue	values[WHEN_COUNT];
	StoredModel model;
	StoreUser	before;
	bool		any = false;

	if (PG_ARGISNULL(WHEN_MODEL))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"model\" must not be NULL")));
	store_prevent("echolon_retrain_when()");
	check_when(fcinfo);
	store_lock_model(text_to_cstring(PG_GETARG_TEXT_PP(WHEN_MODEL)), MODEL_TRAIN, &model);
	for (int i = 0; i < WHEN_COUNT; i++)
	{
		values[i].type = types[i];
		values[i].isnull = PG_ARGISNULL(i);
		values[i].value = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		any |= i > 0 && !PG_ARGISNULL(i);
	}
	values[WHEN_MODEL] = value_int8(model.id);
	if (!PG_ARGISNULL(WHEN_MAX_MEMORY))
		values[WHEN_MAX_MEMORY].value = Int32GetDatum(memory_argument(fcinfo));

	before = store_begin_write();
	(void) store_execute_any("DELETE FROM echolon.retrain_store WHERE model_id OPERATOR(pg_catalog.=) $1", 1, values);
	if (any)
		store_execute("INSERT INTO echolon.retrain_store (model_id, every_rows, every, at, drift_above, error_above,"
					  " tolerance, max_seconds, max_memory) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
					  lengthof(values), values);
	store_end_write(before);
	PG_RETURN_VOID();
}

/* ---- runs --------------------------------------------------------------------------------- */

void
retrain_record(const RetrainOutcome *o, const char *started_by, const ErrorData *error)
{
	StoreValue	version = value_int4(o->version);
	StoreValue	rows = value_int8(o->rows_used);
	char	   *message = NULL;

	version.isnull = o->version == 0;
	rows.isnull = o->rows_used < 0;
	if (error != NULL)
		message = psprintf("%s%s%s%s%s", error->message,
						   error->detail ? "\nDETAIL:  " : "", error->detail ? error->detail : "",
						   error->hint ? "\nHINT:  " : "", error->hint ? error->hint : "");

	StoreValue	values[] = {
		value_int8(o->model_id),
		value_text(started_by),
		value_text(o->state),
		value_int4(o->champion),
		version,
		rows,
		value_int8(o->rows_compared),
		value_text(o->metric),
		value_float8(o->score),
		value_float8(o->champion_score),
		value_float8(o->baseline),
		value_float8(o->seconds),
		value_text(o->reason),
		value_text(error != NULL ? unpack_sql_state(error->sqlerrcode) : NULL),
		value_text(message),
		value_text(GetUserNameFromId(GetUserId(), false)),
		value_now()
	};
	StoreUser	before = store_begin_write();

	store_execute("INSERT INTO echolon.run_store (model_id, started_by, state, champion, version, rows_used,"
				  " rows_compared, metric, score, champion_score, baseline, seconds, reason, sqlstate, error,"
				  " run_by, finished_at)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
				  lengthof(values), values);
	store_end_write(before);
}

/* The last run of a model, and the last that did not fail; times are DT_NOBEGIN where there is none. */
typedef struct LastRun
{
	TimestampTz at;
	int64		rows_used;		/* of the last that did not fail; -1 */
} LastRun;

static void
last_run(int64 model_id, LastRun *last)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	int64		latest = 0;

	last->at = DT_NOBEGIN;
	last->rows_used = -1;
	ScanKeyInit(&key, RUN_STORE_MODEL_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(model_id));
	scan = store_scan("run_store", "run_store_model_id", GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		int64		id = DatumGetInt64(store_column(&scan, tuple, RUN_STORE_ID));
		TimestampTz at = DatumGetTimestampTz(store_column(&scan, tuple, RUN_STORE_FINISHED_AT));
		int64		rows = DatumGetInt64(optional_column(&scan, tuple, RUN_STORE_ROWS_USED, Int64GetDatum(-1)));

		last->at = Max(last->at, at);
		if (id > latest && strcmp(store_text_column(&scan, tuple, RUN_STORE_STATE), "failed") != 0)
		{
			latest = id;
			last->rows_used = rows;
		}
	}
	store_scan_end(&scan);
}

/* ---- what makes a model due ------------------------------------------------------------------ */

/* When a version was trained, and on how many rows (-1: not known). */
static TimestampTz
version_trained(const ModelVersion *version, int64 *rows)
{
	ScanKeyData key;
	StoreScan	scan;
	HeapTuple	tuple;
	TimestampTz at = DT_NOBEGIN;

	*rows = -1;
	ScanKeyInit(&key, VERSION_STORE_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(version->version_id));
	scan = store_scan("version_store", "version_store_pkey", GetActiveSnapshot(), 1, &key);
	if (HeapTupleIsValid(tuple = store_scan_next(&scan)))
	{
		at = DatumGetTimestampTz(store_column(&scan, tuple, VERSION_STORE_TRAINED_AT));
		*rows = DatumGetInt64(optional_column(&scan, tuple, VERSION_STORE_ROWS_USED, Int64GetDatum(-1)));
	}
	store_scan_end(&scan);
	return at;
}

/* Rows with a target in the model's relation. */
static int64
rows_now(const ModelVersion *version, Oid relid)
{
	bool		isnull;
	int64		rows;

	(void) relation_column(relid, version->target);
	relation_lock(relid);
	SPI_connect();
	if (SPI_execute(psprintf("SELECT pg_catalog.count(%s) FROM %s", quote_identifier(version->target),
							 relation_name(relid)), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return rows;
}

/* The feature that has drifted most, where one is above the threshold; as a sentence, or NULL. */
static char *
drifted(const ModelVersion *version, Oid relid, double threshold)
{
	int			n;
	const DriftLine *lines = drift_of_relation(version, relid, threshold, &n);
	const DriftLine *worst = drift_worst(lines, n);

	if (worst == NULL || !drift_found(worst))
		return NULL;
	return psprintf("drift of %s is %s, above %s", worst->feature, compare_number(worst->psi), compare_number(threshold));
}

/* The error of a version on rows that it was not fitted to, where it is above the threshold; as a sentence, or NULL. */
static char *
erring(ReplayUser *replay, const ModelVersion *version, double threshold)
{
	Scores		scores;
	size_t		rows;

	if (compare_alone(replay, version, &scores, &rows) != NULL)
		return NULL;
	for (int i = 0; i < scores.n; i++)
		if (compare_is_error(scores.names[i]) && scores.values[i] > threshold)
			return psprintf("%s is %s, above %s", scores.names[i], compare_number(scores.values[i]),
							compare_number(threshold));
	return NULL;
}

/* Why a model is to be trained again now; NULL: it is not. */
static char *
due_reason(ReplayUser *replay, const ModelVersion *version, const RetrainPolicy *policy)
{
	TimestampTz now = GetCurrentTimestamp();
	LastRun		last;
	int64		trained_rows,
				rows;
	TimestampTz trained = version_trained(version, &trained_rows);
	TimestampTz latest;
	Oid			relid;

	last_run(version->model_id, &last);
	latest = Max(last.at, trained);
	if (policy->at != DT_NOBEGIN && policy->at <= now && latest < policy->at)
		return psprintf("date: %s", timestamptz_to_str(policy->at));
	if (policy->every != NULL &&
		DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(latest),
												IntervalPGetDatum(policy->every))) <= now)
		return psprintf("every %s", DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(policy->every))));
	if (policy->every_rows == 0 && isnan(policy->drift_above) && isnan(policy->error_above))
		return NULL;

	/* with the rows that it was trained on last, nothing would come of it */
	relid = replay_relation(replay, version);
	rows = rows_now(version, relid);
	if (last.rows_used < 0)
		last.rows_used = trained_rows;
	if (last.rows_used == rows)
		return NULL;
	if (policy->every_rows > 0 && (last.rows_used < 0 || rows - last.rows_used >= policy->every_rows))
		return psprintf("%s new rows", words_count((uint64) Max(rows - Max(last.rows_used, 0), 0)));
	if (!isnan(policy->drift_above))
	{
		char	   *reason = drifted(version, relid, policy->drift_above);

		if (reason != NULL)
			return reason;
	}
	return isnan(policy->error_above) ? NULL : erring(replay, version, policy->error_above);
}

/* ---- the procedure ------------------------------------------------------------------------------ */

/* One model in a subtransaction; false: there was nothing to do. */
static bool
due_model(const char *model, bool force, RetrainOutcome *outcome, char **reason)
{
	ModelVersion *version;
	RetrainPolicy policy;
	ReplayUser	user;

	if (!retrain_lock(model, false))
	{
		ereport(NOTICE,
				(errmsg("model \"%s\" is skipped: another session trains or changes it", model)));
		return false;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	version = store_lookup(model, 0, MODEL_TRAIN);
	outcome->model_id = version->model_id;
	outcome->champion = version->version;
	(void) retrain_policy(version->model_id, GetActiveSnapshot(), &policy);
	if (force)
		*reason = pstrdup("asked for");
	else
	{
		user = replay_begin(model);
		*reason = due_reason(&user, version, &policy);
		replay_end(&user);
	}
	if (*reason != NULL)
	{
		retrain_model(model, &policy, policy.tolerance, -1, outcome);
		retrain_record(outcome, *reason, NULL);
		ereport(NOTICE,
				(errmsg("%s: %s%s", model, outcome->state,
						outcome->version > 0 ? psprintf(", version %d", outcome->version) : ""),
				 errdetail_internal("%s.", outcome->reason)));
	}
	PopActiveSnapshot();
	return *reason != NULL;
}

/* What is neither a failure of the model's nor to be gone on after. */
static bool
is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ASSERT_FAILURE ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

/* Look at a model, train it where it is due, and record what failed. */
static void
due_one(const char *model, bool force, MemoryContext context)
{
	MemoryContext work = AllocSetContextCreate(context, "Echolon retraining", ALLOCSET_DEFAULT_SIZES);
	ResourceOwner owner = CurrentResourceOwner;
	TimestampTz begin = GetCurrentTimestamp();
	RetrainOutcome outcome;
	char	   *reason = NULL;
	ErrorData  *error = NULL;

	memset(&outcome, 0, sizeof(outcome));
	outcome.rows_used = -1;
	outcome.score = outcome.champion_score = outcome.baseline = NAN;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(work);
	PG_TRY();
	{
		(void) due_model(model, force, &outcome, &reason);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(work);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(work);
	CurrentResourceOwner = owner;
	if (error != NULL)
	{
		if (is_cancel(error))
			ReThrowError(error);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("model \"%s\" was not trained again: %s", model, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0,
				 error->hint ? errhint("%s", error->hint) : 0));
		outcome.state = "failed";
		outcome.version = 0;
		outcome.seconds = (GetCurrentTimestamp() - begin) / 1e6;
		outcome.reason = NULL;
		outcome.metric = NULL;
		outcome.score = outcome.champion_score = outcome.baseline = NAN;
		PushActiveSnapshot(GetTransactionSnapshot());
		/* one that is gone has no record */
		if (outcome.model_id > 0 && store_find_version(outcome.model_id, 0, GetActiveSnapshot(), NULL) > 0)
			retrain_record(&outcome, reason != NULL ? reason : "looked at", error);
		PopActiveSnapshot();
	}
	MemoryContextSwitchTo(context);
	MemoryContextDelete(work);
}

/* Names of the models to look at: the one asked for, or all with a policy that the caller may train. */
static List *
due_models(const char *only)
{
	List	   *names = NIL;
	ListCell   *cell;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (only != NULL)
		names = list_make1(pstrdup(store_lookup(only, 0, MODEL_TRAIN)->model));
	else
		foreach(cell, store_all_models(GetActiveSnapshot()))
		{
			StoredModel *model = lfirst(cell);
			RetrainPolicy policy;

			if (rights_of_model(model, GetActiveSnapshot()) >= MODEL_TRAIN &&
				retrain_policy(model->id, GetActiveSnapshot(), &policy))
				names = lappend(names, model->model);
		}
	PopActiveSnapshot();
	return names;
}

/* CALL echolon_retrain_due(model text, force boolean) */
Datum
echolon_retrain_due(PG_FUNCTION_ARGS)
{
	bool		atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic;
	char	   *only = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	MemoryContext context;
	List	   *names;
	ListCell   *cell;

	store_prevent("echolon_retrain_due()");
	if (force && only == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"force\" needs a model"),
				 errhint("CALL echolon_retrain_due('model', force => true); without force all models that are due are trained.")));
	if (SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect_ext failed");
	/* in SPI's context, which outlives its commits */
	context = AllocSetContextCreate(CurrentMemoryContext, "Echolon retrainings", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	names = due_models(only);
	foreach(cell, names)
	{
		due_one(lfirst(cell), force, context);
		if (!atomic)
		{
			SPI_commit();
			MemoryContextSwitchTo(context);
		}
	}
	SPI_finish();
	PG_RETURN_VOID();
}
