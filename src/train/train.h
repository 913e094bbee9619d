/*
 * train.h
 *		What the steps of a training hand to each other.
 *
 *		frame (data) -> target.c labels -> features.c columns -> holdout.c sides
 *		-> fitting.c: encode.c means -> learn_fit -> groups.c the same for groups -> scores.c, baseline.c
 *		-> record.c stores and reports
 */
#ifndef ECHOLON_TRAIN_H
#define ECHOLON_TRAIN_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "portability/instr_time.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "data/frame.h"
#include "features/feature.h"
#include "features/fit.h"
#include "learn/learn.h"
#include "model/model.h"
#include "train/params.h"

/* n elements of size, which may be more than palloc allows; freed with pfree. */
static inline void *
palloc_rows(size_t n, Size size)
{
	return palloc_extended(mul_size(size, Max(n, 1)), MCXT_ALLOC_HUGE);
}

/* For qsort and bsearch, cancelled where asked; the doubles are not NaN. */
extern int	compare_doubles(const void *a, const void *b);

/* ---- target.c: the task, and the target as numbers -------------------------- */

typedef struct Target
{
	ModelTask	task;
	double	   *values;			/* [nrows] value, or class number */
	uint32		nclasses;		/* 0: regression */
	char	  **labels;			/* [nclasses], database encoding */
	uint64	   *counts;			/* [nclasses] rows */
	bool		numeric_labels;
	uint32		positive;
	double		cut;			/* high_value_percentile: 'high' is above it; else NaN */
	double		above;			/* cut: share of the training rows above it */
	bool		moved;			/* cut: it is another value than the percentile, because of ties */
} Target;

/* Is the target of a frame one of classes by itself: a category, or an integer of two values? */
extern bool target_is_class(const Frame *frame);

/* With high_value_percentile, values are the numbers until target_cut makes two classes of them. */
extern void target_resolve(const Frame *frame, const ParamValues *values, Target *target);

/* Find the cut on the training rows, which are to be known by now, and make 'other' and 'high' of all rows. */
extern void target_cut(const Frame *frame, double percentile, const uint32 *rows, size_t n, Target *target);

/* The second half of it: make 'other' and 'high' of all rows by a cut that is known. */
extern void target_split(const Frame *frame, double cut, Target *target);

/* ---- features.c: frame columns to learner's columns and the model's schema -- */

/* A category column that is target-encoded: its features hold numbers that encode_fit fills in. */
typedef struct EncodedColumn
{
	const FrameColumn *column;
	uint32		first;			/* its features: from here on */
	uint32		nfeatures;		/* 1, or one a class where there are more than two */
	double	  **values;			/* [nfeatures][nrows] what the learner sees */
	double	  **means;			/* [nfeatures][model_nmeans] what the model stores */
} EncodedColumn;

typedef struct TrainFeatures
{
	uint32		nfeatures;
	LearnColumn *columns;		/* [nfeatures] */
	ModelFeature *features;		/* [nfeatures] names in UTF-8 */
	uint32		ncolumns;
	ModelColumn *sources;		/* [ncolumns] names in UTF-8 */
	int			nencoded;
	EncodedColumn *encoded;
} TrainFeatures;

/* like: features of a frame that this one's rows are some of, which names and dictionaries are taken from; or NULL. */
extern void features_build(const Frame *frame, const ParamValues *values, const Target *target,
						   const TrainFeatures *like, TrainFeatures *set);

/* Give the features of the columns named by monotone_increasing and monotone_decreasing their directions. */
extern void features_monotone(const ParamValues *values, uint32 nclasses, TrainFeatures *set);

/* A string of the database's encoding in UTF-8, for the model's bytes. */
extern char *utf8_copy(const char *text);

/* ---- encode.c: categories as means of the target ----------------------------- */

/*
 * Learn the means of the target-encoded columns from rows[0 .. n), ascending: into the features as
 * they are stored, and into the values the learner sees: of these rows by other rows' targets
 * (folds, or the past where the frame is split in time), of all others by these rows'.
 */
extern void encode_fit(const Frame *frame, const Target *target, const ParamValues *values,
					   const uint32 *rows, size_t n, TrainFeatures *set);

/*
 * Have the statistics of encoded features count rows[0 .. n) by the means that they will have at prediction: count,
 * missing and bins; the moments are of what the learner saw.
 */
