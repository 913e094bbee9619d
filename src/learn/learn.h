/*
 * learn.h
 *		The learner's door: what other rooms may call.
 *
 * Plain C11 on arrays: no server header, no SQL, no globals.  The caller
 * brings memory, a cancel check and a way to fail (LearnEnv), so the same code
 * runs in a backend, in a parallel worker, in a unit test and under a fuzzer.
 *
 * Data come as columns whose rows stand in the canonical order already; every
 * random choice is a hash of (seed, tree, node or row number), every sum that
 * decides a split is an exact integer sum.  The same columns, parameters and
 * seed therefore give the same model, bit for bit, on every CPU.
 */
#ifndef ECHOLON_LEARN_H
#define ECHOLON_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- environment ------------------------------------------------------ */

/* What the learner is at, as it tells its caller; what is counted. */
typedef enum LearnStage
{
	LEARN_PREPARING = 0,		/* features */
	LEARN_GROWING,				/* trees of a forest */
	LEARN_ROUNDS,				/* rounds of boosting */
	LEARN_OUT_OF_BAG,			/* blocks of rows */
	LEARN_PREDICTING,			/* blocks of rows */
	LEARN_SHUFFLING				/* shuffles of a column */
} LearnStage;

/*
 * What the learner needs from its caller.  alloc and fail never come back
 * without success: a backend raises an error there, a unit test aborts.
 */
typedef struct LearnEnv
{
	void	   *(*alloc) (void *arg, size_t size); /* not zeroed, 16-byte aligned */
	void		(*release) (void *arg, void *pointer);	/* NULL is allowed */
	void		(*check) (void *arg);	/* cancel check; may not return */
	void		(*progress) (void *arg, LearnStage stage, uint32_t done, uint32_t total);
	void		(*fail) (void *arg, const char *message);	/* never returns */
	void	   *arg;
	const struct LearnTeam *team;	/* others who can take part; NULL: none */
} LearnEnv;

/* env_alloc with overflow-checked count * size; env_alloc0 zeroes as well. */
extern void *env_alloc(const LearnEnv *env, size_t count, size_t size);
extern void *env_alloc0(const LearnEnv *env, size_t count, size_t size);
extern void env_free(const LearnEnv *env, void *pointer);

/* ---- participants ------------------------------------------------------- */

/*
 * Work that is large enough is divided into numbered items, and several participants take them: the
 * leader, who called the learner, and others, who may be other processes.  All see one block of memory,
 * each at an address of its own.  What an item gives depends on its number alone, and whatever is joined is joined
 * in the order of the numbers, or is an exact sum: so a model does not depend on who took part.
 */
typedef enum LearnWork
{
	WORK_PREPARE = 1,			/* an item is a feature, then some rows: their bins and codes */
	WORK_FOREST,				/* an item is a tree */
	WORK_BOOSTING,				/* phases of rounds; an item is a block of rows or of features */
	WORK_PREDICT				/* an item is a block of rows */
} LearnWork;

typedef struct LearnTask
{
	LearnWork	work;
	double		cost;			/* nanoseconds that one participant would take, about */
	uint32_t	items;			/* more participants than these have nothing to do */
	size_t		shared;			/* bytes of the block, beside */
	size_t		each_shared;	/* bytes of it for each participant */
	size_t		each;			/* bytes that every participant but the leader takes outside of it */
	size_t		extra;			/* of shared, what the leader alone would not need */
} LearnTask;

/* One participant's part in a task. */
typedef struct LearnPart LearnPart;

/* What an item gives, a block of env's memory, is handed over to whoever began the part. */
typedef void (*LearnPut) (void *arg, uint32_t item, void *block, size_t size);

/*
 * Begin a part in work that goes on in the block at memory.  participant: 1 and more; 0 is the leader.
 * Then items, as they are taken; learn_part_put passes on what another participant's item gave.
 */
extern LearnPart *learn_part_begin(const LearnEnv *env, LearnWork work, void *memory,
								   uint32_t participant, LearnPut put, void *put_arg);
extern void learn_part_item(LearnPart *part, uint32_t phase, uint32_t item);
extern void learn_part_put(LearnPart *part, uint32_t item, void *block, size_t size);

/* The leader tells how many items of a phase are done, by whoever; works that count something else tell that themselves. */
extern void learn_part_progress(LearnPart *part, uint32_t phase, uint32_t done, uint32_t nitems);
extern void learn_part_end(LearnPart *part);

