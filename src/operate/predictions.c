/*
 * predictions.c
 *		echolon_log_predictions: rows of a relation predicted, and what was predicted kept.
 *
 * Predicting writes nothing, so whoever wants a record asks for one.  The relation is read as the caller into a tuplestore, and
 * that is inserted by one statement as the owner of the private table: nothing is written while the relation's query, which
 * may be a parallel one, still runs.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "data/frame.h"
#include "function.h"
#include "learn/hash.h"
#include "learn/metrics.h"
#include "model/lookup.h"
#include "model/store.h"
#include "operate/monitor.h"
#include "predict/encoder.h"

#define STREAM_SAMPLE	6		/* of hash_random */
#define SCORED			"scored"	/* the tuplestore's name in the statement */

PG_FUNCTION_INFO_V1(echolon_log_predictions);
PG_FUNCTION_INFO_V1(echolon_prune_predictions);

/* Columns of the tuplestore. */
enum
{
	SCORED_KEY, SCORED_PREDICTION, SCORED_CLASS, SCORED_PROBABILITY, SCORED_PROBABILITIES, SCORED_COLUMNS
};

typedef struct PredictionLog
{
	const ModelVersion *version;
	const CachedModel *model;
	MemoryContext context;		/* outlives the scan */
	MemoryContext row;			/* reset after each row */
	Encoder    *encoder;		/* made at the first row */
	int			key;			/* its place in a row */
	FmgrInfo	key_output;
	Oid			key_type;
	double		fraction;
	uint64		seed;
	double	   *label_numbers;	/* of numeric labels; NULL */
	double	   *x;
	uint32_t   *codes;
	double	   *out;
	uint64		without_key;
	TupleDesc	desc;
	Tuplestorestate *scored;
} PredictionLog;

/* ---- keys -------------------------------------------------------------------------- */

/* Has a value of this type the same text in every session? */
static bool
key_type_fits(Oid type)
{
	char		category;
	bool		preferred;

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case UUIDOID:
		case BOOLOID:
		case DATEOID:
			return true;
	}
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM;
}

/* Find the key column, and how its values become text. */
static void
key_begin(PredictionLog *log, Oid relid, const char *name)
{
	AttrNumber	number = relation_column(relid, name);
	Oid			declared = get_atttype(relid, number);
	Oid			output;
	bool		varlena;

	log->key_type = getBaseType(declared);
	if (!key_type_fits(log->key_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, which cannot be a key", name, format_type_be(declared)),
				 errdetail("Its text is not the same in every session, or tells no row."),
				 errhint("Give a column of text, integer, numeric, uuid, boolean, enum or date type, or cast it to text in a view.")));
	getTypeOutputInfo(log->key_type, &output, &varlena);
	fmgr_info_cxt(output, &log->key_output, log->context);
}

/* The text of a key. */
static char *
key_text(PredictionLog *log, Datum value)
{
	char	   *text;

	if (log->key_type == DATEOID)
		return JsonEncodeDateTime(NULL, value, DATEOID, NULL);
	text = OutputFunctionCall(&log->key_output, value);
	/* what a cast to text does as well */
	if (log->key_type == BPCHAROID)
		text[bpchartruelen(text, strlen(text))] = '\0';
	return text;
}

/* Is a row in the sample? */
static bool
key_sampled(const PredictionLog *log, const char *key)
{
	return log->fraction >= 1 ||
		hash_unit(hash_random(log->seed, STREAM_SAMPLE, hash_bytes(key, strlen(key), 0))) < log->fraction;
}

/* ---- rows ---------------------------------------------------------------------------- */

/* Keep what was predicted of a row. */
static void
keep_prediction(PredictionLog *log, const char *key)
{
	const ModelFile *file = &log->model->file;
	Datum		values[SCORED_COLUMNS] = {0};
	bool		nulls[SCORED_COLUMNS] = {false};
	int			k;

	values[SCORED_KEY] = CStringGetTextDatum(key);
	if (file->task == TASK_REGRESSION)
	{
		values[SCORED_PREDICTION] = Float8GetDatum(log->out[0]);
		nulls[SCORED_CLASS] = nulls[SCORED_PROBABILITY] = nulls[SCORED_PROBABILITIES] = true;
	}
	else
	{
		k = metrics_predicted_class(log->out, file->nlabels, file->positive, file->threshold);
		nulls[SCORED_PREDICTION] = log->label_numbers == NULL;
		values[SCORED_PREDICTION] = log->label_numbers ? Float8GetDatum(log->label_numbers[k]) : (Datum) 0;
		values[SCORED_CLASS] = CStringGetTextDatum(log->model->labels[k]);
		values[SCORED_PROBABILITY] = Float8GetDatum(log->out[k]);
		values[SCORED_PROBABILITIES] = JsonbPGetDatum(predict_probabilities(log->model, log->out));
	}
	tuplestore_putvalues(log->scored, log->desc, values, nulls);
}

/* RelationRow: predict a row of the sample. */
static void
log_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	PredictionLog *log = arg;
	MemoryContext caller;
	char	   *key;

	if (nulls[log->key])
	{
		log->without_key++;
		return;
	}
	if (log->encoder == NULL)
		log->encoder = encoder_create_named(log->model, log->version->model, desc, log->context);
	caller = MemoryContextSwitchTo(log->row);
	key = key_text(log, values[log->key]);
	if (key_sampled(log, key))
	{
		encoder_row(log->encoder, values, nulls, log->x, NULL);
		learn_predict_row(encoder_model(log->encoder), log->x, log->codes, log->out);
		keep_prediction(log, key);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(log->row);
}

/* ---- the log --------------------------------------------------------------------------- */