extern void encode_stats(const TrainFeatures *set, const uint32 *rows, size_t n, LearnStats *stats);

/* ---- clean.c: what is done to columns and rows before a fit ------------------- */

/* What is wanted of a column. */
typedef struct CleanRule
{
	ModelImpute impute;
	const char *constant;		/* IMPUTE_CONSTANT: as text */
	bool		clip;
	double		iqr_factor;
	ModelScale	scale;
} CleanRule;

/* A word as what it stands for; NULL, and what is none of them: none. */
extern ModelImpute clean_impute(const char *word);
extern ModelScale clean_scale(const char *word);

/* The ends beyond which a number is an outlier by the rule alone; why it is not to be followed, or NULL. */
extern const char *clean_fences(const NumberFit *fit, double iqr_factor, double *low, double *high);

/* Learn the treatment of a column from rows[0 .. n). */
extern void clean_learn(const CleanRule *rule, const FrameColumn *column, const uint32 *rows, size_t n,
						ModelTreatment *treatment);

/* A feature's column, and what is done to its values. */
typedef struct CleanedColumn
{
	const FrameColumn *column;
	uint32		source;			/* in TrainFeatures.sources */
	ModelTreatment treatment;	/* of the latest fit, as all that follows */
	uint64		filled;			/* values of usable rows */
	uint64		outliers;		/* clip: values of the fit's rows that were clipped */
	double	   *values;			/* [nrows] what the learner sees; NULL: the frame's own */
	uint32	   *codes;
	FrameColumn treated;		/* the column with codes, where it is target-encoded */
} CleanedColumn;

/* A number, and beyond where a row is an outlier. */
typedef struct FenceColumn
{
	const FrameColumn *column;
	double		low,
				high;
	const char *no_fences;		/* why it is not judged by; NULL */
	uint64		outliers;		/* training rows beyond */
	bool		judged;			/* it makes rows outliers */
} FenceColumn;

typedef struct Cleaning
{
	bool		wanted;			/* any of impute, outliers, scale */
	int			ncolumns;
	CleanedColumn *columns;
	int			nfences;		/* remove, auto */
	FenceColumn *fences;
	size_t		judged_rows;	/* training rows, */
	size_t		outlier_rows;	/* of them outliers */
	bool		decided;
	bool		removed;		/* they were left out of the fit */
	double		inner_with,		/* auto: r2 or log_loss of an inner part of the training rows; else NaN */
				inner_without;
} Cleaning;

/* ---- holdout.c: who is held out ---------------------------------------------- */

typedef enum HoldoutKind
{
	HOLDOUT_NONE,
	HOLDOUT_HASH,				/* by content of the row, stratified by class */
	HOLDOUT_TIME,				/* the last rows by split_by */
	HOLDOUT_GROUPS				/* by content of split_groups */
} HoldoutKind;

typedef struct Holdout
{
	HoldoutKind kind;
	uint32	   *train;			/* ascending rows */
	size_t		ntrain;
	uint32	   *test;
	size_t		ntest;
	/* where the sides part, for the recipe: below is held out (TIME: above) */
	uint32		nclasses;		/* HASH: of the target that was split */
	uint64	   *class_thresholds;	/* HASH: [max(nclasses, 1)] */
	uint64		group_threshold;
	double		time_threshold;
} Holdout;

/*
 * Thresholds of the hash split in the recipe of an earlier version, by class, 0 where there is
 * none; NULL where that version was split otherwise.
 */
extern uint64 *holdout_known(const Jsonb *recipe, const Target *target, double fraction, int64 seed);

/*
 * unseen.c: of the rows of a frame, leave in unseen those that a version with this recipe was not fitted to, as far as the
 * split in it tells; the others become false.  A hash split is told by the content of the columns that the version
 * was trained on, which must be the frame's.  NULL, or why nothing can be told.
 */
extern const char *holdout_unseen(const Jsonb *recipe, const Frame *frame, const Target *target, bool *unseen);

/*
 * Split rows[0 .. n) (NULL: all rows of the frame).  stream keeps the outer
 * split and the one for early stopping apart.  known: thresholds to keep, so that
 * a row is on the side it was on for an earlier version; NULL: none.
 */
