/*
 * update.c
 *		echolon_update: a model goes on with new rows, as a new version of it.
 *
 * The rows are read like those of a training, and become features like those of a prediction: by the stored model's
 * dictionary, means and zone, through the encoder.  Nothing is fitted anew but trees.  The older
 * and the new version are measured on the same held-out rows, on sides that the recipe of the model
 * decides where it can: a row that was held out from its training is held out here too.
 *
 * The new version's recipe is the older one's, with what was done here added to its list of updates.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "data/words.h"
#include "function.h"
#include "model/progress.h"
#include "model/store.h"
#include "operate/replay.h"
#include "predict/actual.h"
#include "train/train.h"

#define MIN_ROWS			100	/* as a training */
#define DEFAULT_SHARE		10	/* of the trees there are, one in so many */
#define DEFAULT_FRACTION	0.2	/* held out, where the training held out nothing */

PG_FUNCTION_INFO_V1(echolon_update);

/* Arguments of echolon_update by place. */
enum
{
	ARG_MODEL, ARG_RELATION, ARG_N_ESTIMATORS, ARG_LEARNING_RATE, ARG_TEST_FRACTION, ARG_VERSION,
	ARG_ACTIVATE, ARG_SEED
};

/* ---- what is asked for ------------------------------------------------------------ */

/* The recipe's number of trees that were ever grown, so that no tree is drawn as another was; or those there are. */
static uint32
trees_grown(const Training *t)
{
	const LearnModel *m = t->from->start.model;
	double		grown = t->recipe ? json_object_number(&t->recipe->root, "grown") : NAN;

	if (m->algorithm == LEARN_BOOSTING)
		return m->ntrees / m->nscores;
	return grown >= m->ntrees && grown < UINT32_MAX / 4 ? (uint32) grown : m->ntrees;
}

/* How many rounds are added, or trees replaced. */
static void
resolve_trees(Training *t, FunctionCallInfo fcinfo)
{
	const LearnModel *m = t->from->start.model;
	bool		forest = m->algorithm == LEARN_FOREST;
	uint32		have = m->ntrees / m->nscores;
	ParamValue *wanted = &t->values.value[PARAM_N_ESTIMATORS];
	int64		most = forest ? have : 100000 - (int64) have;

	if (PG_ARGISNULL(ARG_N_ESTIMATORS))
		params_set_number(&t->values, PARAM_N_ESTIMATORS, Max(1, Min(have / DEFAULT_SHARE, most)));
	else
		params_set_number(&t->values, PARAM_N_ESTIMATORS, PG_GETARG_INT32(ARG_N_ESTIMATORS));
	if (wanted->integer > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"n_estimators\" is out of range"),
				 errdetail(forest ? "It is " INT64_FORMAT ", and the forest has %u trees to be replaced." :
						   "It is " INT64_FORMAT ", and the model has %u rounds of at most 100000.",
						   wanted->integer, have),
				 errhint("Train the model again.")));
	t->from->start.first = trees_grown(t);
	t->from->start.dropped = forest ? (uint32) wanted->integer : 0;
}

