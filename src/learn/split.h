/*
 * split.h
 *		What a split is, and what it gains: the arithmetic that decides.
 *
 * Everything that compares candidates is here, inline, and computed from exact
 * sums alone: the fast search (split.c, classes.c) and the naive twin, which find the
 * sums in different ways, therefore agree bit for bit.
 *
 * Ties: the lowest feature; within it the lowest bin, and missing to the right before
 * missing to the left.  The order in which features are tried does not matter.
 */
#ifndef ECHOLON_SPLIT_H
#define ECHOLON_SPLIT_H

#include <math.h>

#include "learn/mathfn.h"
#include "learn/tree.h"

#define MAX_SINGLE_LEVELS	4		/* up to so many levels: one against the rest */
#define POOL_ROWS			10		/* levels of fewer rows in the node are one */
#define SMOOTH_ROWS			10.0	/* rows of the node's mean that each level is given */
#define FEW_ROWS			16		/* a node of so many rows or less is searched row by row */
#define MAX_SIDE_LEVELS		32		/* levels on the smaller side, the pooled ones counting as one */

typedef unsigned __int128 uint128;
typedef double DoublePair __attribute__((vector_size(16)));

/* A node whose split is sought. */
typedef struct SplitNode
{
	const SplitRule *rule;
	uint64_t	key;			/* randomness of this node */
	uint32_t	n;				/* rows */
	int64_t		g;
	uint64_t	h;
	const uint64_t *classes;	/* sums a class, for the kinds of classes */
	double		lower,			/* bounds of leaves below */
				upper;
	/* derived by split_node_init */
	int64_t		mean;			/* round(g / h) */
	int64_t		rest;			/* g - mean * h */
	double		parent;			/* what the node scores itself, by the rule's kind */
	double		min_gain;		/* what rounding alone may seem to gain */
	double		log_one,		/* GAIN_ENTROPY: log of the shares of class 1 and 0 */
				log_zero;
} SplitNode;

/* The best split so far. */
typedef struct Split
{
	bool		found;
	bool		missing_left;
	bool		category;
	uint32_t	feature;
	uint32_t	bin,			/* numeric: where the left rows end */
				beyond;			/* and the right ones begin; BIN_NONE: only missing rows are there */
	double		gain;
	uint32_t	left_n;
	int64_t		left_g;
	uint64_t	left_h;
	uint32_t	nleft,			/* category: levels[0 .. nleft) go left, */
				npresent;		/* levels[nleft .. npresent) right */
	uint16_t   *levels;			/* room for every category of any feature */
} Split;

/* ---- small arithmetic ----------------------------------------------------- */

/* n log n; by a table where n is small. */
static inline double
rule_xlogx(const SplitRule *rule, uint64_t n)
{
	if (n < ENTROPY_TABLE)
		return rule->xlogx[n];
	return (double) n * math_log((double) n);
}

static inline double
double_of_128(uint128 x)
{
	uint64_t	high = (uint64_t) (x >> 64),
				low = (uint64_t) x;

	if ((high | low >> 63) == 0)
		return (double) (int64_t) low;
	return (double) high * 0x1p64 + (double) low;
}

/* The value of a leaf with these sums. */
static inline double
rule_value(const SplitRule *rule, int64_t g, uint64_t h, double lower, double upper)
{
	double		weight = (double) h;
	double		value;

	if (weight < rule->value_min_h)
		weight = rule->value_min_h;
	value = rule->value_offset + (double) g / (weight + rule->l2) * rule->value_scale;
	if (value > rule->value_limit)
		value = rule->value_limit;
	if (value < -rule->value_limit)
		value = -rule->value_limit;
	if (value < lower)
		value = lower;
	if (value > upper)
		value = upper;
	return value;
}

/* A gain in natural units, finite. */
static inline double
rule_natural_gain(const SplitRule *rule, double gain)
{
	double		natural = __builtin_ldexp(gain, rule->gain_exponent) * rule->gain_factor;

	return natural <= DBL_MAX ? natural : DBL_MAX;
}

/* The key of a child: the root's key and the turns below it. */
static inline uint64_t
child_key(uint64_t key, bool right)
{
	return hash_mix(key + (right ? UINT64_C(0xd1b54a32d192ed03) : UINT64_C(0x9e3779b97f4a7c15)));
}

