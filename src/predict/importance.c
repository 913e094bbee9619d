/*
 * importance.c
 *		echolon_permutation_importance: what a model loses on a relation when a column is shuffled.
 *
 * One pass over the relation encodes every row and keeps a sample of at most max_rows: the rows
 * with the smallest hashes.  The hash is of a row's content, so that the sample, and the order
 * the learner gets it in, do not depend on the order of reading.  Of equal rows the first, the
 * second, … have hashes of their own (which one is which makes no difference), so that a table of few
 * distinct rows is sampled row by row; to tell them apart the distinct rows are counted, up to
 * a limit above which repetition no longer matters and equal rows stay together.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "data/frame.h"
#include "function.h"
#include "learn/hash.h"
#include "model/progress.h"
#include "predict/actual.h"
#include "predict/encoder.h"

#define IMPORTANCE_REPEATS_MIN 1
#define IMPORTANCE_REPEATS_MAX 1000
#define IMPORTANCE_ROWS_MIN 2

/* Distinct rows that are counted; above, equal rows are sampled together. */
#define DISTINCT_COUNTED 500000

/* So often it is said how many rows were read. */
#define ROWS_A_REPORT	1024

/* The rows with the smallest keys: a heap with the largest key on top. */
typedef struct SampleEntry
{
	uint64		key;
	uint32		place;			/* in rows */
} SampleEntry;

typedef struct Sample
{
	uint32		wanted;			/* at most so many */
	uint32		width;			/* numbers a row: the features, then the target */
	uint32		n;
	uint32		allocated;
	SampleEntry *heap;
	double	   *rows;			/* [allocated * width] */
} Sample;

typedef struct ContentCount
{
	uint64		content;		/* key: hash of a row */
	uint64		rows;
} ContentCount;

typedef struct Importance
{
	const CachedModel *model;
	const char *name;
	MemoryContext context;		/* outlives the scan */
	uint64		seed;
	uint64		rows;			/* read so far */
	Encoder    *encoder;		/* made at the first row */
	ActualReader actual_reader;
	int			target;			/* its place in a row */
	double	   *row;			/* [width] */
	Sample		by_row;			/* equal rows told apart */
	Sample		by_content;
	HTAB	   *counts;			/* NULL: too many, by_content is the sample */
} Importance;

PG_FUNCTION_INFO_V1(echolon_permutation_importance);

/* ---- the sample ------------------------------------------------------------------- */

static void
sample_swap(SampleEntry *a, SampleEntry *b)
{
	SampleEntry t = *a;

	*a = *b;
	*b = t;
}

/* Make room for twice the rows, within the memory a training may use. */
static void
sample_grow(Sample *sample)
{
	uint32		allocated = sample->allocated == 0 ? 1024 :
		sample->allocated > sample->wanted / 2 ? sample->wanted : sample->allocated * 2;
	Size		bytes;

	allocated = Min(allocated, sample->wanted);
	bytes = mul_size(mul_size(sizeof(double), sample->width), allocated);
	/* two samples, and the copies that the learner gets and shuffles */
	if (add_size(mul_size(bytes, 4), mul_size(sizeof(SampleEntry) * 2, allocated)) > max_memory_bytes())
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("permutation importance needs more memory than echolon.max_memory allows"),
				 errdetail("A sample of %u rows of %u numbers each was too large.",
						   allocated, sample->width),
				 errhint("Ask for fewer rows with max_rows, or raise echolon.max_memory.")));
	sample->rows = sample->rows == NULL ? palloc_extended(bytes, MCXT_ALLOC_HUGE) :
		repalloc_huge(sample->rows, bytes);
	bytes = mul_size(sizeof(SampleEntry), allocated);
	sample->heap = sample->heap == NULL ? palloc_extended(bytes, MCXT_ALLOC_HUGE) :
		repalloc_huge(sample->heap, bytes);
	sample->allocated = allocated;
}

/* Take a row in where its key is among the smallest so far. */
static void
sample_offer(Sample *sample, uint64 key, const double *row)
{
	SampleEntry *heap = sample->heap;
	uint32		i;

	if (sample->n < sample->wanted)
	{
		if (sample->n == sample->allocated)
			sample_grow(sample);
		heap = sample->heap;
		i = sample->n++;
		heap[i].key = key;
		heap[i].place = i;
		memcpy(&sample->rows[(Size) i * sample->width], row, sizeof(double) * sample->width);
		for (; i > 0 && heap[(i - 1) / 2].key < heap[i].key; i = (i - 1) / 2)
			sample_swap(&heap[(i - 1) / 2], &heap[i]);
		return;
	}
	if (key >= heap[0].key)
		return;
	heap[0].key = key;
	memcpy(&sample->rows[(Size) heap[0].place * sample->width], row,
		   sizeof(double) * sample->width);
	for (i = 0;;)
	{
		uint32		larger = 2 * i + 1;

		if (larger >= sample->n)
			break;
		if (larger + 1 < sample->n && heap[larger + 1].key > heap[larger].key)
			larger++;
		if (heap[larger].key <= heap[i].key)
			break;
		sample_swap(&heap[larger], &heap[i]);
		i = larger;
	}
}

