/*
 * record.c
 *		What is written and said of a training: notes and the summary notice for
 *		people, JSON documents and the model's bytes for the store.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "data/words.h"
#include "learn/hash.h"
#include "learn/metrics.h"
#include "train/train.h"

#define NAMED_CLASSES 5			/* of a note */

/* ---- what there is to say --------------------------------------------------------- */

static void
note(Training *t, char *text)
{
	t->notes = lappend(t->notes, text);
}

static const char *
metric_text(double value)
{
	if (!isfinite(value))
		return "unknown";
	/* the mean's r2 is a little below zero: no "-0.000" */
	return psprintf("%.*f", fabs(value) < 10 ? 3 : 1, fabs(value) < 0.0005 ? 0.0 : value);
}

/* One note on the classes of which chosen[k] says something; only the first few are named. */
static void
class_note(Training *t, const bool *chosen, const char *one, const char *many)
{
	StringInfoData names;
	uint32		n = 0;

	initStringInfo(&names);
	for (uint32 k = 0; k < t->target.nclasses; k++)
		if (chosen[k] && n++ < NAMED_CLASSES)
			appendStringInfo(&names, "%s'%s'", names.len == 0 ? "" : ", ", t->target.labels[k]);
	if (n > NAMED_CLASSES)
		appendStringInfo(&names, " and %u more", n - NAMED_CLASSES);
	if (n > 0)
		note(t, psprintf(n == 1 ? one : many, names.data));
}

/* Classes of one row, and classes that are never predicted. */
static void
class_notes(Training *t)
{
	bool	   *single = palloc0(t->target.nclasses);
	bool	   *never = palloc(t->target.nclasses);

	for (uint32 k = 0; k < t->target.nclasses; k++)
		single[k] = t->target.counts[k] == 1;
	class_note(t, single, "class %s has one row only: it is learned from, and never measured",
			   "classes %s have one row only: they are learned from, and never measured");
	if (t->sample.n == 0)
		return;
	memset(never, true, t->target.nclasses);
	for (int i = 0; i < t->sample.n; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		never[metrics_predicted_class(&t->sample.predicted[(size_t) i * t->target.nclasses],
									  t->target.nclasses, t->target.positive, t->threshold)] = false;
	}
	class_note(t, never, "class %s is never predicted on the held-out rows",
			   "classes %s are never predicted on the held-out rows");
}

/* What a person should know before trusting the score. */
void
record_notes(Training *t)
{
	const char *metric = scores_headline(&t->target);
	double		score = scores_value(&t->score, metric);
	double		train = scores_value(&t->train_score, metric);
	double		base = scores_value(&t->baseline.scores, metric);
	const LearnModel *m = &t->fit.model;
	/* gains are those of the common model, and its score is what they explain */
	double		explained = t->grouping ? scores_value(&t->grouping->common, metric) : score;
	double		total = 0;
	uint32		top = 0;
	char	   *phrase;
	ListCell   *cell;

	foreach(cell, t->frame->notices)
		note(t, lfirst(cell));
	if (train - score > 0.2)
		note(t, psprintf("the model fits its training rows much better (%s %s) than new ones (%s)",
						 metric, metric_text(train), metric_text(score)));
	/* a quantile is to lie beside the middle, and is not judged by its distance from it */
	if (score < base - 1e-6 && !(t->params.loss == LOSS_QUANTILE && t->params.quantile != 0.5))
		note(t, psprintf("the model is worse than %s (%s %s against %s)", t->baseline.name, metric,
						 metric_text(score), metric_text(base)));
	for (uint32 f = 0; f < m->nfeatures; f++)
	{
		total += m->gain[f];
		if (m->gain[f] > m->gain[top])
			top = f;
	}
	if (!isnan(t->target.cut))
		note(t, psprintf("'high' is above %s: %.1f %% of the %s%s", float8out_internal(t->target.cut),
						 100 * t->target.above, t->from ? "rows" : "training rows",
						 t->target.moved ? ", the next distinct value, because of ties" : ""));
	if ((phrase = groups_note(t)) != NULL)
		note(t, phrase);
	if ((phrase = clean_outlier_note(t)) != NULL)
		note(t, phrase);
	if ((phrase = clean_scale_note(t)) != NULL)
		note(t, phrase);
	if ((phrase = set_order_note(t)) != NULL)
		note(t, phrase);
	if ((phrase = set_fitted_note(t)) != NULL)
		note(t, phrase);
	if (t->values.value[PARAM_ENCODE].given && t->set.nencoded == 0 && !t->from)
		note(t, pstrdup("encode => 'target' changed nothing: no category column has more than 4 levels"));
	if (total <= 0)
		note(t, pstrdup("no feature says anything about the target: every importance is zero"));
	else if (m->nfeatures > 1 && m->gain[top] > 0.9 * total && explained > 0.99)
		note(t, psprintf("feature \"%s\" alone nearly gives the target: is it known when you predict?",
						 t->set.features[top].name));
	if (t->target.nclasses > 0)
		class_notes(t);
	if (t->outer.ntest > 0 && t->outer.ntest < 30)
		note(t, psprintf("the score rests on %zu held-out rows only", t->outer.ntest));
}