/* The i-th random number of a node. */
static inline uint64_t
node_random(uint64_t key, uint32_t i)
{
	return hash_mix(key ^ (UINT64_C(0x94d049bb133111eb) * (i + 1)));
}

/* ---- gain of cells --------------------------------------------------------- */

/* -H times the entropy of a side: h its weight, one that of class 1. */
static inline double
entropy_side(const SplitRule *rule, uint64_t h, uint64_t one)
{
	return rule_xlogx(rule, one) + rule_xlogx(rule, h - one) - rule_xlogx(rule, h);
}

/* What a node scores for parting into left sums (gl, hl) and the rest; both h are above 0. */
static always_inline double
split_gain(const GainKind kind, const SplitNode *node, int64_t gl, uint64_t hl)
{
	int64_t		hr = (int64_t) (node->h - hl);
	DoublePair	sum,
				weight = {(double) (int64_t) hl, (double) hr};

	if (kind == GAIN_ENTROPY)
	{
		const SplitRule *rule = node->rule;

		return entropy_side(rule, hl, (uint64_t) gl >> rule->unit_shift) +
			entropy_side(rule, (uint64_t) hr, (uint64_t) (node->g - gl) >> rule->unit_shift) -
			node->parent;
	}
	if (kind == GAIN_CENTRED)
	{
		int64_t		left = gl - node->mean * (int64_t) hl;

		sum = (DoublePair) {(double) left, (double) (node->rest - left)};
	}
	else
	{
		sum = (DoublePair) {(double) gl, (double) (node->g - gl)};
		weight += (DoublePair) {node->rule->l2, node->rule->l2};
	}
	sum = sum * sum / weight;
	return sum[0] + sum[1] - node->parent;
}

/* Kullback-Leibler divergence of a side from its node, times the side's weight. */
static inline double
entropy_divergence(const SplitNode *node, uint64_t h, uint64_t one)
{
	double		value = entropy_side(node->rule, h, one);

	if (one > 0)
		value -= (double) one * node->log_one;
	if (h > one)
		value -= (double) (h - one) * node->log_zero;
	return value;
}

/*
 * The same for levels of a category in an order that their means have chosen: each side's part is shrunk
 * by category_l2, which makes up for the choice.  Sums are centred in any case, or else
 * the penalty would reward.
 */
static inline double
split_gain_ordered(const SplitNode *node, int64_t gl, uint64_t hl)
{
	const SplitRule *rule = node->rule;
	uint64_t	hr = node->h - hl;
	double		penalty = rule->l2 + rule->category_l2;
	double		left,
				right,
				all;

	if (rule->kind == GAIN_ENTROPY)
	{
		uint64_t	one = (uint64_t) gl >> rule->unit_shift;
		uint64_t	other = ((uint64_t) node->g >> rule->unit_shift) - one;

		left = entropy_divergence(node, hl, one);
		right = entropy_divergence(node, hr, other);
		return left * ((double) hl / ((double) hl + penalty)) +
			right * ((double) hr / ((double) hr + penalty));
	}
	left = (double) (gl - node->mean * (int64_t) hl);
	right = (double) (node->rest - (gl - node->mean * (int64_t) hl));
	all = (double) node->rest;
	return left * left / ((double) hl + penalty) + right * right / ((double) hr + penalty) -
		all * all / ((double) node->h + penalty);
}

/* By what levels are ordered: the mean of (g, h), less the node's, with SMOOTH_ROWS rows of it added. */
static inline double
level_key(const SplitNode *node, int64_t g, uint64_t h)
{
	double		smooth = SMOOTH_ROWS * (double) node->h / (double) node->n;

	return (double) (g - node->mean * (int64_t) h) / ((double) h + smooth);
}

/* ---- gain of class sums ------------------------------------------------------ */

/* Gini: squares are the sums of squared class sums of either side. */
static inline double
classes_gain_gini(const SplitNode *node, uint128 left, uint128 right, uint64_t hl)
{
	return double_of_128(left) / (double) hl +
		double_of_128(right) / (double) (node->h - hl) - node->parent;
}

