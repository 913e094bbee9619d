/*
 * train.c
 *		echolon_train_rf and echolon_train_gb: from the parameters to the stored version.
 *
 * Everything lives in one memory context that goes when the function ends, so
 * an error or a cancel leaves nothing; the model is written last, in the
 * caller's transaction.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "function.h"
#include "model/progress.h"
#include "train/train.h"

#define MIN_ROWS		100

/* ---- preparation -------------------------------------------------------------- */

static const char *
optional_word(const ParamValues *values, ParamId id)
{
	return values->value[id].given ? values->value[id].word : NULL;
}

/* "<relation>_<target>", cut to nothing: a model's name is a text, not a name. */
static char *
default_model_name(const ParamValues *values)
{
	char	   *relname = get_rel_name(values->value[PARAM_RELATION].relation);

	if (relname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", values->value[PARAM_RELATION].relation)));
	return psprintf("%s_%s", relname, values->value[PARAM_TARGET].word);
}

/*
 * A model's task never flips when it is trained again, whatever its values have become; and its recipe
 * says which rows were held out.
 */
static void
keep_recipe(Training *t)
{
	ParamValue *task = &t->values.value[PARAM_TASK];
	char	   *stored = store_task(t->model);

	if (stored == NULL)
		return;
	t->recipe = store_read_recipe(store_lookup(t->model, 0, MODEL_TRAIN));
	if (task->given)
		return;
	t->task_kept = true;
	task->given = true;
	task->word = stored;
}

void
training_read(Training *t)
{
	FrameSpec	spec;
	HoldoutKind kind = holdout_kind(&t->values);

	memset(&spec, 0, sizeof(spec));
	spec.relid = t->values.value[PARAM_RELATION].relation;
	spec.all_features = !t->values.value[PARAM_FEATURES].given;
	spec.features = t->values.value[PARAM_FEATURES].names;
	spec.exclude = t->values.value[PARAM_EXCLUDE].names;
	if (t->columns != NIL)
	{
		/* what was learned from is learned from again, whatever has become of it */
		spec.all_features = false;
		spec.features = t->columns;
		spec.exclude = NIL;
		spec.unjudged = true;
	}
	spec.target = t->values.value[PARAM_TARGET].word;
	spec.weight = optional_word(&t->values, PARAM_SAMPLE_WEIGHT);
	spec.split_by = optional_word(&t->values, PARAM_SPLIT_BY);
	spec.split_groups = optional_word(&t->values, PARAM_SPLIT_GROUPS);
	spec.max_categories = (int) t->values.value[PARAM_MAX_CATEGORIES].integer;
	spec.min_rows = MIN_ROWS;
	set_frame_spec(t, &spec);
	groups_frame_spec(t, &spec);
	progress_phase(PHASE_READING, progress_relation_rows(t->feature_set && OidIsValid(t->feature_set->relid) ?
														 t->feature_set->relid : spec.relid));
	t->frame = frame_read(&spec);
	set_announce(t);

	if (t->columns == NIL && kind == HOLDOUT_HASH && t->values.value[PARAM_TEST_FRACTION].number > 0)
		for (int c = 0; c < t->frame->ncolumns; c++)
			if (t->frame->columns[c].feature && t->frame->columns[c].type.kind >= COLUMN_DATE)
			{
				ereport(NOTICE,
						(errmsg("rows are held out at random, though column \"%s\" is a %s",
								t->frame->columns[c].name, t->frame->columns[c].type_name),
						 errhint("Use split_by => '%s' to measure on the latest rows, as in real use.",
								 t->frame->columns[c].name)));
				break;
			}
}

/* class_weight as one number a class; 'balanced' waits for the fitted rows. */
static void
read_class_weight(Training *t)
{
	const char *word = optional_word(&t->values, PARAM_CLASS_WEIGHT);
	Jsonb	   *object;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	v;
	uint32		class_number = 0;

	if (word == NULL)
		return;
	/* a recipe that was imported may ask for it */
	if (t->target.nclasses == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"class_weight\" needs a classification"),
				 errdetail("The target of model \"%s\" is a number.", t->model)));
	t->class_weights = palloc(sizeof(double) * t->target.nclasses);
	for (uint32 k = 0; k < t->target.nclasses; k++)
		t->class_weights[k] = 1.0;
	if (strcmp(word, "balanced") == 0)
	{
		t->balanced = true;
		return;
	}
	if (word[strspn(word, " \t\n\r")] != '{')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"class_weight\" is neither 'balanced' nor a JSON object"),
				 errdetail("It is '%s'.", word),
				 errhint("Give each label its weight, such as '{\"%s\": 5}'.", t->target.labels[0])));
	object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(word)));
	iterator = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&iterator, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char	   *label = pnstrdup(v.val.string.val, v.val.string.len);

			for (class_number = 0; class_number < t->target.nclasses; class_number++)
				if (strcmp(t->target.labels[class_number], label) == 0)
					break;
			if (class_number == t->target.nclasses)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("class '%s' of parameter \"class_weight\" does not occur in column \"%s\"",
								label, t->values.value[PARAM_TARGET].word)));
		}
		else if (token == WJB_VALUE)
		{
			double		weight = v.type == jbvNumeric ? numeric_to_double(NumericGetDatum(v.val.numeric)) : NAN;

			if (!(weight > 0) || isinf(weight))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("weight of class '%s' is not a number above 0", t->target.labels[class_number])));
			t->class_weights[class_number] = weight;
		}
	}
}

