/*
 * binning.c
 *		Bins of the training values.
 *
 * At most max_bins distinct values: a bin each.  More: the sorted sample is
 * cut greedily into runs of at most t rows, a value of more than t rows alone in its
 * bin, with the smallest t that needs no more than max_bins bins.  So values of large mass
 * stand alone, and the others share what is left evenly.
 */
#include "learn/matrix.h"
#include "learn/sort.h"

#define CHECK_ROWS		65536	/* rows between two cancel checks */

/* By bytes from the lowest; bytes that all keys share cost nothing. */
uint64_t *
sort_keys(const LearnEnv *env, uint64_t *keys, uint64_t *other, size_t n)
{
	for (int shift = 0; shift < 64; shift += 8)
	{
		size_t		place[256] = {0};
		size_t		sum = 0;
		uint64_t   *swap;

		env->check(env->arg);
		for (size_t i = 0; i < n; i++)
			place[(keys[i] >> shift) & 255]++;
		if (n == 0 || place[(keys[0] >> shift) & 255] == n)
			continue;
		for (int b = 0; b < 256; b++)
		{
			size_t		count = place[b];

			place[b] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			other[place[(keys[i] >> shift) & 255]++] = keys[i];
		swap = keys;
		keys = other;
		other = swap;
	}
	return keys;
}

/*
 * Bins that greedy runs of at most t rows make of distinct values with these
 * counts; last[b] (unless NULL) is the last value of bin b.
 */
static size_t
cut_runs(const uint32_t *counts, size_t n, size_t t, uint32_t *last)
{
	size_t		bins = 0,
				mass = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (mass > 0 && mass + counts[i] > t)
		{
			if (last)
				last[bins] = (uint32_t) (i - 1);
			bins++;
			mass = 0;
		}
		mass += counts[i];
	}
	if (last)
		last[bins] = (uint32_t) (n - 1);
	return bins + 1;
}

/* The smallest t for which cut_runs needs at most max_bins bins. */
static size_t
run_length(const LearnEnv *env, const uint32_t *counts, size_t n, size_t mass, size_t max_bins)
{
	size_t		low = (mass + max_bins - 1) / max_bins,
				high = mass;

	if (cut_runs(counts, n, low, NULL) <= max_bins)
		return low;
	while (high - low > 1)		/* low is too small, high is enough */
	{
		size_t		middle = low + (high - low) / 2;

		env->check(env->arg);
		if (cut_runs(counts, n, middle, NULL) <= max_bins)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* A row of the training rows; train NULL: they are all rows. */
#define train_row(train, i)	((train) ? (train)[i] : (i))

/* Finite values of rows beyond the sample widen the bins they fall into. */
static void
widen_bins(const LearnEnv *env, FeatureBins *fb, uint32_t first, uint32_t nfinite,
		   const double *values, const uint32_t *train, size_t ntrain)
{
	double	   *lower = fb->lower + first,
			   *upper = fb->upper + first;

	for (size_t i = 0; i < ntrain; i++)
	{
		double		v = values[train_row(train, i)] + 0.0;
		uint32_t	b;

		if (i % CHECK_ROWS == 0)
			env->check(env->arg);
		if (!(v > -DBL_MAX && v < DBL_MAX))
			continue;
		b = count_below(upper, nfinite, v);
		if (b == nfinite)
			upper[--b] = v;
		if (v < lower[b])
			lower[b] = v;
	}
}

void
bins_scratch_init(const LearnEnv *env, size_t ntrain, BinScratch *scratch)
{
	size_t		sample = ntrain < BIN_SAMPLE ? ntrain : BIN_SAMPLE;

	scratch->keys = env_alloc(env, sample, sizeof(uint64_t));
	scratch->other = env_alloc(env, sample, sizeof(uint64_t));
	scratch->counts = env_alloc(env, sample, sizeof(uint32_t));
	scratch->last = env_alloc(env, sample, sizeof(uint32_t));
}

void
bins_scratch_free(const LearnEnv *env, BinScratch *scratch)
{
	env_free(env, scratch->last);
	env_free(env, scratch->counts);
	env_free(env, scratch->other);
	env_free(env, scratch->keys);
}

void
numeric_bins(const LearnEnv *env, const double *values, const uint32_t *train, size_t ntrain,
			 uint32_t max_bins, BinScratch *scratch, FeatureBins *fb)
{
	uint64_t   *keys;
	size_t		n = 0,
				distinct = 0,
				nfinite = 0,
				limit;
	bool		low = false,
				high = false,
				more = false;
	uint32_t	first,
				from = 0;

	for (size_t i = 0; i < ntrain; i++)
	{
		double		v = values[train_row(train, i)] + 0.0;

		if (i % CHECK_ROWS == 0)
			env->check(env->arg);
		if (v != v)
			continue;
		if (v <= -DBL_MAX)
			low = true;
		else if (v >= DBL_MAX)
			high = true;
		else if (n < BIN_SAMPLE)
			scratch->keys[n++] = sort_key(v);
		else
			more = true;
	}
	keys = sort_keys(env, scratch->keys, scratch->other, n);

	/* the distinct values move to the front */
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0 && keys[i] == keys[distinct - 1])
			scratch->counts[distinct - 1]++;
		else
		{
			keys[distinct] = keys[i];
			scratch->counts[distinct++] = 1;
		}
	}
	limit = max_bins - low - high;
	if (limit < 1 || limit > max_bins)
		limit = 1;
	if (distinct <= limit)
	{
		for (size_t i = 0; i < distinct; i++)
			scratch->last[i] = (uint32_t) i;
		nfinite = distinct;
	}
	else
		nfinite = cut_runs(scratch->counts, distinct,
						   run_length(env, scratch->counts, distinct, n, limit), scratch->last);

	first = low ? 1 : 0;
	fb->nbins = (uint32_t) (nfinite + low + high);
	fb->lower = env_alloc(env, fb->nbins, sizeof(double));
	fb->upper = env_alloc(env, fb->nbins, sizeof(double));
	if (low)
		fb->lower[0] = fb->upper[0] = -DBL_MAX;
	if (high)
		fb->lower[fb->nbins - 1] = fb->upper[fb->nbins - 1] = DBL_MAX;
	for (size_t b = 0; b < nfinite; b++)
	{
		fb->lower[first + b] = sort_value(keys[from]);
		fb->upper[first + b] = sort_value(keys[scratch->last[b]]);
		from = scratch->last[b] + 1;
	}
	if (more)
		widen_bins(env, fb, first, (uint32_t) nfinite, values, train, ntrain);
}

