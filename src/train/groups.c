/*
 * groups.c
 *		group_by: a model for each group beside the common one, in one read of the table.
 *
 * The common model is fitted to all rows.  A group with enough training rows then gets one of its own, by
 * the same steps on its rows alone: their bins, their treatments and their means, and the same side of the
 * split for each row.  Where it predicts, its predictions take the place of the common one's before anything is
 * scored, so that a score is of what will predict.
 *
 * Rows that miss a value of the columns, groups of levels that were pooled and small ones are left to
 * the common model.  So is one whose rows cannot be fitted alone: without all classes, or without weight.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "data/radix.h"
#include "data/words.h"
#include "learn/sort.h"
#include "model/progress.h"
#include "train/train.h"

/* On which side of the splits a row is. */
typedef enum RowSide
{
	SIDE_NONE,
	SIDE_FITTED,				/* a training row */
	SIDE_INNER,					/* a training row that early stopping watches */
	SIDE_TEST
} RowSide;

/* What the trainings of the groups share. */
typedef struct GroupFit
{
	Training   *whole;
	uint8	   *side;			/* RowSide of each row */
	bool	   *own;			/* rows of groups that have a model of their own */
	const Predicted *measured;	/* of the whole: */
	double	   *common;			/* what the common model predicted */
} GroupFit;

/* ---- the columns ---------------------------------------------------------------------- */

pg_noreturn static void
column_unfit(const char *name, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("rows cannot be grouped by column \"%s\"", name),
			 errdetail("%s", why),
			 errhint("%s", hint)));
}

void
groups_frame_spec(const Training *t, FrameSpec *spec)
{
	ListCell   *cell;

	foreach(cell, t->values.value[PARAM_GROUP_BY].names)
	{
		const char *name = lfirst(cell);

		(void) relation_column(spec->relid, name);
		if (name_in(spec->exclude, name))
			column_unfit(name, "It is left out by exclude.",
						 "A group's column is read, and given at prediction: leave it out of exclude.");
		if (spec->features != NIL && !name_in(spec->features, name))
			spec->features = lappend(list_copy(spec->features), lfirst(cell));
	}
}

/* The columns of group_by in the order of the model's; an error where one is not of use. */
static void
find_columns(const Training *t, Grouping *g)
{
	List	   *names = t->values.value[PARAM_GROUP_BY].names;
	const ParamValue *split_groups = &t->values.value[PARAM_SPLIT_GROUPS];
	uint32	   *sources = palloc(sizeof(uint32) * MODEL_MAX_GROUP_COLUMNS);
	uint32		source = 0;

	if (list_length(names) > MODEL_MAX_GROUP_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"group_by\" names %d columns, at most %d are possible", list_length(names),
						MODEL_MAX_GROUP_COLUMNS)));
	if (split_groups->given && name_in(names, split_groups->word))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("split_groups and group_by cannot name the same column \"%s\"", split_groups->word),
				 errdetail("A group would be held out whole, and its own model never be measured."),
				 errhint("Leave split_groups out.")));
	g->columns = palloc(sizeof(FrameColumn *) * MODEL_MAX_GROUP_COLUMNS);
	for (int c = 0; c < t->frame->ncolumns; c++)
	{
		const FrameColumn *column = &t->frame->columns[c];

		if (!name_in(names, column->name))
		{
			source += column->feature;
			continue;
		}
		if (c == t->frame->target)
			column_unfit(column->name, "It is the target.", "Group by what is known when you predict.");
		if (!column->feature)
			column_unfit(column->name,
						 column->left_out ? psprintf("It is no feature: %s.", column->left_out) : "It is no feature.",
						 "Group by a column whose values repeat; name it in features if need be.");
		if (column->type.kind > COLUMN_CATEGORY)
			column_unfit(column->name, psprintf("Its type is %s.", column->type_name),
						 "Group by numbers or categories; of a date, a part of it in a view.");
		sources[g->ncolumns] = source++;
		g->columns[g->ncolumns++] = column;
	}
	g->model.ncolumns = g->ncolumns;
	g->model.columns = sources;
}

/* ---- the groups ----------------------------------------------------------------------- */

/* What tells a group by one of its columns; NaN: the row is in none. */
static double
key_part(const FrameColumn *column, uint32 row)
{
	if (column->type.kind == COLUMN_NUMBER)
		return isfinite(column->values[row]) ? column->values[row] + 0.0 : NAN;	/* -0 is 0 */
	/* levels that were put together are no group */
	if (column->codes[row] == LEARN_MISSING || (column->pooled && column->codes[row] == column->ncategories - 1))
		return NAN;
	return column->codes[row];
}

