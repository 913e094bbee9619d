/*
 * clean.c
 *		What is done to columns and rows before a fit: missing values filled, outliers
 *		clipped or left out, numbers scaled.
 *
 * Everything is learned from the rows of the fit alone, held-out rows and those of early stopping are
 * only treated by it.  What is done to values is stored in the model and done again at prediction
 * (model/format.h); rows are only left out of the fit, never of what is measured or predicted.
 *
 * Outliers are values beyond iqr_factor times the interquartile range from the quartiles (Tukey 1977).  A column
 * whose quartiles are equal, or that has few different values, has none: a promotion on one row in ten is no
 * mistake.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "data/words.h"
#include "features/fit.h"
#include "model/progress.h"
#include "train/train.h"

#define FEW_VALUES		20		/* with so many different ones a column has no outliers */
#define MOST_REMOVED	0.10	/* auto: of the training rows */
#define LEAST_ROWS		50		/* that must be left */
#define TRIAL_FRACTION	0.2		/* auto: of the training rows, to judge on */
#define NAMED_COLUMNS	5		/* in a note */

typedef enum OutlierRule
{
	OUTLIERS_KEEP,
	OUTLIERS_CLIP,
	OUTLIERS_REMOVE,
	OUTLIERS_AUTO
} OutlierRule;

static OutlierRule
outlier_rule(const ParamValues *values)
{
	static const char *const words[] = {"keep", "clip", "remove", "auto"};

	for (int i = 0; i < lengthof(words); i++)
		if (strcmp(values->value[PARAM_OUTLIERS].word, words[i]) == 0)
			return (OutlierRule) i;
	return OUTLIERS_KEEP;
}

