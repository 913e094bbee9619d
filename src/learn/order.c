/*
 * order.c
 *		The rows of a boosted tree as an order of their numbers: sums by code, and parting.
 *
 * These are the hot loops of boosting.  A row's codes stand side by side, so that one or two cache lines serve all features,
 * and four codes come by one load.  Packed cells halve what a sum touches: the words of a pass of 20 features are
 * 40 kB, and are added to cells before PACKED_ROWS rows can overflow them.  Wide cells take 1.2 to 1.7 times as long, by the machine.
 */
#include <string.h>

#include "learn/order.h"

#define PART_AHEAD		64		/* parting is soon done with a row, so it asks earlier */

void
order_sums_init(const LearnEnv *env, const Bins *bins, const Matrix *matrix, const uint32_t *offsets, OrderSums *sums)
{
	memset(sums, 0, sizeof(*sums));
	sums->env = env;
	sums->bins = bins;
	sums->matrix = matrix;
	sums->offsets = offsets;
	sums->words = env_alloc0(env, PASS_CELLS, sizeof(uint64_t));
}

void
order_sums_free(OrderSums *sums)
{
	if (sums->env)
		env_free(sums->env, sums->words);
}

void
order_offsets(const Bins *bins, uint32_t *offsets)
{
	uint32_t	offset = 0;

	for (uint32_t f = 0; f < bins->nfeatures; f++)
	{
		offsets[f] = offset;
		offset += feature_ncodes(&bins->features[f]);
	}
}

uint32_t
order_pass(const Bins *bins, const Matrix *matrix, uint32_t f)
{
	uint32_t	stride;
	uint32_t	count = 1;
	uint32_t	limit;
	size_t		sum = feature_ncodes(&bins->features[f]);

	(void) matrix_feature(matrix, f, &stride);
	limit = f - f % matrix->block + stride;
	if (limit > f + PASS_FEATURES)
		limit = f + PASS_FEATURES;

	/* as many features of the block as a cache has room for */
	while (f + count < limit && sum + feature_ncodes(&bins->features[f + count]) <= PASS_CELLS)
		sum += feature_ncodes(&bins->features[f + count++]);
	return count;
}

/* ---- sums --------------------------------------------------------------------- */

/* Features that are summed in one pass over the rows, and how. */
typedef struct Pass
{
	const uint8_t *codes;		/* of the first feature */
	uint32_t	stride;			/* codes from a row to the next */
	uint32_t	first;			/* cell among all, */
	uint32_t	ncells;			/* and how many there are */
	uint32_t	count;			/* features */
	uint32_t	place[PASS_FEATURES];	/* of their cells, from the first on */
	bool		by_words;
	uint32_t	pending;		/* rows in the words */
} Pass;

/* The pass that begins with a feature, over n rows. */
static void
pass_begin(const OrderSums *sums, uint32_t feature, uint32_t n, Pass *pass)
{
	const FeatureBins *last;
	uint32_t	rows = n < PACKED_ROWS ? n : PACKED_ROWS;

	pass->codes = matrix_feature(sums->matrix, feature, &pass->stride);
	pass->count = order_pass(sums->bins, sums->matrix, feature);
	pass->first = sums->offsets[feature];
	for (uint32_t j = 0; j < pass->count; j++)
		pass->place[j] = sums->offsets[feature + j] - pass->first;
	last = &sums->bins->features[feature + pass->count - 1];
	pass->ncells = pass->place[pass->count - 1] + feature_ncodes(last);
	pass->pending = 0;

	/* adding all words to cells must not cost more than it spares */
	pass->by_words = sums->cells.packed && pass->ncells <= PASS_CELLS &&
		(size_t) rows * pass->count >= 2 * (size_t) pass->ncells;
}

/* Add the words of a pass to its cells, and clear them. */
static void
pass_flush(const OrderSums *sums, Pass *pass, Cell *cells)
{
	uint32_t	cshift = sums->cells.cshift;
	uint64_t   *words = sums->words;

	cells += pass->first;
	if (pass->pending == 0)
		return;
	for (uint32_t c = 0; c < pass->ncells; c++)
	{
		Cell		sum = packed_unpack(words[c], cshift);

		cells[c].g += sum.g;
		cells[c].hc += sum.hc;
		words[c] = 0;
	}
	pass->pending = 0;
}