/* All rows, sorted by the key of their group; those without one come last. */
static SortRow *
sort_by_group(const Training *t, const Grouping *g)
{
	size_t		n = t->frame->nrows;
	SortRow    *rows = palloc_rows(n, sizeof(SortRow));
	SortRow    *spare = palloc_rows(n, sizeof(SortRow));
	SortRow    *other;

	for (size_t i = 0; i < n; i++)
		rows[i].row = i;
	/* the last column first: the sort keeps the order of what is equal */
	for (int c = g->ncolumns; c-- > 0;)
	{
		for (size_t i = 0; i < n; i++)
		{
			double		part = key_part(g->columns[c], (uint32) rows[i].row);

			if (i % 8192 == 0)
				CHECK_FOR_INTERRUPTS();
			rows[i].key = isnan(part) ? PG_UINT64_MAX : sort_key(part);
		}
		other = radix_sort(rows, spare, n, 0, 64);
		if (other == spare)
		{
			spare = rows;
			rows = other;
		}
	}
	pfree(spare);
	return rows;
}

static bool
same_group(const Grouping *g, uint32 a, uint32 b)
{
	for (int c = 0; c < g->ncolumns; c++)
		if (!(key_part(g->columns[c], a) == key_part(g->columns[c], b)))
			return false;
	return true;
}

/* ---- one group -------------------------------------------------------------------------- */

/* The rows of one side. */
static uint32 *
rows_of_side(const GroupFit *fit, const uint32 *rows, size_t n, RowSide a, RowSide b, size_t *found)
{
	uint32	   *chosen = palloc_rows(n, sizeof(uint32));

	*found = 0;
	for (size_t i = 0; i < n; i++)
		if (fit->side[rows[i]] == a || fit->side[rows[i]] == b)
			chosen[(*found)++] = (uint32) i;
	return chosen;
}

/* A training of the rows of a group, which has the whole's parameters and its split. */
static Training *
group_training(const GroupFit *fit, const uint32 *rows, size_t n)
{
	const Training *whole = fit->whole;
	Training   *t = palloc0(sizeof(Training));

	t->context = whole->context;
	t->whole = fit->whole;
	t->values = whole->values;
	t->feature_set = whole->feature_set;
	t->frame = frame_rows(whole->frame, rows, n);
	t->target = whole->target;
	t->target.values = palloc_rows(n, sizeof(double));
	for (size_t i = 0; i < n; i++)
		t->target.values[i] = whole->target.values[rows[i]];
	/* what the whole has decided holds for all */
	if (t->target.nclasses == 2)
		t->values.value[PARAM_THRESHOLD] = (ParamValue) {.given = true, .is_number = true, .number = whole->threshold};
	t->refitted = whole->refitted;
	features_build(t->frame, &t->values, &t->target, &whole->set, &t->set);
	training_prepare(t);
	t->cleaning.decided = whole->cleaning.decided;
	t->cleaning.removed = whole->cleaning.removed;

	t->outer.kind = whole->outer.kind;
	t->outer.train = rows_of_side(fit, rows, n, SIDE_FITTED, SIDE_INNER, &t->outer.ntrain);
	t->outer.test = rows_of_side(fit, rows, n, SIDE_TEST, SIDE_TEST, &t->outer.ntest);
	if (t->params.early_stopping_rounds > 0)
	{
		t->inner.kind = whole->inner.kind;
		t->inner.train = rows_of_side(fit, rows, n, SIDE_FITTED, SIDE_FITTED, &t->inner.ntrain);
		t->inner.test = rows_of_side(fit, rows, n, SIDE_INNER, SIDE_INNER, &t->inner.ntest);
	}
	return t;
}

/* Can a model be fitted to these training rows alone? */
static bool
can_be_fitted(const GroupFit *fit, const uint32 *rows, size_t n)
{
	const Training *whole = fit->whole;
	bool		stopping = whole->params.early_stopping_rounds > 0;
	bool	   *seen = palloc0(Max(whole->target.nclasses, 1));
	const double *weights = whole->data.weight;
	double		weight = 0;
	size_t		training = 0,
				watched = 0;
	uint32		nseen = 0;

	for (size_t i = 0; i < n; i++)
	{
		RowSide		side = fit->side[rows[i]];

		if (side != SIDE_FITTED && side != SIDE_INNER)
			continue;
		training++;
		if (stopping && side == SIDE_INNER)
		{
			watched++;
			continue;
		}
		weight += weights ? weights[rows[i]] : 1.0;
		if (whole->target.nclasses > 0 && !seen[(uint32) whole->target.values[rows[i]]])
		{
			seen[(uint32) whole->target.values[rows[i]]] = true;
			nseen++;
		}
	}
	pfree(seen);
	return training >= (size_t) whole->values.value[PARAM_MIN_GROUP_ROWS].integer &&
		(!stopping || watched > 0) && weight > 0 && nseen == whole->target.nclasses;
}

