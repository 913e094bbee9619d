/*
 * model.h
 *		The store of models, their rights, and the cache of loaded ones.
 *
 * The store's tables are private (no grants): C code checks the right first,
 * then reads them by index under the active snapshot, or writes them as the
 * extension's owner, through table.c and nothing else.
 */
#ifndef ECHOLON_MODEL_H
#define ECHOLON_MODEL_H

#include "postgres.h"

#include "access/htup_details.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/snapshot.h"

#include "compat.h"
#include "model/format.h"

/* A LearnEnv on the current memory context, CHECK_FOR_INTERRUPTS and ereport. */
extern const LearnEnv *backend_env(void);

/*
 * A LearnEnv that allocates in context, whatever the current one is, and raises an error that names
 * echolon.max_memory before more than it allows is in use.  caller: who needs it, such as
 * "echolon_rolling".  It lives in context as well.
 */
extern const LearnEnv *limited_env(MemoryContext context, const char *caller);

/* ---- rights ----------------------------------------------------------- */

typedef enum ModelRight
{
	MODEL_PREDICT = 1,			/* use it; see its scores and its held-out sample */
	MODEL_TRAIN = 2,			/* and add versions, activate */
	MODEL_OWN = 3				/* and grant, drop, read its bytes */
} ModelRight;

/* ---- one version as stored --------------------------------------------- */

typedef struct ModelVersion		/* palloc'd in the caller's context */
{
	int64		model_id;
	int64		version_id;
	char	   *model;
	char	   *owner;			/* role name */
	char	   *relation;		/* "schema.name", quoted where needed */
	char	   *target;
	char	   *algorithm;		/* "random_forest", "gradient_boosting" */
	int32		version;		/* 1, 2, … within the model */
	uint8		digest[16];		/* of the bytes; the key of the cache */
	int64		length;			/* of the bytes */
	bool		retired;		/* the bytes are gone */
} ModelVersion;

/*
 * model may be "name@alias".  version 0: that of the alias, else the active one.  Raises: no such model (or none you may see), no such version, no right.
 */
extern ModelVersion *store_lookup(const char *model, int32 version, ModelRight right);

/* "regression" or "classification", which a retraining keeps; NULL: no such model, or none you may see. */
extern char *store_task(const char *model);

/* Raise that the bytes of a version are gone. */
extern _Noreturn void store_retired(const ModelVersion *version);

/* The stored bytes, 8-byte aligned, palloc'd (huge). */
extern uint8 *store_read_bytes(const ModelVersion *version);

/* Columns of the version's record, for evaluation; NULL where there is none. */
extern Jsonb *store_read_metrics(const ModelVersion *version);
extern Jsonb *store_read_curve(const ModelVersion *version);
extern Jsonb *store_read_recipe(const ModelVersion *version);
extern List *store_read_notes(const ModelVersion *version); /* of char * */

/* The latest version of a model that has its bytes and this fingerprint; 0: there is none. */
extern int32 store_find_fingerprint(int64 model_id, const char *fingerprint);

/*
 * The held-out sample: actual[n] (a value or a class number) and
 * predicted[n * noutputs], weight[n] or NULL, in canonical order.
 */
typedef struct HoldoutSample
{
	int64		rows;			/* held-out rows there were; n of them are kept */
	int			n;
	int			noutputs;
	double	   *actual;
	double	   *predicted;
	double	   *weight;
} HoldoutSample;

extern HoldoutSample *store_read_holdout(const ModelVersion *version);	/* NULL: none kept */

/* ---- writing ------------------------------------------------------------ */

/*
 * First lines of whatever writes: read-only and parallel transactions and standbys
 * are refused, and the caller's right to the name is checked (a model of
 * another owner, relation or target is an error with model => in the hint; an imported model without
 * a relation gets this one, where the caller owns it).
 * Call before any work, and again by store_add_version under its lock.
 */
extern void store_check_writable(const char *model, const char *relation, const char *target);

typedef struct NewVersion
{
	const char *model;
	const char *relation;		/* schema-qualified, quoted; empty: of an import, and any that the model has
								 * stays */
	Oid			relid;			/* of the relation; InvalidOid where it is empty */
	const char *target;
	const char *task;			/* "regression", "classification" */
	const char *algorithm;
	Jsonb	   *recipe;			/* what a retraining repeats: names and values, split thresholds */
	Jsonb	   *parameters;		/* for people: all parameters as used */
	Jsonb	   *metrics;		/* {"measured_on": "holdout", "score": {metric: value},
								 * "train": {…}, "oob": {…} or null, "baseline": {…}} */
	Jsonb	   *curve;			/* [[n_estimators, train, watched], …] or NULL */
	const char *metric;			/* headline: "r2", "roc_auc", … */
	double		score,
				train_score,
				baseline;		/* NaN: stored as NULL */
	int64		rows_used;		/* -1: not known, stored as NULL */
	double		seconds;
	const char *fingerprint;	/* of data, parameters and seed, hexadecimal */
	ArrayType  *notes;			/* text[] */
	const HoldoutSample *holdout;	/* NULL: none */
	const uint8 *bytes;
	size_t		length;
	bool		inactive;		/* do not activate it, unless it is the first */
	const ModelVersion *after;	/* the version this one was made of, whose model must be there still; NULL:
								 * none */
	bool		if_current;		/* activate it only where the version in after is the active one still */
	bool		active;			/* out: whether it was activated */
} NewVersion;

/* Insert and activate, serialised by model; the version's number. */
extern int32 store_add_version(NewVersion *version);

/* ---- cache ---------------------------------------------------------------- */

typedef struct CachedModel
{
	uint8		digest[16];
	ModelFile	file;
	/* strings of file in the database's encoding, same shape */
	const char *target;
	const char *const *labels;
	const char *const *column_names;
	const char *const *const *categories;	/* [ncolumns][ncategories], NULL for no category */
} CachedModel;

/*
 * The model of a looked-up version, loaded and validated once a backend.  It is
 * pinned until context (usually fn_mcxt or CurrentMemoryContext) is reset or deleted.
 */
extern const CachedModel *cache_get(const ModelVersion *version, MemoryContext context);

/* A model from bytes a caller passed, bare or with a record: validated, not shared, allocated in context. */
extern const CachedModel *cache_load_bytes(const uint8 *bytes, size_t length, MemoryContext context);

/* ---- importance ------------------------------------------------------------- */

typedef struct FeatureRank
{
	uint32		feature;
	uint64		splits;
	double		importance;		/* its share of all gain; 0 where there is none.  Of groups their models' mean */
} FeatureRank;

/* All features, the most important first. */
extern FeatureRank *model_ranks(const ModelFile *file);

/* The same as it is stored with a version: [[feature, importance, splits], …]. */
extern Jsonb *model_importance(const ModelFile *file);

/* A feature's name in the database's encoding. */
extern char *model_feature_name(const ModelFile *file, uint32 feature);

/* GUCs of the room, called by _PG_init. */
extern void model_define_gucs(void);
extern int	echolon_max_memory;	/* kB; -1: the greater of maintenance_work_mem and 1 GB */
extern size_t max_memory_bytes(void);

/* did-you-mean: the candidate nearest to name (Levenshtein), or NULL where none is near. */
extern const char *closest_name(const char *name, const char *const *candidates, int n);

#endif							/* ECHOLON_MODEL_H */