void
record_announce(const Training *t)
{
	const char *metric = scores_headline(&t->target);
	const char *trees = t->params.algorithm == LEARN_FOREST ? "trees" : "rounds";
	uint32		ntrees = t->params.algorithm == LEARN_FOREST ? t->fit.model.ntrees : t->fit.rounds;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s version %d: ", t->model, t->version);
	if (t->score.n == 0)
		appendStringInfo(&buf, "fitted to %s rows, not measured", words_count(t->nfitted));
	else
		appendStringInfo(&buf, "%s %s on %s %s rows", metric,
						 metric_text(scores_value(&t->score, metric)), words_count(t->nmeasured),
						 t->outer.ntest > 0 ? "held-out" : "out-of-bag");
	if (t->baseline.scores.n > 0)
		appendStringInfo(&buf, ", %s %s", t->baseline.name,
						 metric_text(scores_value(&t->baseline.scores, metric)));
	if (t->from && t->outer.ntest > 0)
		appendStringInfo(&buf, ", %s before", metric_text(scores_value(&t->from->before, metric)));
	if (!t->from)
		appendStringInfo(&buf, "; %s %s in %.1f s", words_count(ntrees), trees, t->seconds);
	else if (t->params.algorithm == LEARN_FOREST)
		appendStringInfo(&buf, "; %s of %s trees new in %.1f s", words_count(t->params.n_estimators),
						 words_count(t->fit.model.ntrees), t->seconds);
	else
		appendStringInfo(&buf, "; %s more rounds, %s in all, in %.1f s", words_count(t->params.n_estimators),
						 words_count(t->fit.model.ntrees / t->fit.model.nscores), t->seconds);
	if (!t->active)
		appendStringInfoString(&buf, "; not active");
	if (t->notes != NIL)
	{
		StringInfoData detail;
		ListCell   *cell;

		initStringInfo(&detail);
		foreach(cell, t->notes)
			appendStringInfo(&detail, "%s%s", cell == list_head(t->notes) ? "" : "; ", (char *) lfirst(cell));
		/* a note may be a question */
		if (detail.data[detail.len - 1] != '?')
			appendStringInfoChar(&detail, '.');
		ereport(NOTICE, (errmsg("%s", buf.data), errdetail_internal("%s", detail.data)));
	}
	else
		ereport(NOTICE, (errmsg("%s", buf.data)));
}

/* ---- storing ------------------------------------------------------------------------ */

static Jsonb *
jsonb_from_text(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

Jsonb *
record_metrics(const Training *t, bool each)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"measured_on\": ");
	json_string(&buf, t->measured_on);
	appendStringInfoString(&buf, ", \"score\": ");
	scores_json(&t->score, NULL, NULL, &buf);
	appendStringInfoString(&buf, ", \"train\": ");
	scores_json(&t->train_score, NULL, NULL, &buf);
	appendStringInfoString(&buf, ", \"oob\": ");
	if (t->oob_score.n > 0)
		scores_json(&t->oob_score, NULL, NULL, &buf);
	else
		appendStringInfoString(&buf, "null");
	appendStringInfoString(&buf, ", \"baseline\": ");
	if (t->baseline.scores.n > 0)
		scores_json(&t->baseline.scores, "name", t->baseline.name, &buf);
	else
		appendStringInfoString(&buf, "null");
	if (t->grouping)
	{
		appendStringInfoString(&buf, ", \"groups\": ");
		groups_json(t, each, &buf);
	}
	appendStringInfoChar(&buf, '}');
	return jsonb_from_text(buf.data);
}

static Jsonb *
curve_jsonb(const Training *t)
{
	StringInfoData buf;

	if (t->ncurve == 0)
		return NULL;
	initStringInfo(&buf);
	for (uint32 i = 0; i < t->ncurve; i++)
	{
		appendStringInfo(&buf, "%s[%u, ", i == 0 ? "[" : ", ", t->curve[i].n_estimators);
		json_number(&buf, t->curve[i].train);
		appendStringInfoString(&buf, ", ");
		json_number(&buf, t->curve[i].watched);
		appendStringInfoChar(&buf, ']');
	}
	appendStringInfoChar(&buf, ']');
	return jsonb_from_text(buf.data);
}

