/*
 * learn_test.c
 *		The learner: the fast way of growing trees against the naive one, whole
 *		models bit for bit, and behaviour on data of every kind.
 */
#include "tables.h"

#include "learn/forest.h"

/* Equal to 12 digits. */
static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-12 * fmax(1.0, fmax(fabs(a), fabs(b)));
}

/* ---- comparison ------------------------------------------------------------ */

/* Does a row alone get the bits it gets among others? */
static bool
same_predictions(const LearnData *data, const LearnModel *model)
{
	uint32_t	k = learn_noutputs(model);
	double	   *many = malloc(data->nrows * k * sizeof(double));
	double	   *one = malloc(k * sizeof(double));
	double	   *x = malloc(data->nfeatures * sizeof(double));
	uint32_t   *codes = malloc(data->nfeatures * sizeof(uint32_t));
	bool		good = true;

	learn_predict_columns(&unit_env, model, data->columns, NULL, data->nrows, many);
	for (size_t i = 0; i < data->nrows && good; i++)
	{
		row_numbers(data, i, x);
		learn_predict_row(model, x, codes, one);
		good = same(one, many + i * k, k, sizeof(double), "predictions");
		for (uint32_t c = 0; c < k; c++)
			good = good && isfinite(one[c]);
	}
	free(many);
	free(one);
	free(x);
	free(codes);
	return good;
}

/* Hundreds of random cases of one kind. */
static void
test_naive(const char *name, LearnAlgorithm algorithm, uint32_t nclasses, int cases)
{
	static Table t;
	int			differ = 0;
	uint64_t	splits = 0,
				sets = 0;

	for (int c = 0; c < cases && differ < 3; c++)
	{
		LearnParams params;
		LearnFit	fast,
					naive;

		make_table(&t, (uint64_t) c * 1000 + nclasses * 10 + algorithm, nclasses);
		params = make_params(&t, algorithm);
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &fast);
		learn_fit_naive(&unit_env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &naive);
		if (!same_fit(&fast, &naive, t.ntrain) || !same_predictions(&t.data, &fast.model))
		{
			differ++;
			note("case %d: %zu rows, %u features, loss %d, criterion %d, random %d, weights %d",
				 c, t.ntrain, t.data.nfeatures, params.loss, params.criterion, params.split_rule,
				 t.data.weight != NULL);
		}
		splits += fast.model.nnodes - fast.model.ntrees;
		sets += fast.model.nsets;
		fit_free(&fast, t.data.nfeatures);
		fit_free(&naive, t.data.nfeatures);
	}
	okf(differ == 0 && splits > 0 && sets > 0, "%s: %d random cases as the naive twin grows them (%lu splits, %lu sets)",
		name, cases, (unsigned long) splits / 2, (unsigned long) sets);
}

/* ---- behaviour --------------------------------------------------------------- */

/* A table of the caller's own making. */
typedef struct Small
{
	LearnData	data;
	LearnColumn columns[4];
} Small;

static LearnData *
small_data(Small *s, size_t n, uint32_t nfeatures, const double *const *values,
		   const double *target, uint32_t nclasses)
{
	memset(s, 0, sizeof(*s));
	s->data.nrows = n;
	s->data.nfeatures = nfeatures;
	s->data.columns = s->columns;
	s->data.target = target;
	s->data.nclasses = nclasses;
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		s->columns[f].kind = LEARN_NUMERIC;
		s->columns[f].values = values[f];
	}
	return &s->data;
}

/* Predictions of all rows of the data; for free(). */
static double *
predict_all(const LearnData *data, const LearnFit *fit)
{
	double	   *out = malloc(data->nrows * learn_noutputs(&fit->model) * sizeof(double));

	learn_predict_columns(&unit_env, &fit->model, data->columns, NULL, data->nrows, out);
	return out;
}

static double
uniform(uint64_t stream, uint64_t i)
{
	return hash_unit(hash_random(11, stream, i));
}

static void
test_repeat(void)
{
	static Table t;
	bool		good = true;

	for (int c = 0; c < 30; c++)
	{
		LearnParams params;
		LearnFit	a,
					b;

		make_table(&t, (uint64_t) c + 500, c % 3 == 0 ? 0 : 3);
		params = make_params(&t, c % 2 ? LEARN_FOREST : LEARN_BOOSTING);
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &a);
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &b);
		good = good && same_fit(&a, &b, t.ntrain);
		fit_free(&a, t.data.nfeatures);
		fit_free(&b, t.data.nfeatures);
	}
	ok(good, "the same bits when repeated");
}