extern void holdout_split(const Frame *frame, const Target *target, const uint32 *rows, size_t n,
						  HoldoutKind kind, double fraction, uint64 seed, uint64 stream,
						  const uint64 *known, Holdout *holdout);

/* The same, but false where one side would have no row. */
extern bool holdout_try(const Frame *frame, const Target *target, const uint32 *rows, size_t n,
						  HoldoutKind kind, double fraction, uint64 seed, uint64 stream,
						  const uint64 *known, Holdout *holdout);

/* A key's value in a JSON object; NULL where there is none. */
extern JsonbValue *json_object_value(const JsonbContainer *object, const char *key);

/* A number in a JSON object; NaN where there is none. */
extern double json_object_number(const JsonbContainer *object, const char *key);

/* What tells the group of each row of a frame with split_groups, by its label or value; for pfree. */
extern uint64 *holdout_group_contents(const Frame *frame);

/* ---- scores.c: metrics as a list ------------------------------------------------- */

#define MAX_SCORES 8

typedef struct Scores
{
	int			n;				/* 0: not measured */
	const char *const *names;
	double		values[MAX_SCORES];
} Scores;

/* Metrics of predictions [n * noutputs] for rows (their targets are looked up). */
extern void scores_measure(const Target *target, double threshold, const uint32 *rows, size_t n,
						   const double *predictions, Scores *scores);

/* The headline metric: r2, or roc_auc. */
extern const char *scores_headline(const Target *target);
extern double scores_value(const Scores *scores, const char *name);	/* NaN where not measured */
extern void scores_json(const Scores *scores, const char *extra_name, const char *extra_value,
						StringInfo out);
extern void json_string(StringInfo out, const char *text);
extern void json_number(StringInfo out, double value);	/* null where not finite */

/* ---- baseline.c: what a model has to beat --------------------------------------- */

typedef struct Baseline
{
	const char *name;			/* "mean", "majority", "last month's value", … */
	Scores		scores;
} Baseline;

/*
 * series: names of the columns that tell a series, NIL where it is to be found.  horizon: the latest value
 * that is known for a row is so many rows before it, 1 or more.
 */
extern void baseline_measure(const Frame *frame, const Target *target, const Holdout *holdout,
							 double threshold, List *series, int horizon, Baseline *baseline);

/* Do two rows of a group have one date?  False where the frame does not have these columns. */
extern bool baseline_dates_repeat(const Frame *frame, const char *date, List *groups);

/* ---- a training, step by step --------------------------------------------------- */

/* What a training goes on from, where it does (operate/update.c). */
typedef struct Continuation
{
	const ModelVersion *version;
	const CachedModel *model;
	LearnStart	start;
	Scores		before;			/* of that version, on the rows the new one is measured on */
	bool		activate;		/* as asked for, or found */
	bool		if_current;		/* only where that version is the active one still */
} Continuation;

/* Rows of the frame, and what is predicted of them [n * noutputs]. */
typedef struct Predicted
{
	const uint32 *rows;			/* ascending */
	size_t		n;
	double	   *values;
} Predicted;

/* Parallel workers of a training; see workers.c. */
typedef struct Workers Workers;

typedef struct Training
{
	MemoryContext context;		/* all it allocates is in it */
	instr_time	start;
	ParamValues values;
	char	   *relation;		/* schema.name */
	const char *model;
	Jsonb	   *recipe;			/* of the version that is active now; NULL: a new model */
	bool		task_kept;		/* the task is the stored model's */
	Continuation *from;			/* NULL: it begins anew */
	List	   *columns;		/* the features of a recipe that is replayed, of char *; NIL: as the parameters say */
	const ModelVersion *champion;	/* the version a retraining is compared with; NULL: none */
	bool		promote;		/* it takes the champion's place, if that one is active still */
	struct Training *whole;		/* this one is of a group of that one's rows; NULL: of its own */
	struct Grouping *grouping;	/* group_by; NULL: none */
	Workers    *workers;		/* from the first fit on; a group's are the whole's */
	FeatureSet *feature_set;	/* the relation is its view; NULL: none's */
	Frame	   *frame;
	Target		target;
	TrainFeatures set;
	LearnParams params;
	LearnData	data;
	double	   *class_weights;	/* [nclasses] or NULL; 'balanced' is filled in a fit */
	bool		balanced;

	Holdout		outer;
	Holdout		inner;			/* of the training rows, for early stopping or the threshold; or nothing */
	Cleaning	cleaning;
	const uint32 *fitted;		/* rows the measured model was fitted to */
	size_t		nfitted;
	LearnFit	fit;			/* the one that is stored */
	uint32		ncurve;			/* of the measured fit */
	LearnCurvePoint *curve;
	double		threshold;
	bool		refitted;

	Predicted	on_train,		/* some of the fitted rows */
				on_oob,
				on_test;
	const char *measured_on;
	size_t		nmeasured;		/* rows behind score */
	Scores		score,
				train_score,
				oob_score;
	Baseline	baseline;
	HoldoutSample sample;
	List	   *notes;			/* of char * */
	double		seconds;
	char	   *parameters;		/* all as used, a JSON object */
	Jsonb	   *metrics;
	int32		version;		/* as stored */
	bool		active;			/* it is the active one */
} Training;