/* Place of the first row that is not before this one, from place on. */
static size_t
place_of_row(const Predicted *predicted, uint32 row, size_t place)
{
	size_t		high = predicted->n;

	while (place < high)
	{
		size_t		middle = place + (high - place) / 2;

		if (predicted->rows[middle] < row)
			place = middle + 1;
		else
			high = middle;
	}
	return place;
}

/* Put a group's predictions in the place of the common model's; rows: of the group, in the whole. */
static void
replace_predictions(const Predicted *own, const uint32 *rows, uint32 width, Predicted *whole)
{
	size_t		place = 0;

	/* both ascend */
	for (size_t i = 0; i < own->n; i++)
	{
		uint32		row = rows[own->rows[i]];

		place = place_of_row(whole, row, place);
		if (place < whole->n && whole->rows[place] == row)
			memcpy(&whole->values[place * width], &own->values[i * width], sizeof(double) * width);
	}
}

/* The headline metric of what the common model predicted of a group's measured rows. */
static double
common_score(const GroupFit *fit, Training *t, const uint32 *rows, uint32 width)
{
	const Predicted *own = training_measured(t);
	uint32	   *found = palloc_rows(own->n, sizeof(uint32));
	Predicted	common = {.rows = found, .values = palloc_rows(own->n, sizeof(double) * width)};
	Scores		scores;
	size_t		place = 0;

	/* few trees may leave rows that were in every bag */
	for (size_t i = 0; i < own->n; i++)
	{
		place = place_of_row(fit->measured, rows[own->rows[i]], place);
		if (place == fit->measured->n || fit->measured->rows[place] != rows[own->rows[i]])
			continue;
		memcpy(&common.values[common.n * width], &fit->common[place * width], sizeof(double) * width);
		found[common.n++] = own->rows[i];
	}
	predicted_scores(t, &common, &scores);
	return scores_value(&scores, scores_headline(&t->target));
}

/* Keep the bytes of a group's model behind the others. */
static void
keep_model(Grouping *g, const Training *t)
{
	size_t		length;
	const uint8 *bytes = record_model_bytes(t, &length);
	uint64	   *first = unconstify(uint64 *, g->model.first);
	size_t		used = first[g->n];

	if (used + length > g->room)
	{
		size_t		room = Max(used + length, g->room * 2);

		/* they are copied into the whole's bytes at last */
		training_check_memory(t->context, room + used, "the models of groups need",
							  psprintf("The models of %u groups have %zu MB.", g->n + 1, (used + length) >> 20),
							  "Raise echolon.max_memory or min_group_rows, leave encode out, or train fewer or smaller trees (n_estimators, max_leaf_nodes, min_samples_leaf).");
		g->model.bytes = g->room == 0 ? MemoryContextAllocHuge(t->context, room)
			: repalloc_huge(unconstify(uint8 *, g->model.bytes), room);
		g->room = room;
	}
	memcpy(unconstify(uint8 *, g->model.bytes) + used, bytes, length);
	first[g->n + 1] = used + length;
}

/* Fit and measure a model of a group's rows; all of it but what is kept goes with the current context. */
static void
fit_group(const GroupFit *fit, Grouping *g, const uint32 *rows, size_t n)
{
	Training   *whole = fit->whole;
	Training   *t = group_training(fit, rows, n);
	GroupResult *result = &g->results[g->n];
	double	   *key = unconstify(double *, g->model.keys) + (size_t) g->n * g->ncolumns;
	uint32		width;
	Scores		scores;

	fit_measured(t);
	width = learn_noutputs(&t->fit.model);
	for (int c = 0; c < g->ncolumns; c++)
		key[c] = key_part(g->columns[c], rows[0]);
	for (size_t i = 0; i < n; i++)
		fit->own[rows[i]] = true;
	result->key = key;
	result->rows = n;
	result->training = t->outer.ntrain;
	result->measured = training_measured(t)->n;
	predicted_scores(t, training_measured(t), &scores);
	result->score = scores_value(&scores, scores_headline(&t->target));
	result->common = common_score(fit, t, rows, width);
	training_baseline(t);
	result->baseline = scores_value(&t->baseline.scores, scores_headline(&t->target));

	replace_predictions(&t->on_train, rows, width, &whole->on_train);
	replace_predictions(&t->on_oob, rows, width, &whole->on_oob);
	replace_predictions(&t->on_test, rows, width, &whole->on_test);
	fit_again(t);
	keep_model(g, t);
	g->n++;
}

