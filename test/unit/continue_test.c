/*
 * continue_test.c
 *		Training that goes on: where the rows are the same, the model of all rounds at once, bit for
 *		bit; where they are others, what two models apart say.
 */
#include "tables.h"

/* The rounds of a and then of b, of the curve that same_fit compares. */
static void
join_curves(const LearnFit *a, LearnFit *b)
{
	LearnCurvePoint *curve = malloc((a->ncurve + b->ncurve + 1) * sizeof(LearnCurvePoint));

	if (a->ncurve > 0)
		memcpy(curve, a->curve, a->ncurve * sizeof(LearnCurvePoint));
	if (b->ncurve > 0)
		memcpy(curve + a->ncurve, b->curve, b->ncurve * sizeof(LearnCurvePoint));
	free(b->curve);
	b->curve = curve;
	b->ncurve += a->ncurve;
}

/* What a forest estimates out of bag is not gone on with. */
static void
forget_oob(LearnFit *fit)
{
	free(fit->oob);
	free(fit->curve);
	fit->oob = NULL;
	fit->curve = NULL;
	fit->ncurve = 0;
}

/* Random tables and parameters: n rounds and m more are n + m. */
static void
test_same_rows(const char *name, LearnAlgorithm algorithm, uint32_t nclasses, int cases)
{
	static Table t;
	int			differ = 0;

	for (int c = 0; c < cases && differ < 3; c++)
	{
		LearnParams params,
					more;
		LearnFit	all,
					first,
					both;
		LearnStart	start = {.model = &first.model};

		make_table(&t, (uint64_t) c * 1000 + nclasses * 10 + algorithm + 5, nclasses);
		params = make_params(&t, algorithm);
		params.early_stopping_rounds = 0;
		params.n_estimators = 5;
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &all);
		more = params;
		params.n_estimators = (uint32_t) (1 + draw(&t, 4));
		more.n_estimators = 5 - params.n_estimators;
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &first);
		start.first = params.n_estimators;
		learn_continue(&unit_env, &start, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &more, &both);
		if (algorithm == LEARN_FOREST)
		{
			forget_oob(&all);
			differ += both.oob != NULL || both.ncurve != 0;
		}
		else
			join_curves(&first, &both);
		if (!same_fit(&all, &both, t.ntrain))
		{
			note("%s, case %d: %zu rows, %u and %u rounds, loss %d, subsample %g", name, c, t.ntrain, params.n_estimators,
				 more.n_estimators, params.loss, params.subsample);
			differ++;
		}
		fit_free(&all, t.data.nfeatures);
		fit_free(&first, t.data.nfeatures);
		fit_free(&both, t.data.nfeatures);
	}
	okf(differ == 0, "%s: %d cases go on to the same bits", name, cases);
}

/* Output k of a row of the table. */
static double
predicted(const LearnModel *model, const LearnData *data, size_t row, uint32_t k)
{
	double		x[MAX_FEATURES],
				out[LEARN_MAX_CLASSES];
	uint32_t	codes[MAX_FEATURES];

	row_numbers(data, row, x);
	learn_predict_row(model, x, codes, out);
	return out[k];
}

/*
 * A forest that lost its oldest trees and got new ones, fitted to other rows: the mean of the predictions
 * of the trees that stayed, and of a forest of the new rows alone.
 */