/* ---- train.c: a training from its parameters to its version ---- */

/*
 * Resolve names and check the right to them.  What a training allocates is in the current
 * context, which is to go when the training is done with.
 */
extern Training *training_begin(const ParamValues *values);

/* Read its frame; one that another training on the same columns has read may be given instead. */
extern void training_read(Training *t);

/* Split, fit, measure; nothing is written. */
extern void training_fit(Training *t);

/* Store it as a new version, active where it does not go on from one, and say so in a NOTICE. */
extern void training_store(Training *t);

/* ---- clean.c ------------------------------------------------------------------ */

/* Check what was asked for, and allocate. */
extern void clean_begin(Training *t);

/* The rows of a fit without outliers, where these are to go. */
extern const uint32 *clean_rows(Training *t, const uint32 *rows, size_t *n);

/* Learn treatments from the rows of a fit: into the model's columns, and into what the learner sees. */
extern void clean_fit(Training *t, const uint32 *rows, size_t n);

/* Notes; NULL: there is nothing to say. */
extern char *clean_outlier_note(const Training *t);
extern char *clean_scale_note(const Training *t);

/* All of it as a JSON object. */
extern void clean_json(const Training *t, StringInfo out);

/* ---- train.c ------------------------------------------------------------------ */

/* The learner's view of the frame, once target and features are known; raises for targets it cannot take. */
extern void training_prepare(Training *t);

/* What is said of the finished fit: notes, parameters, metrics, and how long it took. */
extern void training_finish(Training *t);

/* ---- fitting.c ------------------------------------------------------------------ */

/* Streams of holdout_split: the outer split, that for early stopping and thresholds, that for outliers. */
#define STREAM_OUTER	1
#define STREAM_INNER	2
#define STREAM_TRIAL	3

/*
 * Raise where need bytes more than the training, in context, has are more than echolon.max_memory allows.  what: "the model needs"; detail and
 * hint: whole sentences.
 */
extern void training_check_memory(MemoryContext context, size_t need, const char *what, const char *detail,
								  const char *hint);

/* Fit a small model to rows, and measure it on others: r2, or log_loss. */
extern double fit_trial(Training *t, const uint32 *rows, size_t n, const uint32 *test, size_t ntest);

extern HoldoutKind holdout_kind(const ParamValues *values);

/* Decide who is held out, and what of the target depends on it. */
extern void split_rows(Training *t);

/* Fit, measure, and fit again where that is asked for. */
extern void fit_and_measure(Training *t);

/* Its steps, for a group: fit and predict the rows that are measured; the fit to all rows. */
extern void fit_measured(Training *t);
extern void fit_again(Training *t);

/* Scores of predictions; n 0 where there are none. */
extern void predicted_scores(const Training *t, const Predicted *predicted, Scores *scores);

/* What the score rests on: held-out rows, else those out of bag. */
extern Predicted *training_measured(Training *t);

/* Measure the baseline on the held-out rows. */
extern void training_baseline(Training *t);

/*
 * In place of it, for a training that goes on: fit to one side of the split, measure the older and the
 * new version on the other.
 */
extern void continue_and_measure(Training *t);

/* ---- workers.c: parallel workers ---------------------------------------------------------- */

/*
 * Let fits and predictions from here on have workers, as many as n_jobs, the settings and the memory that is left
 * allow.  need: bytes that the next fit takes in one process.
 */