/* The training's parameters again, but for those that are given here. */
static void
resolve_values(Training *t, FunctionCallInfo fcinfo)
{
	const LearnModel *m = t->from->start.model;
	bool		known = replay_values(t->from->version, t->from->model, t->recipe, PG_GETARG_OID(ARG_RELATION),
									  &t->values);
	ParamValue *v = t->values.value;

	/* of a model without a recipe, what it predicts says what it was fitted by */
	if (!known && m->link == LINK_LOG)
		params_set_word(&t->values, PARAM_LOSS, "poisson");
	if (!PG_ARGISNULL(ARG_LEARNING_RATE))
	{
		if (m->algorithm == LEARN_FOREST)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"learning_rate\" needs a model of gradient boosting"),
					 errdetail("Model \"%s\" is a random forest.", t->model)));
		params_set_number(&t->values, PARAM_LEARNING_RATE, PG_GETARG_FLOAT8(ARG_LEARNING_RATE));
	}
	if (!PG_ARGISNULL(ARG_TEST_FRACTION))
		params_set_number(&t->values, PARAM_TEST_FRACTION, PG_GETARG_FLOAT8(ARG_TEST_FRACTION));
	else if (!(v[PARAM_TEST_FRACTION].number > 0))
		params_set_number(&t->values, PARAM_TEST_FRACTION, DEFAULT_FRACTION);
	if (!PG_ARGISNULL(ARG_SEED))
		v[PARAM_SEED].integer = PG_GETARG_INT64(ARG_SEED);
	memset(&v[PARAM_REFIT], 0, sizeof(ParamValue));
	v[PARAM_EARLY_STOPPING_ROUNDS].integer = 0;
	resolve_trees(t, fcinfo);
}

/* Resolve names and rights, and load the version. */
static Training *
update_begin(FunctionCallInfo fcinfo)
{
	Training   *t = palloc0(sizeof(Training));
	ModelVersion *version;

	INSTR_TIME_SET_CURRENT(t->start);
	t->context = CurrentMemoryContext;
	if (PG_ARGISNULL(ARG_MODEL) || PG_ARGISNULL(ARG_RELATION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"%s\" must not be NULL", PG_ARGISNULL(ARG_MODEL) ? "model" : "relation")));
	store_prevent("echolon_update()");
	t->model = text_to_cstring(PG_GETARG_TEXT_PP(ARG_MODEL));
	version = store_lookup_version(t->model, PG_ARGISNULL(ARG_VERSION),
								   PG_ARGISNULL(ARG_VERSION) ? 0 : PG_GETARG_INT32(ARG_VERSION), MODEL_TRAIN);
	t->model = version->model;	/* which may have been given by an alias */
	t->relation = version->relation;
	t->recipe = store_read_recipe(version);
	t->from = palloc0(sizeof(Continuation));
	t->from->version = version;
	t->from->model = cache_get(version, CurrentMemoryContext);
	if (t->from->model->file.groups)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model \"%s\" has a model for each group, and is not updated", t->model),
				 errdetail("It was trained with group_by."),
				 errhint("Train it again on all rows.")));
	t->from->start.model = &t->from->model->file.learn;
	t->from->start.stats = t->from->model->file.stats;
	resolve_values(t, fcinfo);
	return t;
}

/* ---- rows ---------------------------------------------------------------------------- */

static const char *
optional_word(const Training *t, ParamId id)
{
	return t->values.value[id].given ? t->values.value[id].word : NULL;
}

/* Read the model's columns, its target, and what the training's weights and split need. */
static void
update_read(Training *t)
{
	const CachedModel *model = t->from->model;
	FrameSpec	spec;

	memset(&spec, 0, sizeof(spec));
	spec.relid = t->values.value[PARAM_RELATION].relation;
	for (uint32 c = 0; c < model->file.ncolumns; c++)
	{
		(void) relation_column(spec.relid, model->column_names[c]);
		spec.features = lappend(spec.features, unconstify(char *, model->column_names[c]));
	}
	spec.target = model->target;
	spec.weight = optional_word(t, PARAM_SAMPLE_WEIGHT);
	spec.split_by = optional_word(t, PARAM_SPLIT_BY);
	spec.split_groups = optional_word(t, PARAM_SPLIT_GROUPS);
	spec.max_categories = LEARN_MAX_CATEGORIES;
	spec.min_rows = MIN_ROWS;
	spec.unjudged = true;
	progress_phase(PHASE_READING, progress_relation_rows(spec.relid));
	t->frame = frame_read(&spec);
}