/* The largest value of a column that has one in every row. */
static double
latest(const FrameColumn *column, size_t nrows)
{
	double		value = -INFINITY;

	for (size_t i = 0; i < nrows; i++)
		value = Max(value, column->values[i]);
	return value;
}

/*
 * What a retraining repeats: names and values, and where the sides of the split
 * part, so that a row keeps its side.  64-bit thresholds are strings, since JSON's
 * readers round numbers.
 */
Jsonb *
record_recipe(const Training *t)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"function\": \"%s\", \"relation\": ",
					 t->params.algorithm == LEARN_FOREST ? "echolon_train_rf" : "echolon_train_gb");
	json_string(&buf, t->relation);
	appendStringInfoString(&buf, ", \"target\": ");
	json_string(&buf, t->values.value[PARAM_TARGET].word);
	appendStringInfo(&buf, ", \"task\": \"%s\", \"columns\": [",
					 t->target.task == TASK_REGRESSION ? "regression" : "classification");
	for (int c = 0, n = 0; c < t->frame->ncolumns; c++)
		if (t->frame->columns[c].feature)
		{
			appendStringInfoString(&buf, n++ == 0 ? "" : ", ");
			json_string(&buf, t->frame->columns[c].name);
		}
	appendStringInfo(&buf, "], \"parameters\": %s, \"split\": {\"seed\": \"" INT64_FORMAT "\", \"refitted\": %s, \"kind\": ",
					 t->parameters, t->values.value[PARAM_SEED].integer, t->refitted ? "true" : "false");
	switch (t->outer.kind)
	{
		case HOLDOUT_NONE:
			appendStringInfoString(&buf, "\"none\"");
			break;
		case HOLDOUT_HASH:
			appendStringInfoString(&buf, "\"hash\", \"thresholds\": {");
			for (uint32 k = 0; k < Max(t->outer.nclasses, 1); k++)
			{
				appendStringInfoString(&buf, k == 0 ? "" : ", ");
				json_string(&buf, t->outer.nclasses == 0 ? "" : t->target.labels[k]);
				appendStringInfo(&buf, ": \"" UINT64_FORMAT "\"", t->outer.class_thresholds[k]);
			}
			appendStringInfoChar(&buf, '}');
			break;
		case HOLDOUT_TIME:
			appendStringInfoString(&buf, "\"time\", \"after\": ");
			json_number(&buf, t->outer.time_threshold);
			appendStringInfoString(&buf, ", \"until\": ");
			json_number(&buf, latest(&t->frame->columns[t->frame->split_by], t->frame->nrows));
			break;
		case HOLDOUT_GROUPS:
			appendStringInfo(&buf, "\"groups\", \"threshold\": \"" UINT64_FORMAT "\"", t->outer.group_threshold);
			break;
	}
	appendStringInfoString(&buf, "}}");
	return jsonb_from_text(buf.data);
}

/* Of the rows that were read and the parameters: equal where a training would repeat this one. */
char *
record_fingerprint(const Training *t)
{
	uint64		a = hash_bytes(t->relation, strlen(t->relation), 1);
	uint64		b = hash_bytes(t->parameters, strlen(t->parameters), 2);

	for (size_t i = 0; i < t->frame->nrows; i++)
	{
		a = hash_pair(a, t->frame->row_hash[i]);
		b += hash_mix(t->frame->row_hash[i] ^ b);
	}
	return psprintf("%016llx%016llx", (unsigned long long) a, (unsigned long long) b);
}