/* One target of 1e9, and one feature value of 1e9, among thousands between 0 and 1. */
static void
test_outlier(void)
{
	enum
	{
		N = 3000
	};
	static double x[N],
				z[N],
				y[N];
	const double *values[] = {x, z};
	Small		s;
	LearnData  *data = small_data(&s, N, 2, values, y, 0);

	for (int i = 0; i < N; i++)
	{
		x[i] = uniform(1, (uint64_t) i);
		z[i] = uniform(2, (uint64_t) i);
		y[i] = x[i] > 0.5 ? 0.001 : 0.0;
	}
	x[7] = 1e9;
	y[1234] = 1e9;
	for (int algorithm = LEARN_FOREST; algorithm <= LEARN_BOOSTING; algorithm++)
		for (int weighted = 0; weighted < 2; weighted++)
		{
			static double weight[N];
			LearnParams params = algorithm == LEARN_FOREST ? forest_params(data, 1) :
				boosting_params(data, 20);
			double		worst = 0.0;
			double	   *out;
			LearnFit	fit;

			for (int i = 0; i < N; i++)
				weight[i] = 0.1 + uniform(3, (uint64_t) i);
			data->weight = weighted ? weight : NULL;
			params.learning_rate = 1.0;
			params.max_leaf_nodes = 0;
			params.max_bins = 4096;
			fit = fit_all(data, &params);
			out = predict_all(data, &fit);
			for (int i = 0; i < N; i++)
				if (i != 1234 && !(fabs(out[i] - y[i]) <= worst))
					worst = fabs(out[i] - y[i]);
			okf(worst < 2e-4, "%s%s sees 0.001 beside 1e9 (error at most %.2g)",
				algorithm == LEARN_FOREST ? "a forest" : "boosting", weighted ? " with weights" : "", worst);
			free(out);
			fit_free(&fit, 2);
		}

	/* the default number of bins: one far value must not take them */
	data->weight = NULL;
	y[1234] = 0.0005;
	{
		LearnParams params = boosting_params(data, 1);
		double		error = 0.0;
		double	   *out;
		LearnFit	fit;

		params.learning_rate = 1.0;
		params.max_leaf_nodes = 2;
		fit = fit_all(data, &params);
		out = predict_all(data, &fit);
		for (int i = 0; i < N; i++)
			error += fabs(out[i] - y[i]);
		okf(error / N < 2e-5, "a value of 1e9 does not take the bins of the others (mean error %.2g)", error / N);
		free(out);
		fit_free(&fit, 2);
	}
}

/* 300 levels that say nothing: one split must not find anything in them. */
static void
test_noise_levels(void)
{
	enum
	{
		N = 1000
	};
	static uint32_t codes[N];
	static double y[N],
				label[N];
	LearnColumn column = {.kind = LEARN_CATEGORY, .codes = codes, .ncategories = 300};
	LearnData	data = {.nrows = N, .nfeatures = 1, .columns = &column, .target = y};

	for (int classes = 0; classes <= 3; classes++)
	{
		double		total = 0.0,
					left = 0.0,
					mean = 0.0;
		LearnParams params;
		double	   *out;
		LearnFit	fit;

		if (classes == 1)
			continue;
		for (int i = 0; i < N; i++)
		{
			codes[i] = (uint32_t) hash_below(hash_random(3, 1, (uint64_t) i), 300);
			y[i] = uniform(4, (uint64_t) i);
			label[i] = classes > 0 ? floor(y[i] * classes) : 0.0;
		}
		data.target = classes > 0 ? label : y;
		data.nclasses = (uint32_t) classes;
		params = forest_params(&data, 1);
		params.max_leaf_nodes = 2;
		fit = fit_all(&data, &params);
		out = predict_all(&data, &fit);
		for (int i = 0; i < N; i++)
			mean += (classes > 0 ? label[i] == 1.0 : y[i]) / N;
		for (int i = 0; i < N; i++)
		{
			double		truth = classes > 0 ? label[i] == 1.0 : y[i];
			double		p = out[classes > 0 ? i * classes + 1 : i];

			total += (truth - mean) * (truth - mean);
			left += (truth - p) * (truth - p);
		}
		okf(1.0 - left / total < 0.02, "300 levels of noise are not learned, %d classes (R2 %.3f)", classes,
			1.0 - left / total);
		free(out);
		fit_free(&fit, 1);
	}
}

/* 50 levels that do say something. */
static void
test_signal_levels(void)
{
	enum
	{
		N = 4000
	};
	static uint32_t codes[N];
	static double y[N],
				label[N];
	LearnColumn column = {.kind = LEARN_CATEGORY, .codes = codes, .ncategories = 50};
	LearnData	data = {.nrows = N, .nfeatures = 1, .columns = &column};

	for (int algorithm = LEARN_FOREST; algorithm <= LEARN_BOOSTING; algorithm++)
		for (uint32_t k = 0; k <= 3; k++)
		{
			double		left = 0.0,
						total = 0.0;
			LearnParams params;
			double	   *out;
			LearnFit	fit;

			if (k == 1)
				continue;
			for (int i = 0; i < N; i++)
			{
				codes[i] = (uint32_t) hash_below(hash_random(3, 2, (uint64_t) i), 50);
				y[i] = (double) (codes[i] * 37 % 50);
				label[i] = k > 0 ? codes[i] * 37 % k : 0;
			}
			data.target = k > 0 ? label : y;
			data.nclasses = k;
			params = algorithm == LEARN_FOREST ? forest_params(&data, 1) : boosting_params(&data, 50);
			fit = fit_all(&data, &params);
			out = predict_all(&data, &fit);
			for (int i = 0; i < N; i++)
			{
				double		d = k > 0 ? 1.0 - out[i * (int) k + (int) label[i]] : y[i] - out[i];

				left += d * d;
				total += k > 0 ? 1.0 : (y[i] - 24.5) * (y[i] - 24.5);
			}
			okf(left / total < 0.01, "50 levels of signal are learned, %s, %u classes (%.2g left)",
				algorithm == LEARN_FOREST ? "forest" : "boosting", k, left / total);
			free(out);
			fit_free(&fit, 1);
		}
}

