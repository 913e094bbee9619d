/*
 * split.c
 *		The best split of one feature, from the cells of its values.
 *
 * Numeric: the bins in order, each boundary a candidate, missing rows on either side.
 * Categories: up to four levels one against the rest; more are ordered by
 * their smoothed means, after which a best subset is a prefix (Fisher 1958), the rare
 * ones pooled and the gain penalised, so that many levels of noise look like noise.
 */
#include <string.h>

#include "learn/split.h"

typedef struct Candidate
{
	double		gain;
	uint32_t	place;			/* numeric: last place left; levels: how many are left */
	bool		missing_left;
	bool		missing_alone;	/* numeric: one side has missing rows only */
	uint32_t	nl;
	int64_t		gl;
	uint64_t	hl;
} Candidate;

/* Keep the candidate with these left sums if it is allowed and better. */
static always_inline void
try_sums(const GainKind kind, const SplitNode *node, int direction, int64_t gl, uint64_t hc,
		 uint32_t place, bool missing_left, Candidate *best)
{
	const SplitRule *rule = node->rule;
	uint32_t	nl = (uint32_t) (hc & ((UINT64_C(1) << rule->cshift) - 1));
	uint64_t	hl = hc >> rule->cshift;
	double		gain;

	if (!split_sides(node, nl, hl))
		return;
	gain = split_gain(kind, node, gl, hl);
	if (!(gain > best->gain))
		return;
	if (direction != 0 && !split_keeps_direction(node, direction, gl, hl))
		return;
	best->gain = gain;
	best->place = place;
	best->missing_left = missing_left;
	best->missing_alone = false;
	best->nl = nl;
	best->gl = gl;
	best->hl = hl;
}

/*
 * All boundaries between the present bins.  The gain is computed before anything is checked:
 * checks that nearly always pass, or fail, would cost more than the arithmetic.
 */
static always_inline void
scan_boundaries(const GainKind kind, const SplitNode *node, int direction, const Cell *cells,
				const uint16_t *codes, uint32_t m, const Cell *missing, Candidate *best)
{
	/* what the loop needs, where the compiler knows that nothing else writes to it */
	SplitNode	own = {.rule = node->rule, .g = node->g, .h = node->h, .mean = node->mean,
	.rest = node->rest, .parent = node->parent};
	uint32_t	cshift = node->rule->cshift;
	int64_t		g = 0;
	uint64_t	hc = 0;
	double		most = best->gain;

	for (uint32_t i = 0; i + 1 < m; i++)
	{
		const Cell *cell = &cells[codes[i]];

		g += cell->g;
		hc += cell->hc;
		if (split_gain(kind, &own, g, hc >> cshift) > most)
		{
			try_sums(kind, node, direction, g, hc, i, false, best);
			most = best->gain;
		}
		if (missing && split_gain(kind, &own, g + missing->g, (hc + missing->hc) >> cshift) > most)
		{
			try_sums(kind, node, direction, g + missing->g, hc + missing->hc, i, true, best);
			most = best->gain;
		}
	}
}

/* The splits of a numeric feature: all boundaries or the random one, and missing rows alone. */
static always_inline void
scan_bins(const GainKind kind, const SplitNode *node, const FeatureBins *fb, uint32_t feature,
		  const Cell *cells, const uint16_t *codes, uint32_t m, const Cell *missing, Candidate *best)
{
	uint32_t	only;
	int64_t		g = 0;
	uint64_t	hc = 0;

	if (!node->rule->random)
	{
		if (missing)
			scan_boundaries(kind, node, fb->monotone, cells, codes, m, missing, best);
		else
			scan_boundaries(kind, node, fb->monotone, cells, codes, m, NULL, best);
	}
	else if (m > 1)
	{
		only = random_place(node, fb, feature, codes, m);
		for (uint32_t i = 0; i <= only; i++)
		{
			g += cells[codes[i]].g;
			hc += cells[codes[i]].hc;
		}
		try_sums(kind, node, fb->monotone, g, hc, only, false, best);
		if (missing)
			try_sums(kind, node, fb->monotone, g + missing->g, hc + missing->hc, only, true, best);
	}

	/* all values against missing */
	if (missing && m > 0)
	{
		MissingSide side = missing_side(fb, codes, m);
		double		before = best->gain;

		if (side == MISSING_ALONE_RIGHT)
			try_sums(kind, node, 0, node->g - missing->g,
					 ((node->h << node->rule->cshift) | node->n) - missing->hc, m - 1, false, best);
		else if (side == MISSING_ALONE_LEFT)
			try_sums(kind, node, 0, missing->g, missing->hc, m - 1, true, best);
		if (best->gain > before)
			best->missing_alone = true;
	}
}