uint8 *
record_model_bytes(const Training *t, size_t *length)
{
	ModelFile	file;
	const char **labels = palloc(sizeof(char *) * Max(t->target.nclasses, 1));
	uint8	   *bytes;

	memset(&file, 0, sizeof(file));
	for (uint32 k = 0; k < t->target.nclasses; k++)
		labels[k] = utf8_copy(t->target.labels[k]);
	file.part = t->whole != NULL;
	file.task = t->target.task;
	file.target = utf8_copy(t->values.value[PARAM_TARGET].word);
	file.nlabels = t->target.nclasses;
	file.labels = labels;
	file.numeric_labels = t->target.numeric_labels;
	file.positive = t->target.positive;
	file.threshold = t->threshold;
	file.has_cut = !isnan(t->target.cut);
	file.cut = file.has_cut ? t->target.cut : 0;
	file.ncolumns = t->set.ncolumns;
	file.columns = t->set.sources;
	file.nfeatures = t->set.nfeatures;
	file.features = t->set.features;
	file.stats = t->fit.stats;
	file.learn = t->fit.model;
	file.groups = t->grouping && t->grouping->n > 0 ? &t->grouping->model : NULL;

	*length = model_file_size(&file);
	if (*length > max_memory_bytes())
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the model needs %zu MB, echolon.max_memory allows %zu MB",
						*length >> 20, max_memory_bytes() >> 20),
				 errhint("Train fewer or smaller trees (n_estimators, max_depth, min_samples_leaf).")));
	bytes = palloc_extended(*length, MCXT_ALLOC_HUGE);
	model_file_write(&file, bytes);
	return bytes;
}

ArrayType *
record_notes_array(const Training *t)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(t->notes), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, t->notes)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	return construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT);
}

int32
record_store(Training *t)
{
	NewVersion	v;
	int32		number;
	const char *metric = scores_headline(&t->target);

	memset(&v, 0, sizeof(v));
	v.model = t->model;
	v.relation = t->relation;
	/* an update reads any rows: they are not what the model is trained on */
	v.relid = t->from ? InvalidOid : t->values.value[PARAM_RELATION].relation;
	v.target = t->values.value[PARAM_TARGET].word;
	v.task = t->target.task == TASK_REGRESSION ? "regression" : "classification";
	v.algorithm = t->params.algorithm == LEARN_FOREST ? "random_forest" : "gradient_boosting";
	v.recipe = t->from ? t->recipe : record_recipe(t);
	v.parameters = jsonb_from_text(t->parameters);
	v.metrics = t->metrics;
	v.curve = curve_jsonb(t);
	v.metric = metric;
	v.score = scores_value(&t->score, metric);
	v.train_score = scores_value(&t->train_score, metric);
	v.baseline = scores_value(&t->baseline.scores, metric);
	v.rows_used = t->frame->nrows;
	v.seconds = t->seconds;
	v.fingerprint = record_fingerprint(t);
	v.notes = record_notes_array(t);
	v.holdout = t->sample.n > 0 ? &t->sample : NULL;
	v.bytes = record_model_bytes(t, &v.length);
	if (t->from)
	{
		v.after = t->from->version;
		v.inactive = !t->from->activate;
		v.if_current = t->from->if_current;
	}
	if (t->champion)
	{
		v.after = t->champion;
		v.inactive = !t->promote;
		v.if_current = true;
	}
	number = store_add_version(&v);
	t->active = v.active;
	return number;
}

Jsonb *
record_details(const Training *t)
{
	StringInfoData buf;
	Jsonb	   *metrics = t->grouping ? record_metrics(t, false) : t->metrics;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"parameters\": %s, \"metrics\": %s, \"rows\": {\"read\": " UINT64_FORMAT
					 ", \"used\": %zu, \"without_target\": " UINT64_FORMAT ", \"training\": %zu, \"held_out\": %zu}"
					 ", \"features\": %u, \"left_out\": [",
					 t->parameters, JsonbToCString(NULL, &metrics->root, VARSIZE(metrics)),
					 t->frame->rows_read, t->frame->nrows, t->frame->rows_without_target,
					 t->nfitted, t->outer.ntest, t->set.nfeatures);
	for (int c = 0, n = 0; c < t->frame->ncolumns; c++)
		if (t->frame->columns[c].left_out)
		{
			appendStringInfoString(&buf, n++ == 0 ? "{\"column\": " : ", {\"column\": ");
			json_string(&buf, t->frame->columns[c].name);
			appendStringInfoString(&buf, ", \"reason\": ");
			json_string(&buf, t->frame->columns[c].left_out);
			appendStringInfoChar(&buf, '}');
		}
	appendStringInfoChar(&buf, ']');
	if (t->values.value[PARAM_ENCODE].given)
	{
		appendStringInfoString(&buf, ", \"encoded\": [");
		for (int e = 0; e < t->set.nencoded; e++)
		{
			appendStringInfoString(&buf, e == 0 ? "" : ", ");
			json_string(&buf, t->set.encoded[e].column->name);
		}
		appendStringInfoChar(&buf, ']');
	}
	if (t->cleaning.wanted)
	{
		appendStringInfoString(&buf, ", \"cleaning\": ");
		clean_json(t, &buf);
	}
	appendStringInfo(&buf, ", \"processes\": %d}", training_processes(t));
	return jsonb_from_text(buf.data);
}
