/*
 * leakage.c
 *		echolon_check_leakage: columns that know the target, before a model believes them.
 *
 * Each column alone is given to a tree of a few leaves, and the tree is measured on rows it was not
 * fitted to.  What nearly gives the target by itself is either the answer in another form or
 * something that is not known yet when a row is to be predicted.  Beside that the values are compared
 * directly: a tree of few leaves is a coarse picture of a copy whose largest values lie far apart.
 *
 * Rows are held out at random, also where there are dates: a number that follows the target in time, as
 * identifiers do, is to be found.  Columns that a training leaves out for naming the row are
 * looked at as well.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "function.h"
#include "learn/metrics.h"
#include "train/train.h"

#define LEAK_SCORE			0.99
#define SUSPICIOUS_SCORE	0.95
#define SAME_SHARE			0.99	/* of the rows with a value: a copy */
#define SAME_ORDER			0.999	/* rank correlation: a copy but for its scale */

#define TREE_LEAVES			32
#define TREE_BINS			255
#define TEST_SHARE			0.25
#define STREAM_LEAKAGE		4		/* of holdout_split */
#define SEED				42
#define ROWS_LEAST			100
#define SMOOTHING			10
#define MAX_LEVELS			10000

typedef enum Verdict
{
	VERDICT_OK,
	VERDICT_SUSPICIOUS,
	VERDICT_LEAK
} Verdict;

/* What was found out about a column. */
typedef struct Finding
{
	int			column;			/* in the frame */
	double		score;			/* NaN: it could not be measured */
	Verdict		verdict;
	char	   *reason;			/* NULL: nothing to say */
} Finding;

typedef struct Leakage
{
	Frame	   *frame;
	Target		target;
	ParamValues values;
	Holdout		holdout;
	const FeatureSet *features; /* the relation is its view; NULL: none's */
	List	   *withheld;		/* of it: they contain the target's current value */
} Leakage;

PG_FUNCTION_INFO_V1(echolon_check_leakage);

/* ---- values side by side ------------------------------------------------------------ */

