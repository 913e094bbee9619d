/*
 * histogram.h
 *		The rows of a growing tree, and their sums by code.
 *
 * Private to grow.c, histogram.c and classes.c.  A node's rows lie side by side in one of
 * three forms, which share everything above:
 *
 * - records (forests): target and weight with all the row's codes, moved as a
 *   whole when the node is split, so that a pass over a node is a pass over
 *   contiguous memory;
 * - references (forests over wide data): target, weight and the row's number; codes are
 *   looked up in a column-major matrix;
 * - order (boosting): the row's number alone (order.h).
 *
 * Sums by code are made in one of two ways.  Dense: zeroed cells for every code,
 * several features in one pass.  Sparse, for nodes of few rows: only the cells of codes that occur are zeroed,
 * and a set of bits gives them in order.
 */
#ifndef ECHOLON_HISTOGRAM_H
#define ECHOLON_HISTOGRAM_H

#include "learn/order.h"
#include "learn/split.h"

/* Is a feature with so many codes summed sparsely in a node of n rows? */
#define sums_sparsely(ncodes, n)	((n) <= FEW_ROWS || (ncodes) > 2 * (size_t) (n))

#define DENSE_FEATURES	8		/* features summed in one pass over records */

typedef enum RowForm
{
	ROWS_RECORDS,
	ROWS_REFERENCES,
	ROWS_ORDER
} RowForm;

/* What every record and reference begins with. */
typedef struct RowHead
{
	int64_t		g;				/* target times weight; the class, where sums are by class */
	uint32_t	w;
	uint32_t	row;			/* references; records have their codes here */
} RowHead;

#define RECORD_CODES	12		/* offset of codes in a record */

/* A set of codes: bits, and a bit for each word of them that is in use. */
typedef struct CodeSet
{
	uint64_t	top[16];
	uint64_t	words[1024];
} CodeSet;

/* Rows of a tree in one of the forms, and scratch.  Written by one grower only. */
typedef struct RowStore
{
	const LearnEnv *env;
	const GrowSetup *setup;
	const GrowTask *task;
	uint32_t	cshift;
	RowForm		form;
	size_t		stride;			/* bytes of a record or reference */
	uint8_t    *records;
	uint8_t    *moved;			/* as large: rows on their way to the right */
	uint32_t   *order;			/* the task's */
	uint32_t   *order_moved;
	uint32_t   *offsets;		/* of features' cells, where all features are summed */
	OrderSums	sums;
	uint32_t	sparse_rows;	/* most rows that any feature is summed sparsely for */
	uint16_t   *codes;			/* [sparse_rows], or of all rows for sums by class */
	Cell	   *row_cells;		/* [sparse_rows] */
	Cell	   *cells;			/* [DENSE_FEATURES * max_codes] */
	uint16_t   *present;		/* [max_codes] */
	CodeSet    *set;
	/* sums by class */
	uint16_t   *labels;			/* [max_rows] of the node at hand */
	uint32_t   *weights;
	uint32_t   *next;			/* chains of rows with the same code */
	uint32_t   *head;			/* [max_codes] */
	uint32_t   *counts;
	uint64_t   *class_sums;		/* dense: [max_codes * nclasses], where that is not too much */
	size_t		class_sums_size;
} RowStore;

extern uint32_t rows_matrix_block(bool boosting, size_t nfeatures, size_t code_size);
extern void rows_init(const LearnEnv *env, const GrowSetup *setup, RowStore *rows);
extern void rows_load(RowStore *rows, const GrowTask *task);
extern void rows_free(RowStore *rows);
extern size_t rows_memory(const GrowSetup *setup, size_t nfeatures, size_t max_codes,
						  size_t code_size);
extern void rows_totals(const RowStore *rows, uint32_t first, uint32_t n, int64_t *g, uint64_t *h);
extern bool rows_same_target(const RowStore *rows, uint32_t first, uint32_t n, int64_t target);
extern uint32_t rows_part(RowStore *rows, uint32_t first, uint32_t n, uint32_t feature,
						  const CodeSide *side);

