/*
 * metrics.c
 *		How good predictions are.
 *
 * What depends on the order of scores (ROC, precision and recall, thresholds)
 * goes through one ranking: rows sorted by score, neighbours with equal scores
 * taken as one step.  Sorting is a radix sort of the scores' bits: stable, without bad
 * cases, and the same everywhere.
 */
#include <math.h>
#include <string.h>

#include "learn/loss.h"
#include "learn/mathfn.h"
#include "learn/metrics.h"
#include "learn/sum.h"

#define LOG_LOSS_CLIP	1e-15
#define DIGIT_BITS		11
#define NDIGITS			6		/* of 11 bits: 64 and two to spare */
#define SORT_SMALL		64

/* ---- ranking ------------------------------------------------------------------ */

typedef struct RankItem
{
	uint64_t	key;			/* sorts as the score falls */
	uint32_t	row;
} RankItem;

/* One distinct score: the weights of its rows. */
typedef struct RankStep
{
	double		score;
	double		positive;
	double		negative;
} RankStep;

/* A score's bits as a number that is larger where the score is smaller. */
static inline uint64_t
falling_key(double score)
{
	uint64_t	u;

	score += 0.0;				/* -0 is 0 */
	memcpy(&u, &score, sizeof(u));
	return (u >> 63) ? u : ~(u | (UINT64_C(1) << 63));
}

/* Sort by key, equal keys by place; spare is as large as items.  Returns where the result is. */
static RankItem *
rank_sort(const LearnEnv *env, RankItem *items, RankItem *spare, size_t n)
{
	if (n <= SORT_SMALL)
	{
		for (size_t i = 1; i < n; i++)
		{
			RankItem	item = items[i];
			size_t		j = i;

			for (; j > 0 && items[j - 1].key > item.key; j--)
				items[j] = items[j - 1];
			items[j] = item;
		}
		return items;
	}

	for (int digit = 0; digit < NDIGITS; digit++)
	{
		int			shift = digit * DIGIT_BITS;
		uint32_t	mask = (1u << DIGIT_BITS) - 1;
		uint32_t	place[1u << DIGIT_BITS] = {0};
		uint32_t	before = 0;
		RankItem   *swap;

		env->check(env->arg);
		for (size_t i = 0; i < n; i++)
			place[(items[i].key >> shift) & mask]++;
		if (place[(items[0].key >> shift) & mask] == n)
			continue;			/* all alike in this digit */
		for (uint32_t b = 0; b <= mask; b++)
		{
			uint32_t	count = place[b];

			place[b] = before;
			before += count;
		}
		for (size_t i = 0; i < n; i++)
			spare[place[(items[i].key >> shift) & mask]++] = items[i];
		swap = items;
		items = spare;
		spare = swap;
	}
	return items;
}

/*
 * The distinct scores, falling, with what stands at each; rows of no weight are
 * left out.  *nsteps of them, to be released by the caller.  n is at most LEARN_MAX_ROWS.
 */
static RankStep *
rank_scores(const LearnEnv *env, const bool *positive, const double *score, const double *w,
			size_t n, size_t *nsteps)
{
	RankItem   *items = env_alloc(env, n + 1, sizeof(RankItem));
	RankItem   *spare = env_alloc(env, n + 1, sizeof(RankItem));
	RankItem   *sorted;
	RankStep   *steps;
	size_t		kept = 0,
				count = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (w && !(w[i] > 0.0))
			continue;
		items[kept].key = falling_key(score[i]);
		items[kept++].row = (uint32_t) i;
	}
	sorted = rank_sort(env, items, spare, kept);
	env_free(env, sorted == items ? spare : items);
	for (size_t i = 0; i < kept; i++)
		count += i == 0 || sorted[i].key != sorted[i - 1].key;
	steps = env_alloc(env, count + 1, sizeof(RankStep));
	count = 0;
	for (size_t i = 0; i < kept; i++)
	{
		uint32_t	row = sorted[i].row;
		double		wi = w ? w[row] : 1.0;

		if (i == 0 || sorted[i].key != sorted[i - 1].key)
			steps[count++] = (RankStep) {score[row], 0.0, 0.0};
		if (positive[row])
			steps[count - 1].positive += wi;
		else
			steps[count - 1].negative += wi;
	}
	env_free(env, sorted);
	*nsteps = count;
	return steps;
}

/* Weights of all positive and of all negative rows. */
static void
rank_totals(const RankStep *steps, size_t nsteps, double *positive, double *negative)
{
	*positive = *negative = 0.0;
	for (size_t i = 0; i < nsteps; i++)
	{
		*positive += steps[i].positive;
		*negative += steps[i].negative;
	}
}