/* A word's place among words, from 1; 0: it is none of them, or NULL. */
static int
place_of(const char *word, const char *const *words, int n)
{
	for (int i = 0; word && i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return i + 1;
	return 0;
}

ModelImpute
clean_impute(const char *word)
{
	static const char *const words[] = {"mean", "median", "mode", "constant"};

	return (ModelImpute) place_of(word, words, lengthof(words));
}

ModelScale
clean_scale(const char *word)
{
	static const char *const words[] = {"standard", "minmax", "robust"};

	return (ModelScale) place_of(word, words, lengthof(words));
}

static const char *
given_word(const ParamValues *values, ParamId id)
{
	return values->value[id].given ? values->value[id].word : NULL;
}

/* What a training asks for, of every column. */
static CleanRule
training_rule(const ParamValues *values)
{
	return (CleanRule)
	{
		.impute = clean_impute(given_word(values, PARAM_IMPUTE)),
			.constant = given_word(values, PARAM_IMPUTE_VALUE),
			.clip = outlier_rule(values) == OUTLIERS_CLIP,
			.iqr_factor = values->value[PARAM_IQR_FACTOR].number,
			.scale = clean_scale(given_word(values, PARAM_SCALE))
	};
}

/* ---- what is learned of a column ------------------------------------------------------ */

const char *
clean_fences(const NumberFit *fit, double iqr_factor, double *low, double *high)
{
	double		iqr = fit->q3 - fit->q1;

	*low = -INFINITY;
	*high = INFINITY;
	if (fit->n == 0)
		return "it has no values";
	/* an end that no double holds is infinite, and has nothing beyond it */
	*low = fit->q1 - iqr_factor * iqr;
	*high = fit->q3 + iqr_factor * iqr;
	if (fit->ndistinct <= FEW_VALUES)
		return psprintf("it has at most %d different values", FEW_VALUES);
	if (!(iqr > 0))
		return "its quartiles are equal";
	return NULL;
}

/* The value of most rows, the smallest of several. */
static double
mode_of(double *values, size_t n)
{
	size_t		longest = 0;
	double		mode = NAN;

	qsort(values, n, sizeof(double), compare_doubles);
	for (size_t first = 0, end; first < n; first = end)
	{
		for (end = first + 1; end < n && values[end] == values[first];)
			end++;
		if (end - first > longest)
		{
			longest = end - first;
			mode = values[first];
		}
	}
	return mode;
}

/* The rows' values that are finite, copied. */
static double *
finite_values(const FrameColumn *column, const uint32 *rows, size_t n, size_t *found)
{
	double	   *values = palloc_rows(n, sizeof(double));

	*found = 0;
	for (size_t i = 0; i < n; i++)
		if (isfinite(column->values[rows[i]]))
			values[(*found)++] = column->values[rows[i]];
	return values;
}

/* The number in a text; NaN where it is none. */
static double
constant_number(const char *text)
{
	char	   *end;
	double		number = strtod(text, &end);

	return end == text || *end != '\0' || !isfinite(number) ? NAN : number;
}

/* What fills a number; NaN: nothing does, of no values or by a constant that is no number. */
static double
number_fill(const FrameColumn *column, const NumberFit *fit, const CleanRule *rule,
			const uint32 *rows, size_t n)
{
	double	   *finite;
	size_t		found;
	double		mode;

	switch (rule->impute)
	{
		case IMPUTE_MEAN:
			return fit->mean;
		case IMPUTE_MEDIAN:
			return fit->median;
		case IMPUTE_CONSTANT:
			return constant_number(rule->constant);
		default:
			break;
	}
	finite = finite_values(column, rows, n, &found);
	mode = mode_of(finite, found);
	pfree(finite);
	return mode;
}

/* What fills a date: one of its values, the middle one or the one of most rows. */
static double
date_fill(const FrameColumn *column, const CleanRule *rule, const uint32 *rows, size_t n)
{
	size_t		found;
	double	   *finite;
	double		fill;

	if (rule->impute == IMPUTE_CONSTANT)
		return NAN;
	finite = finite_values(column, rows, n, &found);
	fill = mode_of(finite, found);	/* which sorts them */
	if (rule->impute != IMPUTE_MODE && found > 0)
		fill = finite[(found - 1) / 2];
	pfree(finite);
	return fill;
}

/* The code that fills a category: of most rows, the first of several; or the constant's.  NaN: none. */
static double
category_fill(const FrameColumn *column, const CleanRule *rule, const uint32 *rows, size_t n)
{
	uint64	   *counts;
	uint32		mode = 0;
	/* levels that were put together are no level */
	uint32		own = column->pooled ? column->ncategories - 1 : column->ncategories;

	if (rule->impute == IMPUTE_CONSTANT)
	{
		for (uint32 c = 0; c < own; c++)
			if (strcmp(column->categories[c], rule->constant) == 0)
				return c;
		return NAN;
	}
	counts = palloc0(mul_size(sizeof(uint64), Max(column->ncategories, 1)));
	for (size_t i = 0; i < n; i++)
		if (column->codes[rows[i]] != LEARN_MISSING)
			counts[column->codes[rows[i]]]++;
	for (uint32 c = 1; c < own; c++)
		if (counts[c] > counts[mode])
			mode = c;
	if (own == 0 || counts[mode] == 0)
		return NAN;
	pfree(counts);
	return mode;
}

/* Centre and width of a scale, of the values as they are clipped and filled; a width of 0, of a constant, counts as 1. */
static void
learn_scale(ModelScale scale, const FrameColumn *column, const uint32 *rows, size_t n, ModelTreatment *treatment)
{
	double	   *values = palloc_rows(n, sizeof(double));
	NumberFit  *fit;

	for (size_t i = 0; i < n; i++)
		values[i] = model_treated(treatment, column->values[rows[i]]);
	fit = fit_values(values, NULL, n);
	pfree(values);
	treatment->scale = scale;
	switch (scale)
	{
		case SCALE_NONE:
			return;
		case SCALE_STANDARD:
			treatment->center = fit->mean;
			/* of the population, as scikit-learn's StandardScaler */
			treatment->width = fit->n < 2 ? 0 : fit->stddev * sqrt((double) (fit->n - 1) / (double) fit->n);
			break;
		case SCALE_MINMAX:
			treatment->center = fit->minimum;
			treatment->width = fit->maximum - fit->minimum;
			break;
		case SCALE_ROBUST:
			treatment->center = fit->median;
			treatment->width = fit->q3 - fit->q1;
			break;
	}
	if (!(treatment->width > 0) || isinf(treatment->width))
		treatment->width = 1;
	if (!isfinite(treatment->center))
	{
		/* no values, or their mean is beyond what a double holds */
		treatment->center = 0;
		treatment->width = 1;
		treatment->scale = SCALE_NONE;
	}
}

void
clean_learn(const CleanRule *rule, const FrameColumn *column, const uint32 *rows, size_t n,
			ModelTreatment *treatment)
{
	double		fill = NAN;

	*treatment = MODEL_UNTREATED;
	if (column->type.kind == COLUMN_NUMBER)
	{
		NumberFit  *fit = fit_values(column->values, rows, n);

		if (rule->clip && clean_fences(fit, rule->iqr_factor, &treatment->low, &treatment->high) != NULL)
		{
			treatment->low = -INFINITY;
			treatment->high = INFINITY;
		}
		if (rule->impute != IMPUTE_NONE)
			fill = number_fill(column, fit, rule, rows, n);
	}
	else if (rule->impute != IMPUTE_NONE)
		fill = column->type.kind == COLUMN_CATEGORY ? category_fill(column, rule, rows, n)
			: date_fill(column, rule, rows, n);
	if (isfinite(fill))
	{
		treatment->impute = rule->impute;
		treatment->fill = fill;
	}
	if (column->type.kind == COLUMN_NUMBER && rule->scale != SCALE_NONE)
		learn_scale(rule->scale, column, rows, n, treatment);
}

/* ---- treated values for the learner ------------------------------------------------------- */

/* Numbers of all rows after their treatment. */
static void
treat_numbers(const Frame *frame, CleanedColumn *cleaned, TrainFeatures *set)
{
	const FrameColumn *column = cleaned->column;

	for (size_t i = 0; i < frame->nrows; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		cleaned->values[i] = model_treated(&cleaned->treatment, column->values[i]);
	}
	for (uint32 f = 0; f < set->nfeatures; f++)
		if (set->features[f].column == cleaned->source)
			set->columns[f].values = cleaned->values;
}

/* Calendar parts of the dates that were missing. */
static void
treat_dates(const Frame *frame, const CleanedColumn *cleaned, TrainFeatures *set)
{
	const FrameColumn *column = cleaned->column;
	pg_tz	   *zone = column->type.kind == COLUMN_TIMESTAMPTZ ? session_timezone : NULL;

	for (uint32 f = 0; f < set->nfeatures; f++)
	{
		double	   *values = unconstify(double *, set->columns[f].values);
		double		part;

		if (set->features[f].column != cleaned->source)
			continue;
		part = column_part(column->type.kind, set->features[f].part,
						   model_treated(&cleaned->treatment, NAN), zone);
		for (size_t i = 0; i < frame->nrows; i++)
			if (isnan(column->values[i]))
				values[i] = part;
	}
}

/* Codes of all rows, the missing ones filled. */
static void
treat_categories(const Frame *frame, CleanedColumn *cleaned, TrainFeatures *set)
{
	const FrameColumn *column = cleaned->column;
	bool		filling = cleaned->treatment.impute != IMPUTE_NONE;

	for (size_t i = 0; i < frame->nrows; i++)
		cleaned->codes[i] = column->codes[i] == LEARN_MISSING && filling ? (uint32) cleaned->treatment.fill
			: column->codes[i];
	for (uint32 f = 0; f < set->nfeatures; f++)
		if (set->features[f].column == cleaned->source && set->columns[f].kind == LEARN_CATEGORY)
			set->columns[f].codes = cleaned->codes;
	for (int e = 0; e < set->nencoded; e++)
		if (strcmp(set->encoded[e].column->name, column->name) == 0)
		{
			cleaned->treated = *column;
			cleaned->treated.codes = cleaned->codes;
			set->encoded[e].column = &cleaned->treated;
		}
}

/* Does the learner need other values of this column than the frame has? */
static bool
needs_copy(const CleanRule *rule, const FrameColumn *column)
{
	bool		filled = column->missing > 0 && rule->impute != IMPUTE_NONE;

	if (column->type.kind == COLUMN_NUMBER)
		return filled || rule->scale != SCALE_NONE || rule->clip;
	return filled && column->type.kind == COLUMN_CATEGORY;
}

/* ---- the columns of a training -------------------------------------------------------------- */

void
clean_begin(Training *t)
{
	const ParamValues *values = &t->values;
	CleanRule	rule = training_rule(values);
	Cleaning   *cleaning = &t->cleaning;
	size_t		need = 0;
	uint32		source = 0;

	if (values->value[PARAM_IMPUTE_VALUE].given != (rule.impute == IMPUTE_CONSTANT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 values->value[PARAM_IMPUTE_VALUE].given ?
				 errmsg("parameter \"impute_value\" needs impute => 'constant'") :
				 errmsg("impute => 'constant' needs the parameter \"impute_value\""),
				 errhint("Such as impute => 'constant', impute_value => '0'.")));
	cleaning->inner_with = cleaning->inner_without = NAN;
	/* what goes on from a model has that one's treatments, and takes its new rows as they come */
	if (t->from)
		return;
	cleaning->wanted = rule.impute != IMPUTE_NONE || rule.scale != SCALE_NONE ||
		outlier_rule(values) != OUTLIERS_KEEP;
	if (!cleaning->wanted)
		return;
	cleaning->columns = palloc0(mul_size(sizeof(CleanedColumn), Max(t->frame->ncolumns, 1)));
	for (int c = 0; c < t->frame->ncolumns; c++)
	{
		const FrameColumn *column = &t->frame->columns[c];

		if (!column->feature)
			continue;
		cleaning->columns[cleaning->ncolumns].column = column;
		cleaning->columns[cleaning->ncolumns++].source = source++;
		if (needs_copy(&rule, column))
			need += mul_size(t->frame->nrows, column->type.kind == COLUMN_CATEGORY ? sizeof(uint32) : sizeof(double));
	}
	training_check_memory(t->context, need, "impute, outliers and scale need",
						  psprintf("Copies of the columns of %zu rows.", t->frame->nrows),
						  "Raise echolon.max_memory, or leave them out: trees need neither scaling nor filled values.");
	for (int i = 0; i < cleaning->ncolumns; i++)
	{
		CleanedColumn *cleaned = &cleaning->columns[i];

		if (!needs_copy(&rule, cleaned->column))
			continue;
		if (cleaned->column->type.kind == COLUMN_CATEGORY)
			cleaned->codes = palloc_rows(t->frame->nrows, sizeof(uint32));
		else
			cleaned->values = palloc_rows(t->frame->nrows, sizeof(double));
	}
}

/* A constant that fills nothing is a mistake. */
static void
check_constant(const Training *t)
{
	for (int i = 0; i < t->cleaning.ncolumns; i++)
		if (t->cleaning.columns[i].treatment.impute == IMPUTE_CONSTANT)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("impute_value '%s' fits no column", t->values.value[PARAM_IMPUTE_VALUE].word),
			 errdetail("It fills numbers where it is one, and categories that have it as a level."),
			 errhint("Give a number or a level, or use impute => 'median'.")));
}