/* What there is to say of the rows that the common model predicts. */
static void
score_rest(const GroupFit *fit, Grouping *g)
{
	Training   *whole = fit->whole;
	const Predicted *measured = fit->measured;
	uint32		width = learn_noutputs(&whole->fit.model);
	uint32	   *rows = palloc_rows(measured->n, sizeof(uint32));
	Predicted	rest = {.rows = rows, .values = palloc_rows(measured->n, sizeof(double) * width)};
	Scores		scores;

	for (size_t i = 0; i < whole->frame->nrows; i++)
		if (!fit->own[i])
		{
			g->rest.rows++;
			g->rest.training += fit->side[i] == SIDE_FITTED || fit->side[i] == SIDE_INNER;
		}
	for (size_t i = 0; i < measured->n; i++)
		if (!fit->own[measured->rows[i]])
		{
			memcpy(&rest.values[rest.n * width], &measured->values[i * width], sizeof(double) * width);
			rows[rest.n++] = measured->rows[i];
		}
	g->rest.measured = rest.n;
	predicted_scores(whole, &rest, &scores);
	g->rest.score = g->rest.common = scores_value(&scores, scores_headline(&whole->target));
	g->rest.baseline = NAN;
	pfree(rows);
	pfree(rest.values);
}

/* ---- all of them ------------------------------------------------------------------------ */

/* On which side each row is. */
static uint8 *
row_sides(const Training *t)
{
	uint8	   *side = palloc_rows(t->frame->nrows, sizeof(uint8));

	memset(side, SIDE_NONE, t->frame->nrows);
	for (size_t i = 0; i < t->outer.ntrain; i++)
		side[t->outer.train[i]] = SIDE_FITTED;
	for (size_t i = 0; i < t->inner.ntest; i++)
		side[t->inner.test[i]] = SIDE_INNER;
	for (size_t i = 0; i < t->outer.ntest; i++)
		side[t->outer.test[i]] = SIDE_TEST;
	return side;
}

void
groups_begin(Training *t)
{
	Grouping   *g;

	if (t->values.value[PARAM_GROUP_BY].names == NIL)
		return;
	g = palloc0(sizeof(Grouping));
	t->grouping = g;
	find_columns(t, g);
	/* room for all that may be; its size does not depend on the table */
	g->results = palloc0(sizeof(GroupResult) * MODEL_MAX_GROUPS);
	g->model.keys = palloc(sizeof(double) * MODEL_MAX_GROUPS * g->ncolumns);
	g->model.first = palloc0(sizeof(uint64) * (MODEL_MAX_GROUPS + 1));
}

