/*
 * classes.c
 *		Splits of forests with more than two classes.
 *
 * A bin has a sum a class.  Where that table is small beside the node's rows,
 * it is made and walked; else rows are chained by code, and the scan moves them
 * from right to left one at a time, keeping the squares of both sides' sums as exact
 * integers: a node of n rows costs n a feature, however many classes there are.
 *
 * Levels of a category are ordered by their shares along the first principal
 * component (Coppersmith, Hong, Hosking 1999).
 */
#include <math.h>
#include <string.h>

#include "learn/histogram.h"

#define AXIS_STEPS	12			/* of the power iteration */

/* The left side while it fills; right is the node less left. */
typedef struct ClassSide
{
	uint64_t   *left;			/* sums a class */
	uint128		squares_left,
				squares_right;
	uint64_t	h;
	uint32_t	n;
} ClassSide;

/* One feature of one node. */
typedef struct ClassScan
{
	const RowStore *rows;
	const SplitNode *node;
	const FeatureBins *fb;
	uint32_t	feature;
	bool		dense;
	const uint16_t *codes;		/* present values, ascending */
	uint32_t	m;
	uint32_t	missing;		/* number of missing rows */
	double		to_exceed;		/* by the gain of a candidate */
	double		gain;			/* of the best candidate so far */
	uint32_t	place;
	bool		missing_left;
	uint32_t	nl;
	uint64_t	hl;
} ClassScan;

/* ---- sides ----------------------------------------------------------------- */

static inline void
side_add(const SplitNode *node, ClassSide *side, uint32_t k, uint64_t w)
{
	uint64_t	left = side->left[k],
				right = node->classes[k] - left;

	side->squares_left += (uint128) w * (2 * left + w);
	side->squares_right -= (uint128) w * (2 * right - w);
	side->left[k] = left + w;
	side->h += w;
}

/* Move the rows of a code to the left. */
static void
side_add_code(const ClassScan *scan, ClassSide *side, uint32_t code)
{
	const RowStore *rows = scan->rows;
	uint32_t	nclasses = scan->node->rule->nclasses;

	side->n += rows->counts[code];
	if (scan->dense)
	{
		const uint64_t *sums = rows->class_sums + (size_t) code * nclasses;

		for (uint32_t k = 0; k < nclasses; k++)
			if (sums[k] != 0)
				side_add(scan->node, side, k, sums[k]);
		return;
	}
	for (uint32_t i = rows->head[code]; i != UINT32_MAX; i = rows->next[i])
		side_add(scan->node, side, rows->labels[i], rows->weights[i]);
}

/* An empty left side, or one with the missing rows in it. */
static void
side_start(const ClassScan *scan, ClassSide *side, bool missing)
{
	const SplitNode *node = scan->node;
	uint32_t	nclasses = node->rule->nclasses;

	memset(side->left, 0, nclasses * sizeof(uint64_t));
	side->squares_left = side->squares_right = 0;
	for (uint32_t k = 0; k < nclasses; k++)
		side->squares_right += (uint128) node->classes[k] * node->classes[k];
	side->h = 0;
	side->n = 0;
	if (missing)
		side_add_code(scan, side, scan->fb->nbins);
}

/* Keep this left side if it is allowed and better. */
static void
try_side(ClassScan *scan, const ClassSide *side, uint32_t place, bool missing_left, bool ordered)
{
	const SplitNode *node = scan->node;
	double		gain;

	if (!split_sides(node, side->n, side->h))
		return;
	if (ordered)
		gain = classes_gain_ordered(node, side->left, side->h);
	else if (node->rule->kind == GAIN_CLASSES_GINI)
		gain = classes_gain_gini(node, side->squares_left, side->squares_right, side->h);
	else
		gain = classes_gain(node, side->left, side->h);
	if (!(gain > scan->gain))
		return;
	scan->gain = gain;
	scan->place = place;
	scan->missing_left = missing_left;
	scan->nl = side->n;
	scan->hl = side->h;
}

/* ---- numeric --------------------------------------------------------------- */