void
clean_fit(Training *t, const uint32 *rows, size_t n)
{
	Cleaning   *cleaning = &t->cleaning;
	CleanRule	rule = training_rule(&t->values);

	for (int i = 0; i < cleaning->ncolumns; i++)
	{
		CleanedColumn *cleaned = &cleaning->columns[i];
		ModelColumn *source = &t->set.sources[cleaned->source];
		const ModelTreatment untreated = MODEL_UNTREATED;

		clean_learn(&rule, cleaned->column, rows, n, &cleaned->treatment);
		cleaned->filled = cleaned->treatment.impute == IMPUTE_NONE ? 0 : cleaned->column->missing;
		cleaned->outliers = 0;
		for (size_t k = 0; rule.clip && cleaned->column->type.kind == COLUMN_NUMBER && k < n; k++)
			cleaned->outliers += cleaned->column->values[rows[k]] < cleaned->treatment.low ||
				cleaned->column->values[rows[k]] > cleaned->treatment.high;
		source->treatment = memcmp(&cleaned->treatment, &untreated, sizeof(untreated)) == 0 ? NULL
			: &cleaned->treatment;
		if (cleaned->values)
			treat_numbers(t->frame, cleaned, &t->set);
		else if (cleaned->codes)
			treat_categories(t->frame, cleaned, &t->set);
		else if (cleaned->column->type.kind >= COLUMN_DATE && cleaned->column->missing > 0 &&
				 rule.impute != IMPUTE_NONE)
			treat_dates(t->frame, cleaned, &t->set);
	}
	if (rule.impute == IMPUTE_CONSTANT)
		check_constant(t);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Which rows are outliers by which columns, as the rule of removal has it. */
typedef struct OutlierRows
{
	int			ncolumns;
	FenceColumn *columns;
	const uint32 *rows;
	size_t		n;
	bool	   *outlier;		/* [n] by a judged column */
	size_t		count;
} OutlierRows;

static bool
beyond(const FenceColumn *fence, uint32 row)
{
	double		value = fence->column->values[row];

	return value < fence->low || value > fence->high;
}

/* Mark the rows that are outliers by the judged columns. */
static void
mark_outliers(OutlierRows *found)
{
	memset(found->outlier, 0, found->n);
	for (int c = 0; c < found->ncolumns; c++)
	{
		CHECK_FOR_INTERRUPTS();
		if (found->columns[c].judged)
			for (size_t i = 0; i < found->n; i++)
				found->outlier[i] |= beyond(&found->columns[c], found->rows[i]);
	}
	found->count = 0;
	for (size_t i = 0; i < found->n; i++)
		found->count += found->outlier[i];
}

/* Fences of the numbers, the target of a regression among them, learned from rows; most: see MOST_REMOVED. */
static void
find_outliers(const Training *t, const uint32 *rows, size_t n, double most, OutlierRows *found)
{
	found->columns = palloc0(mul_size(sizeof(FenceColumn), Max(t->frame->ncolumns, 1)));
	found->rows = rows;
	found->n = n;
	found->outlier = palloc_rows(n, sizeof(bool));
	found->ncolumns = 0;
	for (int c = 0; c < t->frame->ncolumns; c++)
	{
		const FrameColumn *column = &t->frame->columns[c];
		FenceColumn *fence = &found->columns[found->ncolumns];
		NumberFit  *fit;

		if (column->type.kind != COLUMN_NUMBER || column->values == NULL ||
			!(column->feature || (c == t->frame->target && t->target.nclasses == 0)))
			continue;
		fit = fit_values(column->values, rows, n);
		fence->column = column;
		fence->no_fences = clean_fences(fit, t->values.value[PARAM_IQR_FACTOR].number, &fence->low, &fence->high);
		for (size_t i = 0; i < n; i++)
			fence->outliers += beyond(fence, rows[i]);
		fence->judged = fence->outliers > 0 && fence->no_fences == NULL;
		found->ncolumns++;
	}
	mark_outliers(found);
	while (found->count > most * n)
	{
		FenceColumn *worst = NULL;

		/* the column that leaves out most rows: such a rule is of its shape, not of mistakes */
		for (int c = 0; c < found->ncolumns; c++)
			if (found->columns[c].judged && (worst == NULL || found->columns[c].outliers > worst->outliers))
				worst = &found->columns[c];
		worst->judged = false;
		worst->no_fences = "too many rows would be left out";
		mark_outliers(found);
	}
}

/* The rows that are none, but for classes that would have no row left. */
static const uint32 *
without_outliers(const Training *t, const OutlierRows *found, size_t *n)
{
	uint32	   *kept = palloc_rows(found->n, sizeof(uint32));
	bool	   *has_rows = palloc0(Max(t->target.nclasses, 1));

	for (size_t i = 0; i < found->n && t->target.nclasses > 0; i++)
		if (!found->outlier[i])
			has_rows[(uint32) t->target.values[found->rows[i]]] = true;
	*n = 0;
	for (size_t i = 0; i < found->n; i++)
		if (!found->outlier[i] ||
			(t->target.nclasses > 0 && !has_rows[(uint32) t->target.values[found->rows[i]]]))
			kept[(*n)++] = found->rows[i];
	pfree(has_rows);
	return kept;
}

/* Does an inner part of the training rows gain where the others' outliers are left out? */
static bool
removal_gains(Training *t, const uint32 *rows, size_t n)
{
	Cleaning   *cleaning = &t->cleaning;
	Holdout		trial;
	OutlierRows found;
	const uint32 *kept;
	size_t		nkept;
	bool		held;

	holdout_split(t->frame, &t->target, rows, n, holdout_kind(&t->values), TRIAL_FRACTION,
				  (uint64) t->values.value[PARAM_SEED].integer, STREAM_TRIAL, NULL, &trial);
	find_outliers(t, trial.train, trial.ntrain, MOST_REMOVED, &found);
	kept = without_outliers(t, &found, &nkept);
	if (nkept == trial.ntrain || nkept < LEAST_ROWS)
		return false;
	/* these fits are small, and not those that are waited for */
	held = progress_hold(true);
	if (!held)
		progress_phase(PHASE_COMPARING, 2);
	cleaning->inner_with = fit_trial(t, trial.train, trial.ntrain, trial.test, trial.ntest);
	if (!held)
		progress_done(1);
	cleaning->inner_without = fit_trial(t, kept, nkept, trial.test, trial.ntest);
	if (!held)
		progress_done(2);
	(void) progress_hold(held);
	/* log loss falls where r2 rises */
	return t->target.nclasses > 0 ? cleaning->inner_without < cleaning->inner_with
		: cleaning->inner_without > cleaning->inner_with;
}

const uint32 *
clean_rows(Training *t, const uint32 *rows, size_t *n)
{
	Cleaning   *cleaning = &t->cleaning;
	OutlierRule rule = outlier_rule(&t->values);
	OutlierRows found;
	const uint32 *kept;
	size_t		nkept;

	if (t->from || (rule != OUTLIERS_REMOVE && rule != OUTLIERS_AUTO))
		return rows;
	find_outliers(t, rows, *n, rule == OUTLIERS_AUTO ? MOST_REMOVED : 1.0, &found);
	kept = without_outliers(t, &found, &nkept);
	/* a fit to all rows after the measured one does as that did */
	if (!cleaning->decided)
	{
		cleaning->nfences = found.ncolumns;
		cleaning->fences = found.columns;
		cleaning->judged_rows = *n;
		cleaning->outlier_rows = *n - nkept;
		cleaning->removed = nkept < *n && (rule == OUTLIERS_REMOVE || removal_gains(t, rows, *n));
		cleaning->decided = true;
	}
	if (!cleaning->removed)
		return rows;
	/* a group that would have too few rows without them keeps them */
	if (nkept < LEAST_ROWS && t->whole)
		return rows;
	if (nkept < LEAST_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("outliers => 'remove' leaves %zu training rows", nkept),
				 errdetail("%zu of %zu are outliers; at least %d must be left.", *n - nkept, *n, LEAST_ROWS),
				 errhint("Raise iqr_factor, exclude columns, or use outliers => 'clip' or 'auto'.")));
	*n = nkept;
	return kept;
}