static int
sample_compare(const void *a, const void *b)
{
	uint64		x = ((const SampleEntry *) a)->key;
	uint64		y = ((const SampleEntry *) b)->key;

	return (x > y) - (x < y);
}

/* ---- reading ---------------------------------------------------------------------- */

/* Hash of a row of numbers; every NaN is one, and so are the two zeros. */
static uint64
importance_content(const double *row, uint32 width, uint64 seed)
{
	uint64		hash = seed;

	for (uint32 i = 0; i < width; i++)
	{
		double		value = isnan(row[i]) ? NAN : row[i] == 0 ? 0.0 : row[i];
		uint64		bits;

		memcpy(&bits, &value, sizeof(bits));
		hash = hash_pair(hash, bits);
	}
	return hash;
}

/* At the first row: match the relation's columns to the model's, and the target to its task. */
static void
importance_begin(Importance *importance, TupleDesc desc)
{
	MemoryContext caller = MemoryContextSwitchTo(importance->context);

	actual_begin(&importance->actual_reader, importance->model, importance->name,
				 TupleDescAttr(desc, importance->target)->atttypid);
	importance->encoder = encoder_create_named(importance->model, importance->name, desc,
											   importance->context);
	MemoryContextSwitchTo(caller);
}

/* RelationRow: encode a row and offer it to the samples. */
static void
importance_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	Importance *importance = arg;
	uint32		nfeatures = importance->model->file.nfeatures;
	MemoryContext caller;
	uint64		content;

	if (unlikely(++importance->rows % ROWS_A_REPORT == 0))
		progress_done(importance->rows);
	if (importance->encoder == NULL)
		importance_begin(importance, desc);
	if (actual_read(&importance->actual_reader, values[importance->target], nulls[importance->target],
					&importance->row[nfeatures]) != ACTUAL_VALUE)
		return;
	encoder_row(importance->encoder, values, nulls, importance->row, NULL);

	content = importance_content(importance->row, nfeatures + 1, importance->seed);
	caller = MemoryContextSwitchTo(importance->context);
	sample_offer(&importance->by_content, content, importance->row);
	if (importance->counts != NULL)
	{
		bool		found;
		ContentCount *count = hash_search(importance->counts, &content, HASH_ENTER, &found);

		if (!found)
			count->rows = 0;
		sample_offer(&importance->by_row, hash_pair(content, count->rows++), importance->row);
		if (hash_get_num_entries(importance->counts) > DISTINCT_COUNTED)
		{
			hash_destroy(importance->counts);
			importance->counts = NULL;
			pfree(importance->by_row.rows);
			pfree(importance->by_row.heap);
		}
	}
	MemoryContextSwitchTo(caller);
}

/* ---- the function ------------------------------------------------------------------- */

/* A number within its range; an error that names the parameter. */
static int64
importance_argument(const char *name, int64 value, int64 least, int64 most)
{
	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" is out of range", name),
				 errdetail("It is " INT64_FORMAT " and must be from " INT64_FORMAT " to " INT64_FORMAT ".",
						   value, least, most)));
	return value;
}

/* A result row. */
typedef struct ImportanceRow
{
	int			column;
	double		mean;
	double		stddev;
} ImportanceRow;

static int
importance_compare(const void *a, const void *b)
{
	const ImportanceRow *x = a;
	const ImportanceRow *y = b;

	if (x->mean != y->mean)
		return x->mean > y->mean ? -1 : 1;
	return x->column - y->column;
}

/* Read the relation: the sample of its rows in the order of their keys. */
static const Sample *
importance_read(Importance *importance, Oid relid)
{
	const ModelFile *file = &importance->model->file;
	List	   *columns = NIL;
	const Sample *sample;
	HASHCTL		control = {.keysize = sizeof(uint64),.entrysize = sizeof(ContentCount),
	.hcxt = importance->context};

	for (uint32 c = 0; c < file->ncolumns; c++)
	{
		const char *name = importance->model->column_names[c];

		relation_column(relid, name);
		columns = lappend(columns, pstrdup(name));
	}
	relation_column(relid, importance->model->target);
	importance->target = list_length(columns);
	columns = lappend(columns, pstrdup(importance->model->target));

	importance->counts = hash_create("rows of a permutation importance", 1024, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	relation_scan(relid, columns, importance_row, importance);
	sample = importance->counts != NULL ? &importance->by_row : &importance->by_content;
	if (sample->n < IMPORTANCE_ROWS_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation \"%s\" has too few rows to measure importance on",
						relation_name(relid)),
				 errdetail("%u of its rows have a usable value of \"%s\"; %d are needed.",
						   sample->n, importance->model->target, IMPORTANCE_ROWS_MIN)));
	qsort(sample->heap, sample->n, sizeof(SampleEntry), sample_compare);
	return sample;
}