static void
scan_bins(ClassScan *scan, ClassSide *without, ClassSide *with, Split *best)
{
	const SplitNode *node = scan->node;
	uint32_t	m = scan->m;
	bool		some_missing = scan->missing > 0;
	uint32_t	only = node->rule->random && m > 1 ?
		random_place(node, scan->fb, scan->feature, scan->codes, m) : UINT32_MAX;

	side_start(scan, without, false);
	if (some_missing)
		side_start(scan, with, true);
	for (uint32_t i = 0; i + 1 < m; i++)
	{
		side_add_code(scan, without, scan->codes[i]);
		if (some_missing)
			side_add_code(scan, with, scan->codes[i]);
		else if (node->n - without->n < node->rule->min_samples_leaf)
			break;
		if (only != UINT32_MAX && i != only)
			continue;
		try_side(scan, without, i, false, false);
		if (some_missing)
			try_side(scan, with, i, true, false);
	}
	if (some_missing && m > 0)
	{
		MissingSide side = missing_side(scan->fb, scan->codes, m);

		side_start(scan, with, true);
		side_add_code(scan, without, scan->codes[m - 1]);
		if (side == MISSING_ALONE_RIGHT)
			try_side(scan, without, m - 1, false, false);
		else if (side == MISSING_ALONE_LEFT)
			try_side(scan, with, m - 1, true, false);
	}
	if (!(scan->gain > scan->to_exceed))
		return;
	if (scan->place + 1 == m)
		split_take(best, scan->feature, scan->gain, scan->missing_left ? BIN_NONE : scan->codes[m - 1],
				   scan->missing_left ? NODE_IS_SPLIT : BIN_NONE, scan->missing_left,
				   scan->nl, 0, scan->hl);
	else
		split_take(best, scan->feature, scan->gain, scan->codes[scan->place],
				   scan->codes[scan->place + 1],
				   some_missing ? scan->missing_left : default_left(node, scan->nl),
				   scan->nl, 0, scan->hl);
}

/* ---- categories -------------------------------------------------------------- */

/* One level against the rest, or a random subset. */
static void
scan_few(ClassScan *scan, ClassSide *side, Split *best)
{
	const SplitNode *node = scan->node;
	bool		some_missing = scan->missing > 0;
	uint32_t	nleft = 0,
				place = RANDOM_SUBSET;

	for (uint32_t i = 0; i < scan->m; i++)
		nleft += random_level(node, scan->feature, scan->codes[i]);
	if (nleft == 0 || nleft == scan->m)
		place = 0;
	for (uint32_t i = 0; i < scan->m; i++)
	{
		if (!node->rule->random)
			place = i;
		for (int missing_left = 0; missing_left <= (some_missing ? 1 : 0); missing_left++)
		{
			side_start(scan, side, missing_left == 1);
			for (uint32_t j = 0; j < scan->m; j++)
				if (place == RANDOM_SUBSET ? random_level(node, scan->feature, scan->codes[j]) :
					j == place)
					side_add_code(scan, side, scan->codes[j]);
			try_side(scan, side, place, missing_left == 1, false);
		}
		if (node->rule->random)
			break;
	}
	if (!(scan->gain > scan->to_exceed))
		return;
	split_take(best, scan->feature, scan->gain, 0, NODE_IS_SPLIT,
			   some_missing ? scan->missing_left : default_left(node, scan->nl),
			   scan->nl, 0, scan->hl);
	split_take_levels(node, best, scan->feature, scan->codes, scan->m, scan->place);
}

/* A level's smoothed share of class k, less the node's. */
static inline double
level_share(const SplitNode *node, const uint64_t *sums, uint64_t h, uint32_t k)
{
	double		all = (double) node->h;
	double		smooth = SMOOTH_ROWS * all / (double) node->n;

	return ((double) sums[k] - (double) h * ((double) node->classes[k] / all)) / ((double) h + smooth);
}

/* A level's place along an axis. */
static double
level_along(const SplitNode *node, const uint64_t *sums, uint64_t h, const double *axis)
{
	double		sum = 0.0;

	for (uint32_t k = 0; k < node->rule->nclasses; k++)
		sum += level_share(node, sums, h, k) * axis[k];
	return sum;
}

