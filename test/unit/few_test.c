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

/* One node of random rows: are nominations of all widths the same, and is each feature's best boundary among those of the node? */
static void
test_round(bool *same, bool *complete, bool *constant)
{
	static const int64_t sizes[] = {3, 1000, INT64_C(1) << 33, INT64_C(1) << 56};
	Few			few = {0};
	FewSearch	search;
	SplitRule	rule = {.kind = GAIN_CENTRED, .min_samples_leaf = (uint32_t) (draw(3) + 1), .min_h = 1};
	FewNode		node = {.n = 0};
	int32_t		codes[FEATURES][LANES] __attribute__((aligned(64)));
	const int32_t *lanes[FEATURES];
	float		gains[FEATURES * LANES] __attribute__((aligned(64)));
	uint32_t	near[FEATURES],
				other[FEATURES];
	int64_t		size = sizes[draw(4)];
	uint64_t	weights = draw(2) ? 1 : draw(2) ? 4 : 60000;
	int32_t		ncodes = (int32_t) (draw(2) ? 3 : 200);
	double		best = -1.0;
	bool		varies,
				differs = false;
	Nominate	wider[2];
	uint32_t	nwider = 0;

	few.rule = &rule;
	while (node.n < 2)
	{
		node = (FewNode) {.n = 0};
		for (uint32_t l = 0; l < LANES; l++)
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
	for (uint32_t f = 0; f < FEATURES; f++)
	{
		lanes[f] = codes[f];
		for (uint32_t l = 0; l < LANES; l++)
			codes[f][l] = draw(8) == 0 && !(node.rows >> l & 1) ? NO_ROW : (int32_t) draw((uint64_t) ncodes);
	}
	if (!begin_search(&few, &node, &search))
		return;
	varies = nominate_any(&search.sums, lanes, FEATURES, gains, near);
#ifdef WIDER_LANES
	if (__builtin_cpu_supports("avx2"))
		wider[nwider++] = nominate_avx2;
	if (choose_nominate() != nominate_any && choose_nominate() != nominate_avx2)
		wider[nwider++] = choose_nominate();
#endif
	for (uint32_t i = 0; i < nwider; i++)
		*same &= wider[i](&search.sums, lanes, FEATURES, gains, other) == varies &&
			memcmp(near, other, sizeof(near)) == 0;

	/* the best by exact sums: first its gain, then whether all that reach it were nominated */
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t f = 0; f < FEATURES; f++)
			for (uint32_t l = 0; l < LANES; l++)
			{
				uint32_t	left = rows_up_to(codes[f], codes[f][l]) & node.rows;
				uint32_t	n = 0;
				int64_t		g = 0;
				uint64_t	h = 0;
				double		gain;

				if (!(node.rows >> l & 1) || left == node.rows)
					continue;
				differs = true;
				for (uint32_t k = 0; k < LANES; k++)
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
					*complete &= near[f] >> l & 1;
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
