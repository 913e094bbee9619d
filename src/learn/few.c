/*
 * few.c
 *		Nodes of a forest that have few rows: nine of ten of a full tree have at most 16.
 *
 * A subtree that begins with so few is grown as a whole; of larger nodes, the best split is found.  The rows are
 * copied once, a feature's codes side by side, and never moved: a node is a set of bits.
 * What makes a general search slow for them is everything but arithmetic: loops that end where no processor
 * expects it, and sums that wait for each other.  So all boundaries of a feature are tried at once, one in each lane of
 * a vector: the boundary above a lane's own row has all rows on its left whose code is not above that row's.
 *
 * Lanes compute in single precision, with known bounds of their error.  They only nominate: every candidate
 * that could be the best is judged from exact sums by split_gain(), as anywhere else, so that the result
 * is that of a general search, whatever vectors a processor has.
 */
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#ifndef __clang__				/* knows targets of functions, but not of a part of a file */
#define WIDER_LANES
#endif
#endif

#include "learn/few.h"

#define LANES			FEW_LANES
#define LEAST_LANES		16		/* of which there are a multiple */
#define NO_ROW			INT32_MAX	/* code of lanes without a row */
#define FLOAT_SCALE		0x1p-24f	/* targets of 61 bits have squares that a float can hold */
#define GAIN_ERROR		0x1p-18f	/* of a gain in single precision, as a part of it */
#define CHECK_SUBTREES	8		/* subtrees between two cancel checks */

/* What a node's rows are in single precision, for the vectors. */
typedef struct FewSums
{
	uint32_t	n;
	uint32_t	lanes;			/* that may have rows */
	int32_t		least;			/* rows that a side must have */
	int32_t		h;
	float		error;			/* of a gain, beside GAIN_ERROR */
	uint32_t	row[LANES];		/* its lane */
	int32_t		w[LANES];
	union
	{
		float		value;
		int32_t		bits;
	}			d[LANES];		/* target less the node's mean, times weight */
} FewSums;

/*
 * A numeric feature whose boundaries are tried.  Where rows of the node are missing, it is tried twice: with these on the
 * right, where their code puts them, and on the left, which begins with their sums.
 */
typedef struct FewColumn
{
	uint32_t	feature;
	bool		missing_left;
	FewRows		missing;
	float		start_d;
	int32_t		start_h,
				start_n;
	const int32_t *codes;		/* by lane */
} FewColumn;

/*
 * Which boundaries of columns could be the best: near[c] has a bit for each lane whose row's code is the highest on
 * the left of one.  Lanes of other rows may have bits as well.  gains is scratch of LANES a column.  False where all
 * features are constant.
 */
typedef bool (*Nominate) (const FewSums *sums, const FewColumn *columns, uint32_t ncolumns, float *gains,
						  FewRows *near);

struct Few
{
	const LearnEnv *env;
	const GrowSetup *setup;
	FewLoan		loan;
	const SplitRule *rule;
	Nominate	nominate;
	uint32_t	since_check;
	uint32_t	subtree;		/* number of the one at hand */
	uint32_t	first,			/* its rows */
				n,
				lanes;			/* for them */
	uint32_t	search_rows;	/* of nodes for whose search vectors pay */
	int64_t		g[LANES];
	uint32_t	w[LANES];
	int32_t    *codes;			/* [nfeatures * LANES] by row */
	uint32_t   *filled;			/* [nfeatures] subtree that codes are of */
	bool	   *missing;		/* [nfeatures] does one of its rows miss it? */
	/* scratch of a search, [2 * nfeatures] */
	FewColumn  *columns;
	float	   *gains;			/* of LANES each */
	FewRows    *near;
};

/* What the search of a node shares. */
typedef struct FewSearch
{
	SplitNode	node;
	FewRows		rows;
	FewSums		sums;
	FewRows		left;			/* rows left of the best split, where it was nominated */
	Split		best;
} FewSearch;