void
bins_begin(const LearnEnv *env, const LearnData *data, Bins *bins)
{
	bins->nfeatures = data->nfeatures;
	bins->features = env_alloc0(env, data->nfeatures, sizeof(FeatureBins));
	for (uint32_t f = 0; f < data->nfeatures; f++)
	{
		FeatureBins *fb = &bins->features[f];

		fb->kind = data->columns[f].kind;
		if (fb->kind == LEARN_NUMERIC)
			fb->monotone = data->columns[f].monotone;
		else
			fb->nbins = data->columns[f].ncategories;
	}
}

void
bins_end(Bins *bins)
{
	bins->max_codes = 1;
	bins->total_codes = 0;
	for (uint32_t f = 0; f < bins->nfeatures; f++)
	{
		uint32_t	ncodes = feature_ncodes(&bins->features[f]);

		bins->max_codes = ncodes > bins->max_codes ? ncodes : bins->max_codes;
		bins->total_codes += ncodes;
	}
}

/* Bins of every feature, from the rows train[0 .. ntrain) alone. */
void
bins_make(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
		  uint32_t max_bins, Bins *bins)
{
	BinScratch	scratch;

	bins_scratch_init(env, ntrain, &scratch);
	bins_begin(env, data, bins);
	for (uint32_t f = 0; f < data->nfeatures; f++)
	{
		if (data->columns[f].kind == LEARN_NUMERIC)
			numeric_bins(env, data->columns[f].values, train, ntrain, max_bins, &scratch, &bins->features[f]);
		env->progress(env->arg, LEARN_PREPARING, f + 1, data->nfeatures);
	}
	bins_end(bins);
	bins_scratch_free(env, &scratch);
}

void
bins_free(const LearnEnv *env, Bins *bins)
{
	for (uint32_t f = 0; f < bins->nfeatures; f++)
	{
		env_free(env, bins->features[f].upper);
		env_free(env, bins->features[f].lower);
	}
	env_free(env, bins->features);
}

/*
 * The threshold of a split whose left rows reach bin and whose right rows begin at
 * beyond: the midpoint of the values that meet there, always finite and below the right one.
 */
double
bins_threshold(const FeatureBins *fb, uint32_t bin, uint32_t beyond)
{
	double		left,
				right,
				middle;

	if (beyond == BIN_NONE)
		return DBL_MAX;
	if (bin == BIN_NONE)
		return -DBL_MAX;
	left = fb->upper[bin];
	right = fb->lower[beyond];
	if (left <= -DBL_MAX || right >= DBL_MAX)
		return left;
	middle = left * 0.5 + right * 0.5;
	return middle >= left && middle < right ? middle : left;
}

/* Bytes of bins and of the scratch that making them takes, at most. */
size_t
bins_memory(const LearnData *data, size_t ntrain, uint32_t max_bins)
{
	size_t		sample = ntrain < BIN_SAMPLE ? ntrain : BIN_SAMPLE;
	size_t		bins = sample < max_bins ? sample : max_bins;

	return sample * 24 + data->nfeatures * (sizeof(FeatureBins) + (bins + 2) * 2 * sizeof(double));
}