double
metrics_roc_auc(const LearnEnv *env, const bool *positive, const double *score,
				const double *w, size_t n)
{
	size_t		nsteps;
	RankStep   *steps = rank_scores(env, positive, score, w, n, &nsteps);
	Sum			area = {0.0, 0.0};
	double		positives,
				negatives,
				above = 0.0;

	rank_totals(steps, nsteps, &positives, &negatives);
	for (size_t i = 0; i < nsteps; i++)
	{
		sum_add(&area, steps[i].negative * (above + 0.5 * steps[i].positive));
		above += steps[i].positive;
	}
	env_free(env, steps);
	if (!(positives > 0.0 && negatives > 0.0))
		return NAN;
	return sum_get(&area) / positives / negatives;
}

double
metrics_average_precision(const LearnEnv *env, const bool *positive, const double *score,
						  const double *w, size_t n)
{
	size_t		nsteps;
	RankStep   *steps = rank_scores(env, positive, score, w, n, &nsteps);
	Sum			sum = {0.0, 0.0};
	double		positives,
				negatives,
				hits = 0.0,
				taken = 0.0;

	rank_totals(steps, nsteps, &positives, &negatives);
	for (size_t i = 0; i < nsteps; i++)
	{
		hits += steps[i].positive;
		taken += steps[i].positive + steps[i].negative;
		sum_add(&sum, steps[i].positive * (hits / taken));
	}
	env_free(env, steps);
	return positives > 0.0 ? sum_get(&sum) / positives : NAN;
}

size_t
metrics_roc_curve(const LearnEnv *env, const bool *positive, const double *score,
				  const double *w, size_t n, CurvePoint *points)
{
	size_t		nsteps;
	RankStep   *steps = rank_scores(env, positive, score, w, n, &nsteps);
	double		positives,
				negatives,
				hits = 0.0,
				alarms = 0.0;

	rank_totals(steps, nsteps, &positives, &negatives);
	if (!(positives > 0.0 && negatives > 0.0))
	{
		env_free(env, steps);
		return 0;
	}
	points[0] = (CurvePoint) {0.0, 0.0, INFINITY};
	for (size_t i = 0; i < nsteps; i++)
	{
		hits += steps[i].positive;
		alarms += steps[i].negative;
		points[i + 1] = (CurvePoint) {alarms / negatives, hits / positives, steps[i].score};
	}
	env_free(env, steps);
	return nsteps + 1;
}

size_t
metrics_pr_curve(const LearnEnv *env, const bool *positive, const double *score,
				 const double *w, size_t n, CurvePoint *points)
{
	size_t		nsteps;
	RankStep   *steps = rank_scores(env, positive, score, w, n, &nsteps);
	double		positives,
				negatives,
				hits = 0.0,
				taken = 0.0;

	rank_totals(steps, nsteps, &positives, &negatives);
	if (!(positives > 0.0))
	{
		env_free(env, steps);
		return 0;
	}
	points[0] = (CurvePoint) {0.0, 1.0, INFINITY};
	for (size_t i = 0; i < nsteps; i++)
	{
		hits += steps[i].positive;
		taken += steps[i].positive + steps[i].negative;
		points[i + 1] = (CurvePoint) {hits / positives, hits / taken, steps[i].score};
	}
	env_free(env, steps);
	return nsteps + 1;
}

double
metrics_best_threshold(const LearnEnv *env, const bool *positive, const double *score,
					   const double *w, size_t n, bool balanced)
{
	size_t		nsteps;
	RankStep   *steps = rank_scores(env, positive, score, w, n, &nsteps);
	double		positives,
				negatives,
				hits = 0.0,
				alarms = 0.0,
				best = -1.0,
				threshold = 0.5;

	rank_totals(steps, nsteps, &positives, &negatives);
	if (positives > 0.0 && negatives > 0.0)
	{
		for (size_t i = 0; i + 1 < nsteps; i++)
		{
			double		value,
						middle = steps[i + 1].score + 0.5 * (steps[i].score - steps[i + 1].score);

			hits += steps[i].positive;
			alarms += steps[i].negative;
			if (balanced)
				value = 0.5 * (hits / positives + (negatives - alarms) / negatives);
			else
				value = 2.0 * hits / (positives + hits + alarms);
			if (!(middle > steps[i + 1].score))
				middle = steps[i].score;	/* neighbouring numbers */
			/* of equally good ones, the nearest to 0.5 */
			if (value > best || (value == best && fabs(middle - 0.5) < fabs(threshold - 0.5)))
			{
				best = value;
				threshold = middle;
			}
		}
	}
	env_free(env, steps);
	return threshold;
}

/* ---- regression ------------------------------------------------------------------ */

/* The median of values; of two middle ones, their mean.  values is negated on return. */
static double
median(const LearnEnv *env, double *values, const double *w, size_t n)
{
	double		lower = weighted_quantile(env, values, w, n, 0.5);

	for (size_t i = 0; i < n; i++)
		values[i] = -values[i];
	return 0.5 * (lower - weighted_quantile(env, values, w, n, 0.5));
}

