/*
 * features.c
 *		Columns of a frame into features of the learner, and the model's schema.
 *
 * A number or category is one feature; a date or timestamp becomes its calendar
 * parts, by the function prediction uses as well.  With encode => 'target' a category
 * of many levels becomes numbers that encode.c fills in.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"

#include "train/train.h"

/* Of so few levels the trees find every split by themselves. */
#define NATIVE_LEVELS		4

/* Of a classification each encoded column has a feature a class. */
#define MAX_ENCODED_FEATURES 1000

char *
utf8_copy(const char *text)
{
	char	   *converted = pg_server_to_any(text, (int) strlen(text), PG_UTF8);

	return converted == text ? pstrdup(text) : converted;
}

/* A column as the model stores it: a row must bring one of this name and kind. */
static void
source_column(const FrameColumn *column, ModelColumn *source)
{
	source->name = utf8_copy(column->name);
	source->type_name = utf8_copy(column->type_name);
	source->kind = column->type.kind;
	source->zone = column->type.kind == COLUMN_TIMESTAMPTZ
		? pstrdup(pg_get_timezone_name(session_timezone)) : "";
	source->pooled = column->pooled;
	if (column->type.kind == COLUMN_CATEGORY)
	{
		const char **labels = palloc(mul_size(sizeof(char *), Max(column->ncategories, 1)));

		for (uint32 c = 0; c < column->ncategories; c++)
			labels[c] = utf8_copy(column->categories[c]);
		source->ncategories = column->ncategories;
		source->categories = labels;
	}
}

static double *
part_values(const FrameColumn *column, ColumnPart part, size_t nrows)
{
	double	   *values = palloc_rows(nrows, sizeof(double));
	pg_tz	   *zone = column->type.kind == COLUMN_TIMESTAMPTZ ? session_timezone : NULL;

	for (size_t i = 0; i < nrows; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		values[i] = column_part(column->type.kind, part, column->values[i], zone);
	}
	return values;
}

/* Give the columns named by a monotone_… parameter their direction. */
static void
apply_monotone(const ParamValues *values, ParamId id, int8 direction,
			   uint32 nclasses, TrainFeatures *set)
{
	const char *parameter = id == PARAM_MONOTONE_INCREASING ? "monotone_increasing" : "monotone_decreasing";
	ListCell   *cell;

	if (values->value[id].names != NIL && nclasses > 2)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("parameter \"%s\" needs a regression or two classes", parameter),
				 errdetail("The target has %u classes.", nclasses)));
	foreach(cell, values->value[id].names)
	{
		const char *name = lfirst(cell);
		char	   *utf8 = utf8_copy(name);
		bool		found = false;

		(void) relation_column(values->value[PARAM_RELATION].relation, name);
		for (uint32 f = 0; f < set->nfeatures; f++)
		{
			if (strcmp(set->sources[set->features[f].column].name, utf8) != 0)
				continue;
			if (set->sources[set->features[f].column].kind != COLUMN_NUMBER)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" cannot be monotone", name),
						 errdetail("Its type is %s; only numbers have a direction.",
								   set->sources[set->features[f].column].type_name)));
			if (set->columns[f].monotone != 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" is named twice as monotone", name)));
			set->columns[f].monotone = direction;
			found = true;
		}
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" is not a feature of this model", name),
					 errdetail("Parameter \"%s\" names it.", parameter)));
	}
}

/* Is a column a feature that is target-encoded? */
static bool
is_encoded(const FrameColumn *column, const ParamValues *values)
{
	return values->value[PARAM_ENCODE].given && column->feature &&
		column->type.kind == COLUMN_CATEGORY && column->ncategories > NATIVE_LEVELS;
}

/* Features of an encoded column: the mean or the positive class's share, or a share a class. */
static uint32
encoded_width(const Target *target)
{
	return target->nclasses > 2 ? target->nclasses : 1;
}

/* Refuse more encoded features than are of use, or than there is memory for. */
static void
check_encoded(const Frame *frame, const Target *target, uint32 ncolumns)
{
	size_t		nfeatures = (size_t) ncolumns * encoded_width(target);

	if (nfeatures > MAX_ENCODED_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("encode => 'target' gives too many features: %zu, at most %d are possible",
						nfeatures, MAX_ENCODED_FEATURES),
				 errdetail("Each of %u columns has one for each of %u classes.", ncolumns, target->nclasses),
				 errhint("Leave encode out, name fewer columns in features, or predict a coarser column.")));
	training_check_memory(CurrentMemoryContext, mul_size(mul_size(nfeatures, frame->nrows), sizeof(double)), "encode => 'target' needs",
						  psprintf("%zu rows, %zu encoded features.", frame->nrows, nfeatures),
						  "Raise echolon.max_memory, leave encode out, or train on fewer rows or columns.");
}

