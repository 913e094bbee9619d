/*
 * boost_work.h
 *		What participants in boosting share, and the phases of a round.
 *
 * The leader decides everything: scales, splits, leaves, when to stop.  What is done to all rows, or to those of a
 * large node, is divided: into blocks of rows, or into features where these are many.  Sums of cells are exact in any
 * order; sums of floats are made a block and added in the order of the blocks.
 */
#ifndef ECHOLON_BOOST_WORK_H
#define ECHOLON_BOOST_WORK_H

#include "learn/crew.h"
#include "learn/loss.h"

#define GRAIN			(2 * PACKED_ROWS)	/* rows of a node's part, where the team has no other wish */
#define GRAIN_FEATURES	20		/* with so many features; the cells of fewer rows of more are as much work */
#define TREE_ROOM		((size_t) 1 << 20)	/* bytes of a tree that others score rows by */
#define ROW_BLOCK		16384		/* rows of an item; sums of floats depend on it */

typedef enum BoostPhase
{
	BOOST_GRADIENTS,			/* of a block of rows, and their sums; cells, where the scale is known */
	BOOST_CELLS,				/* of a block of rows */
	BOOST_SUM,					/* by code, of a part of a node's rows or of the features */
	BOOST_PART,					/* a part of a node's rows into moved: left ones, then right ones */
	BOOST_PLACE,				/* from there to their places in order */
	BOOST_LEAVES,				/* the value and the weight of a leaf */
	BOOST_SCORES,				/* a part of the rows in the tree: their leaves are added */
	BOOST_LEFT_OUT,				/* a block of training rows: those that are not in the tree, through it */
	BOOST_WATCH,				/* a block of watched rows through the tree */
	BOOST_LOSS					/* of a block of training rows, then of watched ones */
} BoostPhase;

/* Where a training row is. */
#define ROW_LEFT_OUT	0
#define ROW_IN_TREE		1
#define ROW_BY_VALUE	2		/* left out, and its codes do not say where it goes */

/* Rows and their scores. */
typedef struct ScoredRows
{
	size_t		n;
	const uint32_t *rows;		/* of the columns; NULL: the first n */
	double	   *y;
	double	   *w;				/* NULL: all 1 */
	double	   *score;			/* [nscores * n] */
} ScoredRows;

/* Of some rows' gradients and cells' hessians, each times its weight. */
typedef struct GradientSums
{
	double		g;				/* sum of |gradient|, */
	double		g2;				/* of squares, */
	double		g_max;			/* the largest */
	double		h;
	double		h_max;
} GradientSums;

typedef struct BoostHead
{
	CrewHead	crew;

	/* written by the leader before others join */
	uint32_t	nscores;
	Bins		bins;
	Matrix		matrix;
	uint32_t   *offsets;		/* [nfeatures] of a feature's cells among all */
	uint32_t	npasses;
	uint32_t   *passes;			/* [npasses + 1] the features each pass over the rows begins with */
	uint32_t	grain;			/* rows of a node's part */
	uint32_t	cshift;
	bool		newton;			/* cells hold hessians; else weights */
	bool		fixed_scale;	/* |gradient| <= 1, hessian <= 1/4 */
	bool		renews;			/* leaves are quantiles of residuals */
	ScoredRows	train,
				watch;
	const LearnColumn *watch_columns; /* [nfeatures] */
	double		smallest;		/* hessian of a leaf */
	double		l2;

	/* as all of this: arrays whose items are written by who has the item */
	double	   *gradient;
	double	   *hessian;
	double	   *prob;			/* softmax */
	Cell	   *cells;			/* or as many packed ones */
	uint8_t    *in_tree;		/* [train.n] ROW_ constants; NULL: all are in it */
	uint32_t   *order;			/* rows of the tree, a node's side by side */
	uint32_t   *moved;			/* with others: as long */
	Cell	   *sums;			/* with others: [participants * total_codes] */
	uint32_t   *marks;			/* [participants] the last sum that its part of sums is of */
	uint32_t   *lefts;			/* [parts of the largest node] rows of a part that go left, */
	uint32_t   *places;			/* and how many do before it */
	GradientSums *sums_of;		/* [blocks] what the scale is chosen by */
	double	   *loss_sums;		/* [blocks of training rows and then of watched ones] */
	double	   *leaf_value;
	double	   *leaf_cover;

	/* written by the leader between phases */
	Loss		loss;
	uint32_t	score;			/* the one whose tree it is */
	bool		packed;			/* the form of the cells, */
	double		g_factor,		/* and what makes them integers */
				h_factor;
	bool		scale_known;	/* cells are made with the gradients */
	bool		own_values;		/* leaves' values are not what the cells say */
	double		value_limit;	/* of a leaf */
	uint32_t	first;			/* the node at hand: its rows in order */
	uint32_t	n;
	uint32_t	sum;			/* number of the sum */
	bool		by_features;
	uint32_t	feature;		/* of the split */
	CodeSide	side;
	uint8_t    *side_left;		/* [max_codes]; side.left is it, or NULL */
	uint32_t	nlefts;			/* of all parts */
	uint32_t	nleaves;
	uint32_t   *leaf_first;		/* [nleaves + 1] in order, ascending */
	void	   *tree;			/* the block of a grown tree */
	double	   *thresholds;		/* of its nodes */
	size_t		tree_room;		/* with others: bytes at tree */
} BoostHead;

/* Most leaves of a tree on so many rows, and rows of a node's part. */
extern uint32_t boost_most_leaves(const LearnParams *params, size_t nrows);
extern uint32_t boost_grain(const LearnEnv *env);

/* The value that a row of columns gets from a grown tree. */
extern double tree_value(const GrownTree *tree, const double *thresholds, const LearnColumn *columns, size_t row);

/* The cells of the tree at hand. */
static inline RowCells
cells_of(const BoostHead *head)
{
	RowCells	cells = {.cshift = head->cshift};

	if (head->packed)
		cells.packed = (const uint64_t *) (const void *) head->cells;
	else
		cells.wide = head->cells;
	return cells;
}

/* How many blocks, or parts of size rows, there are of n rows. */
static inline uint32_t
count_blocks(size_t n, size_t size)
{
	return (uint32_t) ((n + size - 1) / size);
}

#endif							/* ECHOLON_BOOST_WORK_H */
