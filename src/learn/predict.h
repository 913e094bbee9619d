/*
 * predict.h
 *		The parts of prediction that the learner itself uses: out-of-bag
 *		estimates, permutation importance, and boosting that goes on.
 */
#ifndef ECHOLON_PREDICT_H
#define ECHOLON_PREDICT_H

#include "learn/learn.h"

/* A numeric feature's code is the number of its thresholds below the value; a category's is its own. */
#define CODE_MISSING	UINT32_MAX

/* Is a code in a category set? */
static inline bool
set_has(const uint32_t *set, uint32_t code)
{
	uint32_t	n = set[0] & SET_LENGTH_MASK;
	uint32_t	low = 0;

	if (set[0] & SET_BITMAP)
		return code / 32 < n && (set[1 + code / 32] >> (code % 32) & 1);
	while (n > 0)
	{
		uint32_t	half = n / 2;

		if (set[1 + low + half] < code)
		{
			low += half + 1;
			n -= half + 1;
		}
		else
			n = half;
	}
	return low < (set[0] & SET_LENGTH_MASK) && set[1 + low] == code;
}

/*
 * Rows of a block: their codes stay in the second-level cache while small trees pass over them.  A large tree comes
 * from memory for each block anew, and it is the tree that should stay: then rows are many.
 */
#define PREDICT_BLOCK_BYTES	((size_t) 256 << 10)
#define PREDICT_LARGE_BYTES	((size_t) 1536 << 10)
#define LARGE_TREE_BYTES	((size_t) 64 << 10)
extern size_t predict_block_rows(const LearnModel *model);

/* Codes of one row given as numbers, and of rows of columns (rows NULL: first + i), row-major. */
extern void predict_encode_row(const LearnModel *model, const double *x, uint32_t *codes);
extern void predict_encode_columns(const LearnModel *model, const LearnColumn *columns,
								   const uint32_t *rows, size_t first, size_t n, uint32_t *codes);

/* The leaves that rows select[0 .. n) of a block (NULL: all) reach in a tree. */
extern void predict_leaves(const LearnModel *model, uint32_t tree, const uint32_t *codes,
						   const uint32_t *select, size_t n, LearnNode *leaves);

/* How many numbers a row's sum has: a forest's classes where there are more than two, else scores. */
extern uint32_t predict_nsums(const LearnModel *model);
extern void predict_start(const LearnModel *model, double *sums);
extern void predict_add(const LearnModel *model, uint32_t tree, LearnNode leaf, double *sums);
/* Outputs from the sums over ntrees trees. */
extern void predict_finish(const LearnModel *model, const double *sums, uint32_t ntrees, double *out);

/* Outputs of encoded rows; leaves and sums are scratch of n and n * predict_nsums() elements. */
extern void predict_block(const LearnEnv *env, const LearnModel *model, const uint32_t *codes,
						  size_t n, LearnNode *leaves, double *sums, double *out);

/*
 * Sums of many rows before the link, class-major as losses have them: scores[k * nrows + i], bit for
 * bit what boosting has for a row of these values after its last round.
 */
extern void predict_scores(const LearnEnv *env, const LearnModel *model, const LearnColumn *columns,
						   const uint32_t *rows, size_t nrows, double *scores);

#endif							/* ECHOLON_PREDICT_H */