void
metrics_regression(const LearnEnv *env, const double *actual, const double *predicted,
				   const double *w, size_t n, RegressionMetrics *out)
{
	Sum			weight = {0.0, 0.0},
				sum = {0.0, 0.0},
				squares = {0.0, 0.0},
				absolute = {0.0, 0.0},
				relative = {0.0, 0.0},
				spread = {0.0, 0.0};
	double	   *errors;
	double		total,
				mean;
	bool		zero = false,
				constant = true;
	size_t		first = n;

	*out = (RegressionMetrics) {n, NAN, NAN, NAN, NAN, NAN, NAN};
	for (size_t i = 0; i < n; i++)
	{
		sum_add(&weight, w ? w[i] : 1.0);
		sum_add(&sum, w ? w[i] * actual[i] : actual[i]);
	}
	total = sum_get(&weight);
	if (!(total > 0.0))
		return;
	mean = sum_get(&sum) / total;

	errors = env_alloc(env, n, sizeof(double));
	for (size_t i = 0; i < n; i++)
	{
		double		error = actual[i] - predicted[i];
		double		wi = w ? w[i] : 1.0;

		errors[i] = fabs(error);
		if (!(wi > 0.0))
			continue;
		if (first == n)
			first = i;
		constant = constant && actual[i] == actual[first];
		sum_add(&squares, wi * (error * error));
		sum_add(&absolute, wi * errors[i]);
		sum_add(&spread, wi * ((actual[i] - mean) * (actual[i] - mean)));
		if (actual[i] == 0.0)
			zero = true;
		else
			sum_add(&relative, wi * (errors[i] / fabs(actual[i])));
	}
	out->mse = sum_get(&squares) / total;
	out->rmse = sqrt(out->mse);
	out->mae = sum_get(&absolute) / total;
	out->median_absolute_error = median(env, errors, w, n);
	if (!zero)
		out->mape = sum_get(&relative) / total;
	if (!constant && sum_get(&spread) > 0.0)
		out->r2 = 1.0 - sum_get(&squares) / sum_get(&spread);
	env_free(env, errors);
}

/* ---- classification ---------------------------------------------------------------- */

uint32_t
metrics_predicted_class(const double *proba, uint32_t nclasses, uint32_t positive,
						double threshold)
{
	uint32_t	best = 0;

	if (nclasses == 2)
		return proba[positive] >= threshold ? positive : 1 - positive;
	for (uint32_t k = 1; k < nclasses; k++)
		if (proba[k] > proba[best])
			best = k;
	return best;
}

void
metrics_confusion(const double *actual, const double *proba, const double *w, size_t n,
				  uint32_t nclasses, uint32_t positive, double threshold, double *counts)
{
	for (size_t i = 0; i < (size_t) nclasses * nclasses; i++)
		counts[i] = 0.0;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t	predicted = metrics_predicted_class(proba + i * nclasses, nclasses,
														positive, threshold);

		counts[(size_t) actual[i] * nclasses + predicted] += w ? w[i] : 1.0;
	}
}

/* a / b, and 0 where b is 0. */
static inline double
share(double a, double b)
{
	return b > 0.0 ? a / b : 0.0;
}

void
metrics_report(const double *confusion, uint32_t nclasses, ClassReport *classes,
			   ClassReport *macro, ClassReport *weighted)
{
	uint32_t	occurring = 0;

	*macro = *weighted = (ClassReport) {0.0, 0.0, 0.0, 0.0};
	for (uint32_t k = 0; k < nclasses; k++)
	{
		ClassReport *class = &classes[k];
		double		hits = confusion[(size_t) k * nclasses + k],
					support = 0.0,
					predicted = 0.0;

		for (uint32_t j = 0; j < nclasses; j++)
		{
			support += confusion[(size_t) k * nclasses + j];
			predicted += confusion[(size_t) j * nclasses + k];
		}
		class->precision = share(hits, predicted);
		class->recall = share(hits, support);
		class->f1 = share(2.0 * hits, support + predicted);
		class->support = support;
		if (support > 0.0 || predicted > 0.0)
			occurring++;
		macro->precision += class->precision;
		macro->recall += class->recall;
		macro->f1 += class->f1;
		macro->support += support;
		weighted->precision += support * class->precision;
		weighted->recall += support * class->recall;
		weighted->f1 += support * class->f1;
		weighted->support += support;
	}
	macro->precision = share(macro->precision, occurring);
	macro->recall = share(macro->recall, occurring);
	macro->f1 = share(macro->f1, occurring);
	weighted->precision = share(weighted->precision, weighted->support);
	weighted->recall = share(weighted->recall, weighted->support);
	weighted->f1 = share(weighted->f1, weighted->support);
}

