/*
 * matrix.c
 *		The training rows as codes, and what they say about each feature.
 */
#include <math.h>
#include <string.h>

#include "learn/matrix.h"

#define TILE_ROWS	256			/* rows of a feature that are coded together */

/* Codes of rows first .. first + n - 1 of the rows (NULL: of all) of one feature. */
static void
code_tile(const LearnColumn *column, const FeatureBins *fb, const uint32_t *rows, size_t first, size_t n,
		  uint16_t *out)
{
	uint32_t	missing = fb->nbins;

	if (column->kind == LEARN_CATEGORY)
	{
		for (size_t i = 0; i < n; i++)
		{
			uint32_t	code = column->codes[rows ? rows[first + i] : first + i];

			out[i] = (uint16_t) (code < missing ? code : missing);
		}
		return;
	}
	for (size_t i = 0; i < n; i++)
	{
		double		v = column->values[rows ? rows[first + i] : first + i];
		uint32_t	b = count_below(fb->upper, fb->nbins, v);

		/* above the last bin's upper end lies infinity alone */
		b -= b == fb->nbins && b > 0;
		out[i] = (uint16_t) (v != v ? missing : b);
	}
}

void
matrix_begin(const LearnEnv *env, size_t nrows, const Bins *bins, uint32_t block, Matrix *matrix)
{
	matrix->nrows = nrows;
	matrix->nfeatures = bins->nfeatures;
	matrix->block = block < bins->nfeatures ? block : bins->nfeatures;
	matrix->wide = bins->max_codes > 256;
	matrix->codes = env_alloc(env, nrows * (matrix->wide ? 2 : 1), bins->nfeatures);
}

void
matrix_code_rows(const LearnEnv *env, const LearnColumn *columns, const Bins *bins, const uint32_t *rows,
				 size_t first, size_t n, Matrix *matrix)
{
	uint16_t	tile[TILE_ROWS];

	for (size_t from = 0; from < n; from += TILE_ROWS)
	{
		size_t		m = n - from < TILE_ROWS ? n - from : TILE_ROWS;

		for (uint32_t f = 0; f < bins->nfeatures; f++)
		{
			uint32_t	stride;
			uint8_t    *codes = (uint8_t *) matrix_feature(matrix, f, &stride);

			if (f % 64 == 0)
				env->check(env->arg);
			code_tile(&columns[f], &bins->features[f], rows, from, m, tile);
			if (matrix->wide)
			{
				uint16_t   *out = (uint16_t *) (void *) codes + (first + from) * stride;

				for (size_t i = 0; i < m; i++)
					out[i * stride] = tile[i];
			}
			else
			{
				uint8_t    *out = codes + (first + from) * stride;

				for (size_t i = 0; i < m; i++)
					out[i * stride] = (uint8_t) tile[i];
			}
		}
	}
}

/* Code rows[0 .. nrows) of data. */
void
matrix_make(const LearnEnv *env, const LearnData *data, const uint32_t *rows, size_t nrows,
			const Bins *bins, uint32_t block, Matrix *matrix)
{
	matrix_begin(env, nrows, bins, block, matrix);
	matrix_code_rows(env, data->columns, bins, rows, 0, nrows, matrix);
}

void
matrix_free(const LearnEnv *env, Matrix *matrix)
{
	env_free(env, matrix->codes);
	matrix->codes = NULL;
}

/* ---- statistics ------------------------------------------------------------ */

/* Join bins to at most LEARN_STATS_BINS of about equal mass. */
static void
stats_bins(const LearnEnv *env, const FeatureBins *fb, const uint64_t *counts, LearnStats *stats)
{
	double	   *upper = env_alloc(env, LEARN_STATS_BINS, sizeof(double));
	uint64_t   *joined = env_alloc0(env, LEARN_STATS_BINS, sizeof(uint64_t));
	uint64_t	below = 0;
	uint32_t	n = 0,
				place = UINT32_MAX;

	for (uint32_t b = 0; b < fb->nbins; b++)
	{
		/* where the middle of the bin lies decides which joined bin it is of */
		uint32_t	to;

		if (counts[b] == 0)
			continue;
		to = fb->nbins <= LEARN_STATS_BINS ? b :
			(uint32_t) ((below + (counts[b] - 1) / 2) * LEARN_STATS_BINS / stats->count);
		if (to != place)
		{
			place = to;
			n++;
		}
		joined[n - 1] += counts[b];
		upper[n - 1] = fb->upper[b];
		below += counts[b];
	}
	stats->nbins = n;
	stats->upper = upper;
	stats->counts = joined;
}

/* Mean and standard deviation of the finite values, in two passes. */
static void
stats_moments(const LearnEnv *env, const double *values, const uint32_t *train, size_t ntrain,
			  LearnStats *stats)
{
	double		scale,
				mean = 0.0,
				sum = 0.0;
	size_t		n = 0;

	for (size_t i = 0; i < ntrain; i++)
	{
		double		v = values[train[i]];

		if (!isfinite(v))
			continue;
		if (n == 0 || v < stats->minimum)
			stats->minimum = v;
		if (n == 0 || v > stats->maximum)
			stats->maximum = v;
		n++;
	}
	if (n == 0)
		return;
	env->check(env->arg);

	/* in units of the largest value, so that nothing overflows */
	scale = fmax(fabs(stats->minimum), fabs(stats->maximum));
	if (!(scale > 0.0))
		return;
	for (size_t i = 0; i < ntrain; i++)
		if (isfinite(values[train[i]]))
			mean += values[train[i]] / scale;
	mean /= (double) n;
	env->check(env->arg);
	for (size_t i = 0; i < ntrain; i++)
	{
		double		d = values[train[i]] / scale - mean;

		if (isfinite(values[train[i]]))
			sum += d * d;
	}
	stats->mean = mean * scale;
	if (n > 1)
	{
		/* the deviation of values near the largest double may lie beyond it */
		stats->stddev = sqrt(sum / (double) (n - 1)) * scale;
		if (!(stats->stddev <= DBL_MAX))
			stats->stddev = DBL_MAX;
	}
}

/* What each feature looks like on the training rows; stats[nfeatures] is filled. */
void
matrix_stats(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
			 const Bins *bins, const Matrix *matrix, LearnStats *stats)
{
	memset(stats, 0, data->nfeatures * sizeof(LearnStats));
	for (uint32_t f = 0; f < data->nfeatures; f++)
	{
		const FeatureBins *fb = &bins->features[f];
		uint64_t   *counts = env_alloc0(env, feature_ncodes(fb), sizeof(uint64_t));
		uint32_t	stride;
		const uint8_t *codes = matrix_feature(matrix, f, &stride);

		env->check(env->arg);
		for (size_t i = 0; i < ntrain; i++)
			counts[matrix_load(codes, i * stride, matrix->wide)]++;
		stats[f].missing = counts[fb->nbins];
		stats[f].count = ntrain - counts[fb->nbins];
		if (fb->kind == LEARN_CATEGORY)
		{
			stats[f].nbins = fb->nbins;
			stats[f].counts = counts;
			continue;
		}
		stats_moments(env, data->columns[f].values, train, ntrain, &stats[f]);
		stats_bins(env, fb, counts, &stats[f]);
		env_free(env, counts);
	}
}
