/*
 * evaluate.c
 *		How good a model is, from what was stored with it: metrics, report,
 *		confusion matrix, importance of its features.
 *
 * Scores were measured at training on all held-out rows and are read from
 * the version's record.  Report and matrix are counted from the sample of held-out
 * predictions that is stored with a version.  Rows count as one each: a
 * sample_weight steers training and no score.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "data/column.h"
#include "function.h"
#include "learn/metrics.h"
#include "model/lookup.h"
#include "predict/evaluation.h"

#define LABELS_LISTED 20		/* in a hint */

PG_FUNCTION_INFO_V1(echolon_metrics);
PG_FUNCTION_INFO_V1(echolon_group_metrics);
PG_FUNCTION_INFO_V1(echolon_classification_report);
PG_FUNCTION_INFO_V1(echolon_confusion_matrix);
PG_FUNCTION_INFO_V1(echolon_feature_importance);

/* ---- shared with curves.c ---------------------------------------------------------- */

void
evaluation_begin(FunctionCallInfo fcinfo, int argument, Evaluation *evaluation)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"model\" must not be null")));
	evaluation_open(text_to_cstring(PG_GETARG_TEXT_PP(0)), version_argument(fcinfo, argument), evaluation);
	InitMaterializedSRF(fcinfo, 0);
	evaluation->result = (ReturnSetInfo *) fcinfo->resultinfo;
}

void
evaluation_open(const char *model, int32 version, Evaluation *evaluation)
{
	memset(evaluation, 0, sizeof(*evaluation));
	evaluation->version = store_lookup(model, version, MODEL_PREDICT);
}

void
evaluation_model(Evaluation *evaluation, ModelTask task)
{
	const char *name = quote_literal_cstr(evaluation->version->model);

	evaluation->model = cache_get(evaluation->version, CurrentMemoryContext);
	if (evaluation->model->file.task == task)
		return;
	if (task == TASK_CLASSIFICATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" is a regression and has no classes", evaluation->version->model),
				 errhint("Use echolon_metrics(%s) or echolon_residuals(%s).", name, name)));
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("model \"%s\" is a classifier and has no residuals", evaluation->version->model),
			 errhint("Use echolon_classification_report(%s), echolon_confusion_matrix(%s) or echolon_roc_curve(%s).",
					 name, name, name)));
}

void
evaluation_sample(Evaluation *evaluation)
{
	const ModelVersion *version = evaluation->version;
	HoldoutSample *sample = store_read_holdout(version);
	uint32		nclasses = evaluation->model->file.learn.nclasses;

	if (sample == NULL || sample->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" has no held-out rows",
						version->version, version->model),
				 errdetail("It was trained on all of them."),
				 errhint("Measure it on other rows with echolon_evaluate(%s, relation), or train with test_fraction above 0.",
						 quote_literal_cstr(version->model))));
	if (sample->noutputs != (int) learn_noutputs(&evaluation->model->file.learn))
		elog(ERROR, "held-out sample of model \"%s\" has %d outputs", version->model, sample->noutputs);
	for (int i = 0; nclasses > 0 && i < sample->n; i++)
		if (!(sample->actual[i] >= 0 && sample->actual[i] < nclasses) ||
			sample->actual[i] != (uint32) sample->actual[i])
			elog(ERROR, "held-out sample of model \"%s\" has a class number %g",
				 version->model, sample->actual[i]);
	if (sample->rows > sample->n)
		ereport(NOTICE,
				(errmsg("from a sample of %d of the " INT64_FORMAT " held-out rows",
						sample->n, sample->rows)));
	evaluation->sample = sample;
}

/* The model's labels as a list for a hint. */
static char *
label_list(const CachedModel *model)
{
	StringInfoData list;

	initStringInfo(&list);
	for (uint32 k = 0; k < model->file.nlabels; k++)
	{
		if (k == LABELS_LISTED)
		{
			appendStringInfo(&list, " and %u more", model->file.nlabels - k);
			break;
		}
		appendStringInfo(&list, "%s%s", k == 0 ? "" : ", ", quote_literal_cstr(model->labels[k]));
	}
	return list.data;
}