static void
test_degenerate(void)
{
	static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8},
				missing[] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
				infinite[] = {-INFINITY, -INFINITY, 0, 0, INFINITY, INFINITY, NAN, NAN},
				constant[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1},
				steps[] = {1, 1, 2, 2, 3, 3, 4, 4},
				classes[] = {0, 1, 0, 1, 1, 0, 1, 0};
	const double *values[] = {x, missing, infinite};
	Small		s;
	LearnData  *data;
	LearnParams params;
	LearnFit	fit;
	double	   *out;
	double		row[3] = {4.5, NAN, NAN};
	uint32_t	codes[3];
	double		one[2];
	bool		good = true;

	for (int algorithm = LEARN_FOREST; algorithm <= LEARN_BOOSTING; algorithm++)
	{
		data = small_data(&s, 8, 3, values, constant, 0);
		params = algorithm == LEARN_FOREST ? forest_params(data, 5) : boosting_params(data, 5);
		params.bootstrap = true;
		fit = fit_all(data, &params);
		out = predict_all(data, &fit);
		for (int i = 0; i < 8; i++)
			good = good && out[i] == 0.1;
		good = good && fit.model.nnodes == 5;
		free(out);
		fit_free(&fit, 3);
	}
	ok(good, "a constant target gives trees of one leaf and the constant itself");

	good = true;
	for (int algorithm = LEARN_FOREST; algorithm <= LEARN_BOOSTING; algorithm++)
		for (uint32_t k = 0; k <= 2; k += 2)
		{
			data = small_data(&s, 1, 3, values, k == 0 ? steps : classes, k);
			params = algorithm == LEARN_FOREST ? forest_params(data, 3) : boosting_params(data, 3);
			params.bootstrap = true;
			fit = fit_all(data, &params);
			learn_predict_row(&fit.model, row, codes, one);
			good = good && (k == 0 ? one[0] == 1.0 : one[0] > 0.99);
			good = good && (fit.oob == NULL || isnan(fit.oob[0]));
			fit_free(&fit, 3);
		}
	ok(good, "one row");

	/* a column of missing values alone, and one whose values have to be told from infinities and missing */
	data = small_data(&s, 8, 1, values + 1, steps, 0);
	params = forest_params(data, 1);
	fit = fit_all(data, &params);
	learn_predict_row(&fit.model, row, codes, one);
	ok(fit.model.nnodes == 1 && one[0] == 2.5 && fit.stats[0].count == 0 && fit.stats[0].missing == 8,
	   "a column of missing values");
	fit_free(&fit, 1);

	data = small_data(&s, 8, 1, values + 2, steps, 0);
	params = forest_params(data, 1);
	fit = fit_all(data, &params);
	out = predict_all(data, &fit);
	good = true;
	for (int i = 0; i < 8; i++)
		good = good && near(out[i], steps[i]);
	for (uint64_t i = 0; i < fit.model.nthresholds; i++)
		good = good && isfinite(fit.model.thresholds[i]);
	ok(good, "infinities and missing values are told apart by finite thresholds");
	row[0] = -DBL_MAX;
	learn_predict_row(&fit.model, row, codes, one);
	ok(one[0] == 1.0, "the lowest double goes with -infinity");
	ok(fit.stats[0].count == 6 && fit.stats[0].missing == 2 && fit.stats[0].minimum == 0 &&
	   fit.stats[0].maximum == 0 && fit.stats[0].nbins == 3 && fit.stats[0].counts[1] == 2,
	   "statistics of a column with infinities");
	free(out);
	fit_free(&fit, 1);

	data = small_data(&s, 8, 1, values, steps, 0);
	params = forest_params(data, 1);
	fit = fit_all(data, &params);
	ok(fit.model.nthresholds == 3 && fit.model.thresholds[0] == 2.5 && fit.model.thresholds[1] == 4.5 &&
	   fit.model.thresholds[2] == 6.5 && fit.model.covers[0] == 8.0f, "thresholds are midpoints");
	ok(near(fit.stats[0].mean, 4.5) && near(fit.stats[0].stddev, sqrt(6.0)) && fit.stats[0].nbins == 8,
	   "mean and standard deviation");
	ok(near(fit.model.gain[0], 10.0) && fit.model.splits[0] == 3,
	   "gain is the sum of squares that splits take away");
	fit_free(&fit, 1);
}

