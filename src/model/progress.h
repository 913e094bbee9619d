/*
 * progress.h
 *		How far a long call is: shown in echolon.progress to those who may see the session, and said in
 *		notices where echolon.verbose asks for them.
 *
 * A call begins with progress_begin and ends with progress_end; an error, a cancel or a lost connection ends it too.
 * Between them it says which phase it is in, and how much of it is done.  A long call within
 * another one is part of that one.  All of it is cheap enough for every tree and every some thousand rows.
 */
#ifndef ECHOLON_PROGRESS_H
#define ECHOLON_PROGRESS_H

#include "postgres.h"

#include "learn/learn.h"

typedef enum ProgressCommand
{
	COMMAND_TRAIN = 1,
	COMMAND_RETRAIN,
	COMMAND_FINE_TUNE,
	COMMAND_UPDATE,
	COMMAND_LOAD,
	COMMAND_CREATE_FEATURES,
	COMMAND_REFRESH_FEATURES,
	COMMAND_PERMUTATION_IMPORTANCE
} ProgressCommand;

typedef enum ProgressPhase
{
	PHASE_STARTING = 0,
	PHASE_READING,				/* rows, or bytes of a file */
	PHASE_PREPARING,			/* features whose bins are made */
	PHASE_GROWING,				/* trees */
	PHASE_BOOSTING,				/* rounds */
	PHASE_OUT_OF_BAG,			/* blocks of rows */
	PHASE_SCORING,				/* blocks of rows */
	PHASE_COMPARING,			/* small fits, with and without outliers */
	PHASE_GROUPS,				/* rows of groups that were looked at */
	PHASE_SHUFFLING,			/* columns, each as often as asked for */
	PHASE_WRITING,
	PHASE_REPORTING
} ProgressPhase;

/*
 * Begin to show a call, whose memory is in the current context.  model, or NULL; relid, or InvalidOid.  False: it is
 * part of another call, which is shown; the result goes to progress_end.
 */
extern bool progress_begin(ProgressCommand command, const char *model, Oid relid);
extern void progress_end(bool began);

/* Another model of the same call. */
extern void progress_model(const char *model);

/* A phase begins, with total of what it counts; 0: not known. */
extern void progress_phase(ProgressPhase phase, uint64 total);

/* Show the call again where a command of core's has begun to show itself. */
extern void progress_show(void);

/* So much of the phase is done. */
extern void progress_done(uint64 done);

/* The learner's fits and predictions are part of a phase of the caller's until it says otherwise; what was before. */
extern bool progress_hold(bool hold);

/* Parallel workers that take part from now on, and the shared memory they have. */
extern void progress_workers(int workers, size_t shared);

/* LearnEnv.progress */
extern void progress_learner(void *arg, LearnStage stage, uint32_t done, uint32_t total);

/* Rows the catalog says a relation has; 0: it does not say. */
extern uint64 progress_relation_rows(Oid relid);

extern bool echolon_verbose;	/* setting */

#endif							/* ECHOLON_PROGRESS_H */