/* Note a split as the best; a category's levels are the caller's to add. */
void
split_take(Split *best, uint32_t feature, double gain, uint32_t bin, uint32_t beyond,
		   bool missing_left, uint32_t nl, int64_t gl, uint64_t hl)
{
	best->found = true;
	best->category = false;
	best->feature = feature;
	best->gain = gain;
	best->bin = bin;
	best->beyond = beyond;
	best->missing_left = missing_left;
	best->left_n = nl;
	best->left_g = gl;
	best->left_h = hl;
	best->nleft = best->npresent = 0;
}

static void
scan_numeric(const SplitNode *node, const FeatureBins *fb, uint32_t feature, const Cell *cells,
			 const uint16_t *codes, uint32_t m, const Cell *missing, Split *best)
{
	Candidate	found = {.gain = gain_to_exceed(node, best, feature)};
	double		before = found.gain;

	switch (node->rule->kind)
	{
		case GAIN_CENTRED:
			scan_bins(GAIN_CENTRED, node, fb, feature, cells, codes, m, missing, &found);
			break;
		case GAIN_L2:
			scan_bins(GAIN_L2, node, fb, feature, cells, codes, m, missing, &found);
			break;
		default:
			scan_bins(GAIN_ENTROPY, node, fb, feature, cells, codes, m, missing, &found);
	}
	if (!(found.gain > before))
		return;
	if (found.missing_alone)
		split_take(best, feature, found.gain, found.missing_left ? BIN_NONE : codes[m - 1],
				   found.missing_left ? NODE_IS_SPLIT : BIN_NONE, found.missing_left,
				   found.nl, found.gl, found.hl);
	else
		split_take(best, feature, found.gain, codes[found.place], codes[found.place + 1],
				   missing ? found.missing_left : default_left(node, found.nl),
				   found.nl, found.gl, found.hl);
}

/* ---- a handful of rows ---------------------------------------------------------- */

typedef int8_t ByteVector __attribute__((vector_size(FEW_ROWS)));
typedef uint64_t WordPair __attribute__((vector_size(FEW_ROWS)));

/*
 * Ranks of codes[0 .. n), equal ones in the order they stand in.  Each code is compared with
 * all others at once, so no branch depends on the data.  All of codes is read.
 */
static inline void
rank_codes(const uint8_t *codes, uint32_t n, uint8_t *rank)
{
	/* lanes behind the j-th are the ones from place FEW_ROWS - 1 - j on */
	static const int8_t behind[2 * FEW_ROWS] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
	};
	const uint64_t ones = UINT64_C(0x0101010101010101);
	ByteVector	all,
				below = {0};

	/* comparing signed bytes is the cheap way: the sign bit is turned */
	memcpy(&all, codes, FEW_ROWS);
	all ^= (ByteVector) (WordPair) {0x80 * ones, 0x80 * ones};
	for (uint32_t j = 0; j < n; j++)
	{
		uint64_t	word = (codes[j] ^ 0x80) * ones;
		ByteVector	one = (ByteVector) (WordPair) {word, word};
		ByteVector	later;

		memcpy(&later, behind + FEW_ROWS - 1 - j, FEW_ROWS);
		below -= (all > one) | ((all == one) & later);	/* true is -1 */
	}
	memcpy(rank, &below, FEW_ROWS);
}

