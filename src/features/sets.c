/*
 * sets.c
 *		Feature sets shown, refreshed and dropped.  create.c makes them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "features/define.h"
#include "function.h"
#include "model/progress.h"

PG_FUNCTION_INFO_V1(echolon_feature_summary);
PG_FUNCTION_INFO_V1(echolon_refresh_features);
PG_FUNCTION_INFO_V1(echolon_drop_features);

/* echolon_feature_summary(name text): one row a feature. */
Datum
echolon_feature_summary(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	FeatureSet *set = feature_set_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < set->nfeatures; i++)
	{
		const Feature *feature = &set->features[i];
		Datum	   *sources = palloc(sizeof(Datum) * Max(list_length(feature->sources), 1));
		Datum		row[7];
		bool		nulls[7] = {false};
		int			n = 0;
		ListCell   *cell;

		foreach(cell, feature->sources)
			sources[n++] = CStringGetTextDatum(lfirst(cell));
		row[0] = CStringGetTextDatum(feature->name);
		row[1] = CStringGetTextDatum(feature_family_name(feature->family));
		row[2] = PointerGetDatum(construct_array(sources, n, TEXTOID, -1, false, TYPALIGN_INT));
		row[3] = BoolGetDatum(feature->uses_current);
		row[4] = BoolGetDatum(feature->fitted);
		row[5] = CStringGetTextDatum(feature->expression);
		row[6] = CStringGetTextDatum(feature->description);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	return (Datum) 0;
}

void
feature_execute(const char *sql)
{
	SPI_connect();
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}

/* Raise where what a set is made of is gone. */
static void
check_relation(const FeatureSet *set)
{
	if (!OidIsValid(set->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("feature set \"%s\" has lost its relation", set->name),
				 errdetail("%s does not exist any more.", set->relation),
				 errhint("echolon_drop_features(%s) drops the set.", quote_literal_cstr(set->name))));
}

/* echolon_refresh_features(name text) returns bigint: rows that were fitted. */
Datum
echolon_refresh_features(PG_FUNCTION_ARGS)
{
	FeatureSet *set;
	Fit		   *fit;
	List	   *numbers,
			   *categories;
	bool		began;

	set = feature_set_lock(text_to_cstring(PG_GETARG_TEXT_PP(0)), "echolon_refresh_features()");
	check_relation(set);
	feature_check_columns(set);
	began = progress_begin(COMMAND_REFRESH_FEATURES, NULL, set->relid);
	feature_fitted_columns(set, &numbers, &categories);
	fit = fit_set(set, numbers, categories);
	fit_keep_codes(set, fit);
	progress_phase(PHASE_WRITING, 0);
	fit_store(set->id, fit);
	feature_store_touch(set->id, fit->rows);
	CommandCounterIncrement();
	if (OidIsValid(set->materialized_view))
		feature_execute(psprintf("REFRESH MATERIALIZED VIEW %s", relation_name(set->materialized_view)));
	progress_end(began);
	ereport(NOTICE,
			(errmsg("%s: %s%llu rows fitted", set->name,
					OidIsValid(set->materialized_view) ? "materialized again, " : "",
					(unsigned long long) fit->rows),
			 numbers == NIL && categories == NIL && !OidIsValid(set->materialized_view) ?
			 errdetail("It has nothing that is learned from the rows, so nothing changes.") : 0));
	PG_RETURN_INT64((int64) fit->rows);
}

/* echolon_drop_features(name text) returns integer: how many features there were. */
Datum
echolon_drop_features(PG_FUNCTION_ARGS)
{
	FeatureSet *set;

	set = feature_set_lock(text_to_cstring(PG_GETARG_TEXT_PP(0)), "echolon_drop_features()");
	if (OidIsValid(set->view))
		feature_execute(psprintf("DROP VIEW %s", relation_name(set->view)));
	if (OidIsValid(set->materialized_view))
		feature_execute(psprintf("DROP MATERIALIZED VIEW %s", relation_name(set->materialized_view)));
	feature_store_delete(set->id);
	PG_RETURN_INT32(set->nfeatures);
}
