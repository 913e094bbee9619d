/*
 * fine_tune.c
 *		echolon_fine_tune: from a table and a question to two measured models and a
 *		report, in one call.
 *
 * The table is read once for both models where they predict the same column.  Everything is stored
 * in the caller's transaction, so an error leaves neither model.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "data/arguments.h"
#include "data/words.h"
#include "function.h"
#include "learn/metrics.h"
#include "model/progress.h"
#include "operate/report.h"
#include "train/train.h"

#define HIGH_VALUE_PERCENTILE 0.75	/* where it is given as NULL */
#define TOP_FEATURES	5
#define LISTED_COLUMNS	20		/* left out, or with missing values; the rest are counted */
#define LISTED_CLASSES	20

PG_FUNCTION_INFO_V1(echolon_fine_tune);

/* Arguments by their place in fine_tune.sql. */
enum
{
	ARG_RELATION, ARG_TARGET, ARG_CLASS_TARGET, ARG_FEATURES, ARG_EXCLUDE, ARG_MODEL, ARG_N_ESTIMATORS,
	ARG_IMPUTE, ARG_OUTLIERS, ARG_IQR_FACTOR, ARG_SCALE, ARG_HIGH_VALUE_PERCENTILE, ARG_TEST_FRACTION,
	ARG_SPLIT_BY, ARG_SPLIT_GROUPS, ARG_SEED
};

typedef struct FineTune
{
	FunctionCallInfo fcinfo;
	ReturnSetInfo *result;
	Oid			relid;
	const char *target;
	const char *class_target;	/* another column than target; NULL: none */
	const char *prefix;			/* of the models' names */
} FineTune;

/* ---- rows of the result ------------------------------------------------------------ */

/* value and note may be NULL. */
static void
put(const FineTune *f, const char *section, const char *item, const char *value, const char *note)
{
	const char *texts[4] = {section, item, value, note};
	Datum		values[4];
	bool		nulls[4];

	for (int i = 0; i < lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(f->result->setResult, f->result->setDesc, values, nulls);
}

static void
put_count(const FineTune *f, const char *section, const char *item, uint64 count, const char *note)
{
	put(f, section, item, psprintf(UINT64_FORMAT, count), note);
}

/* A metric: digits enough to compare two models by, never an exponent for what people call a number. */
static char *
metric_value(double value)
{
	if (fabs(value) >= 1000 && fabs(value) < 1e15)
		return psprintf("%.0f", value);
	return psprintf("%.4g", value);
}

/* ---- parameters of the two trainings --------------------------------------------------- */

static const char *
argument_name_or_null(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(argument)));
}