/* ---- what there is to say ----------------------------------------------------------------------- */

/* "amount (90), qty (45)": the columns that made rows outliers. */
static char *
judged_columns(const Cleaning *cleaning)
{
	StringInfoData names;
	int			n = 0;

	initStringInfo(&names);
	for (int c = 0; c < cleaning->nfences; c++)
		if (cleaning->fences[c].judged && n++ < NAMED_COLUMNS)
			appendStringInfo(&names, "%s%s (%s)", names.len > 0 ? ", " : "", cleaning->fences[c].column->name,
							 words_count(cleaning->fences[c].outliers));
	if (n > NAMED_COLUMNS)
		appendStringInfo(&names, " and %d more columns", n - NAMED_COLUMNS);
	return names.data;
}

char *
clean_outlier_note(const Training *t)
{
	const Cleaning *cleaning = &t->cleaning;
	OutlierRule rule = outlier_rule(&t->values);
	char	   *rows;

	if (cleaning->outlier_rows == 0)
		return NULL;
	rows = psprintf("%s of %s training rows (%s) are outliers by %s", words_count(cleaning->outlier_rows),
					words_count(cleaning->judged_rows),
					words_percent((double) cleaning->outlier_rows / cleaning->judged_rows), judged_columns(cleaning));
	if (rule == OUTLIERS_REMOVE)
		return psprintf("%s, and were left out of the fit", rows);
	if (isnan(cleaning->inner_with))
		return psprintf("%s, too few to tell whether the model gains without them: they stay", rows);
	return psprintf("%s; on a part of the training rows %s is %.4g with them and %.4g without: %s", rows,
					t->target.nclasses > 0 ? "log_loss" : "r2", cleaning->inner_with, cleaning->inner_without,
					cleaning->removed ? "they were left out of the fit" : "they stay");
}