/* Sums of the target over rows, and of predictions over trees, must not overflow. */
static void
check_magnitude(const Training *t)
{
	double		limit = DBL_MAX / (4.0 * Max((double) t->frame->nrows, (double) t->params.n_estimators));

	if (t->target.task != TASK_REGRESSION)
		return;
	for (size_t i = 0; i < t->frame->nrows; i++)
		if (fabs(t->target.values[i]) > limit)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("target column \"%s\" holds %s", t->values.value[PARAM_TARGET].word,
							float8out_internal(t->target.values[i])),
					 errdetail("Values beyond %g cannot be added up.", limit),
					 errhint("Divide the target by a constant in a view.")));
}

/* Poisson counts cannot be negative. */
static void
check_poisson(const Training *t)
{
	if (t->params.algorithm != LEARN_BOOSTING || t->params.loss != LOSS_POISSON)
		return;
	for (size_t i = 0; i < t->frame->nrows; i++)
		if (t->target.values[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("loss => 'poisson' needs a target of 0 or more"),
					 errdetail("Column \"%s\" holds %s.", t->values.value[PARAM_TARGET].word,
							   float8out_internal(t->target.values[i])),
					 errhint("Use loss => 'squared_error', or leave these rows out in a view.")));
}

/* ---- the call ----------------------------------------------------------------------------- */

static Datum
float8_or_null(double value, bool *isnull)
{
	*isnull = !isfinite(value);
	return Float8GetDatum(value);
}

Training *
training_begin(const ParamValues *values)
{
	Training   *t = palloc0(sizeof(Training));
	const ParamValue *v = values->value;

	INSTR_TIME_SET_CURRENT(t->start);
	t->context = CurrentMemoryContext;
	t->values = *values;
	t->relation = relation_name(v[PARAM_RELATION].relation);
	t->model = v[PARAM_MODEL].given ? v[PARAM_MODEL].word : default_model_name(values);
	progress_model(t->model);
	/* a misspelt column is told as such, not as another model's target */
	(void) relation_column(v[PARAM_RELATION].relation, v[PARAM_TARGET].word);
	store_check_writable(t->model, t->relation, v[PARAM_TARGET].word);
	keep_recipe(t);
	set_prepare(t);
	return t;
}

/* High values cannot be the new version of a regression. */
static void
check_kept_task(const Training *t)
{
	const ParamValue *v = t->values.value;

	if (t->task_kept && v[PARAM_HIGH_VALUE_PERCENTILE].given && strcmp(v[PARAM_TASK].word, "regression") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" is a regression, and a model's task does not change", t->model),
				 errdetail("High values are a classification."),
				 errhint("Use model => %s, or another name.",
						 quote_literal_cstr(psprintf("%s_high", t->model)))));
}