/* The row type of what is kept. */
static TupleDesc
scored_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(SCORED_COLUMNS);

	TupleDescInitEntry(desc, SCORED_KEY + 1, "key", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, SCORED_PREDICTION + 1, "prediction", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, SCORED_CLASS + 1, "class", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, SCORED_PROBABILITY + 1, "probability", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, SCORED_PROBABILITIES + 1, "probabilities", JSONBOID, -1, 0);
	return desc;
}

/* Insert all that was kept. */
static uint64
log_write(const PredictionLog *log, Oid relid)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));
	Oid			user = GetUserId();
	StoreValue	values[] = {
		value_int8(log->version->model_id),
		value_int4(log->version->version),
		value_now(),
		value_text(relation_name(relid)),
		value_text(GetUserNameFromId(user, false)),
		value_text(stamp_make(STAMP_ROLE, user))
	};
	StoreUser	before;
	uint64		rows;

	relation->md.name = pstrdup(SCORED);
	relation->md.tupdesc = log->desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = (double) tuplestore_tuple_count(log->scored);
	relation->reldata = log->scored;
	before = store_begin_write();
	store_keep_model(log->version->model_id);
	if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation failed");
	rows = store_execute_any("INSERT INTO echolon.prediction_store (model_id, version, at, relation, key, prediction,"
							 " class, probability, probabilities, role, role_stamp)"
							 " SELECT $1, $2, $3, $4, s.key, s.prediction, s.class, s.probability, s.probabilities, $5, $6"
							 " FROM " SCORED " AS s", lengthof(values), values);
	store_end_write(before);
	return rows;
}

/* echolon_log_predictions(model, relation, key, sample_fraction, seed, version) returns bigint */
Datum
echolon_log_predictions(PG_FUNCTION_ARGS)
{
	static const char *const needed[] = {"model", "relation", "key", "sample_fraction", "seed"};
	MemoryContext caller = CurrentMemoryContext;
	PredictionLog log = {0};
	const ModelFile *file;
	Oid			relid;
	char	   *key;
	uint64		rows;

	for (int i = 0; i < lengthof(needed); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be null", needed[i])));
	store_prevent("echolon_log_predictions()");
	log.fraction = PG_GETARG_FLOAT8(3);
	if (!(log.fraction > 0 && log.fraction <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"sample_fraction\" is out of range"),
				 errdetail("It is %g; allowed are numbers above 0, up to 1.", log.fraction)));
	log.seed = (uint64) PG_GETARG_INT64(4);
	relid = PG_GETARG_OID(1);

	log.context = AllocSetContextCreate(caller, "Echolon prediction log", ALLOCSET_DEFAULT_SIZES);
	log.row = AllocSetContextCreate(log.context, "Echolon prediction log row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(log.context);
	key = text_to_cstring(PG_GETARG_TEXT_PP(2));
	log.version = store_lookup(text_to_cstring(PG_GETARG_TEXT_PP(0)), version_argument(fcinfo, 5), MODEL_PREDICT);
	log.model = cache_get(log.version, log.context);
	file = &log.model->file;
	log.x = palloc(mul_size(sizeof(double), Max(file->nfeatures, 1)));
	log.codes = palloc(mul_size(sizeof(uint32_t), Max(file->nfeatures, 1)));
	log.out = palloc(mul_size(sizeof(double), learn_noutputs(&file->learn)));
	log.label_numbers = predict_label_numbers(log.model);
	log.desc = scored_desc();
	log.scored = tuplestore_begin_heap(true, false, work_mem);
	relation_lock(relid);
	key_begin(&log, relid, key);
	(void) relation_scan(relid, encoder_columns(log.model, relid, key, &log.key), log_row, &log);
	rows = log_write(&log, relid);
	tuplestore_end(log.scored);
	if (log.without_key > 0)
		ereport(NOTICE,
				(errmsg(UINT64_FORMAT " rows without a value in \"%s\" were left out", log.without_key, key)));
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(log.context);
	PG_RETURN_INT64((int64) rows);
}

/* ---- an end to it ------------------------------------------------------------------------ */

/* echolon_prune_predictions(model text, older_than interval) returns bigint */
Datum
echolon_prune_predictions(PG_FUNCTION_ARGS)
{
	static const char *const needed[] = {"model", "older_than"};
	StoredModel model;
	int32		version;
	TimestampTz until;
	StoreUser	before;
	uint64		rows;
	Oid			user = GetUserId();

	for (int i = 0; i < lengthof(needed); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be null", needed[i])));
	store_prevent("echolon_prune_predictions()");
	until = monitor_older_than(PG_GETARG_DATUM(1));
	store_resolve_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetActiveSnapshot(), &model, &version);
	store_check_right(&model, MODEL_PREDICT, GetActiveSnapshot());

	StoreValue	values[] = {
		value_int8(model.id),
		{TIMESTAMPTZOID, TimestampTzGetDatum(until), false},
		value_text(GetUserNameFromId(user, false)),
		value_text(stamp_make(STAMP_ROLE, user))
	};

	/* of a stamp from another cluster the name decides, as table.h says */
	values[2].isnull = values[3].isnull = rights_of_model(&model, GetActiveSnapshot()) >= MODEL_OWN;
	before = store_begin_write();
	rows = store_execute_any("DELETE FROM echolon.prediction_store"
							 " WHERE model_id OPERATOR(pg_catalog.=) $1 AND at OPERATOR(pg_catalog.<=) $2"
							 " AND ($3 IS NULL OR (role OPERATOR(pg_catalog.=) $3 AND (role_stamp OPERATOR(pg_catalog.=) $4"
							 " OR pg_catalog.split_part(role_stamp, ':', 1) OPERATOR(pg_catalog.<>) pg_catalog.split_part($4, ':', 1))))",
							 lengthof(values), values);
	store_end_write(before);
	PG_RETURN_INT64((int64) rows);
}
