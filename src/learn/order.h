/*
 * order.h
 *		The rows of a boosted tree as an order of their numbers: sums by code, and parting.
 *
 * A row's cell and codes are looked up, some rows ahead.  Everything here does a part of a node's rows, so that several
 * participants can do one node.
 */
#ifndef ECHOLON_ORDER_H
#define ECHOLON_ORDER_H

#include "learn/tree.h"

#define PREFETCH_ROWS	24		/* how far ahead looked-up rows are asked for */
#define PASS_CELLS		8192	/* cells of a pass over the rows: as words 64 kB, of a second-level cache */
#define PASS_FEATURES	64		/* features of a pass */

/* What sums are made of, and scratch for them.  Of one participant. */
typedef struct OrderSums
{
	const LearnEnv *env;
	const Bins *bins;
	const Matrix *matrix;
	const uint32_t *offsets;	/* [nfeatures] of a feature's cells among all */
	RowCells	cells;			/* of the tree at hand */
	uint64_t   *words;			/* [PASS_CELLS] zeros, but during a sum of packed cells */
} OrderSums;

extern void order_sums_init(const LearnEnv *env, const Bins *bins, const Matrix *matrix, const uint32_t *offsets,
							OrderSums *sums);
extern void order_sums_free(OrderSums *sums);
#define ORDER_SUMS_MEMORY	(PASS_CELLS * sizeof(uint64_t))

/* Where each feature's cells begin among those of all. */
extern void order_offsets(const Bins *bins, uint32_t *offsets);

/* How many features one pass over the rows sums, from the first of a pass on. */
extern uint32_t order_pass(const Bins *bins, const Matrix *matrix, uint32_t feature);

/* Add rows' cells to the cells of their codes: nfeatures features from feature on, which begins a pass. */
extern void order_add(const OrderSums *sums, const uint32_t *order, uint32_t n, uint32_t feature,
					  uint32_t nfeatures, Cell *cells);

/*
 * Part row numbers, keeping their order, into left (which may be order itself), with the right ones behind the left ones and moved as
 * scratch.  How many went left.
 */
extern uint32_t order_part(const Matrix *matrix, const uint32_t *order, uint32_t n, uint32_t feature,
						   const CodeSide *side, uint32_t *left, uint32_t *moved);

#endif							/* ECHOLON_ORDER_H */