typedef struct Ranked
{
	double		value;
	double		rank;
	uint32		place;
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
	double		x = ((const Ranked *) a)->value;
	double		y = ((const Ranked *) b)->value;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* Ranks of n values, equal ones sharing their mean rank; *distinct of them. */
static double *
ranks_of(const double *values, size_t n, size_t *distinct)
{
	Ranked	   *sorted = palloc_rows(n, sizeof(Ranked));
	double	   *ranks = palloc_rows(n, sizeof(double));

	for (size_t i = 0; i < n; i++)
	{
		sorted[i].value = values[i];
		sorted[i].place = (uint32) i;
	}
	qsort(sorted, n, sizeof(Ranked), compare_ranked);
	*distinct = 0;
	for (size_t i = 0, end; i < n; i = end)
	{
		for (end = i + 1; end < n && sorted[end].value == sorted[i].value;)
			end++;
		for (size_t k = i; k < end; k++)
			ranks[sorted[k].place] = (double) (i + end - 1) / 2;
		(*distinct)++;
	}
	pfree(sorted);
	return ranks;
}

/* Pearson's correlation of ranks is Spearman's of values; NaN where one side is constant. */
static double
rank_correlation(const double *x, const double *y, size_t n)
{
	double		middle = (double) (n - 1) / 2;	/* of ranks with shared ones too */
	double		xx = 0,
				yy = 0,
				xy = 0;

	for (size_t i = 0; i < n; i++)
	{
		xx += (x[i] - middle) * (x[i] - middle);
		yy += (y[i] - middle) * (y[i] - middle);
		xy += (x[i] - middle) * (y[i] - middle);
	}
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

/* "in every row", "in 99.6 % of the rows", and whether that is said of rows with a value only. */
static char *
share_text(size_t n, size_t of, size_t nrows)
{
	const char *where = of < nrows ? " in which it has a value" : "";

	if (n == of)
		return psprintf("in every row%s", where);
	return psprintf("in %.1f %% of the rows%s", 100.0 * n / of, where);
}

/*
 * Is a number the target, or the target on another scale?  *ndistinct: of its values.  Rows without
 * a value are left aside, as long as there are enough with one.
 */
static char *
compare_values(const Leakage *leakage, const double *values, size_t *nvalues, size_t *ndistinct)
{
	size_t		nrows = leakage->frame->nrows;
	double	   *x = palloc_rows(nrows, sizeof(double));
	double	   *y = palloc_rows(nrows, sizeof(double));
	double	   *xranks;
	double	   *yranks;
	double		correlation;
	size_t		ytargets;
	size_t		n = 0,
				same = 0;

	for (size_t i = 0; i < nrows; i++)
	{
		if (isnan(values[i]))
			continue;
		x[n] = values[i];
		y[n] = leakage->target.values[i];
		same += x[n] == y[n];
		n++;
	}
	xranks = ranks_of(x, n, ndistinct);
	*nvalues = n;
	if (leakage->target.nclasses > 0 || n < ROWS_LEAST / 2)
		return NULL;
	yranks = ranks_of(y, n, &ytargets);
	correlation = rank_correlation(xranks, yranks, n);
	if (ytargets < 2)
		return NULL;
	if (same >= SAME_SHARE * n)
		return psprintf("equals the target %s", share_text(same, n, nrows));
	if (fabs(correlation) >= SAME_ORDER)
		return psprintf("%s with the target: rank correlation %.4f", correlation > 0 ? "rises and falls" :
						"falls and rises", correlation);
	return NULL;
}

/* ---- one column ------------------------------------------------------------------------ */

/* The column's features, as a training has them; of a date its own value as well. */
static void
column_features(Leakage *leakage, int c, TrainFeatures *set)
{
	Frame		alone = *leakage->frame;
	const FrameColumn *column = &leakage->frame->columns[c];

	alone.columns = palloc(mul_size(sizeof(FrameColumn), alone.ncolumns));
	memcpy(alone.columns, leakage->frame->columns, sizeof(FrameColumn) * alone.ncolumns);
	for (int i = 0; i < alone.ncolumns; i++)
		alone.columns[i].feature = i == c;
	features_build(&alone, &leakage->values, &leakage->target, NULL, set);
	encode_fit(&alone, &leakage->target, &leakage->values, leakage->holdout.train, leakage->holdout.ntrain,
			   set);
	if (column->type.kind >= COLUMN_DATE)
	{
		LearnColumn *columns = palloc0(mul_size(sizeof(LearnColumn), (Size) set->nfeatures + 1));

		memcpy(columns, set->columns, sizeof(LearnColumn) * set->nfeatures);
		columns[set->nfeatures].kind = LEARN_NUMERIC;
		columns[set->nfeatures].values = column->values;
		set->columns = columns;
		set->nfeatures++;
	}
}

/* The score of a small tree on the column alone, on rows it was not fitted to. */
static double
column_score(Leakage *leakage, int c)
{
	const Holdout *holdout = &leakage->holdout;
	TrainFeatures set;
	LearnData	data;
	LearnParams params;
	LearnFit	fit;
	Scores		scores;
	double	   *predictions;

	column_features(leakage, c, &set);
	memset(&data, 0, sizeof(data));
	data.nrows = leakage->frame->nrows;
	data.nfeatures = set.nfeatures;
	data.columns = set.columns;
	data.target = leakage->target.values;
	data.nclasses = leakage->target.nclasses;
	memset(&params, 0, sizeof(params));
	params.algorithm = LEARN_FOREST;
	params.n_estimators = 1;
	params.max_leaf_nodes = TREE_LEAVES;
	params.max_features = set.nfeatures;
	params.min_samples_leaf = 1;
	params.min_samples_split = 2;
	params.max_samples = 1.0;
	params.learning_rate = 1.0;
	params.subsample = 1.0;
	params.quantile = 0.5;
	params.criterion = data.nclasses > 0 ? CRITERION_GINI : CRITERION_SQUARED_ERROR;
	params.max_bins = TREE_BINS;
	params.seed = SEED;
	learn_fit(backend_env(), &data, holdout->train, holdout->ntrain, NULL, 0, &params, &fit);

	predictions = palloc_rows(holdout->ntest, sizeof(double) * learn_noutputs(&fit.model));
	learn_predict_columns(backend_env(), &fit.model, set.columns, holdout->test, holdout->ntest, predictions);
	scores_measure(&leakage->target, 0.5, holdout->test, holdout->ntest, predictions, &scores);
	return scores_value(&scores, scores_headline(&leakage->target));
}

/* What a high score of a column may mean. */
static char *
score_reason(const FrameColumn *column, size_t nvalues, size_t ndistinct)
{
	if (column->type.kind >= COLUMN_DATE)
		return psprintf("the target follows the time: with split_by => %s a model is measured on later rows",
						quote_literal_cstr(column->name));
	if (column->type.kind == COLUMN_CATEGORY)
		return pstrdup("its levels alone tell the target: are they known when you predict?");
	if (column->type.integral && ndistinct == nvalues)
		return pstrdup("every row has another number, and the target follows it: an identifier, or a place in time");
	return pstrdup("alone it nearly gives the target: is it known when you predict?");
}

/* Is it a feature of the set that does not use the current row? */
static bool
made_of_earlier_rows(const Leakage *leakage, const char *name)
{
	const Feature *feature = leakage->features == NULL ? NULL : feature_find(leakage->features, name);

	return feature != NULL && !feature->uses_current;
}

/* All that is to be known of a column. */
static void
column_examine(Leakage *leakage, MemoryContext context, Finding *finding)
{
	const FrameColumn *column = &leakage->frame->columns[finding->column];
	MemoryContext caller = MemoryContextSwitchTo(context);
	const char *reason = NULL;
	size_t		nvalues = 0,
				ndistinct = 0;

	finding->score = NAN;
	finding->verdict = VERDICT_OK;
	if (column->feature)
	{
		finding->score = column_score(leakage, finding->column);
		if (column->values != NULL)
			reason = compare_values(leakage, column->values, &nvalues, &ndistinct);
		if (reason != NULL || finding->score >= LEAK_SCORE)
			finding->verdict = VERDICT_LEAK;
		else if (finding->score >= SUSPICIOUS_SCORE)
			finding->verdict = VERDICT_SUSPICIOUS;
		if (finding->verdict != VERDICT_OK && reason == NULL)
			reason = score_reason(column, nvalues, ndistinct);
	}
	else
		reason = psprintf("not measured: %s", column->left_out);
	/* what is made of earlier rows is known in time, however near it comes */
	if (finding->verdict != VERDICT_OK && made_of_earlier_rows(leakage, column->name))
	{
		finding->verdict = VERDICT_SUSPICIOUS;
		reason = "alone it nearly gives the target, from earlier rows only: the target changes little from row to row";
	}
	if (name_in(leakage->withheld, column->name))
	{
		finding->verdict = VERDICT_LEAK;
		reason = psprintf("%s; a training on this feature set leaves it out",
						  set_withheld_reason(leakage->values.value[PARAM_TARGET].word));
	}
	MemoryContextSwitchTo(caller);
	finding->reason = reason == NULL ? NULL : pstrdup(reason);
	MemoryContextReset(context);
}

/* ---- the relation ------------------------------------------------------------------------ */

/* Read it, and keep a sample: rows stand in the order of a hash. */
static Frame *
leakage_read(Oid relid, const char *target, int max_rows)
{
	FeatureSet *features = feature_set_of_view(relid);
	FrameSpec	spec;
	Frame	   *frame;
	FrameColumn *column;

	memset(&spec, 0, sizeof(spec));
	spec.relid = relid;
	spec.all_features = true;
	spec.unjudged = true;
	spec.target = target;
	spec.max_categories = MAX_LEVELS;
	spec.min_rows = ROWS_LEAST;
	if (features != NULL)
		set_row_source(features, &spec);
	frame = frame_read(&spec);
	if (frame->nrows > (size_t) max_rows)
	{
		frame->nrows = max_rows;
		/* classes are those of the sample */
		column = &frame->columns[frame->target];
		if (column->type.kind == COLUMN_CATEGORY)
		{
			memset(column->counts, 0, sizeof(uint64) * column->ncategories);
			for (int i = 0; i < max_rows; i++)
				column->counts[column->codes[i]]++;
		}
	}
	return frame;
}

/*
 * What there is to know before a column is looked at.  quiet: say nothing of how the target is taken, and return false
 * where the rows cannot be split, which raises otherwise.
 */
static bool
leakage_begin(Leakage *leakage, Frame *frame, Oid relid, const char *target, bool quiet)
{
	memset(leakage, 0, sizeof(*leakage));
	leakage->frame = frame;
	leakage->values.algorithm = LEARN_FOREST;
	leakage->values.value[PARAM_RELATION].relation = relid;
	leakage->values.value[PARAM_TARGET].word = target;
	leakage->values.value[PARAM_ENCODE].given = true;
	leakage->values.value[PARAM_TARGET_SMOOTHING].number = SMOOTHING;
	leakage->values.value[PARAM_SEED].integer = SEED;
	leakage->features = feature_set_of_view(relid);
	if (leakage->features != NULL)
		leakage->withheld = set_withheld(leakage->features, target);
	if (quiet)
	{
		leakage->values.value[PARAM_TASK].given = true;
		leakage->values.value[PARAM_TASK].word = target_is_class(frame) ? "classification" : "regression";
	}
	target_resolve(leakage->frame, &leakage->values, &leakage->target);
	if (quiet)
		return holdout_try(leakage->frame, &leakage->target, NULL, 0, HOLDOUT_HASH, TEST_SHARE, SEED, STREAM_LEAKAGE,
						   NULL, &leakage->holdout);
	holdout_split(leakage->frame, &leakage->target, NULL, 0, HOLDOUT_HASH, TEST_SHARE, SEED, STREAM_LEAKAGE,
				  NULL, &leakage->holdout);
	return true;
}

/* The worst first; then as in the relation. */
static int
compare_findings(const void *a, const void *b)
{
	const Finding *x = a;
	const Finding *y = b;
	double		xscore = isnan(x->score) ? -INFINITY : x->score;
	double		yscore = isnan(y->score) ? -INFINITY : y->score;

	if (x->verdict != y->verdict)
		return x->verdict > y->verdict ? -1 : 1;
	if (xscore != yscore)
		return xscore > yscore ? -1 : 1;
	return x->column - y->column;
}

/* All columns but the target, the worst first; n of them. */
static Finding *
leakage_examine(Leakage *leakage, int *n)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "Echolon leakage of a column",
												  ALLOCSET_DEFAULT_SIZES);
	Finding    *findings = palloc(mul_size(sizeof(Finding), Max(leakage->frame->ncolumns, 1)));

	*n = 0;
	for (int c = 0; c < leakage->frame->ncolumns; c++)
	{
		if (c == leakage->frame->target)
			continue;
		findings[*n].column = c;
		column_examine(leakage, scratch, &findings[(*n)++]);
	}
	qsort(findings, *n, sizeof(Finding), compare_findings);
	MemoryContextDelete(scratch);
	return findings;
}

