/*
 * tree.h
 *		What growing a tree takes, and what it gives.
 *
 * Sums are exact integers.  A row is a cell: g, its target or gradient times
 * its weight, scaled by a power of two and rounded once; and in one word h, its
 * weight or hessian, above a count of 1.  Adding cells is one addition of 128 bits,
 * in any order, and parent minus child is exact.
 *
 * Limits that keep it so, whatever set of rows is summed: |sum of g| < 2^61,
 * sum of h < 2^(63 - cshift), count < 2^cshift.  forest.c and boost.c choose the scales.
 *
 * In boosting of many rows a row's cell is packed into one word where that says enough (boost.c): few rows at a time are
 * summed as such words, and these sums are added to cells.
 */
#ifndef ECHOLON_TREE_H
#define ECHOLON_TREE_H

#include "learn/hash.h"
#include "learn/learn.h"
#include "learn/matrix.h"

#define SUM_BITS			60	/* of g's scale: a bit is left for rounding, one for differences */
#define CHECK_ROWS			65536	/* rows of a simple loop between two cancel checks */
#define MAX_TREE_DEPTH		65534	/* of a leaf below the root, which has depth 0 */
#define MAX_TREE_SETS		65535	/* category sets of a tree: a node's rank has 16 bits */
#define SET_TABLE			(1u << 17)	/* places of a builder's hash table: more than MAX_TREE_SETS */
#define ENTROPY_TABLE		2048	/* n log n is looked up below */

/* For loops that are written once and compiled with what differs as constants. */
#define always_inline inline __attribute__((always_inline))

/* A cancel check now and then, in a loop over rows. */
#define check_rows(env, i) \
	do { if ((i) % CHECK_ROWS == CHECK_ROWS - 1) (env)->check((env)->arg); } while (0)

/* Streams of random numbers, kept apart: (use << 32) | tree or round. */
#define STREAM_BAG			UINT64_C(1)
#define STREAM_TREE			UINT64_C(2)
#define STREAM_SUBSAMPLE	UINT64_C(3)
#define STREAM_PERMUTE		UINT64_C(4)
#define stream_of(use, i)	(((use) << 32) | (i))

typedef struct Cell
{
	int64_t		g;
	uint64_t	hc;				/* (h << cshift) | count */
} __attribute__((aligned(16))) Cell;

/* A cell as one vector; may_alias, because it is read and written through Cell too. */
typedef uint64_t CellVector __attribute__((vector_size(16), may_alias));

static inline void
cell_add(Cell *cell, CellVector v)
{
	*(CellVector *) cell += v;
}

/*
 * A packed cell, or the sum of some: from the top g (signed), h and count.  PACKED_ROWS rows, each with |g| <= 2^PACKED_ROW_G_BITS
 * and h <= 2^PACKED_ROW_H_BITS, stay within their parts.
 */
#define PACKED_COUNT_BITS	13
#define PACKED_H_BITS		23
#define PACKED_G_SHIFT		(PACKED_COUNT_BITS + PACKED_H_BITS)
#define PACKED_ROW_G_BITS	15
#define PACKED_ROW_H_BITS	11
#define PACKED_ROWS			4095

static inline uint64_t
packed_cell(int64_t g, int64_t h)
{
	return ((uint64_t) g << PACKED_G_SHIFT) + ((uint64_t) h << PACKED_COUNT_BITS) + 1;
}

static inline Cell
packed_unpack(uint64_t packed, uint32_t cshift)
{
	uint64_t	h = (packed >> PACKED_COUNT_BITS) & ((1u << PACKED_H_BITS) - 1);
	uint64_t	count = packed & ((1u << PACKED_COUNT_BITS) - 1);

	return (Cell) {(int64_t) packed >> PACKED_G_SHIFT, (h << cshift) + count};
}

/* Boosting: the cells of rows, in one of the two forms. */
typedef struct RowCells
{
	const Cell *wide;			/* NULL where packed has them */
	const uint64_t *packed;
	uint32_t	cshift;
} RowCells;

static inline Cell
row_cell(const RowCells *cells, uint32_t row)
{
	return cells->packed ? packed_unpack(cells->packed[row], cells->cshift) : cells->wide[row];
}

typedef enum GainKind
{
	GAIN_CENTRED,				/* GL^2/HL + GR^2/HR of sums less the node's mean: variance, and Newton without L2 */
	GAIN_L2,					/* G^2 / (H + l2) of the sums as they are */
	GAIN_ENTROPY,				/* two classes */
	GAIN_CLASSES_GINI,			/* more classes: sums a class in place of cells */
	GAIN_CLASSES_ENTROPY
} GainKind;

#define gain_of_classes(kind) ((kind) >= GAIN_CLASSES_GINI)