static void
test_forest_other_rows(uint32_t nclasses)
{
	static Table t;
	int			wrong = 0,
				misfit = 0;

	for (int c = 0; c < 60; c++)
	{
		LearnParams params;
		LearnFit	old,
					fresh,
					both;
		LearnStart	start = {.model = &old.model, .dropped = 2, .first = 6};
		size_t		half;

		make_table(&t, (uint64_t) c * 77 + nclasses, nclasses);
		half = t.ntrain / 2;
		if (half == 0)
			continue;
		params = make_params(&t, LEARN_FOREST);
		params.n_estimators = 6;
		if (t.data.weight)		/* both halves have some */
			t.weight[t.train[half]] = 1.0;
		learn_fit(&unit_env, &t.data, t.train, half, NULL, 0, &params, &old);
		params.n_estimators = 3;
		learn_continue(&unit_env, &start, &t.data, t.train + half, t.ntrain - half, NULL, 0, &params, &both);

		/* the new trees alone are a forest whose older trees are all dropped */
		start.dropped = 6;
		learn_continue(&unit_env, &start, &t.data, t.train + half, t.ntrain - half, NULL, 0, &params, &fresh);
		for (size_t i = 0; i < t.data.nrows && wrong < 3; i++)
			for (uint32_t k = 0; k < learn_noutputs(&both.model); k++)
			{
				LearnModel	four = old.model;
				double		want;

				/* trees 2 .. 5 of six, as a model that shares the arrays */
				four.ntrees = 4;
				four.tree_first += 2;
				four.tree_first_set += 2;
				want = (4 * predicted(&four, &t.data, i, k) + 3 * predicted(&fresh.model, &t.data, i, k)) / 7;
				if (!(fabs(want - predicted(&both.model, &t.data, i, k)) <= 1e-9 * fmax(1.0, fabs(want))))
				{
					note("case %d row %zu: %.17g, not %.17g", c, i, predicted(&both.model, &t.data, i, k), want);
					wrong++;
				}
			}
		/* used thresholds and entries only */
		misfit += both.model.ntrees != 7 || both.model.nthresholds > old.model.nthresholds + fresh.model.nthresholds ||
			both.model.nleaves > old.model.nleaves + fresh.model.nleaves;
		fit_free(&old, t.data.nfeatures);
		fit_free(&fresh, t.data.nfeatures);
		fit_free(&both, t.data.nfeatures);
	}
	okf(wrong == 0, "forest, %u classes: the oldest trees went, the new ones came", nclasses);
	okf(misfit == 0, "forest, %u classes: nothing of the old trees is left behind", nclasses);
}

/* Boosting on other rows: their loss falls, and the old trees are still the first. */
static void
test_boosting_other_rows(uint32_t nclasses)
{
	static Table t;
	int			rose = 0,
				changed = 0,
				ncases = 0;

	for (int c = 0; c < 60; c++)
	{
		LearnParams params;
		LearnFit	old,
					both;
		LearnStart	start = {.model = &old.model};
		size_t		half;

		make_table(&t, (uint64_t) c * 91 + nclasses, nclasses);
		half = t.ntrain / 2;
		if (half < 20)
			continue;
		params = make_params(&t, LEARN_BOOSTING);
		params.early_stopping_rounds = 0;
		params.subsample = 1.0;
		params.learning_rate = 0.1;
		params.n_estimators = 3;
		/* of a convex loss with Newton steps, or one that is renewed, it falls; of huber delta moves */
		if (params.loss == LOSS_HUBER)
			params.loss = LOSS_SQUARED_ERROR;
		if (t.data.weight)
			t.weight[t.train[half]] = 1.0;
		learn_fit(&unit_env, &t.data, t.train, half, NULL, 0, &params, &old);
		start.first = old.rounds;
		params.n_estimators = 8;
		learn_continue(&unit_env, &start, &t.data, t.train + half, t.ntrain - half, t.train, half, &params, &both);
		ncases++;
		rose += !(both.curve[7].train <= both.curve[0].train + 1e-9 * fabs(both.curve[0].train));
		changed += both.curve[0].n_estimators != 4 || both.curve[7].n_estimators != 11 || isnan(both.curve[0].watched) ||
			memcmp(both.model.base, old.model.base, old.model.nscores * sizeof(double)) != 0 ||
			memcmp(both.model.covers, old.model.covers, old.model.nnodes * sizeof(float)) != 0 ||
			both.model.ntrees != old.model.ntrees + 8 * old.model.nscores;
		fit_free(&old, t.data.nfeatures);
		fit_free(&both, t.data.nfeatures);
	}
	okf(ncases > 10 && rose == 0, "boosting, %u classes: the loss on new rows falls (%d cases)", nclasses, ncases);
	okf(changed == 0, "boosting, %u classes: what was there stays", nclasses);
}