/* Weights are as good as repeated rows. */
static void
test_weights(void)
{
	enum
	{
		N = 120
	};
	static double x[2][3 * N],
				y[3 * N],
				w[3 * N];
	const double *values[] = {x[0], x[1]};
	bool		good = true;

	for (uint32_t k = 0; k <= 3; k++)
		for (int algorithm = LEARN_FOREST; algorithm <= LEARN_BOOSTING; algorithm++)
		{
			size_t		n = N;
			Small		s;
			LearnData  *data;
			LearnParams params;
			LearnFit	weighted,
						repeated;
			double	   *a,
					   *b;

			/* boosting of classes has a smallest hessian in units of the mean weight, which differs */
			if (k == 1 || (algorithm == LEARN_BOOSTING && k > 0))
				continue;
			for (size_t i = 0; i < N; i++)
			{
				x[0][i] = uniform(20, i);
				x[1][i] = floor(uniform(21, i) * 5.0);
				y[i] = k > 0 ? floor(uniform(22, i) * k) : x[0][i] * 3.0 + uniform(22, i);
				w[i] = 1.0 + floor(uniform(23, i) * 3.0);
			}
			data = small_data(&s, N, 2, values, y, k);
			data->weight = w;
			params = algorithm == LEARN_FOREST ? forest_params(data, 1) : boosting_params(data, 5);
			params.max_depth = 4;
			weighted = fit_all(data, &params);
			a = predict_all(data, &weighted);
			for (size_t i = 0; i < N; i++)
				for (int j = 1; j < (int) w[i]; j++, n++)
				{
					x[0][n] = x[0][i];
					x[1][n] = x[1][i];
					y[n] = y[i];
				}
			data->nrows = n;
			data->weight = NULL;
			repeated = fit_all(data, &params);
			b = predict_all(data, &repeated);
			for (size_t i = 0; i < N * (k > 0 ? k : 1); i++)
				good = good && fabs(a[i] - b[i]) < 1e-9;
			good = good && weighted.model.covers[0] == repeated.model.covers[0];
			free(a);
			free(b);
			fit_free(&weighted, 2);
			fit_free(&repeated, 2);
		}
	ok(good, "a weight of 3 is three rows");
}

/* Only the proportions of weights count, in boosting too. */
static void
test_weight_units(void)
{
	enum
	{
		N = 300
	};
	static double x[2][N],
				y[N],
				w[N],
				scaled[N];
	const double *values[] = {x[0], x[1]};
	bool		good = true;

	for (uint32_t k = 0; k <= 3; k++)
		for (int algorithm = LEARN_FOREST; algorithm <= LEARN_BOOSTING; algorithm++)
		{
			Small		s;
			LearnData  *data = small_data(&s, N, 2, values, y, k);
			LearnParams params = algorithm == LEARN_FOREST ? forest_params(data, 3) : boosting_params(data, 5);
			LearnFit	one,
						other;
			double	   *a,
					   *b;

			if (k == 1)
				continue;
			for (size_t i = 0; i < N; i++)
			{
				x[0][i] = uniform(70, i);
				x[1][i] = floor(uniform(71, i) * 5.0);
				y[i] = k > 0 ? floor(uniform(72, i) * k) : x[0][i] * 3.0 + uniform(72, i);
				w[i] = 0.25 + uniform(73, i);
				scaled[i] = w[i] / 1024.0;
			}
			data->weight = w;
			one = fit_all(data, &params);
			a = predict_all(data, &one);
			data->weight = scaled;
			other = fit_all(data, &params);
			b = predict_all(data, &other);
			good = good && one.model.nnodes == other.model.nnodes && one.model.nnodes > 30;
			for (size_t i = 0; i < N * (k > 0 ? k : 1); i++)
				good = good && fabs(a[i] - b[i]) < 1e-9;
			free(a);
			free(b);
			fit_free(&one, 2);
			fit_free(&other, 2);
		}
	ok(good, "weights a thousand times as small give the same model");
}

/* Predictions follow the direction of a constrained feature. */
static void
test_monotone(void)
{
	enum
	{
		N = 800
	};
	static double x[N],
				z[N],
				y[N];
	const double *values[] = {x, z};
	bool		bent = false,
				good = true;

	for (int i = 0; i < N; i++)
	{
		x[i] = uniform(30, (uint64_t) i);
		z[i] = uniform(31, (uint64_t) i);
		y[i] = x[i] + 0.5 * sin(12.0 * x[i]) + z[i] + 0.3 * uniform(32, (uint64_t) i);
	}
	for (int direction = -1; direction <= 1; direction++)
		for (int kind = 0; kind < 3; kind++)
		{
			Small		s;
			LearnData  *data = small_data(&s, N, 2, values, y, 0);
			LearnParams params = kind == 0 ? forest_params(data, 10) : boosting_params(data, 40);
			LearnFit	fit;
			uint32_t	codes[2];

			s.columns[0].monotone = (int8_t) direction;
			params.min_samples_leaf = 5;
			params.bootstrap = true;
			if (kind == 2)
				params.loss = LOSS_ABSOLUTE_ERROR;
			fit = fit_all(data, &params);
			for (int j = 0; j < 20; j++)
			{
				double		before = NAN;

				for (int i = 0; i <= 200; i++)
				{
					double		row[2] = {i / 200.0, j / 20.0};
					double		out;

					learn_predict_row(&fit.model, row, codes, &out);
					if (direction != 0 && (out - before) * direction < 0.0)
						good = false;
					if (direction == 0 && out < before - 0.05)
						bent = true;
					before = out;
				}
			}
			fit_free(&fit, 2);
		}
	ok(good && bent, "constrained features only rise, or only fall");
}