/* How the caller brings others in. */
typedef struct LearnTeam
{
	/*
	 * How many may take part, the leader included, and the block for them, aligned to 64 bytes; NULL where
	 * there are to be no others.  The result is given to the other functions.
	 */
	void	   *(*gather) (void *arg, const LearnTask *task, uint32_t *participants, void **memory);
	/* The block is filled: others may come.  own: the leader's part. */
	void		(*start) (void *crew, LearnPart *own);
	/* All items of a phase, whoever takes them; back when all are done and what they gave was put. */
	void		(*run) (void *crew, uint32_t phase, uint32_t nitems);
	/* There are no more phases; the block stays. */
	void		(*finish) (void *crew);
	/* The block goes. */
	void		(*release) (void *crew);
	void	   *arg;			/* of gather */
	uint32_t	grain;			/* rows that are worth to be handed over; 0: some thousands */
} LearnTeam;

/* ---- input ------------------------------------------------------------ */

typedef enum LearnFeatureKind
{
	LEARN_NUMERIC = 0,
	LEARN_CATEGORY = 1
} LearnFeatureKind;

#define LEARN_MISSING		UINT32_MAX	/* a category's code where it is missing */
#define LEARN_MAX_FEATURES	16383		/* 14 bits of a node */
#define LEARN_MAX_ROWS		INT32_MAX
#define LEARN_MAX_CATEGORIES 65534
#define LEARN_MAX_CLASSES	1000

/* One feature, one value a row.  NaN is missing; infinities are values. */
typedef struct LearnColumn
{
	LearnFeatureKind kind;
	const double *values;		/* LEARN_NUMERIC */
	const uint32_t *codes;		/* LEARN_CATEGORY: 0 .. ncategories-1 or LEARN_MISSING */
	uint32_t	ncategories;
	int8_t		monotone;		/* -1 falling, 0 free, +1 rising; numeric only */
} LearnColumn;

/* A table.  target: a finite value, or the class number for classification. */
typedef struct LearnData
{
	size_t		nrows;
	uint32_t	nfeatures;
	const LearnColumn *columns;
	const double *target;
	const double *weight;		/* NULL: all 1; else >= 0, class weights included */
	uint32_t	nclasses;		/* 0: regression; else 2 .. LEARN_MAX_CLASSES */
} LearnData;

/* ---- parameters ------------------------------------------------------- */

typedef enum LearnAlgorithm
{
	LEARN_FOREST = 1,
	LEARN_BOOSTING = 2
} LearnAlgorithm;

typedef enum LearnLoss
{
	LOSS_SQUARED_ERROR = 0,
	LOSS_ABSOLUTE_ERROR,
	LOSS_QUANTILE,
	LOSS_HUBER,
	LOSS_POISSON,
	LOSS_LOGISTIC,				/* binary */
	LOSS_SOFTMAX				/* three classes and more */
} LearnLoss;

typedef enum LearnCriterion
{
	CRITERION_SQUARED_ERROR = 0,	/* forest, regression */
	CRITERION_GINI,				/* forest, classification */
	CRITERION_ENTROPY,			/* forest, classification */
	CRITERION_NEWTON,			/* boosting: gain G^2 / (H + l2) */
	CRITERION_FRIEDMAN_MSE		/* boosting: variance gain, Newton leaves */
} LearnCriterion;

typedef enum LearnSplitRule
{
	SPLIT_BEST = 0,
	SPLIT_RANDOM				/* Geurts et al. 2006, extremely randomized trees */
} LearnSplitRule;

/* All resolved and in range: checked by the caller, once, in src/train/params.c. */
typedef struct LearnParams
{
	LearnAlgorithm algorithm;
	uint32_t	n_estimators;
	uint32_t	max_depth;		/* 0: no limit */
	uint32_t	max_leaf_nodes; /* 0: no limit; else best first */
	uint32_t	max_features;	/* drawn a node, 1 .. nfeatures */
	uint32_t	min_samples_leaf;
	uint32_t	min_samples_split;
	bool		bootstrap;
	double		max_samples;	/* forest: fraction of rows drawn a tree */
	double		learning_rate;
	double		subsample;		/* boosting: fraction of rows a round, without replacement */
	double		l2_regularization;
	LearnLoss	loss;
	double		quantile;		/* LOSS_QUANTILE only */
	LearnCriterion criterion;
	LearnSplitRule split_rule;
	uint32_t	early_stopping_rounds;	/* 0: never; else needs valid rows */
	uint32_t	max_bins;		/* 2 .. 65535, missing not counted */
	uint64_t	seed;
} LearnParams;

/* ---- the model -------------------------------------------------------- */

