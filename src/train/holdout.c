/*
 * holdout.c
 *		Which rows a model is measured on.
 *
 * A row's side is a hash of its content and the seed, never its place in the
 * table: it stays where it is when rows come and go, and identical rows stay
 * together.  Classes are split each for itself.  With split_by the last rows
 * are held out, equal dates together; with split_groups whole groups.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "learn/hash.h"
#include "train/train.h"

static int
compare_uint64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

typedef struct ClassHash
{
	uint32		class_number;
	uint64		hash;
} ClassHash;

static int
compare_class_hash(const void *a, const void *b)
{
	const ClassHash *x = a;
	const ClassHash *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->class_number != y->class_number)
		return x->class_number < y->class_number ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

/*
 * Of n ascending hashes the place nearest to fraction * n where two neighbours differ;
 * 0 where there is none, or the wanted share is none: at least one row stays to learn from.
 */
static size_t
nearest_boundary(const ClassHash *hashes, size_t n, double fraction)
{
	size_t		wanted = Min((size_t) floor(n * fraction + 0.5), n - 1);
	size_t		below = wanted,
				above = wanted;

	while (below > 0 && hashes[below - 1].hash == hashes[below].hash)
		below--;
	while (above > 0 && above < n && hashes[above - 1].hash == hashes[above].hash)
		above++;
	if (above == n)
		return below;
	/* none at all would be the worst choice where some were wanted */
	return below > 0 && wanted - below <= above - wanted ? below : above;
}

/* Hash split: a threshold a class, so that the wanted share of its rows is below. */
static void
split_by_hash(const Frame *frame, const Target *target, const uint32 *rows, size_t n,
			  double fraction, uint64 seed, uint64 stream, const uint64 *known,
			  Holdout *holdout, bool *held)
{
	ClassHash  *hashes = palloc_rows(n, sizeof(ClassHash));

	holdout->nclasses = target->nclasses;
	holdout->class_thresholds = palloc0(sizeof(uint64) * Max(target->nclasses, 1));
	for (size_t i = 0; i < n; i++)
	{
		hashes[i].class_number = target->nclasses == 0 ? 0 : (uint32) target->values[rows[i]];
		hashes[i].hash = hash_random(seed, stream, frame->row_hash[rows[i]]);
	}
	qsort(hashes, n, sizeof(ClassHash), compare_class_hash);
	CHECK_FOR_INTERRUPTS();
	for (size_t start = 0, end; start < n; start = end)
	{
		size_t		boundary;

		for (end = start + 1; end < n && hashes[end].class_number == hashes[start].class_number;)
			end++;
		/* equal rows stay together: the place nearest to the wanted share where the hash changes */
		boundary = nearest_boundary(&hashes[start], end - start, fraction);
		holdout->class_thresholds[hashes[start].class_number] =
			boundary == 0 ? 0 : hashes[start + boundary].hash;
		/* a known one is kept, unless it would hold out the whole class */
		if (known && known[hashes[start].class_number] > 0 &&
			known[hashes[start].class_number] <= hashes[end - 1].hash)
			holdout->class_thresholds[hashes[start].class_number] = known[hashes[start].class_number];
	}
	pfree(hashes);
	for (size_t i = 0; i < n; i++)
	{
		uint32		k = target->nclasses == 0 ? 0 : (uint32) target->values[rows[i]];

		held[i] = hash_random(seed, stream, frame->row_hash[rows[i]]) < holdout->class_thresholds[k];
	}
}

/* Split in time: the boundary between two different values that is nearest to the wanted share. */
static void
split_by_time(const Frame *frame, const uint32 *rows, size_t n, double fraction,
			  Holdout *holdout, bool *held)
{
	const FrameColumn *column = &frame->columns[frame->split_by];
	double	   *sorted = palloc_rows(n, sizeof(double));
	size_t		wanted,
				below,
				above;

	for (size_t i = 0; i < n; i++)
		sorted[i] = column->values[rows[i]];
	qsort(sorted, n, sizeof(double), compare_doubles);
	if (n == 0 || sorted[0] == sorted[n - 1])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows cannot be split by column \"%s\"", column->name),
				 errdetail("It has the same value in every usable row.")));
	wanted = n - (size_t) floor(n * fraction + 0.5);
	wanted = Min(Max(wanted, 1), n - 1);
	below = above = wanted;
	while (below > 0 && sorted[below - 1] == sorted[below])
		below--;
	while (above < n && sorted[above - 1] == sorted[above])
		above++;
	if (below == 0 || (above < n && above - wanted < wanted - below))
		below = above;
	holdout->time_threshold = sorted[below - 1];
	pfree(sorted);
	for (size_t i = 0; i < n; i++)
		held[i] = column->values[rows[i]] > holdout->time_threshold;
}