void
groups_fit(Training *t)
{
	Grouping   *g = t->grouping;
	MemoryContext context;
	GroupFit	fit;
	SortRow    *sorted;
	Scores		own;
	size_t		n = t->frame->nrows;
	size_t		end;

	if (g == NULL)
		return;
	training_check_memory(t->context, mul_size(2 * sizeof(SortRow) + 2, n), "group_by needs",
						  psprintf("%zu rows are sorted by their groups.", n), "Raise echolon.max_memory.");
	fit.whole = t;
	fit.side = row_sides(t);
	fit.own = palloc_rows(n, sizeof(bool));
	memset(fit.own, 0, n * sizeof(bool));
	fit.measured = training_measured(t);
	fit.common = palloc_rows(fit.measured->n, sizeof(double) * learn_noutputs(&t->fit.model));
	if (fit.measured->n > 0)
		memcpy(fit.common, fit.measured->values,
			   sizeof(double) * fit.measured->n * learn_noutputs(&t->fit.model));
	predicted_scores(t, fit.measured, &g->common);
	sorted = sort_by_group(t, g);
	context = AllocSetContextCreate(CurrentMemoryContext, "Echolon group", ALLOCSET_DEFAULT_SIZES);
	progress_phase(PHASE_GROUPS, n);
	(void) progress_hold(true);
	for (size_t first = 0; first < n; first = end)
	{
		MemoryContext caller;
		uint32	   *rows;

		for (end = first + 1; end < n && same_group(g, (uint32) sorted[first].row, (uint32) sorted[end].row);)
			end++;
		/* a row without a key is the same as none, not even as itself */
		if (!same_group(g, (uint32) sorted[first].row, (uint32) sorted[first].row))
			continue;
		g->found++;
		caller = MemoryContextSwitchTo(context);
		rows = palloc_rows(end - first, sizeof(uint32));
		for (size_t i = first; i < end; i++)
			rows[i - first] = (uint32) sorted[i].row;
		if (can_be_fitted(&fit, rows, end - first))
		{
			if (g->n == MODEL_MAX_GROUPS)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("more than %d groups would have a model of their own", MODEL_MAX_GROUPS),
						 errhint("Raise min_group_rows, or group by fewer columns.")));
			fit_group(&fit, g, rows, end - first);
		}
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
		progress_done(end);
	}
	MemoryContextDelete(context);
	(void) progress_hold(false);
	score_rest(&fit, g);
	/* levels that were put together are groups too, though they cannot be told apart */
	if (g->ncolumns == 1 && g->columns[0]->pooled)
		g->found += g->columns[0]->npooled;
	predicted_scores(t, fit.measured, &own);
	g->own = scores_value(&own, scores_headline(&t->target));
	pfree(sorted);
	pfree(fit.common);
	pfree(fit.own);
	pfree(fit.side);
	g->model.ngroups = g->n;
}

/* ---- what there is to say ------------------------------------------------------------------ */

char *
groups_note(const Training *t)
{
	const Grouping *g = t->grouping;
	const char *metric = scores_headline(&t->target);
	int64		least = t->values.value[PARAM_MIN_GROUP_ROWS].integer;
	char	   *phrase;

	if (g == NULL)
		return NULL;
	if (g->n == 0)
		return psprintf("none of %s groups has %s training rows that can be fitted alone: all share one model",
						words_count(g->found), words_count((uint64) least));
	phrase = g->n == g->found ? psprintf("each of %s groups has a model of its own", words_count(g->n))
		: psprintf("%s of %s groups have a model of their own, the others share the common one",
				   words_count(g->n), words_count(g->found));
	if (g->common.n == 0)
		return phrase;
	return psprintf("%s; the common one alone has %s %.3f%s", phrase, metric, scores_value(&g->common, metric),
					g->own <= scores_value(&g->common, metric) ? ": the groups gain nothing by models of their own" : "");
}

/* Members of an object that say how good a model is on some rows. */
static void
put_result(const GroupResult *result, StringInfo out)
{
	appendStringInfo(out, "\"rows\": %zu, \"training\": %zu, \"measured\": %zu, \"score\": ",
					 result->rows, result->training, result->measured);
	json_number(out, result->score);
	appendStringInfoString(out, ", \"common\": ");
	json_number(out, result->common);
	appendStringInfoString(out, ", \"baseline\": ");
	json_number(out, result->baseline);
}

void
groups_json(const Training *t, bool each, StringInfo out)
{
	const Grouping *g = t->grouping;

	appendStringInfoString(out, "{\"columns\": [");
	for (int c = 0; c < g->ncolumns; c++)
	{
		appendStringInfoString(out, c == 0 ? "" : ", ");
		json_string(out, g->columns[c]->name);
	}
	appendStringInfo(out, "], \"groups\": %u, \"own_model\": %u, \"common\": ", g->found, g->n);
	scores_json(&g->common, NULL, NULL, out);
	if (each)
	{
		appendStringInfoString(out, ", \"each\": [");
		for (uint32 i = 0; i < g->n; i++)
		{
			const GroupResult *result = &g->results[i];

			if (i % 256 == 0)
				CHECK_FOR_INTERRUPTS();
			appendStringInfoString(out, i == 0 ? "{\"key\": [" : ", {\"key\": [");
			for (int c = 0; c < g->ncolumns; c++)
			{
				appendStringInfoString(out, c == 0 ? "" : ", ");
				if (g->columns[c]->type.kind == COLUMN_CATEGORY)
					json_string(out, g->columns[c]->categories[(uint32) result->key[c]]);
				else
					json_number(out, result->key[c]);
			}
			appendStringInfoString(out, "], ");
			put_result(result, out);
			appendStringInfoChar(out, '}');
		}
		appendStringInfoString(out, "], \"rest\": {");
		put_result(&g->rest, out);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, '}');
}
