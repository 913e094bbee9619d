/*
 * batch.c
 *		echolon_predict_batch: predictions of all rows of a relation, many at a time.
 *
 * A query that calls echolon_predict hands it one row after the other, and each waits for memory at every node
 * of a large forest. Here rows are encoded as they arrive, and a block of them goes through one tree after the
 * other. The bits are those of echolon_predict.
 */
#include "postgres.h"

#include "funcapi.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "data/frame.h"
#include "function.h"
#include "learn/metrics.h"
#include "learn/predict.h"
#include "predict/encoder.h"
#include "predict/evaluation.h"

enum
{
	ARG_MODEL, ARG_RELATION, ARG_KEY, ARG_VERSION
};

enum
{
	OUT_KEY, OUT_PREDICTION, OUT_CLASS, OUT_PROBABILITY, OUT_COLUMNS
};

#define OUTPUT_BYTES	((size_t) 4 << 20)	/* of a block's outputs, at most */

PG_FUNCTION_INFO_V1(echolon_predict_batch);

typedef struct Batch
{
	Evaluation *evaluation;
	const CachedModel *model;
	MemoryContext context;		/* outlives the scan */
	MemoryContext keys_context; /* of the block at hand */
	Encoder    *encoder;		/* made at the first row */
	int			key;			/* its place in a row */
	FmgrInfo	key_output;
	Datum	   *labels;			/* [nlabels] as text, and as numbers where they are such */
	double	   *label_numbers;
	uint32		noutputs;
	size_t		room;			/* rows of a block */
	size_t		n;				/* rows in it, */
	size_t		waiting;		/* and those that the common trees are to predict */
	double	   *x;				/* [nfeatures] */
	uint32_t   *codes;			/* [room * nfeatures] of the waiting ones */
	uint32	   *place;			/* [room] where they are in the block */
	LearnNode  *leaves;			/* [room] */
	double	   *sums;			/* [room * sums] */
	double	   *predicted;		/* [room * noutputs] of the waiting ones */
	double	   *out;			/* [room * noutputs] of all */
	Datum	   *keys;			/* [room] text */
	bool	   *key_nulls;
} Batch;

/* At the first row: match the relation's columns to the model's. */
static void
batch_begin(Batch *batch, TupleDesc desc)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->context);
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(TupleDescAttr(desc, batch->key)->atttypid, &output, &is_varlena);
	fmgr_info_cxt(output, &batch->key_output, batch->context);
	batch->encoder = encoder_create_named(batch->model, batch->evaluation->version->model, desc, batch->context);
	MemoryContextSwitchTo(caller);
}

/* Room for a block, and for what a class is called. */
static void
batch_room(Batch *batch)
{
	const ModelFile *file = &batch->model->file;
	size_t		nfeatures = Max(file->nfeatures, 1);
	size_t		room = predict_block_rows(&file->learn);

	/* with many classes the outputs of a block are what takes memory */
	batch->noutputs = learn_noutputs(&file->learn);
	batch->room = room = Min(room, Max(OUTPUT_BYTES / (batch->noutputs * sizeof(double)), 1));
	batch->x = palloc(mul_size(nfeatures, sizeof(double)));
	batch->codes = palloc(mul_size(mul_size(room, nfeatures), sizeof(uint32_t)));
	batch->place = palloc(mul_size(room, sizeof(uint32)));
	batch->leaves = palloc(mul_size(room, sizeof(LearnNode)));
	batch->sums = palloc(mul_size(mul_size(room, predict_nsums(&file->learn)), sizeof(double)));
	batch->predicted = palloc(mul_size(mul_size(room, batch->noutputs), sizeof(double)));
	batch->out = palloc(mul_size(mul_size(room, batch->noutputs), sizeof(double)));
	batch->keys = palloc(mul_size(room, sizeof(Datum)));
	batch->key_nulls = palloc(mul_size(room, sizeof(bool)));
	if (file->task == TASK_REGRESSION)
		return;
	batch->labels = palloc(mul_size(file->nlabels, sizeof(Datum)));
	for (uint32 k = 0; k < file->nlabels; k++)
		batch->labels[k] = CStringGetTextDatum(batch->model->labels[k]);
	batch->label_numbers = predict_label_numbers(batch->model);
}