/* Do two neighbouring rows differ in a feature? */
extern bool rows_pair_differs(const RowStore *rows, uint32_t first, uint32_t feature);

/* Codes of up to FEW_ROWS rows (all of codes is written); true where one of them is missing. */
extern bool rows_few_codes(const RowStore *rows, uint32_t first, uint32_t n, uint32_t feature,
						   uint32_t missing, uint8_t *codes);

/* Forests: targets times weights, and weights, of a node's rows; and a feature's codes.  True where one is missing. */
extern void rows_targets(const RowStore *rows, uint32_t first, uint32_t n, int64_t *g, uint32_t *w);
extern bool rows_lane_codes(const RowStore *rows, uint32_t first, uint32_t n, uint32_t feature,
							uint32_t missing, int32_t *codes);

/* Sparse sums: rows_gather once a node, then a feature at a time into rows->cells. */
extern void rows_gather(RowStore *rows, uint32_t first, uint32_t n);
extern uint32_t rows_sum_sparse(RowStore *rows, uint32_t first, uint32_t n, uint32_t feature,
								uint32_t ncodes);

/* Dense sums of up to DENSE_FEATURES features, of max_codes cells each. */
extern void rows_sum_dense(RowStore *rows, uint32_t first, uint32_t n, const uint32_t *features,
						   uint32_t nfeatures);
/* Dense sums of all features of ordered rows, each beginning at its offset. */
extern void rows_sum_all(RowStore *rows, uint32_t first, uint32_t n, Cell *cells);


/* Codes below ncodes whose cells have rows, ascending; returns how many. */
extern uint32_t cells_present(const Cell *cells, uint32_t ncodes, uint16_t *present);

/* Sums by class: rows_gather_classes once a node, then a feature at a time. */
extern void rows_gather_classes(RowStore *rows, uint32_t first, uint32_t n, uint64_t *classes);
extern bool rows_scan_classes(RowStore *rows, uint32_t first, const SplitNode *node,
							  const FeatureBins *fb, uint32_t feature, SplitScratch *scratch,
							  Split *best);
extern void rows_codes(RowStore *rows, uint32_t first, uint32_t n, uint32_t feature,
					   uint16_t *codes);

/* ---- sets of codes ------------------------------------------------------------ */

static inline void
codeset_clear(CodeSet *set, uint32_t ncodes)
{
	uint32_t	ntop = (ncodes - 1) / 4096 + 1;

	for (uint32_t i = 0; i < ntop; i++)
		set->top[i] = 0;
}

/* Add a code; all bits set where it was in already, else 0. */
static inline uint64_t
codeset_add(CodeSet *set, uint32_t code)
{
	uint32_t	word = code >> 6;
	uint64_t	used = -((set->top[word >> 6] >> (word & 63)) & 1);
	uint64_t	bits = set->words[word] & used;
	uint64_t	had = -((bits >> (code & 63)) & 1);

	set->top[word >> 6] |= UINT64_C(1) << (word & 63);
	set->words[word] = bits | UINT64_C(1) << (code & 63);
	return had;
}

/* Its codes, ascending; returns how many. */
static inline uint32_t
codeset_list(const CodeSet *set, uint32_t ncodes, uint16_t *list)
{
	uint32_t	ntop = (ncodes - 1) / 4096 + 1;
	uint32_t	n = 0;

	for (uint32_t i = 0; i < ntop; i++)
		for (uint64_t top = set->top[i]; top != 0; top &= top - 1)
		{
			uint32_t	word = i * 64 + (uint32_t) __builtin_ctzll(top);

			for (uint64_t bits = set->words[word]; bits != 0; bits &= bits - 1)
				list[n++] = (uint16_t) (word * 64 + (uint32_t) __builtin_ctzll(bits));
		}
	return n;
}

#endif							/* ECHOLON_HISTOGRAM_H */