/* Out-of-bag estimates from single trees and their bags. */
static void
test_oob(void)
{
	static Table t;
	bool		good = true;
	int			compared = 0;

	for (int c = 0; c < 12; c++)
	{
		uint32_t	nclasses = (uint32_t) (c % 3 == 0 ? 0 : c % 3 + 1);
		uint32_t	k = nclasses > 0 ? nclasses : 1;
		LearnParams params;
		LearnFit	fit;
		Bins		bins;
		Matrix		matrix;
		ForestPlan	plan;
		ForestWorker *worker;
		size_t		words;
		double	   *sums,
				   *out;
		uint32_t   *count;

		do
			make_table(&t, (uint64_t) (c + 1) * 77 + t.drawn, nclasses);
		while (t.ntrain < 20);
		params = make_params(&t, LEARN_FOREST);
		params.bootstrap = true;
		params.n_estimators = 12;
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, NULL, 0, &params, &fit);

		words = (t.ntrain + 63) / 64;
		sums = calloc(t.ntrain * k, sizeof(double));
		out = malloc(t.ntrain * k * sizeof(double));
		count = calloc(t.ntrain, sizeof(uint32_t));
		bins_make(&unit_env, &t.data, t.train, t.ntrain, params.max_bins, &bins);
		matrix_make(&unit_env, &t.data, t.train, t.ntrain, &bins, t.data.nfeatures, &matrix);
		forest_plan_make(&unit_env, &t.data, t.train, t.ntrain, &bins, &matrix, &params, &plan);
		worker = forest_worker_create(&unit_env, &plan, &grow_naive);
		for (uint32_t tree = params.n_estimators; tree-- > 0;)
		{
			uint64_t   *bag = calloc(words, sizeof(uint64_t));
			LearnFit	single = {.model.algorithm = LEARN_FOREST};
			GrownTree	grown;

			forest_grow_tree(worker, tree, bag, &grown);
			assemble_model(&unit_env, &t.data, &bins, &grown, 1, 1, NULL, &single.model);
			learn_predict_columns(&unit_env, &single.model, t.columns, t.train, t.ntrain, out);
			for (size_t i = 0; i < t.ntrain; i++)
				if (!(bag[i / 64] >> (i % 64) & 1))
				{
					count[i]++;
					for (uint32_t j = 0; j < k; j++)
						sums[i * k + j] += out[i * k + j];
				}
			single.stats = calloc(t.data.nfeatures, sizeof(LearnStats));
			fit_free(&single, t.data.nfeatures);
			free(bag);
		}
		for (size_t i = 0; i < t.ntrain; i++)
			for (uint32_t j = 0; j < k; j++)
			{
				double		expected = count[i] > 0 ? sums[i * k + j] / count[i] : NAN;

				compared += count[i] > 0;
				if (isnan(expected) ? !isnan(fit.oob[i * k + j]) :
					!(fabs(expected - fit.oob[i * k + j]) <= 1e-12 * fmax(1.0, fabs(expected))))
					good = false;
			}
		forest_worker_free(worker);
		forest_plan_free(&unit_env, &plan);
		matrix_free(&unit_env, &matrix);
		bins_free(&unit_env, &bins);
		free(sums);
		free(out);
		free(count);
		fit_free(&fit, t.data.nfeatures);
	}
	okf(good && compared > 1000, "out-of-bag estimates as from single trees and their bags (%d compared)", compared);
}

/* Is a code in a set, by the header's description of sets? */
static bool
in_set(const uint32_t *set, uint32_t code)
{
	uint32_t	n = set[0] & SET_LENGTH_MASK;

	if (set[0] & SET_BITMAP)
		return code / 32 < n && (set[1 + code / 32] & (1u << (code % 32)));
	for (uint32_t i = 1; i <= n; i++)
		if (set[i] == code)
			return true;
	return false;
}

/* The child of a split that a row goes to, from its values, by the description in learn.h. */
static uint64_t
next_node(const LearnModel *m, uint32_t tree, uint64_t node, const double *x)
{
	LearnNode	split = m->nodes[m->tree_first[tree] + node];
	uint32_t	f = split.split.feature & NODE_FEATURE_MASK;
	bool		missing_left = (split.split.child & NODE_MISSING_LEFT) != 0;
	bool		left;

	if (isnan(x[f]))
		left = missing_left;
	else if (m->features[f].kind == LEARN_NUMERIC)
		left = x[f] <= m->thresholds[m->features[f].first_threshold + split.split.rank];
	else
	{
		uint64_t	set = m->tree_first_set[tree] + split.split.rank;

		left = in_set(m->set_words + m->set_first[set], (uint32_t) x[f]) ? !missing_left : missing_left;
	}
	return (split.split.child & NODE_CHILD_MASK) + (left ? 0 : 1);
}

/*
 * Training rows that walk the finished model by their values reach each node as often as they were there when it was
 * grown, and the sum of their leaves is the prediction.
 */