/* Any kind, from the left sums of the classes. */
static inline double
classes_gain(const SplitNode *node, const uint64_t *left, uint64_t hl)
{
	const SplitRule *rule = node->rule;

	if (rule->kind == GAIN_CLASSES_GINI)
	{
		uint128		sl = 0,
					sr = 0;

		for (uint32_t k = 0; k < rule->nclasses; k++)
		{
			uint64_t	right = node->classes[k] - left[k];

			sl += (uint128) left[k] * left[k];
			sr += (uint128) right * right;
		}
		return classes_gain_gini(node, sl, sr, hl);
	}
	else
	{
		double		sum = -rule_xlogx(rule, hl) - rule_xlogx(rule, node->h - hl);

		for (uint32_t k = 0; k < rule->nclasses; k++)
			sum += rule_xlogx(rule, left[k]) + rule_xlogx(rule, node->classes[k] - left[k]);
		return sum - node->parent;
	}
}

/* For levels in an order of choice, as split_gain_ordered. */
static inline double
classes_gain_ordered(const SplitNode *node, const uint64_t *left, uint64_t hl)
{
	const SplitRule *rule = node->rule;
	double		weight_left = (double) hl,
				weight_right = (double) (node->h - hl),
				h = (double) node->h;
	double		a = 0.0,
				b = 0.0;

	if (rule->kind == GAIN_CLASSES_GINI)
	{
		for (uint32_t k = 0; k < rule->nclasses; k++)
		{
			double		d = (double) left[k] - weight_left * ((double) node->classes[k] / h);

			a += d * d;
		}
		return a / (weight_left + rule->category_l2) + a / (weight_right + rule->category_l2);
	}
	for (uint32_t k = 0; k < rule->nclasses; k++)
	{
		uint64_t	right = node->classes[k] - left[k];
		double		share;

		if (node->classes[k] == 0)
			continue;
		share = math_log((double) node->classes[k] / h);
		a += rule_xlogx(rule, left[k]) - (double) left[k] * share;
		b += rule_xlogx(rule, right) - (double) right * share;
	}
	a -= rule_xlogx(rule, hl);
	b -= rule_xlogx(rule, node->h - hl);
	return a * (weight_left / (weight_left + rule->category_l2)) +
		b * (weight_right / (weight_right + rule->category_l2));
}

/* ---- nodes and candidates ------------------------------------------------------ */

/* Fill what is derived from rule, n, g, h and classes. */
static inline void
split_node_init(SplitNode *node)
{
	const SplitRule *rule = node->rule;
	double		h = (double) node->h;

	node->mean = node->rest = 0;
	node->log_one = node->log_zero = 0.0;
	if (node->h == 0)
	{
		node->parent = 0.0;
		node->min_gain = DBL_MAX;
		return;
	}
	if (rule->nclasses == 0)
	{
		int64_t		half = (int64_t) (node->h / 2);

		node->mean = (node->g + (node->g >= 0 ? half : -half)) / (int64_t) node->h;
		node->rest = node->g - node->mean * (int64_t) node->h;
	}
	switch (rule->kind)
	{
		case GAIN_CENTRED:
			node->parent = (double) node->rest * (double) node->rest / h;
			break;
		case GAIN_L2:
			node->parent = (double) node->g * (double) node->g / (h + rule->l2);
			break;
		case GAIN_ENTROPY:
			{
				uint64_t	one = (uint64_t) node->g >> rule->unit_shift;

				node->parent = entropy_side(rule, node->h, one);
				node->log_one = one > 0 ? math_log((double) one / h) : 0.0;
				node->log_zero = one < node->h ? math_log((double) (node->h - one) / h) : 0.0;
				break;
			}
		case GAIN_CLASSES_GINI:
			{
				uint128		sum = 0;

				for (uint32_t k = 0; k < rule->nclasses; k++)
					sum += (uint128) node->classes[k] * node->classes[k];
				node->parent = double_of_128(sum) / h;
				break;
			}
		case GAIN_CLASSES_ENTROPY:
			node->parent = -rule_xlogx(rule, node->h);
			for (uint32_t k = 0; k < rule->nclasses; k++)
				node->parent += rule_xlogx(rule, node->classes[k]);
			break;
	}

	/*
	 * Each row's g was rounded by up to a half, so sums that are equal in truth may differ by as much a row.
	 * Beside that, the last places of the scores that are subtracted.
	 */
	if (rule->kind == GAIN_CENTRED || rule->kind == GAIN_L2)
	{
		double		noise = rule->noise_weighted ? h : (double) node->n;

		node->min_gain = noise * noise / h + 1e-12 * node->parent;
	}
	else
		node->min_gain = 1e-11 * h;
}