/*
 * Eight bytes a node.  A split: two flag bits and 14 bits of feature, a rank
 * into the feature's sorted thresholds (numeric: value <= threshold goes left)
 * or the number of a category set within the tree, and the left child's place
 * in the tree; the right child is the next one.  A leaf: one float64, or for
 * a forest of more than two classes a number: below nclasses a pure leaf of
 * that class, else nclasses + its place in leaf_table.
 * A tree of one node is a leaf.  Children stand behind their parent.
 */
typedef union LearnNode
{
	struct
	{
		uint16_t	feature;	/* NODE_LEFT_LEAF, NODE_RIGHT_LEAF, feature */
		uint16_t	rank;
		uint32_t	child;		/* NODE_MISSING_LEFT, left child */
	}			split;
	double		value;
	uint64_t	number;
} LearnNode;

#define NODE_LEFT_LEAF		0x4000
#define NODE_RIGHT_LEAF		0x8000
#define NODE_FEATURE_MASK	0x3FFF
#define NODE_MISSING_LEFT	0x80000000u
#define NODE_CHILD_MASK		0x7FFFFFFFu

/*
 * A category set holds the codes that go AGAINST the node's missing direction;
 * every other code (absent from the node at training, never seen, missing)
 * goes the missing way.  In set_words: a header word, then the body.
 * Header: SET_BITMAP | number of words of a bitmap (bit c of it is code c), or
 * the number of codes of an ascending list.
 */
#define SET_BITMAP			0x80000000u
#define SET_LENGTH_MASK		0x7FFFFFFFu

typedef struct LearnFeature
{
	uint32_t	kind;			/* LearnFeatureKind */
	uint32_t	nvalues;		/* numeric: thresholds (at most 65535); category: categories */
	uint64_t	first_threshold;	/* numeric: its first one in thresholds */
} LearnFeature;

typedef enum LearnLink
{
	LINK_IDENTITY = 0,
	LINK_LOG,
	LINK_LOGISTIC,
	LINK_SOFTMAX
} LearnLink;

/*
 * Flat arrays without pointers into each other, as they lie in the stored
 * bytes: a model that was read is used in place.
 */
typedef struct LearnModel
{
	uint32_t	algorithm;		/* LearnAlgorithm */
	uint32_t	link;			/* LearnLink; a forest has LINK_IDENTITY */
	uint32_t	nclasses;		/* 0: regression */
	uint32_t	nfeatures;
	uint32_t	ntrees;			/* all trees; boosting: round * nscores + score */
	uint32_t	nscores;		/* softmax: nclasses, else 1 */
	const double *base;			/* [nscores] start values; 0 for a forest */
	const LearnFeature *features;	/* [nfeatures] */
	uint64_t	nthresholds;
	const double *thresholds;	/* a feature's own are ascending and distinct */
	uint64_t	nnodes;
	const uint64_t *tree_first; /* [ntrees + 1] first node of a tree in nodes */
	const LearnNode *nodes;
	const float *covers;		/* [nnodes] weight of the training rows in a node */
	uint64_t	nsets;
	const uint64_t *tree_first_set; /* [ntrees + 1] first set of a tree */
	const uint64_t *set_first;	/* [nsets + 1] first word of a set in set_words */
	const uint32_t *set_words;
	uint64_t	nleaves;		/* entries of leaf_table, nclasses float64 each */
	const double *leaf_table;
	const double *gain;			/* [nfeatures] summed gain of its splits */
	const uint64_t *splits;		/* [nfeatures] number of splits */
} LearnModel;

/* How many numbers a prediction has: 1, or one probability a class. */
#define learn_noutputs(m) ((m)->nclasses == 0 ? 1u : (m)->nclasses)

/* What a feature looked like on the training rows: kept for drift checks. */
#define LEARN_STATS_BINS	64
typedef struct LearnStats
{
	uint64_t	count;			/* rows with a value */
	uint64_t	missing;
	double		minimum,		/* finite values only; 0 where there is none */
				maximum,
				mean,
				stddev;			/* sample standard deviation */
	uint32_t	nbins;			/* numeric: 0 .. LEARN_STATS_BINS; category: ncategories */
	const double *upper;		/* numeric: [nbins] largest value of a bin, ascending */
	const uint64_t *counts;		/* [nbins] rows of a bin, or of a category */
} LearnStats;

/* ---- training --------------------------------------------------------- */

/* One point of a learning curve. */
typedef struct LearnCurvePoint
{
	uint32_t	n_estimators;
	double		train;			/* boosting: mean loss of the training rows; forest: NaN */
	double		watched;		/* boosting: mean loss of the watched rows, NaN without any;
								 * forest: out-of-bag mse or error rate, NaN without bootstrap */
} LearnCurvePoint;