/* The k-th of four codes that came by one load. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define code_of_four(four, k)	((uint8_t) ((four) >> (24 - 8 * (k))))
#else
#define code_of_four(four, k)	((uint8_t) ((four) >> (8 * (k))))
#endif

/* Rows into the words of a pass. */
static always_inline void
add_words(const OrderSums *sums, const Pass *pass, const uint32_t *order, uint32_t n, bool wide)
{
	const uint64_t *packed = sums->cells.packed;
	const uint8_t *codes = pass->codes;
	const uint32_t *place = pass->place;
	uint64_t   *words = sums->words;
	size_t		stride = (size_t) pass->stride * (wide ? 2 : 1);
	uint32_t	count = pass->count;
	uint32_t	fours = wide ? 0 : count / 4 * 4;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	row = order[i];
		uint32_t	ahead = order[i + PREFETCH_ROWS < n ? i + PREFETCH_ROWS : n - 1];
		const uint8_t *code = codes + row * stride;
		uint64_t	v = packed[row];

		__builtin_prefetch(codes + ahead * stride);
		__builtin_prefetch(&packed[ahead]);
		for (uint32_t j = 0; j < fours; j += 4)
		{
			uint32_t	four;

			memcpy(&four, code + j, sizeof(four));
			words[place[j] + code_of_four(four, 0)] += v;
			words[place[j + 1] + code_of_four(four, 1)] += v;
			words[place[j + 2] + code_of_four(four, 2)] += v;
			words[place[j + 3] + code_of_four(four, 3)] += v;
		}
		for (uint32_t j = fours; j < count; j++)
			words[place[j] + matrix_load(code, j, wide)] += v;
	}
}

/* Rows into cells. */
static always_inline void
add_cells(const OrderSums *sums, const Pass *pass, const uint32_t *order, uint32_t n, Cell *cells,
		  bool packed, bool wide)
{
	const RowCells *row_cells = &sums->cells;
	const uint8_t *codes = pass->codes;
	size_t		stride = (size_t) pass->stride * (wide ? 2 : 1);

	cells += pass->first;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	row = order[i];
		uint32_t	ahead = order[i + PREFETCH_ROWS < n ? i + PREFETCH_ROWS : n - 1];
		const uint8_t *code = codes + row * stride;
		Cell		cell = packed ? packed_unpack(row_cells->packed[row], row_cells->cshift) : row_cells->wide[row];
		CellVector	v = {(uint64_t) cell.g, cell.hc};

		__builtin_prefetch(codes + ahead * stride);
		if (packed)
			__builtin_prefetch(&row_cells->packed[ahead]);
		else
			__builtin_prefetch(&row_cells->wide[ahead]);
		for (uint32_t j = 0; j < pass->count; j++)
			cell_add(&cells[pass->place[j] + matrix_load(code, j, wide)], v);
	}
}

/* At most PACKED_ROWS rows into a pass. */
static void
pass_add(const OrderSums *sums, Pass *pass, const uint32_t *order, uint32_t n, Cell *cells)
{
	bool		wide = sums->matrix->wide;

	if (pass->by_words)
	{
		if (pass->pending + n > PACKED_ROWS)
			pass_flush(sums, pass, cells);
		pass->pending += n;
		if (wide)
			add_words(sums, pass, order, n, true);
		else
			add_words(sums, pass, order, n, false);
	}
	else if (sums->cells.packed)
	{
		if (wide)
			add_cells(sums, pass, order, n, cells, true, true);
		else
			add_cells(sums, pass, order, n, cells, true, false);
	}
	else if (wide)
		add_cells(sums, pass, order, n, cells, false, true);
	else
		add_cells(sums, pass, order, n, cells, false, false);
}

void
order_add(const OrderSums *sums, const uint32_t *order, uint32_t n, uint32_t feature, uint32_t nfeatures, Cell *cells)
{
	Pass		pass;

	for (uint32_t f = feature; f < feature + nfeatures; f += pass.count)
	{
		pass_begin(sums, f, n, &pass);
		for (uint32_t done = 0; done < n; done += PACKED_ROWS)
		{
			if (done / PACKED_ROWS % 16 == 0)
				sums->env->check(sums->env->arg);
			pass_add(sums, &pass, order + done, n - done < PACKED_ROWS ? n - done : PACKED_ROWS, cells);
		}
		pass_flush(sums, &pass, cells);
	}
}

/* ---- parting ------------------------------------------------------------------- */

/* Each row is written to both sides and counted on one, so there is no branch to guess. */
static always_inline uint32_t
part_some(const uint32_t *order, uint32_t n, const uint8_t *codes, size_t stride, bool wide, const CodeSide *side,
		  uint32_t *left, uint32_t *moved)
{
	uint32_t	nl = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	row = order[i];
		uint32_t	ahead = order[i + PART_AHEAD < n ? i + PART_AHEAD : n - 1];
		uint32_t	goes_left = side_goes_left(side, matrix_load(codes, row * stride, wide));

		__builtin_prefetch(codes + ahead * stride * (wide ? 2 : 1));
		left[nl] = row;
		moved[i - nl] = row;
		nl += goes_left;
	}
	memcpy(left + nl, moved, (n - nl) * sizeof(uint32_t));
	return nl;
}

uint32_t
order_part(const Matrix *matrix, const uint32_t *order, uint32_t n, uint32_t feature, const CodeSide *side,
		   uint32_t *left, uint32_t *moved)
{
	uint32_t	stride;
	const uint8_t *codes = matrix_feature(matrix, feature, &stride);

	if (matrix->wide)
		return part_some(order, n, codes, stride, true, side, left, moved);
	return part_some(order, n, codes, stride, false, side, left, moved);
}