/* ---- vectors -------------------------------------------------------------------------- */

#define LANE_BYTES		16
#define LANES_NAME		nominate_any
#include "learn/few_lanes.h"

#ifdef WIDER_LANES
#pragma GCC push_options
#pragma GCC target("avx2")
#define LANE_BYTES		32
#define LANES_NAME		nominate_avx2
#include "learn/few_lanes.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#define LANE_BYTES		64
#define LANES_NAME		nominate_avx512
#include "learn/few_lanes.h"
#pragma GCC pop_options
#endif

/* The widest that this processor has, and for how many rows it pays; all of them nominate the same. */
static Nominate
choose_nominate(uint32_t *rows)
{
#ifdef WIDER_LANES
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
	{
		*rows = 32;
		return nominate_avx512;
	}
	if (__builtin_cpu_supports("avx2"))
	{
		*rows = 24;
		return nominate_avx2;
	}
#endif
	*rows = FEW_ROWS;
	return nominate_any;
}

/* ---- creation --------------------------------------------------------------------------- */

bool
few_suits(const SplitRule *rule)
{
	return rule->kind == GAIN_CENTRED && !rule->random && !rule->monotone && rule->max_leaf_nodes == 0;
}

Few *
few_create(const LearnEnv *env, const GrowSetup *setup, const FewLoan *loan)
{
	uint32_t	nfeatures = setup->bins->nfeatures;
	Few		   *few;

	if (setup->boosting || setup->nclasses > 0)
		return NULL;
	few = env_alloc0(env, 1, sizeof(Few));
	few->env = env;
	few->setup = setup;
	few->loan = *loan;
	few->codes = env_alloc(env, nfeatures, LANES * sizeof(int32_t));
	few->gains = env_alloc(env, (size_t) nfeatures * 2, LANES * sizeof(float));
	few->filled = env_alloc0(env, nfeatures, sizeof(uint32_t));
	few->missing = env_alloc(env, nfeatures, sizeof(bool));
	few->columns = env_alloc(env, (size_t) nfeatures * 2, sizeof(FewColumn));
	few->near = env_alloc(env, (size_t) nfeatures * 2, sizeof(FewRows));
	few->nominate = choose_nominate(&few->search_rows);
	return few;
}

void
few_free(Few *few)
{
	const LearnEnv *env;

	if (few == NULL)
		return;
	env = few->env;
	env_free(env, few->codes);
	env_free(env, few->gains);
	env_free(env, few->filled);
	env_free(env, few->missing);
	env_free(env, few->columns);
	env_free(env, few->near);
	env_free(env, few);
}

size_t
few_memory(size_t nfeatures)
{
	return sizeof(Few) + nfeatures * (LANES * (sizeof(int32_t) + 2 * sizeof(float)) + sizeof(uint32_t) + sizeof(bool) +
									  2 * (sizeof(FewColumn) + sizeof(FewRows)));
}