static const char *
argument_text_or_null(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

static double
number_argument(FunctionCallInfo fcinfo, int argument, double fallback)
{
	return PG_ARGISNULL(argument) ? fallback : PG_GETARG_FLOAT8(argument);
}

static void
set_name(ParamValues *values, ParamId id, const char *name)
{
	values->value[id].given = name != NULL;
	values->value[id].word = name;
}

/* The argument as the parameter of this number, where one was given. */
static void
take_number(ParamValues *values, ParamId id, FunctionCallInfo fcinfo, int argument)
{
	if (!PG_ARGISNULL(argument))
		params_set_number(values, id, PG_GETARG_FLOAT8(argument));
}

static void
take_word(ParamValues *values, ParamId id, FunctionCallInfo fcinfo, int argument)
{
	const char *word = argument_text_or_null(fcinfo, argument);

	values->value[id].given = false;
	if (word)
		params_set_word(values, id, word);
}

/* What both trainings are told; target is the column of this one, other the one that must not tell it. */
static void
common_parameters(const FineTune *f, LearnAlgorithm algorithm, const char *target, const char *other,
				  ParamValues *values)
{
	FunctionCallInfo fcinfo = f->fcinfo;
	FeatureSet *set = feature_set_of_view(f->relid);

	params_defaults(algorithm, values);
	values->value[PARAM_RELATION].given = true;
	values->value[PARAM_RELATION].relation = f->relid;
	set_name(values, PARAM_TARGET, target);
	set_name(values, PARAM_SPLIT_BY, argument_name_or_null(fcinfo, ARG_SPLIT_BY));
	set_name(values, PARAM_SPLIT_GROUPS, argument_name_or_null(fcinfo, ARG_SPLIT_GROUPS));
	set_name(values, PARAM_MODEL, psprintf("%s_%s", f->prefix,
										   algorithm == LEARN_FOREST ? "regression" : "classification"));
	if (!PG_ARGISNULL(ARG_FEATURES))
	{
		values->value[PARAM_FEATURES].given = true;
		values->value[PARAM_FEATURES].names = argument_names(PG_GETARG_ARRAYTYPE_P(ARG_FEATURES), "features");
	}
	if (!PG_ARGISNULL(ARG_EXCLUDE))
		values->value[PARAM_EXCLUDE].names = argument_names(PG_GETARG_ARRAYTYPE_P(ARG_EXCLUDE), "exclude");
	if (other)
	{
		List	   *telling = set ? list_concat(list_make1(pstrdup(other)), set_withheld(set, other))
			: list_make1(pstrdup(other));
		ListCell   *cell;

		foreach(cell, telling)
			if (strcmp(lfirst(cell), target) != 0 && !name_in(values->value[PARAM_EXCLUDE].names, lfirst(cell)))
				values->value[PARAM_EXCLUDE].names = lappend(values->value[PARAM_EXCLUDE].names, lfirst(cell));
	}
	values->value[PARAM_EXCLUDE].given = values->value[PARAM_EXCLUDE].names != NIL;
	if (!PG_ARGISNULL(ARG_N_ESTIMATORS))
		params_set_number(values, PARAM_N_ESTIMATORS, PG_GETARG_INT32(ARG_N_ESTIMATORS));
	if (!PG_ARGISNULL(ARG_SEED))
		values->value[PARAM_SEED].integer = PG_GETARG_INT64(ARG_SEED);
	take_number(values, PARAM_TEST_FRACTION, fcinfo, ARG_TEST_FRACTION);
	take_word(values, PARAM_IMPUTE, fcinfo, ARG_IMPUTE);
	take_word(values, PARAM_SCALE, fcinfo, ARG_SCALE);
	if (!PG_ARGISNULL(ARG_OUTLIERS))
		take_word(values, PARAM_OUTLIERS, fcinfo, ARG_OUTLIERS);
	take_number(values, PARAM_IQR_FACTOR, fcinfo, ARG_IQR_FACTOR);
}

/* ---- what there is to say of the data ------------------------------------------------- */

static uint64
duplicates(const Frame *frame)
{
	uint64		n = 0;

	/* rows ascend by their hash; identical ones have the same */
	for (size_t i = 1; i < frame->nrows; i++)
		n += frame->row_hash[i] == frame->row_hash[i - 1];
	return n;
}

static void
put_data(const FineTune *f, const Training *t)
{
	const Frame *frame = t->frame;
	uint64		same = duplicates(frame);
	uint64		missing = 0;
	uint32		used = 0;
	int			listed = 0,
				left_out = 0;

	put_count(f, "data", "rows", frame->rows_read, t->relation);
	if (frame->rows_without_target > 0)
		put_count(f, "data", "rows without target", frame->rows_without_target,
				  psprintf("left out: \"%s\" is not known", t->values.value[PARAM_TARGET].word));
	put_count(f, "data", "training rows", t->outer.ntrain,
			  same == 0 ? NULL : "identical rows are on one side of the split");
	put_count(f, "data", "held-out rows", t->outer.ntest,
			  t->outer.kind == HOLDOUT_TIME ? psprintf("the latest by \"%s\"", t->values.value[PARAM_SPLIT_BY].word) :
			  t->outer.kind == HOLDOUT_GROUPS ? psprintf("whole groups of \"%s\"", t->values.value[PARAM_SPLIT_GROUPS].word) :
			  t->outer.kind == HOLDOUT_HASH ? "by the content of the row" : "none: nothing is measured");
	put_count(f, "data", "duplicate rows", same,
			  same == 0 ? NULL : "identical in all columns used, to a row before; they stay, echolon_preprocess() drops them");
	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *column = &frame->columns[c];

		if (column->feature)
		{
			used++;
			missing += column->missing;
		}
	}
	put_count(f, "data", "columns used", used, NULL);
	for (int c = 0; c < frame->ncolumns; c++)
		if (frame->columns[c].left_out && left_out++ < LISTED_COLUMNS)
			put(f, "data", "column left out", frame->columns[c].name, frame->columns[c].left_out);
	if (left_out > LISTED_COLUMNS)
		put_count(f, "data", "more columns left out", left_out - LISTED_COLUMNS, "see details of the models' trainings");
	put_count(f, "data", "missing values", missing,
			  missing == 0 ? NULL : t->values.value[PARAM_IMPUTE].given
			  ? psprintf("filled: impute => '%s'", t->values.value[PARAM_IMPUTE].word)
			  : "left as they are: each split of a tree learns which way they go");
	for (int c = 0; c < frame->ncolumns && missing > 0; c++)
	{
		const FrameColumn *column = &frame->columns[c];

		if (column->feature && column->missing > 0 && listed++ < LISTED_COLUMNS)
			put_count(f, "data", psprintf("missing in %s", column->name), column->missing,
					  psprintf("%s of the rows", words_fine_percent((double) column->missing / frame->nrows)));
	}
}