char *
clean_scale_note(const Training *t)
{
	return !t->values.value[PARAM_SCALE].given ? NULL :
		pstrdup("numbers were scaled, which trees do not need: they split them by their order alone");
}

/* A fitted number; null where it is infinite. */
static void
member(StringInfo out, const char *name, double value)
{
	appendStringInfo(out, ", \"%s\": ", name);
	json_number(out, value);
}

void
clean_json(const Training *t, StringInfo out)
{
	const Cleaning *cleaning = &t->cleaning;

	appendStringInfo(out, "{\"outlier_rows\": %zu, \"rows_removed\": %zu", cleaning->outlier_rows,
					 cleaning->removed ? cleaning->outlier_rows : 0);
	if (!isnan(cleaning->inner_with))
	{
		appendStringInfo(out, ", \"inner\": {\"metric\": \"%s\"", t->target.nclasses > 0 ? "log_loss" : "r2");
		member(out, "with", cleaning->inner_with);
		member(out, "without", cleaning->inner_without);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoString(out, ", \"columns\": [");
	for (int i = 0; i < cleaning->ncolumns; i++)
	{
		const CleanedColumn *cleaned = &cleaning->columns[i];
		const ModelTreatment *treatment = &cleaned->treatment;

		appendStringInfoString(out, i == 0 ? "{\"column\": " : ", {\"column\": ");
		json_string(out, cleaned->column->name);
		appendStringInfo(out, ", \"missing\": " UINT64_FORMAT, cleaned->column->missing);
		if (treatment->impute != IMPUTE_NONE)
		{
			appendStringInfo(out, ", \"filled\": " UINT64_FORMAT, cleaned->filled);
			if (cleaned->column->type.kind == COLUMN_CATEGORY)
			{
				appendStringInfoString(out, ", \"fill\": ");
				json_string(out, cleaned->column->categories[(uint32) treatment->fill]);
			}
			else
				member(out, "fill", treatment->fill);
		}
		if (isfinite(treatment->low) || isfinite(treatment->high))
		{
			member(out, "low", treatment->low);
			member(out, "high", treatment->high);
			appendStringInfo(out, ", \"clipped\": " UINT64_FORMAT, cleaned->outliers);
		}
		if (treatment->scale != SCALE_NONE)
		{
			member(out, "center", treatment->center);
			member(out, "width", treatment->width);
		}
		appendStringInfoChar(out, '}');
	}
	appendStringInfoString(out, "], \"outliers\": [");
	for (int c = 0; c < cleaning->nfences; c++)
	{
		const FenceColumn *fence = &cleaning->fences[c];

		appendStringInfoString(out, c == 0 ? "{\"column\": " : ", {\"column\": ");
		json_string(out, fence->column->name);
		appendStringInfo(out, ", \"rows\": " UINT64_FORMAT, fence->outliers);
		member(out, "low", fence->low);
		member(out, "high", fence->high);
		appendStringInfo(out, ", \"judged\": %s", fence->judged ? "true" : "false");
		if (fence->no_fences)
		{
			appendStringInfoString(out, ", \"why_not\": ");
			json_string(out, fence->no_fences);
		}
		appendStringInfoChar(out, '}');
	}
	appendStringInfoString(out, "]}");
}