/* Raise where a column has so many levels that the frame joined some. */
static void
check_levels(const Frame *frame)
{
	for (int c = 0; c < frame->ncolumns; c++)
		if (frame->columns[c].npooled > 0)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("column \"%s\" has more than %d levels", frame->columns[c].name, LEARN_MAX_CATEGORIES),
					 errhint("Update with a view of fewer rows at a time.")));
}

/* Raise before more memory is taken than is allowed. */
static void
check_features_memory(const Training *t)
{
	size_t		used = MemoryContextMemAllocated(CurrentMemoryContext, true);
	size_t		limit = max_memory_bytes();
	size_t		need = mul_size(mul_size(t->from->model->file.nfeatures, t->frame->nrows), sizeof(double));

	if (need > limit || used > limit - need)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the update needs about %zu MB, echolon.max_memory allows %zu MB",
						(need >> 20) + (used >> 20) + 1, limit >> 20),
				 errdetail("%zu rows, %u features.", t->frame->nrows, t->from->model->file.nfeatures),
				 errhint("Raise echolon.max_memory, or update with a view of fewer rows at a time.")));
}

/* Room for the features of all rows, as the learner takes them. */
static void
make_columns(Training *t)
{
	const ModelFile *file = &t->from->model->file;
	TrainFeatures *set = &t->set;

	check_features_memory(t);
	set->nfeatures = file->nfeatures;
	set->ncolumns = file->ncolumns;
	set->sources = unconstify(ModelColumn *, file->columns);
	set->features = unconstify(ModelFeature *, file->features);
	set->columns = palloc0(mul_size(sizeof(LearnColumn), file->nfeatures));
	for (uint32 f = 0; f < file->nfeatures; f++)
	{
		LearnColumn *column = &set->columns[f];

		column->kind = (LearnFeatureKind) file->learn.features[f].kind;
		if (column->kind == LEARN_NUMERIC)
			column->values = palloc_rows(t->frame->nrows, sizeof(double));
		else
		{
			column->codes = palloc_rows(t->frame->nrows, sizeof(uint32));
			column->ncategories = file->learn.features[f].nvalues;
		}
	}
	features_monotone(&t->values, file->nlabels, set);
}

/* The rows' features, as a prediction would see them. */
static void
encode_rows(Training *t)
{
	const ModelFile *file = &t->from->model->file;
	uint64		unknown = 0;
	FrameEncoder *encoder = frame_encoder(t->from->model, t->model, t->frame, &unknown);
	double	   *x = palloc(mul_size(sizeof(double), file->nfeatures));

	check_levels(t->frame);
	make_columns(t);
	for (size_t i = 0; i < t->frame->nrows; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		frame_encode(encoder, i, x);
		for (uint32 f = 0; f < file->nfeatures; f++)
		{
			const LearnColumn *column = &t->set.columns[f];

			if (column->kind == LEARN_NUMERIC)
				((double *) column->values)[i] = x[f];
			else
				((uint32 *) column->codes)[i] = x[f] >= 0 && x[f] < column->ncategories ? (uint32) x[f] : LEARN_MISSING;
		}
	}
	if (unknown > 0)
		t->notes = lappend(t->notes, psprintf("%s values of categories that the model does not know count as missing",
											  words_count(unknown)));
}

/* ---- target ----------------------------------------------------------------------------- */

pg_noreturn static void
unknown_class(const Training *t, const char *label)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("class '%s' of column \"%s\" is not one that model \"%s\" knows", label, t->from->model->target, t->model),
			 errdetail("An update keeps the classes of the model; it has %u.", t->from->model->file.nlabels),
			 errhint("Train the model again with rows of all classes, or leave these rows out in a view.")));
}