static void
test_walk(void)
{
	static Table t;
	bool		good = true,
				sums = true;
	size_t		walked = 0;

	for (int c = 0; c < 120; c++)
	{
		LearnParams params;
		LearnFit	fit;
		const LearnModel *m = &fit.model;
		double	   *weight,
				   *out;

		make_table(&t, (uint64_t) c * 13 + 3, c % 3 == 0 ? 2 : 0);
		params = make_params(&t, c % 2 ? LEARN_FOREST : LEARN_BOOSTING);
		params.bootstrap = false;
		params.max_samples = params.subsample = 1.0;
		if (params.algorithm == LEARN_BOOSTING)
		{
			params.loss = LOSS_SQUARED_ERROR;
			t.data.nclasses = 0;
		}
		learn_fit(&unit_env, &t.data, t.train, t.ntrain, NULL, 0, &params, &fit);
		weight = calloc(m->nnodes, sizeof(double));
		out = predict_all(&t.data, &fit);
		for (size_t i = 0; i < t.ntrain; i++)
		{
			double		x[MAX_FEATURES];
			double		w = t.data.weight ? t.weight[t.train[i]] : 1.0;
			double		sum = m->algorithm == LEARN_FOREST ? 0.0 : m->base[0];

			row_numbers(&t.data, t.train[i], x);
			for (uint32_t tree = 0; tree < m->ntrees; tree++)
			{
				uint64_t	node = 0;
				bool		leaf = m->tree_first[tree + 1] - m->tree_first[tree] == 1;

				weight[m->tree_first[tree]] += w;
				while (!leaf)
				{
					uint64_t	next = next_node(m, tree, node, x);
					LearnNode	split = m->nodes[m->tree_first[tree] + node];

					leaf = split.split.feature &
						(next == (split.split.child & NODE_CHILD_MASK) ? NODE_LEFT_LEAF : NODE_RIGHT_LEAF);
					node = next;
					weight[m->tree_first[tree] + node] += w;
					walked++;
				}
				sum += m->nodes[m->tree_first[tree] + node].value;
			}
			if (m->algorithm == LEARN_FOREST)
				sum /= m->ntrees;
			sums = sums && sum == out[m->nclasses == 2 ? 2 * t.train[i] + 1 : t.train[i]];
		}
		for (uint64_t i = 0; i < m->nnodes; i++)
			if (!(fabs(weight[i] - m->covers[i]) <= 1e-3 * fmax(1.0, weight[i])))
				good = false;
		free(weight);
		free(out);
		fit_free(&fit, t.data.nfeatures);
	}
	okf(good && walked > 10000, "training rows walk the finished trees as they were grown (%zu steps)", walked);
	ok(sums, "a prediction is the sum, or mean, of the leaves");
}

static void
test_early_stopping(void)
{
	enum
	{
		N = 400
	};
	static double x[N],
				y[N];
	const double *values[] = {x};
	uint32_t	train[N],
				watch[N];
	size_t		ntrain = 0,
				nwatch = 0;
	Small		s;
	LearnData  *data = small_data(&s, N, 1, values, y, 0);
	LearnParams params = boosting_params(data, 300);
	uint32_t	best = 0;
	double	   *a,
			   *b;
	LearnFit	fit,
				shorter;

	for (int i = 0; i < N; i++)
	{
		x[i] = uniform(40, (uint64_t) i);
		y[i] = x[i] + uniform(41, (uint64_t) i);
		if (i % 4)
			train[ntrain++] = (uint32_t) i;
		else
			watch[nwatch++] = (uint32_t) i;
	}
	params.early_stopping_rounds = 7;
	learn_fit(&unit_env, data, train, ntrain, watch, nwatch, &params, &fit);
	for (uint32_t i = 1; i < fit.ncurve; i++)
		if (fit.curve[i].watched < fit.curve[best].watched)
			best = i;
	ok(fit.rounds == best + 1 && fit.ncurve == fit.rounds + 7 && fit.model.ntrees == fit.rounds &&
	   fit.rounds < 200, "early stopping keeps the best round");
	params.early_stopping_rounds = 0;
	params.n_estimators = fit.rounds;
	learn_fit(&unit_env, data, train, ntrain, watch, nwatch, &params, &shorter);
	a = predict_all(data, &fit);
	b = predict_all(data, &shorter);
	ok(memcmp(a, b, N * sizeof(double)) == 0, "a model cut short is the one of so many rounds");
	{
		double		sum = 0.0;

		for (size_t i = 0; i < nwatch; i++)
			sum += (y[watch[i]] - a[watch[i]]) * (y[watch[i]] - a[watch[i]]);
		sum /= (double) nwatch;
		ok(near(shorter.curve[shorter.ncurve - 1].watched, sum) ||
		   near(shorter.curve[shorter.ncurve - 1].watched, sum / 2.0),
		   "the watched loss is that of the finished model");
	}
	free(a);
	free(b);
	fit_free(&fit, 1);
	fit_free(&shorter, 1);
}

/* More thresholds than ranks have bits. */
static void
test_many_thresholds(void)
{
	size_t		n = 90000;
	double	   *x = calloc(n, sizeof(double)),
			   *y = calloc(n, sizeof(double)),
			   *out;
	const double *values[] = {x};
	Small		s;
	LearnData  *data = small_data(&s, n, 1, values, y, 0);
	LearnParams params = forest_params(data, 6);
	double		error = 0.0,
				spread = 0.0;
	LearnFit	fit;

	for (size_t i = 0; i < n; i++)
	{
		x[i] = uniform(50, i);
		y[i] = uniform(51, i);
	}
	params.bootstrap = true;
	params.max_bins = 65535;
	fit = fit_all(data, &params);
	out = predict_all(data, &fit);
	for (size_t i = 0; i < n; i++)
	{
		error += (y[i] - out[i]) * (y[i] - out[i]);
		spread += (y[i] - 0.5) * (y[i] - 0.5);
	}

	/* 45,000 bins of two rows have fewer edges than that; the trees have split between more pairs of bins */
	okf(fit.model.nthresholds > 40000 && fit.model.nthresholds < 45000 && error / spread < 0.7,
		"a feature with too many thresholds falls back to the edges of bins (%u thresholds, %.2f left)",
		(unsigned) fit.model.nthresholds, error / spread);
	free(out);
	fit_free(&fit, 1);
	free(x);
	free(y);
}