/* All boundaries between rows in order. */
static always_inline void
scan_sorted(const GainKind kind, const SplitNode *node, int direction, const Cell *cells,
			const uint8_t *codes, uint32_t n, Candidate *best)
{
	SplitNode	own = {.rule = node->rule, .g = node->g, .h = node->h, .mean = node->mean,
	.rest = node->rest, .parent = node->parent};
	uint32_t	cshift = node->rule->cshift;
	int64_t		g = 0;
	uint64_t	hc = 0;
	double		most = best->gain;

	for (uint32_t i = 0; i + 1 < n; i++)
	{
		g += cells[i].g;
		hc += cells[i].hc;
		if (codes[i] != codes[i + 1] && split_gain(kind, &own, g, hc >> cshift) > most)
		{
			try_sums(kind, node, direction, g, hc, i, false, best);
			most = best->gain;
		}
	}
}

/*
 * As split_scan for up to FEW_ROWS rows of a numeric feature, none missing, straight from the rows: codes[i]
 * is the code of cells[i].  False where the feature is constant.
 */
bool
split_scan_few(const SplitNode *node, const FeatureBins *fb, uint32_t feature, const Cell *cells,
			   const uint8_t *codes, uint32_t n, Split *best)
{
	Candidate	found = {.gain = gain_to_exceed(node, best, feature)};
	double		before = found.gain;
	Cell		sorted[FEW_ROWS];
	uint8_t		sorted_codes[FEW_ROWS];
	uint8_t		rank[FEW_ROWS];

	rank_codes(codes, n, rank);
	for (uint32_t i = 0; i < n; i++)
	{
		sorted[rank[i]] = cells[i];
		sorted_codes[rank[i]] = codes[i];
	}
	if (sorted_codes[0] == sorted_codes[n - 1])
		return false;
	switch (node->rule->kind)
	{
		case GAIN_CENTRED:
			scan_sorted(GAIN_CENTRED, node, fb->monotone, sorted, sorted_codes, n, &found);
			break;
		case GAIN_L2:
			scan_sorted(GAIN_L2, node, fb->monotone, sorted, sorted_codes, n, &found);
			break;
		default:
			scan_sorted(GAIN_ENTROPY, node, fb->monotone, sorted, sorted_codes, n, &found);
	}
	if (found.gain > before)
		split_take(best, feature, found.gain, sorted_codes[found.place],
				   sorted_codes[found.place + 1], default_left(node, found.nl),
				   found.nl, found.gl, found.hl);
	return true;
}

/* ---- categories --------------------------------------------------------------- */

static inline bool
level_less(const LevelKey *a, const LevelKey *b)
{
	return a->key < b->key || (a->key == b->key && a->code < b->code);
}

/* Sift keys[at] down the heap of keys[0 .. n). */
static void
level_sift(LevelKey *keys, uint32_t at, uint32_t n)
{
	LevelKey	value = keys[at];

	for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1)
	{
		if (child + 1 < n && level_less(&keys[child], &keys[child + 1]))
			child++;
		if (!level_less(&value, &keys[child]))
			break;
		keys[at] = keys[child];
		at = child;
	}
	keys[at] = value;
}

/* Sort by key, then by code: a heap sort, which has no bad case. */
void
level_sort(LevelKey *keys, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		level_sift(keys, i, n);
	for (uint32_t i = n; i-- > 1;)
	{
		LevelKey	largest = keys[0];

		keys[0] = keys[i];
		keys[i] = largest;
		level_sift(keys, 0, i);
	}
}

/* Keep the candidate of ordered levels with these left sums if it is allowed and better. */
static void
try_ordered(const SplitNode *node, int64_t gl, uint64_t hc, uint32_t place, bool missing_left,
			Candidate *best)
{
	const SplitRule *rule = node->rule;
	uint32_t	nl = (uint32_t) (hc & ((UINT64_C(1) << rule->cshift) - 1));
	uint64_t	hl = hc >> rule->cshift;
	double		gain;

	if (!split_sides(node, nl, hl))
		return;
	gain = split_gain_ordered(node, gl, hl);
	if (!(gain > best->gain))
		return;
	best->gain = gain;
	best->place = place;
	best->missing_left = missing_left;
	best->nl = nl;
	best->gl = gl;
	best->hl = hl;
}

/*
 * Order the levels: returns how many there are after pooling, and in *npool the
 * number of pooled codes.
 */