void
training_fit(Training *t)
{
	check_kept_task(t);
	target_resolve(t->frame, &t->values, &t->target);
	split_rows(t);
	t->values.value[PARAM_TASK].given = true;	/* the parameters stand as they were used */
	t->values.value[PARAM_TASK].word = t->target.task == TASK_REGRESSION ? "regression" : "classification";
	features_build(t->frame, &t->values, &t->target, NULL, &t->set);
	training_prepare(t);
	groups_begin(t);
	fit_and_measure(t);
	training_finish(t);
}

void
training_prepare(Training *t)
{
	if (!t->values.value[PARAM_THRESHOLD].is_number && t->target.nclasses != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold => '%s' needs a target of two classes", t->values.value[PARAM_THRESHOLD].word)));
	read_class_weight(t);
	params_resolve(&t->values, t->set.nfeatures, t->target.nclasses, &t->params);
	clean_begin(t);
	check_magnitude(t);
	check_poisson(t);
	t->data.nrows = t->frame->nrows;
	t->data.nfeatures = t->set.nfeatures;
	t->data.columns = t->set.columns;
	t->data.target = t->target.values;
	t->data.nclasses = t->target.nclasses;
}

void
training_finish(Training *t)
{
	StringInfoData parameters;
	instr_time	end;

	record_notes(t);
	initStringInfo(&parameters);
	params_json(&t->values, &t->params, &parameters);
	t->parameters = parameters.data;
	t->metrics = record_metrics(t, true);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, t->start);
	t->seconds = INSTR_TIME_GET_DOUBLE(end);
}

void
training_store(Training *t)
{
	progress_phase(PHASE_WRITING, 0);
	t->version = record_store(t);
	progress_phase(PHASE_REPORTING, 0);
	record_announce(t);
}

/* An echolon.training_result of a training that was stored. */
static HeapTuple
result_row(const Training *t, TupleDesc desc)
{
	Datum		row[11];
	bool		nulls[11] = {false};
	const char *metric = scores_headline(&t->target);

	row[0] = CStringGetTextDatum(t->model);
	row[1] = Int32GetDatum(t->version);
	row[2] = CStringGetTextDatum(t->values.value[PARAM_TASK].word);
	row[3] = Int64GetDatum((int64) t->frame->nrows);
	row[4] = CStringGetTextDatum(metric);
	row[5] = float8_or_null(scores_value(&t->score, metric), &nulls[5]);
	row[6] = float8_or_null(scores_value(&t->train_score, metric), &nulls[6]);
	row[7] = float8_or_null(scores_value(&t->baseline.scores, metric), &nulls[7]);
	row[8] = Float8GetDatum(t->seconds);
	row[9] = PointerGetDatum(record_notes_array(t));
	row[10] = JsonbPGetDatum(record_details(t));
	return heap_form_tuple(BlessTupleDesc(desc), row, nulls);
}

static Datum
train(FunctionCallInfo fcinfo, LearnAlgorithm algorithm)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "Echolon training", ALLOCSET_DEFAULT_SIZES);
	ParamValues values;
	Training   *t;
	TupleDesc	desc;
	HeapTuple	row;
	Datum		result;
	bool		began;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	MemoryContextSwitchTo(context);
	params_read(fcinfo, algorithm, &values);
	began = progress_begin(COMMAND_TRAIN, NULL, values.value[PARAM_RELATION].relation);
	t = training_begin(&values);
	training_read(t);
	training_fit(t);
	training_store(t);
	row = result_row(t, desc);
	progress_end(began);

	MemoryContextSwitchTo(caller);
	result = HeapTupleGetDatum(heap_copytuple(row));
	MemoryContextDelete(context);
	return result;
}

PG_FUNCTION_INFO_V1(echolon_train_rf);

/* echolon_train_rf(relation, target, …): train and store a random forest (Breiman 2001). */
Datum
echolon_train_rf(PG_FUNCTION_ARGS)
{
	return train(fcinfo, LEARN_FOREST);
}

PG_FUNCTION_INFO_V1(echolon_train_gb);

/* echolon_train_gb(relation, target, …): train and store gradient-boosted trees (Friedman 2001). */
Datum
echolon_train_gb(PG_FUNCTION_ARGS)
{
	return train(fcinfo, LEARN_BOOSTING);
}