extern void workers_prepare(Training *t, size_t need);

/* What the learner gets from a training: memory, a cancel check, and its workers, if it has any. */
extern const LearnEnv *training_env(const Training *t);

/* The most processes that took part in anything, this one included. */
extern int	training_processes(const Training *t);

/* ---- groups.c: group_by, a model for each group beside the common one ------------------ */

typedef struct GroupResult
{
	const double *key;			/* [ncolumns] */
	size_t		rows,
				training,
				measured;
	double		score,			/* headline metrics on its measured rows; NaN where there is none: of its model, */
				common,			/* of the common one, */
				baseline;		/* and without one */
} GroupResult;

typedef struct Grouping
{
	int			ncolumns;
	const FrameColumn **columns;	/* [ncolumns] in the model's order */
	uint32		found;			/* groups there are, of rows that miss no value of the columns */
	uint32		n;				/* of them those with a model of their own: */
	GroupResult *results;
	GroupResult rest;			/* of all rows that the common model predicts; no key */
	Scores		common;			/* of the common model, on all that is measured; */
	double		own;			/* headline metric of all models together, there */
	ModelGroups model;			/* their models, as they are stored; keys and first have room for more */
	size_t		room;			/* of model.bytes */
} Grouping;

/* The columns of group_by as they must be read: among features, where those are named. */
extern void groups_frame_spec(const Training *t, FrameSpec *spec);

/* Check the columns, and find the groups. */
extern void groups_begin(Training *t);

/*
 * Once the common model was fitted and has predicted: fit one for each large group, whose predictions take the
 * place of its.  Nothing without group_by.
 */
extern void groups_fit(Training *t);

/* How many groups have a model of their own, and what that gains; NULL without group_by. */
extern char *groups_note(const Training *t);

/* The groups as a JSON object; each: with every one's scores. */
extern void groups_json(const Training *t, bool each, StringInfo out);

/* ---- sets.c: training on the view of a feature set ------------------------------ */

/* Whether the relation is one; what the call leaves open: the split. */
extern void set_prepare(Training *t);

/* Where the rows are read, what is not to be a feature; an error where that was asked for by name. */
extern void set_frame_spec(const Training *t, FrameSpec *spec);

/* Read the set's view by the direct path where that may stand for it. */
extern void set_row_source(FeatureSet *set, FrameSpec *spec);

/* The NOTICE that names the features that were left out. */
extern void set_announce(const Training *t);

/* What to say of features that were fitted to held-out rows too; NULL: there are none. */
extern char *set_fitted_note(const Training *t);

/* What to say of windows whose rows the target itself put into their order; NULL: there are none. */
extern char *set_order_note(const Training *t);

/* How many rows before a row the latest value of the target is known: 1 where the set does not say. */
extern int	set_horizon(const Training *t);

/* Columns of the view that the target's current value goes into, and the phrase for it. */
extern List *set_withheld(const FeatureSet *set, const char *target);
extern char *set_withheld_reason(const char *target);

/* ---- leakage.c: columns that know the target ------------------------------------ */

typedef struct Leak
{
	const char *column;
	bool		certain;		/* a leak; else suspicious */
	const char *reason;
} Leak;

/*
 * Of a frame all of whose rows have a value in its target, at least a hundred rows of at least two values: of Leak *, the worst
 * first; none where all rows of it are so alike that they cannot be split.
 */
extern List *leakage_find(Frame *frame, Oid relid, const char *target);

/* ---- record.c: what is written and said ---------------------------------------- */

extern void record_notes(Training *t);	/* after measuring: what a person should know */
extern ArrayType *record_notes_array(const Training *t);
extern void record_announce(const Training *t);	/* the one NOTICE */
extern Jsonb *record_metrics(const Training *t, bool each);	/* each: of every group, too */

/* The model as it is stored; that of a group as a part of the whole. */
extern uint8 *record_model_bytes(const Training *t, size_t *length);
extern Jsonb *record_details(const Training *t);
extern Jsonb *record_recipe(const Training *t);
extern char *record_fingerprint(const Training *t);	/* of rows and parameters, hexadecimal */
extern int32 record_store(Training *t);	/* the version's number; sets active */

#endif							/* ECHOLON_TRAIN_H */
