/*
 * report.c
 *		echolon_report: what a model is and how good, in sentences for people who
 *		do not read metrics.
 *
 * Everything said is taken from the version's record and its held-out sample: nothing is
 * computed anew, so that a report says what was measured when the version was trained.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "data/words.h"
#include "function.h"
#include "learn/metrics.h"
#include "operate/report.h"

#define TOP_FEATURES	3		/* named in the sentence on features */
#define SAY_SHARE		0.005	/* a feature below it is not worth a word */

PG_FUNCTION_INFO_V1(echolon_report);

/* ---- sentences --------------------------------------------------------------------- */

static void pg_attribute_printf(3, 4)
say(List **sentences, const char *topic, const char *format,...)
{
	Sentence   *sentence = palloc(sizeof(Sentence));
	StringInfoData buf;

	initStringInfo(&buf);
	for (;;)
	{
		va_list		arguments;
		int			needed;

		va_start(arguments, format);
		needed = appendStringInfoVA(&buf, format, arguments);
		va_end(arguments);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}
	sentence->topic = topic;
	sentence->text = buf.data;
	*sentences = lappend(*sentences, sentence);
}

/* A text of an object of the metrics; NULL where there is none. */
static char *
metrics_text(const Jsonb *metrics, const char *part, const char *key)
{
	JsonbContainer *object = metrics ? unconstify(JsonbContainer *, &metrics->root) : NULL;
	JsonbValue	value;

	if (object && part)
	{
		if (!JsonContainerIsObject(object) ||
			getKeyJsonValueFromContainer(object, part, (int) strlen(part), &value) == NULL || value.type != jbvBinary)
			return NULL;
		object = value.val.binary.data;
	}
	if (object == NULL || !JsonContainerIsObject(object) ||
		getKeyJsonValueFromContainer(object, key, (int) strlen(key), &value) == NULL || value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static void
say_model(const Evaluation *evaluation, List **sentences)
{
	const ModelFile *file = &evaluation->model->file;
	const LearnModel *learn = &file->learn;
	StringInfoData task;

	initStringInfo(&task);
	if (file->task == TASK_REGRESSION)
		appendStringInfoString(&task, "a number");
	else if (file->nlabels == 2)
		appendStringInfo(&task, "'%s' or '%s'", evaluation->model->labels[file->positive],
						 evaluation->model->labels[1 - file->positive]);
	else
		appendStringInfo(&task, "one of %u classes", file->nlabels);
	say(sentences, "model", "%s version %d predicts \"%s\" (%s)%s%s from %u column%s, by %s of %s trees.",
		evaluation->version->model, evaluation->version->version, evaluation->model->target, task.data,
		/* of an import nothing may be known but the model */
		evaluation->version->relation[0] == '\0' ? "" : " of ", evaluation->version->relation, file->ncolumns, file->ncolumns == 1 ? "" : "s",
		learn->algorithm == LEARN_FOREST ? "a random forest" : "gradient boosting", words_count(learn->ntrees));
}

/* "46 % less than", "as much as", "12 % more than". */
static char *
compared(double error, double other)
{
	double		change = error / other - 1;

	if (fabs(change) < 0.005)
		return pstrdup("the same as");
	return psprintf("%s %s than", words_percent(fabs(change)), change < 0 ? "less" : "more");
}

static void
say_regression(const Jsonb *metrics, const char *where, List **sentences)
{
	double		r2 = evaluation_metric(metrics, "score", "r2");
	double		mae = evaluation_metric(metrics, "score", "mae");
	double		median = evaluation_metric(metrics, "score", "median_absolute_error");
	double		other = evaluation_metric(metrics, "baseline", "mae");
	char	   *name = metrics_text(metrics, "baseline", "name");

	if (r2 > 0)
		say(sentences, "score", "On %s it explains %s of the variation (r2 %.3f).", where, words_percent(r2), r2);
	else if (!isnan(r2))
		say(sentences, "score", "On %s it is no better than their mean (r2 %.3f).", where, r2);
	if (isnan(mae))
		return;
	if (other > 0 && name)
		say(sentences, "error", "Its typical error (mean absolute error) is %s, %s that of %s (%s)%s",
			words_number(mae), compared(mae, other), name, words_number(other),
			mae > other ? ": as it is, it is of no use." : ".");
	else
		say(sentences, "error", "Its typical error (mean absolute error) is %s.", words_number(mae));
	if (!isnan(median))
		say(sentences, "error", "Half of its predictions are less than %s off.", words_number(median));
}

/* The quantile that was asked for, by which r2 and absolute errors say nothing; NaN: the model predicts the middle. */
static double
asked_quantile(const Evaluation *evaluation)
{
	Jsonb	   *recipe = store_read_recipe(evaluation->version);
	char	   *loss = metrics_text(recipe, "parameters", "loss");
	double		quantile = loss && strcmp(loss, "quantile") == 0 ? evaluation_metric(recipe, "parameters", "quantile") : NAN;

	return quantile > 0 && quantile < 1 && quantile != 0.5 ? quantile : NAN;
}

/* Of a quantile: the share of the rows that it is to cover, and the one that it does. */
static void
say_quantile(const Evaluation *evaluation, double quantile, const char *where, List **sentences)
{
	const HoldoutSample *sample = evaluation->sample;
	int			covered = 0;

	for (int i = 0; sample && i < sample->n; i++)
		covered += sample->actual[i] <= sample->predicted[i];
	if (sample)
		say(sentences, "score", "Of %s %s have no more than it predicts; %g %% should (quantile => %g).", where,
			words_fine_percent((double) covered / sample->n), quantile * 100, quantile);
	else
		say(sentences, "score", "It predicts what %g %% of the rows should have no more than (quantile => %g).",
			quantile * 100, quantile);
}

/* What the held-out sample says of two classes: precision, recall, and the share that is expected. */
static void
say_positive(const Evaluation *evaluation, const double *confusion, List **sentences)
{
	const ModelFile *file = &evaluation->model->file;
	const HoldoutSample *sample = evaluation->sample;
	const char *label = evaluation->model->labels[file->positive];
	uint32		p = file->positive,
				q = 1 - p;
	double		hits = confusion[p * 2 + p],
				called = hits + confusion[q * 2 + p],
				actual = hits + confusion[p * 2 + q],
				expected = 0;

	if (actual == 0)
		return;
	if (called == 0)
		say(sentences, "classes", "It never says '%s' (from a probability of %.3g on), though %s of the rows are: a lower threshold, or class_weight => 'balanced', may help.",
			label, file->threshold, words_percent(actual / sample->n));
	else
		say(sentences, "classes", "Of the rows it calls '%s' %s are (precision); it finds %s of all that are (recall).",
			label, words_percent(hits / called), words_percent(hits / actual));
	for (int i = 0; i < sample->n; i++)
		expected += sample->predicted[(Size) i * 2 + p];
	say(sentences, "probability", "By its probabilities %s of the rows should be '%s'; %s were.",
		words_fine_percent(expected / sample->n), label, words_fine_percent(actual / sample->n));
}

/* Of more classes: the one that is found worst. */
static void
say_worst_class(const Evaluation *evaluation, const double *confusion, List **sentences)
{
	uint32		n = evaluation->model->file.nlabels;
	ClassReport *classes = palloc(mul_size(n, sizeof(ClassReport)));
	ClassReport macro,
				weighted;
	int			worst = -1;

	metrics_report(confusion, n, classes, &macro, &weighted);
	for (uint32 k = 0; k < n; k++)
		if (classes[k].support > 0 && (worst < 0 || classes[k].recall < classes[worst].recall))
			worst = (int) k;
	if (worst >= 0)
		say(sentences, "classes", "It finds %s of each class on average, the least of '%s': %s of its %s rows.",
			words_percent(macro.recall), evaluation->model->labels[worst], words_percent(classes[worst].recall),
			words_count((uint64) classes[worst].support));
}

static void
say_classification(Evaluation *evaluation, const Jsonb *metrics, const char *where, List **sentences)
{
	const ModelFile *file = &evaluation->model->file;
	double		accuracy = evaluation_metric(metrics, "score", "accuracy");
	double		other = evaluation_metric(metrics, "baseline", "accuracy");
	double		auc = evaluation_metric(metrics, "score", "roc_auc");
	double	   *confusion;

	if (!isnan(accuracy) && !isnan(other))
		say(sentences, "score", "On %s it is right in %s of the cases; saying always the same would be in %s%s",
			where, words_fine_percent(accuracy), words_fine_percent(other),
			accuracy < other ? ": as it is, its classes are of no use, its probabilities may be." : ".");
	else if (!isnan(accuracy))
		say(sentences, "score", "On %s it is right in %s of the cases.", where, words_fine_percent(accuracy));
	if (!isnan(auc) && file->nlabels == 2)
		say(sentences, "ranking", "It gives a row that is '%s' a higher probability than one that is not in %s of all pairs (roc_auc %.3f; chance is 50 %%).",
			evaluation->model->labels[file->positive], words_fine_percent(auc), auc);
	else if (!isnan(auc))
		say(sentences, "ranking", "It gives a row of a class a higher probability of it than one of another in %s of all pairs (roc_auc %.3f; chance is 50 %%).",
			words_fine_percent(auc), auc);
	if (evaluation->sample == NULL)
		return;
	confusion = evaluation_confusion(evaluation);
	if (file->nlabels == 2)
		say_positive(evaluation, confusion, sentences);
	else
		say_worst_class(evaluation, confusion, sentences);
}

static void
say_features(const Evaluation *evaluation, List **sentences)
{
	uint32		n = evaluation->model->file.nfeatures;
	FeatureRank *ranks = model_ranks(&evaluation->model->file);
	StringInfoData list;
	int			named = 0;

	initStringInfo(&list);
	while (named < TOP_FEATURES && named < (int) n && ranks[named].importance >= SAY_SHARE)
		named++;
	for (int i = 0; i < named; i++)
		appendStringInfo(&list, "%s\"%s\" (%s)", i == 0 ? "" : i == named - 1 ? " and " : ", ",
						 model_feature_name(&evaluation->model->file, ranks[i].feature), words_percent(ranks[i].importance));
	if (named == 0)
		say(sentences, "features", "None of its columns says anything about \"%s\".", evaluation->model->target);
	else
		say(sentences, "features", "It relies most on %s.", list.data);
}

List *
report_sentences(Evaluation *evaluation)
{
	List	   *sentences = NIL;
	Jsonb	   *metrics = store_read_metrics(evaluation->version);
	HoldoutSample *sample = store_read_holdout(evaluation->version);
	char	   *measured_on = metrics_text(metrics, NULL, "measured_on");
	const char *name = quote_literal_cstr(evaluation->version->model);
	ListCell   *cell;

	evaluation->model = cache_get(evaluation->version, CurrentMemoryContext);
	say_model(evaluation, &sentences);
	if (measured_on == NULL || strcmp(measured_on, "none") == 0)
		say(&sentences, "score", "It was not measured on rows it had not seen: use echolon_evaluate(%s, relation), or train with test_fraction above 0.",
			name);
	else
	{
		double		quantile = asked_quantile(evaluation);
		char	   *where = psprintf("%s%s rows", sample ? psprintf("%s ", words_count((uint64) sample->rows)) : "",
									 strcmp(measured_on, "oob") == 0 ? "out-of-bag" : "held-out");

		if (sample && sample->n > 0)
			evaluation_sample(evaluation);
		if (!isnan(quantile))
			say_quantile(evaluation, quantile, where, &sentences);
		else if (evaluation->model->file.task == TASK_REGRESSION)
			say_regression(metrics, where, &sentences);
		else
			say_classification(evaluation, metrics, where, &sentences);
		if (strcmp(measured_on, "holdout_before_refit") == 0)
			say(&sentences, "fit", "After it had been measured it was fitted again to all rows.");
	}
	say_features(evaluation, &sentences);
	foreach(cell, store_read_notes(evaluation->version))
	{
		char	   *note = lfirst(cell);
		int			length = (int) strlen(note);

		note[0] = pg_ascii_toupper((unsigned char) note[0]);
		say(&sentences, "note", "%s%s", note, length > 0 && strchr(".?!", note[length - 1]) ? "" : ".");
	}
	say(&sentences, "use", "SELECT t.*, %s(%s, t) FROM %s AS t;",
		evaluation->model->file.task == TASK_REGRESSION ? "echolon_predict" : "echolon_predict_class", name,
		evaluation->version->relation[0] == '\0' ? "relation" : evaluation->version->relation);
	return sentences;
}

/* echolon_report(model, version) -> (topic, sentence) */
Datum
echolon_report(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	ListCell   *cell;

	evaluation_begin(fcinfo, 1, &evaluation);
	foreach(cell, report_sentences(&evaluation))
	{
		Sentence   *sentence = lfirst(cell);
		Datum		values[2];
		bool		nulls[2] = {false};

		values[0] = CStringGetTextDatum(sentence->topic);
		values[1] = CStringGetTextDatum(sentence->text);
		evaluation_put(&evaluation, values, nulls);
	}
	return (Datum) 0;
}