/* The target of each row, as the model's number or class. */
static void
read_target(Training *t, const ActualReader *reader, const FrameColumn *column)
{
	double	   *values = t->target.values;
	double	   *classes = palloc_rows(column->ncategories, sizeof(double));

	for (uint32 i = 0; i < column->ncategories; i++)
	{
		const char *label = column->categories[i];

		if (actual_of_label(reader, label, (int) strlen(label), &classes[i]) != ACTUAL_VALUE && column->counts[i] > 0)
			unknown_class(t, label);
	}
	for (size_t i = 0; i < t->frame->nrows; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (column->type.kind == COLUMN_CATEGORY)
			values[i] = classes[column->codes[i]];
		else if (actual_of_number(reader, column->values[i], &values[i]) != ACTUAL_VALUE)
			unknown_class(t, float8out_internal(column->values[i]));
	}
	pfree(classes);
}

/* The target, which is the stored model's. */
static void
resolve_target(Training *t)
{
	const CachedModel *model = t->from->model;
	const FrameColumn *column = &t->frame->columns[t->frame->target];
	Target	   *target = &t->target;
	ActualReader reader;

	actual_begin(&reader, model, t->model, column->type.typid);
	target->task = (ModelTask) model->file.task;
	target->nclasses = model->file.nlabels;
	target->labels = palloc(mul_size(sizeof(char *), Max(model->file.nlabels, 1)));
	for (uint32 k = 0; k < model->file.nlabels; k++)
		target->labels[k] = pstrdup(model->labels[k]);
	target->numeric_labels = model->file.numeric_labels;
	target->positive = model->file.positive;
	target->cut = model->file.has_cut ? model->file.cut : NAN;
	target->values = palloc_rows(t->frame->nrows, sizeof(double));
	read_target(t, &reader, column);
	target->counts = palloc0(mul_size(sizeof(uint64), Max(target->nclasses, 1)));
	for (size_t i = 0; target->nclasses > 0 && i < t->frame->nrows; i++)
		target->counts[(uint32) target->values[i]]++;
	if (model->file.has_cut)
		target->above = (double) target->counts[1] / (double) t->frame->nrows;
}

/* ---- what is stored ------------------------------------------------------------------------ */

/* Is the new version to predict from now on? */
static void
decide_activation(Training *t, FunctionCallInfo fcinfo)
{
	Continuation *from = t->from;
	const char *metric = scores_headline(&t->target);
	double		before = scores_value(&from->before, metric);
	double		after = scores_value(&t->score, metric);

	if (!PG_ARGISNULL(ARG_ACTIVATE))
	{
		from->activate = PG_GETARG_BOOL(ARG_ACTIVATE);
		return;
	}
	from->if_current = true;
	from->activate = after >= before;	/* false where one is not a number */
	if (from->activate)
		return;
	if (isnan(after) || isnan(before))
		t->notes = lappend(t->notes, psprintf("it was not measured against version %d: echolon_activate decides which one predicts",
											  from->version->version));
	else
		t->notes = lappend(t->notes, psprintf("it is worse than version %d on the held-out rows: that one goes on predicting",
											  from->version->version));
}

/* A member of a jsonb object, as a Jsonb; NULL: there is none. */
static Jsonb *
object_member(Jsonb *object, const char *key)
{
	JsonbValue	value;

	if (object == NULL || !JB_ROOT_IS_OBJECT(object) ||
		getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), &value) == NULL ||
		value.type != jbvBinary)
		return NULL;
	return JsonbValueToJsonb(&value);
}

static Jsonb *
concat(Jsonb *a, Jsonb *b)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(a), JsonbPGetDatum(b)));
}

static Jsonb *
without(Jsonb *object, const char *key)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(object), CStringGetTextDatum(key)));
}

