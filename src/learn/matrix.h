/*
 * matrix.h
 *		Bins of features, and the training rows as small codes.
 *
 * A numeric feature's code is the number of its bin, a category's code is its
 * own; the code after the last one stands for missing.  Bins keep the smallest
 * and largest training value in them, so that a split can put its threshold
 * between the values that meet in its node.
 */
#ifndef ECHOLON_MATRIX_H
#define ECHOLON_MATRIX_H

#include <float.h>

#include "learn/learn.h"

/* Values that bins are made from: the first rows, which in canonical order are a hash sample. */
#define BIN_SAMPLE		200000

/*
 * -infinity and infinity have end bins of their own.  Their bounds are written
 * as -DBL_MAX and DBL_MAX, and those two values belong to them, so that every
 * threshold is a finite number.
 */
#define BIN_NONE		0xFFFFu /* as a bin on one side of a threshold: only missing rows lie there */

typedef struct FeatureBins
{
	LearnFeatureKind kind;
	int8_t		monotone;
	uint32_t	nbins;			/* codes 0 .. nbins-1 are values; nbins is missing */
	double	   *lower;			/* numeric: [nbins] smallest training value of a bin */
	double	   *upper;			/* numeric: [nbins] largest one */
} FeatureBins;

#define feature_ncodes(fb) ((fb)->nbins + 1)

typedef struct Bins
{
	uint32_t	nfeatures;
	uint32_t	max_codes;		/* largest feature_ncodes() */
	size_t		total_codes;	/* sum of them */
	FeatureBins *features;
} Bins;

/*
 * The codes of the training rows, one byte each where all fit, else two.
 * Features stand in blocks: block features of a row side by side, then the
 * next row; then the next block.  One block is a row-major matrix, blocks of
 * one feature a column-major one.  Immutable once made.
 */
typedef struct Matrix
{
	size_t		nrows;
	uint32_t	nfeatures;
	uint32_t	block;			/* features a block; the last block may have fewer */
	bool		wide;			/* codes are uint16 */
	uint8_t    *codes;
} Matrix;

/* What making bins of a feature takes. */
typedef struct BinScratch
{
	uint64_t   *keys;
	uint64_t   *other;
	uint32_t   *counts;
	uint32_t   *last;
} BinScratch;

/*
 * Bins of all features are made in steps: begin knows kinds; then each numeric feature's, of the values of rows
 * train[0 .. ntrain) (NULL: the first ntrain); end adds up what all have.
 */
extern void bins_begin(const LearnEnv *env, const LearnData *data, Bins *bins);
extern void numeric_bins(const LearnEnv *env, const double *values, const uint32_t *train, size_t ntrain,
						 uint32_t max_bins, BinScratch *scratch, FeatureBins *fb);
extern void bins_end(Bins *bins);
extern void bins_scratch_init(const LearnEnv *env, size_t ntrain, BinScratch *scratch);
extern void bins_scratch_free(const LearnEnv *env, BinScratch *scratch);

extern void bins_make(const LearnEnv *env, const LearnData *data, const uint32_t *train,
					  size_t ntrain, uint32_t max_bins, Bins *bins);
extern void bins_free(const LearnEnv *env, Bins *bins);
extern double bins_threshold(const FeatureBins *fb, uint32_t bin, uint32_t beyond);
extern size_t bins_memory(const LearnData *data, size_t ntrain, uint32_t max_bins);

/* A matrix without codes yet, and the codes of its rows first .. first + n - 1, which are rows[0 .. n) of columns (NULL: the first n). */
extern void matrix_begin(const LearnEnv *env, size_t nrows, const Bins *bins, uint32_t block, Matrix *matrix);
extern void matrix_code_rows(const LearnEnv *env, const LearnColumn *columns, const Bins *bins, const uint32_t *rows,
							 size_t first, size_t n, Matrix *matrix);
extern void matrix_make(const LearnEnv *env, const LearnData *data, const uint32_t *rows,
						size_t nrows, const Bins *bins, uint32_t block, Matrix *matrix);
extern void matrix_free(const LearnEnv *env, Matrix *matrix);
extern void matrix_stats(const LearnEnv *env, const LearnData *data, const uint32_t *train,
						 size_t ntrain, const Bins *bins, const Matrix *matrix, LearnStats *stats);

/* First code of a block, and how many features the block has. */
static inline const uint8_t *
matrix_block(const Matrix *m, uint32_t first_feature, uint32_t *width)
{
	uint32_t	rest = m->nfeatures - first_feature;

	*width = rest < m->block ? rest : m->block;
	return m->codes + (size_t) first_feature * m->nrows * (m->wide ? 2 : 1);
}

/* The first code of a feature and the distance from row to row, in codes. */
static inline const uint8_t *
matrix_feature(const Matrix *m, uint32_t feature, uint32_t *stride)
{
	const uint8_t *block = matrix_block(m, feature - feature % m->block, stride);

	return block + (size_t) (feature % m->block) * (m->wide ? 2 : 1);
}

static inline uint32_t
matrix_load(const uint8_t *codes, size_t i, bool wide)
{
	return wide ? ((const uint16_t *) (const void *) codes)[i] : codes[i];
}

static inline uint32_t
matrix_code(const Matrix *m, size_t row, uint32_t feature)
{
	uint32_t	stride;
	const uint8_t *codes = matrix_feature(m, feature, &stride);

	return matrix_load(codes, row * stride, m->wide);
}

/* How many of a[0 .. n), ascending, are below v.  No branch depends on the data. */
static inline uint32_t
count_below(const double *a, uint32_t n, double v)
{
	const double *base = a;

	if (n == 0)
		return 0;
	while (n > 1)
	{
		uint32_t	half = n / 2;

		base += base[half - 1] < v ? half : 0;
		n -= half;
	}
	return (uint32_t) (base - a) + (*base < v);
}

#endif							/* ECHOLON_MATRIX_H */