uint32_t
few_search_rows(const Few *few)
{
	return few->search_rows;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* Take in the rows of a subtree. */
static void
few_load(Few *few, uint32_t first, uint32_t n)
{
	few->first = first;
	few->n = n;
	few->lanes = (n + LEAST_LANES - 1) / LEAST_LANES * LEAST_LANES;
	few->subtree++;
	if (few->subtree == 0)
	{
		memset(few->filled, 0, few->setup->bins->nfeatures * sizeof(uint32_t));
		few->subtree = 1;
	}
	rows_targets(few->loan.rows, first, n, few->g, few->w);
}

/* A feature's codes, by row; looked up when they are first asked for. */
static inline const int32_t *
few_codes(Few *few, uint32_t feature)
{
	int32_t    *codes = few->codes + (size_t) feature * LANES;

	if (few->filled[feature] != few->subtree)
	{
		for (uint32_t l = few->n; l < few->lanes; l++)
			codes[l] = NO_ROW;
		few->missing[feature] = rows_lane_codes(few->loan.rows, few->first, few->n, feature,
												few->setup->bins->features[feature].nbins, codes);
		few->filled[feature] = few->subtree;
	}
	return codes;
}

/* Rows whose code is not above one. */
static inline FewRows
rows_up_to(const Few *few, const int32_t *codes, int32_t code)
{
	FewRows		rows = 0;

	for (uint32_t p = 0; p < few->lanes / 4; p++)
		rows |= (FewRows) bits_of16(((const Ints16 *) codes)[p] <= code) << (p * 4);
	return rows;
}

/* ---- search ---------------------------------------------------------------------------------- */

/* False where all rows have the same target. */
static inline bool
begin_search(const Few *few, const FewNode *at, FewSearch *search)
{
	FewSums    *sums = &search->sums;
	float		spread = 0.0f,
				error;
	int32_t		least_w = INT32_MAX;
	uint32_t	n = 0;

	search->node = (SplitNode) {.rule = few->rule, .key = at->key, .n = at->n, .g = at->g, .h = at->h,
		.lower = -INFINITY, .upper = INFINITY};
	split_node_init(&search->node);
	search->rows = at->rows;
	for (FewRows bits = at->rows; bits != 0; bits &= bits - 1)
	{
		uint32_t	l = (uint32_t) __builtin_ctz(bits);
		int64_t		d = few->g[l] - search->node.mean * (int64_t) few->w[l];

		sums->row[n] = l;
		sums->w[n] = (int32_t) few->w[l];
		sums->d[n].value = (float) d * FLOAT_SCALE;
		spread += fabsf(sums->d[n].value);
		least_w = sums->w[n] < least_w ? sums->w[n] : least_w;
		n++;
	}
	sums->n = n;
	sums->lanes = few->lanes;
	sums->h = (int32_t) at->h;
	sums->least = (int32_t) few->rule->min_samples_leaf;

	/*
	 * Sums of d may be off by a part of their spread, and by the rest of the mean; their squares over weights by
	 * twice that times the sum, of which the spread is a bound.
	 */
	error = spread * 0x1p-18f + (float) sums->h * FLOAT_SCALE;
	sums->error = (2.0f * spread + error) * error * 4.0f / (float) least_w;
	search->left = 0;
	search->best.found = false;
	search->best.gain = search->node.min_gain;
	search->best.levels = few->loan.levels;
	return spread > 0.0f;
}

/*
 * Judge the boundary above the code of a row of a feature.  missing: rows that miss it; the boundary above all others parts
 * these alone.
 */
static inline void
judge(const Few *few, FewSearch *search, uint32_t feature, const int32_t *codes, uint32_t row, FewRows missing,
	  bool missing_left)
{
	const SplitNode *node = &search->node;
	Split	   *best = &search->best;
	int32_t		code = codes[row];
	FewRows		left = (rows_up_to(few, codes, code) & search->rows) | (missing_left ? missing : 0);
	bool		before = best->found &&
		(feature < best->feature ||
		 (feature == best->feature &&
		  ((uint32_t) code < best->bin ||
		   ((uint32_t) code == best->bin && missing_left < best->missing_left && missing != 0))));
	int64_t		g = 0;
	uint64_t	h = 0;
	uint32_t	n = 0;
	double		gain;

	/* what parts the rows in the same way gains the same */
	if (best->found && !before && (left == search->left || left == (search->left ^ search->rows)))
		return;
	for (FewRows bits = left; bits != 0; bits &= bits - 1)
	{
		uint32_t	l = (uint32_t) __builtin_ctz(bits);

		g += few->g[l];
		h += few->w[l];
		n++;
	}
	gain = split_gain(GAIN_CENTRED, node, g, h);
	if (!(gain > best->gain) && !(before && gain == best->gain))
		return;
	if (!split_sides(node, n, h))
		return;
	split_take(best, feature, gain, (uint32_t) code, BIN_NONE, missing ? missing_left : default_left(node, n), n, g, h);
	search->left = left;
}

/*
 * Can a threshold part the missing rows from all others by a finite number, which it can where infinity is no bin?
 */
static inline bool
missing_stands_apart(const FeatureBins *fb)
{
	return fb->nbins == 0 || fb->upper[fb->nbins - 1] < DBL_MAX;
}

/* The rows that miss a numeric feature. */
static inline FewRows
missing_rows(const Few *few, const FewSearch *search, uint32_t feature, const int32_t *codes)
{
	if (!few->missing[feature])
		return 0;
	return search->rows & ~rows_up_to(few, codes, (int32_t) few->setup->bins->features[feature].nbins - 1);
}

/* Judge a category, or missing rows beside infinity, from cells as a larger node's. */
static bool
judge_cells(Few *few, FewSearch *search, uint32_t feature, const int32_t *codes)
{
	RowStore   *rows = few->loan.rows;
	const FeatureBins *fb = &few->setup->bins->features[feature];
	Cell		missing = {0, 0};
	uint32_t	m = 0;

	for (uint32_t i = 0; i < search->node.n; i++)
	{
		uint16_t	code = (uint16_t) codes[search->sums.row[i]];
		uint32_t	at = m;

		while (at > 0 && rows->present[at - 1] > code)
			at--;
		if (at == 0 || rows->present[at - 1] != code)
		{
			memmove(rows->present + at + 1, rows->present + at, (m - at) * sizeof(uint16_t));
			rows->present[at] = code;
			rows->cells[code] = (Cell) {0, 0};
			m++;
		}
		rows->cells[code].g += few->g[search->sums.row[i]];
		rows->cells[code].hc += ((uint64_t) few->w[search->sums.row[i]] << few->rule->cshift) | 1;
	}
	if (m < 2)
		return false;
	if (rows->present[m - 1] == fb->nbins)
		missing = rows->cells[rows->present[--m]];
	split_scan(&search->node, fb, feature, rows->cells, rows->present, m, missing, few->loan.scratch,
			   &search->best);
	return true;
}

static inline FewColumn
begin_column(const FewSearch *search, uint32_t feature, const int32_t *codes, FewRows missing, bool missing_left)
{
	FewColumn	column = {.feature = feature, .codes = codes, .missing = missing, .missing_left = missing_left};

	if (missing_left)
		for (uint32_t i = 0; i < search->sums.n; i++)
			if (missing >> search->sums.row[i] & 1)
			{
				column.start_d += search->sums.d[i].value;
				column.start_h += search->sums.w[i];
				column.start_n++;
			}
	return column;
}

/* Search features[0 .. nfeatures) of a node; false where all are constant. */
static inline bool
search_few(Few *few, FewSearch *search, const uint32_t *features, uint32_t nfeatures)
{
	FewColumn  *columns = few->columns;
	bool		varies = false;
	uint32_t	n = 0;

	for (uint32_t i = 0; i < nfeatures; i++)
	{
		uint32_t	f = features[i];
		const FeatureBins *fb = &few->setup->bins->features[f];
		const int32_t *codes;
		FewRows		missing;

		if (fb->kind == LEARN_CATEGORY && few->loan.builder->nsets >= MAX_TREE_SETS)
			continue;
		codes = few_codes(few, f);
		missing = fb->kind == LEARN_CATEGORY ? 0 : missing_rows(few, search, f, codes);
		if (fb->kind == LEARN_CATEGORY || (missing != 0 && !missing_stands_apart(fb)))
		{
			varies |= judge_cells(few, search, f, codes);
			continue;
		}
		columns[n++] = begin_column(search, f, codes, missing, false);
		if (missing != 0)
			columns[n++] = begin_column(search, f, codes, missing, true);
	}
	if (n == 0)
		return varies;
	varies |= few->nominate(&search->sums, columns, n, few->gains, few->near);
	for (uint32_t i = 0; i < n; i++)
		for (FewRows bits = few->near[i] & search->rows; bits != 0; bits &= bits - 1)
			judge(few, search, columns[i].feature, columns[i].codes, (uint32_t) __builtin_ctz(bits),
				  columns[i].missing, columns[i].missing_left);
	return varies;
}

/*
 * Two rows, a third of all nodes of a full tree: every feature that parts them gains the same, so the
 * lowest one that is allowed to is the best.
 */
static inline bool
search_two(Few *few, FewSearch *search, const uint32_t *features, uint32_t nfeatures)
{
	const Bins *bins = few->setup->bins;
	bool		sets_full = few->loan.builder->nsets >= MAX_TREE_SETS;
	uint32_t	least = 0;
	bool		varies = false;

	while (!search->best.found)
	{
		uint32_t	lowest = UINT32_MAX;
		const int32_t *codes;

		for (uint32_t i = 0; i < nfeatures; i++)
		{
			uint32_t	f = features[i];

			if (f < least || f >= lowest || (sets_full && bins->features[f].kind == LEARN_CATEGORY))
				continue;
			codes = few_codes(few, f);
			if (codes[search->sums.row[0]] != codes[search->sums.row[1]])
				lowest = f;
		}
		if (lowest == UINT32_MAX)
			break;
		varies = true;
		least = lowest + 1;
		codes = few_codes(few, lowest);
		if (bins->features[lowest].kind == LEARN_CATEGORY ||
			(few->missing[lowest] && !missing_stands_apart(&bins->features[lowest])))
			judge_cells(few, search, lowest, codes);
		else
			judge(few, search, lowest, codes,
				  search->sums.row[codes[search->sums.row[0]] > codes[search->sums.row[1]]],
				  missing_rows(few, search, lowest, codes), false);
	}
	return varies;
}

/*
 * Draw max_features features by the node's own random numbers, without replacement, and
 * search them; draw on until one that is not constant in the node is seen.
 */
static inline void
search_node(Few *few, FewSearch *search)
{
	uint32_t	nfeatures = few->setup->bins->nfeatures;
	uint32_t	max_features = few->rule->max_features;
	uint32_t   *features = few->loan.features;
	uint32_t   *swaps = few->loan.swaps;
	uint32_t	drawn = 0,
				searched = 0;
	bool		varies = false;

	while (!varies && searched < nfeatures)
	{
		uint32_t	until = searched == 0 ? max_features : searched + 1;

		if (max_features >= nfeatures)
			until = nfeatures;
		else
			for (; drawn < until; drawn++)
				draw_feature(search->node.key, nfeatures, drawn, features, swaps);
		if (search->node.n == 2)
			varies = search_two(few, search, features + searched, until - searched);
		else
			varies = search_few(few, search, features + searched, until - searched);
		searched = until;
	}
	undraw_features(drawn, features, swaps);
}

/* ---- growing ---------------------------------------------------------------------------------- */

/* The rows of a node that its split sends to the left. */
static inline FewRows
left_rows(Few *few, FewSearch *search)
{
	const Split *split = &search->best;
	uint32_t	nbins = few->setup->bins->features[split->feature].nbins;
	const int32_t *codes = few->codes + (size_t) split->feature * LANES;
	uint8_t    *goes_left = few->loan.left;
	FewRows		left = 0;

	if (search->left != 0)
		return search->left;
	if (split->category)
	{
		for (uint32_t i = 0; i < split->nleft; i++)
			goes_left[split->levels[i]] = 1;
		goes_left[nbins] = split->missing_left;
	}
	for (uint32_t i = 0; i < search->node.n; i++)
	{
		uint32_t	code = (uint32_t) codes[search->sums.row[i]];
		bool		goes = split->category ? goes_left[code] :
			code == nbins ? split->missing_left : split->bin != BIN_NONE && code <= split->bin;

		left |= (FewRows) goes << search->sums.row[i];
	}
	if (split->category)
	{
		for (uint32_t i = 0; i < split->nleft; i++)
			goes_left[split->levels[i]] = 0;
		goes_left[nbins] = 0;
	}
	return left;
}

/* Where the right side of a nominated split begins. */
static inline void
find_beyond(const Few *few, FewSearch *search)
{
	Split	   *split = &search->best;
	const int32_t *codes = few->codes + (size_t) split->feature * LANES;
	int32_t		lowest = (int32_t) few->setup->bins->features[split->feature].nbins;

	for (FewRows rows = search->rows & ~search->left; rows != 0; rows &= rows - 1)
	{
		int32_t		code = codes[__builtin_ctz(rows)];

		lowest = code < lowest ? code : lowest;
	}
	if (lowest < (int32_t) few->setup->bins->features[split->feature].nbins)
		split->beyond = (uint32_t) lowest;
}

static void
grow_subtree(Few *few, const FewNode *root)
{
	const SplitRule *rule = few->rule;
	TreeBuilder *builder = few->loan.builder;
	FewNode		open[FEW_ROWS];
	uint32_t	nopen = 1;

	open[0] = *root;
	open[0].rows = (1u << root->n) - 1;
	while (nopen > 0)
	{
		FewNode		node = open[--nopen];
		FewNode		side[2];
		FewSearch	search;
		const Split *split = &search.best;
		FewRows		left;
		uint32_t	large;

		if (begin_search(few, &node, &search))
			search_node(few, &search);
		if (!split->found)
		{
			builder_leaf(builder, node.place, rule_value(rule, node.g, node.h, -INFINITY, INFINITY));
			continue;
		}
		left = left_rows(few, &search);
		if (search.left != 0)
			find_beyond(few, &search);
		side[0] = (FewNode) {.n = split->left_n, .rows = left, .g = split->left_g, .h = split->left_h,
			.key = child_key(node.key, false)};
		side[1] = (FewNode) {.n = node.n - split->left_n, .rows = node.rows & ~left, .g = node.g - split->left_g,
			.h = node.h - split->left_h, .key = child_key(node.key, true)};
		side[0].place = builder_children(builder);
		side[1].place = side[0].place + 1;
		builder_split(builder, node.place, split->feature,
					  split->category ? split_set(builder, split) : split->bin, split->beyond,
					  split->missing_left, side[0].place, rule_natural_gain(rule, split->gain));

		/* the smaller side is taken up next: it is put last */
		large = side[0].n <= side[1].n;
		for (uint32_t i = 0; i < 2; i++)
		{
			FewNode    *child = &side[i ^ large];

			child->depth = node.depth + 1;
			builder_node(builder, child->place,
						 rule->cover_scale > 0.0 ? (double) child->h * rule->cover_scale : child->n, 0, 0, 0.0, 0.0);
			if (may_split(rule, child->n, child->h, child->depth))
				open[nopen++] = *child;
			else
				builder_leaf(builder, child->place, rule_value(rule, child->g, child->h, -INFINITY, INFINITY));
		}
	}
}

static void
begin_rows(Few *few, const SplitRule *rule, uint32_t first, uint32_t n)
{
	if (++few->since_check >= CHECK_SUBTREES)
	{
		few->since_check = 0;
		few->env->check(few->env->arg);
	}
	few->rule = rule;
	few_load(few, first, n);
}

void
few_grow(Few *few, const SplitRule *rule, const FewNode *root, uint32_t first)
{
	begin_rows(few, rule, first, root->n);
	grow_subtree(few, root);
}

bool
few_search(Few *few, const SplitRule *rule, const FewNode *node, uint32_t first, Split *best)
{
	FewNode		all = *node;
	FewSearch	search;

	begin_rows(few, rule, first, node->n);
	all.rows = UINT32_MAX >> (32 - node->n);
	if (begin_search(few, &all, &search))
		search_node(few, &search);
	if (search.left != 0)
		find_beyond(few, &search);
	*best = search.best;
	return best->found;
}