List *
leakage_find(Frame *frame, Oid relid, const char *target)
{
	Leakage		leakage;
	Finding    *findings;
	List	   *leaks = NIL;
	int			n;

	if (!leakage_begin(&leakage, frame, relid, target, true))
		return NIL;
	findings = leakage_examine(&leakage, &n);
	for (int i = 0; i < n && findings[i].verdict != VERDICT_OK; i++)
	{
		Leak	   *leak = palloc(sizeof(Leak));

		leak->column = frame->columns[findings[i].column].name;
		leak->certain = findings[i].verdict == VERDICT_LEAK;
		leak->reason = findings[i].reason;
		leaks = lappend(leaks, leak);
	}
	return leaks;
}

/* (relation, target, max_rows) -> (column_name, metric, score, verdict, reason), the worst first. */
Datum
echolon_check_leakage(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"relation", "target", "max_rows"};
	static const char *const verdicts[] = {"ok", "suspicious", "leak"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	Leakage		leakage;
	const char *target;
	Finding    *findings;
	int			n;
	int32		max_rows;

	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be NULL", names[i])));
	max_rows = PG_GETARG_INT32(2);
	if (max_rows < ROWS_LEAST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"max_rows\" is out of range"),
				 errdetail("It is %d, and must be at least %d.", max_rows, ROWS_LEAST)));
	InitMaterializedSRF(fcinfo, 0);

	context = AllocSetContextCreate(caller, "Echolon leakage", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	target = pstrdup(NameStr(*PG_GETARG_NAME(1)));
	(void) leakage_begin(&leakage, leakage_read(PG_GETARG_OID(0), target, max_rows), PG_GETARG_OID(0), target, false);
	findings = leakage_examine(&leakage, &n);
	for (int i = 0; i < n; i++)
	{
		const Finding *finding = &findings[i];
		Datum		row[5];
		bool		nulls[5] = {false};

		row[0] = CStringGetTextDatum(leakage.frame->columns[finding->column].name);
		row[1] = CStringGetTextDatum(scores_headline(&leakage.target));
		nulls[2] = !isfinite(finding->score);
		row[2] = Float8GetDatum(nulls[2] ? 0 : finding->score);
		row[3] = CStringGetTextDatum(verdicts[finding->verdict]);
		nulls[4] = finding->reason == NULL;
		row[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(finding->reason);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
