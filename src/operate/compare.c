/*
 * compare.c
 *		echolon_compare: two versions of a model on the same rows, which neither was fitted to.
 *
 * The rows are the model's relation as it is today, read as the model's owner.  Which of them a version was fitted to
 * its recipe tells (train/unseen.c).  Both versions predict the same rows and are measured by the same
 * code against the same classes; of a cut into high values that of the newer version counts.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "data/words.h"
#include "function.h"
#include "model/lookup.h"
#include "operate/compare.h"
#include "predict/actual.h"

PG_FUNCTION_INFO_V1(echolon_compare);

/* ---- for retrainings as well ---------------------------------------------------- */

char *
compare_number(double value)
{
	return isfinite(value) ? psprintf("%.4g", value) : pstrdup("unknown");
}

bool
compare_is_error(const char *metric)
{
	return strcmp(metric, "rmse") == 0 || strcmp(metric, "log_loss") == 0;
}

void
compare_unseen(const Frame *frame, const Target *target, const ModelVersion *const *versions,
			   const Jsonb *const *recipes, int n, Unseen *unseen)
{
	bool	   *mask = palloc_rows(frame->nrows, sizeof(bool));

	memset(unseen, 0, sizeof(*unseen));
	memset(mask, true, frame->nrows);
	for (int i = 0; i < n; i++)
	{
		const char *why = holdout_unseen(recipes[i], frame, target, mask);

		if (why != NULL)
		{
			unseen->why_not = psprintf("of version %d %s", versions[i]->version, why);
			pfree(mask);
			return;
		}
	}
	unseen->rows = palloc_rows(frame->nrows, sizeof(uint32));
	for (size_t i = 0; i < frame->nrows; i++)
		if (mask[i])
			unseen->rows[unseen->n++] = (uint32) i;
	pfree(mask);
	if (unseen->n < COMPARE_MIN_ROWS)
		unseen->why_not = psprintf("there are %s rows that %s fitted to, and %d are needed",
								   words_count(unseen->n), n > 1 ? "neither was" : "it was not", COMPARE_MIN_ROWS);
}

void
compare_score(const ModelVersion *version, const CachedModel *model, const Frame *frame, const Target *target,
			  const Unseen *unseen, Scores *scores)
{
	double	   *predicted = score_rows(model, version->model, frame, target, unseen->rows, unseen->n);

	scores_measure(target, model->file.threshold, unseen->rows, unseen->n, predicted, scores);
	pfree(predicted);
}

void
compare_target(const Training *t, const CachedModel *model, Target *target)
{
	ActualReader reader;

	actual_begin(&reader, model, t->model, t->frame->columns[t->frame->target].type.typid);
	target_resolve(t->frame, &t->values, target);
	if (model->file.has_cut)
		target_split(t->frame, model->file.cut, target);
}

const char *
compare_alone(ReplayUser *replay, const ModelVersion *version, Scores *scores, size_t *rows)
{
	const CachedModel *model = cache_get(version, CurrentMemoryContext);
	Jsonb	   *recipe = store_read_recipe(version);
	const Jsonb *recipes[] = {recipe};
	Training   *t;
	Target		target;
	Unseen		unseen;

	memset(scores, 0, sizeof(*scores));
	*rows = 0;
	if (!replay_has_recipe(recipe))
		return "it is not recorded what it was fitted to";
	t = replay_training(replay, version, model, recipe);
	training_read(t);
	compare_target(t, model, &target);
	compare_unseen(t->frame, &target, &version, recipes, 1, &unseen);
	if (unseen.why_not != NULL)
		return unseen.why_not;
	*rows = unseen.n;
	compare_score(version, model, t->frame, &target, &unseen, scores);
	return NULL;
}

/* ---- the columns of two recipes ----------------------------------------------------- */

static bool
same_lists(List *a, List *b)
{
	ListCell   *cell;

	if (list_length(a) != list_length(b))
		return false;
	foreach(cell, a)
		if (!name_in(b, lfirst(cell)))
			return false;
	return true;
}