/* The features of an encoded column, without their numbers. */
static void
encoded_features(const Frame *frame, const FrameColumn *column, const Target *target,
				 TrainFeatures *set)
{
	const ModelColumn *source = &set->sources[set->ncolumns];
	EncodedColumn *encoded = &set->encoded[set->nencoded++];
	uint32		width = encoded_width(target);

	encoded->column = column;
	encoded->first = set->nfeatures;
	encoded->nfeatures = width;
	encoded->values = palloc(mul_size(width, sizeof(double *)));
	encoded->means = palloc(mul_size(width, sizeof(double *)));
	for (uint32 k = 0; k < width; k++)
	{
		ModelFeature *feature = &set->features[set->nfeatures];
		LearnColumn *learn = &set->columns[set->nfeatures++];

		encoded->values[k] = palloc_rows(frame->nrows, sizeof(double));
		encoded->means[k] = palloc_rows(model_nmeans(column->ncategories), sizeof(double));
		feature->column = set->ncolumns;
		feature->part = PART_TARGET_MEAN;
		feature->means = encoded->means[k];
		feature->label = target->nclasses == 2 ? target->positive : k;
		feature->name = width == 1
			? psprintf("%s_%s", source->name, column_part_name(PART_TARGET_MEAN))
			: psprintf("%s_%s_%s", source->name, column_part_name(PART_TARGET_MEAN), utf8_copy(target->labels[k]));
		learn->kind = LEARN_NUMERIC;
		learn->values = encoded->values[k];
	}
}

void
features_build(const Frame *frame, const ParamValues *values, const Target *target,
			   const TrainFeatures *like, TrainFeatures *set)
{
	size_t		most = 0;
	uint32		nencoded = 0;

	memset(set, 0, sizeof(*set));
	for (int c = 0; c < frame->ncolumns; c++)
	{
		if (is_encoded(&frame->columns[c], values))
		{
			nencoded++;
			most += encoded_width(target);
		}
		else if (frame->columns[c].feature)
			most += PART_LAST + 1;
	}
	if (nencoded > 0)
		check_encoded(frame, target, nencoded);
	set->encoded = palloc0(mul_size(sizeof(EncodedColumn), Max(nencoded, 1)));
	set->columns = palloc0(mul_size(sizeof(LearnColumn), Max(most, 1)));
	set->features = palloc0(mul_size(sizeof(ModelFeature), Max(most, 1)));
	set->sources = palloc0(mul_size(sizeof(ModelColumn), Max(frame->ncolumns, 1)));

	for (int c = 0; c < frame->ncolumns; c++)
	{
		const FrameColumn *column = &frame->columns[c];
		ColumnPart	parts[PART_LAST + 1];
		int			nparts;

		if (!column->feature)
			continue;
		if (like == NULL)
			source_column(column, &set->sources[set->ncolumns]);
		else
		{
			set->sources[set->ncolumns] = like->sources[set->ncolumns];
			set->sources[set->ncolumns].treatment = NULL;
		}
		if (is_encoded(column, values))
		{
			encoded_features(frame, column, target, set);
			set->ncolumns++;
			continue;
		}
		nparts = column_parts(column->type.kind, parts);
		for (int p = 0; p < nparts; p++)
		{
			LearnColumn *learn = &set->columns[set->nfeatures];
			ModelFeature *feature = &set->features[set->nfeatures++];

			feature->column = set->ncolumns;
			feature->part = parts[p];
			feature->name = parts[p] == PART_VALUE
				? set->sources[set->ncolumns].name
				: psprintf("%s_%s", set->sources[set->ncolumns].name, column_part_name(parts[p]));
			if (column->type.kind == COLUMN_CATEGORY)
			{
				learn->kind = LEARN_CATEGORY;
				learn->codes = column->codes;
				learn->ncategories = column->ncategories;
			}
			else
			{
				learn->kind = LEARN_NUMERIC;
				learn->values = parts[p] == PART_VALUE
					? column->values : part_values(column, parts[p], frame->nrows);
			}
		}
		set->ncolumns++;
	}
	if (set->nfeatures > LEARN_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many features: %u, at most %d are possible", set->nfeatures, LEARN_MAX_FEATURES)));
	features_monotone(values, target->nclasses, set);
}

void
features_monotone(const ParamValues *values, uint32 nclasses, TrainFeatures *set)
{
	apply_monotone(values, PARAM_MONOTONE_INCREASING, 1, nclasses, set);
	apply_monotone(values, PARAM_MONOTONE_DECREASING, -1, nclasses, set);
}
