/*
 * unseen.c
 *		Which rows a version of a model was not fitted to, by what its recipe says of the split.
 *
 * A row has no number that lasts; what lasts is its content (hash), its group, or its date.  So a row
 * that was changed since is another row: it is on the side that its new content is on.  Of a model that was updated,
 * the splits of all versions it was made of count.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"

#include "learn/hash.h"
#include "train/train.h"

#define CHECK_ROWS		(64 * 1024)	/* rows between two cancel checks: some milliseconds of hashes */

/* A number of 64 bits that is kept as a string; false: there is none. */
static bool
object_bits(const JsonbContainer *object, const char *key, uint64 *bits)
{
	JsonbValue *value = json_object_value(object, key);

	if (!value || value->type != jbvString)
		return false;
	/* a seed may be negative: strtoull takes that too */
	*bits = strtoull(pnstrdup(value->val.string.val, value->val.string.len), NULL, 10);
	return true;
}

/* holdout_unseen of a hash split. */
static const char *
unseen_by_hash(const JsonbContainer *split, uint64 seed, const Frame *frame, const Target *target, bool *unseen)
{
	JsonbValue *value = json_object_value(split, "thresholds");
	uint32		n = Max(target->nclasses, 1);
	uint64	   *thresholds = palloc(mul_size(sizeof(uint64), n));
	bool	   *known = palloc(n);
	uint64		common = 0;
	bool		single;

	if (!value || value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return "the record of its split is damaged";
	/* numbers, and what became classes only when the sides were known, have one threshold */
	single = object_bits(value->val.binary.data, "", &common);
	if (!single && target->nclasses == 0)
		return "the record of its split is damaged";
	for (uint32 k = 0; k < n; k++)
	{
		thresholds[k] = common;
		known[k] = single || (target->nclasses > 0 &&
							  object_bits(value->val.binary.data, target->labels[k], &thresholds[k]));
	}
	for (size_t i = 0; i < frame->nrows; i++)
	{
		uint32		k = target->nclasses == 0 ? 0 : (uint32) target->values[i];

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		/* a class that it does not know it was not fitted to */
		if (known[k] && hash_random(seed, STREAM_OUTER, frame->row_hash[i]) >= thresholds[k])
			unseen[i] = false;
	}
	return NULL;
}

/* holdout_unseen of a split in time. */
static const char *
unseen_by_time(const JsonbContainer *split, bool refitted, const Frame *frame, bool *unseen)
{
	double		after = json_object_number(split, refitted ? "until" : "after");

	if (isnan(after) || frame->split_by < 0 || frame->columns[frame->split_by].values == NULL)
		return "it is not recorded up to when it was fitted";
	for (size_t i = 0; i < frame->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (!(frame->columns[frame->split_by].values[i] > after))
			unseen[i] = false;
	}
	return NULL;
}

/* holdout_unseen of a split by groups. */
static const char *
unseen_by_groups(const JsonbContainer *split, uint64 seed, const Frame *frame, bool *unseen)
{
	uint64		threshold;
	uint64	   *contents;

	if (frame->split_groups < 0 || !object_bits(split, "threshold", &threshold))
		return "the record of its split is damaged";
	contents = holdout_group_contents(frame);
	for (size_t i = 0; i < frame->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (hash_random(seed, STREAM_OUTER, contents[i]) >= threshold)
			unseen[i] = false;
	}
	pfree(contents);
	return NULL;
}

/* holdout_unseen of one split, a JSON object. */
static const char *
unseen_by_split(const JsonbContainer *split, const Frame *frame, const Target *target, bool *unseen)
{
	JsonbValue *kind = json_object_value(split, "kind");
	JsonbValue *refit = json_object_value(split, "refitted");
	bool		refitted = refit && refit->type == jbvBool && refit->val.boolean;
	uint64		seed = 0;
	char	   *word;

	if (!kind || kind->type != jbvString)
		return "it is not recorded what it was fitted to";
	word = pnstrdup(kind->val.string.val, kind->val.string.len);
	if (strcmp(word, "none") == 0)
		return "it was fitted to all rows";
	if (strcmp(word, "time") == 0)
		return unseen_by_time(split, refitted, frame, unseen);
	if (refitted)
		return "it was fitted again to all rows";
	if (!object_bits(split, "seed", &seed))
		return "it is not recorded what it was fitted to";
	if (strcmp(word, "hash") == 0)
		return unseen_by_hash(split, seed, frame, target, unseen);
	if (strcmp(word, "groups") == 0)
		return unseen_by_groups(split, seed, frame, unseen);
	return "the record of its split is damaged";
}

const char *
holdout_unseen(const Jsonb *recipe, const Frame *frame, const Target *target, bool *unseen)
{
	JsonbValue *split = recipe ? json_object_value(&recipe->root, "split") : NULL;
	JsonbValue *updates = recipe ? json_object_value(&recipe->root, "updates") : NULL;
	const char *why;

	if (!split || split->type != jbvBinary || !JsonContainerIsObject(split->val.binary.data))
		return "it is not recorded what it was fitted to";
	why = unseen_by_split(split->val.binary.data, frame, target, unseen);

	/* what it was made of has been fitted to rows as well */
	if (why || !updates || updates->type != jbvBinary || !JsonContainerIsArray(updates->val.binary.data))
		return why;
	for (uint32 i = 0; i < JsonContainerSize(updates->val.binary.data); i++)
	{
		JsonbValue *update = getIthJsonbValueFromContainer(updates->val.binary.data, i);
		JsonbValue *before = update->type == jbvBinary && JsonContainerIsObject(update->val.binary.data) ?
			json_object_value(update->val.binary.data, "split") : NULL;

		if (!before || before->type != jbvBinary || !JsonContainerIsObject(before->val.binary.data))
			return "it is not recorded what the version it was updated from was fitted to";
		if ((why = unseen_by_split(before->val.binary.data, frame, target, unseen)) != NULL)
			return why;
	}
	return NULL;
}