static void
test_importance(void)
{
	enum
	{
		N = 600
	};
	static double x[N],
				z[N],
				u[N],
				y[N],
				rows[3 * N];
	const double *values[] = {x, z, u};
	const uint32_t group[] = {0, 1, 0};
	double		mean[2],
				stddev[2],
				again[2],
				spread[2];
	bool		good = true;

	for (uint32_t k = 0; k <= 2; k += 2)
	{
		Small		s;
		LearnData  *data = small_data(&s, N, 3, values, y, k);
		LearnParams params = forest_params(data, 20);
		LearnFit	fit;

		for (int i = 0; i < N; i++)
		{
			x[i] = rows[3 * i] = uniform(60, (uint64_t) i);
			z[i] = rows[3 * i + 1] = uniform(61, (uint64_t) i);
			u[i] = rows[3 * i + 2] = uniform(62, (uint64_t) i);
			y[i] = k > 0 ? x[i] + u[i] > 1.0 : x[i] + u[i];
		}
		params.bootstrap = true;
		params.max_depth = 8;
		fit = fit_all(data, &params);
		learn_permutation_importance(&unit_env, &fit.model, rows, y, N, group, 2, 5, 1, mean, stddev);
		learn_permutation_importance(&unit_env, &fit.model, rows, y, N, group, 2, 5, 1, again, spread);
		good = good && mean[0] > 0.5 && fabs(mean[1]) < 0.1 * mean[0] && stddev[0] > 0.0 &&
			stddev[0] < mean[0] / 4 && memcmp(mean, again, sizeof(mean)) == 0 &&
			fit.model.gain[1] < 0.2 * fit.model.gain[0];

		/* a group shuffled together: shuffling both parts of the sum costs twice its variance */
		if (k == 0)
			good = good && mean[0] > 1.5 && mean[0] < 2.3;
		fit_free(&fit, 3);
	}
	ok(good, "permutation importance");
}

/* ---- the environment ------------------------------------------------------------- */

static size_t allocated = 0,
			most_allocated = 0;

/* As much as asked for, with its size in front. */
static void *
counting_alloc(void *arg, size_t size)
{
	char	   *pointer = unit_alloc(arg, size + 16);

	memcpy(pointer, &size, sizeof(size));
	allocated += size;
	if (allocated > most_allocated)
		most_allocated = allocated;
	return pointer + 16;
}

static void
counting_release(void *arg, void *pointer)
{
	char	   *start = (char *) pointer - 16;
	size_t		size;

	memcpy(&size, start, sizeof(size));
	allocated -= size;
	unit_release(arg, start);
}

/* learn_fit_memory is an upper bound, and not an absurd one. */
static void
test_memory(void)
{
	static Table t;
	LearnEnv	env = unit_env;
	bool		good = true;
	double		tightest = 0.0;

	env.alloc = counting_alloc;
	env.release = counting_release;
	for (int c = 0; c < 60; c++)
	{
		uint32_t	nclasses = (uint32_t) (c % 4 == 1 ? 0 : c % 4);
		LearnParams params;
		LearnFit	fit;
		size_t		bound;

		make_table(&t, (uint64_t) c * 31 + 9, nclasses);
		params = make_params(&t, c % 2 ? LEARN_FOREST : LEARN_BOOSTING);
		params.n_estimators = 20;
		bound = learn_fit_memory(&t.data, t.ntrain, t.nwatch, &params);
		allocated = most_allocated = 0;
		learn_fit(&env, &t.data, t.train, t.ntrain, t.watch, t.nwatch, &params, &fit);
		if (most_allocated > bound)
		{
			note("case %d: %zu bytes of %zu, %zu rows", c, most_allocated, bound, t.ntrain);
			good = false;
		}
		tightest = fmax(tightest, (double) most_allocated / (double) bound);

		/* what the fit holds now is what fit_free frees; the sizes in front are in the way */
		for (uint32_t f = 0; f < t.data.nfeatures; f++)
		{
			if (fit.stats[f].upper)
				env_free(&env, (void *) fit.stats[f].upper);
			env_free(&env, (void *) fit.stats[f].counts);
		}
		env_free(&env, fit.stats);
		env_free(&env, fit.oob);
		env_free(&env, fit.curve);
		env_free(&env, (void *) fit.model.base);
		env_free(&env, (void *) fit.model.features);
		env_free(&env, (void *) fit.model.thresholds);
		env_free(&env, (void *) fit.model.tree_first);
		env_free(&env, (void *) fit.model.nodes);
		env_free(&env, (void *) fit.model.covers);
		env_free(&env, (void *) fit.model.tree_first_set);
		env_free(&env, (void *) fit.model.set_first);
		env_free(&env, (void *) fit.model.set_words);
		env_free(&env, (void *) fit.model.leaf_table);
		env_free(&env, (void *) fit.model.gain);
		env_free(&env, (void *) fit.model.splits);
		good = good && allocated == 0;
	}
	okf(good && tightest > 0.1, "memory stays below what was announced, and all of it is accounted for (up to %.2f)",
		tightest);
}