/* How splits of a tree are judged, and what leaves are worth.  Immutable while trees grow. */
typedef struct SplitRule
{
	GainKind	kind;
	bool		random;			/* one random threshold a feature */
	bool		monotone;		/* some feature is constrained: bounds are kept */
	bool		noise_weighted; /* a row's g was rounded before it was multiplied by its weight */
	uint32_t	nclasses;		/* of the kinds of classes, else 0 */
	uint32_t	cshift;
	uint32_t	unit_shift;		/* GAIN_ENTROPY: g is the weight of class 1 shifted by it */
	uint32_t	min_samples_leaf;
	uint32_t	min_samples_split;
	uint32_t	max_depth;
	uint32_t	max_leaf_nodes; /* 0: no limit */
	uint32_t	max_features;
	uint64_t	min_h;			/* of a child, at least 1 */
	double		l2;				/* in units of h, as the next */
	double		category_l2;	/* on top, where more than MAX_SINGLE_LEVELS levels are ordered */
	double		value_offset;	/* a leaf's value: offset + G / (H + l2) * scale, within limit */
	double		value_scale;
	double		value_limit;
	double		value_min_h;	/* H is taken for at least this */
	int			gain_exponent;	/* natural gain: gain * 2^exponent * factor */
	double		gain_factor;
	double		cover_scale;	/* of h; 0: a node's cover is its number of rows */
	const double *xlogx;		/* the entropies: [ENTROPY_TABLE] n log n */
} SplitRule;

/* One tree to grow: the rows in it and what they say.  Arrays are by matrix row. */
typedef struct GrowTask
{
	const SplitRule *rule;
	uint64_t	key;			/* of the root: randomness of a node is a hash of its path */
	uint32_t	nrows;
	const uint32_t *rows;		/* [nrows] ascending */
	const int64_t *target;		/* forest: scaled target of a row; NULL for boosting */
	const uint16_t *label;		/* more than two classes: class of a row, in place of target */
	const uint32_t *weight;		/* forest: integer weight of a row; NULL: 1 */
	const uint8_t *times;		/* forest: how often a row is in the bag */
	RowCells	cells;			/* boosting: cell of a row, count 1 */
	uint32_t   *order;			/* boosting, out: [nrows] rows, a leaf's side by side, ascending */
} GrowTask;

/* Forest: what a row weighs in this tree. */
static inline uint32_t
task_weight(const GrowTask *task, uint32_t row)
{
	return task->times[row] * (task->weight ? task->weight[row] : 1);
}

/* How a split parts codes. */
typedef struct CodeSide
{
	uint32_t	below;			/* numeric: codes below it go left */
	uint32_t	missing;		/* and this one too; UINT32_MAX: none */
	const uint8_t *left;		/* category: by code, or NULL */
} CodeSide;

static inline uint32_t
side_goes_left(const CodeSide *side, uint32_t code)
{
	if (side->left)
		return side->left[code];
	return (code < side->below) | (code == side->missing);
}

/*
 * Others who take part in what is done to the rows of a large node (boosting): the same results.  sum: sums of the
 * rows by code, all features; part: their parting, and how many go left.
 */
typedef struct GrowHelp
{
	uint32_t	least_rows;		/* of a node for which it pays */
	void		(*sum) (void *arg, uint32_t first, uint32_t n, Cell *cells);
	uint32_t	(*part) (void *arg, uint32_t first, uint32_t n, uint32_t feature, const CodeSide *side);
	void	   *arg;
} GrowHelp;

/* What all trees of a fit have in common. */
typedef struct GrowSetup
{
	const Bins *bins;
	const Matrix *matrix;
	bool		boosting;
	bool		monotone;
	uint32_t	nclasses;		/* above 2: sums a class */
	uint32_t	max_rows;		/* of a task */
	uint32_t	max_leaf_nodes;
	uint32_t	max_features;
	const GrowHelp *help;		/* boosting: NULL where there are no others */
} GrowSetup;

/* A feature's part of a tree's importance. */
typedef struct TreeGain
{
	uint32_t	feature;
	uint32_t	splits;
	double		gain;			/* natural units */
} TreeGain;

/*
 * A grown tree, before the model's thresholds are known: nodes as in the model
 * but for the rank of a numeric split, which is the bin that the left rows reach; beyond is
 * the bin where the right rows begin (either may be BIN_NONE); NODE_IS_LEAF marks a leaf.
 * A leaf's number counts in the tree's own leaf_table.
 */
#define NODE_IS_LEAF		0	/* right rows never begin at bin 0 */
#define NODE_IS_SPLIT		1	/* where there is no such bin: categories, or a left side of missing rows alone */