/*
 * keys[i].key of n levels with class sums sums[i * nclasses + k] and weights h[i]: their
 * smoothed shares along the first principal component.  The power iteration begins
 * with the level that differs most from the node.  axis is scratch of 2 * nclasses.
 */
void
classes_keys(const SplitNode *node, const uint64_t *sums, const uint64_t *h, uint32_t n,
			 double *axis, LevelKey *keys)
{
	uint32_t	nclasses = node->rule->nclasses;
	double	   *next = axis + nclasses;
	double		most = -1.0;

	for (uint32_t i = 0; i < n; i++)
	{
		double		square = 0.0;

		for (uint32_t k = 0; k < nclasses; k++)
		{
			next[k] = level_share(node, sums + (size_t) i * nclasses, h[i], k);
			square += next[k] * next[k];
		}
		if (square * (double) h[i] > most)
		{
			most = square * (double) h[i];
			memcpy(axis, next, nclasses * sizeof(double));
		}
	}
	for (int step = 0; step < AXIS_STEPS; step++)
	{
		double		largest = 0.0;

		for (uint32_t k = 0; k < nclasses; k++)
			next[k] = 0.0;
		for (uint32_t i = 0; i < n; i++)
		{
			const uint64_t *level = sums + (size_t) i * nclasses;
			double		along = level_along(node, level, h[i], axis) * (double) h[i];

			for (uint32_t k = 0; k < nclasses; k++)
				next[k] += along * level_share(node, level, h[i], k);
		}
		for (uint32_t k = 0; k < nclasses; k++)
			if (fabs(next[k]) > largest)
				largest = fabs(next[k]);
		if (!(largest > 0.0))
			break;
		for (uint32_t k = 0; k < nclasses; k++)
			axis[k] = next[k] / largest;
	}
	for (uint32_t i = 0; i < n; i++)
		keys[i].key = level_along(node, sums + (size_t) i * nclasses, h[i], axis);
}

/* Move the rows of a level, which may be the pooled ones, to the left. */
static void
side_add_level(const ClassScan *scan, ClassSide *side, uint32_t code, const uint16_t *pool,
			   uint32_t npool)
{
	if (code != LEVEL_POOL)
		side_add_code(scan, side, code);
	else
		for (uint32_t i = 0; i < npool; i++)
			side_add_code(scan, side, pool[i]);
}

/*
 * Order the levels of a category.  Returns how many there are after pooling.
 * Where sums a level and class would take too much room, by the share of the node's commonest class.
 */
static uint32_t
order_levels(ClassScan *scan, ClassSide *side, SplitScratch *scratch, uint32_t *npool)
{
	const SplitNode *node = scan->node;
	uint32_t	nclasses = node->rule->nclasses;
	uint32_t	commonest = 0;
	uint32_t	n = 0;
	bool		room;

	*npool = 0;
	for (uint32_t i = 0; i < scan->m; i++)
	{
		if (scan->rows->counts[scan->codes[i]] < POOL_ROWS)
			scratch->pool[(*npool)++] = scan->codes[i];
		else
			scratch->keys[n++].code = scan->codes[i];
	}
	if (*npool > 0)
		scratch->keys[n++].code = LEVEL_POOL;
	room = (uint64_t) n * (nclasses + 1) <= MAX_LEVEL_SUMS;
	for (uint32_t k = 1; k < nclasses; k++)
		if (node->classes[k] > node->classes[commonest])
			commonest = k;
	for (uint32_t i = 0; i < n; i++)
	{
		side_start(scan, side, false);
		side_add_level(scan, side, scratch->keys[i].code, scratch->pool, *npool);
		if (room)
		{
			memcpy(scratch->level_sums + n + (size_t) i * nclasses, side->left,
				   nclasses * sizeof(uint64_t));
			scratch->level_sums[i] = side->h;
		}
		else
			scratch->keys[i].key = level_share(node, side->left, side->h, commonest);
	}
	if (room)
		classes_keys(node, scratch->level_sums + n, scratch->level_sums, n, scratch->axis,
					 scratch->keys);
	level_sort(scratch->keys, n);
	return n;
}