static uint32_t
order_levels(const SplitNode *node, const Cell *cells, const uint16_t *codes, uint32_t m,
			 SplitScratch *scratch, Cell *pooled, uint32_t *npool)
{
	uint64_t	mask = (UINT64_C(1) << node->rule->cshift) - 1;
	uint32_t	n = 0;

	pooled->g = 0;
	pooled->hc = 0;
	*npool = 0;
	for (uint32_t i = 0; i < m; i++)
	{
		const Cell *cell = &cells[codes[i]];

		if ((cell->hc & mask) < POOL_ROWS)
		{
			pooled->g += cell->g;
			pooled->hc += cell->hc;
			scratch->pool[(*npool)++] = codes[i];
			continue;
		}
		scratch->keys[n].key = level_key(node, cell->g, cell->hc >> node->rule->cshift);
		scratch->keys[n++].code = codes[i];
	}
	if (*npool > 0)
	{
		scratch->keys[n].key = level_key(node, pooled->g, pooled->hc >> node->rule->cshift);
		scratch->keys[n++].code = LEVEL_POOL;
	}
	level_sort(scratch->keys, n);
	return n;
}

/* Fill the levels of the best split: the first nleft of n ordered ones go left. */
void
split_take_ordered(Split *best, const SplitScratch *scratch, uint32_t n, uint32_t npool,
				   uint32_t nleft)
{
	best->category = true;
	for (uint32_t i = 0; i < n; i++)
	{
		if (scratch->keys[i].code != LEVEL_POOL)
			best->levels[best->npresent++] = (uint16_t) scratch->keys[i].code;
		else
			for (uint32_t j = 0; j < npool; j++)
				best->levels[best->npresent++] = scratch->pool[j];
		if (i + 1 == nleft)
			best->nleft = best->npresent;
	}
}

/* More than MAX_SINGLE_LEVELS levels: prefixes of them in the order of their means. */
static void
scan_ordered(const SplitNode *node, uint32_t feature, const Cell *cells, const uint16_t *codes,
			 uint32_t m, Cell missing, SplitScratch *scratch, Split *best)
{
	uint64_t	mask = (UINT64_C(1) << node->rule->cshift) - 1;
	bool		some_missing = (missing.hc & mask) > 0;
	Candidate	found = {.gain = gain_to_exceed(node, best, feature)};
	double		before = found.gain;
	Cell		pooled,
				left = {0, 0};
	uint32_t	npool,
				n = order_levels(node, cells, codes, m, scratch, &pooled, &npool);

	for (uint32_t i = 1; i <= n; i++)
	{
		const LevelKey *level = &scratch->keys[i - 1];
		const Cell *cell = level->code == LEVEL_POOL ? &pooled : &cells[level->code];

		left.g += cell->g;
		left.hc += cell->hc;
		if (i > MAX_SIDE_LEVELS && n - i > MAX_SIDE_LEVELS)
			continue;
		try_ordered(node, left.g, left.hc, i, false, &found);
		if (some_missing)
			try_ordered(node, left.g + missing.g, left.hc + missing.hc, i, true, &found);
	}
	if (!(found.gain > before))
		return;
	split_take(best, feature, found.gain, 0, NODE_IS_SPLIT,
			   some_missing ? found.missing_left : default_left(node, found.nl),
			   found.nl, found.gl, found.hl);
	split_take_ordered(best, scratch, n, npool, found.place);
}

/* Fill the levels of the best split: the one at place against the rest, or the random subset. */
void
split_take_levels(const SplitNode *node, Split *best, uint32_t feature, const uint16_t *codes,
				  uint32_t m, uint32_t place)
{
	best->category = true;
	for (int side = 0; side < 2; side++)
	{
		for (uint32_t i = 0; i < m; i++)
		{
			bool		left = place == RANDOM_SUBSET ? random_level(node, feature, codes[i]) : i == place;

			if (left == (side == 0))
				best->levels[best->npresent++] = codes[i];
		}
		if (side == 0)
			best->nleft = best->npresent;
	}
}

/* The set of a category's split in a tree that has room for it; the levels are put into another order. */
uint32_t
split_set(TreeBuilder *builder, const Split *split)
{
	return split->missing_left ?
		builder_set(builder, split->levels + split->nleft, split->npresent - split->nleft) :
		builder_set(builder, split->levels, split->nleft);
}

