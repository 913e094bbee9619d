/*
 * drift_relation.c
 *		echolon_drift: the drift of a whole relation.
 *
 * The rows are counted by echolon_drift_counts in a query, so that a large table is read by a parallel plan.  The relation is
 * read as the current user.  Monitoring and retraining ask for the same lines in C.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "data/frame.h"
#include "features/feature.h"
#include "function.h"
#include "model/lookup.h"
#include "operate/drift.h"

PG_FUNCTION_INFO_V1(echolon_drift);

/* Columns of echolon.feature_drift by number. */
enum
{
	DRIFT_FEATURE = 1, DRIFT_KIND, DRIFT_ROWS, DRIFT_PSI, DRIFT_JENSEN_SHANNON, DRIFT_KS, DRIFT_MISSING,
	DRIFT_TRAINING_MISSING, DRIFT_UNSEEN, DRIFT_THRESHOLD_USED, DRIFT_VERDICT
};

/* "SELECT columns FROM relation", with what the model needs. */
static char *
needed_columns(const CachedModel *model, Oid relid)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	for (uint32 c = 0; c < model->file.ncolumns; c++)
	{
		relation_column(relid, model->column_names[c]);
		appendStringInfo(&query, "%s%s", c == 0 ? "" : ", ", quote_identifier(model->column_names[c]));
	}
	appendStringInfo(&query, " FROM %s", relation_name(relid));
	return query.data;
}

/* Between SPI_connect and SPI_finish: SPI_tuptable has the rows of echolon_drift. */
static void
count_relation(const ModelVersion *version, Oid relid, double threshold)
{
	const CachedModel *model = cache_get(version, CurrentMemoryContext);
	Oid			types[] = {TEXTOID, INT4OID, FLOAT8OID};
	Datum		values[] = {CStringGetTextDatum(version->model), Int32GetDatum(version->version),
	Float8GetDatum(threshold)};
	char	   *query;

	relation_lock(relid);
	query = psprintf("SELECT d.* FROM (SELECT %s($1, t, $2, $3) AS drift FROM (%s) AS t) AS s, pg_catalog.unnest(s.drift) AS d "
					 "ORDER BY d.psi DESC, d.feature COLLATE \"C\"",
					 feature_function("echolon_drift_counts"), needed_columns(model, relid));
	if (SPI_execute_with_args(query, lengthof(values), types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(SPI_result));
}

/* A number of a row of SPI_tuptable; NaN for NULL. */
static double
drift_number(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NAN : DatumGetFloat8(value);
}

/* A text of a row of SPI_tuptable, in a context that outlives SPI's. */
static char *
drift_text(uint64 row, int column, MemoryContext context)
{
	return MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column));
}

DriftLine *
drift_of_relation(const ModelVersion *version, Oid relid, double threshold, int *n)
{
	MemoryContext caller = CurrentMemoryContext;
	DriftLine  *lines;

	SPI_connect();
	count_relation(version, relid, threshold);
	*n = (int) SPI_processed;
	lines = MemoryContextAllocZero(caller, mul_size(sizeof(DriftLine), Max(*n, 1)));
	for (int i = 0; i < *n; i++)
	{
		DriftLine  *line = &lines[i];
		bool		isnull;

		line->feature = drift_text(i, DRIFT_FEATURE, caller);
		line->kind = drift_text(i, DRIFT_KIND, caller);
		line->rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, DRIFT_ROWS, &isnull));
		line->psi = drift_number(i, DRIFT_PSI);
		line->jensen_shannon = drift_number(i, DRIFT_JENSEN_SHANNON);
		line->ks = drift_number(i, DRIFT_KS);
		line->missing = drift_number(i, DRIFT_MISSING);
		line->training_missing = drift_number(i, DRIFT_TRAINING_MISSING);
		line->unseen = drift_number(i, DRIFT_UNSEEN);
		line->verdict = drift_text(i, DRIFT_VERDICT, caller);
	}
	SPI_finish();
	return lines;
}

bool
drift_found(const DriftLine *line)
{
	return strcmp(line->kind, DRIFT_CALENDAR) != 0 && strcmp(line->verdict, VERDICT_DRIFT) == 0;
}

const DriftLine *
drift_worst(const DriftLine *lines, int n)
{
	const DriftLine *largest = NULL;

	for (int i = 0; i < n; i++)
	{
		if (drift_found(&lines[i]))
			return &lines[i];
		if (largest == NULL && strcmp(lines[i].kind, DRIFT_CALENDAR) != 0)
			largest = &lines[i];
	}
	return largest;
}

/* (model, relation, version, threshold) -> setof echolon.feature_drift */
Datum
echolon_drift(PG_FUNCTION_ARGS)
{
	static const char *const needed[] = {"model", "relation"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ModelVersion *version;

	for (int i = 0; i < lengthof(needed); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be null", needed[i])));
	version = store_lookup(text_to_cstring(PG_GETARG_TEXT_PP(0)), version_argument(fcinfo, 2), MODEL_PREDICT);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	count_relation(version, PG_GETARG_OID(1), PG_ARGISNULL(3) ? DRIFT_THRESHOLD : PG_GETARG_FLOAT8(3));
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	if (SPI_processed == 0)
		ereport(NOTICE, (errmsg("%s has no rows", relation_name(PG_GETARG_OID(1)))));
	SPI_finish();
	return (Datum) 0;
}
