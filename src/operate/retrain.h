/*
 * retrain.h
 *		A model trained again: what decides, what comes of it, and what is kept of each run.
 */
#ifndef ECHOLON_RETRAIN_H
#define ECHOLON_RETRAIN_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#include "operate/compare.h"

/* What echolon_retrain_when said of a model; of what it did not, NaN, 0 or NULL. */
typedef struct RetrainPolicy
{
	int64		every_rows;
	Interval   *every;
	TimestampTz at;				/* DT_NOBEGIN: none */
	double		drift_above,
				error_above;
	double		tolerance;		/* 0 where it was not said */
	int32		max_seconds;
	int32		max_memory;		/* kB */
} RetrainPolicy;

/* What a retraining did.  Texts are palloc'd with it. */
typedef struct RetrainOutcome
{
	int64		model_id;
	char	   *model;
	const char *state;			/* promoted, kept, not comparable, unchanged, failed */
	int32		champion;		/* the version that was active before */
	int32		version;		/* the new one; 0: none was stored */
	int64		rows_used;		/* -1: not known */
	int64		rows_compared;
	const char *metric;
	double		champion_score, /* NaN: not measured; on rows_compared rows, */
				score,			/* the new version's there, or where none were on all it held out; */
				baseline;		/* and what it has to beat, on all it held out */
	double		seconds;
	char	   *reason;
} RetrainOutcome;

/* Train a model again as its owner says it is to be done.  promote: 1 always, 0 never, -1 where it is better. */
extern void retrain_model(const char *model, const RetrainPolicy *policy, double tolerance, int promote,
						  RetrainOutcome *outcome);

/* The policy of a model; false: it has none, and all of it is unset. */
extern bool retrain_policy(int64 model_id, Snapshot snapshot, RetrainPolicy *policy);

/* Keep a run.  started_by: 'asked for', or what made it due.  error: of one that failed, NULL. */
extern void retrain_record(const RetrainOutcome *outcome, const char *started_by, const ErrorData *error);

/* One retraining of a model at a time: wait for another one to end, or false where wait is not wanted. */
extern bool retrain_lock(const char *model, bool wait);

#endif							/* ECHOLON_RETRAIN_H */