/* Content of a row's group: by label or value, never by code, so that it outlives this frame. */
static uint64
group_content(const FrameColumn *column, const uint64 *label_hashes, uint32 row)
{
	if (column->type.kind == COLUMN_CATEGORY)
		return column->codes[row] == LEARN_MISSING ? 0 : label_hashes[column->codes[row]];
	else
	{
		double		value = column->values[row] + 0.0;	/* -0 is 0 */
		uint64		bits;

		if (isnan(value))
			return 0;
		memcpy(&bits, &value, sizeof(bits));
		return hash_mix(bits + 1);
	}
}

uint64 *
holdout_group_contents(const Frame *frame)
{
	const FrameColumn *column = &frame->columns[frame->split_groups];
	uint64	   *contents = palloc_rows(frame->nrows, sizeof(uint64));
	uint64	   *label_hashes = NULL;

	if (column->type.kind == COLUMN_CATEGORY)
	{
		label_hashes = palloc_rows(column->ncategories, sizeof(uint64));
		for (uint32 c = 0; c < column->ncategories; c++)
		{
			char	   *label = utf8_copy(column->categories[c]);

			label_hashes[c] = hash_bytes(label, strlen(label), 1);
			pfree(label);
		}
	}
	for (size_t i = 0; i < frame->nrows; i++)
		contents[i] = group_content(column, label_hashes, (uint32) i);
	if (label_hashes)
		pfree(label_hashes);
	return contents;
}

/* Split by groups: in the order of their hashes, until the wanted share of rows is reached. */
static void
split_by_groups(const Frame *frame, const uint32 *rows, size_t n, double fraction,
				uint64 seed, uint64 stream, Holdout *holdout, bool *held)
{
	const FrameColumn *column = &frame->columns[frame->split_groups];
	uint64	   *contents = holdout_group_contents(frame);
	uint64	   *hashes = palloc_rows(n, sizeof(uint64));
	uint64	   *sorted = palloc_rows(n, sizeof(uint64));
	size_t		wanted = (size_t) floor(n * fraction + 0.5);
	size_t		best = 0;

	for (size_t i = 0; i < n; i++)
		sorted[i] = hashes[i] = hash_random(seed, stream, contents[rows[i]]);
	pfree(contents);
	qsort(sorted, n, sizeof(uint64), compare_uint64);
	if (n == 0 || sorted[0] == sorted[n - 1])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows cannot be split by the groups of column \"%s\"", column->name),
				 errdetail("All usable rows are one group.")));
	/* a boundary is a place where the hash changes; take the one nearest to the wanted share */
	for (size_t i = 1; i < n; i++)
		if (sorted[i] != sorted[i - 1] &&
			(best == 0 || llabs((long long) i - (long long) wanted) < llabs((long long) best - (long long) wanted)))
			best = i;
	holdout->group_threshold = sorted[best];
	for (size_t i = 0; i < n; i++)
		held[i] = hashes[i] < holdout->group_threshold;
	pfree(hashes);
	pfree(sorted);
}

JsonbValue *
json_object_value(const JsonbContainer *object, const char *key)
{
	/* of a recipe that came with an import anything may be an array, which PostgreSQL would read as an object */
	if (!JsonContainerIsObject(object))
		return NULL;
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, object), key, (int) strlen(key), NULL);
}

double
json_object_number(const JsonbContainer *object, const char *key)
{
	JsonbValue *value = json_object_value(object, key);

	return value && value->type == jbvNumeric ? numeric_to_double(NumericGetDatum(value->val.numeric)) : NAN;
}

