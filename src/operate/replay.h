/*
 * replay.h
 *		A stored recipe once more: as whom, on which relation, with which parameters.
 */
#ifndef ECHOLON_REPLAY_H
#define ECHOLON_REPLAY_H

#include "postgres.h"

#include "model/store.h"
#include "predict/encoder.h"
#include "train/train.h"

/* ---- as the owner ---------------------------------------------------------- */

/* Who ran before, and whose model runs. */
typedef struct ReplayUser
{
	Oid			user;
	int			context;
	int			nest;			/* of settings */
	StoredModel model;
	Oid			owner;			/* of the model */
	Oid			relid;			/* its relation, once replay_relation has locked and checked it */
	bool		snapshot;		/* one was pushed then */
} ReplayUser;

/*
 * From here to replay_end the owner of a model runs, in a security-restricted operation: a view that the model reads
 * may call functions, and these must not run with the rights of whoever replays.  Where that is another role, the
 * search_path is the owner's too.  Settings made in between are undone.  An error restores both with the
 * (sub)transaction.  Raises where the owner is nobody.
 */
extern ReplayUser replay_begin(const char *model);
extern void replay_end(const ReplayUser *replay);

/* Set a setting until replay_end. */
extern void replay_setting(const char *name, const char *value);

/* ---- the recipe --------------------------------------------------------------- */

/*
 * The relation of a version's model as it is now, locked: the same one until replay_end, whatever is renamed.  Raises where
 * there is none, or it is gone; where another relation, of a third role, has come in its place; and where code of a
 * third role would run as the owner at the will of somebody who has not the owner's rights.  From here to replay_end
 * the active snapshot is one from after the lock.
 */
extern Oid	replay_relation(ReplayUser *replay, const ModelVersion *version);

/*
 * The parameters of a version's training (recipe NULL: the defaults), for this relation and with the model's target
 * and task.  Checked as arguments are; true: the recipe had parameters.
 */
extern bool replay_values(const ModelVersion *version, const CachedModel *model, const Jsonb *recipe, Oid relid,
						  ParamValues *values);

/* Is it known what a version was trained with?  Of bare bytes that were imported it is not. */
extern bool replay_has_recipe(const Jsonb *recipe);

/* The columns that a recipe was trained on, of char *; raises where the version has no recipe, or the relation lacks one. */
extern List *replay_columns(const ModelVersion *version, const Jsonb *recipe, Oid relid);

/*
 * The beginning of a training by the recipe of a version, in the current context: what is read, and which
 * columns; nothing is checked that only a writer needs.
 */
extern Training *replay_training(ReplayUser *replay, const ModelVersion *version, const CachedModel *model,
								 const Jsonb *recipe);

/* ---- rows of a frame as a stored model sees them (scoring.c) -------------------- */

typedef struct FrameEncoder FrameEncoder;

/*
 * The frame must have the columns of the model; raises where one has another type.  Values of categories that the
 * model does not know are counted in *unknown.
 */
extern FrameEncoder *frame_encoder(const CachedModel *model, const char *name, const Frame *frame, uint64 *unknown);

/* A row's features, x[nfeatures]. */
extern void frame_encode(FrameEncoder *encoder, size_t row, double *x);

/*
 * What a model predicts of rows of a frame, [n * outputs of the target]: of classes by the target's numbers; one
 * that the model does not know has probability 0.
 */
extern double *score_rows(const CachedModel *model, const char *name, const Frame *frame, const Target *target,
						  const uint32 *rows, size_t n);

#endif							/* ECHOLON_REPLAY_H */
