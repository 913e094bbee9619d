/*
 * target.c
 *		Which task a target column asks for, and its values as the learner's numbers.
 *
 * Text, boolean and enum are classes; a number is a regression, but an integer
 * with exactly two values is a class; task => decides.  Class numbers follow the
 * labels' order (C collation, enum order, false before true, numbers ascending).
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "features/fit.h"
#include "train/train.h"

/* Numbers with more distinct values than this are plainly a regression. */
#define FEW_VALUES 20

#define EXACT_INTEGERS 9007199254740992.0	/* 2^53: from it on two integers may be one double */

int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* The distinct values, ascending, up to limit of them; *n is limit + 1 where there are more. */
static double *
distinct_values(const double *values, size_t nrows, uint32 limit, uint32 *n)
{
	double	   *found = palloc(mul_size(sizeof(double), (Size) limit + 1));
	uint32		count = 0;

	for (size_t i = 0; i < nrows; i++)
	{
		uint32		low = 0,
					high = count;

		while (low < high)
		{
			uint32		middle = (low + high) / 2;

			if (found[middle] < values[i])
				low = middle + 1;
			else
				high = middle;
		}
		if (low < count && found[low] == values[i])
			continue;
		if (count == limit)
		{
			count++;
			break;
		}
		memmove(&found[low + 1], &found[low], sizeof(double) * (count - low));
		found[low] = values[i];
		count++;
	}
	*n = count;
	return found;
}

pg_noreturn static void
too_many_classes(const FrameColumn *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("target column \"%s\" has too many classes", column->name),
			 errdetail("It has more than %d distinct values.", LEARN_MAX_CLASSES),
			 errhint("Predict a coarser column, or a number.")));
}

/* Classes from a category column: its dictionary without levels that no row has. */
static void
classes_from_codes(const Frame *frame, const FrameColumn *column, Target *target)
{
	uint32	   *class_of;

	if (column->ncategories > LEARN_MAX_CLASSES)
		too_many_classes(column);
	class_of = palloc0(mul_size(sizeof(uint32), Max(column->ncategories, 1)));
	target->labels = palloc(mul_size(sizeof(char *), Max(column->ncategories, 1)));
	target->counts = palloc0(mul_size(sizeof(uint64), Max(column->ncategories, 1)));
	for (uint32 c = 0; c < column->ncategories; c++)
	{
		if (column->counts[c] == 0)
			continue;
		class_of[c] = target->nclasses;
		target->counts[target->nclasses] = column->counts[c];
		target->labels[target->nclasses++] = column->categories[c];
	}
	for (size_t i = 0; i < frame->nrows; i++)
		target->values[i] = class_of[column->codes[i]];
}

/* Classes from numbers: one a distinct value, labelled by its shortest text. */
static void
classes_from_values(const Frame *frame, const FrameColumn *column, Target *target)
{
	uint32		n;
	double	   *distinct = distinct_values(column->values, frame->nrows, LEARN_MAX_CLASSES, &n);

	if (n > LEARN_MAX_CLASSES)
		too_many_classes(column);
	for (uint32 c = 0; c < n; c++)
		if (column->type.integral && fabs(distinct[c]) >= EXACT_INTEGERS)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("target column \"%s\" holds integers that cannot be told apart as classes",
							column->name),
					 errdetail("%.0f is 2^53 or more.", distinct[c]),
					 errhint("Cast the column to text in a view.")));
	target->nclasses = n;
	target->numeric_labels = true;
	target->labels = palloc(sizeof(char *) * n);
	target->counts = palloc0(sizeof(uint64) * n);
	for (uint32 c = 0; c < n; c++)
		target->labels[c] = column->type.integral ? psprintf("%.0f", distinct[c])
			: double_to_shortest_decimal(distinct[c]);	/* whatever extra_float_digits is */
	for (size_t i = 0; i < frame->nrows; i++)
	{
		double	   *found = bsearch(&column->values[i], distinct, n, sizeof(double), compare_doubles);

		target->values[i] = found - distinct;
		target->counts[found - distinct]++;
	}
}

static void
resolve_positive(const FrameColumn *column, const ParamValue *wanted, Target *target)
{
	StringInfoData labels;

	target->positive = target->nclasses == 2 ? 1 : 0;
	if (!wanted->given)
		return;
	if (target->nclasses != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"positive_class\" needs a target of two classes"),
				 errdetail("Column \"%s\" has %u.", column->name, target->nclasses)));
	for (uint32 c = 0; c < 2; c++)
		if (strcmp(target->labels[c], wanted->word) == 0)
		{
			target->positive = c;
			return;
		}
	initStringInfo(&labels);
	appendStringInfo(&labels, "'%s' and '%s'", target->labels[0], target->labels[1]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("class '%s' does not occur in column \"%s\"", wanted->word, column->name),
			 errhint("Its classes are %s.", labels.data)));
}

/* Are a column's numbers classes, where nobody says so? */
static bool
two_integers(const FrameColumn *column, uint32 ndistinct)
{
	return column->type.integral && ndistinct == 2;
}