/* Measure, and put the rows of the result in the order of their rank. */
static ImportanceRow *
importance_measure(const Importance *importance, const Sample *sample, int n_repeats)
{
	const ModelFile *file = &importance->model->file;
	Size		n = sample->n;
	double	   *x = palloc_extended(mul_size(mul_size(sizeof(double), Max(file->nfeatures, 1)), n),
									MCXT_ALLOC_HUGE);
	double	   *target = palloc_extended(mul_size(sizeof(double), n), MCXT_ALLOC_HUGE);
	uint32_t   *group = palloc(mul_size(sizeof(uint32_t), Max(file->nfeatures, 1)));
	double	   *mean = palloc(mul_size(sizeof(double), Max(file->ncolumns, 1)));
	double	   *stddev = palloc(mul_size(sizeof(double), Max(file->ncolumns, 1)));
	ImportanceRow *rows = palloc(mul_size(sizeof(ImportanceRow), Max(file->ncolumns, 1)));
	bool		constant = true;

	for (Size i = 0; i < n; i++)
	{
		const double *row = &sample->rows[(Size) sample->heap[i].place * sample->width];

		memcpy(&x[i * file->nfeatures], row, sizeof(double) * file->nfeatures);
		target[i] = row[file->nfeatures];
		constant &= target[i] == target[0];
	}
	if (constant && file->task == TASK_REGRESSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" has the same value in all rows, so that r2 cannot be measured",
						importance->model->target),
				 errdetail("The value is %s.", float8out_internal(target[0]))));

	for (uint32 f = 0; f < file->nfeatures; f++)
		group[f] = file->features[f].column;
	learn_permutation_importance(backend_env(), &file->learn, x, target, n, group, file->ncolumns,
								 n_repeats, importance->seed, mean, stddev);
	for (uint32 c = 0; c < file->ncolumns; c++)
	{
		rows[c].column = c;
		rows[c].mean = mean[c];
		rows[c].stddev = stddev[c];
	}
	qsort(rows, file->ncolumns, sizeof(ImportanceRow), importance_compare);
	return rows;
}

/*
 * (model, relation, n_repeats, max_rows, seed, version) -> (rank, column_name, importance, stddev).
 * Source: Breiman 2001; Fisher, Rudin, Dominici 2019.
 */
Datum
echolon_permutation_importance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	static const char *const names[] = {"model", "relation", "n_repeats", "max_rows", "seed"};
	Importance	importance = {0};
	int			n_repeats;
	int			max_rows;
	int32		version = 0;
	Oid			relid;
	ModelVersion *found;
	ImportanceRow *rows;
	bool		began;

	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be null", names[i])));
	relid = PG_GETARG_OID(1);
	n_repeats = importance_argument(names[2], PG_GETARG_INT32(2),
									IMPORTANCE_REPEATS_MIN, IMPORTANCE_REPEATS_MAX);
	max_rows = importance_argument(names[3], PG_GETARG_INT32(3),
								   IMPORTANCE_ROWS_MIN, PG_INT32_MAX);
	if (!PG_ARGISNULL(5))
		version = importance_argument("version", PG_GETARG_INT32(5), 1, PG_INT32_MAX);
	InitMaterializedSRF(fcinfo, 0);

	importance.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	importance.context = AllocSetContextCreate(CurrentMemoryContext, "echolon importance",
											   ALLOCSET_DEFAULT_SIZES);
	importance.seed = (uint64) PG_GETARG_INT64(4);
	found = store_lookup(importance.name, version, MODEL_PREDICT);
	importance.model = cache_get(found, importance.context);
	/* a shuffled value would have to be a value of another group's model */
	if (importance.model->file.groups)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("permutation importance is not measured on a model of groups"),
				 errdetail("Model \"%s\" was trained with group_by.", importance.name),
				 errhint("Use echolon_feature_importance(%s), the mean over its groups.",
						 quote_literal_cstr(importance.name))));
	importance.by_row.wanted = importance.by_content.wanted = max_rows;
	importance.by_row.width = importance.by_content.width = importance.model->file.nfeatures + 1;
	importance.row = palloc(mul_size(sizeof(double), importance.by_row.width));

	began = progress_begin(COMMAND_PERMUTATION_IMPORTANCE, importance.name, relid);
	progress_phase(PHASE_READING, progress_relation_rows(relid));
	rows = importance_measure(&importance, importance_read(&importance, relid), n_repeats);
	progress_end(began);
	for (uint32 i = 0; i < importance.model->file.ncolumns; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(importance.model->column_names[rows[i].column]);
		values[2] = Float8GetDatum(rows[i].mean);
		values[3] = Float8GetDatum(rows[i].stddev);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	MemoryContextDelete(importance.context);
	return (Datum) 0;
}