uint64 *
holdout_known(const Jsonb *recipe, const Target *target, double fraction, int64 seed)
{
	JsonbValue *parameters = recipe ? json_object_value(&recipe->root, "parameters") : NULL;
	JsonbValue *split = recipe ? json_object_value(&recipe->root, "split") : NULL;
	JsonbValue *thresholds;
	uint64	   *known;

	if (!parameters || parameters->type != jbvBinary || !split || split->type != jbvBinary ||
		json_object_number(parameters->val.binary.data, "test_fraction") != fraction ||
		json_object_number(parameters->val.binary.data, "seed") != (double) seed)
		return NULL;
	thresholds = json_object_value(split->val.binary.data, "thresholds");
	if (!thresholds || thresholds->type != jbvBinary)
		return NULL;
	known = palloc0(sizeof(uint64) * Max(target->nclasses, 1));
	for (uint32 k = 0; k < Max(target->nclasses, 1); k++)
	{
		JsonbValue *value = json_object_value(thresholds->val.binary.data,
										 target->nclasses == 0 ? "" : target->labels[k]);

		if (value && value->type == jbvString)
			known[k] = strtoull(pnstrdup(value->val.string.val, value->val.string.len), NULL, 10);
	}
	return known;
}

bool
holdout_try(const Frame *frame, const Target *target, const uint32 *rows, size_t n,
			HoldoutKind kind, double fraction, uint64 seed, uint64 stream,
			const uint64 *known, Holdout *holdout)
{
	bool	   *held;
	double		wanted;

	memset(holdout, 0, sizeof(*holdout));
	if (rows == NULL)
	{
		uint32	   *all = palloc_rows(frame->nrows, sizeof(uint32));

		n = frame->nrows;
		for (size_t i = 0; i < n; i++)
			all[i] = (uint32) i;
		rows = all;
	}
	holdout->kind = fraction > 0 ? kind : HOLDOUT_NONE;
	held = palloc_rows(n, sizeof(bool));
	memset(held, 0, n);
	switch (holdout->kind)
	{
		case HOLDOUT_NONE:
			break;
		case HOLDOUT_HASH:
			split_by_hash(frame, target, rows, n, fraction, seed, stream, known, holdout, held);
			break;
		case HOLDOUT_TIME:
			split_by_time(frame, rows, n, fraction, holdout, held);
			break;
		case HOLDOUT_GROUPS:
			split_by_groups(frame, rows, n, fraction, seed, stream, holdout, held);
			break;
	}

	for (size_t i = 0; i < n; i++)
		holdout->ntest += held[i];
	/* rows that came to one side alone would make known thresholds useless */
	wanted = n * fraction;
	if (known && (holdout->ntest < wanted / 2 || holdout->ntest > wanted * 2))
		return holdout_try(frame, target, rows, n, kind, fraction, seed, stream, NULL, holdout);
	holdout->ntrain = n - holdout->ntest;
	if (holdout->kind != HOLDOUT_NONE && (holdout->ntest == 0 || holdout->ntrain == 0))
		return false;
	holdout->train = palloc_rows(holdout->ntrain, sizeof(uint32));
	holdout->test = palloc_rows(holdout->ntest, sizeof(uint32));
	for (size_t i = 0, t = 0, h = 0; i < n; i++)
	{
		if (held[i])
			holdout->test[h++] = rows[i];
		else
			holdout->train[t++] = rows[i];
	}
	pfree(held);
	return true;
}

void
holdout_split(const Frame *frame, const Target *target, const uint32 *rows, size_t n,
			  HoldoutKind kind, double fraction, uint64 seed, uint64 stream,
			  const uint64 *known, Holdout *holdout)
{
	if (!holdout_try(frame, target, rows, n, kind, fraction, seed, stream, known, holdout))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the split leaves %s", holdout->ntest == 0 ? "no row to measure on" : "no row to learn from"),
				 errdetail("%zu rows, of which a share of %g is to be held out.", holdout->ntrain + holdout->ntest, fraction),
				 errhint("Use a larger share, or 0 for none.")));
}