/* Matthews' correlation for any number of classes (Gorodkin 2004); 0 where it has no meaning. */
static double
matthews(const double *confusion, uint32_t nclasses)
{
	double		total = 0.0,
				hits = 0.0,
				both = 0.0,
				actual2 = 0.0,
				predicted2 = 0.0,
				scale;

	for (uint32_t k = 0; k < nclasses; k++)
	{
		double		actual = 0.0,
					predicted = 0.0;

		for (uint32_t j = 0; j < nclasses; j++)
		{
			actual += confusion[(size_t) k * nclasses + j];
			predicted += confusion[(size_t) j * nclasses + k];
		}
		hits += confusion[(size_t) k * nclasses + k];
		total += actual;
		both += actual * predicted;
		actual2 += actual * actual;
		predicted2 += predicted * predicted;
	}
	scale = (total * total - actual2) * (total * total - predicted2);
	return scale > 0.0 ? (hits * total - both) / sqrt(scale) : 0.0;
}

/* Mean of roc_auc and average_precision over the classes that have both kinds of rows. */
static void
ranked_macro(const LearnEnv *env, const double *actual, const double *proba, const double *w,
			 size_t n, uint32_t nclasses, uint32_t positive, ClassMetrics *out)
{
	bool	   *is = env_alloc(env, n, sizeof(bool));
	double	   *score = env_alloc(env, n, sizeof(double));
	double		auc = 0.0,
				precision = 0.0;
	uint32_t	naucs = 0,
				nprecisions = 0;

	for (uint32_t k = 0; k < nclasses; k++)
	{
		double		value;

		if (nclasses == 2 && k != positive)
			continue;
		for (size_t i = 0; i < n; i++)
		{
			is[i] = actual[i] == (double) k;
			score[i] = proba[i * nclasses + k];
		}
		value = metrics_roc_auc(env, is, score, w, n);
		if (!isnan(value))
		{
			auc += value;
			naucs++;
		}
		value = metrics_average_precision(env, is, score, w, n);
		if (!isnan(value))
		{
			precision += value;
			nprecisions++;
		}
	}
	out->roc_auc = naucs > 0 ? auc / naucs : NAN;
	out->average_precision = nprecisions > 0 ? precision / nprecisions : NAN;
	env_free(env, is);
	env_free(env, score);
}

/* A probability away from 0 and 1 by LOG_LOSS_CLIP. */
static inline double
clip_probability(double p)
{
	return p < LOG_LOSS_CLIP ? LOG_LOSS_CLIP : p > 1.0 - LOG_LOSS_CLIP ? 1.0 - LOG_LOSS_CLIP : p;
}

void
metrics_classification(const LearnEnv *env, const double *actual, const double *proba,
					   const double *w, size_t n, uint32_t nclasses, uint32_t positive,
					   double threshold, ClassMetrics *out)
{
	double	   *confusion;
	ClassReport *classes,
				macro,
				weighted;
	Sum			loss = {0.0, 0.0},
				brier = {0.0, 0.0};
	double		hits = 0.0,
				recalls = 0.0;
	uint32_t	occurring = 0;

	*out = (ClassMetrics) {n, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	confusion = env_alloc(env, (size_t) nclasses * nclasses, sizeof(double));
	classes = env_alloc(env, nclasses, sizeof(ClassReport));
	metrics_confusion(actual, proba, w, n, nclasses, positive, threshold, confusion);
	metrics_report(confusion, nclasses, classes, &macro, &weighted);

	if (macro.support > 0.0)
	{
		for (uint32_t k = 0; k < nclasses; k++)
		{
			hits += confusion[(size_t) k * nclasses + k];
			if (classes[k].support > 0.0)
			{
				recalls += classes[k].recall;
				occurring++;
			}
		}
		for (size_t i = 0; i < n; i++)
		{
			const double *p = proba + i * nclasses;
			double		wi = w ? w[i] : 1.0;
			double		row = 0.0;

			sum_add(&loss, wi * -math_log(clip_probability(p[(uint32_t) actual[i]])));
			for (uint32_t k = 0; k < nclasses; k++)
			{
				double		error = p[k] - (double) (actual[i] == (double) k);

				if (nclasses > 2 || k == positive)
					row += error * error;
			}
			sum_add(&brier, wi * row);
		}
		out->accuracy = hits / macro.support;
		out->balanced_accuracy = recalls / occurring;
		out->log_loss = sum_get(&loss) / macro.support;
		out->brier = sum_get(&brier) / macro.support;
		out->f1 = nclasses == 2 ? classes[positive].f1 : macro.f1;
		out->mcc = matthews(confusion, nclasses);
		ranked_macro(env, actual, proba, w, n, nclasses, positive, out);
	}
	env_free(env, confusion);
	env_free(env, classes);
}