/* One row of the result. */
static void
batch_put(Batch *batch, size_t i)
{
	const ModelFile *file = &batch->model->file;
	const double *out = batch->out + i * batch->noutputs;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};

	values[OUT_KEY] = batch->keys[i];
	nulls[OUT_KEY] = batch->key_nulls[i];
	if (file->task == TASK_REGRESSION)
	{
		values[OUT_PREDICTION] = Float8GetDatum(out[0]);
		nulls[OUT_CLASS] = nulls[OUT_PROBABILITY] = true;
	}
	else
	{
		int			k = metrics_predicted_class(out, file->nlabels, file->positive, file->threshold);

		values[OUT_CLASS] = batch->labels[k];
		values[OUT_PROBABILITY] = Float8GetDatum(out[k]);
		if (batch->label_numbers)
			values[OUT_PREDICTION] = Float8GetDatum(batch->label_numbers[k]);
		else
			nulls[OUT_PREDICTION] = true;
	}
	evaluation_put(batch->evaluation, values, nulls);
}

/* Predict the rows of the block, and give them in the order they came in. */
static void
batch_flush(Batch *batch)
{
	predict_block(backend_env(), &batch->model->file.learn, batch->codes, batch->waiting, batch->leaves, batch->sums,
				  batch->predicted);
	for (size_t i = 0; i < batch->waiting; i++)
		memcpy(batch->out + batch->place[i] * batch->noutputs, batch->predicted + i * batch->noutputs,
			   batch->noutputs * sizeof(double));
	for (size_t i = 0; i < batch->n; i++)
		batch_put(batch, i);
	batch->n = batch->waiting = 0;
	MemoryContextReset(batch->keys_context);
}

/* RelationRow: a row joins the block. */
static void
batch_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	Batch	   *batch = arg;
	const LearnModel *trees;
	size_t		i;

	if (batch->encoder == NULL)
		batch_begin(batch, desc);
	if (batch->n == batch->room)
		batch_flush(batch);
	i = batch->n++;
	batch->key_nulls[i] = nulls[batch->key];
	if (!nulls[batch->key])
	{
		char	   *key = OutputFunctionCall(&batch->key_output, values[batch->key]);
		MemoryContext caller = MemoryContextSwitchTo(batch->keys_context);

		batch->keys[i] = CStringGetTextDatum(key);
		MemoryContextSwitchTo(caller);
	}

	encoder_row(batch->encoder, values, nulls, batch->x, NULL);
	trees = encoder_model(batch->encoder);
	if (trees == &batch->model->file.learn)
	{
		predict_encode_row(trees, batch->x, batch->codes + batch->waiting * batch->model->file.nfeatures);
		batch->place[batch->waiting++] = i;
	}
	else
		/* a group's own trees are few and small; those of the next row may be others */
		learn_predict_row(trees, batch->x, batch->codes + batch->waiting * batch->model->file.nfeatures,
						  batch->out + i * batch->noutputs);
}

/* (model, relation, key, version) -> (key, prediction, class, probability) */
Datum
echolon_predict_batch(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	Batch		batch = {0};
	MemoryContext caller;
	Oid			relid;
	char	   *key;

	if (PG_ARGISNULL(ARG_RELATION) || PG_ARGISNULL(ARG_KEY))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"%s\" must not be null", PG_ARGISNULL(ARG_RELATION) ? "relation" : "key")));
	evaluation_begin(fcinfo, ARG_VERSION, &evaluation);
	relid = PG_GETARG_OID(ARG_RELATION);
	key = NameStr(*PG_GETARG_NAME(ARG_KEY));
	batch.context = AllocSetContextCreate(CurrentMemoryContext, "echolon predict batch", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(batch.context);
	batch.keys_context = AllocSetContextCreate(batch.context, "keys", ALLOCSET_DEFAULT_SIZES);
	batch.evaluation = &evaluation;
	batch.model = evaluation.model = cache_get(evaluation.version, batch.context);
	batch_room(&batch);

	relation_lock(relid);
	relation_scan(relid, encoder_columns(batch.model, relid, key, &batch.key), batch_row, &batch);
	if (batch.n > 0)
		batch_flush(&batch);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(batch.context);
	return (Datum) 0;
}