static Jsonb *
parse(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/*
 * The older recipe with the split of this update, and what it did.  A retraining repeats the first training;
 * its list of updates says what came after, and how the rows of what came before were split.
 */
static Jsonb *
update_recipe(const Training *t)
{
	Jsonb	   *recipe = record_recipe(t);
	Jsonb	   *updates = object_member(t->recipe, "updates");
	Jsonb	   *split;
	StringInfoData own;

	initStringInfo(&own);
	appendStringInfo(&own, "[{\"version\": %d, \"relation\": ", t->from->version->version);
	json_string(&own, relation_name(t->values.value[PARAM_RELATION].relation));
	appendStringInfo(&own, ", \"rows\": %zu, \"fitted\": %zu, \"n_estimators\": " INT64_FORMAT ", \"seed\": " INT64_FORMAT,
					 t->frame->nrows, t->nfitted, t->values.value[PARAM_N_ESTIMATORS].integer,
					 t->values.value[PARAM_SEED].integer);
	if (t->params.algorithm == LEARN_BOOSTING)
	{
		appendStringInfoString(&own, ", \"learning_rate\": ");
		json_number(&own, t->params.learning_rate);
	}
	if ((split = object_member(t->recipe, "split")) != NULL)
	{
		appendStringInfoString(&own, ", \"split\": ");
		(void) JsonbToCString(&own, &split->root, VARSIZE(split));
	}
	appendStringInfoString(&own, "}]");
	updates = updates != NULL && JB_ROOT_IS_ARRAY(updates) ? concat(updates, parse(own.data)) : parse(own.data);

	if (t->recipe != NULL && JB_ROOT_IS_OBJECT(t->recipe))
		recipe = concat(recipe, without(without(t->recipe, "split"), "updates"));
	resetStringInfo(&own);
	appendStringInfo(&own, "{\"grown\": %u, \"updates\": ", t->from->start.first + t->params.n_estimators);
	(void) JsonbToCString(&own, &updates->root, VARSIZE(updates));
	appendStringInfoChar(&own, '}');
	return concat(recipe, parse(own.data));
}

/* An echolon.update_result. */
static HeapTuple
result_row(const Training *t, TupleDesc desc)
{
	const char *metric = scores_headline(&t->target);
	double		before = scores_value(&t->from->before, metric);
	double		after = scores_value(&t->score, metric);
	Datum		row[14];
	bool		nulls[14] = {false};

	row[0] = CStringGetTextDatum(t->model);
	row[1] = Int32GetDatum(t->version);
	row[2] = BoolGetDatum(t->active);
	row[3] = Int32GetDatum(t->from->version->version);
	row[4] = Int64GetDatum((int64) t->frame->nrows);
	row[5] = Int64GetDatum((int64) t->outer.ntest);
	row[6] = CStringGetTextDatum(metric);
	row[7] = Float8GetDatum(before);
	nulls[7] = !isfinite(before);
	row[8] = Float8GetDatum(after);
	nulls[8] = !isfinite(after);
	row[9] = Int32GetDatum((int32) t->from->start.model->ntrees);
	row[10] = Int32GetDatum((int32) t->fit.model.ntrees);
	row[11] = Float8GetDatum(t->seconds);
	row[12] = PointerGetDatum(record_notes_array(t));
	row[13] = JsonbPGetDatum(record_details(t));
	return heap_form_tuple(BlessTupleDesc(desc), row, nulls);
}

/* (model, relation, n_estimators, learning_rate, test_fraction, version, activate, seed) -> echolon.update_result */
Datum
echolon_update(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "Echolon update", ALLOCSET_DEFAULT_SIZES);
	Training   *t;
	TupleDesc	desc;
	HeapTuple	row;
	Datum		result;
	bool		began;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	MemoryContextSwitchTo(context);
	t = update_begin(fcinfo);
	began = progress_begin(COMMAND_UPDATE, t->model, t->values.value[PARAM_RELATION].relation);
	update_read(t);
	resolve_target(t);
	encode_rows(t);
	split_rows(t);
	training_prepare(t);
	continue_and_measure(t);
	training_finish(t);
	decide_activation(t, fcinfo);
	t->recipe = update_recipe(t);
	training_store(t);
	row = result_row(t, desc);
	progress_end(began);

	MemoryContextSwitchTo(caller);
	result = HeapTupleGetDatum(heap_copytuple(row));
	MemoryContextDelete(context);
	return result;
}