/* Are both sides large enough? */
static always_inline bool
split_sides(const SplitNode *node, uint32_t nl, uint64_t hl)
{
	const SplitRule *rule = node->rule;

	return nl >= rule->min_samples_leaf && node->n - nl >= rule->min_samples_leaf &&
		hl >= rule->min_h && node->h - hl >= rule->min_h;
}

/* Do the children's values keep to a feature's direction? */
static inline bool
split_keeps_direction(const SplitNode *node, int direction, int64_t gl, uint64_t hl)
{
	double		left = rule_value(node->rule, gl, hl, node->lower, node->upper);
	double		right = rule_value(node->rule, node->g - gl, node->h - hl, node->lower, node->upper);

	return direction > 0 ? left <= right : left >= right;
}

/*
 * Bounds of the children's leaves.  Where the feature has a direction, the midpoint of their
 * values lies between them for good; a split that parts missing rows from all others has none.
 */
static inline void
split_bounds(const SplitRule *rule, int direction, uint32_t bin, uint32_t beyond,
			 int64_t gl, uint64_t hl, int64_t gr, uint64_t hr, double lower, double upper,
			 double *left_lower, double *left_upper, double *right_lower, double *right_upper)
{
	double		middle;

	*left_lower = *right_lower = lower;
	*left_upper = *right_upper = upper;
	if (direction == 0 || bin == BIN_NONE || beyond == BIN_NONE)
		return;
	middle = rule_value(rule, gl, hl, lower, upper) * 0.5 + rule_value(rule, gr, hr, lower, upper) * 0.5;
	if (direction > 0)
		*left_upper = *right_lower = middle;
	else
		*left_lower = *right_upper = middle;
}

/*
 * The gain that a candidate of this feature has to exceed to be better: that of the best
 * split, or, where the feature wins a tie, the next number below it.
 */
static inline double
gain_to_exceed(const SplitNode *node, const Split *best, uint32_t feature)
{
	double		gain = best->gain;
	uint64_t	bits;

	if (!best->found || feature > best->feature)
		return gain;
	__builtin_memcpy(&bits, &gain, sizeof(bits));
	bits--;						/* the gain is above 0 */
	__builtin_memcpy(&gain, &bits, sizeof(gain));
	return gain > node->min_gain ? gain : node->min_gain;
}

/* The place, among the m present bins, where a random threshold ends the left side (m > 1). */
static inline uint32_t
random_place(const SplitNode *node, const FeatureBins *fb, uint32_t feature,
			 const uint16_t *codes, uint32_t m)
{
	double		u = hash_unit(hash_pair(node->key, feature));
	double		low = fb->lower[codes[0]],
				high = fb->upper[codes[m - 1]],
				threshold;
	uint32_t	i = 0;

	/* between finite values, or else infinity would nearly always be cut off alone */
	if (low <= -DBL_MAX)
		low = fb->lower[codes[1]];
	if (high >= DBL_MAX)
		high = fb->upper[codes[m - 2]];
	threshold = low * (1.0 - u) + high * u;
	while (i + 2 < m && fb->lower[codes[i + 1]] * 0.5 + fb->upper[codes[i + 1]] * 0.5 <= threshold)
		i++;
	return i;
}

/*
 * On which side missing rows can be told from all values (codes[0 .. m), m > 0) by a finite
 * threshold, which infinity can't lie below, nor -infinity above.
 */
typedef enum MissingSide
{
	MISSING_ALONE_RIGHT,
	MISSING_ALONE_LEFT,
	MISSING_NEVER_ALONE
} MissingSide;