static bool
same_word(const ParamValues *a, const ParamValues *b, ParamId id)
{
	const char *x = a->value[id].given ? a->value[id].word : NULL;
	const char *y = b->value[id].given ? b->value[id].word : NULL;

	return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

/* Does a recipe tell its rows by their content? */
static bool
split_by_content(const Jsonb *recipe)
{
	JsonbValue *split = recipe && JB_ROOT_IS_OBJECT(recipe) ? json_object_value(&recipe->root, "split") : NULL;
	JsonbValue *kind = split && split->type == jbvBinary && JsonContainerIsObject(split->val.binary.data) ?
		json_object_value(split->val.binary.data, "kind") : NULL;

	return kind && kind->type == jbvString && kind->val.string.len == 4 &&
		strncmp(kind->val.string.val, "hash", 4) == 0;
}

/* ---- the function ------------------------------------------------------------------------ */

typedef struct Compared
{
	ModelVersion *version;
	const CachedModel *model;
	Jsonb	   *recipe;
	Scores		scores;
} Compared;

static void
compared_open(const char *name, int32 number, Compared *c)
{
	c->version = store_lookup(name, number, MODEL_PREDICT);
	c->model = cache_get(c->version, CurrentMemoryContext);
	c->recipe = store_read_recipe(c->version);
}

/*
 * A training that reads the newer version's columns, and those of the older one where rows are not told by their
 * content; NULL: they were trained on other columns.
 */
static Training *
common_training(ReplayUser *replay, const Compared *newer, const Compared *older)
{
	Training   *t = replay_training(replay, newer->version, newer->model, newer->recipe);
	Oid			relid = t->values.value[PARAM_RELATION].relation;
	List	   *columns = replay_columns(older->version, older->recipe, relid);
	ParamValues values;
	ListCell   *cell;

	(void) replay_values(older->version, older->model, older->recipe, relid, &values);
	if (split_by_content(newer->recipe) || split_by_content(older->recipe))
		return same_lists(t->columns, columns) && same_word(&t->values, &values, PARAM_SAMPLE_WEIGHT) &&
			same_word(&t->values, &values, PARAM_SPLIT_BY) && same_word(&t->values, &values, PARAM_SPLIT_GROUPS) ?
			t : NULL;
	if (!same_word(&t->values, &values, PARAM_SPLIT_BY) || !same_word(&t->values, &values, PARAM_SPLIT_GROUPS))
		return NULL;
	foreach(cell, columns)
		if (!name_in(t->columns, lfirst(cell)))
			t->columns = lappend(t->columns, lfirst(cell));
	return t;
}

/* Measure both; why they could not be, or NULL. */
static const char *
compare(ReplayUser *replay, Compared *newer, Compared *older, Unseen *unseen, const char **metric)
{
	Training   *t = common_training(replay, newer, older);
	const ModelVersion *versions[2];
	const Jsonb *recipes[2];
	Target		target;

	*metric = newer->model->file.task == TASK_REGRESSION ? "r2" : "roc_auc";
	if (t == NULL)
		return "they were trained on other columns, or split by others";
	training_read(t);
	compare_target(t, newer->model, &target);
	versions[0] = newer->version;
	versions[1] = older->version;
	recipes[0] = newer->recipe;
	recipes[1] = older->recipe;
	compare_unseen(t->frame, &target, versions, recipes, 2, unseen);
	if (unseen->why_not != NULL)
		return unseen->why_not;
	compare_score(newer->version, newer->model, t->frame, &target, unseen, &newer->scores);
	compare_score(older->version, older->model, t->frame, &target, unseen, &older->scores);
	if (isnan(scores_value(&newer->scores, *metric)) || isnan(scores_value(&older->scores, *metric)))
		return psprintf("%s has no meaning on these rows", *metric);
	return NULL;
}

/* {"a": {metrics}, "b": {metrics}} */
static Datum
metrics_jsonb(const Compared *a, const Compared *b)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"a\": ");
	scores_json(&a->scores, NULL, NULL, &buf);
	appendStringInfoString(&buf, ", \"b\": ");
	scores_json(&b->scores, NULL, NULL, &buf);
	appendStringInfoChar(&buf, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* echolon_compare(model text, version_a integer, version_b integer) returns echolon.comparison */
Datum
echolon_compare(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "Echolon comparison", ALLOCSET_DEFAULT_SIZES);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Compared	versions[2] = {0};
	Compared   *a = &versions[0],
			   *b = &versions[1];
	Unseen		unseen = {0};
	const char *metric;
	const char *why;
	ReplayUser	user;
	TupleDesc	desc;
	Datum		row[9];
	bool		nulls[9] = {false};
	double		x,
				y;
	HeapTuple	tuple;
	Datum		result;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	desc = BlessTupleDesc(desc);
	MemoryContextSwitchTo(context);
	compared_open(name, version_argument(fcinfo, 1), a);
	compared_open(name, version_argument(fcinfo, 2), b);
	user = replay_begin(a->version->model);
	if (a->version->version >= b->version->version)
		why = compare(&user, a, b, &unseen, &metric);
	else
		why = compare(&user, b, a, &unseen, &metric);
	replay_end(&user);

	x = scores_value(&a->scores, metric);
	y = scores_value(&b->scores, metric);
	row[0] = CStringGetTextDatum(a->version->model);
	row[1] = Int32GetDatum(a->version->version);
	row[2] = Int32GetDatum(b->version->version);
	row[3] = Int64GetDatum((int64) unseen.n);
	row[4] = CStringGetTextDatum(metric);
	row[5] = Float8GetDatum(x);
	nulls[5] = isnan(x);
	row[6] = Float8GetDatum(y);
	nulls[6] = isnan(y);
	row[7] = CStringGetTextDatum(why != NULL ? psprintf("not comparable: %s", why) :
								 x == y ? "equal" :
								 psprintf("version %d is better", x > y ? a->version->version : b->version->version));
	row[8] = metrics_jsonb(a, b);
	tuple = heap_form_tuple(desc, row, nulls);
	MemoryContextSwitchTo(caller);
	result = HeapTupleGetDatum(heap_copytuple(tuple));
	MemoryContextDelete(context);
	return result;
}