/* Ever again, and every tree replaced in the end. */
static void
test_many_times(void)
{
	static Table t;
	LearnParams params;
	LearnFit	now;
	bool		good = true;

	make_table(&t, 12345, 3);
	params = forest_params(&t.data, 6);
	params.bootstrap = true;
	learn_fit(&unit_env, &t.data, t.train, t.ntrain, NULL, 0, &params, &now);
	params.n_estimators = 2;
	for (uint32_t i = 0; i < 12; i++)
	{
		LearnFit	next;
		LearnStart	start = {.model = &now.model, .dropped = 2, .first = 6 + 2 * i};

		learn_continue(&unit_env, &start, &t.data, t.train, t.ntrain, NULL, 0, &params, &next);
		good = good && next.model.ntrees == 6 && next.model.tree_first[6] == next.model.nnodes;
		fit_free(&now, t.data.nfeatures);
		now = next;
	}
	for (uint32_t f = 0; f < t.data.nfeatures; f++)
		good = good && isfinite(now.model.gain[f]) && now.model.gain[f] >= 0.0;
	ok(good, "a forest that is gone on from twelve times keeps its size");

	/* trees 24 .. 29 of a forest of 30 are what is left */
	{
		LearnFit	whole,
					last;
		LearnStart	start = {.dropped = 24, .first = 30};
		bool		equal = true;

		params.n_estimators = 30;
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, NULL, 0, &params, &whole);
		params.n_estimators = 1;
		start.model = &whole.model;
		learn_continue(&unit_env, &start, &t.data, t.train, t.ntrain, NULL, 0, &params, &last);
		/* node for node, but for the seventh tree */
		equal = last.model.ntrees == 7 && last.model.tree_first[6] == now.model.nnodes &&
			memcmp(last.model.covers, now.model.covers, now.model.nnodes * sizeof(float)) == 0;
		ok(equal, "and its trees are those that one training would have made last");
		fit_free(&whole, t.data.nfeatures);
		fit_free(&last, t.data.nfeatures);
	}
	fit_free(&now, t.data.nfeatures);
}

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fmax(1.0, fmax(fabs(a), fabs(b)));
}

/* Statistics of two halves together are those of all rows, and every row is in some bin. */
static void
test_stats(void)
{
	static Table t;
	int			wrong = 0;

	for (int c = 0; c < 100; c++)
	{
		LearnParams params;
		LearnFit	all,
					old,
					both;
		LearnStart	start = {.model = &old.model};
		size_t		half;

		make_table(&t, (uint64_t) c * 13 + 3, 0);
		half = t.ntrain / 2;
		if (half == 0)
			continue;
		t.data.weight = NULL;
		params = forest_params(&t.data, 1);
		params.max_depth = 1;
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, NULL, 0, &params, &all);
		learn_fit(&unit_env, &t.data, t.train, half, NULL, 0, &params, &old);
		start.stats = old.stats;
		learn_continue(&unit_env, &start, &t.data, t.train + half, t.ntrain - half, NULL, 0, &params, &both);
		for (uint32_t f = 0; f < t.data.nfeatures; f++)
		{
			const LearnStats *a = &all.stats[f],
					   *b = &both.stats[f];
			uint64_t	rows = 0;
			bool		infinite = false,
						good = a->count == b->count && a->missing == b->missing;

			for (uint32_t i = 0; i < b->nbins; i++)
				rows += b->counts[i];
			good = good && rows == b->count;
			if (t.columns[f].kind == LEARN_CATEGORY)
				good = good && a->nbins == b->nbins && memcmp(a->counts, b->counts, a->nbins * sizeof(uint64_t)) == 0;
			else
			{
				for (size_t i = 0; i < t.data.nrows; i++)
					infinite = infinite || isinf(t.values[f][i]);
				for (uint32_t i = 1; i < b->nbins; i++)
					good = good && b->upper[i - 1] < b->upper[i];
				/* infinities count, and have no mean */
				good = good && (infinite || (a->minimum == b->minimum && a->maximum == b->maximum &&
											 near(a->mean, b->mean) && near(a->stddev, b->stddev)));
			}
			if (!good)
				note("case %d, feature %u: %g %g %g %g, not %g %g %g %g", c, f, b->minimum, b->maximum, b->mean, b->stddev,
					 a->minimum, a->maximum, a->mean, a->stddev);
			wrong += !good;
		}
		fit_free(&all, t.data.nfeatures);
		fit_free(&old, t.data.nfeatures);
		fit_free(&both, t.data.nfeatures);
	}
	ok(wrong == 0, "statistics of older and newer rows are those of all");
}

int
main(void)
{
	test_stats();
	test_same_rows("forest, regression", LEARN_FOREST, 0, 150);
	test_same_rows("forest, two classes", LEARN_FOREST, 2, 100);
	test_same_rows("forest, five classes", LEARN_FOREST, 5, 100);
	test_same_rows("boosting, regression", LEARN_BOOSTING, 0, 300);
	test_same_rows("boosting, two classes", LEARN_BOOSTING, 2, 150);
	test_same_rows("boosting, four classes", LEARN_BOOSTING, 4, 100);
	test_forest_other_rows(0);
	test_forest_other_rows(2);
	test_forest_other_rows(4);
	test_boosting_other_rows(0);
	test_boosting_other_rows(2);
	test_boosting_other_rows(3);
	test_many_times();
	return done();
}