static inline MissingSide
missing_side(const FeatureBins *fb, const uint16_t *codes, uint32_t m)
{
	if (fb->upper[codes[m - 1]] < DBL_MAX)
		return MISSING_ALONE_RIGHT;
	return fb->lower[codes[0]] > -DBL_MAX ? MISSING_ALONE_LEFT : MISSING_NEVER_ALONE;
}

/* Does a random subset of levels send this one left? */
static inline bool
random_level(const SplitNode *node, uint32_t feature, uint32_t code)
{
	return hash_pair(hash_pair(node->key, feature), code) >> 63;
}

/* Where missing rows go that a node has none of: to the child with more rows. */
static inline bool
default_left(const SplitNode *node, uint32_t nl)
{
	return nl > node->n - nl;
}

/* Could a node of this size be split at all? */
static inline bool
may_split(const SplitRule *rule, uint32_t n, uint64_t h, uint32_t depth)
{
	return depth < rule->max_depth && n >= rule->min_samples_split &&
		n / 2 >= rule->min_samples_leaf && h / 2 >= rule->min_h;
}

/* ---- drawing features ------------------------------------------------------------ */

/* Draw the feature at place drawn of a node's: from those not drawn yet, which stand from there on. */
static inline void
draw_feature(uint64_t key, uint32_t nfeatures, uint32_t drawn, uint32_t *features, uint32_t *swaps)
{
	uint32_t	j = drawn + (uint32_t) hash_below(node_random(key, drawn), nfeatures - drawn);
	uint32_t	f = features[j];

	features[j] = features[drawn];
	features[drawn] = f;
	swaps[drawn] = j;
}

/* Put all features back to where they were. */
static inline void
undraw_features(uint32_t drawn, uint32_t *features, const uint32_t *swaps)
{
	while (drawn-- > 0)
	{
		uint32_t	j = swaps[drawn];
		uint32_t	f = features[j];

		features[j] = features[drawn];
		features[drawn] = f;
	}
}

/* ---- search (split.c, classes.c) --------------------------------------------------- */

typedef struct LevelKey
{
	double		key;
	uint32_t	code;			/* LEVEL_POOL: the pooled ones */
} LevelKey;

#define LEVEL_POOL	0x10000u
#define RANDOM_SUBSET UINT32_MAX	/* as the place of the one level that goes left */

/* Room for the levels of a category. */
typedef struct SplitScratch
{
	LevelKey   *keys;			/* [max_codes] */
	uint16_t   *pool;			/* [max_codes] */
	/* classes only */
	uint64_t   *left;			/* [nclasses] */
	uint64_t   *left_missing;	/* [nclasses] */
	uint64_t   *level_sums;		/* [MAX_LEVEL_SUMS] sums a level and class */
	double	   *axis;			/* [2 * nclasses] */
} SplitScratch;

#define MAX_LEVEL_SUMS	(1u << 22)	/* above, levels are ordered by the commonest class's share */

/*
 * The best split of one feature, if it is better than *best.  cells[codes[i]], i < m, are the cells of the
 * values that are present, ascending; missing is the cell of missing rows, with count 0 where there are none.
 */
extern void split_scan(const SplitNode *node, const FeatureBins *fb, uint32_t feature,
					   const Cell *cells, const uint16_t *codes, uint32_t m, Cell missing,
					   SplitScratch *scratch, Split *best);
extern bool split_scan_few(const SplitNode *node, const FeatureBins *fb, uint32_t feature,
						   const Cell *cells, const uint8_t *codes, uint32_t n, Split *best);
extern uint32_t split_set(TreeBuilder *builder, const Split *split);
extern void level_sort(LevelKey *keys, uint32_t n);
extern void split_take(Split *best, uint32_t feature, double gain, uint32_t bin, uint32_t beyond,
					   bool missing_left, uint32_t nl, int64_t gl, uint64_t hl);
extern void split_take_levels(const SplitNode *node, Split *best, uint32_t feature,
							  const uint16_t *codes, uint32_t m, uint32_t place);
extern void split_take_ordered(Split *best, const SplitScratch *scratch, uint32_t n,
							   uint32_t npool, uint32_t nleft);
extern void classes_keys(const SplitNode *node, const uint64_t *sums, const uint64_t *h,
						 uint32_t n, double *axis, LevelKey *keys);

#endif							/* ECHOLON_SPLIT_H */