typedef struct GrownTree
{
	void	   *block;			/* has all arrays, those of boosting aside; see grown_tree_view */
	size_t		size;			/* of block */
	uint32_t	nnodes;
	LearnNode  *nodes;
	uint16_t   *beyond;
	float	   *covers;
	uint32_t	nsets;
	uint32_t   *set_first;		/* [nsets + 1] */
	uint32_t   *set_words;
	uint32_t	nleaves;
	double	   *leaf_table;		/* [nleaves * nclasses] */
	uint32_t	ngains;
	TreeGain   *gains;
	/* boosting only, by node */
	uint32_t   *first;			/* first row in task->order */
	uint32_t   *count;
	double	   *bounds;			/* lowest and highest value allowed; NULL without constraints */
} GrownTree;

extern void grown_tree_free(const LearnEnv *env, GrownTree *tree);

/* The tree whose arrays are in a block, which becomes the tree's own: the same block, or a copy of its bytes. */
extern void grown_tree_view(void *block, GrownTree *tree);

/* ---- building one, node by node (tree.c) -------------------------------- */

typedef struct TreeBuilder
{
	const LearnEnv *env;
	const GrowSetup *setup;
	uint32_t	nnodes,
				node_capacity;
	LearnNode  *nodes;
	uint16_t   *beyond;
	float	   *covers;
	uint32_t   *first,
			   *count;
	double	   *bounds;
	uint32_t	nsets,
				set_capacity;
	uint32_t   *set_first;
	uint32_t	nwords,
				word_capacity;
	uint32_t   *set_words;
	uint32_t   *set_table;		/* open addressing: set number + 1 */
	uint32_t	nleaves,
				leaf_capacity;
	double	   *leaf_table;
	double	   *gain;			/* [nfeatures] */
	uint32_t   *splits;
} TreeBuilder;

extern void builder_init(const LearnEnv *env, const GrowSetup *setup, TreeBuilder *builder);
extern void builder_start(TreeBuilder *builder);
extern uint32_t builder_children(TreeBuilder *builder);
extern void builder_node(TreeBuilder *builder, uint32_t place, double cover, uint32_t first,
						 uint32_t count, double lower, double upper);
extern void builder_leaf(TreeBuilder *builder, uint32_t place, double value);
extern void builder_class_leaf(TreeBuilder *builder, uint32_t place, const uint64_t *classes,
							   uint64_t h);
extern void builder_split(TreeBuilder *builder, uint32_t place, uint32_t feature, uint32_t rank,
						  uint32_t beyond, bool missing_left, uint32_t child, double gain);
extern uint32_t builder_set(TreeBuilder *builder, uint16_t *codes, uint32_t n);
extern void builder_finish(TreeBuilder *builder, GrownTree *tree);
extern void builder_free(TreeBuilder *builder);

/* ---- ways of growing ------------------------------------------------------ */

/* Two that must give the same trees: grow.c for use, naive.c to test it. */
typedef struct GrowMethod
{
	void	   *(*create) (const LearnEnv *env, const GrowSetup *setup);
	void		(*grow) (void *grower, const GrowTask *task, GrownTree *tree);
	void		(*free) (void *grower);
} GrowMethod;

extern const GrowMethod grow_fast;
extern const GrowMethod grow_naive;

extern size_t grow_memory(const GrowSetup *setup, size_t nfeatures, size_t total_codes,
						  size_t max_codes, size_t code_size);

/* ---- a fit's parts ---------------------------------------------------------- */

/* learn_fit, or with a start learn_continue, with either method of growing. */
extern void fit_run(const LearnEnv *env, const GrowMethod *method, const LearnData *data,
					const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch,
					const LearnParams *params, const LearnStart *start, LearnFit *fit);
extern void learn_fit_naive(const LearnEnv *env, const LearnData *data,
							const uint32_t *train, size_t ntrain,
							const uint32_t *watch, size_t nwatch,
							const LearnParams *params, LearnFit *fit);

/*
 * Join grown trees into a model; the trees are freed one by one.  gain: [nfeatures] what the features' gains
 * are added to; NULL: zeros.
 */
extern void assemble_model(const LearnEnv *env, const LearnData *data, const Bins *bins,
						   GrownTree *trees, uint32_t ntrees, uint32_t nscores, const double *gain,
						   LearnModel *model);

/*
 * The trees of older from number dropped on, and behind them those of newer, as one model: of the same
 * features, with newer's gains.  newer's arrays are freed, or become joined's; older is only read.
 */
extern void join_models(const LearnEnv *env, const LearnModel *older, uint32_t dropped,
						LearnModel *newer, LearnModel *joined);

/* newer, the statistics of rows[0 .. n), become those of these rows and of older's together. */
extern void join_stats(const LearnEnv *env, const LearnData *data, const uint32_t *rows, size_t n,
					   const LearnStats *older, LearnStats *newer);

#endif							/* ECHOLON_TREE_H */