uint32
evaluation_label(FunctionCallInfo fcinfo, int argument, const Evaluation *evaluation)
{
	const CachedModel *model = evaluation->model;
	char	   *label;

	if (PG_ARGISNULL(argument))
	{
		if (model->file.nlabels == 2)
			return model->file.positive;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has %u classes: name one of them",
						evaluation->version->model, model->file.nlabels),
				 errhint("Give label => one of %s.", label_list(model))));
	}
	label = text_to_cstring(PG_GETARG_TEXT_PP(argument));
	for (uint32 k = 0; k < model->file.nlabels; k++)
		if (strcmp(model->labels[k], label) == 0)
			return k;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model \"%s\" has no class %s", evaluation->version->model, quote_literal_cstr(label)),
			 errhint("Its classes are %s.", label_list(model))));
	return 0;					/* keep compiler quiet */
}

void
evaluation_put(Evaluation *evaluation, Datum *values, bool *nulls)
{
	tuplestore_putvalues(evaluation->result->setResult, evaluation->result->setDesc, values, nulls);
}

Datum
evaluation_number(double value, bool *null)
{
	*null = isnan(value);
	return Float8GetDatum(*null ? 0.0 : value);
}

/* ---- metrics ----------------------------------------------------------------------------- */

/* All metrics in the order of the interface; a model has those of its task. */
static const char *const metric_names[] = {
	"mse", "rmse", "mae", "median_absolute_error", "mape", "r2",
	"accuracy", "balanced_accuracy", "log_loss", "roc_auc", "average_precision", "f1", "mcc", "brier"
};

/* A member of an object, or NULL; container may be NULL. */
static JsonbValue *
json_member(JsonbContainer *container, const char *key, JsonbValue *value)
{
	if (container == NULL || !JsonContainerIsObject(container))
		return NULL;
	return getKeyJsonValueFromContainer(container, key, strlen(key), value);
}