/* ---- so many rows that a row's cell is packed into a word ------------------------------- */

#define PACKED_TEST_ROWS	9000

/* Grown as the naive twin does, whatever the loss; and leaves are means of their rows, not of what was packed. */
static void
test_packed(void)
{
	static double x[3][PACKED_TEST_ROWS],
				y[PACKED_TEST_ROWS],
				weight[PACKED_TEST_ROWS];
	static uint32_t train[PACKED_TEST_ROWS];
	static const LearnLoss losses[] = {LOSS_LOGISTIC, LOSS_SOFTMAX, LOSS_SQUARED_ERROR, LOSS_SQUARED_ERROR, LOSS_POISSON,
	LOSS_SQUARED_ERROR};
	const double *values[] = {x[0], x[1], x[2]};
	int			differ = 0;
	double		worst = 0.0;

	for (uint32_t i = 0; i < PACKED_TEST_ROWS; i++)
	{
		for (uint32_t f = 0; f < 3; f++)
			x[f][i] = uniform(50 + f, i) < 0.05 ? NAN : floor(uniform(60 + f, i) * 40.0);
		weight[i] = floor(uniform(70, i) * 4.0);
		train[i] = i;
	}
	for (int c = 0; c < 6; c++)
	{
		Small		s;
		LearnData  *data = small_data(&s, PACKED_TEST_ROWS, 3, values, y, c == 0 ? 2 : c == 1 ? 3 : 0);
		LearnParams params = boosting_params(data, 3);
		LearnFit	fast,
					naive;

		for (uint32_t i = 0; i < PACKED_TEST_ROWS; i++)
		{
			double		signal = (isnan(x[0][i]) ? 9.0 : x[0][i]) + (x[1][i] > 20.0 ? x[2][i] > 10.0 ? 11.0 : 3.0 : 0.0);

			signal += 6.0 * uniform(80, i);
			y[i] = c == 0 ? signal > 30.0 : c == 1 ? (signal > 20.0) + (signal > 40.0) : c == 4 ? floor(signal) : signal;
		}
		/* one value that would hide all others in few bits */
		if (c == 5)
			y[77] = 1e9;
		data->weight = c == 3 ? weight : NULL;
		params.loss = losses[c];
		params.max_bins = 12;
		params.max_leaf_nodes = 8;
		params.criterion = c == 2 ? CRITERION_FRIEDMAN_MSE : CRITERION_NEWTON;
		learn_fit(&unit_env, data, train, PACKED_TEST_ROWS, NULL, 0, &params, &fast);
		learn_fit_naive(&unit_env, data, train, PACKED_TEST_ROWS, NULL, 0, &params, &naive);
		differ += !same_fit(&fast, &naive, PACKED_TEST_ROWS);
		fit_free(&fast, 3);
		fit_free(&naive, 3);

		/* one tree of two leaves with the whole step: what is left in each leaf has mean 0 */
		if (losses[c] == LOSS_SQUARED_ERROR)
		{
			double	   *out;
			double		sums[2] = {0.0, 0.0},
						sizes[2] = {0.0, 0.0};

			params.n_estimators = 1;
			params.max_leaf_nodes = 2;
			params.learning_rate = 1.0;
			learn_fit(&unit_env, data, train, PACKED_TEST_ROWS, NULL, 0, &params, &fast);
			out = predict_all(data, &fast);
			for (uint32_t i = 0; i < PACKED_TEST_ROWS; i++)
			{
				int			leaf = out[i] != out[0];
				double		w = data->weight ? weight[i] : 1.0;

				sums[leaf] += (y[i] - out[i]) * w;
				sizes[leaf] += fabs(y[i]) * w;
			}
			for (int leaf = 0; leaf < 2; leaf++)
				worst = fmax(worst, fabs(sums[leaf]) / sizes[leaf]);
			free(out);
			fit_free(&fast, 3);
		}
	}
	okf(differ == 0, "packed cells: as the naive twin grows them");
	okf(worst < 1e-11, "and leaves are exact (to %.1g)", worst);
}

int
main(int argc, char **argv)
{
	int			cases = argc > 1 ? atoi(argv[1]) : 150;

	test_naive("forest, regression", LEARN_FOREST, 0, cases);
	test_naive("forest, two classes", LEARN_FOREST, 2, cases);
	test_naive("forest, five classes", LEARN_FOREST, 5, cases);
	test_naive("boosting, regression", LEARN_BOOSTING, 0, cases);
	test_naive("boosting, two classes", LEARN_BOOSTING, 2, cases);
	test_naive("boosting, three classes", LEARN_BOOSTING, 3, cases);
	test_repeat();
	test_outlier();
	test_noise_levels();
	test_signal_levels();
	test_degenerate();
	test_weights();
	test_weight_units();
	test_monotone();
	test_oob();
	test_walk();
	test_early_stopping();
	test_many_thresholds();
	test_importance();
	test_packed();
	test_memory();
	return done();
}
