/*
 * evaluation.h
 *		What the evaluation functions share: a model's version, and the
 *		predictions of the rows that were held out from it.
 */
#ifndef ECHOLON_EVALUATION_H
#define ECHOLON_EVALUATION_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "model/model.h"

typedef struct Evaluation
{
	ReturnSetInfo *result;		/* rows go to its tuplestore */
	ModelVersion *version;
	const CachedModel *model;	/* NULL until evaluation_model */
	HoldoutSample *sample;		/* NULL until evaluation_sample */
} Evaluation;

/*
 * Argument 0 is the model's name, another argument its version (NULL:
 * the active one).  Checks the right to it and prepares a materialized result.
 */
extern void evaluation_begin(FunctionCallInfo fcinfo, int argument, Evaluation *evaluation);

/* The same for C: no result, the active version where version is 0. */
extern void evaluation_open(const char *model, int32 version, Evaluation *evaluation);

/* Load the model; an error where it is of another task, which names functions that fit. */
extern void evaluation_model(Evaluation *evaluation, ModelTask task);

/*
 * The held-out predictions; an error where none were kept.  Class numbers are
 * checked.  A notice where they are a sample of the rows.
 */
extern void evaluation_sample(Evaluation *evaluation);

/*
 * The class a curve is about: the one named in an argument, or the positive one of two;
 * an error with the labels in the hint where it must be named, or is unknown.
 */
extern uint32 evaluation_label(FunctionCallInfo fcinfo, int argument, const Evaluation *evaluation);

/* One number of a version's metrics, such as ("score", "r2"); NaN where there is none. metrics may be NULL. */
extern double evaluation_metric(const Jsonb *metrics, const char *part, const char *metric);

/* A version measured on the rows of a relation that have a target, and why others were left out. */
typedef struct Measured
{
	bool		classification;
	int			n;				/* metrics */
	const char *names[8];
	double		values[8];		/* NaN: none, of no rows or of one class */
	uint64		rows;			/* measured */
	uint64		without_target; /* NULL, NaN, for a regression infinities */
	uint64		unknown_class;	/* a class the model does not have */
	uint64		unseen;			/* categories never seen at training */
} Measured;

/* Reads the relation as the current user, who needs no right to the model for it. */
extern void evaluation_measure(const ModelVersion *version, Oid relid, Measured *measured);

/* The sample's rows by actual and predicted class: [actual * nlabels + predicted]. */
extern double *evaluation_confusion(const Evaluation *evaluation);

/* One row of the result. */
extern void evaluation_put(Evaluation *evaluation, Datum *values, bool *nulls);

/* A number for a result: NULL where it is NaN. */
extern Datum evaluation_number(double value, bool *null);

#endif							/* ECHOLON_EVALUATION_H */