/* The columns that have outliers, by the rule alone. */
static void
put_outlier_columns(const FineTune *f, const Cleaning *cleaning)
{
	int			listed = 0;

	for (int c = 0; c < cleaning->nfences; c++)
	{
		const FenceColumn *fence = &cleaning->fences[c];

		if (fence->outliers > 0 && listed++ < LISTED_COLUMNS)
			put_count(f, "data", psprintf("outliers in %s", fence->column->name), fence->outliers,
					  psprintf("below %s or above %s%s%s", words_number(fence->low), words_number(fence->high),
							   fence->no_fences ? "; no reason to leave a row out: " : "",
							   fence->no_fences ? fence->no_fences : ""));
	}
	if (listed > LISTED_COLUMNS)
		put_count(f, "data", "more columns with outliers", listed - LISTED_COLUMNS, NULL);
}

/* Outliers as the training of one model saw them. */
static void
put_outliers(const FineTune *f, const char *section, const Training *t)
{
	const Cleaning *cleaning = &t->cleaning;
	uint64		clipped = 0;

	for (int i = 0; i < cleaning->ncolumns; i++)
		clipped += cleaning->columns[i].outliers;
	if (strcmp(t->values.value[PARAM_OUTLIERS].word, "clip") == 0)
		put_count(f, section, "values clipped", clipped, NULL);
	if (cleaning->nfences == 0)
		return;
	put_count(f, section, "outlier rows", cleaning->outlier_rows,
			  cleaning->outlier_rows == 0 ? "no training row has a value beyond the fences" : clean_outlier_note(t));
	put_count(f, section, "rows left out", cleaning->removed ? cleaning->outlier_rows : 0,
			  "of the fit; they are measured and predicted like all others");
}

/* ---- what there is to say of a model ---------------------------------------------------- */

static void
put_metrics(const FineTune *f, const char *section, const Training *t)
{
	const Jsonb *metrics = t->metrics;

	for (int i = 0; i < t->score.n; i++)
	{
		const char *name = t->score.names[i];
		double		train = evaluation_metric(metrics, "train", name);
		double		baseline = evaluation_metric(metrics, "baseline", name);
		StringInfoData note;

		if (isnan(t->score.values[i]))
			continue;
		initStringInfo(&note);
		if (t->baseline.scores.n > 0 && !isnan(baseline))
			appendStringInfo(&note, "%s: %s", t->baseline.name, metric_value(baseline));
		if (!isnan(train))
			appendStringInfo(&note, "%straining rows: %s", note.len > 0 ? "; " : "", metric_value(train));
		put(f, section, name, metric_value(t->score.values[i]), note.data);
	}
}

/* Precision, recall and f1 of each class, on the held-out rows kept with the version. */
static void
put_classes(const FineTune *f, const char *section, Evaluation *evaluation)
{
	uint32		n = evaluation->model->file.nlabels;
	ClassReport *classes = palloc(mul_size(n, sizeof(ClassReport)));
	ClassReport macro,
				weighted;

	if (evaluation->sample == NULL)
		return;
	metrics_report(evaluation_confusion(evaluation), n, classes, &macro, &weighted);
	for (uint32 k = 0; k < n && k < LISTED_CLASSES; k++)
		put(f, section, psprintf("class %s", evaluation->model->labels[k]), psprintf("%.4g", classes[k].f1),
			psprintf("f1; precision %.4g, recall %.4g, %s rows", classes[k].precision, classes[k].recall,
					 words_count((uint64) classes[k].support)));
	if (n > LISTED_CLASSES)
		put_count(f, section, "more classes", n - LISTED_CLASSES,
				  psprintf("SELECT * FROM echolon_classification_report(%s)",
						   quote_literal_cstr(evaluation->version->model)));
}