/* Keep, as the best, the present level found->place against the rest, or the random subset. */
static void
take_levels(const SplitNode *node, Split *best, uint32_t feature, const Candidate *found,
			const uint16_t *codes, uint32_t m, bool missing_left)
{
	split_take(best, feature, found->gain, 0, NODE_IS_SPLIT, missing_left, found->nl, found->gl,
			   found->hl);
	split_take_levels(node, best, feature, codes, m, found->place);
}

/* Few levels: each against the rest. */
static always_inline void
scan_single(const GainKind kind, const SplitNode *node, const Cell *cells, const uint16_t *codes,
			uint32_t m, Cell missing, bool some_missing, Candidate *found)
{
	for (uint32_t i = 0; i < m; i++)
	{
		const Cell *cell = &cells[codes[i]];

		try_sums(kind, node, 0, cell->g, cell->hc, i, false, found);
		if (some_missing)
			try_sums(kind, node, 0, cell->g + missing.g, cell->hc + missing.hc, i, true, found);
	}
}

/* A random subset of the levels; where all fall on one side, the first level against the rest. */
static always_inline void
scan_subset(const GainKind kind, const SplitNode *node, uint32_t feature, const Cell *cells,
			const uint16_t *codes, uint32_t m, Cell missing, bool some_missing, Candidate *found)
{
	Cell		left = {0, 0};
	uint32_t	nleft = 0,
				place = RANDOM_SUBSET;

	for (uint32_t i = 0; i < m; i++)
	{
		if (!random_level(node, feature, codes[i]))
			continue;
		left.g += cells[codes[i]].g;
		left.hc += cells[codes[i]].hc;
		nleft++;
	}
	if (nleft == 0 || nleft == m)
	{
		place = 0;
		left = cells[codes[0]];
	}
	try_sums(kind, node, 0, left.g, left.hc, place, false, found);
	if (some_missing)
		try_sums(kind, node, 0, left.g + missing.g, left.hc + missing.hc, place, true, found);
}

static void
scan_levels(const SplitNode *node, uint32_t feature, const Cell *cells, const uint16_t *codes,
			uint32_t m, Cell missing, SplitScratch *scratch, Split *best)
{
	uint64_t	mask = (UINT64_C(1) << node->rule->cshift) - 1;
	bool		some_missing = (missing.hc & mask) > 0;
	bool		random = node->rule->random;
	Candidate	found = {.gain = gain_to_exceed(node, best, feature)};
	double		before = found.gain;

	if (m == 0)
		return;
	if (!random && m > MAX_SINGLE_LEVELS)
	{
		scan_ordered(node, feature, cells, codes, m, missing, scratch, best);
		return;
	}
	switch (node->rule->kind)
	{
		case GAIN_CENTRED:
			if (random)
				scan_subset(GAIN_CENTRED, node, feature, cells, codes, m, missing, some_missing, &found);
			else
				scan_single(GAIN_CENTRED, node, cells, codes, m, missing, some_missing, &found);
			break;
		case GAIN_L2:
			if (random)
				scan_subset(GAIN_L2, node, feature, cells, codes, m, missing, some_missing, &found);
			else
				scan_single(GAIN_L2, node, cells, codes, m, missing, some_missing, &found);
			break;
		default:
			if (random)
				scan_subset(GAIN_ENTROPY, node, feature, cells, codes, m, missing, some_missing, &found);
			else
				scan_single(GAIN_ENTROPY, node, cells, codes, m, missing, some_missing, &found);
	}
	if (!(found.gain > before))
		return;
	take_levels(node, best, feature, &found, codes, m,
				some_missing ? found.missing_left : default_left(node, found.nl));
}

void
split_scan(const SplitNode *node, const FeatureBins *fb, uint32_t feature, const Cell *cells,
		   const uint16_t *codes, uint32_t m, Cell missing, SplitScratch *scratch, Split *best)
{
	if (fb->kind == LEARN_NUMERIC)
		scan_numeric(node, fb, feature, cells, codes, m, missing.hc != 0 ? &missing : NULL, best);
	else
		scan_levels(node, feature, cells, codes, m, missing, scratch, best);
}