bool
target_is_class(const Frame *frame)
{
	const FrameColumn *column = &frame->columns[frame->target];
	uint32		ndistinct;

	if (column->type.kind != COLUMN_NUMBER)
		return column->type.kind == COLUMN_CATEGORY;
	(void) distinct_values(column->values, frame->nrows, FEW_VALUES, &ndistinct);
	return two_integers(column, ndistinct);
}

/* Is a number target high?  Its values stay numbers until the training rows are known. */
static void
resolve_high_value(const Frame *frame, const FrameColumn *column, const ParamValues *values, Target *target)
{
	const ParamValue *v = values->value;

	if (column->type.kind != COLUMN_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("parameter \"high_value_percentile\" needs a target of numbers"),
				 errdetail("Column \"%s\" has type %s.", column->name, column->type_name),
				 errhint("Leave it out: a category is predicted as it is.")));
	if (v[PARAM_POSITIVE_CLASS].given ||
		(v[PARAM_TASK].given && strcmp(v[PARAM_TASK].word, "regression") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters \"high_value_percentile\" and \"%s\" cannot be used together",
						v[PARAM_POSITIVE_CLASS].given ? "positive_class" : "task"),
				 errdetail("High values are a classification, and 'high' is its positive class.")));
	target->task = TASK_CLASSIFICATION;
	memcpy(target->values, column->values, sizeof(double) * frame->nrows);
}

void
target_split(const Frame *frame, double cut, Target *target)
{
	target->cut = cut;
	target->nclasses = 2;
	target->positive = 1;
	target->labels = palloc(sizeof(char *) * 2);
	target->labels[0] = "other";
	target->labels[1] = "high";
	target->counts = palloc0(sizeof(uint64) * 2);
	for (size_t i = 0; i < frame->nrows; i++)
	{
		bool		high = target->values[i] > target->cut;

		target->values[i] = high;
		target->counts[high]++;
	}
}

void
target_cut(const Frame *frame, double percentile, const uint32 *rows, size_t n, Target *target)
{
	NumberFit  *fit = fit_values(target->values, rows, n);

	target->cut = fit_high_value(fit, percentile, &target->above, &target->moved);
	if (!(target->above > 0 && target->above < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("target column \"%s\" has no high values", frame->columns[frame->target].name),
				 errdetail("%s of its training rows are above %s.", target->above > 0 ? "All" : "None",
						   float8out_internal(target->cut)),
				 errhint("Predict the number itself, or another column.")));
	target_split(frame, target->cut, target);
}

void
target_resolve(const Frame *frame, const ParamValues *values, Target *target)
{
	const FrameColumn *column = &frame->columns[frame->target];
	const ParamValue *task = &values->value[PARAM_TASK];
	uint32		ndistinct = 0;

	memset(target, 0, sizeof(*target));
	target->values = palloc_rows(frame->nrows, sizeof(double));
	target->cut = NAN;

	if (values->value[PARAM_HIGH_VALUE_PERCENTILE].given)
	{
		resolve_high_value(frame, column, values, target);
		return;
	}
	if (column->type.kind == COLUMN_CATEGORY)
	{
		if (task->given && strcmp(task->word, "regression") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be the target of a regression",
							column->name, column->type_name),
					 errhint("Leave task out, or cast the column to a number in a view.")));
		target->task = TASK_CLASSIFICATION;
	}
	else if (column->type.kind == COLUMN_NUMBER)
	{
		(void) distinct_values(column->values, frame->nrows, FEW_VALUES, &ndistinct);
		if (task->given ? strcmp(task->word, "classification") == 0 : two_integers(column, ndistinct))
			target->task = TASK_CLASSIFICATION;
		else
			target->task = TASK_REGRESSION;
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be a target", column->name, column->type_name),
				 errhint("Predict a number such as EXTRACT(EPOCH FROM \"%s\") in a view.", column->name)));

	if (target->task == TASK_CLASSIFICATION)
	{
		if (column->type.kind == COLUMN_CATEGORY)
			classes_from_codes(frame, column, target);
		else
			classes_from_values(frame, column, target);
		if (target->nclasses < 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("target column \"%s\" has only one class", column->name),
					 errdetail("Every usable row has '%s'.", target->labels[0]),
					 errhint("A classification needs at least two.")));
		resolve_positive(column, &values->value[PARAM_POSITIVE_CLASS], target);
		return;
	}

	memcpy(target->values, column->values, sizeof(double) * frame->nrows);
	if (values->value[PARAM_POSITIVE_CLASS].given || values->value[PARAM_CLASS_WEIGHT].given)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" needs a classification",
						values->value[PARAM_POSITIVE_CLASS].given ? "positive_class" : "class_weight"),
				 errdetail("Column \"%s\" of type %s is a regression target.", column->name, column->type_name),
				 errhint("Use task => 'classification' if its values are classes.")));
	if (ndistinct == 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("target column \"%s\" is constant", column->name),
				 errdetail("Every usable row has %s.", float8out_internal(target->values[0])),
				 errhint("There is nothing to learn from it.")));
	if (ndistinct <= FEW_VALUES && !task->given)
		ereport(NOTICE,
				(errmsg("target column \"%s\" has only %u distinct values and is taken as a number",
						column->name, ndistinct),
				 errhint("Use task => 'classification' if they are classes.")));
}
