/*
 * few_test.c
 *		Vectors of every width that this processor has nominate the same, and always the best.
 *
 * few.c is compiled into this file, under other names, to reach them.
 */
#define few_create	own_few_create
#define few_free	own_few_free
#define few_memory	own_few_memory
#define few_suits	own_few_suits
#define few_grow	own_few_grow
#define few_search	own_few_search
#define few_search_rows	own_few_search_rows
#include "learn/few.c"

#include "unit.h"

#define FEATURES	7
#define ROUNDS		4000

static uint64_t counter;

static uint64_t
draw(uint64_t below)
{
	return hash_below(hash_pair(17, counter++), below);
}

/* One node of random rows: are nominations of all widths the same, and are all boundaries that gain the most among them? */
static void
test_round(bool *same, bool *complete, bool *constant)
{
	static const int64_t sizes[] = {3, 1000, INT64_C(1) << 33, INT64_C(1) << 56};
	Few			few = {.lanes = draw(2) ? 16 : 32};
	FewSearch	search;
	SplitRule	rule = {.kind = GAIN_CENTRED, .min_samples_leaf = (uint32_t) (draw(3) + 1), .min_h = 1};
	FewNode		node = {.n = 0};
	int32_t		codes[FEATURES][LANES] __attribute__((aligned(64)));
	FewColumn	columns[2 * FEATURES];
	uint32_t	ncolumns = 0;
	float		gains[2 * FEATURES * LANES] __attribute__((aligned(64)));
	FewRows		near[2 * FEATURES],
				other[2 * FEATURES];
	int64_t		size = sizes[draw(4)];
	uint64_t	weights = draw(2) ? 1 : draw(2) ? 4 : 60000;
	int32_t		ncodes = (int32_t) (draw(2) ? 3 : 200);
	double		best = -1.0;
	bool		varies,
				differs = false;
	Nominate	wider[2];
	uint32_t	nwider = 0,
				pays;

	few.rule = &rule;
	while (node.n < 2)
	{
		node = (FewNode) {.n = 0};
		for (uint32_t l = 0; l < few.lanes; l++)
		{
			few.w[l] = (uint32_t) (draw(weights) + 1);
			few.g[l] = ((int64_t) draw(2 * (uint64_t) size) - size) * (draw(4) == 0 ? 1 : (int64_t) draw(2)) *
				(weights > 4 ? 1 : (int64_t) few.w[l]);
			if (draw(3) == 0)
				continue;
			node.rows |= 1u << l;
			node.n++;
			node.g += few.g[l];
			node.h += few.w[l];
		}
	}
	if (!begin_search(&few, &node, &search))
		return;
	for (uint32_t f = 0; f < FEATURES; f++)
	{
		/* code ncodes is missing, in every other feature */
		FewRows		missing = 0;

		for (uint32_t l = 0; l < few.lanes; l++)
		{
			codes[f][l] = draw(8) == 0 && !(node.rows >> l & 1) ? NO_ROW :
				(int32_t) draw((uint64_t) ncodes + f % 2);
			if (codes[f][l] == ncodes && (node.rows >> l & 1))
				missing |= 1u << l;
		}
		for (int left = 0; left <= (missing != 0); left++)
			columns[ncolumns++] = begin_column(&search, f, codes[f], missing, left == 1);
	}
	varies = nominate_any(&search.sums, columns, ncolumns, gains, near);
#ifdef WIDER_LANES
	if (__builtin_cpu_supports("avx2"))
		wider[nwider++] = nominate_avx2;
	if (choose_nominate(&pays) == nominate_avx512)
		wider[nwider++] = nominate_avx512;
#endif
	for (uint32_t i = 0; i < nwider; i++)
		*same &= wider[i](&search.sums, columns, ncolumns, gains, other) == varies &&
			memcmp(near, other, ncolumns * sizeof(FewRows)) == 0;

	/* the best by exact sums: first its gain, then whether all that reach it were nominated */
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t c = 0; c < ncolumns; c++)
			for (uint32_t l = 0; l < few.lanes; l++)
			{
				FewRows		left = rows_up_to(&few, columns[c].codes, columns[c].codes[l]) & node.rows;
				uint32_t	n = 0;
				int64_t		g = 0;
				uint64_t	h = 0;
				double		gain;

				if (!(node.rows >> l & 1) || columns[c].missing >> l & 1)
					continue;
				if (columns[c].missing_left)
					left |= columns[c].missing;
				if (left == node.rows)
					continue;
				differs = true;
				for (uint32_t k = 0; k < few.lanes; k++)
					if (left >> k & 1)
					{
						n++;
						g += few.g[k];
						h += few.w[k];
					}
				if (!split_sides(&search.node, n, h))
					continue;
				gain = split_gain(GAIN_CENTRED, &search.node, g, h);
				if (pass == 0)
					best = gain > best ? gain : best;
				else if (gain == best && best > search.node.min_gain)
					*complete &= near[c] >> l & 1;
			}
	*constant &= differs == varies;
}

int
main(void)
{
	bool		same = true,
				complete = true,
				constant = true;

	for (int i = 0; i < ROUNDS; i++)
		test_round(&same, &complete, &constant);
	ok(same, "all widths nominate the same");
	ok(complete, "every boundary that gains the most is nominated");
	ok(constant, "features that do not vary are told");
	return done();
}
