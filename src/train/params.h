/*
 * params.h
 *		The parameters of training: one table of names, defaults and ranges.
 *
 * The SQL signatures repeat the defaults for \df; a test holds the two
 * together.  echolon_parameters() and the documentation are made from the table.
 */
#ifndef ECHOLON_PARAMS_H
#define ECHOLON_PARAMS_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "learn/learn.h"

typedef enum ParamId
{
	PARAM_RELATION,
	PARAM_TARGET,
	PARAM_FEATURES,
	PARAM_EXCLUDE,
	PARAM_MODEL,
	PARAM_TASK,
	PARAM_N_ESTIMATORS,
	PARAM_LEARNING_RATE,
	PARAM_MAX_DEPTH,
	PARAM_MAX_LEAF_NODES,
	PARAM_MAX_FEATURES,
	PARAM_MIN_SAMPLES_LEAF,
	PARAM_MIN_SAMPLES_SPLIT,
	PARAM_BOOTSTRAP,
	PARAM_MAX_SAMPLES,
	PARAM_SUBSAMPLE,
	PARAM_L2_REGULARIZATION,
	PARAM_LOSS,
	PARAM_QUANTILE,
	PARAM_CRITERION,
	PARAM_SPLIT_RULE,
	PARAM_EARLY_STOPPING_ROUNDS,
	PARAM_VALIDATION_FRACTION,
	PARAM_CLASS_WEIGHT,
	PARAM_SAMPLE_WEIGHT,
	PARAM_MONOTONE_INCREASING,
	PARAM_MONOTONE_DECREASING,
	PARAM_MAX_BINS,
	PARAM_MAX_CATEGORIES,
	PARAM_ENCODE,
	PARAM_TARGET_SMOOTHING,
	PARAM_IMPUTE,
	PARAM_IMPUTE_VALUE,
	PARAM_OUTLIERS,
	PARAM_IQR_FACTOR,
	PARAM_SCALE,
	PARAM_HIGH_VALUE_PERCENTILE,
	PARAM_GROUP_BY,
	PARAM_MIN_GROUP_ROWS,
	PARAM_POSITIVE_CLASS,
	PARAM_THRESHOLD,
	PARAM_TEST_FRACTION,
	PARAM_SPLIT_BY,
	PARAM_SPLIT_GROUPS,
	PARAM_REFIT,
	PARAM_N_JOBS,
	PARAM_SEED,
	PARAM_COUNT
} ParamId;

typedef enum ParamType
{
	PTYPE_REGCLASS,
	PTYPE_INTEGER,
	PTYPE_BIGINT,
	PTYPE_FLOAT8,
	PTYPE_BOOLEAN,
	PTYPE_TEXT,
	PTYPE_NAME,
	PTYPE_NAMES,
	PTYPE_NUMBER_OR_WORD
} ParamType;

/* One argument as given, or its default. */
typedef struct ParamValue
{
	bool		given;			/* not NULL after the default is filled in */
	bool		is_number;		/* PTYPE_NUMBER_OR_WORD: number, else word */
	bool		is_integral;	/* the number was given as an integer type */
	Oid			relation;
	int64		integer;
	double		number;
	bool		boolean;
	const char *word;			/* text, name */
	List	   *names;			/* of char * */
} ParamValue;

typedef struct ParamValues
{
	LearnAlgorithm algorithm;
	ParamValue	value[PARAM_COUNT];
} ParamValues;

/* All defaults; the relation and the target are the caller's to give. */
extern void params_defaults(LearnAlgorithm algorithm, ParamValues *values);

/* Give one of them, checked as an argument is: a number or a word, but no name, relation or list. */
extern void params_set_number(ParamValues *values, ParamId id, double number);
extern void params_set_word(ParamValues *values, ParamId id, const char *word);

/*
 * Defaults, and in their place what a JSON object of params_json says (NULL: nothing), checked as arguments are: it
 * may have come from elsewhere.  whose: for messages, such as 'model "m"'.
 */
extern void params_from_json(const Jsonb *parameters, LearnAlgorithm algorithm, const char *whose,
							 ParamValues *values);

/* Read and range-check the arguments of echolon_train_rf or echolon_train_gb, by name. */
extern void params_read(FunctionCallInfo fcinfo, LearnAlgorithm algorithm, ParamValues *values);

/*
 * The learner's parameters for a task: what depends on the number of features
 * or classes is resolved here; a word that does not fit the task is an error.
 */
extern void params_resolve(const ParamValues *values, uint32 nfeatures, uint32 nclasses,
						   LearnParams *params);

/* All parameters as used, as a JSON object. */
extern void params_json(const ParamValues *values, const LearnParams *params, StringInfo out);

#endif							/* ECHOLON_PARAMS_H */