/* Many levels: prefixes of them in order. */
static void
scan_ordered(ClassScan *scan, ClassSide *without, ClassSide *with, SplitScratch *scratch, Split *best)
{
	const SplitNode *node = scan->node;
	bool		some_missing = scan->missing > 0;
	uint32_t	npool,
				n = order_levels(scan, without, scratch, &npool);

	side_start(scan, without, false);
	if (some_missing)
		side_start(scan, with, true);
	for (uint32_t i = 1; i <= n; i++)
	{
		uint32_t	code = scratch->keys[i - 1].code;

		side_add_level(scan, without, code, scratch->pool, npool);
		if (some_missing)
			side_add_level(scan, with, code, scratch->pool, npool);
		if (i > MAX_SIDE_LEVELS && n - i > MAX_SIDE_LEVELS)
			continue;
		try_side(scan, without, i, false, true);
		if (some_missing)
			try_side(scan, with, i, true, true);
	}
	if (!(scan->gain > scan->to_exceed))
		return;
	split_take(best, scan->feature, scan->gain, 0, NODE_IS_SPLIT,
			   some_missing ? scan->missing_left : default_left(node, scan->nl),
			   scan->nl, 0, scan->hl);
	split_take_ordered(best, scratch, n, npool, scan->place);
}

/* ---- a feature ------------------------------------------------------------------ */

/* Sums of the node's rows by code and class. */
static void
sum_dense(RowStore *rows, uint32_t n, uint32_t ncodes, uint32_t nclasses)
{
	memset(rows->class_sums, 0, (size_t) ncodes * nclasses * sizeof(uint64_t));
	memset(rows->counts, 0, ncodes * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	code = rows->codes[i];

		rows->class_sums[(size_t) code * nclasses + rows->labels[i]] += rows->weights[i];
		rows->counts[code]++;
	}
}

/* The node's rows chained by code. */
static void
chain_rows(RowStore *rows, uint32_t n, uint32_t ncodes)
{
	codeset_clear(rows->set, ncodes);
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	code = rows->codes[i];
		bool		had = codeset_add(rows->set, code) != 0;

		rows->next[i] = had ? rows->head[code] : UINT32_MAX;
		rows->counts[code] = had ? rows->counts[code] + 1 : 1;
		rows->head[code] = i;
	}
}

/*
 * The best split of one feature, if it is better than *best; the node's rows have been gathered.
 * False where the feature is constant in the node.
 */
bool
rows_scan_classes(RowStore *rows, uint32_t first, const SplitNode *node, const FeatureBins *fb,
				  uint32_t feature, SplitScratch *scratch, Split *best)
{
	uint32_t	ncodes = feature_ncodes(fb);
	uint32_t	nclasses = node->rule->nclasses;
	uint32_t	n = node->n;
	ClassSide	without = {.left = scratch->left},
				with = {.left = scratch->left_missing};
	ClassScan	scan = {.rows = rows, .node = node, .fb = fb, .feature = feature,
	.codes = rows->present, .gain = gain_to_exceed(node, best, feature)};

	scan.to_exceed = scan.gain;

	rows_codes(rows, first, n, feature, rows->codes);
	scan.dense = (size_t) ncodes * nclasses <= 2 * (size_t) n &&
		(size_t) ncodes * nclasses <= rows->class_sums_size;
	if (scan.dense)
	{
		sum_dense(rows, n, ncodes, nclasses);
		for (uint32_t c = 0; c < fb->nbins; c++)
			if (rows->counts[c] > 0)
				rows->present[scan.m++] = (uint16_t) c;
		scan.missing = rows->counts[fb->nbins];
	}
	else
	{
		chain_rows(rows, n, ncodes);
		scan.m = codeset_list(rows->set, ncodes, rows->present);
		if (scan.m > 0 && rows->present[scan.m - 1] == fb->nbins)
		{
			scan.m--;
			scan.missing = rows->counts[fb->nbins];
		}
	}
	if (scan.m + (scan.missing > 0) < 2)
		return false;
	if (fb->kind == LEARN_NUMERIC)
		scan_bins(&scan, &without, &with, best);
	else if (node->rule->random || scan.m <= MAX_SINGLE_LEVELS)
		scan_few(&scan, &without, best);
	else
		scan_ordered(&scan, &without, &with, scratch, best);
	return true;
}