/* An object within an object, or NULL. */
static JsonbContainer *
json_object_member(JsonbContainer *container, const char *key)
{
	JsonbValue	value;

	if (json_member(container, key, &value) == NULL || value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

/* A number of an object; *null where it has none.  *found is set where it has the key. */
static Datum
json_number_member(JsonbContainer *container, const char *key, bool *null, bool *found)
{
	JsonbValue	value;

	*null = true;
	if (json_member(container, key, &value) == NULL)
		return (Datum) 0;
	*found = true;
	if (value.type != jbvNumeric)
		return (Datum) 0;
	*null = false;
	return Float8GetDatum(numeric_to_double(NumericGetDatum(value.val.numeric)));
}

double
evaluation_metric(const Jsonb *metrics, const char *part, const char *metric)
{
	bool		null,
				found;
	Datum		number;

	if (metrics == NULL)
		return NAN;
	number = json_number_member(json_object_member(unconstify(JsonbContainer *, &metrics->root), part), metric,
								&null, &found);
	return null ? NAN : DatumGetFloat8(number);
}

/* (model, version) -> (metric, score, train_score, oob_score, baseline, measured_on) */
Datum
echolon_metrics(PG_FUNCTION_ARGS)
{
	static const char *const parts[] = {"score", "train", "oob", "baseline"};
	JsonbContainer *containers[lengthof(parts)];
	JsonbContainer *root;
	JsonbValue	measured_on;
	Jsonb	   *metrics;
	Evaluation	evaluation;
	bool		measured;

	evaluation_begin(fcinfo, 1, &evaluation);
	metrics = store_read_metrics(evaluation.version);
	if (metrics == NULL)
		return (Datum) 0;
	root = &metrics->root;
	for (int p = 0; p < lengthof(parts); p++)
		containers[p] = json_object_member(root, parts[p]);
	measured = json_member(root, "measured_on", &measured_on) != NULL && measured_on.type == jbvString;

	for (int m = 0; m < lengthof(metric_names); m++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};
		bool		found = false;

		values[0] = CStringGetTextDatum(metric_names[m]);
		for (int p = 0; p < lengthof(parts); p++)
			values[p + 1] = json_number_member(containers[p], metric_names[m], &nulls[p + 1], &found);
		nulls[5] = !measured;
		values[5] = measured ? PointerGetDatum(cstring_to_text_with_len(measured_on.val.string.val,
																		 measured_on.val.string.len)) : (Datum) 0;
		if (found)
			evaluation_put(&evaluation, values, nulls);
	}
	return (Datum) 0;
}

/* An array within an object, or NULL. */
static JsonbContainer *
json_array_member(JsonbContainer *container, const char *key)
{
	JsonbContainer *array = json_object_member(container, key);

	return array && JsonContainerIsArray(array) ? array : NULL;
}

/* An object or array in an array, or NULL. */
static JsonbContainer *
json_element(JsonbContainer *array, uint32 i)
{
	JsonbValue *value = getIthJsonbValueFromContainer(array, i);

	return value == NULL || value->type != jbvBinary ? NULL : value->val.binary.data;
}

/* The key of a group: {column: value}. */
static Jsonb *
group_key(JsonbContainer *columns, JsonbContainer *key)
{
	JsonbParseState *parse = NULL;

	pushJsonbValue(&parse, WJB_BEGIN_OBJECT, NULL);
	for (uint32 c = 0; columns && key && c < JsonContainerSize(columns) && c < JsonContainerSize(key); c++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(columns, c);
		JsonbValue *value = getIthJsonbValueFromContainer(key, c);

		/* it may have been imported */
		if (name->type != jbvString || (value->type != jbvString && value->type != jbvNumeric))
			break;
		pushJsonbValue(&parse, WJB_KEY, name);
		pushJsonbValue(&parse, WJB_VALUE, value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&parse, WJB_END_OBJECT, NULL));
}

/* A row of the result; without columns, that of all rows which share the common model, where there are any. */
static void
put_group(Evaluation *evaluation, JsonbContainer *columns, JsonbContainer *group, const char *metric)
{
	static const char *const numbers[] = {"rows", "training", "measured", "score", "common", "baseline"};
	static const int places[] = {1, 2, 3, 5, 6, 7};
	Datum		values[8];
	bool		nulls[8] = {false};
	bool		found;

	nulls[0] = columns == NULL;
	if (columns)
		values[0] = JsonbPGetDatum(group_key(columns, json_array_member(group, "key")));
	values[4] = CStringGetTextDatum(metric);
	for (int n = 0; n < lengthof(numbers); n++)
	{
		int			place = places[n];

		values[place] = json_number_member(group, numbers[n], &nulls[place], &found);
		if (n < 3 && !nulls[place])
			values[place] = Int64GetDatum((int64) DatumGetFloat8(values[place]));
	}
	if (columns || (!nulls[1] && DatumGetInt64(values[1]) > 0))
		evaluation_put(evaluation, values, nulls);
}

/* (model, version) -> (group_key, rows_used, training_rows, measured_rows, metric, score, common_score, baseline) */
Datum
echolon_group_metrics(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	Jsonb	   *metrics;
	JsonbContainer *groups;
	JsonbContainer *columns;
	JsonbContainer *each;
	const char *metric;

	evaluation_begin(fcinfo, 1, &evaluation);
	metrics = store_read_metrics(evaluation.version);
	groups = metrics ? json_object_member(&metrics->root, "groups") : NULL;
	if (groups == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("version %d of model \"%s\" has no groups", evaluation.version->version,
						evaluation.version->model),
				 errdetail("It was not trained with group_by."),
				 errhint("Use echolon_metrics(%s).", quote_literal_cstr(evaluation.version->model))));
	columns = json_array_member(groups, "columns");
	each = json_array_member(groups, "each");
	metric = isnan(evaluation_metric(metrics, "score", "r2")) && !isnan(evaluation_metric(metrics, "score", "roc_auc"))
		? "roc_auc" : "r2";
	for (uint32 i = 0; each && i < JsonContainerSize(each); i++)
	{
		put_group(&evaluation, columns, json_element(each, i), metric);
		CHECK_FOR_INTERRUPTS();
	}
	put_group(&evaluation, NULL, json_object_member(groups, "rest"), metric);
	return (Datum) 0;
}

/* ---- classes -------------------------------------------------------------------------------- */