/* Of a version that was just stored: its model, metrics, features; its sentences are returned. */
static List *
put_model(const FineTune *f, const char *section, const Training *t)
{
	Evaluation	evaluation;
	List	   *sentences;
	FeatureRank *ranks;

	evaluation_open(t->model, t->version, &evaluation);
	sentences = report_sentences(&evaluation);
	put(f, section, "model", t->model,
		psprintf("%s, %s", t->params.algorithm == LEARN_FOREST ? "random forest" : "gradient boosting",
				 t->params.algorithm == LEARN_FOREST ? psprintf("%u trees", t->fit.model.ntrees)
				 : psprintf("%u rounds", t->fit.rounds)));
	put_count(f, section, "version", t->version, NULL);
	put_outliers(f, section, t);
	put_metrics(f, section, t);
	if (t->target.nclasses > 0)
		put_classes(f, section, &evaluation);
	ranks = model_ranks(&evaluation.model->file);
	for (uint32 i = 0; i < TOP_FEATURES && i < evaluation.model->file.nfeatures && ranks[i].importance > 0; i++)
		put(f, section, psprintf("feature %u", i + 1), model_feature_name(&evaluation.model->file, ranks[i].feature),
			psprintf("importance %.3f", ranks[i].importance));
	return sentences;
}

/* ---- the call ---------------------------------------------------------------------------- */

static void
fine_tune_begin(FunctionCallInfo fcinfo, FineTune *f)
{
	static const char *const needed[] = {"relation", "target"};
	char	   *relname;

	memset(f, 0, sizeof(*f));
	f->fcinfo = fcinfo;
	for (int i = 0; i < lengthof(needed); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be NULL", needed[i])));
	f->relid = PG_GETARG_OID(ARG_RELATION);
	f->target = argument_name_or_null(fcinfo, ARG_TARGET);
	f->class_target = argument_name_or_null(fcinfo, ARG_CLASS_TARGET);
	relation_lock(f->relid);
	relation_column(f->relid, f->target);
	if (f->class_target)
		relation_column(f->relid, f->class_target);
	if (f->class_target && strcmp(f->class_target, f->target) == 0)
		f->class_target = NULL;
	relname = get_rel_name(f->relid);
	f->prefix = argument_text_or_null(fcinfo, ARG_MODEL);
	if (f->prefix == NULL)
		f->prefix = psprintf("%s_%s", relname, f->target);
	InitMaterializedSRF(fcinfo, 0);
	f->result = (ReturnSetInfo *) fcinfo->resultinfo;
}

/* Is the column a category by its type? */
static bool
category_column(Oid relid, const char *name)
{
	ColumnType	type;

	return column_type_resolve(get_atttype(relid, get_attnum(relid, name)), &type) && type.kind == COLUMN_CATEGORY;
}

/*
 * The classification of a column: itself where it is one of classes, else whether it is high.  frame: of a
 * training on the same columns; NULL: to be read.
 */
static Training *
train_classes(const FineTune *f, const char *target, const char *other, Frame *frame)
{
	ParamValues values;
	Training   *t;

	common_parameters(f, LEARN_BOOSTING, target, other, &values);
	t = training_begin(&values);
	t->frame = frame;
	if (frame == NULL)
		training_read(t);
	if (!target_is_class(t->frame))
		params_set_number(&t->values, PARAM_HIGH_VALUE_PERCENTILE,
						  number_argument(f->fcinfo, ARG_HIGH_VALUE_PERCENTILE, HIGH_VALUE_PERCENTILE));
	training_fit(t);
	training_store(t);
	return t;
}

/*
 * echolon_fine_tune(relation, target, ...) -> (section, item, value, note): clean, train both kinds of model,
 * measure, report.
 */
Datum
echolon_fine_tune(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "Echolon fine-tuning", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	FineTune	f;
	Training   *regression = NULL,
			   *classes;
	Frame	   *frame = NULL;
	List	   *sentences = NIL;
	ListCell   *cell;
	bool		began;

	fine_tune_begin(fcinfo, &f);
	caller = MemoryContextSwitchTo(context);
	began = progress_begin(COMMAND_FINE_TUNE, NULL, f.relid);
	if (!category_column(f.relid, f.target))
	{
		ParamValues values;

		common_parameters(&f, LEARN_FOREST, f.target, f.class_target, &values);
		regression = training_begin(&values);
		training_read(regression);
		frame = regression->frame;
		if (target_is_class(frame))
			regression = NULL;
		else
		{
			training_fit(regression);
			training_store(regression);
		}
	}
	if (f.class_target)
		classes = train_classes(&f, f.class_target, f.target, NULL);
	else
		classes = train_classes(&f, f.target, NULL, frame);

	/* what was just stored is to be seen */
	CommandCounterIncrement();
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	put_data(&f, regression ? regression : classes);
	put_outlier_columns(&f, &(regression ? regression : classes)->cleaning);
	if (regression)
		sentences = put_model(&f, "regression", regression);
	sentences = list_concat(sentences, put_model(&f, "classification", classes));
	foreach(cell, sentences)
	{
		Sentence   *sentence = lfirst(cell);

		put(&f, "summary", sentence->topic, NULL, sentence->text);
	}
	PopActiveSnapshot();
	progress_end(began);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