typedef struct LearnFit
{
	LearnModel	model;
	LearnStats *stats;			/* [nfeatures] */
	double	   *oob;			/* forest with bootstrap: [ntrain * noutputs], NaN where a
								 * row was in every bag; else NULL */
	uint32_t	ncurve;
	LearnCurvePoint *curve;
	uint32_t	rounds;			/* boosting: rounds kept (early stopping cuts) */
} LearnFit;

/*
 * Fit a model to the rows train[0 .. ntrain) of data, ascending.  watch
 * (boosting; may be empty) gives the learning curve its second line, and decides early
 * stopping where that is asked for.  Everything in fit is allocated by env.
 * Sources: Breiman 2001 (forests); Friedman 2001 (boosting), Ke et al. 2017
 * (histograms, leaf-wise growth), Fisher 1958 (ordered categories).
 */
extern void learn_fit(const LearnEnv *env, const LearnData *data,
					  const uint32_t *train, size_t ntrain,
					  const uint32_t *watch, size_t nwatch,
					  const LearnParams *params, LearnFit *fit);

/*
 * Bytes learn_fit needs at most beyond its input, for the check before any
 * large allocation; SIZE_MAX where the sum overflows.
 */
extern size_t learn_fit_memory(const LearnData *data, size_t ntrain, size_t nwatch,
							   const LearnParams *params);

/* ---- training that goes on ------------------------------------------------ */

/* What is gone on from. */
typedef struct LearnStart
{
	const LearnModel *model;
	const LearnStats *stats;	/* [nfeatures] of the rows it was fitted to; NULL: not wanted */
	uint32_t	dropped;		/* forest: trees that are left out, the oldest; boosting: 0 */
	uint32_t	first;			/* number of the first new tree or round: it decides what is drawn for it */
} LearnStart;

/*
 * Go on from a model with params->n_estimators more trees (of a forest) or rounds (of boosting), fitted to the
 * rows train[0 .. ntrain) of data, whose features, categories and classes are the model's.  Boosting
 * begins with the model's scores of these rows, a forest's new trees know nothing of the older ones.
 * watch as for learn_fit, early stopping aside: all rounds are kept.
 *
 * fit->model has the older trees that stay, and the new ones.  Gains of a forest's dropped trees are not
 * known one by one: their share is taken off.  fit->stats are those of all rows, in the older bins (of train
 * alone without start->stats); fit->oob is NULL; the curve has the new rounds.
 *
 * Where the model was fitted to the same rows with the same weights and parameters, first is its number of
 * rounds or trees, and nothing is dropped, the result is bit for bit what learn_fit gives for all of them (unless
 * a feature has more than 65,535 thresholds, which learn_fit makes coarser and this refuses).
 */
extern void learn_continue(const LearnEnv *env, const LearnStart *start, const LearnData *data,
						   const uint32_t *train, size_t ntrain,
						   const uint32_t *watch, size_t nwatch,
						   const LearnParams *params, LearnFit *fit);

/* The same for learn_continue as learn_fit_memory for learn_fit. */
extern size_t learn_continue_memory(const LearnStart *start, const LearnData *data, size_t ntrain,
									size_t nwatch, const LearnParams *params);

/* ---- prediction ------------------------------------------------------- */

/*
 * One row: x[nfeatures], NaN for missing, a category's code as a number (a
 * code that is not below ncategories counts as missing).  codes is scratch of
 * nfeatures words.  out: learn_noutputs() numbers: the value (after the link), or
 * a probability a class.
 */
extern void learn_predict_row(const LearnModel *model, const double *x,
							  uint32_t *codes, double *out);

/*
 * Many rows of columns: out[i * noutputs + k] for row rows[i] (rows NULL: all).
 * Bit for bit what learn_predict_row gives.
 */
extern void learn_predict_columns(const LearnEnv *env, const LearnModel *model,
								  const LearnColumn *columns,
								  const uint32_t *rows, size_t nrows, double *out);

/*
 * Permutation importance (Breiman 2001; Fisher, Rudin, Dominici 2019): the
 * loss of score when one feature is shuffled among the rows, n_repeats times.
 * x is row-major [nrows * nfeatures] as for learn_predict_row.  group[f]
 * joins features that one source column gave (calendar parts): they are
 * shuffled together; mean and stddev have ngroups entries.  Score: r2, or for
 * classes the mean log likelihood (so that the mean is a rise in log loss).
 */
extern void learn_permutation_importance(const LearnEnv *env, const LearnModel *model,
										 const double *x, const double *target, size_t nrows,
										 const uint32_t *group, uint32_t ngroups,
										 uint32_t n_repeats, uint64_t seed,
										 double *mean, double *stddev);

#endif							/* ECHOLON_LEARN_H */