double *
evaluation_confusion(const Evaluation *evaluation)
{
	const ModelFile *file = &evaluation->model->file;
	double	   *counts = palloc(mul_size(mul_size(file->nlabels, file->nlabels), sizeof(double)));

	metrics_confusion(evaluation->sample->actual, evaluation->sample->predicted, NULL,
					  evaluation->sample->n, file->nlabels, file->positive, file->threshold, counts);
	return counts;
}

/* One row of the report. */
static void
report_put(Evaluation *evaluation, const char *label, const ClassReport *row)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = CStringGetTextDatum(label);
	values[1] = Float8GetDatum(row->precision);
	values[2] = Float8GetDatum(row->recall);
	values[3] = Float8GetDatum(row->f1);
	values[4] = Int64GetDatum((int64) row->support);
	nulls[1] = isnan(row->precision);
	nulls[2] = isnan(row->recall);
	evaluation_put(evaluation, values, nulls);
}

/*
 * (model, version) -> (label, precision, recall, f1, support), the rows of
 * scikit-learn's classification_report: classes, accuracy, macro avg, weighted avg.
 */
Datum
echolon_classification_report(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	ClassReport *classes,
				macro,
				weighted,
				accuracy;
	double	   *counts;
	uint32		nclasses;

	evaluation_begin(fcinfo, 1, &evaluation);
	evaluation_model(&evaluation, TASK_CLASSIFICATION);
	evaluation_sample(&evaluation);
	nclasses = evaluation.model->file.nlabels;
	counts = evaluation_confusion(&evaluation);
	classes = palloc(mul_size(nclasses, sizeof(ClassReport)));
	metrics_report(counts, nclasses, classes, &macro, &weighted);

	accuracy = (ClassReport) {NAN, NAN, 0.0, macro.support};
	for (uint32 k = 0; k < nclasses; k++)
	{
		report_put(&evaluation, evaluation.model->labels[k], &classes[k]);
		accuracy.f1 += counts[(Size) k * nclasses + k];
	}
	accuracy.f1 /= macro.support;
	report_put(&evaluation, "accuracy", &accuracy);
	report_put(&evaluation, "macro avg", &macro);
	report_put(&evaluation, "weighted avg", &weighted);
	return (Datum) 0;
}

/* (model, version) -> (actual, predicted, count), all pairs of classes in the labels' order */
Datum
echolon_confusion_matrix(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	double	   *counts;
	uint32		nclasses;

	evaluation_begin(fcinfo, 1, &evaluation);
	evaluation_model(&evaluation, TASK_CLASSIFICATION);
	evaluation_sample(&evaluation);
	nclasses = evaluation.model->file.nlabels;
	counts = evaluation_confusion(&evaluation);
	for (uint32 a = 0; a < nclasses; a++)
	{
		Datum		actual = CStringGetTextDatum(evaluation.model->labels[a]);

		CHECK_FOR_INTERRUPTS();
		for (uint32 p = 0; p < nclasses; p++)
		{
			Datum		values[3];
			bool		nulls[3] = {false};

			values[0] = actual;
			values[1] = CStringGetTextDatum(evaluation.model->labels[p]);
			values[2] = Int64GetDatum((int64) counts[(Size) a * nclasses + p]);
			evaluation_put(&evaluation, values, nulls);
			pfree(DatumGetPointer(values[1]));
		}
	}
	return (Datum) 0;
}

/* ---- features ----------------------------------------------------------------------------------- */

/* (model, version) -> (rank, feature, importance, splits) */
Datum
echolon_feature_importance(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	FeatureRank *ranks;

	evaluation_begin(fcinfo, 1, &evaluation);
	evaluation.model = cache_get(evaluation.version, CurrentMemoryContext);
	ranks = model_ranks(&evaluation.model->file);
	for (uint32 i = 0; i < evaluation.model->file.nfeatures; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = Int32GetDatum((int32) i + 1);
		values[1] = CStringGetTextDatum(model_feature_name(&evaluation.model->file, ranks[i].feature));
		values[2] = Float8GetDatum(ranks[i].importance);
		values[3] = Int64GetDatum((int64) ranks[i].splits);
		evaluation_put(&evaluation, values, nulls);
	}
	return (Datum) 0;
}
